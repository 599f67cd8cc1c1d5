package planner

import (
	"streamdb/catalog"
	"streamdb/expr"
	"streamdb/expr/casts"
	"streamdb/planner/bind"
	"streamdb/sql/ast"
	"streamdb/types"
)

// BoundDML is INSERT, UPDATE or DELETE. Run Bounded(Rows, ..) for the rows:
//
//	Insert  the visible columns of Table, in order: values, defaults, generated
//	        columns. Engine fills the hidden _row_id.
//	Update  the old row, then the new row, each of all columns of Table
//	Delete  the old row, all columns of Table
//
// Engine checks NOT NULL columns (23502) and duplicate keys (23505).
type BoundDML struct {
	Table     *catalog.Object
	Rows      *BoundQuery
	Returning *bind.Returning // nil: none; over the new row (Delete: the old one), all columns of Table
	Conflict  *bind.Conflict  // INSERT .. ON CONFLICT; nil: none
}

func boundDML(ctx *Context, b *bind.Binder, o *catalog.Object, rel *bind.Rel, ret *bind.Returning, err error) (*BoundDML, error) {
	if err != nil {
		return nil, err
	}
	q, err := optimized(ctx, b, rel)
	if err != nil {
		return nil, err
	}
	return &BoundDML{Table: o, Rows: q, Returning: ret}, nil
}

// Insert binds INSERT.
func Insert(ctx *Context, s *ast.Insert) (*BoundDML, error) {
	b := bind.New(ctx)
	o, rel, ret, conf, err := b.Insert(s)
	d, err := boundDML(ctx, b, o, rel, ret, err)
	if err != nil {
		return nil, err
	}
	d.Conflict = conf
	return d, nil
}

// Update binds UPDATE.
func Update(ctx *Context, s *ast.Update) (*BoundDML, error) {
	b := bind.New(ctx)
	o, rel, ret, err := b.Update(s)
	return boundDML(ctx, b, o, rel, ret, err)
}

// Delete binds DELETE.
func Delete(ctx *Context, s *ast.Delete) (*BoundDML, error) {
	b := bind.New(ctx)
	o, rel, ret, err := b.Delete(s)
	return boundDML(ctx, b, o, rel, ret, err)
}

// Expr binds an expression without columns, converted by assignment to a type
// (the zero T: its own, text for an untyped literal): arguments of EXECUTE,
// values of SET, defaults. clause names its place in errors.
func Expr(ctx *Context, e ast.Expr, clause string, to types.T) (expr.Expr, error) {
	return bind.New(ctx).Expr(e, clause, to, casts.Assignment)
}

// ExprOver binds an expression over the columns of a schema by position:
// generated columns, watermarks, COPY .. WHERE.
func ExprOver(ctx *Context, e ast.Expr, s types.Schema, relation, clause string, to types.T) (expr.Expr, error) {
	return bind.New(ctx).Over(e, s, relation, clause, to, casts.Assignment)
}

// Type resolves a type as the user named it.
func Type(ctx *Context, t *ast.TypeName) (types.T, error) { return bind.New(ctx).TypeOf(t) }
