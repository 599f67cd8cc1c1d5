package funcs

import (
	"streamdb/expr"
	"streamdb/vec"
)

func recordNullTest(c *expr.CallCtx, a *vec.Vec, want bool) vec.Vec { return *a }

func quoteIdent(s string) string { return s }
