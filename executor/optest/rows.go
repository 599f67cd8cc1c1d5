package optest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// Row is the values of one row.
type Row []types.Datum

// Change is a row with its weight.
type Change struct {
	Op  stream.Op
	Row Row
}

// Schema makes a schema from "a int8, b text, c numeric". A trailing ! means NOT NULL.
func Schema(t testing.TB, text string) types.Schema {
	t.Helper()
	var s types.Schema
	for _, col := range strings.Split(text, ",") {
		name, typ, _ := strings.Cut(strings.TrimSpace(col), " ")
		typ, notNull := strings.CutSuffix(typ, "!")
		elem, isArray := strings.CutSuffix(typ, "[]")
		x, ok := types.Lookup(elem)
		if !ok {
			t.Fatalf("optest: unknown type %q", typ)
		}
		if isArray {
			x = types.ArrayOf(x)
		}
		s = append(s, types.Column{Name: name, Type: x, NotNull: notNull})
	}
	return s
}

// Parse reads changes, one a line: "+ 1 a" or "- 2 NULL"; values are separated by
// blanks, ” is the empty string, _ stands for a blank inside a value. A line
// without a sign is an insert. Empty lines do not count.
func Parse(t testing.TB, s types.Schema, text string) []Change {
	t.Helper()
	var out []Change
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		c := Change{Op: stream.Insert}
		if f[0] == "+" || f[0] == "-" {
			if f[0] == "-" {
				c.Op = stream.Delete
			}
			f = f[1:]
		}
		if len(f) != len(s) {
			t.Fatalf("optest: %d values for %d columns: %q", len(f), len(s), line)
		}
		for j, v := range f {
			c.Row = append(c.Row, Value(t, s[j].Type, v))
		}
		out = append(out, c)
	}
	return out
}

// Value reads one value in the notation of Parse.
func Value(t testing.TB, typ types.T, text string) types.Datum {
	t.Helper()
	switch text {
	case "NULL":
		return types.NullDatum
	case "''":
		text = ""
	}
	d, err := types.ParseText(typ, strings.ReplaceAll(text, "_", " "), nil)
	if err != nil {
		t.Fatalf("optest: %v", err)
	}
	return d
}

// Text is the notation of a row in results: "1 a NULL".
func Text(s types.Schema, r Row) string {
	parts := make([]string, len(r))
	for j, d := range r {
		if d.Null {
			parts[j] = "NULL"
			continue
		}
		text := strings.ReplaceAll(types.Format(s[j].Type, d, nil), " ", "_")
		if text == "" {
			text = "''"
		}
		parts[j] = text
	}
	return strings.Join(parts, " ")
}

// Batch makes a batch of changes. Without deletes its Ops are nil.
func Batch(s types.Schema, cs []Change) *stream.Batch {
	cols := make([]vec.Vec, len(s))
	for j := range s {
		b := vec.NewBuilder(s[j].Type.Layout(), len(cs))
		for _, c := range cs {
			b.AppendDatum(c.Row[j])
		}
		cols[j] = b.Vec()
	}
	var ops []stream.Op
	if slices.ContainsFunc(cs, func(c Change) bool { return c.Op != stream.Insert }) {
		for _, c := range cs {
			ops = append(ops, c.Op)
		}
	}
	return stream.NewBatch(len(cs), cols, ops)
}

// Changes is the inverse of Batch.
func Changes(b *stream.Batch) []Change {
	out := make([]Change, b.Rows())
	cols := b.Cols()
	for i := range out {
		out[i].Op = b.Op(i)
		for j := range cols {
			out[i].Row = append(out[i].Row, cols[j].Datum(i))
		}
	}
	return out
}

// Net is rows by weight, in the notation of Text. Rows of weight 0 are absent.
type Net map[string]int64

// Add adds a row with a weight.
func (n Net) Add(row string, w int64) {
	if w += n[row]; w == 0 {
		delete(n, row)
	} else {
		n[row] = w
	}
}

// String lists the rows in order, "+ row" or "- row", repeated by weight.
func (n Net) String() string {
	var lines []string
	for row, w := range n {
		sign := "+ "
		if w < 0 {
			sign, w = "- ", -w
		}
		for range w {
			lines = append(lines, sign+row)
		}
	}
	slices.SortFunc(lines, func(a, b string) int {
		if c := strings.Compare(a[2:], b[2:]); c != 0 {
			return c
		}
		return -strings.Compare(a, b) // "-" before "+"
	})
	return strings.Join(lines, "\n")
}

// NetOf sums rows.
func NetOf(s types.Schema, rows []Row) Net {
	n := Net{}
	for _, r := range rows {
		n.Add(Text(s, r), 1)
	}
	return n
}

// diffText shows two results that should be equal.
func diffText(got, want Net) string {
	return fmt.Sprintf("got:\n%s\nwant:\n%s", indent(got.String()), indent(want.String()))
}

func indent(s string) string { return "    " + strings.ReplaceAll(s, "\n", "\n    ") }
