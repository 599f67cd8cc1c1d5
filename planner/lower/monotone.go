package lower

import (
	"streamdb/expr"
	"streamdb/planner/logical"
)

// marked reports whether a column computed by e has watermarks when those of
// marks have: see op.Calc.
func (l *lowerer) marked(e expr.Expr, marks logical.Set) bool {
	c, ok := e.(*expr.Col)
	return ok && marks.Has(c.Index)
}
