package lower

import (
	"slices"

	"streamdb/catalog"
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
	return l.asOf(n, need)
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
	rr, rkeys, err := l.side(n.R, used.Intersect(rset), keys, func(k equi) expr.Expr { return k.r }, rest)
	if err != nil {
		return nil, err
	}
	right := l.backfills(rr.spec, nil)
	for _, b := range right {
		b.Tell = true
	}
	for _, b := range l.backfills(lr.spec, right)[len(right):] { // so that few rows wait
		for _, r := range right {
			l.readAfter(b, r)
		}
	}
	both := &rel{cols: append(slices.Clone(lr.cols), rr.cols...)}
	j := &op.TemporalJoin{Left: lr.spec, Right: rr.spec, Type: joinKinds[n.Kind], Residual: both.expr(expr.AndOf(rest)),
		R: l.joinSide(rr, rkeys, "temporal-right"), Wait: len(right) > 0, Held: l.table("temporal-held")}
	j.L = op.JoinSide{Keys: lr.posAll(lkeys), RowKey: lr.posAll(lr.key), WindowKey: -1, AppendOnly: lr.appendOnly}
	if !lr.appendOnly {
		j.L.Table = l.table("temporal-given")
	}
	j.Early = lr.appendOnly && leavesAre(n.L, func(x logical.Node) bool { _, ok := x.(*logical.SourceScan); return ok }) &&
		leavesAre(n.R, func(x logical.Node) bool { s, ok := x.(*logical.Scan); return ok && s.Obj.Kind == catalog.Table })
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

// leavesAre reports whether all nodes without an input are such.
func leavesAre(n logical.Node, such func(logical.Node) bool) bool {
	all := true
	logical.WalkTree(n, func(x logical.Node) {
		all = all && (len(x.Inputs()) > 0 || such(x))
	})
	return all
}

// asOf becomes AsOfJoin: the equalities are its keys, the inequality its time.
func (l *lowerer) asOf(n *logical.LookupJoin, need logical.Set) (*rel, error) {
	lset, rset := logical.OutSet(n.L), logical.OutSet(n.R)
	keys, rest := joinParts(n.On, lset, rset)
	if len(rest) != 1 {
		return nil, sqlerr.Unsupported("an ASOF join without exactly one inequality between its sides")
	}
	time, by, ok := inequality(rest[0], lset, rset)
	if !ok || len(keys) == 0 {
		return nil, sqlerr.Unsupported("the condition %s of an ASOF join", rest[0])
	}
	all := append(slices.Clone(keys), time)
	lr, lkeys, err := l.sideCols(n.L, need.Union(logical.Cols(n.On...)).Intersect(lset), all, func(k equi) expr.Expr { return k.l }, nil)
	if err != nil {
		return nil, err
	}
	tie := tieCols(n.R)
	if tie == nil {
		tie = need.Intersect(rset).IDs()
	}
	rr, rkeys, err := l.sideCols(n.R, union(need.Union(logical.Cols(n.On...)).Intersect(rset), tie...), all, func(k equi) expr.Expr { return k.r }, nil)
	if err != nil {
		return nil, err
	}
	lkeys, ltime := lkeys[:len(keys)], lkeys[len(keys)]
	rkeys, rtime := rkeys[:len(keys)], rkeys[len(keys)]
	if l.job {
		if lr, err = l.exchange(lr, lkeys); err != nil {
			return nil, err
		}
		if rr, err = l.exchange(rr, rkeys); err != nil {
			return nil, err
		}
	}
	both := &rel{cols: append(slices.Clone(lr.cols), rr.cols...)}
	j := &op.AsOfJoin{Left: lr.spec, Right: rr.spec, Type: joinKinds[n.Kind], Op: by,
		L: l.asOfSide(lr, lkeys, ltime, "asof-left"), R: l.asOfSide(rr, rkeys, rtime, "asof-right")}
	for _, k := range keys {
		j.NullSafe = append(j.NullSafe, k.nullSafe)
	}
	for _, id := range tie {
		if id != rtime && !slices.Contains(rkeys, id) {
			j.Tie = append(j.Tie, rr.pos(id))
		}
	}
	out, keep := &rel{}, need
	if l.job {
		out.key, out.dist = slices.Clone(lr.key), joinDist(n.Kind, lr, lkeys, rkeys)
		keep = union(keep, out.key...)
		if out.dist.kind == hashed {
			keep = union(keep, out.dist.cols...)
		}
	}
	j.Cols, out.cols = both.output(keep)
	j.Out = l.schema(out.cols)
	out.spec = j
	return out, nil
}

// tieCols are the columns that decide between right rows of one time: the key of
// a stored relation. nil: those that are used; rows that agree in them give the
// same output.
func tieCols(n logical.Node) []logical.ColID {
	switch n := n.(type) {
	case *logical.Filter:
		return tieCols(n.In)
	case *logical.Scan:
		var ids []logical.ColID
		for _, k := range n.Obj.Rows.Key {
			ids = append(ids, n.Cols[slices.Index(n.Idx, k.Col)])
		}
		return ids
	}
	return nil
}

func (l *lowerer) asOfSide(r *rel, keys []logical.ColID, time logical.ColID, name string) op.AsOfSide {
	s := op.AsOfSide{Keys: r.posAll(keys), Time: r.pos(time), Table: l.table(name)}
	if l.job {
		s.RowKey = r.posAll(r.key)
	}
	return s
}

// inequality recognises left < right and its kin, in either order, over types
// whose order is that of their keys.
func inequality(c expr.Expr, left, right logical.Set) (k equi, by string, ok bool) {
	call, isCall := c.(*expr.Call)
	if !isCall || len(call.Args) != 2 || logical.Turned[call.Def.Name] == "" {
		return equi{}, "", false
	}
	k, by = equi{l: call.Args[0], r: call.Args[1]}, call.Def.Name
	lc, rc := logical.Cols(k.l), logical.Cols(k.r)
	if lc.Empty() || rc.Empty() {
		return equi{}, "", false
	}
	if lc.Subset(right) && rc.Subset(left) {
		k.l, k.r, by, lc, rc = k.r, k.l, logical.Turned[by], rc, lc
	}
	if !lc.Subset(left) || !rc.Subset(right) {
		return equi{}, "", false
	}
	return k, by, k.align()
}

// readAfter makes a backfill wait for another, unless that waits for it: two
// joins of a plan may read the same two relations the other way round.
func (l *lowerer) readAfter(b, first *op.Backfill) {
	if l.waits == nil {
		l.waits = map[*op.Backfill][]*op.Backfill{}
	}
	var reaches func(from *op.Backfill) bool
	reaches = func(from *op.Backfill) bool { return from == b || slices.ContainsFunc(l.waits[from], reaches) }
	if reaches(first) {
		return
	}
	l.waits[b] = append(l.waits[b], first)
	b.After = append(b.After, first.State_.ID)
}

// backfills adds those of a side, in this fragment or in those that feed it, to
// found, each once.
func (l *lowerer) backfills(spec executor.Spec, found []*op.Backfill) []*op.Backfill {
	executor.Walk(spec, func(s executor.Spec) {
		switch s := s.(type) {
		case *op.Backfill:
			if !slices.Contains(found, s) {
				found = append(found, s)
			}
		case *executor.Input:
			if s.Upstream == 0 {
				found = l.backfills(l.frags[s.Fragment].Root, found)
			}
		}
	})
	return found
}
