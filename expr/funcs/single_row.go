package funcs

import (
	"streamdb/expr"
	"streamdb/expr/kernel"
	"streamdb/internal/sqlerr"
)

// singleRowFuncs lists single_row(n), TRUE if n is at most 1 and error 21000
// else: the planner checks with it that a correlated scalar subquery gives one
// row for each outer row.
func singleRowFuncs() []*expr.Def {
	return []*expr.Def{fn("single_row", ids{tI8}, tBool, kernel.E1(func(n int64) (bool, error) {
		if n > 1 {
			return false, sqlerr.New(sqlerr.CardinalityViolation, "more than one row returned by a subquery used as an expression")
		}
		return true, nil
	}), "Whether a count of rows is at most one; an error if it is more; for the planner")}
}
