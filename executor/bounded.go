package executor

import (
	"context"
	"errors"
	"runtime/debug"

	"streamdb/internal/sqlerr"
	"streamdb/stream"
)

// FirstInputer is implemented by operators whose inputs are not fed in order in
// a bounded run: a join's build side comes first, entirely.
type FirstInputer interface {
	// FirstInput is the number of the input to feed before the others.
	FirstInput() int
}

// RunBounded runs a tree of operators to its end in the caller's goroutine: a
// SELECT. The tree has no exchanges (no Input leaves); see RunBoundedPlan.
func RunBounded(ctx context.Context, tmpl OpenCtx, root Spec, sink func(*stream.Batch) error) error {
	return RunBoundedPlan(ctx, tmpl, &Plan{Fragments: []Fragment{{Root: root, Parallelism: 1}}}, sink)
}

// RunBoundedPlan runs a SELECT to its end in the caller's goroutine: the last
// fragment of the plan, and of those before it what Inputs read, each once (see
// spool). Leaves are Inputs, Pollers (Poll returning false means that the leaf is at
// its end), or emit in Barrier alone. Each input of an operator is run entirely, with
// the Barrier of everything below, before the next one begins: in order, but
// for FirstInputer. Then the operator gets its own Barrier.
//
// tmpl is the OpenCtx of every operator, with Bounded set, all vnodes and one
// instance; Table may be nil. sink takes the rows of the root; it ends the run
// early, without error, by returning ErrStop. Batches passed to sink are
// immutable and may be kept. When ctx ends, its cause is returned at the next
// Poll or Emit; expressions look at Expr.Cancelled, which is set if it was nil.
// A panic is an error XX000.
func RunBoundedPlan(ctx context.Context, tmpl OpenCtx, plan *Plan, sink func(*stream.Batch) error) (err error) {
	tmpl.Context, tmpl.Bounded = ctx, true
	tmpl.Instance, tmpl.Parallelism = 0, 1
	tmpl.VNodes.From, tmpl.VNodes.To = 0, 256
	if tmpl.Expr != nil && tmpl.Expr.Cancelled == nil {
		e := *tmpl.Expr
		e.Cancelled = func() bool { return ctx.Err() != nil }
		tmpl.Expr = &e
	}
	r := &boundedRun{call: &Ctx{Context: ctx, Expr: tmpl.Expr}, tmpl: tmpl}
	defer func() {
		if p := recover(); p != nil {
			if tmpl.Log != nil {
				tmpl.Log.Error("query panicked", "panic", p, "stack", string(debug.Stack()))
			}
			err = errors.Join(err, sqlerr.New(sqlerr.InternalError, "internal error: %v", p))
		}
	}()
	defer r.close()
	last := len(plan.Fragments) - 1
	if last > 0 {
		if err := r.connect(plan); err != nil {
			return err
		}
	}
	return r.tree(plan.Fragments[last].Root, false, sink)
}

// boundedRun is one run: the fragments that are read by others, by ID.
type boundedRun struct {
	call    *Ctx
	tmpl    OpenCtx
	spools  map[int]*spool
	private []*spool // of readers that run a fragment once more
}

// connect makes the spools of a plan with several fragments.
func (r *boundedRun) connect(plan *Plan) error {
	if err := plan.Validate(); err != nil {
		return err
	}
	r.spools = map[int]*spool{}
	for i := range plan.Fragments {
		r.add(&plan.Fragments[i])
	}
	for i := len(plan.Fragments) - 2; i >= 0; i-- { // what nobody reads
		if err := r.spools[plan.Fragments[i].ID].unread(); err != nil {
			return err
		}
	}
	return nil
}

// add makes the spool of a fragment, and counts it as a reader of others.
func (r *boundedRun) add(f *Fragment) {
	s := &spool{run: r, frag: f, once: f.Once}
	r.spools[f.ID] = s
	Walk(f.Root, func(x Spec) {
		if in, ok := x.(*Input); ok && in.Upstream == 0 {
			below := r.spools[in.Fragment]
			below.waiting++
			s.once = s.once || below.once
		}
	})
}

