package engine

import (
	"context"

	"streamdb/catalog"
	"streamdb/connector"
	"streamdb/internal/sqlerr"
	"streamdb/planner"
	"streamdb/sql/ast"
	"streamdb/types"
	"streamdb/wire"
)

// createSink is CREATE SINK: a query whose changes are delivered to the outside.
func createSink(text Statement, st *ast.CreateSink) action {
	if !st.Into.IsZero() {
		return createSinkInto(text, st)
	}
	return func(ctx context.Context, s *Session, _ []types.Datum) (wire.Rows, error) {
		if st.OrReplace {
			return nil, sqlerr.Unsupported("CREATE OR REPLACE SINK")
		}
		var id catalog.ID
		err := s.creation(ctx, "CREATE SINK", func(cat *catalog.Catalog) (*change, error) {
			schema, err := s.target(cat, st.Name)
			if skip, err := s.exists(err, st.IfNotExists, st.Name.Base()); skip || err != nil {
				return nil, err
			}
			query, queryText := st.Query, st.QueryText
			if query == nil {
				queryText = "SELECT * FROM " + st.From.String()
				if query, err = parseQuery(queryText); err != nil {
					return nil, err
				}
			}
			o := &catalog.Object{ID: s.db.newID(), Kind: catalog.Sink, Schema: schema, Name: st.Name.Base(), Owner: s.info.User,
				Definition: text.Text(), Query: queryText, SearchPath: s.settings.searchPath(s.info.User), Creating: true}
			if err := sinkConnector(s.db.connector, o, st); err != nil {
				return nil, err
			}
			bctx := s.jobCtx(cat, text.Text())
			bctx.EmitOnClose = st.EmitOnWindowClose
			job, err := planner.SinkJob(bctx, o, query)
			if err != nil {
				return nil, err
			}
			o.Cols, o.DependsOn, o.Refs = catalogColumns(job.Cols), job.DependsOn, job.Refs
			id = o.ID
			return s.newJob(cat, o, job, st.Options)
		})
		if err != nil || id == 0 {
			return done("CREATE SINK"), err
		}
		return done("CREATE SINK"), s.awaitCreation(ctx, id)
	}
}

// sinkConnector reads and checks the WITH part of CREATE SINK.
func sinkConnector(find findConnector, o *catalog.Object, st *ast.CreateSink) error {
	options, name, err := optionMap(st.Options)
	if err != nil {
		return err
	}
	if name == "" {
		return sqlerr.New(sqlerr.InvalidParameterValue, "a sink needs a connector").WithHint("Write WITH (connector = 'blackhole').")
	}
	conn := &catalog.Connector{Name: name, Options: options}
	if st.Format != nil {
		conn.Format, conn.Encode = upper(st.Format.Format), upper(st.Format.Encode)
		if conn.EncodeOptions, _, err = optionMap(st.Format.Options); err != nil {
			return err
		}
	}
	d, cfg, err := openable(find, o, conn)
	if err != nil {
		return err
	}
	if d.OpenSink == nil {
		return sqlerr.Unsupported("connector '%s' as a sink", name)
	}
	if err := connector.CheckOptions(d, cfg, true); err != nil {
		return err
	}
	o.Connector = conn
	return nil
}
