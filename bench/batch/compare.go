package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// sorted orders the rows of an answer in a way that does not depend on the server:
// numbers count with four digits.
func sorted(rows [][]*string) [][]*string {
	key := func(row []*string) string {
		var b strings.Builder
		for _, v := range row {
			switch x, err := number(v); {
			case v == nil:
				b.WriteString("\x00")
			case err == nil:
				fmt.Fprintf(&b, "%.3e", x)
			default:
				b.WriteString(*v)
			}
			b.WriteByte('|')
		}
		return b.String()
	}
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b []*string) int { return strings.Compare(key(a), key(b)) })
	return rows
}

func number(v *string) (float64, error) {
	if v == nil {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseFloat(*v, 64)
}

// differ tells how two sorted answers differ, "" if they do not: numbers may by a
// millionth.
func differ(a, b [][]*string) string {
	if len(a) != len(b) {
		return fmt.Sprintf("%d and %d rows", len(a), len(b))
	}
	for i := range a {
		if len(a[i]) != len(b[i]) {
			return fmt.Sprintf("%d and %d columns", len(a[i]), len(b[i]))
		}
		for j := range a[i] {
			if !same(a[i][j], b[i][j]) {
				return fmt.Sprintf("row %d, column %d: %s and %s", i+1, j+1, shown(a[i][j]), shown(b[i][j]))
			}
		}
	}
	return ""
}

func same(a, b *string) bool {
	if a == nil || b == nil || *a == *b {
		return a == b || a != nil && b != nil && *a == *b
	}
	x, err1 := number(a)
	y, err2 := number(b)
	return err1 == nil && err2 == nil && math.Abs(x-y) <= 1e-6*max(math.Abs(x), math.Abs(y))
}

func shown(v *string) string {
	if v == nil {
		return "NULL"
	}
	return *v
}
