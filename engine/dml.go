package engine

import (
	"context"
	"fmt"
	"strings"

	"streamdb/catalog"
	"streamdb/executor"
	"streamdb/executor/op"
	"streamdb/expr"
	"streamdb/internal/sqlerr"
	"streamdb/planner"
	"streamdb/sql/ast"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
	"streamdb/wire"
)

// analyseDML is INSERT, UPDATE and DELETE.
func (s *Session) analyseDML(p *Prepared, st ast.Stmt) error {
	bctx := s.planCtx(s.catalog(), p.stmt.Text())
	bctx.ParamTypes = p.params
	d, err := planner.DML(bctx, st)
	if err != nil {
		return err
	}
	if err := writable(d.Table, d.Kind); err != nil {
		return err
	}
	p.params = bctx.ParamTypes
	p.cols = resultColumns(d.ReturnCols)
	p.action = func(ctx context.Context, s *Session, args []types.Datum) (wire.Rows, error) {
		return s.runDML(ctx, p, d, args)
	}
	return nil
}

// writable refuses writes to what is not a table that takes them.
func writable(o *catalog.Object, kind planner.DMLKind) error {
	switch {
	case o.Kind == catalog.Table && o.AppendOnly && kind != planner.Insert:
		return sqlerr.New(sqlerr.FeatureNotSupported, "cannot change rows of table \"%s\", which is APPEND ONLY", o.Name)
	case o.Kind == catalog.Table:
		return nil
	case o.Kind == catalog.View:
		return sqlerr.New(sqlerr.ObjectNotInPrerequisiteState, "cannot change view \"%s\"", o.Name)
	}
	return sqlerr.New(sqlerr.WrongObjectType, "cannot change %s \"%s\"", o.Kind, o.Name).
		WithHint("Only tables take INSERT, UPDATE and DELETE.")
}

// resultColumns makes the wire's columns from a schema; nil for none.
func resultColumns(cols types.Schema) []wire.Column {
	if cols == nil {
		return nil
	}
	out := make([]wire.Column, len(cols))
	for i, c := range cols {
		t := c.Type
		if t.ID == types.Unknown {
			t = types.Of(types.Text)
		}
		out[i] = wire.Column{Name: c.Name, Type: t}
	}
	return out
}

// write is one statement's work on a table within a transaction.
type write struct {
	session *Session
	txn     *txn
	dml     *planner.DMLPlan
	table   *op.RowTable
	count   int64
	done    []*stream.Batch // rows for RETURNING
}

func (s *Session) runDML(ctx context.Context, p *Prepared, d *planner.DMLPlan, args []types.Datum) (wire.Rows, error) {
	t, err := s.begun()
	if err != nil {
		return nil, err
	}
	if t.readOnly {
		return nil, sqlerr.New(sqlerr.ReadOnlySQLTransaction, "cannot execute %s in a read-only transaction", d.Kind)
	}
	if d.Table.Failed != nil {
		return nil, failedError(d.Table)
	}
	batches, err := s.collect(ctx, t, d.Spec, args)
	if err != nil {
		return nil, err
	}
	w := &write{session: s, txn: t, dml: d, table: rowTable(d.Table)}
	if err := w.apply(batches); err != nil {
		return nil, err
	}
	tag := fmt.Sprintf("%s %d", d.Kind, w.count)
	if d.Kind == planner.Insert {
		tag = fmt.Sprintf("INSERT 0 %d", w.count)
	}
	if d.ReturnCols == nil {
		t.remember(p, args, tag)
		return done(tag), nil
	}
	t.replayable = false
	rows, err := w.returning(s.exprCtx(ctx, t, args))
	if err != nil {
		return nil, err
	}
	return &result{cols: p.cols, rows: rows, tag: tag}, nil
}

// collect runs a spec to its end: what a statement reads is read before it
// writes. The rows count against the memory of queries.
func (s *Session) collect(ctx context.Context, t *txn, spec executor.Spec, args []types.Datum) ([]*stream.Batch, error) {
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	memory := s.db.memory.Child(0)
	defer memory.Close()
	var out []*stream.Batch
	err := executor.RunBounded(ctx, s.openCtx(ctx, t, args, memory), spec, func(b *stream.Batch) error {
		if b.Rows() > 0 {
			out = append(out, b)
		}
		return memory.Grow(b.Bytes())
	})
	if err != nil {
		return nil, cancelled(err)
	}
	return out, nil
}

func (w *write) apply(batches []*stream.Batch) error {
	width := len(w.table.Cols)
	switch w.dml.Kind {
	case planner.Insert:
		for _, b := range batches {
			if err := w.insert(w.withRowIDs(b)); err != nil {
				return err
			}
		}
	case planner.Delete:
		for _, b := range batches {
			if err := w.remove(b, b.Cols()[:width]); err != nil {
				return err
			}
		}
	default:
		return w.update(batches, width)
	}
	return nil
}

// withRowIDs completes inserted rows with the hidden key, where the table has one.
func (w *write) withRowIDs(b *stream.Batch) *stream.Batch {
	if len(b.Cols()) == len(w.table.Cols) {
		return b
	}
	ids := make([]int64, b.Rows())
	first := w.session.db.rowIDs.take(len(ids))
	for i := range ids {
		ids[i] = first + int64(i)
	}
	return stream.NewBatch(b.Rows(), append(append([]vec.Vec{}, b.Cols()...), vec.Ints(ids)), nil)
}

