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
	out := *r
	out.spec = &op.EmitOnClose{In: r.spec, Time: r.pos(by), RowKey: r.posAll(r.key), AppendOnly: r.appendOnly,
		Rows: l.table("waiting"), Closed: l.table("closed"), Dist: l.vnodeCols(r, r.key)}
	out.appendOnly, out.final, out.marks = true, true, logical.SetOf(by)
	return &out, nil
}
