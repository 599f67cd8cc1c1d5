package sqllogictest

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// formatValue shows one value of the text protocol as test files write it.
func formatValue(v []byte) string {
	switch {
	case v == nil:
		return "NULL"
	case len(v) == 0:
		return "(empty)"
	}
	return string(v)
}

// normalize trims a line and makes one space of each run of ASCII whitespace.
func normalize(s string) string {
	fields := strings.FieldsFunc(strings.TrimSpace(s), func(r rune) bool {
		return r == ' ' || r == '\t' || r == '\n' || r == '\r' || r == '\f'
	})
	return strings.Join(fields, " ")
}

func normalizeAll(lines []string) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = normalize(l)
	}
	return out
}

// sortRows orders the rows of a result. ValueSort makes each value its own row.
// The input is left as it is.
func sortRows(rows [][]string, mode SortMode) [][]string {
	switch mode {
	case RowSort:
		rows = slices.Clone(rows)
		slices.SortFunc(rows, slices.Compare[[]string])
	case ValueSort:
		rows = valueWise(rows)
		slices.SortFunc(rows, slices.Compare[[]string])
	}
	return rows
}

// valueWise makes each value its own row.
func valueWise(rows [][]string) [][]string {
	var out [][]string
	for _, row := range rows {
		for _, v := range row {
			out = append(out, []string{v})
		}
	}
	return out
}

// countValues counts the values of a result.
func countValues(rows [][]string) int {
	n := 0
	for _, row := range rows {
		n += len(row)
	}
	return n
}

// hashLine stands for a result that is longer than the hash threshold: the MD5
// sum of all values, each followed by a newline.
func hashLine(rows [][]string) string {
	h := md5.New()
	for _, row := range rows {
		for _, v := range row {
			h.Write([]byte(v))
			h.Write([]byte{'\n'})
		}
	}
	return fmt.Sprintf("%d values hashing to %s", countValues(rows), hex.EncodeToString(h.Sum(nil)))
}

var hashLineRE = regexp.MustCompile(`^\d+ values hashing to [0-9a-f]{32}$`)

// resultView is how the file, up to some record, wants results to be shown.
type resultView struct {
	sort          SortMode
	valueWise     bool
	hashThreshold int // in values; 0 means never
}

// lines shows rows as the lines under "----". A result is hashed when it is
// longer than the threshold, or when the expected lines are a hash.
func (v resultView) lines(rows [][]string, expected []string) []string {
	rows = sortRows(rows, v.sort)
	wantsHash := len(expected) == 1 && hashLineRE.MatchString(expected[0])
	if wantsHash || v.hashThreshold > 0 && countValues(rows) > v.hashThreshold {
		return []string{hashLine(rows)}
	}
	if v.valueWise {
		rows = valueWise(rows)
	}
	out := make([]string, len(rows))
	for i, row := range rows {
		out[i] = strings.Join(row, " ")
	}
	return out
}

// equal compares the lines of a result with the expected ones.
func (v resultView) equal(got, expected []string) bool {
	got, expected = normalizeAll(got), normalizeAll(expected)
	if v.sort == RowSort || v.sort == ValueSort {
		slices.Sort(got)
		slices.Sort(expected)
	}
	return slices.Equal(got, expected)
}
