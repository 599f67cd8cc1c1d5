package executor

import (
	"cmp"
	"fmt"

	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/stream"
)

// runningJob is a job with its tasks.
type runningJob struct {
	plan      *Plan
	fragments [][]*Task   // by position of the fragment, then instance
	replaces  *runningJob // whose tasks must have ended before these begin; nil: none
	cancel    func(error)
}

// output is the last fragment's tasks: what downstream jobs read.
func (j *runningJob) output() []*Task { return j.fragments[len(j.fragments)-1] }

func (j *runningJob) tasks() (all []*Task) {
	for _, f := range j.fragments {
		all = append(all, f...)
	}
	return all
}

// attachment is an output edge set to add to a running task.
type attachment struct {
	task     *Task
	out      *output
	optional bool // of an Optional input
}

// buildJob makes a job's tasks and edges without starting anything. upstream
// finds the tasks of another job's last fragment. Edges that come from there are
// returned as attachments: they are added by a barrier, or at once when those
// tasks do not run yet.
func (g *Graph) buildJob(plan *Plan, start stream.Epoch, upstream func(stream.JobID) []*Task) (*runningJob, []attachment, error) {
	if err := plan.Validate(); err != nil {
		return nil, nil, err
	}
	j := &runningJob{plan: plan}
	byID := map[int][]*Task{}
	exprs := g.o.Expr
	if plan.NullOnError {
		exprs.OnError = g.ExprErrors(plan.Job)
	}
	var attach []attachment
	for pos := range plan.Fragments {
		f := &plan.Fragments[pos]
		n := g.Instances(plan, f)
		if n < 1 || n > storage.NumVNodes {
			return nil, nil, sqlerr.New(sqlerr.InvalidParameterValue, "parallelism %d is not between 1 and %d", n, storage.NumVNodes)
		}
		tasks := make([]*Task, n)
		for i, set := range storage.SplitVNodes(n) {
			tasks[i] = newTask(g.ctx, stream.TaskID{Job: plan.Job, Fragment: pos, Instance: i}, taskOptions{
				root: f.Root, instance: i, of: n, vnodes: set,
				store: g.o.Store, log: g.o.Log,
				memory: g.o.Memory, env: g.o.Env, expr: exprs, start: start,
			})
		}
		var err error
		Walk(f.Root, func(s Spec) {
			if a, ok := s.(Announcer); ok {
				a.Announce(g.o.Env)
			}
			in, ok := s.(*Input)
			if !ok || err != nil {
				return
			}
			producers := byID[in.Fragment]
			if in.Upstream != 0 {
				if producers = upstream(in.Upstream); producers == nil && in.Optional {
					without(in, tasks)
					return
				}
				if producers == nil {
					err = sqlerr.New(sqlerr.ObjectNotInPrerequisiteState, "job %d, which job %d reads, is not running", in.Upstream, plan.Job)
					return
				}
			}
			var outs []attachment
			if outs, err = wire(in, producers, tasks); err != nil {
				return
			}
			if in.Upstream != 0 {
				attach = append(attach, outs...)
				return
			}
			for _, a := range outs {
				a.task.addOutput(a.out)
			}
		})
		if err != nil {
			return nil, nil, err
		}
		byID[f.ID] = tasks
		j.fragments = append(j.fragments, tasks)
	}
	j.cancel = func(err error) {
		for _, t := range j.tasks() {
			t.cancel(err)
			t.detach()
		}
	}
	return j, attach, nil
}

// Instances is the number of tasks that run a fragment of a plan.
func (g *Graph) Instances(p *Plan, f *Fragment) int {
	return cmp.Or(f.Parallelism, p.Parallelism, g.o.Parallelism)
}

// wire makes the edges of one Input: from every producer instance to every
// consumer instance, or from each to its own for Forward.
func wire(in *Input, producers, consumers []*Task) ([]attachment, error) {
	dist := in.Dist
	if dist.Kind == Forward && len(producers) != len(consumers) {
		if in.Upstream == 0 {
			return nil, fmt.Errorf("executor: forward from %d instances to %d", len(producers), len(consumers))
		}
		// The jobs have got different parallelisms. What reads a job by Forward (a
		// source's rows) knows which rows are its own: it gets all.
		dist.Kind = Broadcast
	}
	if in.Dist.Kind == Single && len(consumers) != 1 {
		return nil, fmt.Errorf("executor: single distribution to %d instances", len(consumers))
	}
	edges := make([][]*Edge, len(producers)) // by producer
	for i, c := range consumers {
		if dist.Kind == Forward {
			edges[i] = c.addInput(in, 1)
			continue
		}
		for p, e := range c.addInput(in, len(producers)) {
			edges[p] = append(edges[p], e)
		}
	}
	outs := make([]attachment, len(producers))
	for p, t := range producers {
		outs[p] = attachment{t, newOutput(dist, in.Cols, edges[p]), in.Optional}
	}
	return outs, nil
}
