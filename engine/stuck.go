package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"streamdb/catalog"
	"streamdb/checkpoint"
	"streamdb/executor"
	"streamdb/storage"
	"streamdb/stream"
)

// This file is how statements that take away do not wait for what they take
// away, nor for anything else that is stuck: DROP, renames, settings.

const (
	// heldUp is how long an epoch may wait for a job that is being dropped.
	heldUp = 500 * time.Millisecond
	// settleWait is how long a change of the catalog alone waits for a barrier that
	// it does not need: so that in a healthy database the next epoch is behind it.
	settleWait = time.Second
)

// commitNow carries out a change that starts no job and stops none at a barrier:
// it commits between two epochs, then the jobs that go are detached.
func (db *DB) commitNow(ctx context.Context, c *change) error {
	make := func() ([]storage.KV, error) { return c.meta(db.catalog()) }
	if err := db.coord.CommitMeta(make, func() { db.update(c.next) }); err != nil {
		return err
	}
	if err := db.graph.DropJobs(c.stop...); err != nil {
		return err
	}
	for _, id := range c.stop {
		db.forgetRun(id)
	}
	db.collectGarbage(c.drop)
	ctx, cancel := context.WithTimeout(ctx, settleWait)
	defer cancel()
	if err := db.settle(ctx); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

// alter carries out the part of a change that needs a barrier. Jobs that go for
// good are not waited for longer than heldUp: then they are detached at once.
func (db *DB) alter(ctx context.Context, c *change, req checkpoint.Request) error {
	t, err := db.graph.Submit(executor.Alteration{Stop: c.halt, Start: c.start}, req)
	if err != nil {
		return err
	}
	tick := time.NewTicker(heldUp / 5)
	defer tick.Stop()
	for {
		select {
		case <-t.Done():
			_, err := t.Wait(ctx)
			return err
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
			var gone []stream.JobID
			for _, o := range c.remove {
				gone = append(gone, stream.JobID(o.ID))
			}
			db.unstick(gone)
		}
	}
}

// unstick makes those of the jobs fail, which are about to be dropped, for which an
// epoch has waited for long.
func (db *DB) unstick(going []stream.JobID) {
	_, awaited := db.coord.HeldUp(heldUp)
	for _, id := range going {
		if slices.ContainsFunc(awaited, func(t stream.TaskID) bool { return t.Job == id }) {
			db.coord.FailJob(id, executor.ErrDropped)
		}
	}
}

// ddlLock is held by the one statement that changes the catalog.
type ddlLock chan struct{}

// Unlock gives the lock to the next one.
func (l ddlLock) Unlock() { <-l }

// lockDDL takes the lock of statements that change the catalog. Who holds it may
// wait for the very jobs that this statement drops: going, if not nil, tells which
// those are.
func (db *DB) lockDDL(ctx context.Context, going func() []stream.JobID) error {
	tick := time.NewTicker(heldUp / 5)
	defer tick.Stop()
	for {
		select {
		case db.ddlMu <- struct{}{}:
			return nil
		case <-ctx.Done():
			return cancelled(context.Cause(ctx))
		case <-tick.C:
			if since, _ := db.coord.HeldUp(heldUp); going != nil && !since.IsZero() {
				db.unstick(going())
			}
		}
	}
}

// heldUpBy names the jobs of tasks.
func (db *DB) heldUpBy(cat *catalog.Catalog, awaited []stream.TaskID) any {
	var names []string
	for _, t := range awaited {
		if name, ok := db.jobName(cat, t.Job).(string); ok && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return strings.Join(names, ", ")
}

// jobName is the name of a job's relation; nil: it has none (any more).
func (db *DB) jobName(cat *catalog.Catalog, id stream.JobID) any {
	if o := cat.ByID(catalog.ID(id)); o != nil {
		return o.Name
	}
	return nil
}

// stopJobs ends the graph for Close. An epoch that is held up for long does not
// get the rest of the time: nobody was told that it is there.
func (db *DB) stopJobs(ctx context.Context) error {
	ctx, giveUp := context.WithCancel(ctx)
	defer giveUp()
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		tick := time.NewTicker(stuckAtClose / 50)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if since, awaited := db.coord.HeldUp(stuckAtClose); !since.IsZero() {
				db.log.Warn("an epoch is held up and not waited for", "jobs", db.heldUpBy(db.catalog(), awaited))
				giveUp()
			}
		}
	}()
	if err := db.flush(ctx); err != nil {
		db.log.Warn("last epoch not finished", "err", err)
	}
	err := db.graph.Close(ctx)
	gaveUp := ctx.Err() != nil
	giveUp()
	<-watched
	if gaveUp && !errors.Is(err, executor.ErrStuck) {
		return nil // what was acknowledged is in the store
	}
	return err
}

// stuckAtClose is how long Close waits for an epoch.
const stuckAtClose = 5 * time.Second
