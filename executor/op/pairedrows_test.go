package op

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"streamdb/executor"
	"streamdb/executor/optest"
	"streamdb/expr"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// pairedCase is a view over an aggregate by (k, id): key, and what is computed of it.
type pairedCase struct {
	name   string
	exprs  func(t testing.TB, out types.Schema) []expr.Expr // nil: none
	where  func(t testing.TB, out types.Schema) expr.Expr
	key    []SortKey
	paired bool
	whole  bool
}

var pairedCases = []pairedCase{
	{name: "as it is", key: []SortKey{{Col: 1}, {Col: 0}}, paired: true, whole: true},
	{name: "moved", key: []SortKey{{Col: 3}, {Col: 0, Desc: true}}, paired: true, whole: true,
		exprs: func(t testing.TB, o types.Schema) []expr.Expr {
			return []expr.Expr{col(o, 0), col(o, 3), col(o, 2), col(o, 1)}
		}},
	{name: "computed", key: []SortKey{{Col: 0}, {Col: 1}}, paired: true,
		exprs: func(t testing.TB, o types.Schema) []expr.Expr {
			return []expr.Expr{col(o, 0), col(o, 1), operator(t, ">", col(o, 2), intConst(1))}
		}},
	{name: "filtered", key: []SortKey{{Col: 0}, {Col: 1}}, paired: true, whole: true,
		where: func(t testing.TB, o types.Schema) expr.Expr { return operator(t, ">", col(o, 2), intConst(1)) }},
	{name: "filtered and computed", key: []SortKey{{Col: 0}, {Col: 1}}, paired: false,
		exprs: func(t testing.TB, o types.Schema) []expr.Expr { return []expr.Expr{col(o, 0), col(o, 1)} },
		where: func(t testing.TB, o types.Schema) expr.Expr { return operator(t, ">", col(o, 2), intConst(1)) }},
	{name: "by a part of the key", key: []SortKey{{Col: 0}}, paired: false},
	{name: "by a computed key", key: []SortKey{{Col: 0}, {Col: 1}}, paired: false,
		exprs: func(t testing.TB, o types.Schema) []expr.Expr {
			return []expr.Expr{col(o, 0), operator(t, "+", col(o, 1), intConst(1)), col(o, 2), col(o, 3)}
		}},
}

// view is the view over the aggregate; apart: with an operator between, so that its
// rows are looked for by their keys.
func (c *pairedCase) view(t testing.TB, in executor.Spec, appendOnly, apart bool) *Materialize {
	s := optest.Schema(t, "k text, id int8, v int8")
	agg := aggSpec(s, []int{0, 1}, []AggCall{aggCall(t, s, "count"), aggCall(t, s, "sum", 2)}, appendOnly)
	agg.In = in
	var below executor.Spec = agg
	out := agg.Out
	if c.exprs != nil || c.where != nil {
		calc := &Calc{In: below, Out: out}
		if c.exprs != nil {
			calc.Exprs = c.exprs(t, out)
			calc.Out = schemaOf(calc.Exprs)
		}
		if c.where != nil {
			calc.Where = c.where(t, out)
		}
		below, out = calc, calc.Out
	}
	if apart {
		below = &Union{Ins: []executor.Spec{below}, Out: out}
	}
	var dist []int
	for _, k := range c.key {
		dist = append(dist, k.Col)
	}
	return &Materialize{In: below, Table: RowTable{Def: TableRef{ID: 50, Name: "rows"}, Cols: out, Key: c.key, Dist: dist}}
}

// countedRows counts the rows that it passes on.
type countedRows struct {
	*Union
	n *int
}

func (c countedRows) Open(ctx *executor.OpenCtx) (executor.Operator, error) {
	return countingRows{n: c.n}, nil
}

type countingRows struct {
	executor.Base
	n *int
}

func (c countingRows) Borrows() bool { return true }

func (c countingRows) Process(_ *executor.Ctx, _ int, b *stream.Batch, out executor.Emitter) error {
	*c.n += b.Rows()
	return out.Emit(b)
}

// TestOnceBelow: of which aggregates a view's rows come in pairs.
func TestOnceBelow(t *testing.T) {
	in := &optest.Rows{Cols: optest.Schema(t, "k text, id int8, v int8")}
	for _, c := range pairedCases {
		got := onceBelow(c.view(t, in, false, false))
		if (got != nil) != c.paired || got != nil && got.whole != c.whole {
			t.Errorf("%s: %+v, want %v, whole %v", c.name, got, c.paired, c.whole)
		}
		if onceBelow(c.view(t, in, false, true)) != nil {
			t.Errorf("%s: found through another operator", c.name)
		}
	}
}