// close ends what still runs.
func (r *boundedRun) close() {
	for _, s := range r.private {
		if s.stop != nil {
			s.stop()
		}
	}
	for _, s := range r.spools {
		if s.stop != nil {
			s.stop()
		}
	}
}

// tree opens a fragment, runs it to its end and closes it. again: it was run
// before.
func (r *boundedRun) tree(root Spec, again bool, to func(*stream.Batch) error) (err error) {
	b := &boundedTree{call: r.call, sink: to}
	defer func() {
		if b.tree != nil {
			err = errors.Join(err, b.tree.close())
		}
	}()
	b.tree, err = openTree(root, r.call, b, func(*node) *OpenCtx {
		c := r.tmpl
		return &c
	})
	if err != nil {
		return err
	}
	b.tree.flow.life = r.call.Context
	for _, l := range b.tree.leafs {
		s := r.spools[l.input.Fragment]
		if s == nil || l.input.Upstream != 0 {
			return errors.New("executor: a bounded run reads what is not in its plan")
		}
		b.tree.feed(l, s.attach(again))
	}
	if err := b.node(b.tree.root); err != nil && !errors.Is(err, ErrStop) {
		return err
	}
	return nil
}

// feed puts an operator in the place of an Input.
func (t *tree) feed(l leaf, op Operator) {
	if l.to.spec == Spec(l.input) {
		l.to.op = op
		return
	}
	n := &node{spec: l.input, op: op}
	n.out = emitter{ctx: l.to.out.ctx, flow: &t.flow, parent: l.to, in: l.in}
	l.to.children[l.in] = n
	t.order = append([]*node{n}, t.order...)
}

// boundedTree is a fragment that runs, and the sink of its root.
type boundedTree struct {
	call *Ctx
	tree *tree
	sink func(*stream.Batch) error
}

func (r *boundedTree) batch(b *stream.Batch) error {
	if r.call.Context.Err() != nil {
		return context.Cause(r.call.Context)
	}
	return r.sink(b)
}

func (r *boundedTree) watermark(stream.Watermark) error { return nil }

// node runs a subtree to its end. ErrStop: somebody above wants no more of it.
func (r *boundedTree) node(n *node) error {
	err := r.inputs(n)
	if errors.Is(err, ErrStop) { // a scan may have wrapped it
		if r.tree.flow.stopped != n {
			return err
		}
		r.tree.flow.stopped = nil // n itself has enough: its inputs are at their end
		if err := abandon(n); err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	if err := r.cancelled(); err != nil {
		return err
	}
	return n.op.Barrier(r.call, stream.Barrier{Epoch: r.call.Epoch}, &n.out)
}

// abandon lets the fragments that are read below n know that nobody goes on to.
func abandon(n *node) error {
	if r, ok := n.op.(*spoolReader); ok {
		return r.Close()
	}
	var errs []error
	for _, child := range n.children {
		errs = append(errs, abandon(child))
	}
	return errors.Join(errs...)
}

// inputs runs what is below n, or n itself when it is a leaf.
func (r *boundedTree) inputs(n *node) error {
	if p, ok := n.op.(Poller); ok && len(n.children) == 0 {
		for {
			if err := r.cancelled(); err != nil {
				return err
			}
			more, err := p.Poll(r.call, &n.out)
			if err != nil || !more {
				return err
			}
		}
	}
	first := -1
	if f, ok := n.op.(FirstInputer); ok {
		first = f.FirstInput()
		if err := r.node(n.children[first]); err != nil {
			return err
		}
	}
	for i, child := range n.children {
		if i == first {
			continue
		}
		if err := r.node(child); err != nil {
			return err
		}
	}
	return nil
}

func (r *boundedTree) cancelled() error {
	if r.call.Context.Err() != nil {
		return context.Cause(r.call.Context)
	}
	return nil
}
