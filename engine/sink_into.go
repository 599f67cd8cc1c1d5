package engine

import (
	"context"
	"slices"

	"streamdb/catalog"
	"streamdb/executor/op"
	"streamdb/internal/sqlerr"
	"streamdb/planner"
	"streamdb/sql/ast"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/wire"
)

// createSinkInto is CREATE SINK .. INTO table: a job whose output the table's
// job reads. That job is stopped and started again at the barrier that adds the
// sink, with all that read the table: see rewire.
func createSinkInto(text Statement, st *ast.CreateSink) action {
	return func(ctx context.Context, s *Session, _ []types.Datum) (wire.Rows, error) {
		opt, err := readIntoOptions(st)
		if err != nil {
			return nil, err
		}
		var id catalog.ID
		err = s.ddl(ctx, "CREATE SINK", func(cat *catalog.Catalog) (*change, error) {
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
			job, table, err := planner.IntoJob(s.jobCtx(cat, text.Text()), o, st.Into, st.IntoColumns, query, opt.inserts())
			if err != nil {
				return nil, err
			}
			if err := opt.check(cat, table, job); err != nil {
				return nil, err
			}
			if !opt.snapshot {
				if err := op.WithoutSnapshot(job.Plan, "snapshot = 'false'"); err != nil {
					return nil, err
				}
			}
			o.Cols, o.DependsOn, o.Refs, o.Into = catalogColumns(job.Cols), job.DependsOn, job.Refs, table.ID
			c, err := s.newJob(cat, o, job, st.Options)
			if err != nil {
				return nil, err
			}
			id = o.ID
			return c, c.attachWriter(cat, table, stream.JobID(o.ID))
		})
		if err != nil || id == 0 {
			return done("CREATE SINK"), err
		}
		return done("CREATE SINK"), s.awaitCreation(ctx, id)
	}
}

// intoOptions is WITH of CREATE SINK .. INTO.
type intoOptions struct {
	appendOnly, force, ignoreDelete, snapshot bool
}

// inserts: only inserted rows go into the table.
func (o intoOptions) inserts() bool { return o.force || o.ignoreDelete }

func readIntoOptions(st *ast.CreateSink) (o intoOptions, err error) {
	options, connector, err := optionMap(st.Options)
	switch {
	case err != nil:
		return o, err
	case st.OrReplace:
		return o, sqlerr.Unsupported("CREATE OR REPLACE SINK")
	case st.Format != nil:
		return o, sqlerr.New(sqlerr.FeatureNotSupported, "connector table is not supported by FORMAT ... ENCODE ... syntax").
			WithHint("A sink into a table takes no FORMAT and ENCODE.")
	case connector != "":
		return o, sqlerr.New(sqlerr.InvalidParameterValue, "a sink into a table has no connector").
			WithHint("Leave INTO or connector = '%s' out.", connector)
	}
	o.snapshot = true
	flags := map[string]*bool{"force_append_only": &o.force, "ignore_delete": &o.ignoreDelete, "snapshot": &o.snapshot}
	for name, value := range options {
		switch {
		case name == "type" && (value == "append-only" || value == "upsert"):
			o.appendOnly = value == "append-only"
		case name == "type":
			return o, sqlerr.New(sqlerr.InvalidParameterValue, "type '%s' of a sink into a table is not append-only or upsert", value)
		case name == "auto.schema.change":
			return o, sqlerr.New(sqlerr.FeatureNotSupported, "auto schema change not supported for sink-into-table").
				WithHint("Drop the sink and create it again with the new columns.")
		case flags[name] == nil:
			return o, sqlerr.New(sqlerr.InvalidParameterValue, "a sink into a table has no option \"%s\"", name).
				WithHint("The options are type, force_append_only, ignore_delete and snapshot.")
		case value != "true" && value != "false":
			return o, sqlerr.New(sqlerr.InvalidParameterValue, "\"%s\" is 'true' or 'false'", name)
		default:
			*flags[name] = value == "true"
		}
	}
	if o.force && !o.appendOnly {
		return o, sqlerr.New(sqlerr.InvalidParameterValue, "force_append_only needs type = 'append-only'")
	}
	return o, nil
}

