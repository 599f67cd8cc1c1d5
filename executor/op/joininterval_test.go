package op

import (
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"streamdb/executor"
	"streamdb/executor/optest"
	"streamdb/expr"
	"streamdb/expr/funcs"
	"streamdb/stream"
	"streamdb/types"
)

// intervalCase joins (k, t, id, u) with (k, t, id, u) on equal k and -2 <= l.t - r.t <= 3.
type intervalCase struct {
	kind    JoinKind
	grow    bool // both sides are append-only
	noMarkR bool // the right side has no watermarks
	noHigh  bool // only -2 <= l.t - r.t
	until   int  // -1: r.t <= l.u + 1 in place of the lower bound; 1: l.t <= r.u + 1 in place of the upper one
}

func (c intervalCase) String() string {
	return fmt.Sprintf("%s,append=%v,nomark=%v,nohigh=%v,until=%d", c.kind, c.grow, c.noMarkR, c.noHigh, c.until)
}

func (c intervalCase) build(t testing.TB, s types.Schema) optest.Build {
	i8 := types.Of(types.Int8)
	call := func(op string, a, b expr.Expr) expr.Expr {
		e, err := funcs.BindOperator(nil, op, a, b)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	num := func(i int64) expr.Expr { return &expr.Const{Value: types.IntDatum(i), T: i8} }
	col := func(at int) expr.Expr { return &expr.Col{Index: at, T: i8} }
	right := len(s) // the right side's first column
	diff := call("-", col(1), col(right+1))
	lower, upper := call(">=", diff, num(-2)), call("<=", diff, num(3))
	interval := JoinInterval{On: true, L: 1, R: 1, HasLow: c.until >= 0, HasHigh: !c.noHigh && c.until <= 0, Low: -2, High: 3, MarkL: true, MarkR: !c.noMarkR}
	switch c.until {
	case -1:
		lower, interval.Until = call("<=", col(right+1), call("+", col(3), num(1))), &JoinUntil{In: 0, Col: 3, By: -1}
	case 1:
		upper, interval.Until = call("<=", col(1), call("+", col(right+3), num(1))), &JoinUntil{In: 1, Col: 3, By: -1}
	}
	conds := []expr.Expr{lower}
	if !c.noHigh {
		conds = append(conds, upper)
	}
	return func(in []executor.Spec) executor.Spec {
		side := JoinSide{Keys: []int{0}, RowKey: []int{2}, WindowKey: -1, AppendOnly: c.grow}
		j := &HashJoin{Left: in[0], Right: in[1], Type: c.kind, NullSafe: []bool{false}, L: side, R: side, Residual: expr.AndOf(conds),
			Interval: interval}
		j.L.Table, j.R.Table = TableRef{ID: 101, Name: "left"}, TableRef{ID: 102, Name: "right"}
		j.Cols = []int{2, 1, right + 2, right + 1}
		if c.kind == SemiJoin || c.kind == AntiJoin {
			j.Cols = []int{2, 1}
		}
		both := append(append(types.Schema{}, s...), s...)
		for _, col := range j.Cols {
			j.Out = append(j.Out, both[col])
		}
		return j
	}
}

func (c intervalCase) oracle(in [2][]optest.Row) []optest.Row {
	var out []optest.Row
	matched := map[int]bool{}
	for _, l := range in[0] {
		any := false
		for k, r := range in[1] {
			d := l[1].I - r[1].I
			lower, upper := d >= -2, c.noHigh || d <= 3
			switch c.until {
			case -1:
				lower = r[1].I <= l[3].I+1
			case 1:
				upper = l[1].I <= r[3].I+1
			}
			if l[0].S == r[0].S && lower && upper {
				any, matched[k] = true, true
				if c.kind < SemiJoin {
					out = append(out, optest.Row{l[2], l[1], r[2], r[1]})
				}
			}
		}
		switch {
		case !any && (c.kind == LeftJoin || c.kind == FullJoin):
			out = append(out, optest.Row{l[2], l[1], types.NullDatum, types.NullDatum})
		case c.kind >= SemiJoin && any == (c.kind == SemiJoin):
			out = append(out, optest.Row{l[2], l[1]})
		}
	}
	for k, r := range in[1] {
		if !matched[k] && (c.kind == RightJoin || c.kind == FullJoin) {
			out = append(out, optest.Row{types.NullDatum, types.NullDatum, r[2], r[1]})
		}
	}
	return out
}

// TestIntervalJoin: rows come and go ahead of the watermarks; what is dropped
// behind them is missed by nobody, also over restarts, and no output is behind
// the watermark that the join passed on before.
func TestIntervalJoin(t *testing.T) {
	var cases []intervalCase
	for kind := InnerJoin; kind <= AntiJoin; kind++ {
		cases = append(cases, intervalCase{kind: kind, grow: true}, intervalCase{kind: kind},
			intervalCase{kind: kind, grow: true, noMarkR: true}, intervalCase{kind: kind, grow: true, noHigh: true})
	}
	cases = append(cases, intervalCase{grow: true, until: -1}, intervalCase{grow: true, until: 1})
	for _, c := range cases {
		t.Run(c.String(), func(t *testing.T) { rapid.Check(t, func(rt *rapid.T) { c.history(t, rt) }) })
	}
}

func (c intervalCase) history(t *testing.T, rt *rapid.T) {
	schema := optest.Schema(t, "k text, t int8, id int8, u int8")
	build := c.build(t, schema)
	h := optest.New(t, []types.Schema{schema, schema}, build, optest.Options{})
	defer h.Close()
	passed := map[int]int64{}
	h.OnOutput = func(b *stream.Batch) {
		for _, ch := range optest.Changes(b) {
			for col, at := range passed {
				if !ch.Row[col].Null && ch.Row[col].I <= at {
					rt.Fatalf("%v is behind the watermark %d of column %d", ch.Row, at, col)
				}
			}
		}
	}
	var all [2][]optest.Row
	marks := [2]int64{-1, -1}
	id := int64(0)
	for range rapid.IntRange(2, 10).Draw(rt, "epochs") {
		for range rapid.IntRange(0, 8).Draw(rt, "changes") {
			in := rapid.IntRange(0, 1).Draw(rt, "in")
			low := marks[in] + 1
			if in == 1 && c.noMarkR {
				low = 0
			}
			if n := len(all[in]); n > 0 && !c.grow && rapid.IntRange(0, 2).Draw(rt, "delete") == 0 {
				k := rapid.IntRange(0, n-1).Draw(rt, "row")
				if r := all[in][k]; r[1].I >= low {
					h.Push(in, []optest.Change{{Op: stream.Delete, Row: r}})
					all[in] = append(append([]optest.Row{}, all[in][:k]...), all[in][k+1:]...)
				}
				continue
			}
			id++
			at := low + int64(rapid.IntRange(0, 6).Draw(rt, "t"))
			r := optest.Row{types.BytesDatum(rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "k")),
				types.IntDatum(at), types.IntDatum(id), types.IntDatum(at + int64(rapid.IntRange(-3, 6).Draw(rt, "u")))}
			all[in] = append(all[in], r)
			h.Push(in, []optest.Change{{Op: stream.Insert, Row: r}})
		}
		for in := range marks {
			if rapid.Bool().Draw(rt, "mark") && !(in == 1 && c.noMarkR) {
				marks[in] += int64(rapid.IntRange(1, 5).Draw(rt, "by"))
				h.Watermark(in, 1, marks[in])
			}
		}
		h.Barrier()
		for _, w := range h.Watermarks {
			if at, ok := passed[w.Column]; !ok || w.Time > at {
				passed[w.Column] = w.Time
			}
		}
		h.Watermarks = nil
		schema := build([]executor.Spec{&executor.Input{Cols: schema}, &executor.Input{Cols: schema}}).Schema()
		if got, want := h.Sum().String(), optest.NetOf(schema, c.oracle(all)).String(); got != want {
			rt.Fatalf("got:\n%s\nwant:\n%s", got, want)
		}
		if rapid.IntRange(0, 4).Draw(rt, "restart") == 0 {
			h.Restart()
			for in := range marks { // sources tell their watermarks again
				if marks[in] >= 0 && rapid.Bool().Draw(rt, "again") {
					h.Watermark(in, 1, marks[in])
				}
			}
		}
	}
}

