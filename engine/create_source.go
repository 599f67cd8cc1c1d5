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

func upper(s string) string { return strings.ToUpper(s) }

// createSource is CREATE SOURCE: it stores nothing and reads nothing until a
// job reads from it.
func createSource(text Statement, st *ast.CreateSource) action {
	return func(ctx context.Context, s *Session, _ []types.Datum) (wire.Rows, error) {
		err := s.ddl(ctx, "CREATE SOURCE", func(cat *catalog.Catalog) (*change, error) {
			schema, err := s.target(cat, st.Name)
			if skip, err := s.exists(err, st.IfNotExists, st.Name.Base()); skip || err != nil {
				return nil, err
			}
			o := &catalog.Object{ID: s.db.newID(), Kind: catalog.Source, Schema: schema, Name: st.Name.Base(), Owner: s.info.User,
				Definition: text.Text(), AppendOnly: true}
			if err := relationColumns(s.db.connector, o, s.jobCtx(cat, text.Text()), &st.RelationDef); err != nil {
				return nil, err
			}
			if len(o.PrimaryKey()) > 0 {
				return nil, sqlerr.New(sqlerr.FeatureNotSupported, "a PRIMARY KEY on a source is not supported").
					WithHint("A source stores nothing. CREATE TABLE .. WITH (connector = ..) keeps rows by key.")
			}
			if err := readConflict(o, &st.RelationDef); err != nil {
				return nil, err
			}
			o.Cols = append(o.Cols, rowID)
			o.Rates = s.rates(o)
			return &change{put: []*catalog.Object{o}}, nil
		})
		return done("CREATE SOURCE"), err
	}
}
