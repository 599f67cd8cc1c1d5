package engine

import (
	"context"
	"errors"
	"slices"
	"time"

	"streamdb/catalog"
	"streamdb/checkpoint"
	"streamdb/executor"
	"streamdb/executor/op"
	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// txn is a transaction: one snapshot of rows and names, and the writes staged
// on top. It commits by handing its net changes to the tables' jobs in one
// epoch. Isolation is snapshot isolation, or more (see serializable.go), with first-committer-wins: of two
// transactions that write the same key at the same time, the later to commit
// gets 40001 (Berenson et al., "A Critique of ANSI SQL Isolation Levels", 1995).
type txn struct {
	db        *DB
	explicit  bool // between BEGIN and COMMIT
	failed    bool
	committed bool
	readOnly  bool
	creates   catalog.ID // the table that its rows complete: CREATE TABLE AS
	queried   bool       // a statement has run
	start     time.Time
	cat       *catalog.Catalog
	snap      storage.Snapshot
	overlay   *overlay
	rows      []rowsCloser // results still open, which read the snapshot
	// An implicit transaction of writes alone can be run again after a conflict:
	// all that the client knows of it are the command tags.
	history    []executed
	savepoints []savepoint
	undo       []undone
	replayable bool
}

// executed is a statement that an implicit transaction ran.
type executed struct {
	p    *Prepared
	args []types.Datum
	tag  string
}

func (t *txn) remember(p *Prepared, args []types.Datum, tag string) {
	if !t.explicit && t.replayable {
		t.history = append(t.history, executed{p, args, tag})
	}
}

type rowsCloser interface{ Close() error }

// begun returns the session's transaction, beginning an implicit one if there
// is none.
func (s *Session) begun() (*txn, error) {
	if s.txn != nil {
		return s.txn, nil
	}
	now := s.settings.current()
	t := &txn{db: s.db, readOnly: now.readOnly, replayable: true}
	s.db.writers.enter(t) // before the snapshot is taken: from then on others' writes count against it
	// Names first: a newer snapshot may hold more than the names know, and what a
	// DROP takes from the names stays in the store for a while (see garbage.go).
	// When they changed meanwhile the snapshot may hold rows of another shape.
	cat := s.db.catalog()
	snap := s.db.snapshot(now.durable)
	for latest := s.db.catalog(); latest != cat; latest = s.db.catalog() {
		snap.Close()
		cat, snap = latest, s.db.snapshot(now.durable)
	}
	if hook := s.db.opts.snapshotHook; hook != nil {
		hook()
	}
	s.db.writers.reads(t, snap.Epoch())
	t.start, t.cat, t.snap = s.db.clock.Now(), cat, snap
	t.overlay = &overlay{base: snap}
	s.txn, s.env = t, nil
	if now.serializable {
		t.serialize()
	}
	return t, nil
}

// endTxn rolls back the open transaction, if any.
func (s *Session) endTxn() {
	if s.txn == nil {
		return
	}
	s.closeCursors()
	committed := s.txn.committed
	s.txn.close()
	s.txn, s.env = nil, nil
	s.settings.endTransaction(committed)
	delete(s.settings.values, transactionIsolation)
}

// commitTxn commits the open transaction; it is over afterwards in any case.
func (s *Session) commitTxn(ctx context.Context) error {
	defer s.endTxn()
	if err := s.payDML(ctx); err != nil {
		return err
	}
	for {
		if s.txn.failed {
			return nil
		}
		err := s.txn.commit(ctx)
		s.txn.committed = err == nil
		if err == nil || sqlerr.Code(err) != sqlerr.SerializationFailure || s.txn.explicit || !s.txn.replayable {
			return err
		}
		if err := s.replay(ctx); err != nil {
			return err
		}
	}
}

// replay runs the statements of an implicit transaction again, over a snapshot
// that holds what they were in conflict with.
func (s *Session) replay(ctx context.Context) error {
	history := s.txn.history
	var jobs []stream.JobID
	for _, id := range s.txn.written() {
		jobs = append(jobs, stream.JobID(id))
	}
	if r := s.txn.overlay.reads; r != nil {
		if reads, err := r.ofTables(s.txn.cat); err == nil {
			jobs = append(jobs, s.txn.readJobs(reads)...)
		}
	}
	s.endTxn()
	if err := s.db.settle(ctx, jobs...); err != nil {
		return err
	}
	for _, h := range history {
		rows, err := h.p.action(ctx, s, h.args)
		if err != nil {
			return err
		}
		if rows.Tag() != h.tag {
			return errConflict // the client was told another count
		}
	}
	return nil
}

// discard forgets the staged writes.
func (t *txn) discard() { clear(t.overlay.writes) }

func (t *txn) close() {
	for _, r := range t.rows {
		r.Close()
	}
	t.rows = nil
	t.db.writers.leave(t)
	t.snap.Close()
}

// writesOf is where writes to a table are kept.
func (t *txn) writesOf(o *catalog.Object) *tableWrites {
	table := o.Rows.Table.ID
	w := t.overlay.writes[table]
	if w == nil {
		w = &tableWrites{of: o.ID, rows: map[string]*rowWrite{}}
		if t.overlay.writes == nil {
			t.overlay.writes = map[storage.TableID]*tableWrites{}
		}
		t.overlay.writes[table] = w
	}
	return w
}

// stage records a row's state in the transaction: nil for deleted. there is what
// the transaction's statements see of the key until now; that of its first write is
// the state before the transaction.
func (t *txn) stage(o *catalog.Object, v storage.VNode, key, row, there []byte) {
	w := t.writesOf(o)
	w.single()
	k := rowKey(v, key)
	t.saveUndo(o.Rows.Table.ID, w, k)
	r := w.rows[k]
	if r == nil {
		r = &rowWrite{before: there, place: w.next}
		w.next++
		w.rows[k] = r
		w.sorted = nil
	}
	r.now = row
}

// errConflict is what an autocommitted statement is run again for.
var errConflict = sqlerr.New(sqlerr.SerializationFailure, "could not serialize access due to concurrent update").
	WithHint("Another transaction has changed the same row. Run this transaction again.")

// errReadConflict is errConflict of a serializable transaction.
var errReadConflict = sqlerr.New(sqlerr.SerializationFailure, "could not serialize access due to read/write dependencies among transactions").
	WithHint("Another transaction has changed what this one read. Run this transaction again.")

// tableChange is what a transaction does to one table.
type tableChange struct {
	obj     *catalog.Object
	batches []*stream.Batch
	keys    []string
	bulk    *op.ByteMap // in place of keys
}

// commit hands the net changes to the tables' jobs and waits until they are
// durable and visible in every view. Meanwhile the tables keep their shape.
func (t *txn) commit(ctx context.Context) error {
	ids := t.written()
	if len(ids) == 0 && t.creates == 0 {
		return t.endReading(ctx)
	}
	if n := t.overlay.bytes(); n > 0 {
		if err := t.db.disk.admit(n); err != nil {
			return err
		}
	}
	var reads map[storage.TableID]*tableReads
	if t.overlay.reads != nil {
		var err error
		if reads, err = t.overlay.reads.ofTables(t.cat); err != nil {
			return err
		}
	}
	unlock := t.db.shapes.share(ids)
	changes, err := t.changes()
	if err != nil || len(changes) == 0 && t.creates == 0 {
		unlock()
		if err == nil {
			err = t.endReading(ctx)
		}
		return err
	}
	req := checkpoint.Request{Sync: true}
	if t.creates != 0 {
		req = t.db.show(t.creates)
	}
	req.Jobs, req.With, req.Alone = nil, append(req.Jobs, t.readJobs(reads)...), true
	for _, c := range changes {
		req.Jobs = append(req.Jobs, stream.JobID(c.obj.ID))
	}
	entry := &writtenKeys{}
	req.Before = func(epoch stream.Epoch) error { return t.enter(epoch, changes, reads, entry) }
	req.Commits = func(commit stream.Epoch) { t.db.writers.commits(entry, commit) }
	req.Failed = func(error) { t.db.writers.commits(entry, t.db.store.Visible()) }
	ticket := t.db.coord.Submit(req)
	_, err = ticket.Wait(ctx)
	if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		t.db.work.Go(func() { // the rows are on their way in the shape they have
			defer unlock()
			ticket.Wait(t.db.life)
		})
		// The changes are on their way: whether they commit is no longer ours to say.
		return sqlerr.Wrap(sqlerr.QueryCanceled, err, "canceling wait for the commit").
			WithDetail("The transaction may have committed.")
	}
	unlock()
	if errors.Is(err, executor.ErrDropped) {
		for _, c := range changes {
			if !t.db.graph.Running(stream.JobID(c.obj.ID)) {
				return droppedMeanwhile(c.obj)
			}
		}
	}
	return err
}

