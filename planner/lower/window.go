package lower

import (
	"cmp"
	"slices"

	"streamdb/executor/op"
	"streamdb/expr"
	"streamdb/internal/sqlerr"
	"streamdb/planner/logical"
	"streamdb/types"
)

// window becomes OverWindow for the calls that somebody reads. Rows come to
// where their partition is, as for an aggregation.
func (l *lowerer) window(n *logical.Window, need logical.Set) (*rel, error) {
	var calls []logical.WindowCall
	below := need.Clone()
	for _, c := range n.Calls {
		below.Remove(c.Col)
	}
	for _, c := range n.Calls {
		if need.Has(c.Col) {
			calls = append(calls, c)
			below.AddSet(c.Reads())
		}
	}
	if len(calls) == 0 {
		return l.lower(n.In, below)
	}
	below = union(below, n.Partition...)
	for _, k := range n.Keys {
		below = union(below, k.Col)
	}
	if l.opt.EmitOnClose {
		if m := l.aheadLast(n); m != nil {
			return l.window(m, need)
		}
	}
	r, err := l.lower(n.In, below)
	if err != nil {
		return nil, err
	}
	if out := l.numbered(n, calls, r); out != nil {
		return out, nil
	}
	if l.job {
		r = l.narrow(r, below)
		if len(n.Partition) == 0 || !(r.dist.kind == hashed && logical.SetOf(r.dist.cols...).Subset(logical.SetOf(n.Partition...))) {
			if r, err = l.exchange(r, n.Partition); err != nil {
				return nil, err
			}
		}
	}
	if l.opt.EmitOnClose { // a watermark passes what looks ahead by time, so that goes first
		timed, rest := l.inTimeFirst(calls)
		if len(timed) > 0 {
			if r, err = l.windowOver(r, n, timed); err != nil {
				return nil, err
			}
			calls = rest
		}
	}
	return l.windowOver(r, n, calls)
}

// numbered lets the top-N below a window, of the same groups in the same order, give
// the ROW_NUMBER() that is all that is asked of the window; nil: it cannot.
func (l *lowerer) numbered(n *logical.Window, calls []logical.WindowCall, r *rel) *rel {
	top, ok := r.spec.(*op.TopN)
	first, same := n.In.(*logical.Limit)
	if !ok || !same || !l.job || l.opt.EmitOnClose || len(calls) != 1 || calls[0].Func != "row_number" || top.Out != nil || !top.Numbers() ||
		!slices.Equal(first.Group, n.Partition) || !slices.Equal(first.Keys, n.Keys) {
		return nil
	}
	out, numbers := *r, *top
	out.cols = append(slices.Clone(r.cols), calls[0].Col)
	numbers.Out = l.schema(out.cols)
	out.spec = &numbers
	return &out
}

// windowOver is window for some of the calls, over rows that are in place.
func (l *lowerer) windowOver(r *rel, n *logical.Window, calls []logical.WindowCall) (*rel, error) {
	w := &op.OverWindow{In: r.spec, Partition: r.posAll(n.Partition), Keys: l.sortKeys(r, n.Keys), Rows: l.table("window")}
	out := *r
	out.cols = slices.Clone(r.cols)
	for _, c := range calls {
		call, err := l.windowCall(r, &c, len(n.Keys))
		if err != nil {
			return nil, err
		}
		w.Calls = append(w.Calls, call)
		out.cols = append(out.cols, c.Col)
	}
	if l.job {
		w.RowKey, w.Dist = r.posAll(r.key), l.vnodeCols(r, n.Partition)
	}
	w.Out = l.schema(out.cols)
	out.spec = w
	l.closeWindow(w, n, calls, r, &out)
	return &out, nil
}

// How a call looks ahead, beyond peers, as far as its form tells.
const (
	aheadNot = iota
	aheadInRows
	aheadInTime
)

func (l *lowerer) ahead(c *logical.WindowCall) int {
	if c.Func == "lead" || c.Func == "lag" {
		shift := int64(1)
		if c.Shift != nil {
			d, err := l.constant(c.Shift)
			if err != nil {
				return aheadNot // windowCall says so
			}
			shift = d.I
		}
		if c.ShiftCol != 0 || (shift > 0) == (c.Func == "lead") && shift != 0 {
			return aheadInRows
		}
		return aheadNot
	}
	switch {
	case c.Func != "" && c.Func != "first_value" && c.Func != "last_value" && c.Func != "nth_value" || op.BoundKind(c.Frame.End.Kind) != op.Following:
		return aheadNot
	case c.Frame.Mode == logical.RangeFrame:
		return aheadInTime
	}
	return aheadInRows
}

