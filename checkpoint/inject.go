package checkpoint

import (
	"errors"
	"maps"
	"strings"
	"time"

	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/stream"
)

// injectLoop is the injector: it sleeps until a barrier is due.
func (c *Coordinator) injectLoop() {
	defer c.wg.Done()
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	for {
		select {
		case <-c.stop:
			return
		default:
		}
		now := time.Now()
		c.mu.Lock()
		c.excuse(now)
		due, wait := c.decide(now)
		slow := c.slowEpoch(now)
		c.lookAt = now.Add(wait) // at once, if due
		if !due && len(c.flight) == 0 {
			c.lookAt = time.Time{}
		}
		c.mu.Unlock()
		if slow != "" {
			c.log.Warn(slow)
		}
		if due {
			c.inject()
			continue
		}
		c.help(time.Now())
		if wait > 0 {
			timer.Reset(wait)
		}
		select {
		case <-c.wakeInject:
		case <-timer.C:
		case <-c.stop:
		}
		timer.Stop()
	}
}

// decide reports whether a barrier is due now, or else after which time to look
// again (0: only when woken).
func (c *Coordinator) decide(now time.Time) (due bool, wait time.Duration) {
	if c.failure != nil {
		return false, 0
	}
	if len(c.flight) < maxInFlight && len(c.queue) > 0 {
		return true, 0
	}
	if len(c.flight) > 0 { // the interval stretches while an epoch is in flight
		oldest := c.flight[0]
		wait = pulse
		if at := c.helpAt(oldest); !at.IsZero() {
			wait = min(wait, max(at.Sub(now), time.Millisecond))
		}
		if !oldest.reported {
			wait = min(wait, max(oldest.injected.Add(c.opts.Timeout+oldest.excused).Sub(now), time.Millisecond))
		}
		return false, wait
	}
	interval := c.opts.BarrierInterval
	switch {
	case c.dirty.Load() >= c.opts.DirtyLimit:
		interval /= 10 // not at once: sealing must have had a chance to bring it down
	case c.active.Load() < c.next.Load(): // nothing entered: an idle graph costs nothing
		if wait, ok := c.untilAlarm(); !ok || wait > 0 {
			return false, wait
		}
	}
	// Committing gets at most four fifths of the time, while that is short: what enters
	// meanwhile makes the next epoch take longer, and it must not become ever longer.
	at := c.injectedAt.Add(max(interval, c.lastTook+min(c.lastTook/4, longestEpoch)))
	if !now.Before(at) {
		return true, 0
	}
	return false, at.Sub(now)
}

// slowEpoch describes the oldest epoch, once, when it is in flight for too long.
func (c *Coordinator) slowEpoch(now time.Time) string {
	if len(c.flight) == 0 {
		return ""
	}
	e := c.flight[0]
	if e.reported || e.taken || now.Sub(e.injected)-e.excused < c.opts.Timeout {
		return ""
	}
	e.reported = true
	return "checkpoint is slow: epoch " + formatEpoch(e.n) + " still waits for " + strings.Join(c.describe(e), ", ")
}

// inject makes the next barrier and hands it to all sources.
func (c *Coordinator) inject() {
	c.mu.Lock()
	n := c.Next()
	e := &epoch{
		n: n, injected: time.Now(), injecting: true, tickets: c.queue,
		awaited: map[stream.TaskID]bool{},
		deltas:  map[stream.JobID][]*storage.Delta{},
		failed:  map[stream.JobID]error{},
	}
	c.queue = nil
	c.flight = append(c.flight, e)
	c.injectedAt = e.injected
	c.heldSince.Store(e.injected.UnixNano())
	c.next.Store(uint64(n) + 1) // from here on AddJob means n+1
	c.mu.Unlock()

	e.at = c.EpochTime(n)
	e.tickets = c.runBefore(e)
	change := joinChanges(e)

	var sources []Injector
	c.mu.Lock()
	for id, incarnations := range c.jobs {
		for _, j := range incarnations {
			if change != nil && change.Stop[id] && j.until == 0 && j.from <= n {
				j.until = n
			}
			if !j.takesPart(n) {
				continue
			}
			for t := range j.tasks {
				e.awaited[t] = true
			}
			sources = append(sources, j.sources...)
		}
	}
	for _, t := range e.tickets {
		for _, id := range t.req.Jobs {
			if len(c.jobs[id]) == 0 && e.failed[id] == nil {
				e.failed[id] = c.whyDead(id)
			}
		}
	}
	e.tasks, e.named = len(e.awaited), true
	c.mu.Unlock()

	b := stream.Barrier{Epoch: n, Time: e.at, Injected: e.injected, Change: change}
	for _, s := range sources {
		s.Inject(b)
	}
	c.mu.Lock()
	e.injecting = false
	e.checkAligned()
	c.mu.Unlock()
	wake(c.wakeCommit)
}

// whyDead is the error for a request that names a job that does not run.
func (c *Coordinator) whyDead(id stream.JobID) error {
	if err := c.dead[id]; err != nil {
		return err
	}
	return sqlerr.New(sqlerr.ObjectNotInPrerequisiteState, "job %d is not running", id)
}

// deadFor is why a request cannot be carried out before its change is made, which
// may start anew what it names; nil: all jobs that it names run.
func (c *Coordinator) deadFor(t *Ticket) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range t.req.Jobs {
		if len(c.jobs[id]) == 0 {
			return c.whyDead(id)
		}
	}
	return nil
}

// runBefore calls the Before functions. Requests whose function fails leave, and
// so do those that name a job which has failed.
func (c *Coordinator) runBefore(e *epoch) []*Ticket {
	kept := e.tickets[:0]
	for _, t := range e.tickets {
		if err := c.deadFor(t); err != nil {
			t.finish(0, err)
			continue
		}
		if t.req.Before != nil {
			if err := t.req.Before(e.n); err != nil {
				t.finish(0, err)
				continue
			}
		}
		kept = append(kept, t)
	}
	return kept
}

// joinChanges collects the changes of all requests into one; nil: none.
func joinChanges(e *epoch) *stream.Change {
	var all *stream.Change
	for _, t := range e.tickets {
		if t.req.Change == nil {
			continue
		}
		ch := t.req.Change(e.n)
		if ch == nil {
			continue
		}
		if all == nil {
			all = &stream.Change{Stop: map[stream.JobID]bool{}, Attach: map[stream.TaskID][]any{}}
		}
		maps.Copy(all.Stop, ch.Stop)
		for task, edges := range ch.Attach {
			all.Attach[task] = append(all.Attach[task], edges...)
		}
	}
	return all
}

// failureOf returns why a request that shared the epoch failed; nil: it did not.
func (e *epoch) failureOf(t *Ticket) error {
	var errs []error
	for _, id := range t.req.Jobs {
		if err := e.failed[id]; err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) == 1 {
		return errs[0]
	}
	return errors.Join(errs...)
}
