package expr

import (
	"streamdb/internal/sqlerr"
	"streamdb/types"
	"streamdb/vec"
)

// TextEnv is the environment that text forms of values depend on.
func (c *Ctx) TextEnv() *types.Env {
	if c == nil {
		return &types.Env{}
	}
	if c.Env != nil {
		return c.Env
	}
	return &types.Env{TimeZone: c.Location, Now: c.Now}
}

// Type is the column's type.
func (e *Col) Type() types.T { return e.T }

// Eval returns the input column itself.
func (e *Col) Eval(_ *Ctx, in []vec.Vec, _ []int32, _ int) (vec.Vec, error) {
	if e.Index < 0 || e.Index >= len(in) {
		return vec.Vec{}, sqlerr.New(sqlerr.InternalError, "expression reads column %d of %d", e.Index, len(in))
	}
	return in[e.Index], nil
}

// Type is the literal's type.
func (e *Const) Type() types.T { return e.T }

// Eval returns a constant column.
func (e *Const) Eval(_ *Ctx, _ []vec.Vec, _ []int32, n int) (vec.Vec, error) {
	return vec.ConstOf(e.T.Layout(), e.Value, n), nil
}

// Null makes the NULL of a type.
func Null(t types.T) *Const { return &Const{Value: types.NullDatum, T: t} }

// Bool makes a boolean literal.
func Bool(b bool) *Const { return &Const{Value: types.BoolDatum(b), T: types.Of(types.Bool)} }

// Type is the parameter's type.
func (e *Param) Type() types.T { return e.T }

// Eval returns the parameter's value as a constant column.
func (e *Param) Eval(ctx *Ctx, _ []vec.Vec, _ []int32, n int) (vec.Vec, error) {
	if e.Index < 0 || e.Index >= len(ctx.Params) {
		return vec.Vec{}, sqlerr.New(sqlerr.UndefinedParameter, "there is no parameter $%d", e.Index+1)
	}
	return vec.ConstOf(e.T.Layout(), ctx.Params[e.Index], n), nil
}

// nullVec is a column of n NULLs.
func nullVec(layout types.Layout, n int) vec.Vec { return vec.ConstOf(layout, types.NullDatum, n) }

// EvalRow evaluates an expression that reads no columns, once.
func EvalRow(ctx *Ctx, e Expr) (types.Datum, error) {
	v, err := e.Eval(ctx, nil, nil, 1)
	if err != nil {
		return types.NullDatum, err
	}
	return v.Datum(0), nil
}
