package executor

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"streamdb/checkpoint"
	"streamdb/expr"
	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/stream"
)

// GraphOptions configure a Graph.
type GraphOptions struct {
	Coordinator *checkpoint.Coordinator // not started yet: see Graph.Recover
	Store       *storage.Store
	Log         *slog.Logger
	Parallelism int         // of fragments that leave it open; default 1
	Memory      *Accountant // what operators of jobs report to; may be nil
	Env         any         // handed to operators in OpenCtx.Env
	Expr        expr.Ctx    // what expressions of jobs see, but for Now
	// OnJobFailed hears of jobs that died: job is the one that failed with err,
	// also its dependents, which were stopped with it. Called without locks, from
	// a task's goroutine: it must not wait for the graph or for a Ticket (Submit
	// alone is fine).
	OnJobFailed func(job stream.JobID, err error, also []stream.JobID)
}

// Graph runs jobs: it makes tasks and edges of plans, starts and stops them at
// barriers, and detaches those that fail. All methods are safe for concurrent
// use. It owns the goroutine of every task, and waits for them in Close.
//
// Starting a job while others run (StartJob, Alter) goes like this:
//
//  1. its tasks and edges are made, but nothing runs;
//  2. a request shares barrier N: its Change makes the tasks of upstream jobs add
//     the new edges behind barrier N, and registers the job from N+1 on;
//  3. N is committed, with the request's Meta: the job exists;
//  4. its tasks start, in the epoch after N. That cannot be committed before they ack
//     it, so the latest snapshot that OpenCtx.Snapshot gives them in Open holds exactly
//     N of their island, and their edges carry exactly what came after N. Until they
//     run, their edges fill up and hold the upstream back, no longer than a commit takes.
//
// Jobs that edges connect share their barriers; others do not: see
// checkpoint.Coordinator. A job that reads two islands makes one of them.
//
// So a backfill that reads the snapshot taken in Open and applies what its input brings sees
// every change once.
type Graph struct {
	o      GraphOptions
	ctx    context.Context
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup // of tasks

	mu      sync.Mutex
	jobs    map[stream.JobID]*runningJob
	leaving map[*runningJob]bool // stopped by a barrier on its way; tasks may still run
	lost    map[*runningJob]bool // detached while their tasks ran
	order   []stream.JobID       // of start: upstreams before dependents
	closed  bool

	errors sync.Map // stream.JobID -> *expr.Errors
}

// ExprErrors counts the rows for which expressions of a job failed and gave NULL,
// since the graph was made; see Plan.NullOnError.
func (g *Graph) ExprErrors(id stream.JobID) *expr.Errors {
	e, _ := g.errors.LoadOrStore(id, &expr.Errors{})
	return e.(*expr.Errors)
}

// NewGraph makes an empty graph and takes over the coordinator's callbacks.
func NewGraph(o GraphOptions) *Graph {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Parallelism == 0 {
		o.Parallelism = 1
	}
	if o.Expr.Location == nil {
		o.Expr.Location = time.UTC
	}
	g := &Graph{o: o, jobs: map[stream.JobID]*runningJob{}, leaving: map[*runningJob]bool{}, lost: map[*runningJob]bool{}}
	g.ctx, g.cancel = context.WithCancelCause(context.Background())
	o.Coordinator.SetOnJobFailed(g.jobFailed)
	o.Coordinator.SetOnDetached(g.detached)
	o.Coordinator.SetOnDurable(g.noticeDurable)
	o.Coordinator.SetTaskState(g.taskState)
	o.Coordinator.SetCulprits(g.culprits)
	return g
}

// Recover starts all jobs of a database that was just opened, before the
// coordinator's Start: all see the first barrier. Plans may come in any order;
// one whose upstreams are not among them (or before) is an error, and nothing is started.
// starting, if not nil, is called before the tasks of each job begin; patience is
// how long each may then take to open and to come to rest before the next begins.
func (g *Graph) Recover(plans []*Plan, starting func(stream.JobID), patience time.Duration) error {
	plans, err := dependencyOrder(plans)
	if err != nil {
		return err
	}
	start := g.o.Coordinator.Next()
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		return errGraphClosed
	}
	built := map[stream.JobID]*runningJob{}
	for _, plan := range plans {
		j, attach, err := g.buildJob(plan, start, func(id stream.JobID) []*Task {
			if up := built[id]; up != nil {
				return up.output()
			}
			return nil
		})
		if err != nil {
			g.mu.Unlock()
			return err
		}
		for _, a := range attach {
			a.task.addOutput(a.out)
		}
		built[plan.Job] = j
	}
	for _, plan := range plans {
		g.jobs[plan.Job] = built[plan.Job]
		g.order = append(g.order, plan.Job)
	}
	g.mu.Unlock()
	for _, plan := range plans {
		g.register(built[plan.Job])
	}
	now := g.o.Coordinator.LastTime()
	for _, plan := range plans {
		if starting != nil {
			starting(plan.Job)
		}
		g.startTasks(built[plan.Job], now)
		built[plan.Job].settle(patience)
	}
	return nil
}

