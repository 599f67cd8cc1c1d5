package engine

import (
	"slices"

	"streamdb/catalog"
	"streamdb/executor"
	"streamdb/executor/op"
	"streamdb/internal/sqlerr"
	"streamdb/planner"
	"streamdb/storage"
	"streamdb/stream"
)

// reshape adds to a change that the job of a table or source starts again with
// the columns that n, the object as it will be, has: at one barrier, with all
// jobs that read it, directly or not, each with the state that it had. The plans
// of direct readers learn the new columns; what they use keeps its position.
func (s *Session) reshape(c *change, cat *catalog.Catalog, n *catalog.Object) error {
	if !n.Runs() {
		return nil
	}
	plan, err := s.replan(cat, n)
	if err != nil {
		return err
	}
	if err := s.learnWriters(c, cat, n, plan); err != nil {
		return err
	}
	if err := c.replant(n, plan); err != nil {
		return err
	}
	for _, o := range readersTree(cat, n.ID)[1:] {
		if c.removes(o) || !o.Runs() {
			continue
		}
		p, err := op.UnmarshalPlan(o.Plan)
		if err != nil {
			return err
		}
		if slices.Contains(o.Upstreams, n.ID) {
			if err := learn(p, n, plan); err != nil {
				return err
			}
			err = c.replant(o, p)
		} else if n.Failed == nil {
			c.again(o, p)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// removes reports whether the change drops an object.
func (c *change) removes(o *catalog.Object) bool { return slices.Contains(c.remove, o) }

// replant gives an object's job another plan, over the same state.
func (c *change) replant(o *catalog.Object, p *executor.Plan) error {
	pinned, err := op.MarshalPlan(p)
	if err != nil {
		return err
	}
	c.alter(o.ID, func(o *catalog.Object) { o.Plan = pinned })
	c.again(o, p)
	return nil
}

// again stops a job at the change's barrier and starts it with a plan, unless it
// has failed: then it stays down.
func (c *change) again(o *catalog.Object, p *executor.Plan) {
	if o.Failed != nil {
		return
	}
	if i := slices.IndexFunc(c.start, func(q *executor.Plan) bool { return q.Job == p.Job }); i >= 0 {
		c.start[i] = p
		return
	}
	c.halt, c.start = append(c.halt, p.Job), append(c.start, p)
}

// learnWriters connects the sinks that write a table with its new plan, and
// teaches them the new columns.
func (s *Session) learnWriters(c *change, cat *catalog.Catalog, n *catalog.Object, plan *executor.Plan) error {
	for _, o := range cat.Objects() {
		if o.Kind != catalog.Sink || o.Into != n.ID || c.removes(o) || !o.Runs() {
			continue
		}
		p, err := op.UnmarshalPlan(o.Plan)
		if err != nil {
			return err
		}
		if err := op.WidenSink(p, *rowTable(n)); err != nil {
			return err
		}
		if err := c.replant(o, p); err != nil {
			return err
		}
		if slices.Contains(n.Upstreams, o.ID) {
			if err := attach(plan, n, stream.JobID(o.ID)); err != nil {
				return err
			}
		}
	}
	return nil
}

// learn puts the new columns of n, whose plan is up, into the plan of a reader.
func learn(p *executor.Plan, n *catalog.Object, up *executor.Plan) error {
	if n.Kind != catalog.Source {
		op.Reshape(p, stream.JobID(n.ID), *rowTable(n))
		return p.Validate()
	}
	for i := range up.Fragments {
		executor.Walk(up.Fragments[i].Root, func(s executor.Spec) {
			if src, ok := s.(*op.Source); ok {
				op.ReshapeSource(p, stream.JobID(n.ID), src.Conf, src.Out)
			}
		})
	}
	return p.Validate()
}

// replan plans the job of a table or source anew: over the state tables and with
// the parallelism that it has.
func (s *Session) replan(cat *catalog.Catalog, n *catalog.Object) (*executor.Plan, error) {
	old, err := op.UnmarshalPlan(n.Plan)
	if err != nil {
		return nil, err
	}
	names := map[storage.TableID]string{}
	for _, t := range old.Tables() {
		names[t.ID] = t.Name
	}
	ids := slices.Sorted(slices.Values(n.StateTables)) // in the order in which planning gave them out
	bctx := s.jobCtx(cat, "")
	bctx.Parallelism = 1
	for _, f := range old.Fragments {
		if f.Parallelism != 1 {
			bctx.Parallelism = 2 // more than one: fragments have their own numbers
		}
	}
	bctx.NextTableID = func() storage.TableID {
		if len(ids) == 0 {
			return 0
		}
		id := ids[0]
		ids = ids[1:]
		return id
	}
	var job *planner.JobPlan
	if n.Kind == catalog.Source {
		job, err = planner.SourceJob(bctx, n)
	} else {
		job, err = planner.TableJob(bctx, n)
	}
	if err != nil {
		return nil, err
	}
	for _, t := range job.Plan.Tables() {
		if names[t.ID] != t.Name {
			return nil, sqlerr.New(sqlerr.InternalError, "state table \"%s\" of %s %s has no place in its plan", t.Name, n.Kind, n.Name)
		}
	}
	if len(job.Plan.Fragments) != len(old.Fragments) {
		return nil, sqlerr.New(sqlerr.InternalError, "the plan of %s %s has changed its form", n.Kind, n.Name)
	}
	job.Plan.Parallelism = old.Parallelism
	for i := range old.Fragments {
		job.Plan.Fragments[i].Parallelism = old.Fragments[i].Parallelism
	}
	return job.Plan, nil
}

// planUses reports whether a running job's plan reads a column of a stored
// relation.
func planUses(o *catalog.Object, table storage.TableID, col int) bool {
	if !o.Runs() {
		return false
	}
	p, err := op.UnmarshalPlan(o.Plan)
	if err != nil {
		return true
	}
	uses := false
	for i := range p.Fragments {
		executor.Walk(p.Fragments[i].Root, func(s executor.Spec) {
			if b, ok := s.(*op.Backfill); ok && b.Table.Def.ID == table && slices.Contains(b.Cols, col) {
				uses = true
			}
		})
	}
	return uses
}
