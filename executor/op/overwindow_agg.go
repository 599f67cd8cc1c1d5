package op

import (
	"streamdb/expr"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// winCheck is a running aggregate over the rows before row, kept so that a
// change far down a long partition need not read all of it.
type winCheck struct {
	row   int
	state []byte
}

// winCheckRows is how many rows are between two of them.
var winCheckRows = 1024

// runs reports whether the call's state only ever takes rows from the start of
// the partition on.
func (c *windowCall) runs() bool {
	return c.state != nil && c.Frame.Start.Kind == UnboundedPreceding && c.Frame.Exclude == ExcludeNoOthers
}

// resume is the row up to which a kept state spares reading the rows before a.
func (c *windowCall) resume(p *winPart, a int) int {
	if ck := c.check(p, a); ck != nil {
		return ck.row
	}
	return 0
}

// check is the last kept state that the results from row a on may go on from.
func (c *windowCall) check(p *winPart, a int) *winCheck {
	if c.Func != "" || !c.runs() || c.idx >= len(p.checks) {
		return nil
	}
	list := p.checks[c.idx]
	for k := len(list) - 1; k >= 0; k-- {
		if list[k].row <= a {
			return &list[k]
		}
	}
	return nil
}

// keep notes the state over the rows before row.
func (c *windowCall) keep(p *winPart, row int) {
	if p.checks == nil {
		return
	}
	list := p.checks[c.idx]
	if len(list) > 0 && list[len(list)-1].row >= row {
		return
	}
	p.checks[c.idx] = append(list, winCheck{row, c.state.Encode(0, nil)})
}

// winAgg is one aggregate over one section.
type winAgg struct {
	*windowCall
	eval *windowEval
	ctx  *expr.Ctx
	p    *winPart
	fr   *winFrames
	list *rowList
	args []vec.Vec
	zero []int32
	neg  []stream.Op
	out  *vec.Builder
}

var firstGroup = []int32{0}

func (w *windowEval) aggregate(ctx *expr.Ctx, p *winPart, c *windowCall, from, to int, out *vec.Builder) error {
	if c.total() {
		v, err := w.whole(ctx, p, c)
		for range to - from {
			if err == nil {
				out.AppendFrom(v, 0)
			}
		}
		return err
	}
	fr := w.frames().compute(p, &c.Frame, from, to)
	if c.def.IsCountStar() && c.Filter < 0 {
		for i := from; i < to; i++ {
			n := 0
			for _, s := range fr.segments(i) {
				n += s[1] - s[0]
			}
			out.AppendInt(int64(n))
		}
		return nil
	}
	a := w.agg(ctx, p, c, out)
	a.fr = fr
	switch {
	case c.runs():
		return a.running(from, to)
	case c.shrinks():
		return a.backward(from, to)
	case c.state != nil && c.def.Retractable:
		return a.sliding(from, to)
	case c.def.Extreme != 0:
		a.extreme(from, to)
		return nil
	case c.stacks():
		return a.twoStacks(from, to)
	}
	return a.each(from, to)
}

// agg is the call over the section of p.
func (w *windowEval) agg(ctx *expr.Ctx, p *winPart, c *windowCall, out *vec.Builder) *winAgg {
	for len(w.zeros) < p.view {
		w.zeros, w.minus = append(w.zeros, 0), append(w.minus, stream.Delete)
	}
	a := &winAgg{windowCall: c, eval: w, ctx: ctx, p: p, zero: w.zeros[:p.view], neg: w.minus[:p.view], out: out}
	for _, x := range c.Args {
		a.args = append(a.args, p.cols[x])
	}
	a.list = w.listRows(p, a.counts())
	return a
}

// counts says which rows of the section the aggregate sees; nil: all.
func (a *winAgg) counts() func(i int) bool {
	strict := a.state == nil && !a.def.NotStrict || a.def.Extreme != 0
	if a.Filter < 0 && !strict {
		return nil
	}
	return func(i int) bool {
		if a.Filter >= 0 {
			if f := &a.p.cols[a.Filter]; f.Null(i) || !f.Bool[i&f.Mask()] {
				return false
			}
		}
		return !strict || !anyNull(a.args, i)
	}
}

// add puts the rows from .. to-1 into the state, remove takes them out.
func (a *winAgg) add(from, to int) error {
	if rows := a.list.between(from, to); len(rows) > 0 {
		return a.state.Update(a.zero, a.args, nil, rows, a.p.view)
	}
	return nil
}

func (a *winAgg) remove(from, to int) error {
	if rows := a.list.between(from, to); len(rows) > 0 {
		return a.state.Update(a.zero, a.args, a.neg, rows, a.p.view)
	}
	return nil
}

func (a *winAgg) result() error { return a.state.Result(a.ctx, firstGroup, a.out) }

// again repeats the last result.
func (a *winAgg) again() {
	v := a.out.Vec()
	a.out.AppendFrom(&v, v.N-1)
}

// running is for frames that only grow at their end.
func (a *winAgg) running(from, to int) error {
	at := 0
	a.state.Reset(0)
	if a.p.checks != nil {
		end, err := a.eval.endOf(a.p, a.windowCall, from)
		if err != nil {
			return err
		}
		if ck := a.check(a.p, end); ck != nil {
			at = ck.row
			if _, err := a.state.Decode(0, ck.state); err != nil {
				return err
			}
		}
	}
	for i := from; i < to; i++ {
		end := int(a.fr.end[i-from])
		if i > from && end == at {
			a.again()
			continue
		}
		for at < end {
			next := min(end, (at/winCheckRows+1)*winCheckRows)
			if err := a.add(at, next); err != nil {
				return err
			}
			if at = next; at%winCheckRows == 0 {
				a.keep(a.p, at)
			}
		}
		if err := a.result(); err != nil {
			return err
		}
	}
	return nil
}

// backward is for frames that only shrink, at their start: they grow when seen
// from the last row back.
func (a *winAgg) backward(from, to int) error {
	out := a.out
	a.out = vec.NewBuilder(out.Layout, to-from)
	a.state.Reset(0)
	at := a.p.total
	if t, err := a.eval.tail(a.p, a.windowCall, to); err != nil {
		return err
	} else if t != nil {
		at = t.row
		if _, err := a.state.Decode(0, t.state); err != nil {
			return err
		}
	}
	for i := to - 1; i >= from; i-- {
		start := int(a.fr.start[i-from])
		if i < to-1 && start == at {
			a.again()
			continue
		}
		if err := a.add(start, at); err != nil {
			return err
		}
		at = start
		if err := a.result(); err != nil {
			return err
		}
	}
	v := a.out.Vec()
	for k := v.N - 1; k >= 0; k-- {
		out.AppendFrom(&v, k)
	}
	return nil
}

// sliding adds the rows that come into the frame and retracts those that leave
// it; what a row's frame leaves out is retracted for its result only.
func (a *winAgg) sliding(from, to int) error {
	a.state.Reset(0)
	lo, hi := 0, 0
	for i := from; i < to; i++ {
		s, e := int(a.fr.start[i-from]), int(a.fr.end[i-from])
		same := i > from && s == lo && e == hi && a.Frame.Exclude == ExcludeNoOthers
		if same {
			a.again()
			continue
		}
		if s >= hi {
			a.state.Reset(0)
			lo, hi = s, s
		} else if err := a.remove(lo, s); err != nil {
			return err
		}
		if err := a.add(hi, e); err != nil {
			return err
		}
		lo, hi = s, max(hi, e)
		left := a.fr.left(i)
		for _, x := range left {
			if err := a.remove(x[0], x[1]); err != nil {
				return err
			}
		}
		if err := a.result(); err != nil {
			return err
		}
		for _, x := range left {
			if err := a.add(x[0], x[1]); err != nil {
				return err
			}
		}
	}
	return nil
}

// extreme is min and max over any frame: a tree over the section's rows holds
// the extreme of each stretch of rows.
func (a *winAgg) extreme(from, to int) {
	n := a.p.view
	tree := make([]int32, 2*n)
	for i := range tree {
		tree[i] = -1
	}
	for _, r := range a.list.rows {
		tree[n+int(r)] = r
	}
	v, t, sign := &a.args[0], a.types[0], a.def.Extreme
	better := func(x, y int32) int32 {
		if x < 0 || y >= 0 && types.Compare(t, keyDatum(v, int(y)), keyDatum(v, int(x)))*sign > 0 {
			return y
		}
		return x
	}
	for i := n - 1; i > 0; i-- {
		tree[i] = better(tree[2*i], tree[2*i+1])
	}
	for i := from; i < to; i++ {
		best := int32(-1)
		for _, s := range a.fr.segments(i) {
			if s[0] >= s[1] {
				continue
			}
			for l, r := s[0]-a.p.base+n, s[1]-a.p.base+n; l < r; l, r = l/2, r/2 {
				if l&1 == 1 {
					best = better(best, tree[l])
					l++
				}
				if r&1 == 1 {
					r--
					best = better(best, tree[r])
				}
			}
		}
		if best < 0 {
			a.out.AppendNull()
		} else {
			a.out.AppendFrom(v, int(best))
		}
	}
}

// each computes every frame by itself: for aggregates that cannot give rows back.
func (a *winAgg) each(from, to int) error {
	var last [3][2]int
	var rows []int32
	for i := from; i < to; i++ {
		segs := a.fr.segments(i)
		if i > from && segs == last {
			a.again()
			continue
		}
		last = segs
		rows = rows[:0]
		for _, s := range segs {
			rows = append(rows, a.list.between(s[0], s[1])...)
		}
		if a.state != nil {
			a.state.Reset(0)
			if len(rows) > 0 {
				if err := a.state.Update(a.zero, a.args, nil, rows, a.p.view); err != nil {
					return err
				}
			}
			if err := a.result(); err != nil {
				return err
			}
			continue
		}
		cols := make([]vec.Vec, len(a.args))
		for k := range a.args {
			cols[k] = a.args[k].Gather(rows)
		}
		d, err := a.def.FinalOf(a.ctx, a.types, cols, len(rows))
		if err != nil {
			return err
		}
		a.out.AppendDatum(d)
	}
	return nil
}
