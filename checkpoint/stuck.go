package checkpoint

import (
	"slices"
	"strings"
	"time"

	"streamdb/internal/sqlerr"
	"streamdb/stream"
)

// helpAt is when an epoch that is still in flight then counts as stuck; zero: never.
func (c *Coordinator) helpAt(e *epoch) time.Time {
	if c.opts.StuckAfter < 0 || c.opts.Culprits == nil || e.taken {
		return time.Time{}
	}
	return e.since.Add(c.opts.StuckAfter + e.excused)
}

// wait begins the time after which an epoch counts as stuck: what it waited before
// was for others.
func (e *epoch) wait(now time.Time) { e.since = now.Add(-e.excused) }

const (
	// pulse is how often the injector looks while an epoch is in flight.
	pulse = 250 * time.Millisecond
	// hiccup is how much later than it wanted to the injector may look, before it
	// takes that for a stop of the whole process.
	hiccup = 100 * time.Millisecond
)

// excuse finds out for how long the whole process stood still (SIGSTOP, a paused
// virtual machine), from how much later the injector wakes than it asked for: that
// time does not count for the epochs in flight. The lock is held.
func (c *Coordinator) excuse(now time.Time) {
	late := now.Sub(c.lookAt)
	if c.lookAt.IsZero() || late < hiccup {
		return
	}
	c.lookAt = now
	for _, e := range c.flight {
		e.excused += late
	}
}

// help makes the jobs fail that hold an island's oldest epoch up for too long. It is
// asked again when that was not enough.
func (c *Coordinator) help(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failure != nil || c.closed {
		return
	}
	for _, e := range c.oldest() {
		at := c.helpAt(e)
		if at.IsZero() || now.Before(at) || e.injecting || e.helping || len(e.awaited) == 0 {
			continue
		}
		e.wait(now)
		e.helping = true
		awaited, limit := e.waiting(), c.opts.StuckAfter
		c.wg.Go(func() { // looking takes a while, and other islands have barriers
			c.helpWith(e, awaited, limit)
			c.mu.Lock()
			e.helping = false
			c.mu.Unlock()
			wake(c.wakeInject)
		})
	}
}

func (c *Coordinator) helpWith(e *epoch, awaited []stream.TaskID, limit time.Duration) {
	culprits := c.opts.Culprits(awaited)
	c.mu.Lock()
	over := c.find(e.n) == nil
	c.mu.Unlock()
	if over { // it was only slow
		return
	}
	if len(culprits) == 0 {
		c.log.Error("checkpoint is stuck, and no job is seen to hold it up", "epoch", e.n)
		return
	}
	for _, id := range culprits {
		err := sqlerr.New(sqlerr.QueryCanceled, "the job did not finish epoch %d within %v", e.n, limit).
			WithDetail("It was at %s.", strings.Join(c.describeJob(awaited, id), ", ")).
			WithHint("ALTER SYSTEM SET checkpoint_timeout_ms gives jobs more time.")
		c.FailJob(id, err)
	}
}

func (c *Coordinator) describeJob(tasks []stream.TaskID, id stream.JobID) []string {
	return c.describeTasks(slices.DeleteFunc(slices.Clone(tasks), func(t stream.TaskID) bool { return t.Job != id }))
}

// HeldUp reports the tasks of which epochs have waited for an ack for at least so
// long, where nothing but that keeps them from being committed, and since when the
// oldest of these epochs waits; zero: none does.
func (c *Coordinator) HeldUp(least time.Duration) (since time.Time, awaited []stream.TaskID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	for _, e := range c.oldest() { // in order of injection
		if e.taken || len(e.awaited) == 0 || now.Sub(e.injected) < least {
			continue
		}
		if since.IsZero() {
			since = e.injected
		}
		awaited = append(awaited, e.waiting()...)
	}
	return since, awaited
}
