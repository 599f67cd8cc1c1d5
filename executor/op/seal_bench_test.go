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
		benchSeal(b, spec, func(op executor.Operator, ctx *executor.Ctx) (took, again time.Duration) {
			a := op.(*hashAgg)
			begun := time.Now()
			for ids := range slices.Chunk(a.touched, stream.BatchRows) {
				if err := a.write(ids); err != nil {
					b.Fatal(err)
				}
			}
			took = time.Since(begun)
			return took, took
		}, func(epoch int) []*stream.Batch { return []*stream.Batch{sealBatch(0, sealRows, epoch, nil)} })
	})
	b.Run("extremes", func(b *testing.B) { // of 100 groups, each row takes back a value and brings one
		spec := aggSpec(s, []int{0}, []AggCall{aggCall(b, s, "min", 1), aggCall(b, s, "max", 1)}, false)
		spec.In = in
		benchSeal(b, spec, sealSets(b), func(epoch int) []*stream.Batch { return sealValues(100, epoch) })
	})
	b.Run("distinct", func(b *testing.B) {
		call := aggCall(b, s, "count", 1)
		call.Distinct = true
		spec := aggSpec(s, []int{0}, []AggCall{call}, false)
		spec.In = in
		benchSeal(b, spec, sealSets(b), func(epoch int) []*stream.Batch { return sealValues(100, epoch) })
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
		benchSeal(b, spec, func(op executor.Operator, ctx *executor.Ctx) (took, again time.Duration) {
			w := op.(*netRows)
			net := make([]int32, len(w.epoch.heads))
			copy(net, w.epoch.heads)
			begun := time.Now()
			w.epoch.storeLater(w.table, net)
			took = time.Since(begun)
			w.epoch.lent = false // the barrier does it once more
			return took, took
		}, func(epoch int) []*stream.Batch {
			ins := sealBatch(0, sealRows, epoch, nil)
			if epoch == 0 {
				return []*stream.Batch{ins}
			}
			return []*stream.Batch{sealBatch(0, sealRows, epoch-1, slices.Repeat([]stream.Op{stream.Delete}, sealRows)), ins}
		})
	})
}

// sealSets hands over what an aggregate that keeps values has of its state.
func sealSets(b *testing.B) func(executor.Operator, *executor.Ctx) (took, again time.Duration) {
	return func(op executor.Operator, ctx *executor.Ctx) (took, again time.Duration) {
		a := op.(*hashAgg)
		begun := time.Now()
		if err := a.flushSets(); err != nil {
			b.Fatal(err)
		}
		flushed := time.Now()
		for ids := range slices.Chunk(a.touched, stream.BatchRows) {
			if err := a.write(ids); err != nil {
				b.Fatal(err)
			}
		}
		return time.Since(begun), time.Since(flushed)
	}
}

// sealValues is rows of some groups whose values are those that the epoch before had
// last, taken back, and as many others: sealRows changes of values in all.
func sealValues(groups, epoch int) (out []*stream.Batch) {
	for e, ops := range [][]stream.Op{slices.Repeat([]stream.Op{stream.Delete}, sealRows/2), nil} {
		if e += epoch - 1; e < 0 {
			continue
		}
		ks, xs := make([]int64, sealRows/2), make([]int64, sealRows/2)
		for i := range ks {
			ks[i], xs[i] = int64(i%groups), int64(i/groups*2+e%2)
		}
		out = append(out, stream.NewBatch(len(ks), []vec.Vec{vec.Ints(ks), vec.Ints(xs)}, ops))
	}
	return out
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
// with its state as a part of its barrier, and how much of that the barrier does once
// more; nil: its barrier does nothing else.
func benchSeal(b *testing.B, spec executor.Spec, state func(executor.Operator, *executor.Ctx) (took, again time.Duration), rows func(epoch int) []*stream.Batch) {
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
		var handed, again time.Duration
		if state != nil {
			handed, again = state(op, ctx)
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
			handed, again = barrier, barrier
		}
		states = append(states, float64((handed + sealed).Microseconds()))
		results = append(results, float64((barrier - again).Microseconds()))
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
