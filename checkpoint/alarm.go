package checkpoint

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// Alarm asks for a barrier when the clock reaches a time: for operators whose
// output changes as time passes, without new rows. A graph in which no alarm is
// due and into which no row comes stays idle.
type Alarm struct {
	m  *Member
	at atomic.Int64 // microseconds since 1970; MaxInt64: none
}

// alarms is the set of a coordinator's alarms.
type alarms struct {
	mu  sync.Mutex
	set map[*Alarm]struct{}
}

// NewAlarm makes an alarm of the job that is not set. Close it. The job's rows
// depend on what time it is from then on: storage.JobTime tells it.
func (m *Member) NewAlarm() *Alarm {
	a := &Alarm{m: m}
	c := m.Coordinator
	m.timed.Store(true)
	a.at.Store(math.MaxInt64)
	c.alarms.mu.Lock()
	defer c.alarms.mu.Unlock()
	if c.alarms.set == nil {
		c.alarms.set = map[*Alarm]struct{}{}
	}
	c.alarms.set[a] = struct{}{}
	return a
}

// Set asks for a barrier whose epoch's time is at or after micros (since 1970),
// in place of what was asked for before; MaxInt64 asks for none. It stays set
// when the barrier has come: who made it sets it anew.
func (a *Alarm) Set(micros int64) {
	if a.at.Swap(micros) > micros {
		wake(a.m.wakeInject)
	}
}

// Close takes the alarm away.
func (a *Alarm) Close() {
	a.m.Coordinator.alarms.mu.Lock()
	delete(a.m.Coordinator.alarms.set, a)
	a.m.Coordinator.alarms.mu.Unlock()
}

// ring notes on each island the first of its jobs' alarms; with c.mu held.
func (c *Coordinator) ring() {
	for _, is := range c.islands {
		is.alarm = math.MaxInt64
	}
	c.alarms.mu.Lock()
	defer c.alarms.mu.Unlock()
	for a := range c.alarms.set {
		if is := a.m.island.Load(); is != nil {
			is.alarm = min(is.alarm, a.at.Load())
		}
	}
}

// untilAlarm is how long from now the island's next alarm is due; ok: there is one.
// On a clock that stands, one that is not due yet does not count.
func (c *Coordinator) untilAlarm(is *island) (wait time.Duration, ok bool) {
	if is.alarm == math.MaxInt64 {
		return 0, false
	}
	now := c.opts.Clock.Now().UnixMicro()
	switch {
	case is.alarm <= now:
		return 0, true
	case c.opts.Clock.Stands():
		return 0, false
	}
	// An hour at most: the clock of the system may be set.
	return min(time.Duration(min(is.alarm-now, int64(time.Hour/time.Microsecond)))*time.Microsecond, time.Hour), true
}

// ClockSet tells the coordinator that a clock that stands was moved.
func (c *Coordinator) ClockSet() { wake(c.wakeInject) }
