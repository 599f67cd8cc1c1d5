package engine

import (
	"context"

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
