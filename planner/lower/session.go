package lower

import (
	"slices"

	"streamdb/executor/op"
	"streamdb/planner/logical"
)

// session becomes op.Session: over sorted rows in a SELECT.
func (l *lowerer) session(n *logical.Session, need logical.Set) (*rel, error) {
	r, err := l.lower(n.In, union(union(need, n.Time), n.Partition...))
	if err != nil {
		return nil, err
	}
	return l.sessionOver(n, r, need)
}

// sessionOver is session over lowered rows. Of the windows only the end has
// watermarks: an open session may have begun long ago.
func (l *lowerer) sessionOver(n *logical.Session, r *rel, need logical.Set) (*rel, error) {
	var err error
	l.ends.Add(n.End)
	s := &op.Session{Gap: n.Gap}
	if !l.job {
		var keys []op.SortKey
		for _, c := range append(slices.Clone(n.Partition), n.Time) {
			keys = append(keys, op.SortKey{Col: r.pos(c)})
		}
		out := *r
		s.In = &op.Sort{In: r.spec, Keys: keys}
		s.Time, s.Partition = r.pos(n.Time), r.posAll(n.Partition)
		out.cols = append(slices.Clone(r.cols), n.Start, n.End)
		s.Out = l.schema(out.cols)
		out.spec = s
		return &out, nil
	}
	r = l.narrow(r, union(union(need, n.Time), n.Partition...))
	if r, err = l.exchange(r, n.Partition); err != nil {
		return nil, err
	}
	out := *r
	s.In, s.Time, s.Partition, s.RowKey, s.AppendOnly = r.spec, r.pos(n.Time), r.posAll(n.Partition), r.posAll(r.key), r.appendOnly
	s.Rows, s.Sessions, s.Ends, s.Dist = l.table("rows"), l.table("sessions"), l.table("ends"), l.vnodeCols(r, n.Partition)
	out.cols = append(slices.Clone(r.cols), n.Start, n.End)
	out.appendOnly, out.final, out.marks = false, false, logical.Set{}
	if r.marks.Has(n.Time) {
		s.Closes, s.Closed = true, l.table("closed")
		s.EmitOnClose = l.opt.EmitOnClose
		out.appendOnly, out.final = s.EmitOnClose, s.EmitOnClose
		out.marks = logical.SetOf(n.End)
	}
	s.Out = l.schema(out.cols)
	out.spec = s
	return &out, nil
}
