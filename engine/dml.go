package engine

import (
	"context"
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

// The verbs of DML, as in command tags.
const (
	verbInsert = "INSERT"
	verbUpdate = "UPDATE"
	verbDelete = "DELETE"
)

// bindDML binds INSERT, UPDATE and DELETE.
func (s *Session) bindDML(bctx *planner.Context, st ast.Stmt) (d *planner.BoundDML, verb string, err error) {
	switch st := st.(type) {
	case *ast.Insert:
		verb = verbInsert
		d, err = planner.Insert(bctx, st)
	case *ast.Update:
		verb = verbUpdate
		d, err = planner.Update(bctx, st)
	case *ast.Delete:
		verb = verbDelete
		d, err = planner.Delete(bctx, st)
	}
	if err != nil {
		return nil, "", err
	}
	return d, verb, writable(d.Table, verb)
}

// analyseDML is INSERT, UPDATE and DELETE.
func (s *Session) analyseDML(p *Prepared, st ast.Stmt) error {
	bctx := s.planCtx(s.catalog(), p.stmt.Text())
	bctx.ParamTypes = p.params
	d, verb, err := s.bindDML(bctx, st)
	if err != nil {
		return err
	}
	p.dml, p.params = d, d.Rows.Params
	if d.Returning != nil {
		p.cols = resultColumns(d.Returning.Cols)
	}
	p.action = func(ctx context.Context, s *Session, args []types.Datum) (wire.Rows, error) {
		t, err := s.begun()
		if err != nil {
			return nil, err
		}
		d := d
		if o := t.cat.ByID(d.Table.ID); o != d.Table { // altered since, perhaps while a conflict was resolved
			bctx := s.planCtx(t.cat, p.stmt.Text())
			bctx.ParamTypes = p.params
			if d, _, err = s.bindDML(bctx, st); err != nil {
				return nil, err
			}
		}
		return s.runDML(ctx, p, d, verb, args)
	}
	return nil
}

// writable refuses writes to what is not a table that takes them.
func writable(o *catalog.Object, verb string) error {
	switch {
	case beingFilled(o):
		return sqlerr.New(sqlerr.ObjectNotInPrerequisiteState, "table \"%s\" is still being created", o.Name)
	case o.Kind == catalog.Table && o.AppendOnly && verb != verbInsert:
		return sqlerr.New(sqlerr.FeatureNotSupported, "cannot change rows of table \"%s\", which is APPEND ONLY", o.Name)
	case o.Kind == catalog.Table:
		return nil
	}
	return sqlerr.New(sqlerr.WrongObjectType, "cannot change %s \"%s\"", o.Kind, o.Name).
		WithHint("Only tables take INSERT, UPDATE and DELETE.")
}

// beingFilled reports whether a table's CREATE TABLE AS is under way.
func beingFilled(o *catalog.Object) bool {
	return o.Kind == catalog.Table && o.Creating && !o.Resuming
}

// resultColumns makes the wire's columns from a schema.
func resultColumns(cols types.Schema) []wire.Column {
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
	dml     *planner.BoundDML
	table   *op.RowTable
	expr    *expr.Ctx
	count   int64
	done    []*stream.Batch // rows for RETURNING
	touched map[string]bool // ON CONFLICT DO UPDATE: the rows that the statement has written
}

func (s *Session) newWrite(t *txn, d *planner.BoundDML, eval *expr.Ctx) *write {
	return &write{session: s, txn: t, dml: d, table: rowTable(d.Table), expr: eval}
}

func (s *Session) runDML(ctx context.Context, p *Prepared, d *planner.BoundDML, verb string, args []types.Datum) (wire.Rows, error) {
	t, err := s.begun()
	if err != nil {
		return nil, err
	}
	if err := s.mayWrite(t, d, verb); err != nil {
		return nil, err
	}
	eval := s.exprCtx(ctx, t, args)
	batches, err := s.collect(ctx, t, d.Rows, eval)
	if err != nil {
		return nil, err
	}
	w := s.newWrite(t, d, eval)
	if err := w.apply(verb, batches); err != nil {
		return nil, err
	}
	if verb == verbInsert {
		verb = "INSERT 0"
	}
	tag := countTag(verb, w.count)
	if d.Returning == nil {
		t.remember(p, args, tag)
		return done(tag), nil
	}
	t.replayable = false
	rows, err := w.returning()
	if err != nil {
		return nil, err
	}
	return &result{cols: p.cols, rows: rows, tag: tag}, nil
}

// mayWrite says why a statement must not run in the transaction.
func (s *Session) mayWrite(t *txn, d *planner.BoundDML, verb string) error {
	if t.readOnly {
		return sqlerr.New(sqlerr.ReadOnlySQLTransaction, "cannot execute %s in a read-only transaction", verb)
	}
	if d.Table.Failed != nil {
		return failedError(d.Table)
	}
	return s.readable(t.cat, d.Rows.Reads)
}

// collect runs a query to its end: what a statement reads is read before it
// writes. The rows count against the memory of queries.
func (s *Session) collect(ctx context.Context, t *txn, q *planner.BoundQuery, eval *expr.Ctx) ([]*stream.Batch, error) {
	plan, rows, err := s.directly(t, q, eval)
	if err != nil {
		return nil, err
	}
	if plan == nil {
		if rows == nil {
			return nil, nil
		}
		return []*stream.Batch{rows}, nil
	}
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	memory := s.db.queries.Child(0)
	defer memory.Close()
	var out []*stream.Batch
	err = executor.RunBoundedPlan(ctx, s.openCtx(ctx, t, eval.Params, memory), plan, func(b *stream.Batch) error {
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

func (w *write) apply(verb string, batches []*stream.Batch) error {
	width := len(w.table.Cols)
	switch verb {
	case verbInsert:
		for _, b := range batches {
			if err := w.insert(w.withHidden(b)); err != nil {
				return err
			}
		}
	case verbDelete:
		for _, b := range batches {
			kept, err := w.remove(b.Cols()[:width], b.Rows())
			if err != nil {
				return err
			}
			w.wrote(b, kept)
		}
	default:
		return w.update(batches, width)
	}
	return nil
}

// wrote counts written rows and keeps them for RETURNING.
func (w *write) wrote(b *stream.Batch, kept []int32) {
	w.count += int64(len(kept))
	if w.dml.Returning != nil {
		w.done = append(w.done, b.Take(kept))
	}
}

// wroteAll counts the rows of a batch and keeps them for RETURNING.
func (w *write) wroteAll(b *stream.Batch) {
	w.count += int64(b.Rows())
	if w.dml.Returning != nil {
		w.done = append(w.done, b)
	}
}

// withHidden completes inserted rows with the hidden columns: the key, where the
// table has none of its own, when they came in, and those that were dropped.
func (w *write) withHidden(b *stream.Batch) *stream.Batch {
	if len(b.Cols()) == len(w.table.Cols) {
		return b
	}
	given := b.Cols()
	cols := make([]vec.Vec, len(w.table.Cols))
	for i, c := range w.dml.Table.Cols {
		switch {
		case c.Dropped:
			none := vec.ConstOf(c.Type.Layout(), types.NullDatum, b.Rows())
			cols[i] = none.Dense()
		case c.Hidden && c.Name == catalog.Ingested.Name:
			now := vec.ConstOf(types.LInt64, types.IntDatum(w.txn.start.UnixMicro()), b.Rows())
			cols[i] = now.Dense()
		case c.Hidden:
			cols[i] = vec.Ints(w.session.db.rowIDs.list(b.Rows()))
		default:
			cols[i], given = given[0], given[1:]
		}
	}
	return stream.NewBatch(b.Rows(), cols, nil)
}

// insert stages rows; a row whose key is taken is 23505, or a matter for ON CONFLICT.
func (w *write) insert(b *stream.Batch) error {
	cols, n := b.Cols(), b.Rows()
	if err := w.checkNotNull(cols, n); err != nil {
		return err
	}
	vnodes := w.table.VNodes(cols, n, nil)
	hidden := w.table.Cols[w.table.Key[0].Col].Hidden
	if w.dml.Conflict == nil {
		if bulk := w.txn.bulk(w.dml.Table, n); bulk != nil {
			if err := w.insertBulk(bulk, b, vnodes, hidden); err != nil {
				return err
			}
			w.wroteAll(b)
			return nil
		}
	}
	kept := make([]int32, 0, n)
	var key []byte
	for i := range n {
		key = w.table.EncodeKey(key[:0], cols, i)
		var there []byte // nil also for a key that is new, which needs no look
		if !hidden {
			var err error
			there, err = w.txn.overlay.Get(w.table.Def.ID, vnodes[i], key)
			if err != nil {
				return err
			}
			if there != nil {
				if w.dml.Conflict == nil {
					return w.duplicate(cols, i)
				}
				if !w.dml.Conflict.Declared && w.touched[rowKey(vnodes[i], key)] {
					return sqlerr.New(sqlerr.CardinalityViolation, "ON CONFLICT DO UPDATE command cannot affect row a second time").
						WithHint("Ensure that no rows proposed for insertion within the same command have duplicate constrained values.")
				}
				if err := w.onConflict(b, i, there); err != nil {
					return err
				}
				continue
			}
			if c := w.dml.Conflict; c != nil && !c.Declared && len(c.Set) > 0 {
				if w.touched == nil {
					w.touched = map[string]bool{}
				}
				w.touched[rowKey(vnodes[i], key)] = true
			}
		}
		w.txn.stage(w.dml.Table, vnodes[i], key, storage.AppendRow(nil, cols, i), there)
		kept = append(kept, int32(i))
	}
	w.wrote(b, kept)
	return nil
}

// onConflict is ON CONFLICT for row i, whose key another row has: nothing, or
// DO UPDATE of that row.
func (w *write) onConflict(b *stream.Batch, i int, there []byte) error {
	c := w.dml.Conflict
	if len(c.Set) == 0 {
		return nil
	}
	old := w.table.Builders(nil, 1)
	if err := w.table.Decoder(nil).Append(old, there); err != nil {
		return err
	}
	var both []vec.Vec
	for _, o := range old {
		both = append(both, o.Vec())
	}
	oldCols := both
	both = append(both[:len(both):len(both)], b.Take([]int32{int32(i)}).Cols()...)
	if c.Where != nil {
		v, err := c.Where.Eval(w.expr, both, nil, 1)
		if err != nil {
			return err
		}
		if d := v.Datum(0); d.Null || !d.Bool() {
			return nil
		}
	}
	fresh := make([]vec.Vec, len(c.Set))
	for k, e := range c.Set {
		v, err := e.Eval(w.expr, both, nil, 1)
		if err != nil {
			return err
		}
		fresh[k] = v.Dense()
	}
	if _, err := w.remove(oldCols, 1); err != nil {
		return err
	}
	return w.insert(stream.NewBatch(1, fresh, nil))
}

// remove stages the deletion of rows by key and lists those that were there
// still: a row that a join found twice counts once.
func (w *write) remove(cols []vec.Vec, n int) ([]int32, error) {
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
		w.txn.stage(w.dml.Table, vnodes[i], key, nil, there)
		kept = append(kept, int32(i))
	}
	return kept, nil
}

// update replaces rows: all old ones go before the first new one comes, so that
// keys may move among the rows of one statement.
func (w *write) update(batches []*stream.Batch, width int) error {
	var fresh []*stream.Batch
	for _, b := range batches {
		kept, err := w.remove(b.Cols()[:width], b.Rows())
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
					w.table.Cols[c].Name, w.dml.Table.Name).WithDetail("Failing row contains (%s).", w.rowText(cols, i)).
					On(sqlerr.Names{Schema: w.dml.Table.Schema, Table: w.dml.Table.Name, Column: w.table.Cols[c].Name})
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
		WithDetail("Key (%s)=(%s) already exists.", strings.Join(names, ", "), strings.Join(values, ", ")).
		On(sqlerr.Names{Schema: w.dml.Table.Schema, Table: w.dml.Table.Name, Constraint: w.dml.Table.Name + "_pkey"})
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
func (w *write) returning() (*stream.Batch, error) {
	out := make([][]vec.Vec, len(w.dml.Returning.Exprs))
	n := 0
	for _, b := range w.done {
		if b.Rows() == 0 {
			continue
		}
		for i, e := range w.dml.Returning.Exprs {
			v, err := e.Eval(w.expr, b.Cols(), nil, b.Rows())
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