// settle waits until all tasks of a job that was just started wait for something,
// as long as patience says.
func (j *runningJob) settle(patience time.Duration) {
	busy := func(t *Task) bool {
		phase := taskPhase(t.gauge.phase.Load())
		return phase == starting || phase == working
	}
	for end := time.Now().Add(patience); time.Now().Before(end) && j.any(busy); {
		time.Sleep(time.Millisecond)
	}
}

// dependencyOrder puts plans behind their upstreams.
func dependencyOrder(plans []*Plan) ([]*Plan, error) {
	byID := map[stream.JobID]*Plan{}
	for _, p := range plans {
		byID[p.Job] = p
	}
	var out []*Plan
	state := map[stream.JobID]int{} // 1: being visited, 2: done
	var visit func(p *Plan) error
	visit = func(p *Plan) error {
		switch state[p.Job] {
		case 1:
			return sqlerr.New(sqlerr.InternalError, "job %d depends on itself", p.Job)
		case 2:
			return nil
		}
		state[p.Job] = 1
		for _, up := range p.Upstreams() {
			if q := byID[up]; q != nil {
				if err := visit(q); err != nil {
					return err
				}
			}
		}
		state[p.Job] = 2
		out = append(out, p)
		return nil
	}
	for _, p := range plans {
		if err := visit(p); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// register makes the coordinator await the job's tasks, from its next epoch on.
func (g *Graph) register(j *runningJob) {
	var ids []stream.TaskID
	var sources []checkpoint.Injector
	for _, t := range j.tasks() {
		ids = append(ids, t.id)
		if t.isSource() {
			sources = append(sources, t)
		}
	}
	m := g.o.Coordinator.AddJob(j.plan.Job, ids, sources, j.plan.Upstreams()...)
	for _, t := range j.tasks() {
		t.opts.report = m
	}
}

// startTasks starts the goroutines of a job; now is the time of the epoch before its first.
func (g *Graph) startTasks(j *runningJob, now time.Time) {
	var before []*Task // a sink must not deliver while the one before it does
	if j.replaces != nil {
		before, j.replaces = j.replaces.tasks(), nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		j.cancel(errGraphClosed)
		return
	}
	for _, t := range j.tasks() {
		t.opts.now = now
		t.started.Store(true)
		t.durable.Store(uint64(t.opts.report.Durable()))
		g.wg.Add(1)
		go func() {
			defer g.wg.Done()
			for _, b := range before {
				<-b.done
			}
			t.run()
		}()
	}
}

// jobFailed is the coordinator's callback: it stops the job's tasks and those of
// its dependents, which it returns.
func (g *Graph) jobFailed(id stream.JobID, err error) []stream.JobID {
	g.mu.Lock()
	also := g.dependentsLocked(id, needs)
	g.removeLocked(append([]stream.JobID{id}, also...), err)
	g.mu.Unlock()
	if g.o.OnJobFailed != nil {
		g.o.OnJobFailed(id, err, also)
	}
	return also
}

// dependentsLocked lists the direct and indirect dependents of a job, in order of
// start; upstreams says on what a plan depends.
func (g *Graph) dependentsLocked(id stream.JobID, upstreams func(*Plan) []stream.JobID) []stream.JobID {
	lost := map[stream.JobID]bool{id: true}
	var out []stream.JobID
	for _, other := range g.order {
		if lost[other] || g.jobs[other] == nil {
			continue
		}
		if slices.ContainsFunc(upstreams(g.jobs[other].plan), func(up stream.JobID) bool { return lost[up] }) {
			lost[other] = true
			out = append(out, other)
		}
	}
	return out
}

// removeLocked takes jobs out of the graph and cancels their tasks. Also those
// that a barrier is about to stop, when they are of the same id.
func (g *Graph) removeLocked(ids []stream.JobID, err error) {
	for _, id := range ids {
		if j := g.jobs[id]; j != nil {
			delete(g.jobs, id)
			g.lost[j] = true
			j.cancel(err)
		}
		for j := range g.leaving {
			if j.plan.Job == id {
				j.cancel(err)
			}
		}
	}
	g.order = slices.DeleteFunc(g.order, func(id stream.JobID) bool { return g.jobs[id] == nil })
}

// DropJobs detaches jobs at once, without waiting for a barrier or for their
// tasks, however stuck those are: what they changed since the last commit is
// lost, upstream tasks no longer send to them. Requests that named them fail.
// Dependents that are not dropped with them are an error (2BP01). Jobs that do
// not run are passed over.
func (g *Graph) DropJobs(ids ...stream.JobID) error {
	g.mu.Lock()
	for _, id := range ids {
		for _, dep := range g.dependentsLocked(id, (*Plan).Upstreams) {
			if !slices.Contains(ids, dep) {
				g.mu.Unlock()
				return sqlerr.New(sqlerr.DependentObjectsStillExist, "job %d still reads job %d", dep, id)
			}
		}
	}
	g.removeLocked(ids, ErrDropped)
	g.mu.Unlock()
	for _, id := range ids {
		g.o.Coordinator.RemoveJob(id, ErrDropped)
	}
	return nil
}

// The reasons for which a job ends. ErrDropped is what those who wait for a job
// get that DropJobs took.
var (
	ErrDropped     = sqlerr.New(sqlerr.ObjectInUse, "the job was dropped")
	errGraphClosed = sqlerr.New(sqlerr.AdminShutdown, "the server is shutting down")
	errEnded       = sqlerr.New(sqlerr.AdminShutdown, "the job was stopped")
)

// Lingers reports whether tasks of a job that failed or was dropped still run:
// what they hold in memory, and do to the outside, must have ended before the
// job runs again.
func (g *Graph) Lingers(id stream.JobID) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.forgetLostLocked()
	for j := range g.lost {
		if j.plan.Job == id {
			return true
		}
	}
	return false
}

// Running reports whether a job runs.
func (g *Graph) Running(id stream.JobID) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.jobs[id] != nil
}

