package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"streamdb/catalog"
	"streamdb/checkpoint"
	"streamdb/connector"
	"streamdb/connector/all"
	"streamdb/executor"
	"streamdb/executor/op"
	"streamdb/storage"
	"streamdb/stream"
)

// DB is an open database: the store, the coordinator, the graph of running jobs
// and the sessions. Open makes it, Close ends all of it in order.
type DB struct {
	opts       Options
	log        *slog.Logger
	store      *storage.Store
	clock      *checkpoint.Clock
	coord      *checkpoint.Coordinator
	graph      *executor.Graph
	state      *executor.Accountant // memory of the operators of jobs
	queries    *executor.Accountant // and of statements that run
	env        *op.Env
	current    atomic.Pointer[catalog.Catalog]
	ddlMu      ddlLock // one DDL statement at a time
	writers    *writers
	shapes     shapes
	rowIDs     rowIDs
	ids        counters
	sessions   sessionSet
	taps       taps
	started    time.Time
	system     systemSettings
	statements *statementCache
	estimates  estimates       // rows of tables that are being read by backfills
	cancelled  sync.Map        // catalog.ID -> true: creations taken back by CANCEL JOBS whose statement does not know yet
	life       context.Context // of background work: ends with Close
	end        context.CancelFunc
	work       sync.WaitGroup
	starts     starts
	disk       diskGuard
}

// Open opens or creates the database in o.DataDir, restarts its jobs where the
// last epoch left them, and is ready for sessions when it returns.
func Open(ctx context.Context, o Options) (*DB, error) {
	o = o.withDefaults()
	if o.MemoryLimit <= 0 {
		o.MemoryLimit = DefaultMemoryLimit()
	}
	took := beginRecovery()
	budget := SplitMemory(o.MemoryLimit)
	so := o.Store
	so.Dir, so.Log = o.DataDir, o.Log
	if so.CacheBytes == 0 {
		so.CacheBytes = budget.Cache
	}
	store, err := storage.Open(so)
	if err != nil {
		return nil, err
	}
	took.step("store")
	db := &DB{opts: o, log: o.Log, store: store, writers: newWriters(), statements: newStatementCache(o.eagerCache), ddlMu: make(ddlLock, 1), started: took.begun,
		state: executor.NewAccountant(budget.State), queries: executor.NewAccountant(budget.Queries)}
	db.life, db.end = context.WithCancel(context.Background())
	db.work.Go(func() { returnMemory(db.life) })
	if err := db.recover(ctx, took); err != nil {
		if db.coord != nil { // no epoch to finish: where it has not started, nobody would
			err = errors.Join(err, db.coord.Close())
		}
		return nil, errors.Join(err, db.Close(ctx))
	}
	o.Log.Info(took.String(), "dir", o.DataDir, "epoch", store.Visible(), "objects", len(db.catalog().Objects()))
	return db, nil
}

