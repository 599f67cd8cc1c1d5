package engine

import (
	"context"
	"slices"
	"strings"
	"time"

	"streamdb/catalog"
	"streamdb/executor"
	"streamdb/executor/op"
	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"
	"streamdb/storage"
	"streamdb/stream"
)

// ALTER .. RESUME starts a failed job again, and with it those that its failure
// took along. A job goes on from its last good epoch where nothing of its inputs
// has passed it by since: its upstreams stopped at the same epoch and start
// again with it, or are sources, of which it reads by itself what it missed.
// Otherwise it is computed anew from what its upstreams hold now, behind the
// same name. See docs/adr/0018-failed-jobs-resume.md.

// resumption collects what one ALTER .. RESUME starts.
type resumption struct {
	session *Session
	cat     *catalog.Catalog
	c       *change
	state   map[catalog.ID]*resumed
	tables  map[storage.TableID]storage.TableID // of rebuilt jobs: what their state tables are called now
	options []*ast.Option                       // of the statement
	wants   catalog.ID                          // the object that it names
	waits   []catalog.ID                        // what is not complete at once, upstreams first
}

// resumed is one object that starts again.
type resumed struct {
	stopped uint64 // the epoch that its state is of
	kept    bool   // it goes on with its state
}

// alterResume is ALTER kind name RESUME. It returns when all that it started is
// complete, unless background_ddl is on.
func (s *Session) alterResume(ctx context.Context, st *ast.Alter, a *ast.Resume) error {
	r, err := s.startAgain(ctx, st, a)
	for tries := 500; err == errLingers && tries > 0; tries-- { // a job that failed just now
		select {
		case <-ctx.Done():
			return cancelled(context.Cause(ctx))
		case <-time.After(10 * time.Millisecond):
		}
		r, err = s.startAgain(ctx, st, a)
	}
	if err != nil || r == nil {
		return err
	}
	return s.awaitResumed(ctx, r.waits)
}

// errLingers is for a job whose tasks have not ended since it failed.
var errLingers = sqlerr.New(sqlerr.ObjectInUse, "the failed job has not ended yet").
	WithHint("It is stuck in what it does. DROP always works.")

func (s *Session) startAgain(ctx context.Context, st *ast.Alter, a *ast.Resume) (r *resumption, err error) {
	err = s.ddl(ctx, alterTag(st), func(cat *catalog.Catalog) (*change, error) {
		o, err := s.alterTarget(cat, st)
		switch {
		case o == nil || err != nil:
			return nil, err
		case o.Kind == catalog.View:
			return nil, sqlerr.New(sqlerr.WrongObjectType, "\"%s\" is a view: it has no job", o.Name)
		case o.Failed == nil:
			return nil, sqlerr.New(sqlerr.ObjectNotInPrerequisiteState, "%s \"%s\" has not failed", o.Kind, o.Name)
		}
		r = &resumption{session: s, cat: cat, c: &change{}, state: map[catalog.ID]*resumed{}, tables: map[storage.TableID]storage.TableID{},
			options: a.Options, wants: o.ID}
		if err := r.add(o); err != nil {
			return nil, err
		}
		if err := r.dependents(o); err != nil {
			return nil, err
		}
		if err := r.reattach(); err != nil {
			return nil, err
		}
		return r.c, r.renumberReaders()
	})
	return r, err
}

// dependents adds what the object's failure took along, as far as it can go on.
func (r *resumption) dependents(root *catalog.Object) error {
	tree := needersTree(r.cat, root.ID)[1:]
	slices.SortFunc(tree, func(a, b *catalog.Object) int { return int(a.ID) - int(b.ID) }) // upstreams first
	for _, o := range tree {
		if o.Failed == nil || o.Failed.With == 0 {
			continue
		}
		if err := r.add(o); err == errLingers {
			return err
		} else if err != nil {
			e := sqlerr.From(err)
			r.session.notice("00000", "%s \"%s\" stays down: %s", o.Kind, o.Name, e.Msg)
		}
	}
	return nil
}