// written lists the tables that the transaction wrote.
func (t *txn) written() []catalog.ID {
	var ids []catalog.ID
	for _, w := range t.overlay.writes {
		ids = append(ids, w.of)
	}
	slices.Sort(ids)
	return ids
}

// changes are the net changes, in the shape that the tables have now: the
// transaction may have begun before an ALTER.
func (t *txn) changes() ([]tableChange, error) {
	var out []tableChange
	cat := t.db.catalog()
	for _, id := range t.written() {
		was, obj := t.cat.ByID(id), cat.ByID(id)
		if obj == nil {
			return nil, droppedMeanwhile(was)
		}
		w := t.overlay.writes[was.Rows.Table.ID]
		if w.bulk != nil && obj == was {
			out = append(out, tableChange{obj: obj, batches: w.bulk.merged(), bulk: &w.bulk.keys})
			continue
		}
		w.single()
		batches, keys, err := netChange(rowTable(obj), w)
		if err != nil {
			return nil, err
		}
		if len(batches) == 0 {
			continue
		}
		if obj != was {
			if err := stillNotNull(was, obj, batches); err != nil {
				return nil, err
			}
		}
		out = append(out, tableChange{obj: obj, batches: batches, keys: keys})
	}
	return out, nil
}

func droppedMeanwhile(o *catalog.Object) error {
	return sqlerr.New(sqlerr.UndefinedTable, "relation \"%s\" does not exist", o.Name).
		WithDetail("It was dropped while the transaction ran.")
}

