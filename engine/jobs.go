package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"streamdb/catalog"
	"streamdb/checkpoint"
	"streamdb/executor"
	"streamdb/executor/op"
	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"
	"streamdb/storage"
	"streamdb/stream"
)

// apply carries a change out. One that only takes away, or touches names alone,
// commits at once: no such statement ever waits for a stuck job. Jobs that come
// start at the barrier that commits the change.
func (db *DB) apply(ctx context.Context, c *change) error {
	publish := func(stream.Epoch) { db.update(c.next) }
	// Subscriptions to what goes, is started again or has other columns end.
	if err := db.graph.DropJobs(db.taps.on(slices.Concat(c.stop, c.halt, c.untap))...); err != nil {
		return err
	}
	if len(c.start) == 0 && len(c.halt) == 0 {
		return db.commitNow(ctx, c)
	}
	kvs, err := c.meta(db.catalog())
	if err != nil {
		return err
	}
	if len(c.stop) > 0 {
		// With the first epoch that the jobs have no part in.
		db.coord.Attach(kvs)
		kvs = nil
		if err := db.graph.DropJobs(c.stop...); err != nil {
			return err
		}
	}
	var written []*catalog.Object
	req := checkpoint.Request{
		Sync: true,
		Meta: func(stream.Epoch) []storage.KV {
			db.forgetFigures(c.restarted())
			if len(c.edit) > 0 && kvs != nil {
				cat := db.catalog()
				written = c.edited(cat)
				if now, err := c.meta(cat); err == nil {
					return now
				}
			}
			return kvs
		},
		After: publish,
	}
	if len(c.halt) > 0 {
		req.Failed = func(err error) { db.lostInRestart(c, err) }
	}
	if err := db.alter(ctx, c, req); err != nil {
		return err
	}
	db.rewriteStale(written)
	restarted := func(id stream.JobID) bool {
		return slices.ContainsFunc(c.start, func(p *executor.Plan) bool { return p.Job == id })
	}
	for _, id := range slices.DeleteFunc(append(c.stop, c.halt...), restarted) {
		db.forgetRun(id)
	}
	db.collectGarbage(c.drop)
	return nil
}

// rewriteStale stores edited objects once more whose jobs failed while the edit
// was on its way: whichever of both was stored last knew nothing of the other.
func (db *DB) rewriteStale(written []*catalog.Object) {
	stale := func() (out []*catalog.Object) {
		for _, o := range written {
			if now := db.catalog().ByID(o.ID); now != nil && now.Failed != o.Failed {
				out = append(out, now)
			}
		}
		return out
	}
	if len(stale()) == 0 {
		return
	}
	db.coord.Submit(checkpoint.Request{Sync: true, Alone: true, Meta: func(stream.Epoch) (kvs []storage.KV) {
		for _, o := range stale() {
			if kv, err := putObject(o); err == nil {
				kvs = append(kvs, kv)
			}
		}
		return kvs
	}})
}

// update publishes the next catalog. Updates come from commits and are serialised.
func (db *DB) update(next func(*catalog.Catalog) *catalog.Catalog) {
	for {
		old := db.current.Load()
		if db.current.CompareAndSwap(old, next(old)) {
			return
		}
	}
}

// pinnedPlans reads the plans of the jobs that are to run. One that failed, or
// that reads one that failed, stays down.
func (db *DB) pinnedPlans() ([]*executor.Plan, error) {
	cat := db.catalog()
	down := map[catalog.ID]bool{}
	for _, o := range cat.Objects() {
		if o.Failed != nil && !down[o.ID] {
			for _, r := range needersTree(cat, o.ID) {
				down[r.ID] = true
			}
		}
	}
	var plans []*executor.Plan
	for _, o := range cat.Objects() {
		if !o.Runs() || down[o.ID] {
			continue
		}
		p, err := op.UnmarshalPlan(o.Plan)
		if err != nil {
			return nil, fmt.Errorf("plan of %s %s: %w", o.Kind, o.Name, err)
		}
		plans = append(plans, p)
	}
	return plans, nil
}