// check refuses sinks that do not fit the table, or that the table feeds itself.
func (o intoOptions) check(cat *catalog.Catalog, table *catalog.Object, job *planner.JobPlan) error {
	if table.Failed != nil {
		return failedError(table)
	}
	if table.Retention > 0 {
		return sqlerr.Unsupported("a sink into table \"%s\", which has %s,", table.Name, retentionOption)
	}
	if err := mergeable(table); err != nil {
		return err
	}
	if o.appendOnly && !o.force && !job.AppendOnly {
		return sqlerr.New(sqlerr.InvalidParameterValue, "the query of the sink is not append-only").
			WithHint("With force_append_only = 'true' updates become inserts and deletes are dropped.")
	}
	grows := len(table.PrimaryKey()) == 0 || table.AppendOnly
	if grows && !job.AppendOnly && !o.inserts() {
		if len(table.PrimaryKey()) == 0 {
			return sqlerr.New(sqlerr.InvalidParameterValue, "Only append-only sinks can sink to a table without primary keys.").
				WithHint("Add WITH (type = 'append-only', force_append_only = 'true'): updates become inserts and deletes are dropped.")
		}
		return sqlerr.New(sqlerr.InvalidParameterValue, "Only append-only sinks can sink to the APPEND ONLY table \"%s\".", table.Name).
			WithHint("Add WITH (type = 'append-only', force_append_only = 'true'): updates become inserts and deletes are dropped.")
	}
	if table.Watermark != nil && len(table.PrimaryKey()) > 0 {
		return sqlerr.Unsupported("a sink into a table with a watermark and a primary key").
			WithHint("Leave the primary key or the watermark out.")
	}
	downstream := readersTree(cat, table.ID)
	for _, up := range job.Plan.Upstreams() {
		if slices.ContainsFunc(downstream, func(r *catalog.Object) bool { return r.ID == catalog.ID(up) }) {
			return sqlerr.New(sqlerr.InvalidObjectDefinition, "the sink would write into table \"%s\", which it reads: a circular dependency", table.Name).
				WithDetail("It reads %s, which depends on the table.", cat.ByID(catalog.ID(up)).Name).
				WithHint("Write into another table.")
		}
	}
	return nil
}

// readersTree is an object and all whose jobs read its job's output, directly or not.
func readersTree(cat *catalog.Catalog, id catalog.ID) []*catalog.Object {
	out := []*catalog.Object{cat.ByID(id)}
	for i := 0; i < len(out); i++ {
		for _, r := range cat.Readers(out[i].ID) {
			if !slices.Contains(out, r) {
				out = append(out, r)
			}
		}
	}
	return out
}

// needersTree is an object and all whose jobs cannot run without its job: those of
// readersTree, but a table goes on without the sinks that write into it.
func needersTree(cat *catalog.Catalog, id catalog.ID) []*catalog.Object {
	out := []*catalog.Object{cat.ByID(id)}
	for i := 0; i < len(out); i++ {
		for _, r := range cat.Readers(out[i].ID) {
			if r.ID != out[i].Into && !slices.Contains(out, r) {
				out = append(out, r)
			}
		}
	}
	return out
}

// attachWriter makes the table's job read the writer's.
func (c *change) attachWriter(cat *catalog.Catalog, table *catalog.Object, writer stream.JobID) error {
	p, err := op.UnmarshalPlan(table.Plan)
	if err != nil {
		return err
	}
	if err := attach(p, table, writer); err != nil {
		return err
	}
	n := *table
	if err := pin(&n, p); err != nil {
		return err
	}
	return c.rewire(cat, map[catalog.ID]*catalog.Object{table.ID: &n}, nil)
}

// detachWriters takes dropped sinks out of the jobs of the tables that stay.
func (c *change) detachWriters(cat *catalog.Catalog, gone map[catalog.ID]bool) error {
	changed := map[catalog.ID]*catalog.Object{}
	for _, o := range c.remove {
		if o.Into == 0 || gone[o.Into] {
			continue
		}
		table := changed[o.Into]
		if table == nil {
			n := *cat.ByID(o.Into)
			table = &n
		}
		p, err := op.UnmarshalPlan(table.Plan)
		if err != nil {
			return err
		}
		if err := op.DetachWriter(p, stream.JobID(o.ID)); err != nil {
			return err
		}
		if err := pin(table, p); err != nil {
			return err
		}
		changed[o.Into] = table
	}
	if len(changed) == 0 {
		return nil
	}
	return c.rewire(cat, changed, gone)
}

// rewire starts jobs again with changed plans, at the barrier of the change, and
// with them all that read their output. Jobs that have failed stay down. What
// the change stops for good, it stops at the same barrier.
func (c *change) rewire(cat *catalog.Catalog, changed map[catalog.ID]*catalog.Object, gone map[catalog.ID]bool) error {
	c.halt, c.stop = append(c.halt, c.stop...), nil
	seen := map[catalog.ID]bool{}
	for id, n := range changed {
		c.put = append(c.put, n)
		for _, r := range readersTree(cat, id) {
			if seen[r.ID] || gone[r.ID] || !r.Runs() || r.Failed != nil {
				continue
			}
			seen[r.ID] = true
			pinned := r.Plan
			if m := changed[r.ID]; m != nil {
				pinned = m.Plan
			}
			p, err := op.UnmarshalPlan(pinned)
			if err != nil {
				return err
			}
			c.halt = append(c.halt, stream.JobID(r.ID))
			c.start = append(c.start, p)
		}
	}
	return nil
}
