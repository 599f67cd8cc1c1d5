package lower

import (
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
	r, err := l.lower(n.In, below)
	if err != nil {
		return nil, err
	}
	if l.job {
		r = l.narrow(r, below)
		if len(n.Partition) == 0 || !(r.dist.kind == hashed && logical.SetOf(r.dist.cols...).Subset(logical.SetOf(n.Partition...))) {
			if r, err = l.exchange(r, n.Partition); err != nil {
				return nil, err
			}
		}
	}
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
	out.spec, out.appendOnly, out.final, out.marks = w, false, false, r.marks.Intersect(logical.SetOf(n.Partition...))
	for i, c := range n.Partition {
		if l.job && r.marks.Has(c) && w.Closed.ID == 0 {
			w.WindowKey, w.Closed = i, l.table("closed")
		}
	}
	if l.job {
		w.Ahead = l.framesAhead(calls)
	}
	if l.job && w.PassesOrder() && r.marks.Has(n.Keys[0].Col) {
		out.marks = union(out.marks, n.Keys[0].Col)
	}
	return &out, nil
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

// framesAhead is the greatest distance that a RANGE frame goes ahead of a row, at
// least 1; 0 if there is none. In time a month counts as 31 days.
func (l *lowerer) framesAhead(calls []logical.WindowCall) (ahead int64) {
	for i := range calls {
		f := &calls[i].Frame
		if f.Mode != logical.RangeFrame || f.End.Offset == nil || op.BoundKind(f.End.Kind) != op.Following {
			continue
		}
		d, err := l.constant(f.End.Offset)
		if err != nil || d.Null {
			continue // windowCall says so
		}
		n := d.I
		if f.End.Offset.Type().ID == types.Interval {
			span := types.DecodeInterval([]byte(d.S))
			days := float64(span.Days) + 31*float64(span.Months)
			if days*float64(types.Day)+float64(span.Micros) > 1<<62 {
				return 0
			}
			n = (int64(span.Days)+31*int64(span.Months))*types.Day + span.Micros
		} else if !f.End.Offset.Type().IsInteger() {
			return 0
		}
		ahead = max(ahead, n, 1)
	}
	return min(ahead, 1<<62)
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

// windowOffset recognises the rows at numbers above a bound of which, below the
// window, only the first ones are taken (see rule.window), where nobody reads the
// number: it is an offset then, and there is no window.
func windowOffset(n *logical.Filter, need logical.Set) *logical.Limit {
	w, ok := n.In.(*logical.Window)
	if !ok || len(w.Calls) != 1 || w.Calls[0].Func != "row_number" || need.Has(w.Calls[0].Col) {
		return nil
	}
	top, ok := w.In.(*logical.Limit)
	if !ok || top.Offset != nil || top.WithTies || !slices.Equal(top.Group, w.Partition) || !slices.Equal(top.Keys, w.Keys) {
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
	if last < 0 {
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
