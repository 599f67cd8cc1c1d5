package op

import (
	"slices"
	"testing"

	"streamdb/executor"
	"streamdb/executor/optest"
	"streamdb/stream"
	"streamdb/types"
)

// TestOverWindowAllRead: that all rows have been read closes no partition, and is
// passed on behind the rows, whether partitions are in memory or not.
func TestOverWindowAllRead(t *testing.T) {
	s := optest.Schema(t, "t int8, k text, v int8, id int8")
	call := windowCallOf(WindowCall{Func: "lag", Args: []int{2}, Shift: 1})
	for name, closed := range map[string]TableRef{"open": {}, "closing": {ID: 101}} {
		for _, evict := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				h := optest.New(t, []types.Schema{s}, func(in []executor.Spec) executor.Spec {
					return &OverWindow{In: in[0], Partition: []int{0}, Keys: []SortKey{{Col: 2}}, RowKey: []int{3}, Calls: []WindowCall{call},
						Rows: TableRef{ID: 100}, Closed: closed, Out: append(slices.Clone(s), types.Column{Name: "c", Type: call.T})}
				}, optest.Options{Evict: evict})
				h.PushText(0, "1 a 1 1\n1 b 5 2\nNULL a 7 3")
				h.Watermark(0, stream.AllRead, 1<<62)
				if len(h.Watermarks) > 0 {
					t.Fatal("it passed before the rows")
				}
				h.Barrier()
				h.Barrier() // what did not change leaves memory
				if want := []stream.Watermark{{Column: stream.AllRead, Time: 1 << 62}}; !slices.Equal(h.Watermarks, want) {
					t.Fatalf("watermarks %v, want %v", h.Watermarks, want)
				}
				if n := h.StateRows(TableRef{ID: 100}); n != 3 {
					t.Fatalf("%d rows in state, want 3", n)
				}
				h.PushText(0, "1 c 3 4")
				h.Barrier()
				want := optest.NetOf(h.Schema(), []optest.Row{
					{types.IntDatum(1), types.BytesDatum("a"), types.IntDatum(1), types.IntDatum(1), types.NullDatum},
					{types.IntDatum(1), types.BytesDatum("c"), types.IntDatum(3), types.IntDatum(4), types.IntDatum(1)},
					{types.IntDatum(1), types.BytesDatum("b"), types.IntDatum(5), types.IntDatum(2), types.IntDatum(3)},
					{types.NullDatum, types.BytesDatum("a"), types.IntDatum(7), types.IntDatum(3), types.NullDatum},
				})
				if got := h.Sum(); got.String() != want.String() {
					t.Fatalf("got:\n%s\nwant:\n%s", got, want)
				}
			})
		}
	}
}
