package op

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"streamdb/executor"
	"streamdb/executor/optest"
	"streamdb/expr"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// TestHashAggShrinks: results do not depend on which values and groups have left
// memory, where a group has more values than memory and more than are read at once.
func TestHashAggShrinks(t *testing.T) {
	defer func(n, m int32) { extremeCache, extremeLeast = n, m }(extremeCache, extremeLeast)
	extremeCache, extremeLeast = 12, 4
	s := optest.Schema(t, "g int8, x int8")
	distinct, sum := aggCall(t, s, "count", 1), aggCall(t, s, "sum", 1)
	distinct.Distinct, sum.Distinct = true, true
	for name, calls := range map[string][]AggCall{
		"extremes": {aggCall(t, s, "min", 1), aggCall(t, s, "max", 1)},
		"distinct": {distinct, sum, aggCall(t, s, "count")},
		"both":     {aggCall(t, s, "max", 1), distinct, aggCall(t, s, "array_agg", 1)},
	} {
		for _, keys := range [][]int{{}, {0}} {
			t.Run(fmt.Sprintf("%s/keys=%v", name, keys), func(t *testing.T) {
				spec := aggSpec(s, keys, calls, false)
				optest.Check(t, optest.Law{
					Schemas: []types.Schema{s},
					Build:   buildAgg(spec),
					Gen: []func(*rapid.T) optest.Row{func(t *rapid.T) optest.Row {
						return optest.Row{genInt(t, 4), genInt(t, 200)}
					}},
					Changes:   200,
					Oracle:    aggOracle(t, s, spec),
					NoBounded: name == "both",
				})
			})
		}
	}
}

// TestHashAggTrims: with memory for a part of the values of 100 groups no group
// leaves, memory keeps to its limit, and min and max follow when the values in memory
// are taken back again and again.
func TestHashAggTrims(t *testing.T) {
	s := optest.Schema(t, "g int8, x int8")
	distinct := aggCall(t, s, "count", 1)
	distinct.Distinct = true
	spec := aggSpec(s, []int{0}, []AggCall{aggCall(t, s, "min", 1), aggCall(t, s, "max", 1), distinct}, false)
	const groups, values, limit = 100, 400, 2 << 20 // all of them take 8 MB
	caches := &Caches{}
	h := optest.New(t, []types.Schema{s}, buildAgg(spec), optest.Options{Evict: true, Limit: limit, Env: &Env{Caches: caches}})
	push := func(from, to int64, op stream.Op) {
		var g, x []int64
		for k := range groups {
			for v := from; v < to; v++ {
				g, x = append(g, int64(k)), append(x, v)
			}
		}
		for len(g) > 0 {
			n := min(len(g), stream.BatchRows)
			if err := h.PushBatch(0, stream.NewBatch(n, []vec.Vec{vec.Ints(g[:n]), vec.Ints(x[:n])}, slices.Repeat([]stream.Op{op}, n))); err != nil {
				t.Fatal(err)
			}
			g, x = g[n:], x[n:]
		}
	}
	check := func(from, to int64) {
		t.Helper()
		h.Barrier()
		if used := h.Memory(); used > limit {
			t.Fatalf("values %d to %d: %d bytes in memory", from, to, used)
		}
		want := optest.Net{}
		for k := range groups {
			want.Add(fmt.Sprintf("%d %d %d %d", k, from, to-1, to-from), 1)
		}
		if got := h.Sum().String(); got != want.String() {
			t.Fatalf("values %d to %d: got\n%s\nwant\n%s", from, to, got, want)
		}
	}
	for to := int64(0); to < values; to += 50 {
		push(to, to+50, stream.Insert)
		check(0, to+50)
	}
	for from := int64(0); from < values-30; from += 30 {
		push(from, from+30, stream.Delete)
		check(from+30, values)
	}
	if left := cacheStat(t, caches).Evicted.Load(); left > 0 {
		t.Errorf("%d groups have left memory", left)
	}
}

