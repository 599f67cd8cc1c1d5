package engine

import (
	"context"
	"slices"
	"strings"

	"streamdb/catalog"
	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"
	"streamdb/types"
	"streamdb/wire"
)

// comment is COMMENT ON a relation or a column.
func comment(st *ast.Comment) action {
	return func(ctx context.Context, s *Session, _ []types.Datum) (wire.Rows, error) {
		name := st.Name
		switch st.Kind {
		case "table", "source", "view", "materialized view", "sink", "index":
		case "column":
			if len(name.Parts) < 2 {
				return nil, sqlerr.New(sqlerr.SyntaxError, "column name must be qualified")
			}
			name.Parts = name.Parts[:len(name.Parts)-1]
		default:
			return nil, sqlerr.Unsupported("COMMENT ON %s", strings.ToUpper(string(st.Kind)))
		}
		err := s.ddl(ctx, "COMMENT", func(cat *catalog.Catalog) (*change, error) {
			o := cat.Resolve(name.Schema(), name.Base(), s.settings.searchPath(s.info.User))
			if o == nil {
				return nil, sqlerr.New(sqlerr.UndefinedTable, "relation \"%s\" does not exist", name.String())
			}
			c := &change{}
			if st.Kind == "column" {
				i := visibleColumn(o, st.Name.Base())
				if i < 0 {
					return nil, sqlerr.New(sqlerr.UndefinedColumn, "column \"%s\" of relation \"%s\" does not exist", st.Name.Base(), o.Name)
				}
				c.alter(o.ID, func(o *catalog.Object) {
					o.Cols = slices.Clone(o.Cols)
					o.Cols[i].Comment = st.Text
				})
				return c, nil
			}
			if string(o.Kind) != string(st.Kind) {
				return nil, sqlerr.New(sqlerr.WrongObjectType, "\"%s\" is not %s %s", o.Name, article(string(st.Kind)), st.Kind)
			}
			c.alter(o.ID, func(o *catalog.Object) { o.Comment = st.Text })
			return c, nil
		})
		return done("COMMENT"), err
	}
}