// insert stages rows; a row whose key is taken is 23505.
func (w *write) insert(b *stream.Batch) error {
	cols, n := b.Cols(), b.Rows()
	if err := w.checkNotNull(cols, n); err != nil {
		return err
	}
	vnodes := w.table.VNodes(cols, n, nil)
	hidden := w.table.Cols[w.table.Key[0].Col].Hidden
	kept := make([]int32, 0, n)
	var key []byte
	for i := range n {
		key = w.table.EncodeKey(key[:0], cols, i)
		if !hidden {
			there, err := w.txn.overlay.Get(w.table.Def.ID, vnodes[i], key)
			if err != nil {
				return err
			}
			if there != nil {
				if w.dml.DoNothing {
					continue
				}
				return w.duplicate(cols, i)
			}
		}
		if err := w.txn.stage(w.table.Def.ID, vnodes[i], key, storage.AppendRow(nil, cols, i)); err != nil {
			return err
		}
		kept = append(kept, int32(i))
	}
	w.count += int64(len(kept))
	if w.dml.ReturnCols != nil {
		w.done = append(w.done, b.Take(kept))
	}
	return nil
}

// remove stages the deletion of rows.
func (w *write) remove(b *stream.Batch, cols []vec.Vec) error {
	kept, err := w.unstage(cols, b.Rows())
	if err != nil {
		return err
	}
	w.count += int64(len(kept))
	if w.dml.ReturnCols != nil {
		w.done = append(w.done, b.Take(kept))
	}
	return nil
}

// unstage deletes rows by key and lists those that were there still: a row that
// a join found twice counts once.
func (w *write) unstage(cols []vec.Vec, n int) ([]int32, error) {
	vnodes := w.table.VNodes(cols, n, nil)
	kept := make([]int32, 0, n)
	var key []byte
	for i := range n {
		key = w.table.EncodeKey(key[:0], cols, i)
		there, err := w.txn.overlay.Get(w.table.Def.ID, vnodes[i], key)
		if err != nil {
			return nil, err
		}
		if there == nil {
			continue
		}
		if err := w.txn.stage(w.table.Def.ID, vnodes[i], key, nil); err != nil {
			return nil, err
		}
		kept = append(kept, int32(i))
	}
	return kept, nil
}

// update replaces rows: all old ones go before the first new one comes, so that
// keys may move among the rows of one statement.
func (w *write) update(batches []*stream.Batch, width int) error {
	var fresh []*stream.Batch
	for _, b := range batches {
		kept, err := w.unstage(b.Cols()[:width], b.Rows())
		if err != nil {
			return err
		}
		b = b.Take(kept)
		fresh = append(fresh, stream.NewBatch(b.Rows(), b.Cols()[width:2*width], nil))
	}
	for _, b := range fresh {
		if err := w.insert(b); err != nil {
			return err
		}
	}
	return nil
}

func (w *write) checkNotNull(cols []vec.Vec, n int) error {
	for c := range cols {
		if !w.table.Cols[c].NotNull || cols[c].Valid == nil {
			continue
		}
		for i := range n {
			if cols[c].Null(i) {
				return sqlerr.New(sqlerr.NotNullViolation, "null value in column \"%s\" of relation \"%s\" violates not-null constraint",
					w.table.Cols[c].Name, w.dml.Table.Name).WithDetail("Failing row contains (%s).", w.rowText(cols, i))
			}
		}
	}
	return nil
}

func (w *write) duplicate(cols []vec.Vec, i int) error {
	var names, values []string
	env := w.session.Env()
	for _, k := range w.table.Key {
		names = append(names, w.table.Cols[k.Col].Name)
		values = append(values, string(types.AppendText(nil, w.table.Cols[k.Col].Type, cols[k.Col].Datum(i), env)))
	}
	return sqlerr.New(sqlerr.UniqueViolation, "duplicate key value violates unique constraint \"%s_pkey\"", w.dml.Table.Name).
		WithDetail("Key (%s)=(%s) already exists.", strings.Join(names, ", "), strings.Join(values, ", "))
}

// rowText is a row as Postgres shows it in the detail of a constraint violation.
func (w *write) rowText(cols []vec.Vec, i int) string {
	var parts []string
	for c := range cols {
		if w.table.Cols[c].Hidden {
			continue
		}
		if cols[c].Null(i) {
			parts = append(parts, "null")
			continue
		}
		parts = append(parts, string(types.AppendText(nil, w.table.Cols[c].Type, cols[c].Datum(i), w.session.Env())))
	}
	return strings.Join(parts, ", ")
}

// returning evaluates RETURNING over the rows written.
func (w *write) returning(ctx *expr.Ctx) (*stream.Batch, error) {
	out := make([][]vec.Vec, len(w.dml.Returning))
	n := 0
	for _, b := range w.done {
		for i, e := range w.dml.Returning {
			v, err := e.Eval(ctx, b.Cols(), nil, b.Rows())
			if err != nil {
				return nil, err
			}
			out[i] = append(out[i], v.Dense())
		}
		n += b.Rows()
	}
	if n == 0 {
		return nil, nil
	}
	cols := make([]vec.Vec, len(out))
	for i := range out {
		cols[i] = vec.Concat(out[i])
	}
	return stream.NewBatch(n, cols, nil), nil
}