// Tasks describes all tasks of running jobs, in order of start.
func (g *Graph) Tasks() []TaskInfo {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []TaskInfo
	for _, id := range g.order {
		for _, t := range g.jobs[id].tasks() {
			out = append(out, t.info())
		}
	}
	return out
}

func (t *Task) info() TaskInfo {
	i := TaskInfo{
		ID: t.id, Root: t.opts.root.Kind(),
		State:  phaseNames[t.gauge.phase.Load()],
		Epoch:  stream.Epoch(t.gauge.epoch.Load()),
		RowsIn: t.gauge.rowsIn.Load(), RowsOut: t.gauge.rowsOut.Load(),
		Blocked: time.Duration(t.gauge.block.Load()),
	}
	for _, in := range t.inputs {
		for _, e := range in.edges {
			n, bytes := e.queued()
			i.Queued += n
			i.QueuedBytes += bytes
		}
	}
	return i
}

func (g *Graph) taskState(id stream.TaskID) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	j := g.jobs[id.Job]
	if j == nil || id.Fragment >= len(j.fragments) || id.Instance >= len(j.fragments[id.Fragment]) {
		return "gone"
	}
	t := j.fragments[id.Fragment][id.Instance]
	return t.opts.root.Kind() + ", " + phaseNames[t.gauge.phase.Load()]
}

func (g *Graph) noticeDurable(stream.Epoch) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, j := range g.jobs {
		for _, t := range j.tasks() {
			if t.listens.Load() {
				t.noticeDurable(t.opts.report.Durable())
			}
		}
	}
}

// Close stops all jobs at a last barrier, so that everything that entered is
// committed and durable, and waits for their tasks. When ctx ends before that, they are
// cancelled: what was not committed is lost. The coordinator must run; it is left
// running.
func (g *Graph) Close(ctx context.Context) error {
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		g.wg.Wait()
		return nil
	}
	g.closed = true // from here on nothing starts
	all := slices.Clone(g.order)
	g.mu.Unlock()
	var err error
	if len(all) > 0 {
		alt := &alteration{g: g, a: Alteration{Stop: all}}
		_, err = alt.submit(checkpoint.Request{Sync: true}).Wait(ctx)
	}
	if err != nil {
		g.cancel(errGraphClosed)
	}
	// Every task that acked its last epoch returns by itself; one that is stuck, or
	// whose alteration came too late, when ctx ends.
	stopWaiting := context.AfterFunc(ctx, func() { g.cancel(errGraphClosed) })
	defer stopWaiting()
	ended := make(chan struct{})
	go func() { g.wg.Wait(); close(ended) }()
	defer g.cancel(errGraphClosed)
	select {
	case <-ended:
		return err
	case <-ctx.Done():
	}
	select {
	case <-ended:
		return err
	case <-time.After(closeGrace):
		return errors.Join(err, ErrStuck)
	}
}

// closeGrace is how long Close waits for tasks that were cancelled.
const closeGrace = 3 * time.Second

// ErrStuck is returned by Close when a task does not end although it was
// cancelled: it is in an operator that does not return. The store must not be
// closed under it.
var ErrStuck = errors.New("executor: a task does not end")
