package bind

import (
	"streamdb/expr"
	"streamdb/expr/casts"
	"streamdb/expr/funcs"
	"streamdb/internal/sqlerr"
	"streamdb/planner/logical"
	"streamdb/sql/ast"
	"streamdb/types"
)

func isUnknown(t types.T) bool { return t.ID == types.Unknown }

// coerce converts e to a type as the context allows. The node is where an error
// is shown.
func (b *Binder) coerce(e expr.Expr, to types.T, how casts.Context, n ast.Node) (expr.Expr, error) {
	if to.ID == types.Text && to.Mod == types.VarcharMod && how != casts.Explicit && e.Type().ID == types.Text && e.Type().Mod <= 0 {
		return e, nil
	}
	if p, ok := e.(*expr.Param); ok && isUnknown(p.T) && !isUnknown(to) {
		b.setParam(p.Index, to)
		plain := b.ctx.ParamTypes[p.Index]
		e = &expr.Param{Index: p.Index, T: plain}
	}
	out, err := casts.Coerce(b.evalCtx(), e, to, how)
	if err != nil {
		if c, ok := e.(*expr.Const); ok {
			if off, ok := b.lits[c]; ok {
				n = ast.Pos(off)
			}
		}
		return nil, b.place(n, err)
	}
	return out, nil
}

// evalCtx is the environment for reading and folding literals.
func (b *Binder) evalCtx() *expr.Ctx { return &expr.Ctx{Env: b.ctx.Env} }

// bare is the type without modifiers, as error messages show it.
func bare(t types.T) types.T {
	if t.ID == types.Text && t.Mod != 0 {
		return types.Varchar()
	}
	t.Mod = 0
	return t
}

func (b *Binder) setParam(i int, t types.T) {
	for len(b.ctx.ParamTypes) <= i {
		b.ctx.ParamTypes = append(b.ctx.ParamTypes, types.T{})
	}
	if isUnknown(b.ctx.ParamTypes[i]) {
		t.Mod = 0
		b.ctx.ParamTypes[i] = t
	}
}

// common converts expressions to their common type (UNION, CASE, VALUES, IN ..).
// what names the construct in errors.
func (b *Binder) common(what string, es []expr.Expr, n ast.Node) ([]expr.Expr, types.T, error) {
	t, err := b.commonType(what, es, n)
	if err != nil {
		return nil, t, err
	}
	out := make([]expr.Expr, len(es))
	for i, e := range es {
		if out[i], err = b.coerce(e, t, casts.Implicit, n); err != nil {
			return nil, t, err
		}
	}
	return out, t, nil
}

func (b *Binder) commonType(what string, es []expr.Expr, n ast.Node) (types.T, error) {
	t, err := funcs.CommonTypeFor(what, typesOf(es))
	return t, b.place(n, err)
}

// boolean converts a condition to boolean or says that it is none.
func (b *Binder) boolean(e expr.Expr, clause string, n ast.Node) (expr.Expr, error) {
	if e.Type().ID == types.Bool {
		return e, nil
	}
	if isUnknown(e.Type()) {
		return b.coerce(e, types.Of(types.Bool), casts.Implicit, n)
	}
	return nil, b.errAt(n, sqlerr.DatatypeMismatch, "argument of %s must be type boolean, not type %s", clause, bare(e.Type()))
}

// known gives a type to what has none yet: text.
func (b *Binder) known(e expr.Expr, n ast.Node) (expr.Expr, error) {
	if isUnknown(e.Type()) {
		return b.coerce(e, types.Of(types.Text), casts.Implicit, n)
	}
	return e, nil
}

// bindKnown binds an expression that must have a type.
func (c *exprCtx) bindKnown(e ast.Expr, n ast.Node) (expr.Expr, error) {
	x, err := c.bind(e)
	if err != nil {
		return nil, err
	}
	return c.b.known(x, n)
}

// retype changes the type of an output column of a query just bound: an untyped
// literal takes the type as if it were written there, other values are cast.
// It returns the tree and the column to use instead.
func (b *Binder) retype(root logical.Node, id logical.ColID, to types.T, how casts.Context, n ast.Node) (logical.Node, logical.ColID, error) {
	from := b.Meta.Cols[id].Type
	if from.Equal(to) {
		return root, id, nil
	}
	if isUnknown(from) {
		done, err := b.retypeLiteral(root, id, to, how, n)
		if err != nil || done {
			b.Meta.Cols[id].Type = to
			return root, id, err
		}
	}
	e, err := b.coerce(b.Meta.Ref(id), to, how, n)
	if err != nil {
		return nil, 0, err
	}
	if c, ok := e.(*expr.Col); ok && c.Index == id {
		return root, id, nil
	}
	out := b.Meta.New(b.Meta.Cols[id].Name, to)
	b.Meta.Cols[out].NotNull = b.Meta.Cols[id].NotNull
	items := append(logical.Pass(b.Meta, root.Out()), logical.Item{Col: out, E: e})
	return &logical.Project{In: root, Items: items}, out, nil
}

// retypeLiteral finds where the column is made and, when that is a list of
// literals or parameters, types it in place.
func (b *Binder) retypeLiteral(n logical.Node, id logical.ColID, to types.T, how casts.Context, at ast.Node) (bool, error) {
	switch n := n.(type) {
	case *logical.Project:
		for i := range n.Items {
			if n.Items[i].Col != id {
				continue
			}
			if c, ok := n.Items[i].E.(*expr.Col); ok {
				return b.retypeLiteral(n.In, c.Index, to, how, at)
			}
			e, err := b.coerce(n.Items[i].E, to, how, at)
			n.Items[i].E = e
			return true, err
		}
		return b.retypeLiteral(n.In, id, to, how, at)
	case *logical.Values:
		for k, c := range n.Cols {
			if c != id {
				continue
			}
			for _, r := range n.Rows {
				e, err := b.coerce(r[k], to, how, at)
				if err != nil {
					return false, err
				}
				r[k] = e
			}
			return true, nil
		}
	case *logical.Sort:
		return b.retypeLiteral(n.In, id, to, how, at)
	case *logical.Limit:
		return b.retypeLiteral(n.In, id, to, how, at)
	case *logical.Filter:
		return b.retypeLiteral(n.In, id, to, how, at)
	}
	return false, nil
}