// TestIntervalJoinDrops tells, per kind, what is left of 40 rows a side once both
// watermarks have passed them.
func TestIntervalJoinDrops(t *testing.T) {
	schema := optest.Schema(t, "k text, t int8, id int8, u int8")
	for _, c := range []struct {
		intervalCase
		left, right int
	}{
		{intervalCase{kind: InnerJoin, grow: true}, 0, 0},
		{intervalCase{kind: InnerJoin}, 2, 3},
		{intervalCase{kind: LeftJoin, grow: true}, 0, 0},
		{intervalCase{kind: AntiJoin}, 2, 5},
		{intervalCase{kind: InnerJoin, grow: true, noHigh: true}, 0, 40},
		{intervalCase{kind: InnerJoin, grow: true, noMarkR: true}, 40, 0},
		{intervalCase{kind: FullJoin, grow: true}, 40, 40},
		{intervalCase{grow: true, until: -1}, 0, 0},
		{intervalCase{grow: true, until: 1}, 0, 0},
	} {
		t.Run(c.String(), func(t *testing.T) {
			h := optest.New(t, []types.Schema{schema, schema}, c.build(t, schema), optest.Options{})
			for i := range 40 {
				h.PushText(0, fmt.Sprintf("+ a %d %d %d", i, i, i))
				h.PushText(1, fmt.Sprintf("+ a %d %d %d", i, i, i))
			}
			h.Barrier()
			at := int64(39)
			if c.grow {
				at = 100
			}
			h.Watermark(0, 1, at)
			if !c.noMarkR {
				h.Watermark(1, 1, at)
			}
			h.Barrier()
			if l, r := h.StateRows(TableRef{ID: 101}), h.StateRows(TableRef{ID: 102}); l != c.left || r != c.right {
				t.Fatalf("%d and %d rows are left, want %d and %d", l, r, c.left, c.right)
			}
		})
	}
}

