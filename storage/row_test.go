package storage

import (
	"encoding/hex"
	"math"
	"testing"

	"pgregory.net/rapid"

	"streamdb/internal/sqlerr"
	"streamdb/types"
	"streamdb/vec"
)

// TestRowFormat pins the bytes on disk: changing them needs a new row version.
func TestRowFormat(t *testing.T) {
	null := types.NullDatum
	all := []types.Layout{types.LBool, types.LInt64, types.LFloat64, types.LBytes}
	for _, c := range []struct {
		layouts []types.Layout
		row     []types.Datum
		want    string
	}{
		{nil, nil, "0100"},
		{all, []types.Datum{types.BoolDatum(true), types.IntDatum(1), types.FloatDatum(1), types.BytesDatum("ab")}, "0104" + "01" + "02" + "000000000000f03f" + "026162"},
		{all, []types.Datum{types.BoolDatum(false), types.IntDatum(-1), types.FloatDatum(math.Inf(-1)), types.BytesDatum("")}, "0104" + "00" + "01" + "000000000000f0ff" + "00"},
		{all, []types.Datum{null, types.IntDatum(math.MinInt64), null, null}, "8104" + "0d" + "ffffffffffffffffff01"},
		{all, []types.Datum{null, null, null, null}, "8104" + "0f"},
		{[]types.Layout{1, 1, 1, 1, 1, 1, 1, 1, 1}, []types.Datum{{I: 64}, {}, {}, {}, {}, {}, {}, {}, null}, "8109" + "0001" + "8001" + "00000000000000"},
	} {
		got := AppendDatums(nil, c.layouts, c.row)
		if hex.EncodeToString(got) != c.want {
			t.Errorf("%v: %x, want %s", c.row, got, c.want)
		}
	}
}

func genDatum(layout types.Layout) *rapid.Generator[types.Datum] {
	return rapid.Custom(func(t *rapid.T) types.Datum {
		if rapid.IntRange(0, 4).Draw(t, "null") == 0 {
			return types.NullDatum
		}
		switch layout {
		case types.LBool:
			return types.BoolDatum(rapid.Bool().Draw(t, "bool"))
		case types.LInt64:
			return types.IntDatum(rapid.Int64().Draw(t, "int"))
		case types.LFloat64:
			return types.FloatDatum(math.Float64frombits(rapid.Uint64().Draw(t, "float")))
		default:
			return types.BytesDatum(string(rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "bytes")))
		}
	})
}

func same(a, b types.Datum) bool {
	return a.Null == b.Null && a.I == b.I && a.S == b.S && math.Float64bits(a.F) == math.Float64bits(b.F)
}

func TestRowRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		layouts := rapid.SliceOfN(rapid.SampledFrom([]types.Layout{0, 1, 2, 3}), 0, 12).Draw(t, "layouts")
		n := rapid.IntRange(1, 20).Draw(t, "rows")
		written := rapid.IntRange(0, len(layouts)).Draw(t, "written") // later columns were added after
		builders := make([]*vec.Builder, written)
		for c := range builders {
			builders[c] = vec.NewBuilder(layouts[c], 0)
		}
		rows := make([][]types.Datum, n)
		for i := range rows {
			rows[i] = make([]types.Datum, len(layouts))
			for c, layout := range layouts {
				if c >= written {
					rows[i][c] = types.NullDatum
					continue
				}
				rows[i][c] = genDatum(layout).Draw(t, "value")
				builders[c].AppendDatum(rows[i][c])
			}
		}
		cols := make([]vec.Vec, written)
		for c := range cols {
			cols[c] = builders[c].Vec()
		}
		var need []int
		if len(layouts) > 0 {
			need = rapid.SliceOfN(rapid.IntRange(0, len(layouts)-1), 0, 6).Draw(t, "need")
		}
		if need == nil {
			need = []int{}
		}
		d := NewRowDecoder(layouts, need)
		all := NewRowDecoder(layouts, nil)
		out, outAll := d.Builders(n), all.Builders(n)
		if len(out) != len(need) || len(outAll) != len(layouts) {
			t.Fatalf("%d and %d builders", len(out), len(outAll))
		}
		for i := range rows {
			row := AppendRow([]byte("head"), cols, i)[4:]
			if err := d.Append(out, row); err != nil {
				t.Fatal(err)
			}
			if err := all.Append(outAll, row); err != nil {
				t.Fatal(err)
			}
			for cut := range len(row) {
				if written < len(layouts) {
					break
				}
				if err := all.Append(all.Builders(1), row[:cut]); sqlerr.Code(err) != sqlerr.DataCorrupted {
					t.Fatalf("row %x cut to %d bytes: %v", row, cut, err)
				}
			}
		}
		for k, c := range need {
			v := out[k].Vec()
			for i := range rows {
				if got := v.Datum(i); !same(got, rows[i][c]) {
					t.Fatalf("row %d column %d: %v, want %v", i, c, got, rows[i][c])
				}
			}
		}
		for c := range layouts {
			v := outAll[c].Vec()
			for i := range rows {
				if got := v.Datum(i); !same(got, rows[i][c]) {
					t.Fatalf("row %d column %d: %v, want %v", i, c, got, rows[i][c])
				}
			}
		}
	})
}

// FuzzRowDecoder: any bytes are either refused as corrupt, or decode to a row
// that encodes to a row that decodes to the same.
func FuzzRowDecoder(f *testing.F) {
	layouts := []types.Layout{types.LInt64, types.LBytes, types.LBool, types.LFloat64, types.LInt64}
	f.Add([]byte{1, 0})
	f.Add(AppendDatums(nil, layouts, []types.Datum{types.IntDatum(5), types.BytesDatum("x"), types.NullDatum, types.FloatDatum(2), types.IntDatum(-7)}))
	f.Add([]byte{0x81, 5, 0x1f})
	f.Add([]byte{1, 5, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0})
	d := NewRowDecoder(layouts, nil)
	some := NewRowDecoder(layouts, []int{4, 1})
	f.Fuzz(func(t *testing.T, row []byte) {
		out := d.Builders(1)
		err := d.Append(out, row)
		errSome := some.Append(some.Builders(1), row)
		if err != nil {
			if sqlerr.Code(err) != sqlerr.DataCorrupted {
				t.Fatalf("error %v", err)
			}
			return
		}
		if errSome != nil {
			t.Fatalf("all columns decode, some do not: %v", errSome)
		}
		cols := make([]vec.Vec, len(out))
		for c := range out {
			if out[c].Len() != 1 {
				t.Fatalf("column %d has %d rows", c, out[c].Len())
			}
			cols[c] = out[c].Vec()
		}
		again := d.Builders(1)
		if err := d.Append(again, AppendRow(nil, cols, 0)); err != nil {
			t.Fatal(err)
		}
		for c := range again {
			v := again[c].Vec()
			if !same(v.Datum(0), cols[c].Datum(0)) {
				t.Fatalf("column %d: %v, then %v", c, cols[c].Datum(0), v.Datum(0))
			}
		}
	})
}
