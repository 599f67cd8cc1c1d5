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
// SELECT. The tree has no exchanges (no Input leaves). Leaves are Pollers (Poll
// returning false means that the leaf is at its end), or emit in Barrier alone. Each
// input of an operator is run entirely, with the Barrier of everything below,
// before the next one begins: in order, but for FirstInputer. Then the operator
// gets its own Barrier.
//
// tmpl is the OpenCtx of every operator, with Bounded set, all vnodes and one
// instance; Table may be nil. sink takes the rows of the root; it ends the run
// early, without error, by returning ErrStop. Batches passed to sink are
// immutable and may be kept. When ctx ends, its cause is returned at the next
// Poll or Emit; expressions look at Expr.Cancelled, which is set if it was nil.
// A panic is an error XX000.
func RunBounded(ctx context.Context, tmpl OpenCtx, root Spec, sink func(*stream.Batch) error) (err error) {
	tmpl.Context, tmpl.Bounded = ctx, true
	tmpl.Instance, tmpl.Parallelism = 0, 1
	tmpl.VNodes.From, tmpl.VNodes.To = 0, 256
	if tmpl.Expr != nil && tmpl.Expr.Cancelled == nil {
		e := *tmpl.Expr
		e.Cancelled = func() bool { return ctx.Err() != nil }
		tmpl.Expr = &e
	}
	r := &boundedRun{call: &Ctx{Context: ctx, Expr: tmpl.Expr}, sink: sink}
	defer func() {
		if p := recover(); p != nil {
			if tmpl.Log != nil {
				tmpl.Log.Error("query panicked", "panic", p, "stack", string(debug.Stack()))
			}
			err = sqlerr.New(sqlerr.InternalError, "internal error: %v", p)
		}
		if r.tree != nil {
			err = errors.Join(err, r.tree.close())
		}
	}()
	r.tree, err = openTree(root, r.call, r, func(*node) *OpenCtx {
		c := tmpl
		return &c
	})
	if err != nil {
		return err
	}
	r.tree.flow.life = ctx
	if len(r.tree.leafs) > 0 {
		return errors.New("executor: a bounded run has no exchanges")
	}
	if err := r.node(r.tree.root); err != nil && !errors.Is(err, ErrStop) {
		return err
	}
	return nil
}

// boundedRun is one run, and the sink of its root.
type boundedRun struct {
	call *Ctx
	tree *tree
	sink func(*stream.Batch) error
}

func (r *boundedRun) batch(b *stream.Batch) error {
	if r.call.Context.Err() != nil {
		return context.Cause(r.call.Context)
	}
	return r.sink(b)
}

func (r *boundedRun) watermark(stream.Watermark) error { return nil }

// node runs a subtree to its end. ErrStop: somebody above wants no more of it.
func (r *boundedRun) node(n *node) error {
	err := r.inputs(n)
	if errors.Is(err, ErrStop) { // a scan may have wrapped it
		if r.tree.flow.stopped != n {
			return err
		}
		r.tree.flow.stopped = nil // n itself has enough: its inputs are at their end
	} else if err != nil {
		return err
	}
	if err := r.cancelled(); err != nil {
		return err
	}
	return n.op.Barrier(r.call, stream.Barrier{Epoch: r.call.Epoch}, &n.out)
}

// inputs runs what is below n, or n itself when it is a leaf.
func (r *boundedRun) inputs(n *node) error {
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

func (r *boundedRun) cancelled() error {
	if r.call.Context.Err() != nil {
		return context.Cause(r.call.Context)
	}
	return nil
}