// add starts an object again, or says why it cannot be.
func (r *resumption) add(o *catalog.Object) error {
	if r.session.db.graph.Lingers(stream.JobID(o.ID)) {
		return errLingers
	}
	plan, err := op.UnmarshalPlan(o.Plan)
	if err != nil {
		return err
	}
	kept, err := r.keeps(o)
	if err != nil {
		return err
	}
	n := *o
	n.Failed = nil
	skip := false
	if r.wants == o.ID {
		for _, opt := range r.options {
			anew := false
			switch strings.ToLower(opt.Name) {
			case "on_error":
				anew, err = onError(o, plan, opt, r.session.db.newTableID)
			case "missed":
				skip, err = true, mayMiss(o, opt)
			default:
				err = sqlerr.New(sqlerr.InvalidParameterValue, "RESUME has no option \"%s\"", opt.Name).
					WithHint("It has on_error and, for sinks, missed.").At(opt.At() + 1)
			}
			if err != nil {
				return err
			}
			kept = kept && !anew
		}
	}
	live := r.liveSources(o)
	switch {
	case !kept && skip:
		if err := r.skipMissed(&n, plan); err != nil {
			return err
		}
	case !kept:
		if err := r.rebuild(&n, plan, live); err != nil {
			return err
		}
		n.Creating, n.Resuming = true, true
	case len(live) > 0:
		op.CatchUpAgain(plan, func(in *executor.Input) bool { return slices.Contains(live, catalog.ID(in.Upstream)) })
		n.Creating, n.Resuming = true, true
	}
	if n.Creating {
		if !o.Creating {
			n.CreatingSince = time.Now()
		}
		n.Background = r.session.settings.on("background_ddl")
		r.waits = append(r.waits, n.ID)
	}
	op.Renumber(plan, r.tables)
	if err := pin(&n, plan); err != nil {
		return err
	}
	if n.Rows != nil {
		rows := *n.Rows
		if id, ok := r.tables[rows.Table.ID]; ok {
			rows.Table.ID = id
		}
		n.Rows = &rows
	}
	r.state[n.ID] = &resumed{stopped: o.Failed.Stopped, kept: kept}
	r.c.put = append(r.c.put, &n)
	r.c.start = append(r.c.start, plan)
	r.session.db.forgetRun(plan.Job)
	return nil
}

// keeps reports whether an object can go on with its state: whether all that its
// upstreams gave since then is still to come. An error: it can neither do that nor
// be computed anew.
func (r *resumption) keeps(o *catalog.Object) (bool, error) {
	kept := true
	for _, id := range o.Upstreams {
		up := r.cat.ByID(id)
		state := r.state[id]
		switch {
		case up == nil:
			return false, sqlerr.New(sqlerr.InternalError, "%s \"%s\" reads job %d, which does not exist", o.Kind, o.Name, id)
		case up.Into == o.ID:
			if err := outlived(o, up); err != nil {
				return false, err
			}
		case up.Failed != nil && state == nil:
			return false, sqlerr.New(sqlerr.ObjectNotInPrerequisiteState, "%s \"%s\", which %s \"%s\" reads, has failed", up.Kind, up.Name, o.Kind, o.Name).
				WithHint("ALTER %s %s RESUME first: it takes along what failed with it.", strings.ToUpper(string(up.Kind)), up.Name)
		case up.Kind == catalog.Source && state == nil: // it catches up
		case state == nil || !state.kept || state.stopped == 0 || state.stopped != o.Failed.Stopped:
			kept = false
		}
	}
	return kept, nil
}

// outlived checks that a table which failed has missed nothing of a sink that
// writes into it: that the sink failed before it.
func outlived(table, sink *catalog.Object) error {
	if f := sink.Failed; f != nil && f.Stopped != 0 && f.Stopped <= table.Failed.Stopped {
		return nil
	}
	return sqlerr.New(sqlerr.ObjectNotInPrerequisiteState, "sink \"%s\", which writes into table \"%s\", went on without it", sink.Name, table.Name).
		WithDetail("What it wrote since epoch %d is lost to the table.", table.Failed.Epoch).
		WithHint("DROP SINK %s, resume the table, and create the sink again.", sink.Name)
}

