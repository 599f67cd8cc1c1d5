package engine

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"streamdb/catalog"
	"streamdb/executor"
	"streamdb/executor/op"
	"streamdb/expr"
	"streamdb/expr/funcs"
	"streamdb/internal/sqlerr"
	"streamdb/planner"
	"streamdb/planner/bind"
	"streamdb/sql/ast"
	"streamdb/sql/parse"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
)

// checker compares what one epoch holds with what it should hold: views with
// their queries, indexes with their relations, bytes with what they stand for.
// It needs a snapshot and a catalog, no session and no running jobs, so that it
// serves CHECK in a running database as well as streamdb check over a closed one.
type checker struct {
	log    *slog.Logger
	cat    *catalog.Catalog
	snap   storage.Snapshot
	now    time.Time // of the last commit
	memory *executor.Accountant
	env    *op.Env
	rowsOf func(*catalog.Object) int64 // for the planner; may be nil
}

// of makes the checker's time that as of which the object's rows are: what now()
// was when they became what they are.
func (c *checker) of(o *catalog.Object) (err error) {
	c.now, err = storage.JobTime(c.snap, stream.JobID(o.ID))
	return err
}

// newChecker is the checker of the epoch that a snapshot shows.
func newChecker(log *slog.Logger, cat *catalog.Catalog, snap storage.Snapshot, memory *executor.Accountant, env *op.Env) (*checker, error) {
	at, err := storage.TimeOf(snap)
	if err != nil {
		return nil, err
	}
	// Operators close the snapshot that they get; this one is for all of them.
	return &checker{log: log, cat: cat, snap: &overlay{base: snap}, now: at, memory: memory, env: env}, nil
}

// run gives the rows of a bounded dataflow over the snapshot.
func (c *checker) run(ctx context.Context, spec executor.Spec, sink func(*stream.Batch) error) error {
	return executor.RunBounded(ctx, c.openCtx(), spec, sink)
}

func (c *checker) openCtx() executor.OpenCtx {
	return executor.OpenCtx{
		Log:      c.log,
		Snapshot: func() storage.Snapshot { return c.snap },
		Memory:   c.memory,
		Expr:     &expr.Ctx{Now: c.now, Location: time.UTC, Database: database},
		Env:      c.env,
	}
}

// scan reads columns of an object's stored rows.
func scan(o *catalog.Object, cols []int) *op.TableScan {
	s := &op.TableScan{Name: o.Name, Table: *rowTable(o), Cols: cols}
	for _, i := range cols {
		s.Out = append(s.Out, o.Cols[i].Column)
	}
	return s
}

// visible are the positions of the columns that SELECT * gives.
func visible(o *catalog.Object) []int {
	var cols []int
	for i := range o.Cols {
		if !o.Cols[i].Hidden {
			cols = append(cols, i)
		}
	}
	return cols
}

// askable returns 0A000 for a view whose query says nothing about its rows.
func (c *checker) askable(o *catalog.Object) error {
	const what = "CHECK MATERIALIZED VIEW"
	for _, id := range o.DependsOn {
		if src := c.cat.ByID(id); src != nil && src.Kind == catalog.Source {
			return sqlerr.Unsupported("%s of \"%s\", which reads the source \"%s\"", what, o.Name, src.Name).
				WithHint("A source's rows are not kept, so that the query cannot be asked again. A table with the same connector keeps them.")
		}
	}
	history := false
	if err := operators(o, func(s executor.Spec) {
		if _, ok := s.(*op.TemporalJoin); ok {
			history = true
		}
	}); err != nil {
		return err
	}
	if history {
		return sqlerr.Unsupported("%s of \"%s\", which has a temporal join", what, o.Name).
			WithHint("Each row has what the right side was when it came, and that is no longer known. CHECK TABLE checks its rows.")
	}
	return nil
}

// operators calls fn for each operator of an object's plan.
func operators(o *catalog.Object, fn func(executor.Spec)) error {
	if !o.Runs() {
		return nil
	}
	p, err := op.UnmarshalPlan(o.Plan)
	if err != nil {
		return err
	}
	for i := range p.Fragments {
		executor.Walk(p.Fragments[i].Root, fn)
	}
	return nil
}

// viewQuery binds the query of a materialized view as a SELECT, from its
// text, so that the plan shares nothing with the one that made the rows.
func (c *checker) viewQuery(o *catalog.Object) (*planner.BoundQuery, error) {
	asView := *o
	asView.Kind = catalog.View
	bctx := &bind.Context{
		Catalog:     c.cat.With(&asView),
		Database:    database,
		SearchPath:  o.SearchPath,
		SystemTable: systemTable,
		ParseQuery:  parseQuery,
		ParseExpr:   parse.ParseExpr,
		Parallelism: 1,
		RowsOf:      c.rowsOf,
	}
	q, err := parseQuery("select * from " + ast.QuoteIdent(o.Schema) + "." + ast.QuoteIdent(o.Name))
	if err != nil {
		return nil, err
	}
	return planner.Query(bctx, q)
}

// onClose reports whether a view gives its rows when they are final: then its query
// also has those that are not.
func onClose(o *catalog.Object) bool {
	st, err := parseStatement(o.Definition)
	v, ok := st.(*ast.CreateMaterializedView)
	return err == nil && ok && v.EmitOnWindowClose
}

