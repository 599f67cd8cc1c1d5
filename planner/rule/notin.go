package rule

import (
	"streamdb/expr"
	"streamdb/expr/aggs"
	"streamdb/expr/funcs"
	"streamdb/planner/logical"
	"streamdb/types"
)

// notIn turns the anti join of x NOT IN (SELECT y ..), whose condition (x = y) IS
// NOT FALSE is no equality to join by, into one that joins by x = y, and a test
// of what NULLs do. A row passes if
//
//	there are no rows y at all, or
//	x is not NULL, no y is NULL, and no y equals x
//
// So rows with x = y leave by the anti join, and the others pass if there are no
// y, or x is not NULL and as many y are not NULL as there are y: one row of two
// counts, joined to all of the left side. nil: the join is of another form.
func notIn(m *logical.Meta, j *logical.Join) logical.Node {
	if len(j.On) != 1 {
		return nil
	}
	x, y, ok := unknownEqual(j.On[0], logical.OutSet(j.L), logical.OutSet(j.R))
	if !ok || varies(j.R) {
		return nil
	}
	equal, err := funcs.BindOperator(nil, "=", x, y)
	if err != nil {
		return nil
	}
	again, ids := logical.Copy(m, j.R)
	test, err := noneUnknown(m, x, logical.Rename(m, y, ids), again, neverNull(x, j.L), neverNull(y, j.R))
	if err != nil {
		return nil
	}
	anti := &logical.Join{Kind: logical.Anti, L: j.L, R: j.R, On: []expr.Expr{equal}}
	return pass(m, &logical.Join{Kind: logical.Inner, L: anti, R: test.counts, On: []expr.Expr{test.cond}}, j.L.Out())
}

// nullTest is a condition over a left row and the one row of counts.
type nullTest struct {
	counts logical.Node
	cond   expr.Expr
}

// noneUnknown is the test for rows in, whose values are y. What the counts say
// is computed before the join, so that it changes as seldom as it can.
func noneUnknown(m *logical.Meta, x, y expr.Expr, in logical.Node, xSure, ySure bool) (*nullTest, error) {
	star, _, _, err := aggs.Resolve("count", nil)
	if err != nil {
		return nil, err
	}
	one, _, _, err := aggs.Resolve("count", []types.T{y.Type()})
	if err != nil {
		return nil, err
	}
	int8, boolean := types.Of(types.Int8), types.Of(types.Bool)
	value := m.New("value", y.Type())
	rows, vals := m.New("rows", int8), m.New("values", int8)
	agg := &logical.Agg{In: &logical.Project{In: in, Items: []logical.Item{{Col: value, E: y}}}, Scalar: true, Aggs: []logical.AggItem{
		{Col: rows, Def: star.Key(), Zero: true}, {Col: vals, Def: one.Key(), Args: []logical.ColID{value}, Zero: true}}}
	none, err := funcs.BindOperator(nil, "=", m.Ref(rows), &expr.Const{Value: types.IntDatum(0), T: int8})
	if err != nil {
		return nil, err
	}
	sure, err := funcs.BindOperator(nil, "=", m.Ref(rows), m.Ref(vals))
	if err != nil {
		return nil, err
	}
	empty, known := m.New("empty", boolean), m.New("known", boolean)
	items := []logical.Item{{Col: empty, E: none}}
	var all []expr.Expr
	if !ySure {
		items = append(items, logical.Item{Col: known, E: sure})
		all = append(all, m.Ref(known))
	}
	if !xSure {
		notNull, err := funcs.BindOperator(nil, "is_not_null", x)
		if err != nil {
			return nil, err
		}
		all = append(all, notNull)
	}
	return &nullTest{counts: &logical.Project{In: agg, Items: items}, cond: &expr.Or{Args: []expr.Expr{m.Ref(empty), expr.AndOf(all)}}}, nil
}

// unknownEqual recognises (x = y) IS NOT FALSE and (x <> y) IS NOT TRUE with x
// over the left columns and y over the right ones.
func unknownEqual(c expr.Expr, l, r logical.Set) (x, y expr.Expr, ok bool) {
	test, isCall := c.(*expr.Call)
	if !isCall || len(test.Args) != 1 {
		return nil, nil, false
	}
	cmp, isCall := test.Args[0].(*expr.Call)
	if !isCall || len(cmp.Args) != 2 || cmp.Def.NotStrict {
		return nil, nil, false
	}
	if form := test.Def.Name + " " + cmp.Def.Name; form != "is_not_false =" && form != "is_not_true <>" {
		return nil, nil, false
	}
	x, y = cmp.Args[0], cmp.Args[1]
	if !logical.Cols(x).Subset(l) {
		x, y = y, x
	}
	xc, yc := logical.Cols(x), logical.Cols(y)
	return x, y, !xc.Empty() && !yc.Empty() && xc.Subset(l) && yc.Subset(r)
}

// varies reports whether two readings of a tree may differ: it has a volatile
// function, or takes some rows of many.
func varies(n logical.Node) bool {
	found := false
	logical.WalkTree(n, func(n logical.Node) {
		if _, ok := n.(*logical.Limit); ok {
			found = true
		}
		for _, e := range logical.Exprs(n) {
			found = found || expr.VolatilityOf(e) == expr.VolatileFn
		}
	})
	return found
}
