package executor

import (
	"context"
	"fmt"
	"time"

	"streamdb/storage"
	"streamdb/stream"
)

// This file is the second half of the algorithm that Task describes: what happens
// once a barrier has arrived on every edge.

// endEdge notes that an edge will deliver nothing more.
func (t *Task) endEdge(e *inEdge) (did, finished bool, err error) {
	e.ended = true
	t.live--
	t.arrived++
	if t.live == 0 && t.barrier == nil && !t.isSource() {
		// Nothing can come any more, not even a barrier; all epochs seen are sealed.
		t.closeOutputs()
		t.opts.report.TaskDone(t.id)
		return true, true, nil
	}
	if err := t.forgetMarks(e); err != nil {
		return true, false, err
	}
	if t.barrier != nil {
		finished, err = t.align()
	}
	return true, finished, err
}

// align does what a barrier asks for once it has arrived everywhere.
func (t *Task) align() (finished bool, err error) {
	if t.arrived < len(t.edges) || !t.injects && t.isSource() {
		return false, nil
	}
	t.gauge.set(working)
	b := *t.barrier
	if b.Prev+1 != t.call.Epoch {
		panic(fmt.Sprintf("barrier %d, which comes after %d, arrived behind %d", b.Epoch, b.Prev, t.call.Epoch-1))
	}
	var deltas []*storage.Delta
	t.call.Epoch = b.Epoch // until here it was the least number that it could be
	if !t.timed {
		t.setNow(b.Time)
	}
	t.forgetParts()
	begun := time.Now()
	for _, n := range t.tree.order {
		if err := n.op.Barrier(t.call, b, &n.out); err != nil {
			return false, err
		}
	}
	flushed := time.Now()
	for _, n := range t.tree.order {
		for _, table := range n.tables {
			if d := table.Seal(b.Epoch); d != nil {
				deltas = append(deltas, d)
			}
		}
	}
	t.opts.report.Sealed(t.id, b.Epoch, flushed.Sub(begun), time.Since(flushed))
	if !t.opts.report.Ack(t.id, b.Epoch, deltas) {
		<-t.ctx.Done() // those who detached the job are about to cancel it
		return false, context.Cause(t.ctx)
	}
	t.opts.report.AddDirty(-t.dirty)
	t.dirty = 0
	if err := t.forward(b); err != nil {
		return false, err
	}
	if b.Change != nil && b.Change.Stop[t.id.Job] {
		t.closeOutputs()
		return true, nil
	}
	t.nextEpoch(b)
	if t.live == 0 && !t.isSource() {
		t.closeOutputs()
		t.opts.report.TaskDone(t.id)
		return true, nil
	}
	return false, nil
}

// forward sends the barrier behind the last row of its epoch, and applies its
// changes to the outputs.
func (t *Task) forward(b stream.Barrier) error {
	kept := t.outs[:0]
	for _, o := range t.outs {
		if err := o.all(t.ctx, stream.Message{Barrier: &b}); err != nil {
			return err
		}
		if !o.gone() {
			kept = append(kept, o)
		}
	}
	clear(t.outs[len(kept):])
	t.outs = kept
	if b.Change != nil {
		for _, o := range b.Change.Attach[t.id] {
			t.addOutput(o.(*output))
			t.greet(o.(*output))
		}
	}
	return nil
}

func (t *Task) nextEpoch(b stream.Barrier) {
	t.barrier, t.injects = nil, false
	t.arrived = len(t.edges) - t.live
	for _, e := range t.edges {
		e.arrived = false
	}
	t.timed = false
	t.call.Epoch = b.Epoch + 1
	t.gauge.epoch.Store(uint64(t.call.Epoch))
	t.pollSoon()
}

func (t *Task) closeOutputs() {
	for _, o := range t.outs {
		o.close()
	}
}