// TestOrderedTrim: groups that did not change of late are trimmed first; values that
// run out again and again are read in larger and larger parts.
func TestOrderedTrim(t *testing.T) {
	s := optest.Schema(t, "g int8, x int8")
	spec := aggSpec(s, []int{0}, []AggCall{aggCall(t, s, "min", 1)}, false)
	spec.In = &optest.Rows{Cols: s}
	r := openAgg(t, spec)
	o := r.op.aggs[0].(*orderedAgg)
	change := func(group, from, n int64, op stream.Op) {
		t.Helper()
		x := make([]int64, n)
		for i := range x {
			x[i] = from + int64(i)
		}
		b := stream.NewBatch(len(x), []vec.Vec{vec.Ints(slices.Repeat([]int64{group}, len(x))), vec.Ints(x)}, slices.Repeat([]stream.Op{op}, len(x)))
		if err := r.op.Process(r.ctx, 0, b, r.out); err != nil {
			t.Fatal(err)
		}
	}
	const groups, values = 10, 400
	for g := range int64(groups) {
		change(g, 0, values, stream.Insert)
	}
	r.barrier(t)
	o.trim(0, 1, 0) // the hand takes the second chance from all, and one group is cut
	for g := range int64(groups / 2) {
		change(g, 1000, 1, stream.Insert)
	}
	r.barrier(t)
	all := o.set.Bytes() - o.set.Spare()
	o.trim(0, all/groups*3, 0)
	for id, g := range o.groups {
		if hot := r.op.keys.Keys([]int32{int32(id)})[0].I64[0] < groups/2; hot && g.live < values && id > 0 {
			t.Errorf("group %d has changed, and only %d of its values are there", id, g.live)
		}
	}
	for range 10 {
		o.trim(0, all, 0)
	}
	var read []int32
	for from := int64(0); from < values; {
		live := int64(o.groups[9].live)
		read = append(read, int32(live))
		change(9, from, live, stream.Delete)
		r.barrier(t)
		o.sweep()
		from += live
	}
	if want := []int32{16, 32, 64, 128, 160}; !slices.Equal(read, want) {
		t.Errorf("values in memory, each time that they ran out: %d, want %d", read, want)
	}
}

// runningAgg is a HashAgg with a store of its own.
type runningAgg struct {
	op     *hashAgg
	ctx    *executor.Ctx
	out    *discard
	store  *storage.Store
	tables []storage.StateTable
}

func openAgg(t *testing.T, spec *HashAgg) *runningAgg {
	t.Helper()
	store, err := storage.Open(storage.Options{Dir: "db", FS: storage.NewMemFS()})
	if err != nil {
		t.Fatal(err)
	}
	r := &runningAgg{store: store, out: &discard{}, ctx: &executor.Ctx{Context: t.Context(), Expr: &expr.Ctx{}}}
	op, err := spec.Open(&executor.OpenCtx{
		Context: t.Context(), Parallelism: 1, VNodes: storage.AllVNodes,
		Table: func(def storage.TableDef) storage.StateTable {
			r.tables = append(r.tables, store.OpenTable(def, storage.AllVNodes))
			return r.tables[len(r.tables)-1]
		},
		Expr: r.ctx.Expr, Env: &Env{},
	})
	if err != nil {
		t.Fatal(err)
	}
	r.op = op.(*hashAgg)
	t.Cleanup(func() {
		if err := errors.Join(op.Close(), store.Close()); err != nil {
			t.Error(err)
		}
	})
	return r
}

// barrier ends the epoch and commits it.
func (r *runningAgg) barrier(t *testing.T) {
	t.Helper()
	epoch := r.store.Visible() + 1
	if err := r.op.Barrier(r.ctx, stream.Barrier{Epoch: epoch}, r.out); err != nil {
		t.Fatal(err)
	}
	var deltas []*storage.Delta
	for _, table := range r.tables {
		if d := table.Seal(epoch); d != nil {
			deltas = append(deltas, d)
		}
	}
	if _, err := r.store.Commit(storage.CommitReq{Epoch: epoch, Deltas: deltas}); err != nil {
		t.Fatal(err)
	}
}
