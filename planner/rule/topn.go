package rule

import (
	"slices"

	"streamdb/expr"
	"streamdb/planner/logical"
	"streamdb/types"
)

// window turns ROW_NUMBER(), RANK() and DENSE_RANK() bounded by a condition
// (rn <= 3, rn < 4, rn = 1, rn between 2 and 3) into the first rows of each
// partition: the rows beyond the bound reach the window no more. A number that
// can only be 1 is that constant. Where the number itself is not used, a lower
// bound becomes an offset (see lower).
func (p *pusher) window(n *logical.Window, conds []expr.Expr) logical.Node {
	down, stay := split(conds, logical.SetOf(n.Partition...))
	c := *n
	best, call := numberBound(n, stay)
	if call == nil {
		c.In = p.node(n.In, down)
		return filter(&c, stay)
	}
	top := logical.Node(&logical.Limit{In: p.node(n.In, down), Group: n.Partition, Keys: n.Keys,
		Limit:    &expr.Const{Value: types.IntDatum(max(best, 0)), T: types.Of(types.Int8)},
		WithTies: call.Func != "row_number", Dense: call.Func == "dense_rank" && best > 1})
	if best != 1 || len(n.Calls) > 1 {
		c.In = top
		return filter(&c, stay)
	}
	one := &logical.Project{In: top, Items: append(logical.Pass(p.m, top.Out()),
		logical.Item{Col: call.Col, E: &expr.Const{Value: types.IntDatum(1), T: types.Of(types.Int8)}})}
	stay = slices.DeleteFunc(stay, func(e expr.Expr) bool {
		k, ok := bound(e, call.Col)
		return ok && k == 1
	})
	return filter(one, stay)
}

// numberBound is the least upper bound of a number of the window, and its call.
// Rows beyond it must be of no use to the window's other calls, which is so for
// those that look only at the rows before. How many rows DENSE_RANK() has up to a
// number is not known: the bound of another call is taken where there is one.
func numberBound(n *logical.Window, conds []expr.Expr) (best int64, call *logical.WindowCall) {
	for i := range n.Calls {
		switch n.Calls[i].Func {
		case "row_number", "rank", "dense_rank":
		default:
			return 0, nil
		}
	}
	for i := range n.Calls {
		c := &n.Calls[i]
		dense := c.Func == "dense_rank"
		for _, e := range conds {
			k, ok := bound(e, c.Col)
			if !ok {
				continue
			}
			if call == nil || !dense && call.Func == "dense_rank" || k < best && dense == (call.Func == "dense_rank") {
				best, call = k, c
			}
		}
	}
	return best, call
}

// bound recognises col <= k, col < k + 1, col = k and their mirror images.
func bound(e expr.Expr, col logical.ColID) (k int64, ok bool) {
	name, k, ok := logical.Against(e, col)
	switch {
	case !ok:
		return 0, false
	case name == "<=" || name == "=":
		return k, true
	case name == "<":
		return k - 1, true
	}
	return 0, false
}