// restartJobs starts the jobs from their plans, without those that ended the
// process at earlier starts.
func (db *DB) restartJobs() error {
	if marks := db.starts.fatal(db.catalog()); len(marks) > 0 {
		db.markFailed(marks)
	}
	plans, err := db.pinnedPlans()
	if err != nil {
		return err
	}
	patience := time.Duration(0)
	if db.starts.careful() {
		patience = startPatience
	}
	if err := db.graph.Recover(plans, db.starts.starting, patience); err != nil {
		return err
	}
	db.starts.started()
	return nil
}

// jobFailed marks a failed job and those that read it. It is called before any
// epoch without them is committed, so that the mark is in the same commit.
func (db *DB) jobFailed(id stream.JobID, err error, also []stream.JobID) {
	stopped := uint64(db.coord.LastGood(id))
	e := sqlerr.From(err)
	first := &catalog.Failure{Code: e.Code, Msg: e.Error(), Epoch: stopped, Stopped: stopped}
	marks := map[catalog.ID]*catalog.Failure{catalog.ID(id): first}
	if o := db.catalog().ByID(catalog.ID(id)); o != nil {
		for _, a := range also {
			f := *first
			f.Msg = fmt.Sprintf("%s %s, which it reads, failed: %s", o.Kind, o.Name, e.Error())
			f.With = o.ID
			marks[catalog.ID(a)] = &f
		}
	}
	db.markFailed(marks)
}

// markFailed marks objects whose jobs have ended: in the catalog now, in the
// store with the next commit.
func (db *DB) markFailed(marks map[catalog.ID]*catalog.Failure) {
	db.update(func(cat *catalog.Catalog) *catalog.Catalog {
		for id, f := range marks {
			if o := cat.ByID(id); o != nil {
				n := *o
				n.Failed = f
				cat = cat.With(&n)
			}
		}
		return cat
	})
	db.coord.AttachFunc(func() []storage.KV {
		var kvs []storage.KV
		for id := range marks {
			o := db.catalog().ByID(id)
			if o == nil { // dropped meanwhile
				continue
			}
			kv, err := putObject(o)
			if err != nil {
				db.log.Error("failure of a job not recorded", "job", o.Name, "err", err)
				continue
			}
			kvs = append(kvs, kv)
		}
		return kvs
	})
	db.coord.Submit(checkpoint.Request{Sync: true, Alone: true})
}

// failedError is what reading or writing a failed object gets.
func failedError(o *catalog.Object) error {
	return sqlerr.New(sqlerr.ObjectNotInPrerequisiteState, "%s \"%s\" has failed", o.Kind, o.Name).
		WithDetail("SQLSTATE %s: %s", o.Failed.Code, o.Failed.Msg).
		WithHint("Its rows are those of epoch %d. See streamdb.jobs. When the cause is gone: ALTER %s %s RESUME; or drop it and create it again.",
			o.Failed.Epoch, strings.ToUpper(string(o.Kind)), o.Name)
}

// collectGarbage deletes the rows of dropped jobs. Transactions that began
// before may still read them: it waits for those in the background.
func (db *DB) collectGarbage(tables []storage.TableID) {
	if len(tables) == 0 {
		return
	}
	commit := db.store.Visible()
	db.work.Add(1)
	go func() {
		defer db.work.Done()
		for db.writers.oldest() < commit {
			select {
			case <-db.life.Done():
				return // found again when the database is opened
			case <-time.After(100 * time.Millisecond):
			}
		}
		var kvs []storage.KV
		for _, t := range tables {
			kvs = append(kvs, deleteKey(garbageKey(t)))
		}
		db.coord.Submit(checkpoint.Request{Alone: true, Drop: tables, Meta: func(stream.Epoch) []storage.KV { return kvs }})
	}()
}

