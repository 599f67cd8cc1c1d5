package engine

import (
	"time"

	"streamdb/catalog"
	"streamdb/catalog/syscat"
	"streamdb/executor"
	"streamdb/executor/op"
	"streamdb/storage"
	"streamdb/stream"
)

// The tables of the schema streamdb: one variable each, listed here. Their
// columns are in catalog/syscat/columns.txt.
var runtimeTables = []*runtimeTable{jobsTable, damagedFilesTable, sourceSplitsTable, quarantineTable, lateRowsTable, checkpointsTable, tasksTable,
	backfillProgressTable, ddlProgressTable, expressionErrorsTable, memoryTable, stateCacheTable, statementCacheTable}

// jobsTable: every running or failed dataflow.
var jobsTable = &runtimeTable{
	name: "jobs",
	fill: func(db *DB, cat *catalog.Catalog, _ storage.Snapshot, out *syscat.Rows) error {
		for _, o := range cat.Objects() {
			if !o.Runs() {
				continue
			}
			state, code, msg, epoch := "RUNNING", any(nil), any(nil), any(nil)
			if m := db.coord.Member(stream.JobID(o.ID)); m != nil {
				epoch = int64(m.Committed())
			}
			switch {
			case o.Failed != nil:
				state, code, msg, epoch = "FAILED", o.Failed.Code, o.Failed.Msg, int64(o.Failed.Epoch)
			case o.Resuming:
				state = "RESUMING"
			case o.Creating:
				state = "CREATING"
			}
			out.Add(o.ID, o.Schema, o.Name, string(o.Kind), state, code, msg, epoch, db.backfillRows(o.ID), db.bytes(o))
		}
		return nil
	},
}

// backfillRows is the number of rows that a job's backfills have read.
func (db *DB) backfillRows(id catalog.ID) int64 {
	var n int64
	db.env.Stats.Each(func(k op.StatKey, s *op.Stat) {
		if k.Job == stream.JobID(id) && k.Kind == "backfill" {
			n += s.Rows.Load()
		}
	})
	return n
}

// sources calls fn for the source operators of all running jobs.
func sources(cat *catalog.Catalog, fn func(o *catalog.Object, s *op.Source) error) error {
	for _, o := range cat.Objects() {
		if !o.Runs() || o.Connector == nil || o.Kind == catalog.Sink {
			continue
		}
		p, err := op.UnmarshalPlan(o.Plan)
		if err != nil {
			return err
		}
		for i := range p.Fragments {
			executor.Walk(p.Fragments[i].Root, func(s executor.Spec) {
				if src, ok := s.(*op.Source); ok && err == nil {
					err = fn(o, src)
				}
			})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// sourceSplitsTable: how far each split was read, as of the reader's snapshot.
var sourceSplitsTable = &runtimeTable{
	name: "source_splits",
	fill: func(_ *DB, cat *catalog.Catalog, snap storage.Snapshot, out *syscat.Rows) error {
		return sources(cat, func(o *catalog.Object, s *op.Source) error {
			return eachSplit(snap, s, func(p op.SplitState) { out.Add(o.Name, p.ID, p.Next, p.Done) })
		})
	},
}

// eachSplit calls fn for the stored state of a source's splits.
func eachSplit(snap storage.Snapshot, s *op.Source, fn func(op.SplitState)) error {
	return snap.ScanTable(s.Splits.ID, func(_ storage.VNode, key, value []byte) (bool, error) {
		st, err := op.DecodeSplit(key, value)
		if err != nil {
			return false, err
		}
		fn(st)
		return true, nil
	})
}

// quarantineTable: what could not be decoded, late rows that are kept, and rows that
// views with on_error = 'quarantine' leave out, as of the reader's snapshot.
var quarantineTable = &runtimeTable{
	name: "quarantine",
	fill: func(_ *DB, cat *catalog.Catalog, snap storage.Snapshot, out *syscat.Rows) error {
		if err := lateQuarantine(cat, snap, out); err != nil {
			return err
		}
		if err := failedQuarantine(cat, snap, out); err != nil {
			return err
		}
		return sources(cat, func(o *catalog.Object, s *op.Source) error {
			splits := map[int]string{}
			if err := eachSplit(snap, s, func(p op.SplitState) { splits[p.Number] = p.ID }); err != nil {
				return err
			}
			return snap.ScanTable(s.Quarantine.ID, func(_ storage.VNode, key, value []byte) (bool, error) {
				q, err := op.DecodeQuarantined(key, value)
				if err != nil {
					return false, err
				}
				out.Add(o.Name, splits[q.Number], q.Offset, q.Time, q.Raw, q.Error, nil, nil, 1)
				return true, nil
			})
		})
	},
}

// damagedFilesTable: where reads and compactions met damage since the server was
// started.
var damagedFilesTable = &runtimeTable{
	name: "damaged_files",
	fill: func(db *DB, _ *catalog.Catalog, _ storage.Snapshot, out *syscat.Rows) error {
		for _, f := range db.store.Damaged() {
			out.Add(f.Path, f.Error, f.Found)
		}
		return nil
	},
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// tasksTable: what the tasks of running jobs do now.
var tasksTable = &runtimeTable{
	name: "tasks",
	fill: func(db *DB, _ *catalog.Catalog, _ storage.Snapshot, out *syscat.Rows) error {
		for _, t := range db.graph.Tasks() {
			out.Add(int64(t.ID.Job), t.ID.Fragment, t.ID.Instance, t.Root, t.State, int64(t.Epoch), t.RowsIn, t.RowsOut,
				t.Queued, t.QueuedBytes, ms(t.Blocked))
		}
		return nil
	},
}

// bytes estimates the stored size of an object's state, its rows included.
func (db *DB) bytes(o *catalog.Object) int64 {
	var n int64
	for _, t := range o.StateTables {
		b, err := db.store.TableBytes(t)
		if err == nil {
			n += b
		}
	}
	return n
}
