package engine

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"streamdb/catalog"
	"streamdb/executor"
	"streamdb/executor/op"
	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"
	"streamdb/stream"
)

// alterParallelism is ALTER .. SET PARALLELISM = n | ADAPTIVE. The job stops at a
// barrier and goes on behind it in another number of instances, with the state
// that it had: state is kept by vnode, and instances own vnodes. Those that read
// the job are stopped and started with it, as their edges change.
func (s *Session) alterParallelism(ctx context.Context, st *ast.Alter, a *ast.SetParallelism) error {
	n, err := parallelismOf(a.Value)
	if err != nil {
		return err
	}
	if a.What != "parallelism" {
		s.notice("00000", "\"%s\" is accepted and has no effect: a backfill runs in the instances of its job", a.What)
		return nil
	}
	return s.ddl(ctx, "ALTER", func(cat *catalog.Catalog) (*change, error) {
		o, err := s.alterTarget(cat, st)
		switch {
		case o == nil || err != nil:
			return nil, err
		case o.Kind == catalog.View:
			return nil, sqlerr.New(sqlerr.WrongObjectType, "\"%s\" is a view: it has no job", o.Name)
		case o.Failed != nil:
			return nil, failedError(o)
		}
		c := &change{}
		if !o.Runs() { // a source that nobody reads
			c.alter(o.ID, func(o *catalog.Object) { o.Parallelism = n })
			return c, nil
		}
		plan, err := op.UnmarshalPlan(o.Plan)
		if err != nil {
			return nil, err
		}
		if n != 1 && !slices.ContainsFunc(plan.Fragments, func(f executor.Fragment) bool { return f.Parallelism == 0 }) {
			s.notice("00000", "%s \"%s\" goes on in one instance: its plan was made for one", o.Kind, o.Name)
			return nil, nil
		}
		plan.Parallelism = n
		pinned, err := op.MarshalPlan(plan)
		if err != nil {
			return nil, err
		}
		c.alter(o.ID, func(o *catalog.Object) { o.Plan, o.Parallelism = pinned, n })
		c.start, c.halt = []*executor.Plan{plan}, []stream.JobID{plan.Job}
		for _, r := range runningReaders(cat, o.ID) {
			p, err := op.UnmarshalPlan(r.Plan)
			if err != nil {
				return nil, err
			}
			c.start, c.halt = append(c.start, p), append(c.halt, p.Job)
		}
		return c, nil
	})
}

// parallelismOf reads the value of SET PARALLELISM; 0: the server's.
func parallelismOf(v string) (int, error) {
	switch v {
	case "adaptive", "auto", "default":
		return 0, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 || n > maxParallelism {
		return 0, sqlerr.New(sqlerr.InvalidParameterValue, "invalid value for parallelism: \"%s\"", v).
			WithHint("A number from 1 to %d, or ADAPTIVE for the server's parallelism.", maxParallelism)
	}
	return n, nil
}

// maxParallelism is the most instances of a job: half a vnode each makes no sense
// long before.
const maxParallelism = 64

// runningReaders are the running jobs that read a job, directly or not.
func runningReaders(cat *catalog.Catalog, id catalog.ID) []*catalog.Object {
	found := map[catalog.ID]bool{id: true}
	var out []*catalog.Object
	for more := true; more; {
		more = false
		for _, o := range cat.Objects() {
			if found[o.ID] || !o.Runs() || o.Failed != nil {
				continue
			}
			if slices.ContainsFunc(o.Upstreams, func(u catalog.ID) bool { return found[u] }) {
				found[o.ID], more = true, true
				out = append(out, o)
			}
		}
	}
	return out
}

// restarted are the jobs that a change stops and starts again.
func (c *change) restarted() []stream.JobID {
	var ids []stream.JobID
	for _, p := range c.start {
		if slices.Contains(c.halt, p.Job) {
			ids = append(ids, p.Job)
		}
	}
	return ids
}

// lostInRestart marks jobs that were stopped to be started again and could not
// be, as one of them failed at that very barrier: what came after it has passed them by.
func (db *DB) lostInRestart(c *change, cause error) {
	for _, id := range c.restarted() {
		if o := db.catalog().ByID(catalog.ID(id)); o != nil && o.Failed == nil && !db.graph.Running(id) {
			db.jobFailed(id, fmt.Errorf("stopped by an ALTER, which failed: %w", cause), nil)
		}
	}
}

// forgetFigures drops the figures of instances that are about to be replaced: the
// new ones may be fewer. It runs when the old ones have ended their last epoch.
func (db *DB) forgetFigures(ids []stream.JobID) {
	for _, id := range ids {
		db.env.Stats.Drop(id)
	}
}
