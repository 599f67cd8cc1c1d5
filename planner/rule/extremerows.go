package rule

import (
	"slices"

	"streamdb/expr"
	"streamdb/expr/aggs"
	"streamdb/expr/funcs"
	"streamdb/planner/logical"
	"streamdb/types"
)

// extremeRows turns the join of a relation with its own maximum per group,
//
//	R a JOIN (SELECT g, max(v) AS m FROM R GROUP BY g) b ON a.g = b.g AND a.v = b.m
//
// (a.v >= b.m is the same: no v is above its own group's maximum) into the first rows
// of each group, ties included: one operator with one copy of R in its state in place
// of three. Every column of g has to be joined by an equality, so that a row meets the
// maximum of its own group and no other one; borderRows knows windows that are joined
// by time. Types whose equal values may differ (numeric,
// floats) are left alone, as the join's columns take each other's place.
func extremeRows(m *logical.Meta, n logical.Node) logical.Node {
	j, ok := n.(*logical.Join)
	if !ok || j.Kind != logical.Inner && j.Kind != logical.Semi || varies(j.L) || varies(j.R) {
		return n
	}
	if j.Kind == logical.Semi { // a row meets one group at most: it is an inner join that gives less columns
		if out := topRows(m, j, j.L, j.R); out != nil {
			return pass(m, out, j.L.Out())
		}
		return n
	}
	for _, sides := range [2][2]logical.Node{{j.L, j.R}, {j.R, j.L}} {
		if out := topRows(m, j, sides[0], sides[1]); out != nil {
			return out
		}
		if out := borderRows(m, j, sides[0], sides[1]); out != nil {
			return out
		}
	}
	return n
}

// topRows is extremeRows for the rows on one side and the aggregate on the other. nil: it is of another form.
func topRows(m *logical.Meta, j *logical.Join, rows, side logical.Node) logical.Node {
	below, in := peel(side)
	agg, ok := below.(*logical.Agg)
	if !ok || len(agg.Keys) == 0 || len(agg.Aggs) != 1 {
		return nil
	}
	call := agg.Aggs[0]
	sign := extremeOf(call)
	if sign == 0 {
		return nil
	}
	match := sameRows(rows, agg.In)
	if match == nil {
		return nil
	}
	// What the columns of the aggregate are among the rows.
	own := map[logical.ColID]logical.ColID{call.Col: match[call.Args[0]]}
	for _, k := range agg.Keys {
		own[k] = match[k]
	}
	for _, id := range own {
		if id == 0 || !logical.OutSet(rows).Has(id) {
			return nil
		}
	}
	on, rest := make(map[logical.ColID]bool), []expr.Expr(nil)
	for _, c := range j.On {
		a, b, ok := equalCols(c)
		if !ok {
			a, b, ok = reaches(c, own[call.Col], call.Col, in, sign)
		}
		if !ok {
			rest = append(rest, c)
			continue
		}
		if _, isOwn := in[a]; isOwn {
			a, b = b, a
		}
		if id := in[b]; id != 0 && own[id] == a {
			on[id] = true
		} else {
			rest = append(rest, c)
		}
	}
	if len(on) != len(own) {
		return nil
	}
	return firstRows(m, rows, agg, call, own, in, sign, rest)
}

// reaches recognises v >= m, for a maximum (sign +1), or v <= m, for a minimum: x is
// the column of v, and y that of m, where in maps columns of its side to.
func reaches(c expr.Expr, v, m logical.ColID, in map[logical.ColID]logical.ColID, sign int) (x, y logical.ColID, ok bool) {
	call, isCall := c.(*expr.Call)
	if !isCall || len(call.Args) != 2 {
		return 0, 0, false
	}
	a, ok1 := call.Args[0].(*expr.Col)
	b, ok2 := call.Args[1].(*expr.Col)
	above := map[string]int{">=": 1, "<=": -1}[call.Def.Name] * sign
	if !ok1 || !ok2 || above == 0 || !exact(a, b) {
		return 0, 0, false
	}
	if above < 0 {
		a, b = b, a
	}
	return a.Index, b.Index, a.Index == v && in[b.Index] == m
}

// firstRows puts the plan together. NULLs meet nothing in the join: they go first.
func firstRows(m *logical.Meta, rows logical.Node, agg *logical.Agg, call logical.AggItem, own, in map[logical.ColID]logical.ColID, sign int, rest []expr.Expr) logical.Node {
	var known []expr.Expr
	group := make([]logical.ColID, len(agg.Keys))
	for i, k := range agg.Keys {
		group[i] = own[k]
	}
	for _, id := range append(slices.Clone(group), own[call.Col]) {
		if !notNull(rows, id) {
			c, err := funcs.BindOperator(nil, "is_not_null", m.Ref(id))
			if err != nil {
				return nil
			}
			known = append(known, c)
		}
	}
	top := logical.Node(&logical.Limit{
		In: filter(rows, known), Group: group, Keys: []logical.SortKey{{Col: own[call.Col], Desc: sign > 0}},
		Limit: &expr.Const{Value: types.IntDatum(1), T: types.Of(types.Int8)}, WithTies: true,
	})
	items := logical.Pass(m, rows.Out())
	for _, to := range sortedKeys(in) {
		items = append(items, logical.Item{Col: to, E: m.Ref(own[in[to]])})
	}
	return filter(&logical.Project{In: top, Items: items}, rest)
}

// extremeOf is +1 for max, -1 for min over all rows of a group, 0 for other calls.
func extremeOf(call logical.AggItem) int {
	def, ok := aggs.ByKey(call.Def)
	if !ok || call.Filter != 0 || len(call.Args) != 1 {
		return 0
	}
	return def.Extreme
}

// peel takes off Projects that only rename. cols says which columns below the
// columns of n are.
func peel(n logical.Node) (below logical.Node, cols map[logical.ColID]logical.ColID) {
	cols = map[logical.ColID]logical.ColID{}
	for _, id := range n.Out() {
		cols[id] = id
	}
	for {
		p, ok := n.(*logical.Project)
		if !ok {
			return n, cols
		}
		by := map[logical.ColID]logical.ColID{}
		for _, it := range p.Items {
			c, ok := it.E.(*expr.Col)
			if !ok {
				return n, cols
			}
			by[it.Col] = c.Index
		}
		for id, at := range cols {
			cols[id] = by[at]
		}
		n = p.In
	}
}

// sameRows maps the columns of b to those of a, if the two have the same rows up
// to Projects that only rename, which lose no rows. nil: they differ.
func sameRows(a, b logical.Node) map[logical.ColID]logical.ColID {
	baseA, colsA := peel(a)
	baseB, colsB := peel(b)
	classes, made := logical.ClassesOf(&logical.Union{Ins: []logical.Node{baseA, baseB}})
	if classes.Of(baseA) != classes.Of(baseB) {
		return nil
	}
	toA := map[logical.ColID]logical.ColID{} // from the base of b to a
	back := map[logical.ColID]logical.ColID{}
	for _, id := range a.Out() {
		if _, again := back[colsA[id]]; !again {
			back[colsA[id]] = id
		}
	}
	mb := made(baseB)
	for i, id := range made(baseA) {
		if out, ok := back[id]; ok {
			toA[mb[i]] = out
		}
	}
	match := map[logical.ColID]logical.ColID{}
	for id, base := range colsB {
		if to, ok := toA[base]; ok {
			match[id] = to
		}
	}
	return match
}