// viewDifference is what a view and its query, as viewQuery bound it,
// differ by: count above zero is a row that only the view has. waiting is how many
// rows of the query a view that is EMIT ON WINDOW CLOSE does not have yet.
func (c *checker) viewDifference(ctx context.Context, o *catalog.Object, q *planner.BoundQuery, most int) (rows []differing, more int, waiting int64, err error) {
	if err := c.of(o); err != nil {
		return nil, 0, 0, err
	}
	cols := visible(o)
	d := &difference{memory: c.memory, most: most, early: onClose(o)}
	for _, i := range cols {
		d.types = append(d.types, o.Cols[i].Type)
	}
	if len(q.Cols) != len(cols) {
		return nil, 0, 0, sqlerr.New(sqlerr.DataCorrupted, "the query of \"%s\" has %d columns, the view %d", o.Name, len(q.Cols), len(cols))
	}
	null, leftOut, err := onErrorOf(o)
	if err != nil {
		return nil, 0, 0, err
	}
	d.left = func(sink func(*stream.Batch) error) error { return c.run(ctx, scan(o, cols), sink) }
	d.right = func(sink func(*stream.Batch) error) error {
		plan, err := planner.Bounded(q, &expr.Ctx{Now: c.now, Location: time.UTC}, planner.Access{Off: true, Above: leftOut})
		if err != nil {
			return err
		}
		open := c.openCtx()
		if null {
			open.Expr.OnError = &expr.Errors{}
		}
		if leftOut { // nothing is kept in these tables
			op.Quarantine(plan, func() storage.TableID { return storage.FirstTableID })
		}
		return executor.RunBoundedPlan(ctx, open, plan, sink)
	}
	rows, more, err = d.run()
	return rows, more, d.waiting, err
}

// onErrorOf is the on_error of a view: whether an expression that fails gives NULL,
// or makes the row be left out.
func onErrorOf(o *catalog.Object) (null, leftOut bool, err error) {
	p, err := op.UnmarshalPlan(o.Plan)
	if err != nil {
		return false, false, err
	}
	return p.NullOnError, op.LeavesOut(p), nil
}

// indexDifference is what an index and its relation differ by, in the columns of
// the index: count above zero is a row that only the index has.
func (c *checker) indexDifference(ctx context.Context, o *catalog.Object, most int) (rows []differing, more int, err error) {
	on := c.cat.ByID(o.Index.On)
	if on == nil {
		return nil, 0, sqlerr.New(sqlerr.DataCorrupted, "index \"%s\" is of an object %d that does not exist", o.Name, o.Index.On)
	}
	all := make([]int, len(on.Cols))
	for i := range all {
		all[i] = i
	}
	calc := &op.Calc{In: scan(on, all), Out: o.Types()}
	for i, from := range o.Index.From {
		var e expr.Expr = &expr.Col{Index: from, T: o.Cols[i].Type}
		if from < 0 {
			if e, err = funcs.Unmarshal(o.Index.Exprs[i]); err != nil {
				return nil, 0, err
			}
		} else if from >= len(on.Cols) {
			return nil, 0, sqlerr.New(sqlerr.DataCorrupted, "index \"%s\" has a column %d that \"%s\" does not have", o.Name, from, on.Name)
		}
		calc.Exprs = append(calc.Exprs, e)
	}
	d := &difference{memory: c.memory, most: most}
	for _, col := range o.Cols {
		d.types = append(d.types, col.Type)
	}
	own := make([]int, len(o.Cols))
	for i := range own {
		own[i] = i
	}
	d.left = func(sink func(*stream.Batch) error) error { return c.run(ctx, scan(o, own), sink) }
	d.right = func(sink func(*stream.Batch) error) error { return c.run(ctx, calc, sink) }
	return d.run()
}

// late is the number of rows that the view's own operators left out as they came
// behind a watermark: the query has them.
func (c *checker) late(o *catalog.Object) (int64, error) {
	var n int64
	var failed error
	err := operators(o, func(s executor.Spec) {
		if ref, ok := op.LateTable(s); ok && failed == nil {
			var k int64
			k, failed = op.LateRows(c.snap, ref)
			n += k
		}
	})
	if err == nil {
		err = failed
	}
	return n, err
}

// text prints a row for people.
func (d *differing) text(ts []types.T) string {
	var b []byte
	b = append(b, '(')
	for i, v := range d.row {
		if i > 0 {
			b = append(b, ", "...)
		}
		if v.Null {
			b = append(b, "NULL"...)
		} else {
			b = types.AppendText(b, ts[i], v, nil)
		}
	}
	return string(append(b, ')'))
}

// columnTypes are the types of an object's columns.
func columnTypes(o *catalog.Object) []types.T {
	ts := make([]types.T, len(o.Cols))
	for i := range o.Cols {
		ts[i] = o.Cols[i].Type
	}
	return ts
}

// indexesOf are the indexes of a relation that should agree with it.
func (c *checker) indexesOf(o *catalog.Object) []*catalog.Object {
	return slices.DeleteFunc(c.cat.Indexes(o.ID), func(ix *catalog.Object) bool { return ix.Creating || ix.Failed != nil })
}
