package engine

import (
	"context"
	"fmt"
	"strings"

	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"
	"streamdb/types"
	"streamdb/wire"
)

// alter is ALTER: its actions run in order, each a statement of its own. The
// list of what ALTER can do: one line per action.
func alter(st *ast.Alter) action {
	tag := "ALTER " + strings.ToUpper(string(st.Kind))
	return func(ctx context.Context, s *Session, _ []types.Datum) (wire.Rows, error) {
		for _, a := range st.Actions {
			if err := s.alterAction(ctx, st, a); err != nil {
				return nil, err
			}
		}
		return done(tag), nil
	}
}

func (s *Session) alterAction(ctx context.Context, st *ast.Alter, a ast.AlterAction) error {
	switch a := a.(type) {
	case *ast.AlterSystem:
		return s.alterSystem(ctx, a)
	case *ast.SetParallelism:
		return s.alterParallelism(ctx, st, a)
	case *ast.SetRateLimit:
		return s.alterRate(ctx, st, a)
	case *ast.RenameTo:
		return s.alterRename(ctx, st, a)
	case *ast.RenameColumn:
		return s.alterRenameColumn(ctx, st, a)
	case *ast.OwnerTo:
		return s.alterOwner(ctx, st, a)
	case *ast.SetSchema:
		return s.alterSchema(ctx, st, a)
	case *ast.AddColumn:
		return s.alterAddColumn(ctx, st, a)
	case *ast.DropColumn:
		return s.alterDropColumn(ctx, st, a)
	case *ast.AlterColumn:
		return s.alterColumn(ctx, st, a)
	case *ast.AlterWatermark:
		return s.alterWatermark(ctx, st, a)
	case *ast.SwapWith:
		return s.alterSwap(ctx, st, a)
	case *ast.Resume:
		return s.alterResume(ctx, st, a)
	}
	what := strings.TrimPrefix(fmt.Sprintf("%T", a), "*ast.")
	return sqlerr.Unsupported("ALTER %s with %s", strings.ToUpper(string(st.Kind)), what)
}
