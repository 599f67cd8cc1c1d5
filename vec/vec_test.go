package vec

import (
	"testing"

	"github.com/apache/arrow/go/v15/arrow/array"
	"pgregory.net/rapid"

	"streamdb/types"
)

var layouts = []types.Layout{types.LBool, types.LInt64, types.LFloat64, types.LBytes}

// genDatum draws a value of a layout, NULL one time in four.
func genDatum(layout types.Layout) *rapid.Generator[types.Datum] {
	return rapid.Custom(func(t *rapid.T) types.Datum {
		if rapid.IntRange(0, 3).Draw(t, "null") == 0 {
			return types.NullDatum
		}
		switch layout {
		case types.LBool:
			return types.BoolDatum(rapid.Bool().Draw(t, "b"))
		case types.LInt64:
			return types.IntDatum(rapid.Int64().Draw(t, "i"))
		case types.LFloat64:
			return types.FloatDatum(rapid.Float64().Draw(t, "f"))
		}
		return types.BytesDatum(rapid.String().Draw(t, "s"))
	})
}

func genColumn(t *rapid.T, layout types.Layout, maxRows int) ([]types.Datum, Vec) {
	if rapid.IntRange(0, 4).Draw(t, "const") == 0 {
		n := rapid.IntRange(1, maxRows).Draw(t, "n")
		d := genDatum(layout).Draw(t, "d")
		want := make([]types.Datum, n)
		for i := range want {
			want[i] = d
		}
		return want, ConstOf(layout, d, n)
	}
	want := rapid.SliceOfN(genDatum(layout), 0, maxRows).Draw(t, "rows")
	b := NewBuilder(layout, 0)
	for _, d := range want {
		b.AppendDatum(d)
	}
	return want, b.Vec()
}

func requireRows(t *rapid.T, what string, v Vec, want []types.Datum) {
	t.Helper()
	if v.N != len(want) {
		t.Fatalf("%s: %d rows, want %d", what, v.N, len(want))
	}
	nulls := false
	for i, w := range want {
		nulls = nulls || w.Null
		if got := v.Datum(i); got != w {
			t.Fatalf("%s: row %d is %+v, want %+v", what, i, got, w)
		}
	}
	if v.HasNulls() != nulls && len(want) > 0 {
		t.Fatalf("%s: HasNulls() = %v", what, v.HasNulls())
	}
}

// TestColumnOperations checks that a column keeps its rows through Slice,
// Gather, Dense, Concat and Arrow, whatever the offsets.
func TestColumnOperations(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		layout := rapid.SampledFrom(layouts).Draw(t, "layout")
		want, v := genColumn(t, layout, 40)
		requireRows(t, "builder", v, want)
		requireRows(t, "dense", v.Dense(), want)

		from := rapid.IntRange(0, len(want)).Draw(t, "from")
		to := rapid.IntRange(from, len(want)).Draw(t, "to")
		s := v.Slice(from, to)
		requireRows(t, "slice", s, want[from:to])

		arr := s.Array()
		back, err := FromArrow(arr)
		if err != nil {
			t.Fatal(err)
		}
		requireRows(t, "arrow", back, want[from:to])
		if len(want[from:to]) > 0 {
			lo := rapid.IntRange(0, to-from-1).Draw(t, "lo")
			back, err = FromArrow(array.NewSlice(arr, int64(lo), int64(to-from)))
			if err != nil {
				t.Fatal(err)
			}
			requireRows(t, "sliced arrow", back, want[from+lo:to])
		}

		if to > from {
			sel := rapid.SliceOfN(rapid.Int32Range(-1, int32(to-from-1)), 0, 20).Draw(t, "sel")
			picked := make([]types.Datum, len(sel))
			for k, i := range sel {
				picked[k] = types.NullDatum
				if i >= 0 {
					picked[k] = want[from+int(i)]
				}
			}
			requireRows(t, "gather", s.Gather(sel), picked)
		}

		want2, v2 := genColumn(t, layout, 20)
		want3, v3 := genColumn(t, layout, 20)
		all := append(append(append([]types.Datum{}, want[from:to]...), want2...), want3...)
		requireRows(t, "concat", Concat([]Vec{s, v2, v3}), all)

		b := NewBuilder(layout, 0)
		for i := range v2.N {
			b.AppendFrom(&v2, i)
		}
		requireRows(t, "append from", b.Vec(), want2)
	})
}

// TestBuilderDirectAppends mixes appends to the exported slices with NULLs.
func TestBuilderDirectAppends(t *testing.T) {
	b := NewBuilder(types.LInt64, 0)
	var want []types.Datum
	for i := range int64(40) {
		switch {
		case i%11 == 3:
			b.AppendNull()
			want = append(want, types.NullDatum)
		case i%2 == 0:
			b.I64 = append(b.I64, i)
			want = append(want, types.IntDatum(i))
		default:
			b.AppendInt(i)
			want = append(want, types.IntDatum(i))
		}
	}
	v := b.Vec()
	for i, w := range want {
		if v.Datum(i) != w {
			t.Fatalf("row %d: %+v, want %+v", i, v.Datum(i), w)
		}
	}
}
