package executor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"streamdb/expr"
	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/stream"
)

// Task runs one instance of a fragment: one goroutine, a tree of operators, any
// number of input edges and output edges. It is THE barrier aligner: nothing
// else in the system aligns, seals, forwards or acks.
//
// The algorithm (Flink's aligned checkpoints). Rows and watermarks that arrive
// go to the operator above the input, whose output goes to the operator above
// that, and so on to the outputs, by direct calls. When barrier N arrives on an
// edge, the edge is not read any more: what follows belongs to epoch N+1. When
// barrier N has arrived on every edge (one whose sender ended counts as arrived):
//
//  1. each operator's Barrier is called, children before parents, so that what a
//     child held back reaches its parent before the parent's turn;
//  2. all state tables are sealed: what they recorded is the delta of epoch N;
//  3. the task acks N with its deltas: all its rows of N are in its output edges.
//     A job that was detached meanwhile gets no further;
//  4. the barrier is forwarded on every output edge, behind the last row of N;
//  5. the topology changes that ride on the barrier happen: new output edges
//     start here, so that they carry exactly the epochs after N, and all edges
//     are read again.
//
// A task without input edges gets barriers by Inject, and does the same. So does
// one whose inputs are all Optional, for which Inject is one edge more.
//
// Operators that are Pollers are polled between messages, one call each in turn,
// but never while aligning: what they emit then would belong to N.
type Task struct {
	id     stream.TaskID
	opts   taskOptions
	log    *slog.Logger
	ctx    context.Context
	cancel context.CancelCauseFunc
	wake   chan struct{} // cap 1: an edge, an injection or a notice wants attention
	done   chan struct{} // closed when the goroutine has ended
	gauge  gauge

	inputs []*taskInput // in order of the fragment's Input leaves
	outs   []*output

	mu       sync.Mutex // guards injected
	injected []stream.Barrier
	durable  atomic.Uint64 // the job's latest durable epoch, for Committed
	listens  atomic.Bool   // some operator is Committed
	started  atomic.Bool   // its goroutine runs, or has run

	// What follows belongs to the goroutine.
	tree     *tree
	call     *Ctx // given to the operators
	edges    []*inEdge
	nextEdge int
	arrived  int // edges that are blocked or ended
	live     int // edges that have not ended
	barrier  *stream.Barrier
	injects  bool // the barrier that is being aligned was injected
	pollers  []*poller
	nextPoll int
	notified stream.Epoch
	dirty    int                // as reported to the coordinator
	held     bool               // its pollers bring no more rows into this epoch
	timed    bool               // the operators have the time of this epoch
	borrows  bool               // its operators are Borrowers
	marks    []stream.Watermark // the last one sent, by column: what a new output must know
}

// reporter is the coordinator, as a task sees it: checkpoint.Member. Epochs are
// numbered with gaps: in Active and EpochTime, where that of the current one is
// not known yet, n is one more than the last barrier's.
type reporter interface {
	Sealed(task stream.TaskID, n stream.Epoch, flush, seal time.Duration)
	Ack(task stream.TaskID, n stream.Epoch, deltas []*storage.Delta) (ok bool)
	TaskDone(task stream.TaskID)
	TaskFailed(task stream.TaskID, err error)
	Active(n stream.Epoch)
	AddDirty(n int)
	Throttled() bool
	EpochTime(n stream.Epoch) time.Time
	Durable() stream.Epoch
	Snapshot() (storage.Snapshot, stream.Epoch)
}

// taskOptions is what a task is made from.
type taskOptions struct {
	root     Spec
	instance int
	of       int // parallelism
	vnodes   storage.VNodeSet
	store    *storage.Store
	report   reporter
	log      *slog.Logger
	memory   *Accountant
	env      any
	expr     expr.Ctx // of which Now is set per epoch
	start    stream.Epoch
	now      time.Time // the time of the epoch before start
}

// taskInput is one Input leaf: an edge from every producer instance.
type taskInput struct {
	edges []*inEdge
	marks []inputMark // by column
	of    *Input
	to    *node
	in    int
}

// inEdge is the receiving side of an edge.
type inEdge struct {
	*Edge
	input   *taskInput
	at      int // position in input.edges
	arrived bool
	ended   bool
}

func newTask(ctx context.Context, id stream.TaskID, o taskOptions) *Task {
	t := &Task{id: id, opts: o, wake: make(chan struct{}, 1), done: make(chan struct{})}
	t.log = o.log.With("job", id.Job, "task", fmt.Sprintf("%d.%d", id.Fragment, id.Instance))
	t.ctx, t.cancel = context.WithCancelCause(ctx)
	return t
}