// inTimeFirst takes the calls that look ahead by time apart from others if some of
// those do by rows.
func (l *lowerer) inTimeFirst(calls []logical.WindowCall) (timed, rest []logical.WindowCall) {
	byRows := false
	for _, c := range calls {
		switch l.ahead(&c) {
		case aheadInTime:
			timed = append(timed, c)
			continue
		case aheadInRows:
			byRows = true
		}
		rest = append(rest, c)
	}
	if !byRows {
		return nil, calls
	}
	return timed, rest
}

// aheadLast is windows one over the other with those that look ahead by rows
// above those that do not: no watermark passes what does. nil: they are right as
// they are.
func (l *lowerer) aheadLast(n *logical.Window) *logical.Window {
	below, ok := n.In.(*logical.Window)
	if ok {
		if m := l.aheadLast(below); m != nil {
			over := *n
			over.In = m
			return cmp.Or(l.aheadLast(&over), &over)
		}
	}
	inRows := func(c logical.WindowCall) bool { return l.ahead(&c) == aheadInRows }
	if !ok || slices.ContainsFunc(n.Calls, inRows) || !slices.ContainsFunc(below.Calls, inRows) {
		return nil
	}
	reads := logical.SetOf(n.Partition...)
	for _, k := range n.Keys {
		reads = union(reads, k.Col)
	}
	for _, c := range n.Calls {
		reads.AddSet(c.Reads())
	}
	for _, c := range below.Calls {
		if reads.Has(c.Col) {
			return nil
		}
	}
	first, last := *n, *below
	first.In, last.In = below.In, &first
	return &last
}

func (l *lowerer) windowCall(r *rel, c *logical.WindowCall, keys int) (op.WindowCall, error) {
	at := func(id logical.ColID) int {
		if id == 0 {
			return -1
		}
		return r.pos(id)
	}
	out := op.WindowCall{Func: c.Func, Agg: c.Agg, Args: r.posAll(c.Args), Filter: at(c.Filter), ShiftCol: at(c.ShiftCol),
		Default: at(c.Default), IgnoreNulls: c.IgnoreNulls, T: l.meta.Cols[c.Col].Type}
	if c.Shift != nil {
		d, err := l.constant(c.Shift)
		if err != nil {
			return out, err
		}
		out.Shift, out.NullShift = d.I, d.Null
	}
	if c.Func != "" && c.Func != "first_value" && c.Func != "last_value" && c.Func != "nth_value" {
		return out, nil // looks at the partition, not at a frame
	}
	f := &out.Frame
	f.Mode, f.Exclude = op.FrameMode(c.Frame.Mode), op.FrameExclude(c.Frame.Exclude)
	var err error
	if f.Start, err = l.frameBound(r, &c.Frame, &c.Frame.Start, "starting"); err != nil {
		return out, err
	}
	if f.End, err = l.frameBound(r, &c.Frame, &c.Frame.End, "ending"); err != nil {
		return out, err
	}
	if keys == 0 && f.Mode == op.RangeFrame { // all rows are peers
		if f.Start.Kind == op.CurrentRow {
			f.Start.Kind = op.UnboundedPreceding
		}
		if f.End.Kind == op.CurrentRow {
			f.End.Kind = op.UnboundedFollowing
		}
	}
	return out, nil
}

// frameBound evaluates the offset of a bound. Errors: 22004, 22013.
func (l *lowerer) frameBound(r *rel, f *logical.Frame, b *logical.FrameBound, side string) (op.FrameBound, error) {
	out := op.FrameBound{Kind: op.BoundKind(b.Kind)}
	if b.Offset == nil {
		return out, nil
	}
	d, err := l.constant(b.Offset)
	if err != nil {
		return out, err
	}
	if d.Null {
		return out, sqlerr.New(sqlerr.NullValueNotAllowed, "frame %s offset must not be null", side)
	}
	if f.Mode == logical.RangeFrame {
		if negative(b.Offset.Type(), d) {
			return out, sqlerr.New(sqlerr.InvalidPrecedingOrFollowing, "invalid preceding or following size in window function")
		}
		out.Col = r.pos(b.Col)
		return out, nil
	}
	if out.N = d.I; out.N < 0 {
		return out, sqlerr.New(sqlerr.InvalidPrecedingOrFollowing, "frame %s offset must not be negative", side)
	}
	return out, nil
}

