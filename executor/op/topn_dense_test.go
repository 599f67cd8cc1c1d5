package op

import (
	"fmt"
	"testing"

	"streamdb/executor"
	"streamdb/executor/optest"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// denseHarness runs dense_rank() <= 2 over x, of rows (id, x).
func denseHarness(t testing.TB, appendOnly bool, opt optest.Options) *optest.Harness {
	s := optest.Schema(t, "id int8, x int8")
	spec := TopN{Keys: []SortKey{{Col: 1}}, RowKey: []int{0}, Limit: 2, WithTies: true, Dense: true, AppendOnly: appendOnly, Rows: TableRef{ID: 100}}
	return optest.New(t, []types.Schema{s}, func(in []executor.Spec) executor.Spec {
		spec.In = in[0]
		return &spec
	}, opt)
}

// pushPeers gives (or takes) denseNear+4 rows of sort key x.
func pushPeers(h *optest.Harness, sign string, x int) {
	for i := range denseNear + 4 {
		h.PushText(0, fmt.Sprintf("%s %d %d", sign, 100*x+i, x))
	}
}

// TestTopNDenseRefill takes the first sort keys away one after the other: those
// behind them, which are many more than are kept in memory, come in.
func TestTopNDenseRefill(t *testing.T) {
	defer func(n int) { topNSlack = n }(topNSlack)
	topNSlack = 0
	h := denseHarness(t, false, optest.Options{})
	const keys = 40
	for x := range keys {
		pushPeers(h, "+", x)
	}
	h.Barrier()
	for x := range keys {
		want := min(2, keys-x) * (denseNear + 4)
		if got := h.Sum(); len(got) != want {
			t.Fatalf("%d rows before key %d goes, want %d: %v", len(got), x, want, got)
		}
		pushPeers(h, "-", x)
		h.Barrier()
		if x%10 == 5 {
			h.Restart()
		}
	}
	if got, state := h.Sum(), h.StateRows(TableRef{ID: 100}); len(got)+state != 0 {
		t.Fatalf("%v, %d rows in state", got, state)
	}
}

// TestTopNDenseForgets checks that rows that will never come out again leave the
// state of an input without retractions.
func TestTopNDenseForgets(t *testing.T) {
	h := denseHarness(t, true, optest.Options{})
	for x := 20; x > 0; x-- {
		pushPeers(h, "+", x)
		pushPeers(h, "+", 1000+x) // beyond the window once it is full
		h.Barrier()
		if x%7 == 0 {
			h.Restart()
		}
		want := 2 * (denseNear + 4)
		if got, state := h.Sum(), h.StateRows(TableRef{ID: 100}); len(got) != want || state != want {
			t.Fatalf("at %d: %d rows and %d in state, want %d", x, len(got), state, want)
		}
	}
}

// BenchmarkTopNDense adds a batch of rows to a window in which each of two sort
// keys has many rows already.
func BenchmarkTopNDense(b *testing.B) {
	h := denseHarness(b, false, optest.Options{Discard: true})
	rows := 0
	batch := func() *stream.Batch {
		ids, xs := make([]int64, stream.BatchRows), make([]int64, stream.BatchRows)
		for k := range ids {
			ids[k], xs[k] = int64(rows+k), int64(k%2)
		}
		rows += stream.BatchRows
		return stream.NewBatch(stream.BatchRows, []vec.Vec{vec.Ints(ids), vec.Ints(xs)}, nil)
	}
	push := func() {
		if err := h.PushBatch(0, batch()); err != nil {
			b.Fatal(err)
		}
		h.Barrier()
	}
	for range 50 {
		push()
	}
	rows = 0
	for b.Loop() {
		if rows == 0 {
			rows = 50 * stream.BatchRows
		}
		push()
	}
	b.ReportMetric(float64(b.N*stream.BatchRows)/b.Elapsed().Seconds()/1e6, "Mrows/s")
}
