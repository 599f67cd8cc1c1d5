package engine

import (
	"context"

	"streamdb/catalog"
	"streamdb/internal/sqlerr"
	"streamdb/planner"
	"streamdb/sql/ast"
)

// alterWatermark is ALTER WATERMARK FOR column AS expr: rows that come from now
// on are late by the new expression. The watermark never goes back.
func (s *Session) alterWatermark(ctx context.Context, st *ast.Alter, a *ast.AlterWatermark) error {
	return s.alterColumns(ctx, st, "ALTER WATERMARK", func(cat *catalog.Catalog, o *catalog.Object) (*change, error) {
		switch w := a.Watermark; {
		case o.Kind == catalog.Source:
			return nil, sqlerr.Unsupported("ALTER WATERMARK of a source").
				WithHint("The watermark is part of the views that read it. Drop and create them.")
		case o.Watermark == nil:
			return nil, sqlerr.New(sqlerr.UndefinedObject, "table \"%s\" has no watermark", o.Name)
		case o.Cols[o.Watermark.Col].Name != w.Column:
			return nil, sqlerr.New(sqlerr.FeatureNotSupported, "the watermark of table \"%s\" is on column \"%s\"", o.Name, o.Cols[o.Watermark.Col].Name).
				WithHint("ALTER WATERMARK changes its expression, not its column.")
		case w.WithTTL:
			return nil, sqlerr.Unsupported("ALTER WATERMARK .. WITH TTL")
		case w.OnLate == "quarantine":
			return nil, sqlerr.Unsupported("ON LATE QUARANTINE")
		}
		w := a.Watermark
		if _, err := planner.ExprOver(s.jobCtx(cat, ""), w.Expr, o.Types(), o.Name, "WATERMARK", o.Cols[o.Watermark.Col].Type); err != nil {
			return nil, err
		}
		set := func(o *catalog.Object) {
			mark := *o.Watermark
			mark.Expr = ast.String(w.Expr)
			o.Watermark = &mark
			redefine(o, func(st ast.Stmt) {
				if d := relationDef(st, o); d != nil && len(d.Watermarks) == 1 {
					d.Watermarks[0].Expr = w.Expr
				}
			})
		}
		n := *o
		set(&n)
		c := &change{}
		c.alter(o.ID, set)
		return c, s.reshape(c, cat, &n)
	})
}
