package checkpoint

import (
	"sync"
	"time"

	"streamdb/stream"
)

// epochTimes are the times of the islands' current epochs and of those in flight.
type epochTimes struct {
	mu   sync.Mutex
	last time.Time // the latest that is fixed
}

// timeline is the times of an island. An epoch is known here by the least number
// that it can have, one more than the epoch before: its own is given out last.
type timeline struct {
	of    []epochTime  // rising
	until stream.Epoch // with into: goes on there, after that epoch
	into  *timeline
}

type epochTime struct {
	from stream.Epoch
	at   time.Time
}

// timesKept is more than the epochs of an island that may be in flight.
const timesKept = 3*maxInFlight + 2

// EpochTime is the time of epoch n of the job, which all that happens in it shares:
// n is one more than the epoch before. It is fixed when it is first asked for: when
// the first row enters the epoch, or when its barrier is injected.
func (m *Member) EpochTime(n stream.Epoch) time.Time {
	m.Coordinator.times.mu.Lock()
	defer m.Coordinator.times.mu.Unlock()
	t := m.times
	for t.into != nil && n > t.until {
		t = t.into
	}
	return m.Coordinator.times.fix(t, n, m.opts.Clock)
}

// fix is the time of an epoch of a timeline; with mu held.
func (x *epochTimes) fix(t *timeline, n stream.Epoch, clock *Clock) time.Time {
	for i := len(t.of) - 1; i >= 0 && t.of[i].from >= n; i-- {
		if t.of[i].from == n {
			return t.of[i].at
		}
	}
	e := epochTime{n, clock.Now()}
	if k := len(t.of); k >= timesKept {
		t.of = append(t.of[:0], t.of[k-timesKept+1:]...)
	}
	t.of = append(t.of, e)
	x.last = e.at
	return e.at
}

// ends fixes the time of the island's epoch that a barrier ends.
func (x *epochTimes) ends(is *island, clock *Clock) time.Time {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.fix(is.times, is.last+1, clock)
}

// join makes b's epochs after one those of a.
func (x *epochTimes) join(a, b *timeline, after stream.Epoch) {
	x.mu.Lock()
	b.until, b.into = after, a
	x.mu.Unlock()
}

func (x *epochTimes) copy(t *timeline) *timeline {
	x.mu.Lock()
	defer x.mu.Unlock()
	return &timeline{of: append([]epochTime(nil), t.of...)}
}

// move makes a job's epochs those of a timeline.
func (x *epochTimes) move(m *Member, t *timeline) {
	x.mu.Lock()
	m.times = t
	x.mu.Unlock()
}

// LastTime is the latest time of an epoch that is fixed; after opening, that of
// the last committed one.
func (c *Coordinator) LastTime() time.Time {
	c.times.mu.Lock()
	defer c.times.mu.Unlock()
	return c.times.last
}
