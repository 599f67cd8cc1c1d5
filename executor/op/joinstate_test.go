package op

import (
	"testing"

	"streamdb/executor"
	"streamdb/executor/optest"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// TestJoinForgetsWindows: state of windows that both watermarks have passed goes away.
func TestJoinForgetsWindows(t *testing.T) {
	schema := optest.Schema(t, "w timestamp, k int8, id int8")
	left, right := TableRef{ID: 91, Name: "l"}, TableRef{ID: 92, Name: "r"}
	h := optest.New(t, []types.Schema{schema, schema}, func(in []executor.Spec) executor.Spec {
		side := JoinSide{Keys: []int{0, 1}, RowKey: []int{2}, WindowKey: 0}
		j := &HashJoin{Left: in[0], Right: in[1], Type: LeftJoin, L: side, R: side, Cols: []int{0, 2, 5}, Out: types.Schema{schema[0], schema[2], schema[2]}}
		j.L.Table, j.R.Table = left, right
		return j
	}, optest.Options{})
	second := int64(1_000_000)
	h.PushText(0, "1970-01-01T00:00:01 1 10\n1970-01-01T00:00:02 1 20\n1970-01-01T00:00:03 1 30")
	h.PushText(1, "1970-01-01T00:00:01 1 11\n1970-01-01T00:00:03 1 31")
	h.Barrier()
	h.Restart()
	h.Watermark(0, 0, 2*second)
	h.Barrier()
	if l, r := h.StateRows(left), h.StateRows(right); l != 3 || r != 2 {
		t.Errorf("one watermark alone leaves %d and %d rows, want 3 and 2", l, r)
	}
	h.Watermark(1, 0, 2*second)
	h.Barrier()
	if l, r := h.StateRows(left), h.StateRows(right); l != 1 || r != 1 {
		t.Errorf("closed windows leave %d and %d rows, want 1 and 1", l, r)
	}
	if len(h.Watermarks) != 1 || h.Watermarks[0] != (stream.Watermark{Column: 0, Time: 2 * second}) {
		t.Errorf("watermarks %v", h.Watermarks)
	}
	h.PushText(1, "1970-01-01T00:00:03 1 32")
	h.Restart()
	h.PushText(1, "1970-01-01T00:00:03 1 33")
	if got, want := h.Barrier().String(), "+ 1970-01-01_00:00:03 30 33"; got != want {
		t.Errorf("after a restart: %q, want %q", got, want)
	}
}

func BenchmarkJoinProbe(b *testing.B) {
	const rows, keys = stream.BatchRows, 100_000
	i8 := types.Of(types.Int8)
	schema := types.Schema{{Name: "k", Type: i8}, {Name: "v", Type: i8}}
	in := &executor.Input{Cols: schema}
	side := JoinSide{Keys: []int{0}, RowKey: []int{1}, WindowKey: -1}
	spec := &HashJoin{Left: in, Right: in, L: side, R: side, Cols: []int{0, 1, 3}, Out: append(schema, schema[1])}
	op, err := spec.Open(&executor.OpenCtx{Context: b.Context(), Bounded: true, Memory: executor.NewAccountant(0)})
	if err != nil {
		b.Fatal(err)
	}
	ctx := &executor.Ctx{Context: b.Context()}
	batch := func(seed int) *stream.Batch {
		k, v := make([]int64, rows), make([]int64, rows)
		for i := range k {
			k[i], v[i] = int64((seed*rows+i)*7919%keys), int64(seed*rows+i)
		}
		return stream.NewBatch(rows, []vec.Vec{vec.Ints(k), vec.Ints(v)}, nil)
	}
	var out discard
	for i := range keys / rows {
		if err := op.Process(ctx, 1, batch(i), &out); err != nil {
			b.Fatal(err)
		}
	}
	probe := batch(3)
	for b.Loop() {
		if err := op.Process(ctx, 0, probe, &out); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*rows/b.Elapsed().Seconds()/1e6, "Mrows/s")
}

// BenchmarkJoinStream joins two streams that grow, as a job does, with a barrier
// every hundred batches.
func BenchmarkJoinStream(b *testing.B) {
	i8 := types.Of(types.Int8)
	schema := types.Schema{{Name: "k", Type: i8}, {Name: "v", Type: i8}}
	for name, grow := range map[string]bool{"append-only": true, "retractable": false} {
		b.Run(name, func(b *testing.B) {
			h := optest.New(b, []types.Schema{schema, schema}, func(in []executor.Spec) executor.Spec {
				side := JoinSide{Keys: []int{0}, RowKey: []int{1}, WindowKey: -1, AppendOnly: grow}
				s := &HashJoin{Left: in[0], Right: in[1], L: side, R: side, Cols: []int{0, 1, 3}, Out: append(schema, schema[1])}
				s.L.Table, s.R.Table = TableRef{ID: 93, Name: "l"}, TableRef{ID: 94, Name: "r"}
				return s
			}, optest.Options{})
			next := int64(0)
			for i := 0; b.Loop(); i++ {
				k, v := make([]int64, stream.BatchRows), make([]int64, stream.BatchRows)
				for r := range k {
					next++
					k[r], v[r] = next/2, next
				}
				h.PushBatch(i&1, stream.NewBatch(len(k), []vec.Vec{vec.Ints(k), vec.Ints(v)}, nil))
				if i%100 == 99 {
					h.Barrier()
				}
			}
			b.ReportMetric(float64(next)/b.Elapsed().Seconds()/1e6, "Mrows/s")
		})
	}
}

type discard struct{}

func (*discard) Emit(*stream.Batch) error             { return nil }
func (*discard) EmitWatermark(stream.Watermark) error { return nil }
