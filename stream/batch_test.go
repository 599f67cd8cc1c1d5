package stream

import (
	"slices"
	"testing"

	"streamdb/types"
	"streamdb/vec"
)

// TestRecord: what a batch holds comes back from its Arrow record, constants spread.
func TestRecord(t *testing.T) {
	b := NewBatch(3, []vec.Vec{
		vec.Ints([]int64{1, 2, 3}), vec.Bools([]bool{true, false, true}), vec.Strings("a", "", "c"), vec.Floats([]float64{1, 2, 3}),
		vec.ConstOf(types.LInt64, types.NullDatum, 3), vec.ConstOf(types.LBytes, types.BytesDatum("x"), 3),
	}, []Op{Insert, Delete, Insert})
	got, err := FromRecord(b.Record(), b.Ops)
	if err != nil {
		t.Fatal(err)
	}
	if got.Rows() != 3 || !slices.Equal(got.Ops, b.Ops) || len(got.Cols()) != len(b.Cols()) {
		t.Fatalf("%d rows of %d columns", got.Rows(), len(got.Cols()))
	}
	for c := range b.Cols() {
		for i := range 3 {
			if x, y := b.Cols()[c].Datum(i), got.Cols()[c].Datum(i); x != y {
				t.Fatalf("column %d, row %d: %v, want %v", c, i, y, x)
			}
		}
		if got.Cols()[c].Const {
			t.Fatalf("column %d is a constant", c)
		}
	}
}
