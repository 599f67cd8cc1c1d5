package lower

import (
	"slices"

	"streamdb/executor/op"
	"streamdb/expr"
	"streamdb/expr/funcs"
	"streamdb/planner/logical"
)

// sessionAgg computes an aggregate by the partition and window of sessions without
// keeping rows (op.SessionAgg): they never go, a watermark closes sessions, and the
// states of the aggregates can be joined as sessions are. done nil: it is another
// one; over, if not nil, is then the rows of its input.
func (l *lowerer) sessionAgg(n *logical.Agg, items []logical.AggItem, below logical.Set) (done, over *rel, err error) {
	in, between := sessionBelow(n)
	if in == nil || !l.job || l.share.worth(n.In) != nil || l.share.worth(in) != nil || !bySession(n, in, items) {
		return nil, nil, nil
	}
	need, window := below, logical.SetOf(in.Start, in.End)
	if between != nil {
		var es []expr.Expr
		for _, it := range between.Items {
			if !below.Has(it.Col) {
				continue
			}
			if computesWindow(it, window) {
				return nil, nil, nil
			}
			es = append(es, it.E)
		}
		if err := l.noNow("the select list or a grouping", es...); err != nil {
			return nil, nil, err
		}
		need = logical.Cols(es...)
	}
	r, err := l.lower(in.In, union(union(need.Minus(window), in.Time), in.Partition...))
	if err != nil {
		return nil, nil, err
	}
	merged := r
	if between != nil {
		if merged, err = l.beforeSessions(in, between, r, below); err != nil {
			return nil, nil, err
		}
	}
	merge := r.appendOnly && r.marks.Has(in.Time)
	for _, it := range items {
		call := l.call(merged, it)
		merge = merge && call.CanMerge(merged.spec.Schema())
	}
	if merge {
		done, err = l.overSessions(n, in, items, merged, union(below.Minus(window), in.Time))
		return done, nil, err
	}
	if over, err = l.sessionOver(in, r, need); err == nil && between != nil {
		over = l.projectOver(between, over, below)
	}
	return nil, over, err
}

// overSessions puts a SessionAgg over rows, of which it reads the columns used.
func (l *lowerer) overSessions(n *logical.Agg, in *logical.Session, items []logical.AggItem, r *rel, used logical.Set) (*rel, error) {
	if ids := slices.DeleteFunc(slices.Clone(r.cols), func(id logical.ColID) bool { return !used.Has(id) }); l.parallel() && len(ids) < len(r.cols) {
		r = l.pick(r, ids) // before an exchange only what is used
	}
	r, err := l.exchange(r, in.Partition)
	if err != nil {
		return nil, err
	}
	l.ends.Add(in.End)
	window := append(slices.Clone(in.Partition), in.Start, in.End)
	s := &op.SessionAgg{In: r.spec, Time: r.pos(in.Time), Partition: r.posAll(in.Partition), Gap: in.Gap, EmitOnClose: l.opt.EmitOnClose,
		Sessions: l.table("sessions"), Closed: l.table("closed"), Dist: l.vnodeCols(r, in.Partition)}
	out := &rel{spec: s, cols: slices.Clone(n.Keys), key: slices.Clone(n.Keys), dist: r.dist, marks: logical.SetOf(in.End),
		appendOnly: s.EmitOnClose, final: s.EmitOnClose}
	for _, k := range n.Keys {
		s.Keys = append(s.Keys, slices.Index(window, k))
	}
	for _, it := range items {
		s.Aggs, out.cols = append(s.Aggs, l.call(r, it)), append(out.cols, it.Col)
	}
	s.Out = l.schema(out.cols)
	return out, nil
}

// sessionBelow is the sessions that an aggregate reads, and what is computed of their
// rows in between. nil: it reads something else.
func sessionBelow(n *logical.Agg) (*logical.Session, *logical.Project) {
	switch in := n.In.(type) {
	case *logical.Session:
		return in, nil
	case *logical.Project:
		s, _ := in.In.(*logical.Session)
		return s, in
	}
	return nil, nil
}

// bySession reports whether the groups of an aggregate are the sessions, and what it
// computes does not depend on where these begin and end.
func bySession(n *logical.Agg, in *logical.Session, items []logical.AggItem) bool {
	keys, window := logical.SetOf(n.Keys...), logical.SetOf(in.Start, in.End)
	if !keys.Has(in.End) || !logical.SetOf(in.Partition...).Subset(keys) || !keys.Subset(union(window, in.Partition...)) {
		return false
	}
	for _, it := range items {
		if it.Distinct || len(it.OrderBy) > 0 || window.Has(it.Filter) || slices.ContainsFunc(it.Args, window.Has) {
			return false
		}
	}
	return true
}

// computesWindow reports whether an item does anything with the window but pass it on.
func computesWindow(it logical.Item, window logical.Set) bool {
	c, ok := it.E.(*expr.Col)
	return logical.Cols(it.E).Meets(window) && !(ok && c.Index == it.Col)
}

// beforeSessions computes what an aggregate reads of the rows of sessions before they
// have one. Rows without a time are in none: nothing is computed of them.
func (l *lowerer) beforeSessions(in *logical.Session, n *logical.Project, r *rel, need logical.Set) (*rel, error) {
	timed, err := funcs.BindOperator(nil, "is_not_null", l.meta.Ref(in.Time))
	if err != nil {
		return nil, err
	}
	var items []logical.Item
	for _, id := range r.cols {
		if need.Has(id) || id == in.Time {
			items = append(items, logical.Item{Col: id, E: l.meta.Ref(id)})
		}
	}
	for _, it := range n.Items {
		if need.Has(it.Col) && it.Col != in.Start && it.Col != in.End && !r.has(it.Col) {
			items = append(items, it)
		}
	}
	return l.calc(r, timed, items), nil
}