// TestIntervalJoinInfinite: before there are watermarks nothing is behind them, not
// even what is infinitely long ago.
func TestIntervalJoinInfinite(t *testing.T) {
	schema := optest.Schema(t, "k text, t int8, id int8, u int8")
	c := intervalCase{grow: true}
	h := optest.New(t, []types.Schema{schema, schema}, c.build(t, schema), optest.Options{})
	defer h.Close()
	row := func(id int64) []optest.Change {
		return []optest.Change{{Op: stream.Insert, Row: optest.Row{types.BytesDatum("a"), types.IntDatum(math.MinInt64), types.IntDatum(id), types.IntDatum(0)}}}
	}
	h.Push(0, row(1))
	h.Barrier()
	h.Push(1, row(2))
	h.Barrier()
	if l, r := h.StateRows(TableRef{ID: 101}), h.StateRows(TableRef{ID: 102}); l != 1 || r != 1 {
		t.Fatalf("%d and %d rows are left, want 1 and 1", l, r)
	}
	h.Watermark(0, 1, 0)
	h.Watermark(1, 1, 0)
	h.Barrier()
	if l, r := h.StateRows(TableRef{ID: 101}), h.StateRows(TableRef{ID: 102}); l != 0 || r != 0 {
		t.Fatalf("%d and %d rows are left, want none", l, r)
	}
}
