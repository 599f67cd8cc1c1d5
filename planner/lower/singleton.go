package lower

import (
	"slices"

	"streamdb/executor"
	"streamdb/executor/op"
	"streamdb/expr"
	"streamdb/planner/logical"
)

// oneRow reports whether a node certainly has at most one row, so that its stream
// key will be empty.
func oneRow(n logical.Node) bool {
	switch n := n.(type) {
	case *logical.Agg:
		return n.Scalar || len(n.Keys) == 0
	case *logical.SingleRow:
		return true
	case *logical.Values:
		return len(n.Rows) == 1
	case *logical.Project:
		return oneRow(n.In)
	case *logical.Filter:
		return oneRow(n.In)
	case *logical.Join:
		return n.Kind != logical.Full && oneRow(n.L) && (n.Kind == logical.Semi || n.Kind == logical.Anti || oneRow(n.R))
	}
	return false
}

// singleton lowers an inner join without equalities of rows with a side of at
// most one row; nil: it is not one.
func (l *lowerer) singleton(n *logical.Join, need logical.Set, on []expr.Expr) (*rel, error) {
	many, one := n.L, n.R
	if oneRow(many) {
		many, one = one, many
	}
	if oneRow(many) || !oneRow(one) {
		return nil, nil
	}
	mset, oset := logical.OutSet(many), logical.OutSet(one)
	var by string
	var sides []equi
	if len(on) == 1 {
		if k, x, ok := inequality(on[0], mset, oset); ok {
			by, sides = x, []equi{k}
		}
	}
	used := need.Union(logical.Cols(on...))
	mr, mcols, err := l.sideCols(many, used.Intersect(mset), sides, func(k equi) expr.Expr { return k.l }, on)
	if err != nil {
		return nil, err
	}
	or, ocols, err := l.sideCols(one, used.Intersect(oset), sides, func(k equi) expr.Expr { return k.r }, on)
	if err != nil {
		return nil, err
	}
	if mr, or, err = l.spread(mr, or); err != nil {
		return nil, err
	}
	both := &rel{cols: append(slices.Clone(mr.cols), or.cols...)}
	j := &op.SingletonJoin{Left: mr.spec, Right: or.spec, Cond: both.expr(expr.AndOf(on)), Op: by, RowKey: mr.posAll(mr.key),
		Rows: l.table("singleton-rows"), Held: l.table("singleton")}
	if by != "" {
		j.By, j.Value = mr.pos(mcols[0]), or.pos(ocols[0])
	}
	if mr.dist.kind == hashed {
		j.Dist = mr.posAll(mr.dist.cols)
	}
	out := &rel{key: mr.key, dist: mr.dist, appendOnly: mr.appendOnly && or.appendOnly}
	keep := union(need, out.key...)
	if out.dist.kind == hashed {
		keep = union(keep, out.dist.cols...)
	}
	j.Cols, out.cols = both.output(keep)
	j.Out = l.schema(out.cols)
	out.spec = j
	return out, nil
}

// spread brings a side of at most one row to wherever the rows of the other are.
func (l *lowerer) spread(many, one *rel) (*rel, *rel, error) {
	if !l.parallel() {
		return many, one, nil
	}
	var err error
	if known := many.dist.kind == hashed && logical.SetOf(many.dist.cols...).Subset(logical.SetOf(many.cols...)); many.dist.kind != single && !known {
		if many, err = l.exchange(many, many.key); err != nil {
			return nil, nil, err
		}
	}
	if one, err = l.exchange(one, nil); err != nil || many.dist.kind == single {
		return many, one, err
	}
	copy := *one
	in := &executor.Input{Cols: one.spec.Schema(), Dist: executor.Distribution{Kind: executor.Broadcast}}
	in.Fragment = l.end(one)
	copy.spec = in
	return many, &copy, nil
}
