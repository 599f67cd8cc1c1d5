package lower

import (
	"slices"

	"streamdb/executor/op"
	"streamdb/expr"
	"streamdb/expr/casts"
	"streamdb/planner/logical"
	"streamdb/types"
)

// equi is one equality between the sides of a join.
type equi struct {
	l, r     expr.Expr
	nullSafe bool
}

// joinParts splits a join condition into equalities and the rest.
func joinParts(on []expr.Expr, left, right logical.Set) (keys []equi, rest []expr.Expr) {
	for _, c := range on {
		k, ok := equality(c, left, right)
		if !ok {
			rest = append(rest, c)
			continue
		}
		keys = append(keys, k)
	}
	return keys, rest
}

// equality recognises left = right and left IS NOT DISTINCT FROM right, in
// either order, over types whose values are equal when their keys are.
func equality(c expr.Expr, left, right logical.Set) (equi, bool) {
	call, ok := c.(*expr.Call)
	if !ok || len(call.Args) != 2 {
		return equi{}, false
	}
	k := equi{l: call.Args[0], r: call.Args[1]}
	switch call.Def.Name {
	case "=":
	case "is_not_distinct_from":
		k.nullSafe = true
	default:
		return equi{}, false
	}
	lc, rc := logical.Cols(k.l), logical.Cols(k.r)
	if lc.Empty() || rc.Empty() {
		return equi{}, false
	}
	if lc.Subset(right) && rc.Subset(left) {
		k.l, k.r, lc, rc = k.r, k.l, rc, lc
	}
	if !lc.Subset(left) || !rc.Subset(right) {
		return equi{}, false
	}
	return k, k.align()
}

// align casts the two sides to one type, where that is needed for equal values
// to have equal keys.
func (k *equi) align() bool {
	lt, rt := k.l.Type(), k.r.Type()
	if lt.SameKind(rt) || lt.IsInteger() && rt.IsInteger() || lt.IsFloat() && rt.IsFloat() {
		return true
	}
	if plainString(lt) && plainString(rt) {
		return true
	}
	for _, d := range []struct {
		e  *expr.Expr
		to types.T
	}{{&k.l, rt}, {&k.r, lt}} {
		if casts.CanCoerce((*d.e).Type(), d.to, casts.Implicit) {
			to := d.to
			to.Mod = 0
			if x, err := casts.Coerce(nil, *d.e, to, casts.Implicit); err == nil {
				*d.e = x
				return true
			}
		}
	}
	return false
}

func plainString(t types.T) bool { return t.ID == types.Text || t.ID == types.Name }

var joinKinds = map[logical.JoinKind]op.JoinKind{logical.Inner: op.InnerJoin, logical.Left: op.LeftJoin, logical.Right: op.RightJoin,
	logical.Full: op.FullJoin, logical.Semi: op.SemiJoin, logical.Anti: op.AntiJoin}

// join becomes HashJoin: the equalities are its keys, the rest its residual.
func (l *lowerer) join(n *logical.Join, need logical.Set) (*rel, error) {
	if plain, timed := splitNow(n.On); l.job && len(timed) > 0 {
		if n.Kind != logical.Inner {
			return nil, l.noNow("the ON of an outer join, IN or EXISTS", timed...)
		}
		j := *n
		j.On = plain
		return l.filter(&logical.Filter{In: &j, Conds: timed}, need)
	}
	lset, rset := logical.OutSet(n.L), logical.OutSet(n.R)
	keys, rest := joinParts(n.On, lset, rset)
	if l.job && n.Kind == logical.Inner && len(keys) == 0 {
		if out, err := l.singleton(n, need, rest); out != nil || err != nil {
			return out, err
		}
	}
	used := need.Union(logical.Cols(n.On...))
	lr, lkeys, err := l.side(n.L, used.Intersect(lset), keys, func(k equi) expr.Expr { return k.l }, rest)
	if err != nil {
		return nil, err
	}
	rr, rkeys, err := l.side(n.R, used.Intersect(rset), keys, func(k equi) expr.Expr { return k.r }, rest)
	if err != nil {
		return nil, err
	}
	var matched logical.ColID
	if l.job && n.Kind == logical.Full {
		lr, matched = l.markRows(lr)
	}
	both := &rel{cols: append(slices.Clone(lr.cols), rr.cols...)}
	j := &op.HashJoin{Left: lr.spec, Right: rr.spec, Type: joinKinds[n.Kind], Residual: both.expr(expr.AndOf(rest)),
		L: l.joinSide(lr, lkeys, "join-left"), R: l.joinSide(rr, rkeys, "join-right")}
	for _, k := range keys {
		j.NullSafe = append(j.NullSafe, k.nullSafe)
	}
	out := &rel{}
	semi := n.Kind == logical.Semi || n.Kind == logical.Anti
	keep := need
	if l.job {
		out.key = joinKey(n.Kind, lr, rr, lkeys, rkeys)
		if matched != 0 {
			out.key = append(out.key, matched)
		}
		out.appendOnly = lr.appendOnly && rr.appendOnly && (n.Kind == logical.Inner || n.Kind == logical.Semi)
		out.final = out.appendOnly && lr.final && rr.final
		out.dist = joinDist(n.Kind, lr, lkeys, rkeys)
		l.windowKeys(j, out, lr, rr, lkeys, rkeys)
		if j.L.WindowKey < 0 {
			l.interval(j, out, lr, rr, rest)
		}
		keep = union(keep, out.key...)
		if out.dist.kind == hashed && n.Kind != logical.Full { // so that what follows can use it
			keep = union(keep, out.dist.cols...)
		}
	}
	if semi {
		both = &rel{cols: lr.cols}
	}
	j.Cols, out.cols = both.output(keep)
	j.Out = l.schema(out.cols)
	out.spec = j
	return out, nil
}