// liveSources are the sources that an object reads and that went on without it.
func (r *resumption) liveSources(o *catalog.Object) (ids []catalog.ID) {
	for _, id := range o.Upstreams {
		if up := r.cat.ByID(id); up != nil && up.Kind == catalog.Source && up.Failed == nil && r.state[id] == nil {
			ids = append(ids, id)
		}
	}
	return ids
}

// rebuild gives an object and its plan new state tables, empty ones.
func (r *resumption) rebuild(n *catalog.Object, plan *executor.Plan, live []catalog.ID) error {
	since := sqlerr.New(sqlerr.ObjectNotInPrerequisiteState, "what %s \"%s\" reads has gone on without it since epoch %d", n.Kind, n.Name, r.cat.ByID(n.ID).Failed.Epoch)
	switch {
	case n.Kind == catalog.Sink:
		return since.WithDetail("What it would deliver for the changes since then is not known any more.").
			WithHint("Drop it and create it again: it then begins with the rows that there are. Or leave those changes out: ALTER SINK %s RESUME WITH (missed = 'skip').", n.Name)
	case n.Kind != catalog.MaterializedView && n.Kind != catalog.Index:
		return since.WithHint("Drop it and create it again.")
	case len(live) > 0 || slices.ContainsFunc(n.Upstreams, func(u catalog.ID) bool { return r.cat.ByID(u).Kind == catalog.Source }):
		return since.WithDetail("It could go on with the sources that it reads, but not with the tables, and sources may not have any more what they once gave.").
			WithHint("Drop it and create it again.")
	}
	next := r.session.jobCtx(r.cat, "").NextTableID
	for _, id := range slices.Sorted(slices.Values(n.StateTables)) {
		r.tables[id] = next()
	}
	r.c.drop = append(r.c.drop, n.StateTables...)
	return nil
}

// renumberReaders tells jobs that stay down where the rows of rebuilt ones are.
func (r *resumption) renumberReaders() error {
	done := map[catalog.ID]bool{}
	for id, s := range r.state {
		if s.kept {
			continue
		}
		for _, o := range r.cat.Readers(id) {
			if r.state[o.ID] != nil || done[o.ID] || !o.Runs() {
				continue
			}
			done[o.ID] = true
			plan, err := op.UnmarshalPlan(o.Plan)
			if err != nil {
				return err
			}
			op.Renumber(plan, r.tables)
			pinned, err := op.MarshalPlan(plan)
			if err != nil {
				return err
			}
			r.c.alter(o.ID, func(o *catalog.Object) { o.Plan = pinned })
		}
	}
	return nil
}

// forgetRun drops what the run of a job left in memory, before it runs again.
func (db *DB) forgetRun(id stream.JobID) {
	db.env.Inboxes.Drop(id)
	db.env.Stats.Drop(id)
	db.env.Limits.Drop(id)
	db.env.Sources.Drop(id)
}

// awaitResumed waits until resumed objects are complete. A statement that is
// cancelled meanwhile leaves them to the background; one that fails again has failed.
func (s *Session) awaitResumed(ctx context.Context, ids []catalog.ID) error {
	db := s.db
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	for i, id := range ids {
		if s.settings.on("background_ddl") {
			db.watchCreation(id)
			continue
		}
		err := db.created(ctx, id)
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			for _, left := range ids[i:] {
				db.watchCreation(left)
			}
			return cancelled(context.Cause(ctx))
		}
		if o := db.catalog().ByID(id); o != nil && o.Failed != nil {
			return sqlerr.New(o.Failed.Code, "%s", o.Failed.Msg)
		}
		return err
	}
	return nil
}

// readsCreating reports whether an upstream of the object is not complete yet.
func (db *DB) readsCreating(o *catalog.Object) bool {
	cat := db.catalog()
	return slices.ContainsFunc(o.Upstreams, func(u catalog.ID) bool {
		up := cat.ByID(u)
		return up != nil && up.Creating && up.Failed == nil && up.Into != o.ID
	})
}
