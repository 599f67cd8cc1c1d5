package lower

import (
	"slices"

	"streamdb/executor"
	"streamdb/executor/op"
	"streamdb/expr"
	"streamdb/internal/sqlerr"
	"streamdb/planner/logical"
)

// lookup lowers a join by look-up.
func (l *lowerer) lookup(n *logical.LookupJoin, need logical.Set) (*rel, error) {
	if n.Mode == logical.Temporal {
		if !l.job { // the version of now is what there is
			return l.join(&logical.Join{Kind: n.Kind, L: n.L, R: n.R, On: n.On}, need)
		}
		return l.temporal(n, need)
	}
	return nil, sqlerr.Unsupported("ASOF JOIN")
}

// temporal becomes TemporalJoin: the equalities are its keys, the rest its residual.
func (l *lowerer) temporal(n *logical.LookupJoin, need logical.Set) (*rel, error) {
	lset, rset := logical.OutSet(n.L), logical.OutSet(n.R)
	keys, rest := joinParts(n.On, lset, rset)
	used := need.Union(logical.Cols(n.On...))
	lr, lkeys, err := l.side(n.L, used.Intersect(lset), keys, func(k equi) expr.Expr { return k.l }, rest)
	if err != nil {
		return nil, err
	}
	before := len(l.frags)
	rr, rkeys, err := l.side(n.R, used.Intersect(rset), keys, func(k equi) expr.Expr { return k.r }, rest)
	if err != nil {
		return nil, err
	}
	kind := joinKinds[n.Kind]
	both := &rel{cols: append(slices.Clone(lr.cols), rr.cols...)}
	j := &op.TemporalJoin{Left: lr.spec, Right: rr.spec, Type: kind, Residual: both.expr(expr.AndOf(rest)),
		R: l.joinSide(rr, rkeys, "temporal-right"), Wait: tell(rr.spec, l.frags[before:]), Held: l.table("temporal-held")}
	j.L = op.JoinSide{Keys: lr.posAll(lkeys), RowKey: lr.posAll(lr.key), WindowKey: -1, AppendOnly: lr.appendOnly}
	if !lr.appendOnly {
		j.L.Table = l.table("temporal-given")
	}
	for _, k := range keys {
		j.NullSafe = append(j.NullSafe, k.nullSafe)
	}
	out := &rel{key: joinKey(n.Kind, lr, rr, lkeys, rkeys), appendOnly: lr.appendOnly, dist: joinDist(n.Kind, lr, lkeys, rkeys)}
	keep := union(need, out.key...)
	if out.dist.kind == hashed {
		keep = union(keep, out.dist.cols...)
	}
	j.Cols, out.cols = both.output(keep)
	out.marks = lr.marks.Intersect(logical.SetOf(out.cols...))
	j.Out = l.schema(out.cols)
	out.spec = j
	return out, nil
}

// tell makes the backfill of a side, in this fragment or in those before it,
// announce its end. False if there is none.
func tell(spec executor.Spec, before []executor.Fragment) bool {
	found := false
	mark := func(s executor.Spec) {
		if b, ok := s.(*op.Backfill); ok {
			b.Tell, found = true, true
		}
	}
	executor.Walk(spec, mark)
	for _, f := range before {
		executor.Walk(f.Root, mark)
	}
	return found
}
