package executor

import (
	"context"
	"errors"

	"streamdb/storage"
	"streamdb/stream"
)

// ErrStop is returned by Emit when nobody wants more rows: a LIMIT is full in a
// bounded run. Operators return it unchanged. A job never sees it.
var ErrStop = errors.New("executor: no more rows are wanted")

// node is an opened operator in the tree of a fragment. Its output goes to
// Process of the node above it by a direct call; that of the root, to sink.
type node struct {
	spec     Spec
	op       Operator
	children []*node // nil where an input is an edge
	tables   []storage.StateTable
	withheld Withholder // op, if it is one
	out      emitter
}

// sink takes what a root emits.
type sink interface {
	batch(b *stream.Batch) error
	watermark(w stream.Watermark) error
}

// emitter is the Emitter of one node.
type emitter struct {
	ctx    *Ctx
	parent *node // nil: the root's
	in     int   // which input of parent
	sink   sink  // for the root
	flow   *flow
}

// flow is shared by the emitters of one tree.
type flow struct {
	emitted bool            // something was emitted since it was last reset
	began   func()          // called before a batch goes on; nil in a bounded run
	stopped *node           // the node that wants no more rows (bounded runs)
	top     *node           // stands for the sink in stopped
	life    context.Context // of the run: a batch can give many, so each looks
}

func (e *emitter) Emit(b *stream.Batch) error {
	if b.Rows() == 0 {
		return nil
	}
	e.flow.emitted = true
	if e.flow.began != nil {
		e.flow.began()
	}
	if life := e.flow.life; life != nil && life.Err() != nil {
		return context.Cause(life)
	}
	var err error
	if e.parent == nil {
		err = e.sink.batch(b)
	} else {
		err = e.parent.op.Process(e.ctx, e.in, b, &e.parent.out)
	}
	if err == ErrStop {
		e.stop()
	}
	return err
}

// stop notes which node wants no more: the highest, as its call returns first.
func (e *emitter) stop() {
	if e.flow.stopped == nil {
		if e.flow.stopped = e.parent; e.parent == nil {
			e.flow.stopped = e.flow.top
		}
	}
}

func (e *emitter) EmitWatermark(w stream.Watermark) error {
	e.flow.emitted = true
	if e.parent == nil {
		return e.sink.watermark(w)
	}
	return e.parent.op.Watermark(e.ctx, e.in, w, &e.parent.out)
}

// tree is an opened fragment.
type tree struct {
	root  *node
	order []*node // children before parents
	leafs []leaf  // the Inputs, in order
	flow  flow
}

// leaf is an input of the tree that is fed from outside.
type leaf struct {
	input *Input
	to    *node
	in    int // which input of to
}

// openTree opens every operator of a fragment, children first. openCtx makes the
// OpenCtx of each. After an error everything opened is closed.
func openTree(root Spec, ctx *Ctx, out sink, openCtx func(n *node) *OpenCtx) (*tree, error) {
	t := &tree{}
	t.flow.top = &node{}
	var err error
	if in, ok := root.(*Input); ok {
		n := &node{spec: root, op: passThrough{}}
		t.root, t.order = n, []*node{n}
		t.leafs = []leaf{{in, n, 0}}
	} else if t.root, err = t.open(root, openCtx); err != nil {
		return nil, errors.Join(err, t.close())
	}
	for _, n := range t.order {
		n.out.ctx, n.out.flow = ctx, &t.flow
		for i, child := range n.children {
			if child != nil {
				child.out.parent, child.out.in = n, i
			}
		}
	}
	t.root.out.sink = out
	return t, nil
}

func (t *tree) open(spec Spec, openCtx func(n *node) *OpenCtx) (*node, error) {
	n := &node{spec: spec}
	for i, s := range spec.Inputs() {
		if in, ok := s.(*Input); ok {
			t.leafs = append(t.leafs, leaf{in, n, i})
			n.children = append(n.children, nil)
			continue
		}
		child, err := t.open(s, openCtx)
		if err != nil {
			return nil, err
		}
		n.children = append(n.children, child)
	}
	op, err := spec.Open(openCtx(n))
	if err != nil {
		return nil, errors.Join(err, n.closeTables())
	}
	n.op = op
	n.withheld, _ = op.(Withholder)
	t.order = append(t.order, n)
	return n, nil
}

// borrows reports whether no operator keeps batches.
func (t *tree) borrows() bool {
	for _, n := range t.order {
		if b, ok := n.op.(Borrower); !ok || !b.Borrows() {
			return false
		}
	}
	return true
}

// close closes every operator once, and the tables opened for them.
func (t *tree) close() error {
	var errs []error
	for _, n := range t.order {
		errs = append(errs, n.op.Close(), n.closeTables())
	}
	t.order = nil
	return errors.Join(errs...)
}

func (n *node) closeTables() error {
	var errs []error
	for _, table := range n.tables {
		errs = append(errs, table.Close())
	}
	n.tables = nil
	return errors.Join(errs...)
}
