package main

import (
	"strings"
	"testing"
)

// TestData: the tables have what the queries ask for, and keys are keys.
func TestData(t *testing.T) {
	for name, d := range map[string]data{"tpch": tpch(0.01), "hits": hits(2000)} {
		for _, tab := range d.tables {
			lines := strings.Split(strings.TrimSuffix(tab.rows.String(), "\n"), "\n")
			if len(lines) != tab.n {
				t.Errorf("%s: %d lines, but %d rows", tab.name, len(lines), tab.n)
			}
			keyCols := 1
			if tab.name == "lineitem" {
				keyCols = 4 // the key is of the first and the fourth
			} else if tab.name == "partsupp" {
				keyCols = 2
			}
			seen := map[string]bool{}
			for _, l := range lines {
				key := strings.Join(strings.SplitN(l, "\t", keyCols+1)[:keyCols], "|")
				if seen[key] {
					t.Fatalf("%s %s: key %s twice", name, tab.name, key)
				}
				seen[key] = true
			}
		}
	}
	if n := len(queries()); n != 22+19 {
		t.Errorf("%d queries", n)
	}
}

func TestDiffer(t *testing.T) {
	answer := func(rows ...string) (out [][]*string) {
		for _, r := range rows {
			var row []*string
			for _, v := range strings.Split(r, ",") {
				if v == "-" {
					row = append(row, nil)
				} else {
					row = append(row, &v)
				}
			}
			out = append(out, row)
		}
		return sorted(out)
	}
	for _, c := range []struct {
		a, b [][]*string
		same bool
	}{
		{answer("1,x", "2,y"), answer("2.00,y", "1,x"), true},
		{answer("1000000.1"), answer("1000000.2"), true},
		{answer("1000.1"), answer("1000.2"), false},
		{answer("-"), answer("-"), true},
		{answer("-"), answer("0"), false},
		{answer("a"), answer("a", "a"), false},
		{answer("a,b"), answer("a,c"), false},
	} {
		if d := differ(c.a, c.b); (d == "") != c.same {
			t.Errorf("%v and %v: %q", c.a, c.b, d)
		}
	}
}
