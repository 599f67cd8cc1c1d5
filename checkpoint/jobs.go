package checkpoint

import (
	"time"

	"streamdb/storage"
	"streamdb/stream"
)

// RemoveJob detaches a job at once: epochs in flight no longer wait for it, and
// what it changed in them is dropped. It is for jobs that are being dropped; one
// that shall keep what it did stops by a Change. Requests that named the job fail
// with err, unless err is nil.
func (c *Coordinator) RemoveJob(id stream.JobID, err error) {
	c.mu.Lock()
	c.detachLocked([]stream.JobID{id}, err)
	delete(c.dead, id)
	c.mu.Unlock()
	wake(c.wakeCommit)
	wake(c.wakeInject)
}

// Ack reports that a task sealed epoch n, with what it changed. Acks of tasks
// that are not awaited (of detached jobs) are dropped: ok is false.
func (c *Coordinator) Ack(task stream.TaskID, n stream.Epoch, deltas []*storage.Delta) (ok bool) {
	bytes := int64(0)
	for _, d := range deltas {
		bytes += int64(d.Bytes())
	}
	c.mu.Lock()
	e := c.find(n)
	if e == nil || !e.awaited[task] {
		c.mu.Unlock()
		for _, d := range deltas {
			d.Discard()
		}
		return false
	}
	delete(e.awaited, task)
	e.deltas[task.Job] = append(e.deltas[task.Job], deltas...)
	e.last = task.Job
	e.sealed += bytes
	c.sealed.Add(bytes)
	e.checkAligned()
	complete := e.complete()
	c.mu.Unlock()
	if complete {
		wake(c.wakeCommit)
	}
	return true
}

// TaskDone reports that a task ended in good order because all its inputs did.
// No barrier awaits it any more. Tasks that a Change stopped need not report.
func (c *Coordinator) TaskDone(task stream.TaskID) {
	c.mu.Lock()
	for _, j := range c.jobs[task.Job] {
		delete(j.tasks, task)
	}
	for _, e := range c.flight {
		if !e.taken {
			delete(e.awaited, task)
			e.checkAligned()
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
	if len(c.jobs[id]) == 0 {
		c.mu.Unlock()
		return
	}
	// First the job alone, and nothing is committed while the callback runs: its
	// dependents' deltas may come from rows of it.
	c.failing++
	last := map[stream.JobID]stream.Epoch{id: c.lastAckedLocked(id)}
	c.detachLocked([]stream.JobID{id}, err)
	c.mu.Unlock()
	var also []stream.JobID
	if c.opts.OnJobFailed != nil {
		also = c.opts.OnJobFailed(id, err)
	}
	c.mu.Lock()
	for _, dep := range also {
		last[dep] = c.lastAckedLocked(dep)
	}
	c.detachLocked(also, err)
	c.mu.Unlock()
	if c.opts.OnDetached != nil {
		c.opts.OnDetached(last)
	}
	c.mu.Lock()
	c.failing--
	c.mu.Unlock()
	c.log.Error("job failed", "job", id, "err", err, "alsoStopped", also)
	wake(c.wakeCommit)
	wake(c.wakeInject)
}

// LastGood is the last epoch whose commit holds, or will hold, what a job did
// that was just detached. It is for OnJobFailed and right after RemoveJob.
func (c *Coordinator) LastGood(id stream.JobID) stream.Epoch {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lastGood[id]
}

// lastAckedLocked is the last epoch that all tasks of a job have acked.
func (c *Coordinator) lastAckedLocked(id stream.JobID) stream.Epoch {
	if in := c.jobs[id]; len(in) > 0 {
		return in[len(in)-1].ackedLocked()
	}
	return c.lastGood[id]
}

// detachLocked takes jobs out of the registry and out of all epochs that the
// committer does not have yet.
func (c *Coordinator) detachLocked(ids []stream.JobID, err error) {
	for _, id := range ids {
		incarnations := c.jobs[id]
		delete(c.jobs, id)
		for _, m := range incarnations {
			c.lastGood[id] = m.goodLocked()
			for _, e := range c.flight {
				if !e.taken {
					delete(e.members, m)
				}
			}
			c.leave(m)
		}
		if err != nil && len(incarnations) > 0 {
			c.dead[id] = err
		}
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
			for t := range e.awaited {
				if t.Job == id {
					delete(e.awaited, t)
				}
			}
			e.checkAligned()
		}
	}
}

// complete reports whether all acks of an injected epoch are in.
func (e *epoch) complete() bool { return len(e.awaited) == 0 && !e.injecting }

// checkAligned notes the time when the last ack came.
func (e *epoch) checkAligned() {
	if e.complete() && e.aligned.IsZero() {
		e.aligned = time.Now()
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
