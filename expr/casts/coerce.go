package casts

import (
	"streamdb/expr"
	"streamdb/internal/sqlerr"
	"streamdb/types"
)

// Coerce converts e to type to, modifiers included. Literals of unknown type
// are read at once, with ctx's environment (nil: the defaults), so that a bad
// literal is an error here. A conversion that the context does not allow is
// error 42846 (explicit) or 42804.
func Coerce(ctx *expr.Ctx, e expr.Expr, to types.T, context Context) (expr.Expr, error) {
	from := e.Type()
	if from.Equal(to) || from.ID != types.Unknown && from.SameKind(to) && to.Mod == 0 && context != Explicit {
		return e, nil
	}
	if c, ok := e.(*expr.Const); ok && from.ID == types.Unknown {
		return coerceLiteral(ctx, c, to, context)
	}
	if p, ok := e.(*expr.Param); ok && from.ID == types.Unknown {
		return &expr.Param{Index: p.Index, T: to}, nil
	}
	d, ok := Find(from, to, context)
	if !ok {
		if context == Explicit {
			return nil, sqlerr.New(sqlerr.CannotCoerce, "cannot cast type %s to %s", from, to)
		}
		return nil, sqlerr.New(sqlerr.DatatypeMismatch, "cannot convert type %s to %s implicitly", from, to)
	}
	if !constrains(to) {
		return &expr.Call{Def: d, Args: []expr.Expr{e}, T: to}, nil
	}
	if !from.SameKind(to) {
		e = &expr.Call{Def: d, Args: []expr.Expr{e}, T: withoutMod(to)}
	}
	return &expr.Call{Def: lengthCast(to, context), Args: []expr.Expr{e}, T: to}, nil
}

// constrains reports whether values must be fitted to the type's modifiers.
func constrains(t types.T) bool {
	if t.ID == types.Array && t.Elem != nil {
		return constrains(*t.Elem)
	}
	return t.Mod > 0
}

func withoutMod(t types.T) types.T {
	if t.ID == types.Array && t.Elem != nil {
		return types.ArrayOf(withoutMod(*t.Elem))
	}
	t.Mod = 0
	return t
}

// coerceLiteral reads an untyped literal as a value of the type.
func coerceLiteral(ctx *expr.Ctx, c *expr.Const, to types.T, context Context) (expr.Expr, error) {
	if c.Value.Null {
		return expr.Null(to), nil
	}
	if to.ID == types.Unknown {
		return c, nil
	}
	d, err := types.ParseText(withoutMod(to), c.Value.S, ctx.TextEnv())
	if err != nil {
		return nil, err
	}
	if constrains(to) {
		if d, err = types.ApplyMod(to, d, context == Explicit); err != nil {
			return nil, err
		}
	}
	return &expr.Const{Value: d, T: to}, nil
}

// lengthCast is the Def that fits a value to the modifiers of its type.
func lengthCast(t types.T, context Context) *expr.Def {
	name := assignName
	if context == Explicit {
		name = coerceName
	}
	return load().lengths[lengthKey{name, t.ID}]
}
