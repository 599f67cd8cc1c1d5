package checkpoint

import (
	"sync"
	"time"

	"streamdb/stream"
)

// What made a barrier come.
const (
	triggerInterval  = "interval"  // rows had entered
	triggerTimer     = "timer"     // an operator's output changes with time
	triggerMemory    = "memory"    // much unsealed state
	triggerStatement = "statement" // rows of a statement or transaction
	triggerDDL       = "ddl"       // jobs come or go, the catalog changes
	triggerFlush     = "flush"     // FLUSH, or the end of the server
)

// notes is what is known of an epoch in flight besides what its commit needs.
type notes struct {
	mu   sync.Mutex
	ring [256]note // by epoch: more than islands have in flight, as a rule
}

type note struct {
	epoch       stream.Epoch
	trigger     string
	flush, seal time.Duration
	last        stream.TaskID
}

func (n *notes) of(epoch stream.Epoch) *note {
	e := &n.ring[int(epoch%stream.Epoch(len(n.ring)))]
	if e.epoch != epoch {
		*e = note{epoch: epoch}
	}
	return e
}

// begin notes why the barrier of an epoch came.
func (n *notes) begin(epoch stream.Epoch, trigger string) {
	n.mu.Lock()
	n.of(epoch).trigger = trigger
	n.mu.Unlock()
}

// Sealed reports what a task that is about to ack epoch n spent at its barrier:
// flush is the time in its operators, which emit what they held back and hand their
// state over; seal is that of sealing the tables.
func (c *Coordinator) Sealed(task stream.TaskID, n stream.Epoch, flush, seal time.Duration) {
	c.notes.mu.Lock()
	e := c.notes.of(n)
	e.flush, e.seal, e.last = max(e.flush, flush), max(e.seal, seal), task
	c.notes.mu.Unlock()
}

// note completes the figures of a committed epoch.
func (c *Coordinator) note(s *EpochStats) {
	c.notes.mu.Lock()
	e := c.notes.of(s.Epoch)
	s.Trigger, s.Flush, s.Seal, s.LastTask = e.trigger, e.flush, e.seal, e.last
	c.notes.mu.Unlock()
	s.Interval = stretched(time.Duration(c.interval.Load()), s.Align+s.Queue+s.Sort+s.Write)
}

// stretched is the time from one barrier to the next for which nobody asks, when
// the last epoch took so long. Committing gets at most four fifths of the time, while
// that is short: what enters meanwhile makes the next epoch take longer, and it must
// not become ever longer.
func stretched(interval, took time.Duration) time.Duration {
	return max(interval, took+min(took/4, longestEpoch))
}

// triggerOf says what made a barrier come; tickets are the requests that share it.
func (c *Coordinator) triggerOf(tickets []*Ticket) string {
	trigger := ""
	for _, t := range tickets {
		switch r := &t.req; {
		case r.Change != nil || r.Meta != nil || len(r.Drop) > 0:
			return triggerDDL
		case r.Before != nil:
			trigger = triggerStatement
		case trigger == "":
			trigger = triggerFlush
		}
	}
	switch {
	case trigger != "":
		return trigger
	case c.dirty.Load() >= c.opts.DirtyLimit:
		return triggerMemory
	case c.alarmDue():
		return triggerTimer
	}
	return triggerInterval
}

// alarmDue reports whether the time of an alarm has come.
func (c *Coordinator) alarmDue() bool {
	now := c.opts.Clock.Now().UnixMicro()
	c.alarms.mu.Lock()
	defer c.alarms.mu.Unlock()
	for a := range c.alarms.set {
		if a.at.Load() <= now {
			return true
		}
	}
	return false
}
