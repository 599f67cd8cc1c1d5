package executor

import (
	"context"
	"maps"
	"slices"
	"time"

	"streamdb/checkpoint"
	"streamdb/internal/sqlerr"
	"streamdb/stream"
)

// Alteration changes which jobs run, at one barrier: everywhere between the same
// two epochs. A job may be in both lists: it is started again, with the state it
// had when it stopped (ALTER .. SET PARALLELISM). Dependents of a stopped job
// must be stopped (and started) with it.
type Alteration struct {
	Stop  []stream.JobID
	Start []*Plan // in any order; their upstreams run, or are among them
}

// StartJob starts one job: Alter with only it.
func (g *Graph) StartJob(ctx context.Context, plan *Plan, req checkpoint.Request) (stream.Epoch, error) {
	return g.Alter(ctx, Alteration{Start: []*Plan{plan}}, req)
}

// StopJobs stops jobs at a barrier, keeping their state: Alter with only them.
func (g *Graph) StopJobs(ctx context.Context, ids []stream.JobID, req checkpoint.Request) (stream.Epoch, error) {
	return g.Alter(ctx, Alteration{Stop: ids}, req)
}

// Alter carries an alteration out with the next barrier N, together with the
// request (whose Change may add to it), and returns N when it is committed: see
// Graph. The stopped jobs' last epoch is N; the started ones' first is N+1. After
// an error (a job that it builds on failed, Before refused) nothing has changed,
// but when ctx ended: then it goes on unattended, and req.After or req.Failed tell how it ended.
func (g *Graph) Alter(ctx context.Context, a Alteration, req checkpoint.Request) (stream.Epoch, error) {
	t, err := g.Submit(a, req)
	if err != nil {
		return 0, err
	}
	return t.Wait(ctx)
}

// alteration is one under way.
type alteration struct {
	g       *Graph
	a       Alteration
	started []*runningJob
	attach  []attachment // to tasks that run already
	done    bool         // the Change was made
	now     time.Time    // the time of its epoch
}

// Submit is Alter without waiting. An error means that nothing was submitted.
func (g *Graph) Submit(a Alteration, req checkpoint.Request) (*checkpoint.Ticket, error) {
	alt := &alteration{g: g, a: a}
	var err error
	if alt.a.Start, err = dependencyOrder(a.Start); err != nil {
		return nil, err
	}
	g.mu.Lock()
	err = alt.buildLocked()
	g.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return alt.submit(req), nil
}

// submit adds the alteration to a request. The request depends on the jobs that
// the alteration builds on.
func (alt *alteration) submit(req checkpoint.Request) *checkpoint.Ticket {
	g := alt.g
	req.Jobs = slices.Clone(req.Jobs)
	for _, at := range alt.attach {
		if !at.optional {
			req.Jobs = append(req.Jobs, at.task.id.Job)
		}
	}
	for _, j := range alt.started { // a job that is replaced must stop well
		if slices.Contains(alt.a.Stop, j.plan.Job) {
			req.Jobs = append(req.Jobs, j.plan.Job)
		}
	}
	slices.Sort(req.Jobs)
	req.Jobs = slices.Compact(req.Jobs)
	// The barrier is one of all that it touches; what comes for itself touches nothing.
	req.With, req.Alone = slices.Concat(req.With, alt.a.Stop), true
	for _, at := range alt.attach {
		req.With = append(req.With, at.task.id.Job)
	}
	change, after, failed := req.Change, req.After, req.Failed
	req.Change = func(n stream.Epoch) *stream.Change {
		var more *stream.Change
		if change != nil {
			more = change(n)
		}
		return alt.change(n, more)
	}
	req.After = func(n stream.Epoch) {
		if after != nil { // first: what the jobs are to do is known before they do it
			after(n)
		}
		alt.begin()
	}
	req.Failed = func(err error) {
		alt.undo(err)
		if failed != nil {
			failed(err)
		}
	}
	return g.o.Coordinator.Submit(req)
}