// TestPairedRows: what a view over an aggregate emits in each epoch and what it
// stores is what it would be if each row were looked for by its key, also over
// restarts, and when memory is so short that the aggregate gives groups back within
// an epoch.
func TestPairedRows(t *testing.T) {
	defer func(n int) { spillRows = n }(spillRows)
	s := optest.Schema(t, "k text, id int8, v int8")
	rapid.Check(t, func(rt *rapid.T) {
		c := pairedCases[rapid.IntRange(0, len(pairedCases)-3).Draw(rt, "case")]
		appendOnly := rapid.Bool().Draw(rt, "append only")
		evict := rapid.Bool().Draw(rt, "evict")
		spillRows = rapid.SampledFrom([]int{2, 1 << 14}).Draw(rt, "spill")
		var hs []*optest.Harness
		emitted := make([]int, 2)
		for i, apart := range []bool{false, true} {
			h := optest.New(t, []types.Schema{s}, func(in []executor.Spec) executor.Spec {
				m := c.view(t, in[0], appendOnly, apart)
				return countedRows{&Union{Ins: []executor.Spec{m}, Out: m.Table.Cols}, &emitted[i]}
			}, optest.Options{Evict: evict})
			defer h.Close()
			hs = append(hs, h)
		}
		var rows []optest.Row
		for range rapid.IntRange(1, 8).Draw(rt, "epochs") {
			for range rapid.IntRange(0, 4).Draw(rt, "batches") {
				var cs []optest.Change
				for range rapid.IntRange(0, 8).Draw(rt, "changes") {
					if n := len(rows); n > 0 && !appendOnly && rapid.Bool().Draw(rt, "delete") {
						i := rapid.IntRange(0, n-1).Draw(rt, "row")
						cs = append(cs, optest.Change{Op: stream.Delete, Row: rows[i]})
						rows = slices.Delete(rows, i, i+1)
						continue
					}
					r := optest.Row{genText(rt), genInt(rt, 3), genInt(rt, 4)}
					rows = append(rows, r)
					cs = append(cs, optest.Change{Op: stream.Insert, Row: r})
				}
				for _, h := range hs {
					h.Push(0, cs)
				}
			}
			if rapid.IntRange(0, 4).Draw(rt, "restart") == 0 {
				for _, h := range hs {
					h.Barrier()
					h.Restart()
				}
			}
			got, want := hs[0].Barrier().String(), hs[1].Barrier().String()
			if emitted[0] != emitted[1] {
				rt.Fatalf("%s: emits %d rows, want %d", c.name, emitted[0], emitted[1])
			}
			if got != want {
				rt.Fatalf("%s: emits\n%s\nwant\n%s", c.name, got, want)
			}
			m := c.view(t, nil, appendOnly, false)
			scan := &TableScan{Name: "rows", Table: m.Table, Cols: allCols(len(m.Table.Cols)), Out: m.Table.Cols}
			if got, want := stored(t, hs[0], scan), hs[0].Sum().String(); got != want {
				rt.Fatalf("%s: stored\n%s\nwant\n%s", c.name, got, want)
			}
		}
	})
}

// TestPairedBatches: which rows of two batches belong together, and which of them
// are to be written.
func TestPairedBatches(t *testing.T) {
	batch := func(op stream.Op, k, v []int64) *stream.Batch {
		b := stream.NewBatch(len(k), []vec.Vec{vec.Ints(k), vec.Ints(v)}, slices.Repeat([]stream.Op{op}, len(k)))
		b.Once = true
		return b
	}
	gone := batch(stream.Delete, []int64{1, 2, 3, 9}, []int64{7, 7, 7, 7})
	now := batch(stream.Insert, []int64{1, 2, 3, 4, 5}, []int64{8, 7, 8, 7, 7})
	for _, c := range []struct {
		name                string
		once                []*stream.Batch
		compare             bool
		both, same, changed int
	}{
		{"a pair", []*stream.Batch{gone, now}, false, 3, 0, 6},
		{"a pair with a row that stays", []*stream.Batch{gone, now}, true, 3, 1, 5},
		{"rows that go", []*stream.Batch{gone}, true, 0, 0, 4},
		{"rows that go before others that go", []*stream.Batch{gone, gone}, true, 0, 0, 4},
		{"rows that come", []*stream.Batch{now, gone}, true, 0, 0, 5},
	} {
		w := &pairedRows{compare: c.compare, once: c.once}
		w.spec = &Materialize{Table: RowTable{Cols: optest.Schema(t, "k int8, v int8"), Key: []SortKey{{Col: 0}}}}
		if p := w.pair(0); p.both != c.both || p.same != c.same || p.changed() != c.changed {
			t.Errorf("%s: %d belong together, %d stay, %d are written, want %d, %d, %d", c.name, p.both, p.same, p.changed(), c.both, c.same, c.changed)
		}
	}
}
