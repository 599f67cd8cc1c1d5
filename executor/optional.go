package executor

import (
	"slices"

	"streamdb/stream"
)

// This file is how a job outlives one that it reads by an Optional input.
//
// A job that fails has a last epoch: the latest that all its tasks have acked.
// The coordinator names it in the same instant in which it detaches the job, and
// refuses acks from then on. As a task acks before it forwards the barrier, all
// rows of the last epoch are in the edges by then, but maybe not its barrier on
// all of them; nobody can have aligned a later one. So each edge is cut behind
// the last epoch, and ends; what its reader took of a later one is forgotten. All
// instances of the reader agree: whole epochs count, and nothing else.

// needs lists the jobs that a plan cannot do without.
func needs(p *Plan) []stream.JobID {
	var ids []stream.JobID
	for i := range p.Fragments {
		Walk(p.Fragments[i].Root, func(s Spec) {
			if in, ok := s.(*Input); ok && in.Upstream != 0 && !in.Optional && !slices.Contains(ids, in.Upstream) {
				ids = append(ids, in.Upstream)
			}
		})
	}
	return ids
}

// without makes an Optional input of tasks whose upstream does not run: it has ended.
func without(in *Input, tasks []*Task) {
	for _, t := range tasks {
		for _, e := range t.addInput(in, 1) {
			e.cut(0)
		}
	}
}

// detached is the coordinator's callback: jobs failed, each with its last epoch.
func (g *Graph) detached(last map[stream.JobID]stream.Epoch) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, j := range g.jobs {
		j.lose(last)
	}
	for j := range g.leaving {
		j.lose(last)
	}
}

// lose ends the inputs from jobs that failed.
func (j *runningJob) lose(last map[stream.JobID]stream.Epoch) {
	for _, t := range j.tasks() {
		for _, in := range t.inputs {
			n, ok := last[in.of.Upstream]
			if !ok || !in.of.Optional {
				continue
			}
			for _, e := range in.edges {
				e.cut(n)
			}
		}
	}
}

// cut ends an edge behind epoch last: what is queued of later ones is dropped,
// sends do nothing.
func (e *Edge) cut(last stream.Epoch) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed || e.detached || e.failed {
		return
	}
	e.failed, e.closed, e.last = true, true, last
	keep := e.n
	if e.taken >= last {
		keep = 0
	}
	for i := range keep {
		if b := e.queue[(e.head+i)%len(e.queue)].Barrier; b != nil && b.Epoch >= last {
			keep = i + 1
			if b.Epoch > last { // it begins later
				keep = 0
			}
			break
		}
	}
	for e.n > keep {
		e.n--
		at := (e.head + e.n) % len(e.queue)
		m := e.queue[at]
		e.queue[at] = stream.Message{}
		if m.Barrier == nil {
			e.data--
		}
		if m.Batch != nil {
			e.bytes -= m.Batch.Bytes()
		}
	}
	wake(e.wake)
	wake(e.space)
}

// cut ends an output's edges.
func (o *output) cut(last stream.Epoch) {
	for _, e := range o.edges {
		e.cut(last)
	}
}

// forgetParts makes operators above Optional inputs forget their rows of the epoch,
// which has arrived on all edges or never will, if it does not count.
func (t *Task) forgetParts() {
	for _, in := range t.inputs {
		if !in.of.Optional || !in.cutBefore(t.call.Epoch) {
			continue
		}
		if op, ok := in.to.op.(Forgetter); ok {
			op.Forget(in.in)
		}
	}
}

// cutBefore reports whether the input's job failed before the end of an epoch.
func (in *taskInput) cutBefore(n stream.Epoch) bool {
	for _, e := range in.edges {
		e.mu.Lock()
		lost := e.failed && e.last < n
		e.mu.Unlock()
		if lost {
			return true
		}
	}
	return false
}
