package checkpoint

import (
	"streamdb/storage"
	"streamdb/stream"
)

// AddJob registers a job's tasks from the next barrier on: Next at the time of
// the call, or N+1 when called in the Change function of barrier N. sources are
// those of its tasks that have no inputs. A job of this id must not be registered.
func (c *Coordinator) AddJob(id stream.JobID, tasks []stream.TaskID, sources []Injector) {
	j := &job{from: c.Next(), tasks: make(map[stream.TaskID]bool, len(tasks)), sources: sources}
	for _, t := range tasks {
		j.tasks[t] = true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.jobs[id] != nil {
		panic("checkpoint: job added twice")
	}
	c.jobs[id] = j
}

// RemoveJob detaches a job at once: epochs in flight no longer wait for it, and
// what it changed in them is dropped. It is for jobs that are being dropped; one
// that shall keep what it did stops by a Change, after which its tasks leave with
// TaskDone. Requests that named the job fail with err, unless err is nil.
func (c *Coordinator) RemoveJob(id stream.JobID, err error) {
	c.mu.Lock()
	c.detachLocked([]stream.JobID{id}, err)
	c.mu.Unlock()
	wake(c.wakeCommit)
	wake(c.wakeInject)
}

// Ack reports that a task sealed epoch n, with what it changed. Acks of tasks
// that are not awaited (of detached jobs) are dropped.
func (c *Coordinator) Ack(task stream.TaskID, n stream.Epoch, deltas []*storage.Delta) {
	c.mu.Lock()
	e := c.find(n)
	if e == nil || !e.awaited[task] {
		c.mu.Unlock()
		for _, d := range deltas {
			d.Discard()
		}
		return
	}
	delete(e.awaited, task)
	e.deltas[task.Job] = append(e.deltas[task.Job], deltas...)
	complete := len(e.awaited) == 0
	if complete {
		e.aligned = now()
	}
	c.mu.Unlock()
	if complete {
		wake(c.wakeCommit)
	}
}

// TaskDone reports that a task ended in good order after its last ack: all its
// inputs ended, or a barrier stopped its job. Later barriers do not await it.
func (c *Coordinator) TaskDone(task stream.TaskID) {
	c.mu.Lock()
	if j := c.jobs[task.Job]; j != nil {
		delete(j.tasks, task)
		if len(j.tasks) == 0 {
			delete(c.jobs, task.Job)
		}
	}
	// A barrier may be on its way to the task through an input that ended before it.
	for _, e := range c.flight {
		if !e.taken && e.awaited[task] {
			delete(e.awaited, task)
			if len(e.awaited) == 0 {
				e.aligned = now()
			}
		}
	}
	c.mu.Unlock()
	wake(c.wakeCommit)
}

// TaskFailed reports that a task died. Its job is detached, together with the
// jobs that OnJobFailed names. When it returns, nothing that those jobs did
// since the last commit (or the one under way) can reach the store.
func (c *Coordinator) TaskFailed(task stream.TaskID, err error) { c.FailJob(task.Job, err) }

// FailJob is TaskFailed for a job as a whole. Failing a job that is not
// registered does nothing.
func (c *Coordinator) FailJob(id stream.JobID, err error) {
	c.mu.Lock()
	if c.jobs[id] == nil {
		c.mu.Unlock()
		return
	}
	// First the job alone, so that nothing of it is committed while the callback
	// runs; an epoch cannot complete without its dependents, which had rows of it.
	c.detachHolding(id, err)
	c.mu.Unlock()
	var also []stream.JobID
	if c.opts.OnJobFailed != nil {
		also = c.opts.OnJobFailed(id, err)
	}
	c.mu.Lock()
	c.detachLocked(append(also, id), err)
	for _, e := range c.flight {
		delete(e.awaited, holdOf(id))
		if len(e.awaited) == 0 && e.aligned.IsZero() {
			e.aligned = now()
		}
	}
	c.mu.Unlock()
	c.log.Error("job failed", "job", id, "err", err, "alsoStopped", also)
	wake(c.wakeCommit)
	wake(c.wakeInject)
}

// holdOf is a task that does not exist: awaiting it keeps an epoch from
// completing while the dependents of a failed job are being found out.
func holdOf(id stream.JobID) stream.TaskID {
	return stream.TaskID{Job: id, Fragment: -1, Instance: -1}
}

func (c *Coordinator) detachHolding(id stream.JobID, err error) {
	for _, e := range c.flight {
		if !e.taken {
			e.awaited[holdOf(id)] = true
		}
	}
	_ = err
}

// detachLocked takes jobs out of the registry and out of all epochs that the
// committer does not have yet.
func (c *Coordinator) detachLocked(ids []stream.JobID, err error) {
	for _, id := range ids {
		j := c.jobs[id]
		delete(c.jobs, id)
		for _, e := range c.flight {
			if e.taken {
				continue
			}
			for _, d := range e.deltas[id] {
				d.Discard()
			}
			delete(e.deltas, id)
			if err != nil {
				e.failed[id] = err
			}
			if j != nil {
				for t := range j.tasks {
					delete(e.awaited, t)
				}
			}
			if len(e.awaited) == 0 && e.aligned.IsZero() {
				e.aligned = now()
			}
		}
	}
}

func (c *Coordinator) find(n stream.Epoch) *epoch {
	for _, e := range c.flight {
		if e.n == n && !e.taken {
			return e
		}
	}
	return nil
}