// awaitCreation waits until a new job holds all that its upstreams hold, then
// shows it to everyone. A statement that is cancelled meanwhile takes it back.
func (s *Session) awaitCreation(ctx context.Context, id catalog.ID) error {
	db := s.db
	if s.settings.on("background_ddl") {
		db.watchCreation(id)
		return nil
	}
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	err := db.created(ctx, id)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		err = cancelled(context.Cause(ctx))
	} else if o := db.catalog().ByID(id); o != nil && o.Failed != nil {
		// The statement failed: its error is the job's.
		err = sqlerr.New(o.Failed.Code, "%s", o.Failed.Msg)
	}
	db.takeBack(context.WithoutCancel(ctx), id)
	return err
}

// takeBack drops an object whose creation did not succeed, and what reads it.
func (db *DB) takeBack(ctx context.Context, id catalog.ID) {
	if err := db.lockDDL(ctx, func() []stream.JobID { return []stream.JobID{stream.JobID(id)} }); err != nil {
		db.log.Error("failed creation not taken back", "job", id, "err", err)
		return
	}
	defer db.ddlMu.Unlock()
	o := db.catalog().ByID(id)
	if o == nil {
		return
	}
	d := &dropping{cat: db.catalog(), st: &ast.Drop{Cascade: true}, gone: map[catalog.ID]bool{}, quiet: true}
	err := d.object(o)
	if err == nil {
		var c *change
		if c, err = d.change(); err == nil {
			err = db.apply(ctx, c)
		}
	}
	if err != nil {
		db.log.Error("failed creation not taken back", "object", o.Name, "err", err)
	}
}

// watchCreation does the same in the background.
func (db *DB) watchCreation(id catalog.ID) {
	db.work.Add(1)
	go func() {
		defer db.work.Done()
		err := db.created(db.life, id)
		switch {
		case err == nil, db.life.Err() != nil:
		case db.catalog().ByID(id) == nil: // by CANCEL JOBS or DROP
			db.log.Info("creation was taken back", "job", id)
		default:
			db.log.Error("creation failed", "job", id, "err", err)
		}
	}()
}

// resumeCreations goes on with creations that a stop interrupted, and takes back
// tables whose rows had not come yet: they are no longer on their way.
func (db *DB) resumeCreations(ctx context.Context) {
	for _, o := range db.catalog().Objects() {
		switch {
		case beingFilled(o):
			db.takeBack(ctx, o.ID)
		case o.Creating && o.Failed == nil:
			db.watchCreation(o.ID)
		}
	}
}

// created waits for the backfill and then clears the object's Creating mark.
func (db *DB) created(ctx context.Context, id catalog.ID) error {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); ; {
		o := db.catalog().ByID(id)
		switch {
		case o == nil:
			return db.creationGone(id)
		case o.Failed != nil:
			return failedError(o)
		}
		if db.backfilled(o) && !db.readsCreating(o) {
			break
		}
		if time.Since(began) > time.Second {
			tick.Reset(50 * time.Millisecond)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	// The next epoch holds what the backfill brought in last.
	if err := db.lockDDL(ctx, nil); err != nil { // nobody else changes the object meanwhile
		return err
	}
	defer db.ddlMu.Unlock()
	_, err := db.coord.Submit(db.show(id)).Wait(ctx)
	return err
}

// show asks for an epoch from which on the object is no longer being created. Who
// submits it holds the lock of DDL.
func (db *DB) show(id catalog.ID) checkpoint.Request {
	var shown *catalog.Object
	return checkpoint.Request{
		Sync: true,
		Jobs: []stream.JobID{stream.JobID(id)},
		Meta: func(stream.Epoch) []storage.KV {
			o := db.catalog().ByID(id)
			if o == nil {
				return nil
			}
			n := *o
			n.Creating, n.Resuming = false, false
			shown = &n
			kv, err := putObject(shown)
			if err != nil {
				return nil
			}
			return []storage.KV{kv}
		},
		After: func(stream.Epoch) {
			if shown != nil {
				db.update(func(cat *catalog.Catalog) *catalog.Catalog { return cat.With(shown) })
			}
		},
	}
}
