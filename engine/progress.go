package engine

import (
	"fmt"
	"sync"
	"time"

	"streamdb/catalog"
	"streamdb/catalog/syscat"
	"streamdb/executor"
	"streamdb/executor/op"
	"streamdb/storage"
	"streamdb/stream"
)

// backfillInfo is how far one backfill of a job is.
type backfillInfo struct {
	job      *catalog.Object
	upstream string
	table    storage.TableID // of its progress
	rows     int64           // read
	total    int64           // estimated; at least rows
	speed    int64           // rows a second now
	waiting  int64           // live rows kept until their place is read
	done     bool
	state    op.BackfillState
}

// backfills lists the backfills of a job, as its plan has them.
func (db *DB) backfills(o *catalog.Object) ([]backfillInfo, error) {
	p, err := op.UnmarshalPlan(o.Plan)
	if err != nil {
		return nil, err
	}
	var out []backfillInfo
	for i := range p.Fragments {
		instances := db.graph.Instances(p, &p.Fragments[i])
		executor.Walk(p.Fragments[i].Root, func(s executor.Spec) {
			switch s := s.(type) {
			case *op.Backfill:
				b := db.backfillInfo(o, s.Name, s.State_.ID, instances)
				b.total = b.rows
				if !b.done {
					b.total = max(b.rows, db.estimates.rows(db.store, s.Table.Def.ID))
				}
				out = append(out, b)
			case *op.SourceBackfill:
				out = append(out, db.backfillInfo(o, s.Conf.Name, s.State_.ID, instances))
			}
		})
	}
	return out, nil
}

// backfillInfo sums the figures of a backfill's instances.
func (db *DB) backfillInfo(o *catalog.Object, name string, table storage.TableID, instances int) backfillInfo {
	b := backfillInfo{job: o, upstream: name, table: table, state: op.BackfillDone}
	done := 0
	split := fmt.Sprint(table)
	db.env.Stats.Each(func(k op.StatKey, st *op.Stat) {
		if k.Job != stream.JobID(o.ID) || k.Kind != "backfill" || k.Split != split {
			return
		}
		b.rows += st.Rows.Load()
		b.total += st.Rows.Load() + st.End.Load()
		b.waiting += st.Waiting.Load()
		b.speed += st.Speed.Load()
		if st.Done.Load() {
			done++
		} else {
			b.state = op.BackfillState(st.State.Load())
		}
	})
	b.done = done >= instances // some may not be open yet
	if !b.done && b.state == op.BackfillDone {
		b.state = op.BackfillReading
	}
	if n, limited := o.Rates["backfill_rate_limit"]; limited && n == 0 && b.state == op.BackfillReading {
		b.state = op.BackfillPaused // also before an instance has looked at it
	}
	return b
}

// backfilled reports whether all backfills of a job are done.
func (db *DB) backfilled(o *catalog.Object) bool {
	all, err := db.backfills(o)
	if err != nil {
		return false
	}
	for _, b := range all {
		if !b.done {
			return false
		}
	}
	return true
}

// progress is "56.12% (1000/1782)": rows read of those that are to be read.
func (db *DB) progress(o *catalog.Object) string {
	all, _ := db.backfills(o)
	var rows, total int64
	done := len(all) > 0
	for _, b := range all {
		rows += b.rows
		total += b.total
		done = done && b.done
	}
	percent := 0.0
	switch {
	case done:
		percent = 100
	case total > 0: // an estimate: not all until it is known to be
		percent = min(99.99, 100*float64(rows)/float64(total))
	}
	return fmt.Sprintf("%.2f%% (%d/%d)", percent, rows, total)
}

// estimateKept is how long an estimate of a table's rows is used.
const estimateKept = 5 * time.Second

// estimates remembers the estimated numbers of rows of tables. The zero value is ready.
type estimates struct {
	mu sync.Mutex
	m  map[storage.TableID]estimate
}

type estimate struct {
	rows int64
	at   time.Time
}

// rows estimates the number of rows of a table; 0 if it cannot be told.
func (e *estimates) rows(store *storage.Store, t storage.TableID) int64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	if got, ok := e.m[t]; ok && time.Since(got.at) < estimateKept {
		return got.rows
	}
	n, err := store.EstimateRows(t)
	if err != nil {
		return 0
	}
	if e.m == nil || len(e.m) > 1000 {
		e.m = map[storage.TableID]estimate{}
	}
	e.m[t] = estimate{n, time.Now()}
	return n
}

// backfillProgressTable: how far the backfills are of jobs that are being created.
var backfillProgressTable = &runtimeTable{
	name: "backfill_progress",
	fill: func(db *DB, cat *catalog.Catalog, _ storage.Snapshot, out *syscat.Rows) error {
		for _, o := range cat.Objects() {
			if !o.Creating {
				continue
			}
			all, err := db.backfills(o)
			if err != nil {
				return err
			}
			var rate any
			if n, limited := o.Rates["backfill_rate_limit"]; limited {
				rate = n
			}
			for _, b := range all {
				state := b.state.String()
				if o.Failed != nil {
					state = "failed"
				}
				out.Add(o.ID, o.Name, b.upstream, b.rows, b.total, b.done, b.speed, rate, b.waiting, state)
			}
		}
		return nil
	},
}

// ddlProgressTable: the creations under way, as RisingWave shows them.
var ddlProgressTable = &runtimeTable{
	schema: "rw_catalog", name: "rw_ddl_progress",
	fill: func(db *DB, cat *catalog.Catalog, _ storage.Snapshot, out *syscat.Rows) error {
		for _, o := range cat.Objects() {
			if o.Creating && o.Failed == nil {
				out.Add(o.ID, o.Definition, createType(o), db.progress(o), o.CreatingSince, nil, false)
			}
		}
		return nil
	},
}

func createType(o *catalog.Object) string {
	if o.Background {
		return "BACKGROUND"
	}
	return "FOREGROUND"
}
