package engine

import (
	"context"
	"strings"

	"streamdb/catalog"
	"streamdb/expr"
	"streamdb/internal/sqlerr"
	"streamdb/planner"
	"streamdb/sql/ast"
	"streamdb/types"
	"streamdb/wire"
)

// analyseQuery is SELECT, VALUES, TABLE and WITH .. SELECT.
func (s *Session) analyseQuery(p *Prepared, st *ast.Query) error {
	bctx := s.planCtx(s.catalog(), p.stmt.Text())
	bctx.ParamTypes = p.params
	q, err := planner.Query(bctx, st)
	if err != nil {
		return err
	}
	p.query, p.params = q, q.Params
	p.cols = resultColumns(q.Cols)
	for i, o := range q.Origins {
		p.cols[i].TableOID, p.cols[i].Attr = uint32(o.Table), o.Attr
	}
	if p.cols == nil {
		p.cols = []wire.Column{}
	}
	p.action = func(ctx context.Context, s *Session, args []types.Datum) (wire.Rows, error) {
		t, err := s.begun()
		if err != nil {
			return nil, err
		}
		if err := s.readable(t.cat, q.Reads); err != nil {
			return nil, err
		}
		t.replayable = false
		plan, rows, err := s.directly(t, q, s.exprCtx(ctx, t, args))
		if err != nil {
			return nil, err
		}
		if plan == nil {
			return directResult(rows, p.cols), nil
		}
		return s.run(ctx, t, plan, args, p.cols, "SELECT"), nil
	}
	return nil
}

// readable refuses to read what has failed or is not complete yet.
func (s *Session) readable(cat *catalog.Catalog, ids []catalog.ID) error {
	for _, id := range ids {
		o := cat.ByID(id)
		switch {
		case o == nil || o.Kind == catalog.Source:
		case o.Failed != nil:
			return failedError(o)
		case o.Creating:
			how := "created"
			if o.Resuming {
				how = "resumed"
			}
			return sqlerr.New(sqlerr.ObjectNotInPrerequisiteState, "%s \"%s\" is still being %s", o.Kind, o.Name, how).
				WithHint("It is at %s rows; SHOW JOBS tells how far it is, WAIT waits for it.", s.db.progress(o))
		}
	}
	return nil
}

// analyseTruncate is TRUNCATE: DELETE of every row.
func (s *Session) analyseTruncate(p *Prepared, st *ast.Truncate) error {
	var deletes []*planner.BoundDML
	for _, name := range st.Tables {
		d, _, err := s.bindDML(s.planCtx(s.catalog(), p.stmt.Text()), &ast.Delete{Table: name})
		if err != nil {
			return err
		}
		deletes = append(deletes, d)
	}
	return p.will(func(ctx context.Context, s *Session, args []types.Datum) (wire.Rows, error) {
		for _, d := range deletes {
			if _, err := s.runDML(ctx, p, d, verbDelete, args); err != nil {
				return nil, err
			}
		}
		return done("TRUNCATE TABLE"), nil
	})
}

// analyseExplain is EXPLAIN.
func (s *Session) analyseExplain(p *Prepared, st *ast.Explain) error {
	verbose := false
	for _, o := range st.Options {
		switch o.Name {
		case "verbose":
			verbose = o.Kind == ast.OptionNone || o.Value == "true" || o.Value == "on"
		case "analyze":
			return sqlerr.Unsupported("EXPLAIN ANALYZE")
		case "costs", "format", "timing", "buffers", "summary", "settings", "trace", "logical", "physical", "distsql":
		default:
			return sqlerr.New(sqlerr.SyntaxError, "unrecognized EXPLAIN option \"%s\"", o.Name)
		}
	}
	text, err := s.explain(p, st.Stmt, verbose)
	if err != nil {
		return err
	}
	p.cols = textColumns("QUERY PLAN")
	rows := make([][]*string, len(text))
	for i := range text {
		rows[i] = []*string{&text[i]}
	}
	p.action = func(context.Context, *Session, []types.Datum) (wire.Rows, error) {
		return textRows(p.cols, rows, "EXPLAIN"), nil
	}
	return nil
}

func (s *Session) explain(p *Prepared, st ast.Stmt, verbose bool) ([]string, error) {
	cat := s.catalog()
	bctx := s.planCtx(cat, p.stmt.Text())
	bctx.ParamTypes = p.params
	switch st := st.(type) {
	case *ast.Query:
		q, err := planner.Query(bctx, st)
		if err != nil {
			return nil, err
		}
		return s.explainQuery(q, verbose)
	case *ast.Insert, *ast.Update, *ast.Delete:
		d, _, err := s.bindDML(bctx, st)
		if err != nil {
			return nil, err
		}
		return s.explainQuery(d.Rows, verbose)
	case *ast.CreateMaterializedView:
		bctx := s.jobCtx(cat, p.stmt.Text())
		bctx.EmitOnClose = st.EmitOnWindowClose
		job, err := planner.Materialized(bctx, 0, st.Query, st.Columns)
		if err != nil {
			return nil, err
		}
		return lines(job.Explain(verbose)), nil
	case *ast.CreateIndex:
		_, job, err := s.indexJob(cat, st, "", p.stmt.Text())
		if err != nil {
			return nil, err
		}
		return lines(job.Explain(verbose)), nil
	case *ast.CreateTable, *ast.CreateSource, *ast.CreateSink, *ast.CreateView:
		return nil, sqlerr.Unsupported("EXPLAIN of this statement").WithHint("EXPLAIN a query or CREATE MATERIALIZED VIEW.")
	}
	return nil, sqlerr.Unsupported("EXPLAIN of this statement")
}

func (s *Session) explainQuery(q *planner.BoundQuery, verbose bool) ([]string, error) {
	t, err := s.begun()
	if err != nil {
		return nil, err
	}
	plan, err := planner.Bounded(q, &expr.Ctx{Env: s.Env()}, s.access(t))
	if err != nil {
		return nil, err
	}
	return lines(planner.Explain(plan, verbose)), nil
}

func lines(text string) []string { return strings.Split(strings.TrimRight(text, "\n"), "\n") }
