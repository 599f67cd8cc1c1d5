package vec

import (
	"math"
	"testing"

	"streamdb/types"
)

func column(t testing.TB, typ types.T, texts ...string) Vec {
	b := NewBuilder(typ.Layout(), len(texts))
	for _, s := range texts {
		if s == "NULL" {
			b.AppendNull()
			continue
		}
		d, err := types.ParseText(typ, s, nil)
		if err != nil {
			t.Fatal(err)
		}
		b.AppendDatum(d)
	}
	return b.Vec()
}

// TestHashEqualValues: values that are equal in SQL hash alike, others do not.
func TestHashEqualValues(t *testing.T) {
	for _, c := range []struct {
		id     types.ID
		values []string
	}{
		{types.Numeric, []string{"1", "1.0", "1.000", "100e-2"}},
		{types.Interval, []string{"1 day", "24:00", "86400 s"}},
		{types.Interval, []string{"1 mon", "30 days", "720:00"}},
		{types.Float8, []string{"0", "-0"}},
		{types.Float8, []string{"nan", "NaN"}},
		{types.Jsonb, []string{`{"a":1,"b":[1.0]}`, `{"b":[1.00], "a":1.0}`}},
		{types.Bpchar, []string{"a", "a  "}},
		{types.Text, []string{"NULL", "NULL"}},
	} {
		typ := types.Of(c.id)
		h := HashRows([]Vec{column(t, typ, c.values...)}, []types.T{typ}, len(c.values), nil)
		for i := range h {
			if h[i] != h[0] {
				t.Errorf("%s: %q hashes unlike %q", typ, c.values[i], c.values[0])
			}
		}
	}
	v := column(t, types.Of(types.Text), "a", "b", "", "NULL", "a ")
	h := HashRows([]Vec{v}, []types.T{types.Of(types.Text)}, v.N, nil)
	seen := map[uint64]bool{}
	for _, x := range h {
		seen[x] = true
	}
	if len(seen) != len(h) {
		t.Errorf("different texts hash alike: %x", h)
	}
	if nan := FloatsHash(math.Float64frombits(0x7ff8000000000001)); nan != FloatsHash(math.NaN()) {
		t.Error("NaNs of other bits hash unlike")
	}
}

func FloatsHash(f float64) uint64 {
	return HashRows([]Vec{Floats([]float64{f})}, []types.T{types.Of(types.Float8)}, 1, nil)[0]
}

// TestHashConst: constants, dense columns and single values hash alike.
func TestHashConst(t *testing.T) {
	for _, c := range []struct {
		typ  types.T
		text string
	}{
		{types.Of(types.Bool), "t"}, {types.Of(types.Int4), "42"}, {types.Of(types.Float8), "1.5"},
		{types.Of(types.Text), "abc"}, {types.Of(types.Numeric), "1.50"}, {types.Of(types.Text), "NULL"},
	} {
		dense := column(t, c.typ, c.text, c.text)
		d := dense.Datum(0)
		constant := ConstOf(c.typ.Layout(), d, 2)
		ts := []types.T{c.typ, c.typ}
		a := HashRows([]Vec{dense, dense}, ts, 2, nil)
		b := HashRows([]Vec{constant, dense}, ts, 2, nil)
		if a[0] != b[0] || a[1] != b[1] || a[0] != HashDatums([]types.Datum{d, d}, ts) {
			t.Errorf("%s %s: %x, %x", c.typ, c.text, a, b)
		}
	}
}

// TestHashGolden pins the hash: it decides where rows lie on disk.
func TestHashGolden(t *testing.T) {
	ts := []types.T{types.Of(types.Int8), types.Of(types.Text), types.Of(types.Numeric), types.Of(types.Float8), types.Of(types.Bool)}
	cols := []Vec{
		column(t, ts[0], "0", "1", "-1", "NULL", "9223372036854775807"),
		column(t, ts[1], "", "a", "hello world, this is long enough", "NULL", "ä"),
		column(t, ts[2], "0", "1.50", "-123456789012345678901234567890", "NaN", "NULL"),
		column(t, ts[3], "0", "1.5", "-1e300", "NaN", "Infinity"),
		column(t, ts[4], "t", "f", "NULL", "t", "f"),
	}
	want := []uint64{0xc94c90baa88c527a, 0x333bc1f5d13b3dba, 0x5b6b6f4cd17668c4, 0x5ddba8f9af6c1cb3, 0xcdadb815d0e8cdc}
	got := HashRows(cols, ts, 5, nil)
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("all columns: %#x", got)
		}
	}
	wantFirst := []uint64{0xa3ff502f74de3237, 0xedb9b7126cd74ace, 0xa0fd409374ca3daf, 0x57877ed3494f5e25, 0x3daf20188d7c1d4}
	got = HashRows(cols[:1], ts[:1], 5, nil)
	for i := range wantFirst {
		if got[i] != wantFirst[i] {
			t.Fatalf("first column: %#x", got)
		}
	}
}

// TestHashSpread: vnodes (the top byte) and table slots (low bits) are even for
// the keys that occur: serial numbers, multiples of powers of two.
func TestHashSpread(t *testing.T) {
	const n = 1 << 16
	for _, step := range []int64{1, 2, 10, 256, 1 << 20, 1 << 40, 1 << 48, 1_000_000} {
		vals := make([]int64, n)
		for i := range vals {
			vals[i] = int64(i) * step
		}
		h := HashRows([]Vec{Ints(vals)}, []types.T{types.Of(types.Int8)}, n, nil)
		var top, low [256]int
		for _, x := range h {
			top[x>>56]++
			low[x&255]++
		}
		for i := range top {
			if top[i] < n/256/2 || top[i] > n/256*2 || low[i] < n/256/2 || low[i] > n/256*2 {
				t.Errorf("step %d: slot %d has %d (top), %d (low) of %d rows", step, i, top[i], low[i], n/256)
				break
			}
		}
	}
}

func BenchmarkHashRowsInt(b *testing.B) {
	vals := make([]int64, 4096)
	for i := range vals {
		vals[i] = int64(i)
	}
	cols, ts := []Vec{Ints(vals)}, []types.T{types.Of(types.Int8)}
	dst := make([]uint64, 4096)
	b.SetBytes(4096 * 8)
	for b.Loop() {
		HashRows(cols, ts, 4096, dst)
	}
}
