package op

import (
	"testing"

	"streamdb/executor"
	"streamdb/executor/optest"
	"streamdb/expr"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// TestAllocationsPerBatch holds what operators allocate for a batch of full size
// between barriers, once they know its keys, against budgets: a handful of objects,
// none of them for a row.
func TestAllocationsPerBatch(t *testing.T) {
	s := optest.Schema(t, "k int8, x int8")
	const n = stream.BatchRows
	same := func(int) *stream.Batch { return sealBatch(0, n, 0, nil) }
	fresh := func(i int) *stream.Batch { return sealBatch(i*n, n, 0, nil) }
	worse := func(i int) *stream.Batch { // the same keys with smaller and smaller values
		b := same(i)
		xs := make([]int64, n)
		for j := range xs {
			xs[j] = int64(-i*n - j)
		}
		return stream.NewBatch(n, []vec.Vec{b.Cols()[0], vec.Ints(xs)}, nil)
	}
	count, sum := aggCall(t, s, "count"), aggCall(t, s, "sum", 1)
	side := JoinSide{Keys: []int{0}, RowKey: []int{1}, WindowKey: -1}
	join := &HashJoin{L: side, R: side, Cols: []int{0, 1, 3}, Out: append(s[:2:2], s[1])}
	join.L.Table, join.R.Table = TableRef{ID: 31, Name: "l"}, TableRef{ID: 32, Name: "r"}
	top := &TopN{Group: []int{0}, Keys: []SortKey{{Col: 1, Desc: true}}, RowKey: []int{1}, Limit: 1, AppendOnly: true, Rows: TableRef{ID: 34, Name: "rows"}, WindowKey: -1}
	rows := RowTable{Def: TableRef{ID: 33, Name: "rows"}, Cols: s, Key: []SortKey{{Col: 0}}, Dist: []int{0}}
	whole := aggSpec(s, []int{0}, []AggCall{count, sum}, true)
	partial, _ := partialSpecs(t, s, whole, PartialAlways)
	for _, c := range []struct {
		name   string
		build  optest.Build
		batch  func(i int) *stream.Batch
		budget float64
	}{
		{"filter and project", func(in []executor.Spec) executor.Spec {
			return &Calc{In: in[0], Where: operator(t, ">", col(s, 1), intConst(n)), Exprs: []expr.Expr{col(s, 0), operator(t, "+", col(s, 1), intConst(1))}, Out: s}
		}, same, 6},
		{"aggregate", buildAgg(whole), same, 2},
		{"partial aggregate", func(in []executor.Spec) executor.Spec { p := *partial; p.In = in[0]; return &p }, same, 2},
		{"join without a match", func(in []executor.Spec) executor.Spec { j := *join; j.Left, j.Right = in[0], in[1]; return &j }, fresh, 20},
		{"top 1, no row good enough", func(in []executor.Spec) executor.Spec { x := *top; x.In = in[0]; return &x }, worse, 6},
		{"view", func(in []executor.Spec) executor.Spec { return &Materialize{In: in[0], Table: rows, AppendOnly: true} }, fresh, 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := optest.New(t, []types.Schema{s, s}, c.build, optest.Options{Discard: true})
			const runs = 20
			batches := make([]*stream.Batch, runs+4)
			for i := range batches {
				batches[i] = c.batch(i)
			}
			next := 0
			push := func() {
				if err := h.PushBatch(0, batches[next]); err != nil {
					t.Fatal(err)
				}
				next++
			}
			for range 2 {
				push()
				h.Barrier()
			}
			push()
			got := testing.AllocsPerRun(runs, push)
			t.Logf("%.0f objects", got)
			if got > c.budget {
				t.Errorf("%.0f objects are allocated for a batch, the budget is %.0f", got, c.budget)
			}
		})
	}
}