// addInput adds an Input leaf with one edge per producer instance.
func (t *Task) addInput(of *Input, producers int) []*Edge {
	in := &taskInput{of: of}
	edges := make([]*Edge, producers)
	for i := range edges {
		edges[i] = newEdge(t.wake)
		in.edges = append(in.edges, &inEdge{Edge: edges[i], input: in, at: i})
	}
	t.inputs = append(t.inputs, in)
	return edges
}

func (t *Task) addOutput(o *output) {
	o.gauge = &t.gauge
	t.outs = append(t.outs, o)
}

// isSource: it has no edges that it can count on to receive barriers from.
func (t *Task) isSource() bool {
	for _, in := range t.inputs {
		if !in.of.Optional {
			return false
		}
	}
	return true
}

// Inject hands a barrier to a source; see checkpoint.Injector.
func (t *Task) Inject(b stream.Barrier) {
	t.mu.Lock()
	t.injected = append(t.injected, b)
	t.mu.Unlock()
	wake(t.wake)
}

// noticeDurable makes operators that are Committed hear of the epoch.
func (t *Task) noticeDurable(n stream.Epoch) {
	t.durable.Store(uint64(n))
	wake(t.wake)
}

// run is the task's goroutine, from open to close.
func (t *Task) run() {
	defer close(t.done)
	err := t.guard(t.loop)
	t.gauge.set(ended)
	if err != nil {
		if t.ctx.Err() == nil {
			// First the coordinator: from here on nothing downstream of this job commits.
			t.opts.report.TaskFailed(t.id, err)
		}
		// Outputs stay open: an end would look like a complete epoch. The readers
		// are dependents, and are being cancelled.
	}
	t.detach()
	if t.tree != nil {
		if err := t.guard(t.tree.close); err != nil {
			t.log.Warn("operator did not close well", "err", err)
		}
	}
	t.opts.report.AddDirty(-t.dirty)
	t.cancel(nil)
}

// guard makes an error of a panic: a broken invariant fails the job, not the process.
func (t *Task) guard(fn func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			t.log.Error("task panicked", "panic", r, "stack", string(debug.Stack()))
			err = sqlerr.New(sqlerr.InternalError, "internal error: %v", r)
		}
	}()
	return fn()
}

// detach stops listening: senders no longer wait for this task.
func (t *Task) detach() {
	for _, in := range t.inputs {
		for _, e := range in.edges {
			e.detach()
		}
	}
}

// loop opens the operators and runs until the task is stopped, ends or fails.
func (t *Task) loop() error {
	if err := t.open(); err != nil {
		return err
	}
	for {
		finished, err := t.step()
		if err == ErrStop {
			err = errors.New("executor: an operator of a job returned ErrStop")
		}
		if finished || err != nil {
			return err
		}
	}
}

func (t *Task) open() (err error) {
	now := t.opts.now
	base := t.opts.expr
	base.Now = now
	base.Cancelled = func() bool { return t.ctx.Err() != nil }
	t.call = &Ctx{Context: t.ctx, Expr: &base, Epoch: t.opts.start}
	t.gauge.epoch.Store(uint64(t.opts.start))
	t.tree, err = openTree(t.opts.root, t.call, (*taskSink)(t), func(n *node) *OpenCtx {
		return &OpenCtx{
			Context: t.ctx, Log: t.log, Job: t.id.Job,
			Instance: t.opts.instance, Parallelism: t.opts.of, VNodes: t.opts.vnodes,
			Table: func(def storage.TableDef) storage.StateTable {
				table := t.opts.store.OpenTable(def, t.opts.vnodes)
				n.tables = append(n.tables, table)
				return table
			},
			Snapshot: func() storage.Snapshot { return t.opts.store.Snapshot() },
			Latest:   t.opts.report.Snapshot,
			Memory:   t.opts.memory,
			Expr:     t.call.Expr,
			Env:      t.opts.env,
		}
	})
	if err != nil {
		return err
	}
	t.tree.flow.began, t.tree.flow.life = t.setTime, t.ctx
	if len(t.tree.leafs) != len(t.inputs) {
		return fmt.Errorf("executor: task %v has %d inputs wired, its fragment has %d", t.id, len(t.inputs), len(t.tree.leafs))
	}
	for i, leaf := range t.tree.leafs {
		in := t.inputs[i]
		in.to, in.in = leaf.to, leaf.in
		t.edges = append(t.edges, in.edges...)
	}
	t.live = len(t.edges)
	t.borrows = t.tree.borrows()
	for _, n := range t.tree.order {
		if p, ok := n.op.(Poller); ok {
			t.pollers = append(t.pollers, &poller{node: n, op: p, ready: true})
		}
		if _, ok := n.op.(Committed); ok {
			t.listens.Store(true)
		}
	}
	return nil
}

