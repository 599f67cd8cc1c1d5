package bind

import (
	"streamdb/expr"
	"streamdb/expr/aggs"
	"streamdb/expr/casts"
	"streamdb/expr/funcs"
	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"
	"streamdb/types"
)

func typesOf(args []expr.Expr) []types.T {
	ts := make([]types.T, len(args))
	for i, a := range args {
		ts[i] = a.Type()
	}
	return ts
}

// applyOp applies an operator: overload resolution, casts of the operands.
func (b *Binder) applyOp(n ast.Node, op string, args ...expr.Expr) (expr.Expr, error) {
	def, wanted, err := funcs.ResolveOperator(op, typesOf(args))
	if err != nil {
		return nil, b.place(n, err)
	}
	return b.applyDef(n, def, wanted, args)
}

// applyFunc applies a scalar function by name.
func (b *Binder) applyFunc(n ast.Node, name string, args ...expr.Expr) (expr.Expr, error) {
	def, wanted, err := funcs.Resolve(name, typesOf(args))
	if err != nil {
		return nil, b.place(n, err)
	}
	return b.applyDef(n, def, wanted, args)
}

func (b *Binder) applyDef(n ast.Node, def *expr.Def, wanted []types.T, args []expr.Expr) (expr.Expr, error) {
	if b.ctx.Job {
		if err := varying(def); err != nil && !(b.generating && def.Name == "proctime") {
			return nil, b.place(n, err)
		}
	}
	if b.generating && readsClock(def) {
		return nil, b.errAt(n, sqlerr.InvalidObjectDefinition, "generation expression is not immutable").
			WithHint("proctime() is the time at which the row came in.")
	}
	out := make([]expr.Expr, len(args))
	for i, a := range args {
		var err error
		if out[i], err = b.coerce(a, wanted[i], casts.Implicit, n); err != nil {
			return nil, err
		}
	}
	return &expr.Call{Def: def, Args: out, T: def.ResultType(typesOf(out))}, nil
}

// varying refuses functions that a view cannot keep up to date.
func varying(def *expr.Def) error {
	if def.Name == "proctime" {
		return sqlerr.Unsupported("proctime() in a materialized view").
			WithHint("Give the source or table a column for it: t timestamptz AS proctime().")
	}
	if def.Volatile == expr.VolatileFn {
		return sqlerr.Unsupported("the volatile function %s() in a materialized view", def.Name)
	}
	switch def.Name { // where now() may be is seen when the plan is made
	case "current_time", "localtime":
		return sqlerr.Unsupported("the time of day, %s, in a materialized view", def.Name).
			WithHint("Compare with now() or date_trunc(.., now()).")
	}
	return nil
}

// readsClock reports whether a function's value is the time of the statement.
func readsClock(def *expr.Def) bool {
	switch def.Name {
	case "now", "current_timestamp", "transaction_timestamp", "statement_timestamp", "localtimestamp", "current_date", "localtime", "clock_timestamp":
		return true
	}
	return false
}

// not negates a condition.
func (b *Binder) not(x expr.Expr) (expr.Expr, error) { return b.applyOp(nil, "not", x) }

// resolveAgg finds an aggregate that must exist.
func (b *Binder) resolveAgg(n ast.Node, name string, args ...types.T) (*aggs.Def, []types.T, error) {
	def, wanted, ok, err := aggs.Resolve(name, args)
	if err != nil {
		return nil, nil, b.place(n, err)
	}
	if !ok {
		return nil, nil, b.errAt(n, sqlerr.UndefinedFunction, "aggregate %s does not exist", name)
	}
	return def, wanted, nil
}