// stillNotNull checks rows against the NOT NULL columns that their table has got
// since they were written.
func stillNotNull(was, now *catalog.Object, batches []*stream.Batch) error {
	for c, col := range now.Cols {
		if !col.NotNull || c < len(was.Cols) && was.Cols[c].NotNull {
			continue
		}
		for _, b := range batches {
			v := b.Cols()[c]
			for i := range b.Rows() {
				if b.Op(i) == stream.Insert && v.Null(i) {
					return sqlerr.New(sqlerr.NotNullViolation, "null value in column \"%s\" of relation \"%s\" violates not-null constraint", col.Name, now.Name).
						On(sqlerr.Names{Schema: now.Schema, Table: now.Name, Column: col.Name})
				}
			}
		}
	}
	return nil
}

// enter checks for conflicts and hands the changes to the jobs, at the barrier
// of their epoch.
func (t *txn) enter(epoch stream.Epoch, changes []tableChange, reads map[storage.TableID]*tableReads, entry *writtenKeys) error {
	now := t.db.catalog()
	for _, c := range changes {
		obj := now.ByID(c.obj.ID)
		if obj == nil {
			return droppedMeanwhile(c.obj)
		}
		if obj.Failed != nil {
			return failedError(obj)
		}
		if t.db.writers.conflict(c.obj.Rows.Table.ID, c, t.snap.Epoch()) {
			return errConflict
		}
	}
	if t.db.writers.changed(reads, t.snap.Epoch()) {
		return errReadConflict
	}
	for _, c := range changes {
		t.db.writers.record(c.obj.Rows.Table.ID, c, entry)
		inbox := t.db.env.Inboxes.Of(stream.JobID(c.obj.ID))
		for _, b := range c.batches {
			inbox.Push(epoch, b)
		}
	}
	return nil
}

// netChange turns staged rows into batches of the table's columns, in the order
// in which they were written.
func netChange(rt *op.RowTable, w *tableWrites) (batches []*stream.Batch, keys []string, err error) {
	dec := rt.Decoder(nil)
	bs := rt.Builders(nil, 0)
	var ops []stream.Op
	flush := func() {
		if len(ops) == 0 {
			return
		}
		cols := make([]vec.Vec, len(bs))
		for i := range bs {
			cols[i] = bs[i].Vec()
			bs[i].Reset(0)
		}
		batches = append(batches, stream.NewBatch(len(ops), cols, ops))
		ops = nil
	}
	add := func(row []byte, o stream.Op) {
		if err == nil && row != nil {
			err = dec.Append(bs, row)
			ops = append(ops, o)
		}
	}
	for _, k := range w.written() {
		r := w.rows[k]
		if string(r.before) == string(r.now) && (r.before == nil) == (r.now == nil) {
			continue
		}
		add(r.before, stream.Delete)
		add(r.now, stream.Insert)
		keys = append(keys, k)
		if stream.Full(len(ops), bs) {
			flush()
		}
	}
	flush()
	return batches, keys, err
}

// rowTable is an object's stored rows as operators know them.
func rowTable(o *catalog.Object) *op.RowTable {
	rt := &op.RowTable{Def: o.Rows.Table, Cols: o.Types(), Dist: o.Rows.Dist, Missing: o.Missing()}
	for _, k := range o.Rows.Key {
		rt.Key = append(rt.Key, op.SortKey{Col: k.Col, Desc: k.Desc, NullsFirst: k.NullsFirst})
	}
	return rt
}