// recover loads the catalog and restarts the jobs from their pinned plans.
func (db *DB) recover(ctx context.Context, took *recovery) error {
	meta, err := loadMeta(db.store)
	if err != nil {
		return err
	}
	db.current.Store(meta.catalog)
	if _, err := db.pinnedPlans(); err != nil { // before anything runs: they may be those of a newer version
		return err
	}
	db.system.load(meta.system)
	db.ids.load(meta)
	took.step("catalog")
	db.clock = checkpoint.NewClock(db.store.OpenTime(), !db.opts.TestClock.IsZero(), db.opts.TestClock)
	db.coord = checkpoint.New(checkpoint.Options{
		Store:              db.store,
		Clock:              db.clock,
		Log:                db.log,
		BarrierInterval:    db.opts.BarrierInterval,
		CheckpointInterval: db.opts.CheckpointInterval,
		DirtyLimit:         SplitMemory(db.opts.MemoryLimit).Changes,
		OnEpoch: func(e checkpoint.EpochStats) {
			if e.Tasks > 0 {
				db.env.Pacer.Observe(e.Align+e.Queue+e.Sort+e.Write, e.Requests > 0)
			}
			db.disk.look()
		},
	})
	db.env = &op.Env{
		Inboxes:    &op.Inboxes{},
		RowIDs:     func(n int) int64 { return db.rowIDs.take(n) },
		Connectors: db.connector,
		Active:     func(id stream.JobID) { db.coord.ActiveJob(id) },
		Sources:    &op.SourceHub{},
		Stats:      &op.Stats{},
		Caches:     &op.Caches{},
		Rate:       db.rate,
		Limits:     &op.Limits{},
		Pacer:      &op.Pacer{},
		Align:      &op.Alignment{},
		Alarm: func(id stream.JobID) op.Alarm {
			if m := db.coord.Member(id); m != nil {
				return m.NewAlarm()
			}
			return nil
		},
	}
	db.graph = executor.NewGraph(executor.GraphOptions{
		Coordinator: db.coord,
		Store:       db.store,
		Parallelism: db.opts.Parallelism,
		Memory:      db.state,
		Env:         db.env,
		Log:         db.log,
		OnJobFailed: db.jobFailed,
	})
	// A new generation of row ids: it is in the first commit, and so at the latest
	// where the first of them are. Sinks into tables take some before that.
	run := meta.counters["run"] + 1
	db.rowIDs.start(run)
	db.coord.Attach([]storage.KV{putCounter("run", run)})
	db.starts = starts{db: db, hook: db.opts.startHook}
	if err := db.starts.begin(meta.start); err != nil {
		return err
	}
	if err := db.restartJobs(); err != nil {
		return err
	}
	db.system.apply(db)
	took.step("jobs")
	db.disk.start(db, db.opts.DiskReserve)
	db.coord.Start()
	if err := db.firstEpoch(ctx, took); err != nil {
		return err
	}
	db.collectGarbage(meta.garbage)
	db.resumeCreations(ctx)
	return nil
}

// firstPatience is how long Open waits for the first epoch.
const firstPatience = 200 * time.Millisecond

// firstEpoch waits for the first epoch of each island, so of all jobs: then they run.
// But not for long: whoever reads sees the last epoch before, and needs no job.
func (db *DB) firstEpoch(ctx context.Context, took *recovery) error {
	patience, cancel := context.WithTimeout(ctx, firstPatience)
	defer cancel()
	first := db.coord.Submit(checkpoint.Request{Sync: true})
	_, err := first.Wait(patience)
	switch {
	case err == nil:
		took.step("first epoch")
		return nil
	case patience.Err() == nil || ctx.Err() != nil:
		return fmt.Errorf("first commit after opening: %w", err)
	}
	db.work.Go(func() {
		if _, err := first.Wait(db.life); err != nil {
			if db.life.Err() == nil {
				db.log.Error("first commit after opening failed", "err", err)
			}
			return
		}
		db.log.Info("the first epoch after opening is committed", "took_ms", time.Since(took.begun).Milliseconds())
	})
	return nil
}

// Close finishes the epoch, stops the jobs and closes the store. Sessions must
// be closed before.
func (db *DB) Close(ctx context.Context) error {
	db.end()
	db.work.Wait()
	var errs []error
	if db.graph != nil {
		err := db.stopJobs(ctx)
		if errors.Is(err, executor.ErrStuck) { // not the store: it is in use
			return errors.Join(err, db.coord.Close())
		}
		errs = append(errs, err)
	}
	if db.coord != nil {
		errs = append(errs, db.coord.Close())
	}
	return errors.Join(append(errs, db.store.Close())...)
}

// connector finds a connector by name.
func (db *DB) connector(name string) (*connector.Def, bool) {
	if d, ok := all.Find(name); ok || db.opts.Connectors == nil {
		return d, ok
	}
	return db.opts.Connectors(name)
}

// catalog is the latest committed catalog.
func (db *DB) catalog() *catalog.Catalog { return db.current.Load() }

// snapshot is the latest visible epoch, or, if durable, the latest synced one.
func (db *DB) snapshot(durable bool) storage.Snapshot {
	if durable {
		return db.store.DurableSnapshot()
	}
	return db.store.Snapshot()
}

// flush waits until everything submitted before is visible and durable.
func (db *DB) flush(ctx context.Context) error {
	_, err := db.coord.Submit(checkpoint.Request{Sync: true}).Wait(ctx)
	return err
}

// settle waits until everything submitted before is visible, on the islands of the
// jobs; without jobs, everywhere.
func (db *DB) settle(ctx context.Context, jobs ...stream.JobID) error {
	_, err := db.coord.Submit(checkpoint.Request{With: jobs}).Wait(ctx)
	return err
}
