package storage

import (
	"testing"

	"pgregory.net/rapid"

	"streamdb/types"
	"streamdb/vec"
)

// TestRowShapes: a reader that knows fewer columns than a row has reads those
// that it knows; one that knows more reads the others as their missing values.
func TestRowShapes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		layouts := rapid.SliceOfN(rapid.SampledFrom([]types.Layout{0, 1, 2, 3}), 1, 20).Draw(t, "layouts")
		written := rapid.IntRange(0, len(layouts)).Draw(t, "written")
		known := rapid.IntRange(0, len(layouts)).Draw(t, "known")
		want := make([]types.Datum, len(layouts))
		missing := map[int]types.Datum{}
		var cols []vec.Vec
		for c, l := range layouts {
			want[c] = genDatum(l).Draw(t, "value")
			switch {
			case c < written:
				cols = append(cols, vec.ConstOf(l, want[c], 1))
			case want[c].Null || rapid.Bool().Draw(t, "null"):
				want[c] = types.NullDatum
			default:
				missing[c] = want[c]
			}
		}
		d := NewRowDecoder(layouts[:known], nil).WithMissing(missing)
		out := d.Builders(1)
		if err := d.Append(out, AppendRow(nil, cols, 0)); err != nil {
			t.Fatal(err)
		}
		for c := range known {
			if v := out[c].Vec(); v.N != 1 || !same(v.Datum(0), want[c]) {
				t.Fatalf("column %d: %v, not %v", c, v.Datum(0), want[c])
			}
		}
	})
}
