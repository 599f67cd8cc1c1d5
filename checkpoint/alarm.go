package checkpoint

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"streamdb/stream"
)

// Alarm asks for a barrier when the clock reaches a time: for operators whose
// output changes as time passes, without new rows. A graph in which no alarm is
// due and into which no row comes stays idle.
type Alarm struct {
	c  *Coordinator
	at atomic.Int64 // microseconds since 1970; MaxInt64: none
}

// alarms is the set of a coordinator's alarms.
type alarms struct {
	mu  sync.Mutex
	set map[*Alarm]struct{}
}

// NewAlarm makes an alarm that is not set. Close it.
func (c *Coordinator) NewAlarm() *Alarm {
	a := &Alarm{c: c}
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
		wake(a.c.wakeInject)
	}
}

// Close takes the alarm away.
func (a *Alarm) Close() {
	a.c.alarms.mu.Lock()
	delete(a.c.alarms.set, a)
	a.c.alarms.mu.Unlock()
}

// untilAlarm is how long from now the next alarm is due; ok: there is one. On a
// clock that stands, one that is not due yet does not count.
func (c *Coordinator) untilAlarm() (wait time.Duration, ok bool) {
	first := int64(math.MaxInt64)
	c.alarms.mu.Lock()
	for a := range c.alarms.set {
		first = min(first, a.at.Load())
	}
	c.alarms.mu.Unlock()
	if first == math.MaxInt64 {
		return 0, false
	}
	now := c.opts.Clock.Now().UnixMicro()
	switch {
	case first <= now:
		return 0, true
	case c.opts.Clock.Stands():
		return 0, false
	}
	// An hour at most: the clock of the system may be set.
	return min(time.Duration(min(first-now, int64(time.Hour/time.Microsecond)))*time.Microsecond, time.Hour), true
}

// ClockSet tells the coordinator that a clock that stands was moved.
func (c *Coordinator) ClockSet() { wake(c.wakeInject) }

// epochTimes are the times of the current epoch and those in flight, by number
// modulo its length.
type epochTimes struct {
	mu   sync.Mutex
	ring [maxInFlight + 2]struct {
		epoch stream.Epoch
		at    time.Time
	}
	last time.Time // the latest that is fixed
}

// EpochTime is the time of epoch n, which all that happens in it shares. It is
// fixed when it is first asked for: when the first row enters the epoch, or when
// its barrier is injected. n is the current epoch or one that is in flight.
func (c *Coordinator) EpochTime(n stream.Epoch) time.Time {
	t := &c.times
	t.mu.Lock()
	defer t.mu.Unlock()
	e := &t.ring[int(n%stream.Epoch(len(t.ring)))]
	if e.epoch < n {
		e.epoch, e.at = n, c.opts.Clock.Now()
		t.last = e.at
	}
	return e.at
}

// LastTime is the latest time of an epoch that is fixed; after opening, that of
// the last committed one.
func (c *Coordinator) LastTime() time.Time {
	c.times.mu.Lock()
	defer c.times.mu.Unlock()
	return c.times.last
}
