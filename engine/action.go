package engine

import (
	"context"
	"strconv"
	"strings"

	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
	"streamdb/wire"
)

// action runs an analysed statement with its arguments.
type action func(ctx context.Context, s *Session, args []types.Datum) (wire.Rows, error)

// analyse finds the action of a statement, and the columns of its result. It
// is the list of all statements: one line each.
func (s *Session) analyse(p *Prepared) error {
	switch st := p.stmt.Stmt.(type) {
	case *ast.Query:
		return s.analyseQuery(p, st)
	case *ast.Insert:
		return s.analyseDML(p, st)
	case *ast.Update:
		return s.analyseDML(p, st)
	case *ast.Delete:
		return s.analyseDML(p, st)
	case *ast.Truncate:
		return s.analyseTruncate(p, st)
	case *ast.Explain:
		return s.analyseExplain(p, st)
	case *ast.Show:
		return s.analyseShow(p, st)
	case *ast.Describe:
		return s.analyseDescribe(p, st)
	case *ast.Set:
		return p.will(setVariable(st))
	case *ast.SetTransaction:
		return p.will(setTransaction(st))
	case *ast.Reset:
		return p.will(resetVariable(st))
	case *ast.Begin:
		return p.will(begin(st))
	case *ast.Commit:
		return p.will(commit(st))
	case *ast.Rollback:
		return p.will(rollback(st))
	case *ast.Savepoint:
		return p.will(savepointStatement(st))
	case *ast.Flush:
		return p.will(flush)
	case *ast.Wait:
		return p.will(waitJobs)
	case *ast.Check:
		return s.analyseCheck(p, st)
	case *ast.Backup:
		return s.analyseBackup(p, st)
	case *ast.CancelJobs:
		return s.analyseCancelJobs(p, st)
	case *ast.Recover:
		return p.will(doneAction("RECOVER"))
	case *ast.Discard:
		return p.will(discard(st))
	case *ast.Prepare:
		return p.will(prepareStatement(st))
	case *ast.Execute:
		return s.analyseExecute(p, st)
	case *ast.Deallocate:
		return p.will(deallocate(st))
	case *ast.DeclareCursor:
		return s.analyseDeclare(p, st)
	case *ast.Subscribe:
		return s.analyseSubscribe(p, st)
	case *ast.Copy:
		return s.analyseCopy(p, st)
	case *ast.Fetch:
		return s.analyseFetch(p, st)
	case *ast.CloseCursor:
		return p.will(closeCursor(st))
	case *ast.CreateTable:
		return p.will(createTable(p.stmt, st))
	case *ast.CreateSource:
		return p.will(createSource(p.stmt, st))
	case *ast.CreateMaterializedView:
		return p.will(createMaterializedView(p.stmt, st))
	case *ast.CreateView:
		return p.will(createView(p.stmt, st))
	case *ast.CreateSink:
		return p.will(createSink(p.stmt, st))
	case *ast.CreateIndex:
		return p.will(createIndex(p.stmt, st))
	case *ast.CreateSchema:
		return p.will(createSchema(st))
	case *ast.Alter:
		return p.will(alter(st))
	case *ast.Drop:
		return p.will(drop(st))
	case *ast.Comment:
		return p.will(comment(st))
	case *ast.Maintenance:
		return p.will(doneAction(strings.ToUpper(st.Command)))
	}
	return sqlerr.Unsupported("%s", statementName(p.stmt.Stmt))
}

// will sets the action of a statement that returns no rows.
func (p *Prepared) will(a action) error {
	p.action = a
	return nil
}

// doneAction does nothing but end with a tag.
func doneAction(tag string) action {
	return func(context.Context, *Session, []types.Datum) (wire.Rows, error) { return done(tag), nil }
}

// result is a result that is there from the start: wire.Rows.
type result struct {
	cols []wire.Column
	rows *stream.Batch // nil: none, or already returned
	tag  string
}

// done is the result of a statement that returns no rows.
func done(tag string) wire.Rows { return &result{tag: tag} }

func (r *result) Columns() []wire.Column { return r.cols }

func (r *result) Next(context.Context) (*stream.Batch, error) {
	b := r.rows
	r.rows = nil
	return b, nil
}

func (r *result) Tag() string { return r.tag }

func (r *result) Close() error { return nil }

// textRows is a result of text columns; a nil cell is NULL.
func textRows(cols []wire.Column, rows [][]*string, verb string) wire.Rows {
	b := make([]*vec.Builder, len(cols))
	for i := range b {
		b[i] = vec.NewBuilder(types.LBytes, len(rows))
	}
	for _, row := range rows {
		for i, cell := range row {
			if cell == nil {
				b[i].AppendNull()
			} else {
				b[i].AppendString(*cell)
			}
		}
	}
	return builtRows(cols, b, len(rows), verb)
}

// builtRows is a result of the n rows in builders, one for each column.
func builtRows(cols []wire.Column, bs []*vec.Builder, n int, tag string) wire.Rows {
	vecs := make([]vec.Vec, len(bs))
	for i := range bs {
		vecs[i] = bs[i].Vec()
	}
	return &result{cols: cols, rows: stream.NewBatch(n, vecs, nil), tag: tag}
}

// textColumns makes columns of type text.
func textColumns(names ...string) []wire.Column {
	cols := make([]wire.Column, len(names))
	for i, n := range names {
		cols[i] = wire.Column{Name: n, Type: types.Of(types.Text)}
	}
	return cols
}

func countTag(verb string, n int64) string { return verb + " " + strconv.FormatInt(n, 10) }
