package rule

import (
	"streamdb/expr"
	"streamdb/planner/logical"
	"streamdb/types"
)

// window turns ROW_NUMBER() and RANK() bounded by a condition (rn <= 3, rn < 4,
// rn = 1) into the first rows of each partition. The number itself is then known
// only if it is 1.
func (p *pusher) window(n *logical.Window, conds []expr.Expr) logical.Node {
	best := int64(-1)
	var rest []expr.Expr
	for _, c := range conds {
		k, exact, ok := bound(c, n.Col)
		if !ok || exact && k != 1 {
			rest = append(rest, c)
			continue
		}
		if best < 0 || k < best {
			best = k
		}
	}
	if best < 0 {
		down, stay := split(conds, logical.SetOf(n.Partition...))
		c := *n
		c.In = p.node(n.In, down)
		return filter(&c, stay)
	}
	down, stay := split(rest, logical.SetOf(n.Partition...))
	int8T := types.Of(types.Int8)
	top := logical.Node(&logical.Limit{In: p.node(n.In, down), Group: n.Partition, Keys: n.Keys,
		Limit: &expr.Const{Value: types.IntDatum(max(best, 0)), T: int8T}, WithTies: n.Ties})
	if best == 1 {
		top = &logical.Project{In: top, Items: append(logical.Pass(p.m, top.Out()),
			logical.Item{Col: n.Col, E: &expr.Const{Value: types.IntDatum(1), T: int8T}})}
	} else {
		c := *n
		c.In = top
		top = &c
	}
	return filter(top, stay)
}

// bound recognises col <= k, col < k + 1, col = k and their mirror images.
func bound(e expr.Expr, col logical.ColID) (k int64, exact, ok bool) {
	call, isCall := e.(*expr.Call)
	if !isCall || len(call.Args) != 2 {
		return 0, false, false
	}
	name := call.Def.Name
	a, b := call.Args[0], call.Args[1]
	if _, isConst := a.(*expr.Const); isConst {
		a, b = b, a
		name = map[string]string{"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "="}[name]
	}
	c, isCol := a.(*expr.Col)
	v, isConst := b.(*expr.Const)
	if !isCol || !isConst || c.Index != col || v.Value.Null || !v.T.IsInteger() {
		return 0, false, false
	}
	switch name {
	case "<=":
		return v.Value.I, false, true
	case "<":
		return v.Value.I - 1, false, true
	case "=":
		return v.Value.I, true, true
	}
	return 0, false, false
}