// step does one round, or waits when there is nothing to do. finished: the task
// ended in good order.
func (t *Task) step() (finished bool, err error) {
	if t.ctx.Err() != nil {
		return false, context.Cause(t.ctx)
	}
	did, finished, err := t.round()
	if !did && !finished && err == nil {
		t.wait()
	}
	return finished, err
}

// round does the next things that are there to do, without waiting: an injected
// barrier, or else a notice, a message of one edge and a poll of one poller.
func (t *Task) round() (did, finished bool, err error) {
	t.gauge.set(working)
	if b, ok := t.takeInjected(); ok {
		t.barrier, t.injects = &b, true
		finished, err = t.align()
		return true, finished, err
	}
	if err := t.notify(); err != nil {
		return false, false, err
	}
	did, finished, err = t.readOne()
	if finished || err != nil || t.barrier != nil {
		return did, finished, err
	}
	polled, err := t.pollOne()
	return did || polled, false, err
}

func (t *Task) takeInjected() (b stream.Barrier, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.injected) == 0 || t.injects { // the next one waits until this one is aligned
		return b, false
	}
	b = t.injected[0]
	t.injected = t.injected[1:]
	return b, true
}

// notify tells operators that an epoch became durable.
func (t *Task) notify() error {
	n := stream.Epoch(t.durable.Load())
	if n <= t.notified {
		return nil
	}
	t.notified = n
	for _, node := range t.tree.order {
		if op, ok := node.op.(Committed); ok {
			if err := op.Committed(t.call, n); err != nil {
				return err
			}
		}
	}
	t.pollSoon()
	return nil
}

// readOne takes one message from the next edge that has one and may be read.
func (t *Task) readOne() (did, finished bool, err error) {
	for range t.edges {
		e := t.edges[t.nextEdge]
		t.nextEdge = (t.nextEdge + 1) % len(t.edges)
		if e.arrived || e.ended {
			continue
		}
		m, ok, end := e.receive()
		if end {
			return t.endEdge(e)
		}
		if !ok {
			continue
		}
		finished, err := t.message(e, m)
		return true, finished, err
	}
	return false, false, nil
}

func (t *Task) message(e *inEdge, m stream.Message) (finished bool, err error) {
	switch {
	case m.Batch != nil:
		t.gauge.rowsIn.Add(int64(m.Batch.Rows()))
		t.setTime()
		in := e.input
		t.call.lease = m.Lease
		err := in.to.op.Process(t.call, in.in, m.Batch, &in.to.out)
		t.call.lease = nil
		if err != nil {
			return false, err
		}
		if t.borrows {
			m.Lease.Release()
		}
		t.reportDirty()
		return false, nil
	case m.Watermark != nil:
		return false, t.mark(e, *m.Watermark)
	default:
		if t.barrier != nil && t.barrier.Epoch != m.Barrier.Epoch {
			panic(fmt.Sprintf("barrier %d arrived while aligning %d", m.Barrier.Epoch, t.barrier.Epoch))
		}
		t.barrier = m.Barrier
		e.arrived = true
		t.arrived++
		t.gauge.set(aligning)
		return t.align()
	}
}

// setTime gives the operators the time of the epoch, once: when its first row
// comes, or else its barrier. Before, they have that of the epoch before.
func (t *Task) setTime() {
	if !t.timed {
		t.setNow(t.opts.report.EpochTime(t.call.Epoch))
	}
}

func (t *Task) setNow(now time.Time) {
	t.timed = true
	at := *t.call.Expr
	at.Now = now
	t.call.Expr = &at
}

// reportDirty tells the coordinator how much state waits to be sealed.
func (t *Task) reportDirty() (grown bool) {
	dirty := 0
	for _, n := range t.tree.order {
		for _, table := range n.tables {
			dirty += table.Dirty()
		}
		if n.withheld != nil {
			dirty += n.withheld.Withheld()
		}
	}
	if dirty != t.dirty {
		t.opts.report.AddDirty(dirty - t.dirty)
		grown = dirty > t.dirty
		t.dirty = dirty
	}
	return grown
}

// taskSink is the task as the sink of its root operator.
type taskSink Task

func (s *taskSink) batch(b *stream.Batch) error {
	t := (*Task)(s)
	if t.ctx.Err() != nil {
		return context.Cause(t.ctx)
	}
	t.gauge.rowsOut.Add(int64(b.Rows()))
	for _, o := range t.outs {
		if err := o.batch(t.ctx, stream.Message{Batch: b, Lease: t.call.lease}); err != nil {
			return err
		}
	}
	return nil
}

func (s *taskSink) watermark(w stream.Watermark) error {
	t := (*Task)(s)
	t.keepMark(w)
	for _, o := range t.outs {
		if err := o.all(t.ctx, stream.Message{Watermark: &w}); err != nil {
			return err
		}
	}
	return nil
}
