package bind

import (
	"streamdb/catalog"
	"streamdb/expr"
	"streamdb/expr/casts"
	"streamdb/internal/sqlerr"
	"streamdb/planner/logical"
	"streamdb/sql/ast"
	"streamdb/types"
)

// Expr binds an expression that names no columns, and converts it to a type
// (Unknown: any; an untyped literal becomes text).
func (b *Binder) Expr(e ast.Expr, clause string, to types.T, how casts.Context) (expr.Expr, error) {
	c := b.exprCtx(&scope{}, clause)
	c.noSubs = true
	x, err := c.bind(e)
	if err != nil {
		return nil, err
	}
	if isUnknown(to) {
		return b.known(x, e)
	}
	return b.coerce(x, to, how, e)
}

// Over binds an expression over the columns of a schema, by position. rel is
// their relation's name.
func (b *Binder) Over(e ast.Expr, s types.Schema, rel, clause string, to types.T, how casts.Context) (expr.Expr, error) {
	sc := &scope{}
	at := map[logical.ColID]int{}
	r := relation{name: rel}
	for i, c := range s {
		id := b.Meta.New(c.Name, c.Type)
		at[id] = i
		sc.cols = append(sc.cols, scopeCol{rel: rel, name: c.Name, id: id, hidden: c.Hidden})
		if !c.Hidden {
			r.cols = append(r.cols, id)
		}
	}
	sc.rels = []relation{r}
	c := b.exprCtx(sc, clause)
	c.noSubs = true
	x, err := c.bind(e)
	if err != nil {
		return nil, err
	}
	if isUnknown(to) {
		x, err = b.known(x, e)
	} else {
		x, err = b.coerce(x, to, how, e)
	}
	if err != nil {
		return nil, err
	}
	return byPosition(x, at), nil
}

// byPosition turns identities into positions.
func byPosition(e expr.Expr, at map[logical.ColID]int) expr.Expr {
	return expr.Rewrite(e, func(x expr.Expr) expr.Expr {
		if c, ok := x.(*expr.Col); ok {
			return &expr.Col{Index: at[c.Index], T: c.T}
		}
		return x
	})
}

// OverObject binds the text of an expression that the catalog keeps, over the
// columns of its object by position.
func (b *Binder) OverObject(o *catalog.Object, text string, to types.T) (expr.Expr, error) {
	e, err := b.parseExpr(o, text)
	if err != nil {
		return nil, err
	}
	b.views++
	b.generating = true
	defer func() { b.views, b.generating = b.views-1, false }()
	return b.Over(e, o.Types(), o.Name, "column generation", to, casts.Assignment)
}

func (b *Binder) parseExpr(o *catalog.Object, text string) (ast.Expr, error) {
	e, err := b.ctx.ParseExpr(text)
	if err != nil {
		return nil, sqlerr.Wrap(sqlerr.InternalError, err, "an expression of \"%s\" cannot be read", o.Name)
	}
	return e, nil
}
