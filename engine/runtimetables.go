package engine

import (
	"time"

	"streamdb/catalog"
	"streamdb/catalog/syscat"
	"streamdb/executor"
	"streamdb/executor/op"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
)

// The tables of the schema streamdb: one variable each, listed here.
var runtimeTables = []*runtimeTable{jobsTable, sourceSplitsTable, quarantineTable, epochsTable, tasksTable}

func column(name string, id types.ID) types.Column {
	return types.Column{Name: name, Type: types.Of(id)}
}

// jobsTable: every running or failed dataflow.
var jobsTable = &runtimeTable{
	name: "jobs",
	cols: types.Schema{column("id", types.Int8), column("schema", types.Text), column("name", types.Text), column("kind", types.Text),
		column("state", types.Text), column("error_code", types.Text), column("error", types.Text), column("last_epoch", types.Int8),
		column("backfill_rows", types.Int8), column("bytes", types.Int8)},
	fill: func(db *DB, cat *catalog.Catalog, snap storage.Snapshot, out *syscat.Rows) error {
		for _, o := range cat.Objects() {
			if !o.Runs() {
				continue
			}
			state, code, msg, epoch := "RUNNING", any(nil), any(nil), int64(snap.Epoch())
			switch {
			case o.Failed != nil:
				state, code, msg, epoch = "FAILED", o.Failed.Code, o.Failed.Msg, int64(o.Failed.Epoch)
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
	cols: types.Schema{column("source", types.Text), column("split", types.Text), column("offset", types.Int8), column("done", types.Bool)},
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

// quarantineTable: what could not be decoded, as of the reader's snapshot.
var quarantineTable = &runtimeTable{
	name: "quarantine",
	cols: types.Schema{column("source", types.Text), column("split", types.Text), column("offset", types.Int8),
		column("time", types.TimestampTZ), column("raw", types.Bytea), column("error", types.Text)},
	fill: func(_ *DB, cat *catalog.Catalog, snap storage.Snapshot, out *syscat.Rows) error {
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
				out.Add(o.Name, splits[q.Number], q.Offset, q.Time, q.Raw, q.Error)
				return true, nil
			})
		})
	},
}

// epochsTable: what the last epochs cost.
var epochsTable = &runtimeTable{
	name: "epochs",
	cols: types.Schema{column("epoch", types.Int8), column("injected", types.TimestampTZ), column("align_ms", types.Float8),
		column("queue_ms", types.Float8), column("sort_ms", types.Float8), column("write_ms", types.Float8), column("sync_ms", types.Float8),
		column("durable", types.Bool), column("ingested", types.Bool), column("rows", types.Int8), column("bytes", types.Int8),
		column("tasks", types.Int8), column("requests", types.Int8)},
	fill: func(db *DB, _ *catalog.Catalog, _ storage.Snapshot, out *syscat.Rows) error {
		for _, e := range db.coord.Epochs() {
			out.Add(int64(e.Epoch), e.Injected, ms(e.Align), ms(e.Queue), ms(e.Sort), ms(e.Write), ms(e.Sync),
				e.Durable, e.Ingested, e.Rows, e.Bytes, e.Tasks, e.Requests)
		}
		return nil
	},
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// tasksTable: what the tasks of running jobs do now.
var tasksTable = &runtimeTable{
	name: "tasks",
	cols: types.Schema{column("job", types.Int8), column("fragment", types.Int8), column("instance", types.Int8), column("root", types.Text),
		column("state", types.Text), column("epoch", types.Int8), column("rows_in", types.Int8), column("rows_out", types.Int8),
		column("queued", types.Int8), column("queued_bytes", types.Int8), column("blocked_ms", types.Float8)},
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
