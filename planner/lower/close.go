package lower

import (
	"slices"

	"streamdb/catalog"
	"streamdb/executor/op"
	"streamdb/internal/sqlerr"
	"streamdb/planner/logical"
)

// This file is what the plan knows of watermarks: which columns have them, which
// operators drop state by them, and where EMIT ON WINDOW CLOSE holds rows back.

// watermarked are the positions of a stored relation's columns on which its
// changes carry watermarks.
func watermarked(o *catalog.Object) []int {
	if o.Kind == catalog.Table && o.Watermark != nil {
		return []int{o.Watermark.Col}
	}
	return o.Marks
}

// marked are the positions in ids of columns with watermarks.
func marked(r *rel, ids []logical.ColID) []int {
	var out []int
	for i, id := range ids {
		if r.marks.Has(id) {
			out = append(out, i)
		}
	}
	return out
}

// closeGroups lets an aggregate forget the groups that a watermark has passed,
// and hold its results back until then where it is asked to. Of several keys with
// watermarks the end of a window is best: it is passed first.
func (l *lowerer) closeGroups(agg *op.HashAgg, out *rel, r *rel) {
	keys := out.key
	for i, k := range keys {
		if !r.marks.Has(k) {
			continue
		}
		out.marks = union(out.marks, k)
		if agg.WindowKey < 0 || l.ends.Has(k) && !l.ends.Has(keys[agg.WindowKey]) {
			agg.WindowKey = i
		}
	}
	if agg.WindowKey < 0 {
		return
	}
	agg.Closed = l.table("closed")
	if l.opt.EmitOnClose && !(r.final && r.appendOnly && len(agg.Aggs) == 0) {
		agg.EmitOnClose = true
		out.final = true
	}
}

// closeRanks lets a top-N forget groups, and says which columns keep their
// watermarks: those of the group; and the first sort key, if it ascends, as rows
// at or below a watermark then only have earlier rows before them.
func (l *lowerer) closeRanks(top *op.TopN, n *logical.Limit, r *rel) logical.Set {
	var marks logical.Set
	if !l.job {
		return marks
	}
	for i, g := range n.Group {
		if r.marks.Has(g) {
			marks = union(marks, g)
			if top.Closed.ID == 0 {
				top.WindowKey, top.Closed = i, l.table("closed")
			}
		}
	}
	if k := n.Keys; len(k) > 0 && !k[0].Desc && !k[0].NullsFirst && r.marks.Has(k[0].Col) {
		marks = union(marks, k[0].Col)
	}
	return marks
}

// emitOnClose holds the rows of a result back until a watermark has passed them.
// ids are the columns of the result, in order: the first one with a watermark
// decides, else one of the stream key.
func (l *lowerer) emitOnClose(r *rel, ids []logical.ColID) (*rel, error) {
	if !l.opt.EmitOnClose || r.final && r.appendOnly {
		return r, nil
	}
	var by logical.ColID
	for _, id := range append(slices.Clone(ids), r.key...) {
		if r.marks.Has(id) {
			by = id
			break
		}
	}
	if by == 0 {
		return nil, sqlerr.Unsupported("EMIT ON WINDOW CLOSE for a query whose result has no column with a watermark").
			WithHint("Declare WATERMARK FOR on a column of the source (or of an append-only table), select that column or a window's start or end, and GROUP BY it where the query aggregates.")
	}
	var err error
	r = l.narrow(r, union(logical.SetOf(ids...), by))
	if l.parallel() && r.dist.kind != single && !(r.dist.kind == hashed && logical.SetOf(r.dist.cols...).Subset(logical.SetOf(r.key...))) {
		if r, err = l.exchange(r, r.key); err != nil {
			return nil, err
		}
	}
	return l.holdBack(r, by, r.key), nil
}

// holdBack keeps rows until the watermark on column by has passed them. key tells
// them apart, and says where they are.
func (l *lowerer) holdBack(r *rel, by logical.ColID, key []logical.ColID) *rel {
	out := *r
	out.spec = &op.EmitOnClose{In: r.spec, Time: r.pos(by), RowKey: r.posAll(key), AppendOnly: r.appendOnly,
		Rows: l.table("waiting"), Closed: l.table("closed"), Dist: l.vnodeCols(r, key)}
	out.appendOnly, out.final, out.marks = true, true, logical.SetOf(by)
	return &out
}

// closeWindow lets windows forget partitions, or rows that are far behind in their
// order, and says which columns keep their watermarks. Where EMIT ON WINDOW CLOSE
// asks for frames that reach a number of rows ahead, no watermark says when they
// are complete: rows then come to the window when those before them are, and leave
// it when those that they reach have come.
func (l *lowerer) closeWindow(w *op.OverWindow, n *logical.Window, calls []logical.WindowCall, r, out *rel) {
	out.appendOnly, out.final, out.marks = false, false, r.marks.Intersect(logical.SetOf(n.Partition...))
	if !l.job {
		return
	}
	for i, c := range n.Partition {
		if r.marks.Has(c) && w.Closed.ID == 0 {
			w.WindowKey, w.Closed = i, l.table("closed")
		}
	}
	var steady bool
	w.Behind, w.Ahead, steady = l.framesReach(calls)
	if !w.Ascends() || !r.marks.Has(n.Keys[0].Col) {
		return
	}
	by := n.Keys[0].Col
	if w.PassesOrder() {
		out.marks = union(out.marks, by)
	}
	if w.Closed.ID != 0 {
		return
	}
	if l.opt.EmitOnClose && !w.PassesOrder() && w.FillsFrames() {
		w.In = l.holdBack(r, by, union(logical.SetOf(r.key...), n.Partition...).IDs()).spec
		w.Final, out.appendOnly, out.final = true, true, true
	}
	if w.Forget = steady && w.Forgets(); w.Forget && !w.Final {
		w.Closed = l.table("closed")
	}
}