// framesReach is the greatest distance that a RANGE frame goes behind and ahead of
// a row, at least 1; 0 if there is none, or it is not known. In time a month counts
// as 31 days. steady: no such frame of a row is before that of an earlier one.
func (l *lowerer) framesReach(calls []logical.WindowCall) (behind, ahead int64, steadily bool) {
	steadily = true
	for i := range calls {
		f := &calls[i].Frame
		if f.Mode != logical.RangeFrame {
			continue
		}
		for _, b := range []*logical.FrameBound{&f.Start, &f.End} {
			if b.Offset == nil {
				continue
			}
			d, err := l.constant(b.Offset)
			if err != nil || d.Null {
				continue // windowCall says so
			}
			steadily = steadily && steady(b.Offset.Type(), d)
			n := offsetReach(b.Offset.Type(), d)
			switch {
			case b == &f.End && op.BoundKind(b.Kind) == op.Following:
				ahead = further(ahead, n)
			case b == &f.Start && op.BoundKind(b.Kind) == op.Preceding:
				behind = further(behind, n)
			}
		}
	}
	return max(behind, 0), max(ahead, 0), steadily
}

// further is the greater of two distances, one of which may be unknown: -1.
func further(a, b int64) int64 {
	if a < 0 || b < 0 {
		return -1
	}
	return max(a, b)
}

// offsetReach is an offset of a RANGE frame in the units of watermarks, at least 1; -1:
// that is not known.
func offsetReach(t types.T, d types.Datum) int64 {
	n := d.I
	if t.ID == types.Interval {
		span := types.DecodeInterval([]byte(d.S))
		days := float64(span.Days) + 31*float64(span.Months)
		if days*float64(types.Day)+float64(span.Micros) > 1<<62 {
			return -1
		}
		n = (int64(span.Days)+31*int64(span.Months))*types.Day + span.Micros
	} else if !t.IsInteger() {
		return -1
	}
	return min(max(n, 1), 1<<62)
}

// negative reports whether a distance is below zero, or NaN.
func negative(t types.T, d types.Datum) bool {
	text := "0"
	if t.ID == types.Interval {
		text = "00:00:00"
	}
	zero, err := types.ParseText(t, text, nil)
	if t.ID == types.Float8 && d.F != d.F {
		return true
	}
	return err == nil && types.Compare(t, d, zero) < 0
}

// windowOffset recognises the rows at numbers in a range of which, below the
// window, only the first ones are taken (see rule.window), where nobody reads the
// number: it is a limit and an offset then, and there is no window. RANK() has gaps,
// so that the numbers above one of its are not an offset.
func windowOffset(n *logical.Filter, need logical.Set) *logical.Limit {
	w, ok := n.In.(*logical.Window)
	if !ok || len(w.Calls) != 1 || need.Has(w.Calls[0].Col) {
		return nil
	}
	fn := w.Calls[0].Func
	top, ok := w.In.(*logical.Limit)
	if !ok || top.Offset != nil || !slices.Equal(top.Group, w.Partition) || !slices.Equal(top.Keys, w.Keys) {
		return nil
	}
	if top.WithTies != (fn == "rank" || fn == "dense_rank") || top.Dense != (fn == "dense_rank") {
		return nil
	}
	first, last := int64(1), int64(-1)
	for _, c := range n.Conds {
		name, k, ok := logical.Against(c, w.Calls[0].Col)
		switch {
		case !ok:
			return nil
		case name == ">":
			first = max(first, k+1)
		case name == ">=":
			first = max(first, k)
		case name == "=":
			first = max(first, k)
			fallthrough
		case name == "<=":
			last = least(last, k)
		case name == "<":
			last = least(last, k-1)
		}
	}
	if last < 0 || first > 1 && fn == "rank" {
		return nil
	}
	out := *top
	int8T := types.Of(types.Int8)
	out.Limit = &expr.Const{Value: types.IntDatum(max(0, last-first+1)), T: int8T}
	if first > 1 {
		out.Offset = &expr.Const{Value: types.IntDatum(first - 1), T: int8T}
	}
	return &out
}

// least is the lesser of two bounds, of which the first may be none: -1.
func least(a, b int64) int64 {
	if a < 0 {
		return b
	}
	return min(a, b)
}
