package engine

import (
	"context"
	"slices"
	"time"

	"streamdb/catalog"
	"streamdb/internal/sqlerr"
	"streamdb/planner"
	"streamdb/sql/ast"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/wire"
)

// createView is CREATE VIEW: a name for a query.
func createView(text Statement, st *ast.CreateView) action {
	return func(ctx context.Context, s *Session, _ []types.Datum) (wire.Rows, error) {
		if st.Temporary {
			return nil, sqlerr.Unsupported("a temporary view")
		}
		err := s.ddl(ctx, "CREATE VIEW", func(cat *catalog.Catalog) (*change, error) {
			schema, err := s.target(cat, st.Name)
			old := cat.Find(schema, st.Name.Base())
			replace := st.OrReplace && old != nil && old.Kind == catalog.View
			if !replace {
				if skip, err := s.exists(err, st.IfNotExists, st.Name.Base()); skip || err != nil {
					return nil, err
				}
			}
			q, err := planner.Query(s.planCtx(cat, text.Text()), st.Query)
			if err != nil {
				return nil, err
			}
			o := &catalog.Object{ID: s.db.newID(), Kind: catalog.View, Schema: schema, Name: st.Name.Base(), Owner: s.info.User,
				Definition: text.Text(), Query: st.QueryText, SearchPath: s.settings.searchPath(s.info.User), DependsOn: q.Reads, Refs: q.Refs}
			if o.Cols, err = viewColumns(q.Cols, st.Columns); err != nil {
				return nil, err
			}
			if replace {
				if err := replaceable(old, o); err != nil {
					return nil, err
				}
				o.ID = old.ID
			}
			return &change{put: []*catalog.Object{o}}, nil
		})
		return done("CREATE VIEW"), err
	}
}

// replaceable checks that CREATE OR REPLACE VIEW keeps the columns there are.
func replaceable(old, now *catalog.Object) error {
	if len(now.Cols) < len(old.Cols) {
		return sqlerr.New(sqlerr.InvalidTableDefinition, "cannot drop columns from view")
	}
	for i, c := range old.Cols {
		if now.Cols[i].Name != c.Name {
			return sqlerr.New(sqlerr.InvalidTableDefinition, "cannot change name of view column \"%s\" to \"%s\"", c.Name, now.Cols[i].Name)
		}
		if !now.Cols[i].Type.Equal(c.Type) {
			return sqlerr.New(sqlerr.InvalidTableDefinition, "cannot change data type of view column \"%s\" from %s to %s", c.Name, c.Type, now.Cols[i].Type)
		}
	}
	if slices.Contains(now.DependsOn, old.ID) {
		return sqlerr.New(sqlerr.InvalidRecursion, "view \"%s\" would depend on itself", now.Name)
	}
	return nil
}

// viewColumns names the visible columns of a view.
func viewColumns(cols types.Schema, names []string) ([]catalog.Column, error) {
	if len(names) > len(cols) {
		return nil, sqlerr.New(sqlerr.SyntaxError, "CREATE VIEW specifies more column names than columns")
	}
	out := make([]catalog.Column, len(cols))
	for i, c := range cols {
		if i < len(names) {
			c.Name = names[i]
		}
		if c.Type.ID == types.Unknown {
			c.Type = types.Of(types.Text)
		}
		for _, o := range out[:i] {
			if o.Name == c.Name {
				return nil, sqlerr.New(sqlerr.DuplicateColumn, "column \"%s\" specified more than once", c.Name)
			}
		}
		out[i] = catalog.Column{Column: c}
	}
	return out, nil
}

// createMaterializedView is CREATE MATERIALIZED VIEW. It returns when the view
// holds all that its upstreams hold, unless background_ddl is on.
func createMaterializedView(text Statement, st *ast.CreateMaterializedView) action {
	return func(ctx context.Context, s *Session, _ []types.Datum) (wire.Rows, error) {
		switch {
		case st.OrReplace || !st.ReplacementFor.IsZero():
			return nil, sqlerr.Unsupported("replacing a materialized view")
		case st.WithNoData:
			return nil, sqlerr.Unsupported("WITH NO DATA").WithHint("A materialized view is always up to date.")
		}
		var id catalog.ID
		err := s.creation(ctx, "CREATE MATERIALIZED VIEW", func(cat *catalog.Catalog) (*change, error) {
			schema, err := s.target(cat, st.Name)
			if skip, err := s.exists(err, st.IfNotExists, st.Name.Base()); skip || err != nil {
				return nil, err
			}
			o := &catalog.Object{ID: s.db.newID(), Kind: catalog.MaterializedView, Schema: schema, Name: st.Name.Base(), Owner: s.info.User,
				Definition: text.Text(), Query: st.QueryText, SearchPath: s.settings.searchPath(s.info.User), Creating: true}
			bctx := s.jobCtx(cat, text.Text())
			bctx.EmitOnClose = st.EmitOnWindowClose
			job, err := planner.Materialized(bctx, o.ID, st.Query, st.Columns)
			if err != nil {
				return nil, err
			}
			o.Cols = catalogColumns(job.Cols)
			for _, c := range job.Cols {
				if err := checkColumnName(c.Name); err != nil && !c.Hidden {
					return nil, err
				}
			}
			o.Rows, o.DependsOn, o.Refs, o.AppendOnly, o.Marks = job.Rows, job.DependsOn, job.Refs, job.AppendOnly, job.Marks
			id = o.ID
			return s.newJob(cat, o, job, st.Options)
		})
		if err != nil || id == 0 {
			return done("CREATE MATERIALIZED VIEW"), err
		}
		return done("CREATE MATERIALIZED VIEW"), s.awaitCreation(ctx, id)
	}
}

func catalogColumns(cols types.Schema) []catalog.Column {
	out := make([]catalog.Column, len(cols))
	for i, c := range cols {
		out[i] = catalog.Column{Column: c}
	}
	return out
}

// newJob is the change that adds an object and starts its job, with the sources
// that it is the first to read.
func (s *Session) newJob(cat *catalog.Catalog, o *catalog.Object, job *planner.JobPlan, options []*ast.Option) (*change, error) {
	o.Rates = s.rates(o)
	if err := s.backfillOptions(cat, o, job.Plan, options); err != nil {
		return nil, err
	}
	job.Plan.Parallelism = s.wantedParallelism()
	if o.Creating {
		o.Background, o.CreatingSince = s.settings.on("background_ddl"), time.Now()
	}
	if err := pin(o, job.Plan); err != nil {
		return nil, err
	}
	c, err := s.withSources(cat, job.Plan.Upstreams())
	if err != nil {
		return nil, err
	}
	c.put = append(c.put, o)
	c.start = append(c.start, job.Plan)
	return c, nil
}

// withSources begins a change with the jobs of the sources among the upstreams
// that do not run yet.
func (s *Session) withSources(cat *catalog.Catalog, upstreams []stream.JobID) (*change, error) {
	c := &change{}
	for _, u := range upstreams {
		src := cat.ByID(catalog.ID(u))
		if src == nil || src.Kind != catalog.Source || src.Runs() {
			continue
		}
		job, err := planner.SourceJob(s.jobCtx(cat, ""), src)
		if err != nil {
			return nil, err
		}
		n := *src
		if err := pin(&n, job.Plan); err != nil {
			return nil, err
		}
		c.put = append(c.put, &n)
		c.start = append(c.start, job.Plan)
	}
	return c, nil
}