// output chooses the columns of a join's result: those to keep, and always one.
func (r *rel) output(keep logical.Set) (at []int, ids []logical.ColID) {
	for i, id := range r.cols {
		if keep.Has(id) && !slices.Contains(ids, id) {
			at, ids = append(at, i), append(ids, id)
		}
	}
	if len(at) == 0 && len(r.cols) > 0 { // rows need a column
		at, ids = []int{0}, r.cols[:1]
	}
	return at, ids
}

// side lowers one input of a join, computes its key columns and brings rows
// with equal keys together.
func (l *lowerer) side(n logical.Node, need logical.Set, keys []equi, pick func(equi) expr.Expr, rest []expr.Expr) (*rel, []logical.ColID, error) {
	r, ids, err := l.sideCols(n, need, keys, pick, rest)
	if err == nil && l.job {
		r, err = l.exchange(r, ids)
	}
	return r, ids, err
}

// sideCols is side without bringing rows together.
func (l *lowerer) sideCols(n logical.Node, need logical.Set, keys []equi, pick func(equi) expr.Expr, rest []expr.Expr) (*rel, []logical.ColID, error) {
	r, err := l.lower(n, need)
	if err != nil {
		return nil, nil, err
	}
	have := logical.OutSet(n)
	used := logical.Cols(rest...).Intersect(have).Union(need)
	var ids []logical.ColID
	var extra []logical.Item
	for _, k := range keys {
		e := pick(k)
		if c, ok := e.(*expr.Col); ok {
			ids = append(ids, c.Index)
			continue
		}
		id := l.meta.New("_join_key", e.Type())
		extra = append(extra, logical.Item{Col: id, E: e})
		ids = append(ids, id)
	}
	if len(extra) > 0 {
		r = l.calc(r, nil, append(logical.Pass(l.meta, r.cols), extra...))
	}
	used = union(used, ids...)
	return l.narrow(r, used), ids, nil
}

func (l *lowerer) joinSide(r *rel, keys []logical.ColID, name string) op.JoinSide {
	s := op.JoinSide{Keys: r.posAll(keys), WindowKey: -1, AppendOnly: r.appendOnly, Table: l.table(name)}
	if l.job {
		s.RowKey = r.posAll(r.key)
	}
	return s
}

// joinKey is the stream key of a join: both sides' keys. What one side's key
// fixes, its join columns, need not be told again by the other's.
func joinKey(kind logical.JoinKind, lr, rr *rel, lkeys, rkeys []logical.ColID) []logical.ColID {
	first, second, known := lr.key, rr.key, rkeys
	switch kind {
	case logical.Semi, logical.Anti:
		return slices.Clone(lr.key)
	case logical.Right:
		first, second, known = rr.key, lr.key, lkeys
	case logical.Full: // either side may be NULL
		known = nil
	}
	key := slices.Clone(first)
	for _, id := range second {
		if !slices.Contains(key, id) && !slices.Contains(known, id) {
			key = append(key, id)
		}
	}
	return key
}

// markRows adds a column that is TRUE in every row of the left side of a full
// join, and so NULL where a row has no left side. Without it a left row whose key
// is all NULL and a right one of that kind, neither with a match, would have
// the same key.
func (l *lowerer) markRows(r *rel) (*rel, logical.ColID) {
	id := l.meta.New("_left", types.Of(types.Bool))
	mark := logical.Item{Col: id, E: &expr.Const{Value: types.BoolDatum(true), T: types.Of(types.Bool)}}
	return l.calc(r, nil, append(logical.Pass(l.meta, r.cols), mark)), id
}

// joinDist is where the rows of a join's result are.
func joinDist(kind logical.JoinKind, lr *rel, lkeys, rkeys []logical.ColID) dist {
	if lr.dist.kind == single {
		return dist{kind: single}
	}
	switch kind {
	case logical.Right:
		return dist{kind: hashed, cols: rkeys}
	case logical.Full: // either side's keys may be NULL
		return dist{kind: anywhere}
	}
	return dist{kind: hashed, cols: lkeys}
}

// windowKeys lets a join forget rows whose key a watermark has passed on both sides.
func (l *lowerer) windowKeys(j *op.HashJoin, out *rel, lr, rr *rel, lkeys, rkeys []logical.ColID) {
	for i := range lkeys {
		if lr.marks.Has(lkeys[i]) && rr.marks.Has(rkeys[i]) {
			j.L.WindowKey, j.R.WindowKey = i, i
			out.marks = logical.SetOf(lkeys[i], rkeys[i])
			return
		}
	}
}
