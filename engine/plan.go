package engine

import (
	"context"
	"strconv"

	"streamdb/catalog"
	"streamdb/executor"
	"streamdb/executor/op"
	"streamdb/internal/sqlerr"
	"streamdb/planner"
	"streamdb/planner/bind"
	"streamdb/sql/ast"
	"streamdb/sql/parse"
	"streamdb/types"
)

// planCtx is what planning a statement of the session depends on.
func (s *Session) planCtx(cat *catalog.Catalog, text string) *bind.Context {
	return &bind.Context{
		Catalog:     cat,
		Database:    database,
		SearchPath:  s.settings.searchPath(s.info.User),
		SystemTable: systemTable,
		Env:         s.Env(),
		ParseQuery:  parseQuery,
		ParseExpr:   parse.ParseExpr,
		Text:        text,
		NextTableID: s.db.newTableID,
		Parallelism: 1,
		Switches:    s.switches(),
		RowsOf:      s.db.rowsOf,
	}
}

// rowsOf estimates the rows of a stored relation; 0 if that cannot be told.
func (db *DB) rowsOf(o *catalog.Object) int64 {
	if o.Rows == nil {
		return 0
	}
	return db.estimates.rows(db.store, o.Rows.Table.ID)
}

// switches are the parts of the planner that the session has turned off.
func (s *Session) switches() bind.Switches {
	off := func(name string) bool { return s.settings.must(name) == "off" }
	return bind.Switches{
		NoSharing:     off("enable_share_plan"),
		NoOrdering:    off("enable_join_ordering"),
		NoRewrites:    off("enable_rewrites"),
		NoTwoPhase:    off("enable_two_phase_agg"),
		ForceTwoPhase: s.settings.on("force_two_phase_agg"),
	}
}

// jobCtx is the same for a statement that becomes a job.
func (s *Session) jobCtx(cat *catalog.Catalog, text string) *bind.Context {
	c := s.planCtx(cat, text)
	c.Job = true
	c.Parallelism = s.parallelism()
	return c
}

// parallelism is that of new jobs.
func (s *Session) parallelism() int {
	n := 0
	for _, r := range s.settings.must("streaming_parallelism") {
		if r < '0' || r > '9' {
			return s.db.opts.Parallelism
		}
		n = n*10 + int(r-'0')
	}
	return n
}

// wantedParallelism is the parallelism that the session asks for by a number; 0: none.
func (s *Session) wantedParallelism() int {
	n, err := strconv.Atoi(s.settings.must("streaming_parallelism"))
	if err != nil {
		return 0
	}
	return n
}

// parseQuery reads the text of a view.
func parseQuery(sql string) (*ast.Query, error) {
	stmts, err := parse.Parse(sql)
	if err != nil {
		return nil, err
	}
	if len(stmts) == 1 {
		if q, ok := stmts[0].Stmt.(*ast.Query); ok {
			return q, nil
		}
	}
	return nil, sqlerr.New(sqlerr.InternalError, "the text of a view is not a query: %q", sql)
}

// evalConst evaluates an expression without columns as a value of type want.
func (s *Session) evalConst(e ast.Expr, want types.T) (types.Datum, error) {
	bound, err := planner.Expr(s.planCtx(s.catalog(), ""), e, "EXECUTE", want)
	if err != nil {
		return types.NullDatum, err
	}
	t, err := s.begun()
	if err != nil {
		return types.NullDatum, err
	}
	v, err := bound.Eval(s.exprCtx(context.Background(), t, nil), nil, nil, 1)
	if err != nil {
		return types.NullDatum, err
	}
	return v.Datum(0), nil
}

// pin writes a plan's pinned form, its tables and its upstreams into the object.
func pin(o *catalog.Object, p *executor.Plan) error {
	b, err := op.MarshalPlan(p)
	if err != nil {
		return err
	}
	o.Plan = b
	o.StateTables = nil
	for _, t := range p.Tables() {
		if t.ID != 0 {
			o.StateTables = append(o.StateTables, t.ID)
		}
	}
	o.Upstreams = nil
	for _, u := range p.Upstreams() {
		o.Upstreams = append(o.Upstreams, catalog.ID(u))
	}
	return nil
}