// buildLocked checks the alteration and makes the tasks of the jobs to start.
func (alt *alteration) buildLocked() error {
	g := alt.g
	if g.closed {
		return errGraphClosed
	}
	for _, id := range alt.a.Stop {
		for _, dep := range g.dependentsLocked(id, (*Plan).Upstreams) {
			if !slices.Contains(alt.a.Stop, dep) {
				return sqlerr.New(sqlerr.DependentObjectsStillExist, "job %d still reads job %d", dep, id)
			}
		}
	}
	built := map[stream.JobID]*runningJob{}
	for _, plan := range alt.a.Start {
		stopping := slices.Contains(alt.a.Stop, plan.Job)
		switch runs := g.jobs[plan.Job] != nil; {
		case runs && !stopping:
			return sqlerr.New(sqlerr.ObjectInUse, "job %d is running already", plan.Job)
		case !runs && stopping: // it failed, and has missed what came since
			return sqlerr.New(sqlerr.ObjectNotInPrerequisiteState, "job %d is not running", plan.Job)
		}
		// The first epoch is known when the barrier is injected: see change.
		j, attach, err := g.buildJob(plan, 0, func(id stream.JobID) []*Task {
			if up := built[id]; up != nil {
				return up.output()
			}
			if up := g.jobs[id]; up != nil && !slices.Contains(alt.a.Stop, id) {
				return up.output()
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, at := range attach {
			if built[at.task.id.Job] != nil {
				at.task.addOutput(at.out)
			} else {
				alt.attach = append(alt.attach, at)
			}
		}
		built[plan.Job] = j
		alt.started = append(alt.started, j)
	}
	return nil
}

// change runs while barrier n is being injected.
func (alt *alteration) change(n stream.Epoch, ch *stream.Change) *stream.Change {
	if ch == nil {
		ch = &stream.Change{}
	}
	if ch.Stop == nil {
		ch.Stop = map[stream.JobID]bool{}
	}
	if ch.Attach == nil {
		ch.Attach = map[stream.TaskID][]any{}
	}
	g := alt.g
	alt.now = g.o.Coordinator.TimeOf(n)
	g.mu.Lock()
	for _, id := range alt.a.Stop {
		if j := g.jobs[id]; j != nil {
			for _, next := range alt.started {
				if next.plan.Job == id {
					next.replaces = j
				}
			}
			ch.Stop[id] = true
			delete(g.jobs, id)
			g.leaving[j] = true
		}
	}
	for _, j := range alt.started {
		for _, t := range j.tasks() {
			t.opts.start = n + 1
		}
		g.jobs[j.plan.Job] = j
		g.order = append(slices.DeleteFunc(g.order, func(id stream.JobID) bool { return id == j.plan.Job }), j.plan.Job)
	}
	g.order = slices.DeleteFunc(g.order, func(id stream.JobID) bool { return g.jobs[id] == nil })
	for _, at := range alt.attach {
		if at.optional && g.jobs[at.task.id.Job] == nil { // failed since it was built
			at.out.cut(0)
		}
	}
	alt.done = true
	g.mu.Unlock()
	for _, at := range alt.attach {
		ch.Attach[at.task.id] = append(ch.Attach[at.task.id], at.out)
	}
	for _, j := range alt.started {
		g.register(j)
	}
	return ch
}

// begin runs when barrier n is committed.
func (alt *alteration) begin() {
	g := alt.g
	for _, j := range alt.started {
		g.startTasks(j, alt.now)
	}
	g.forgetLeft()
}

// undo takes back what change did, when the epoch was committed without the
// request: jobs to start never run. Jobs to stop have stopped: their request
// can only fail with the store or with the jobs themselves.
func (alt *alteration) undo(err error) {
	g := alt.g
	g.mu.Lock()
	var ids []stream.JobID
	for _, j := range alt.started {
		j.cancel(err)
		if g.jobs[j.plan.Job] == j {
			delete(g.jobs, j.plan.Job)
		}
		ids = append(ids, j.plan.Job)
	}
	g.order = slices.DeleteFunc(g.order, func(id stream.JobID) bool { return g.jobs[id] == nil })
	registered := alt.done
	g.mu.Unlock()
	if registered {
		for _, id := range ids {
			g.o.Coordinator.RemoveJob(id, err)
		}
	}
	g.forgetLeft()
}

// forgetLeft drops stopped jobs whose tasks have all ended.
func (g *Graph) forgetLeft() {
	g.mu.Lock()
	defer g.mu.Unlock()
	maps.DeleteFunc(g.leaving, func(j *runningJob, _ bool) bool { return !j.any(func(t *Task) bool { return !t.hasEnded() }) })
	g.forgetLostLocked()
}

// forgetLostLocked drops detached jobs whose tasks have ended. One that is to start
// yet does so only to end.
func (g *Graph) forgetLostLocked() {
	maps.DeleteFunc(g.lost, func(j *runningJob, _ bool) bool {
		return !j.any(func(t *Task) bool { return t.started.Load() && !t.hasEnded() })
	})
}

func (j *runningJob) any(is func(t *Task) bool) bool { return slices.ContainsFunc(j.tasks(), is) }

func (t *Task) hasEnded() bool {
	select {
	case <-t.done:
		return true
	default:
		return false
	}
}
