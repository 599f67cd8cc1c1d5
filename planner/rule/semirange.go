package rule

import (
	"errors"

	"streamdb/expr"
	"streamdb/expr/aggs"
	"streamdb/expr/funcs"
	"streamdb/planner/logical"
	"streamdb/types"
)

// semiRange turns a semi or anti join that has no equality to join by into a join
// with one row that says what must be known of the right side:
//
//	EXISTS (..)          there are rows
//	x < ANY (y ..)       x < max(y)
//	x < ALL (y ..)       there are none, or x < min(y) and no y is NULL
//
// nil: the join is of another form.
func semiRange(m *logical.Meta, j *logical.Join) logical.Node {
	if varies(j.R) {
		return nil
	}
	var one logical.Node
	var cond expr.Expr
	var err error
	switch {
	case len(j.On) == 0:
		one, cond, err = anyRow(m, j)
	case len(j.On) == 1 && j.Kind == logical.Semi:
		x, y, op, ok := ordered(j.On[0], j)
		if !ok {
			return nil
		}
		one, cond, err = borders(m, x, y, op, j.R, op[0] == '<')
	case len(j.On) == 1:
		test, isCall := j.On[0].(*expr.Call)
		if !isCall || test.Def.Name != "is_not_true" {
			return nil
		}
		x, y, op, ok := ordered(test.Args[0], j)
		if !ok {
			return nil
		}
		one, cond, err = allBorders(m, x, y, op, j.R)
	}
	if one == nil || err != nil {
		return nil
	}
	return pass(m, &logical.Join{Kind: logical.Inner, L: j.L, R: one, On: []expr.Expr{cond}}, j.L.Out())
}

// anyRow says whether there are rows, or for an anti join that there are none.
func anyRow(m *logical.Meta, j *logical.Join) (logical.Node, expr.Expr, error) {
	agg, rows, err := aggregate(m, j.R, "count", nil)
	if err != nil {
		return nil, nil, err
	}
	op := ">"
	if j.Kind == logical.Anti {
		op = "="
	}
	e, err := funcs.BindOperator(nil, op, m.Ref(rows), &expr.Const{T: types.Of(types.Int8)})
	if err != nil {
		return nil, nil, err
	}
	found := m.New("found", types.Of(types.Bool))
	return &logical.Project{In: agg, Items: []logical.Item{{Col: found, E: e}}}, m.Ref(found), nil
}

// ordered recognises an inequality x op y with x over the left columns, y over the right ones.
func ordered(c expr.Expr, j *logical.Join) (x, y expr.Expr, op string, ok bool) {
	call, isCall := c.(*expr.Call)
	if !isCall || len(call.Args) != 2 {
		return nil, nil, "", false
	}
	x, y, op = call.Args[0], call.Args[1], call.Def.Name
	if logical.Turned[op] == "" {
		return nil, nil, "", false
	}
	l, r := logical.OutSet(j.L), logical.OutSet(j.R)
	if !logical.Cols(x).Subset(l) {
		x, y, op = y, x, logical.Turned[op]
	}
	xc, yc := logical.Cols(x), logical.Cols(y)
	return x, y, op, !xc.Empty() && !yc.Empty() && xc.Subset(l) && yc.Subset(r)
}

var errOtherType = errors.New("rule: the aggregate's argument has another type")

// aggregate is one aggregate over all rows of n.
func aggregate(m *logical.Meta, n logical.Node, name string, arg expr.Expr) (*logical.Agg, logical.ColID, error) {
	var args []types.T
	item := logical.AggItem{Zero: name == "count"}
	if arg != nil {
		args = []types.T{arg.Type()}
		value := m.New("value", arg.Type())
		item.Args = []logical.ColID{value}
		n = &logical.Project{In: n, Items: []logical.Item{{Col: value, E: arg}}}
	}
	def, wanted, _, err := aggs.Resolve(name, args)
	if err != nil {
		return nil, 0, err
	}
	if arg != nil && !wanted[0].SameKind(arg.Type()) {
		return nil, 0, errOtherType
	}
	item.Def, item.Col = def.Key(), m.New(name, def.ResultType(wanted))
	return &logical.Agg{In: n, Scalar: true, Aggs: []logical.AggItem{item}}, item.Col, nil
}

// borders is x op the greatest y, or the least.
func borders(m *logical.Meta, x, y expr.Expr, op string, r logical.Node, greatest bool) (logical.Node, expr.Expr, error) {
	name := "min"
	if greatest {
		name = "max"
	}
	agg, border, err := aggregate(m, r, name, y)
	if err != nil { // no order, or one of another type
		return nil, nil, err
	}
	cond, err := funcs.BindOperator(nil, op, x, m.Ref(border))
	return agg, cond, err
}

// allBorders is x op every y.
func allBorders(m *logical.Meta, x, y expr.Expr, op string, r logical.Node) (logical.Node, expr.Expr, error) {
	one, cond, err := borders(m, x, y, op, r, op[0] == '>')
	if err != nil {
		return nil, nil, err
	}
	agg := one.(*logical.Agg)
	border := agg.Aggs[0]
	int8, boolean := types.Of(types.Int8), types.Of(types.Bool)
	star, _, _, err := aggs.Resolve("count", nil)
	if err != nil {
		return nil, nil, err
	}
	vals, _, _, err := aggs.Resolve("count", []types.T{y.Type()})
	if err != nil {
		return nil, nil, err
	}
	rows, values := m.New("rows", int8), m.New("values", int8)
	agg.Aggs = append(agg.Aggs, logical.AggItem{Col: rows, Def: star.Key(), Zero: true}, logical.AggItem{Col: values, Def: vals.Key(), Args: border.Args, Zero: true})
	none, err := funcs.BindOperator(nil, "=", m.Ref(rows), &expr.Const{T: int8})
	if err != nil {
		return nil, nil, err
	}
	sure, err := funcs.BindOperator(nil, "=", m.Ref(rows), m.Ref(values))
	if err != nil {
		return nil, nil, err
	}
	empty, known := m.New("empty", boolean), m.New("known", boolean)
	items := append(logical.Pass(m, []logical.ColID{border.Col}), logical.Item{Col: empty, E: none}, logical.Item{Col: known, E: sure})
	return &logical.Project{In: agg, Items: items}, &expr.Or{Args: []expr.Expr{m.Ref(empty), &expr.And{Args: []expr.Expr{m.Ref(known), cond}}}}, nil
}
