package rule

import (
	"streamdb/expr"
	"streamdb/planner/logical"
)

// lookup pushes conditions into a join by look-up: those on the left columns
// alone, from above and from an inner join's own, and its own on the right
// columns alone, which decide what can be found.
func (p *pusher) lookup(n *logical.LookupJoin, conds []expr.Expr) logical.Node {
	lset, rset := logical.OutSet(n.L), logical.OutSet(n.R)
	toL, above := split(conds, lset)
	own, on := n.On, []expr.Expr(nil)
	if n.Kind == logical.Inner {
		var down []expr.Expr
		down, own = split(own, lset)
		toL = append(toL, down...)
	}
	var toR []expr.Expr
	for _, c := range own {
		if cols := logical.Cols(c); !cols.Empty() && cols.Subset(rset) && expr.VolatilityOf(c) != expr.VolatileFn {
			toR = append(toR, c)
		} else {
			on = append(on, c)
		}
	}
	c := *n
	c.L, c.R, c.On = p.node(n.L, toL), p.node(n.R, toR), on
	return filter(&c, above)
}
