package engine

import (
	"context"
	"strings"

	"streamdb/catalog"
	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"
	"streamdb/types"
	"streamdb/wire"
)

// createSchema is CREATE SCHEMA.
func createSchema(st *ast.CreateSchema) action {
	return func(ctx context.Context, s *Session, _ []types.Datum) (wire.Rows, error) {
		err := s.ddl(ctx, "CREATE SCHEMA", func(cat *catalog.Catalog) (*change, error) {
			name := st.Name.Base()
			if name == "" {
				name = st.Owner
			}
			if err := freeSchema(cat, name); err != nil {
				if st.IfNotExists && sqlerr.Code(err) == sqlerr.DuplicateSchema {
					s.notice(sqlerr.DuplicateSchema, "schema \"%s\" already exists, skipping", name)
					return nil, nil
				}
				return nil, err
			}
			return &change{addSchema: map[string]catalog.ID{name: s.db.newID()}}, nil
		})
		return done("CREATE SCHEMA"), err
	}
}

// comment is COMMENT ON a relation.
func comment(st *ast.Comment) action {
	return func(ctx context.Context, s *Session, _ []types.Datum) (wire.Rows, error) {
		switch st.Kind {
		case "table", "source", "view", "materialized view", "sink", "index":
		default:
			return nil, sqlerr.Unsupported("COMMENT ON %s", strings.ToUpper(string(st.Kind)))
		}
		err := s.ddl(ctx, "COMMENT", func(cat *catalog.Catalog) (*change, error) {
			o := cat.Resolve(st.Name.Schema(), st.Name.Base(), s.settings.searchPath(s.info.User))
			if o == nil {
				return nil, sqlerr.New(sqlerr.UndefinedTable, "relation \"%s\" does not exist", st.Name.String())
			}
			n := *o
			n.Comment = st.Text
			return &change{put: []*catalog.Object{&n}}, nil
		})
		return done("COMMENT"), err
	}
}
