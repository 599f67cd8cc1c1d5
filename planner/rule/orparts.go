package rule

import (
	"streamdb/expr"
	"streamdb/planner/logical"
)

// orParts is what an OR over several relations demands of one of them alone, as
// each of its branches does: (a.x = 1 AND b.y = 2) OR (a.x = 2 AND b.y = 1)
// demands a.x = 1 OR a.x = 2 of a (TPC-H q7 and q19). The OR itself stays. Only
// comparisons of a column with constants are taken: they cannot fail on rows
// that the OR would not have seen. nil: it demands nothing.
func orParts(c expr.Expr, of logical.Set) expr.Expr {
	or, ok := c.(*expr.Or)
	if !ok || logical.Cols(c).Subset(of) {
		return nil
	}
	part := &expr.Or{}
	for _, branch := range or.Args {
		var own []expr.Expr
		for _, e := range expr.Conjuncts(branch) {
			if id, ok := simpleCond(e); ok && of.Has(id) {
				own = append(own, e)
			}
		}
		if len(own) == 0 {
			return nil
		}
		part.Args = append(part.Args, expr.AndOf(own))
	}
	return part
}
