package op

import (
	"context"
	"slices"
	"testing"
	"time"

	"streamdb/executor"
	"streamdb/executor/optest"
	"streamdb/expr"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/vec"
)

// sealRows is the number of rows that each epoch of BenchmarkSeal changes.
const sealRows = 10_000

// BenchmarkSeal measures what operators do in their task at a barrier, in
// microseconds per 10,000 dirty rows: state, which is handing their state over and
// sealing it, and results, which is computing and emitting what the epoch changed.
// Figures are medians over the epochs. The goal is 200 us for the state.
func BenchmarkSeal(b *testing.B) {
	s := optest.Schema(b, "k int8, x int8")
	in := &optest.Rows{Cols: s}
	b.Run("aggregate", func(b *testing.B) {
		spec := aggSpec(s, []int{0}, []AggCall{aggCall(b, s, "count"), aggCall(b, s, "sum", 1)}, true)
		spec.In = in
		benchSeal(b, spec, func(op executor.Operator, ctx *executor.Ctx) (state time.Duration) {
			a := op.(*hashAgg)
			begun := time.Now()
			for ids := range slices.Chunk(a.touched, stream.BatchRows) {
				if err := a.write(ids); err != nil {
					b.Fatal(err)
				}
			}
			return time.Since(begun)
		}, func(epoch int) []*stream.Batch { return []*stream.Batch{sealBatch(0, sealRows, epoch, nil)} })
	})
	b.Run("join", func(b *testing.B) {
		side := JoinSide{Keys: []int{0}, RowKey: []int{1}, WindowKey: -1}
		spec := &HashJoin{Left: in, Right: in, L: side, R: side, Cols: []int{0, 1, 3}, Out: append(s[:2:2], s[1])}
		spec.L.Table, spec.R.Table = TableRef{ID: 31, Name: "l"}, TableRef{ID: 32, Name: "r"}
		benchSeal(b, spec, nil, func(epoch int) []*stream.Batch {
			return []*stream.Batch{sealBatch(epoch*sealRows, sealRows, epoch, nil)}
		})
	})
	b.Run("materialize", func(b *testing.B) {
		table := RowTable{Def: TableRef{ID: 33, Name: "rows"}, Cols: s, Key: []SortKey{{Col: 0}}, Dist: []int{0}}
		spec := &Materialize{In: in, Table: table}
		benchSeal(b, spec, func(op executor.Operator, ctx *executor.Ctx) time.Duration {
			w := op.(*netRows)
			net := make([]int32, len(w.epoch.heads))
			copy(net, w.epoch.heads)
			begun := time.Now()
			w.epoch.storeLater(w.table, net)
			took := time.Since(begun)
			w.epoch.lent = false // the barrier does it once more
			return took
		}, func(epoch int) []*stream.Batch {
			ins := sealBatch(0, sealRows, epoch, nil)
			if epoch == 0 {
				return []*stream.Batch{ins}
			}
			return []*stream.Batch{sealBatch(0, sealRows, epoch-1, slices.Repeat([]stream.Op{stream.Delete}, sealRows)), ins}
		})
	})
}

// sealBatch is rows with the keys from .. from+n, of an epoch.
func sealBatch(from, n, epoch int, ops []stream.Op) *stream.Batch {
	ks, xs := make([]int64, n), make([]int64, n)
	for i := range ks {
		ks[i], xs[i] = int64(from+(i*7919)%n), int64(i*(epoch+1))
	}
	return stream.NewBatch(n, []vec.Vec{vec.Ints(ks), vec.Ints(xs)}, ops)
}

// benchSeal runs epochs of what rows gives. state measures what the operator does
// with its state as a part of its barrier; nil: its barrier does nothing else.
func benchSeal(b *testing.B, spec executor.Spec, state func(executor.Operator, *executor.Ctx) time.Duration, rows func(epoch int) []*stream.Batch) {
	store, err := storage.Open(storage.Options{Dir: "db", FS: storage.NewMemFS()})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	var tables []storage.StateTable
	op, err := spec.Open(&executor.OpenCtx{
		Context: context.Background(), Parallelism: 1, VNodes: storage.AllVNodes,
		Table: func(def storage.TableDef) storage.StateTable {
			tables = append(tables, store.OpenTable(def, storage.AllVNodes))
			return tables[len(tables)-1]
		},
		Memory: nil, Expr: &expr.Ctx{Now: time.Now(), Location: time.UTC}, Env: &Env{},
	})
	if err != nil {
		b.Fatal(err)
	}
	defer op.Close()
	out := &discard{}
	ctx := &executor.Ctx{Context: context.Background(), Expr: &expr.Ctx{Now: time.Now(), Location: time.UTC}}
	var states, results []float64
	for epoch := 0; b.Loop(); epoch++ {
		n := store.Visible() + 1
		for _, batch := range rows(epoch) {
			if err := op.Process(ctx, 0, batch, out); err != nil {
				b.Fatal(err)
			}
		}
		var handed time.Duration
		if state != nil {
			handed = state(op, ctx)
		}
		begun := time.Now()
		if err := op.Barrier(ctx, stream.Barrier{Epoch: n}, out); err != nil {
			b.Fatal(err)
		}
		flushed := time.Now()
		var deltas []*storage.Delta
		for _, t := range tables {
			if d := t.Seal(n); d != nil {
				deltas = append(deltas, d)
			}
		}
		sealed := time.Since(flushed)
		barrier := flushed.Sub(begun)
		if state == nil {
			handed = barrier
		}
		states = append(states, float64((handed + sealed).Microseconds()))
		results = append(results, float64((barrier - handed).Microseconds()))
		if _, err := store.Commit(storage.CommitReq{Epoch: n, Deltas: deltas}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(middle(states), "state-us")
	b.ReportMetric(slices.Min(states), "least-us")
	b.ReportMetric(middle(results), "results-us")
	b.ReportMetric(0, "ns/op")
}

func middle(s []float64) float64 {
	s = slices.Clone(s)
	slices.Sort(s)
	return s[len(s)/2]
}
