package checkpoint

import (
	"sync"
	"time"

	"streamdb/internal/sqlerr"
)

// Clock is the time of the database: what now() is in a statement, and what the
// time of an epoch is taken from. It never goes back, not even over a restart:
// it begins at the time of the last committed epoch at the earliest. Its unit is
// the microsecond, as that of SQL's timestamps. Safe for concurrent use.
//
// A clock that stands moves by Set alone: tests say what time it is.
type Clock struct {
	mu     sync.Mutex
	last   time.Time
	stands bool
}

// NewClock makes a clock that shows at least floor. If stands, it shows exactly
// start, or floor if that is later, until Set.
func NewClock(floor time.Time, stands bool, start time.Time) *Clock {
	c := &Clock{last: floor.UTC().Truncate(time.Microsecond), stands: stands}
	if stands && start.After(c.last) {
		c.last = start.UTC().Truncate(time.Microsecond)
	}
	return c
}

// Now is the time: that of the system, but never before what was shown already.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.stands {
		if now := time.Now().UTC().Truncate(time.Microsecond); now.After(c.last) {
			c.last = now
		}
	}
	return c.last
}

// Stands reports whether the clock moves by Set alone.
func (c *Clock) Stands() bool { return c.stands }

// Set moves a clock that stands forward.
func (c *Clock) Set(t time.Time) error {
	if !c.stands {
		return sqlerr.New(sqlerr.ObjectNotInPrerequisiteState, "the clock of this server cannot be set").
			WithHint("Start a server for tests with -test-clock.")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	t = t.UTC().Truncate(time.Microsecond)
	if t.Before(c.last) {
		return sqlerr.New(sqlerr.InvalidParameterValue, "the clock cannot go back from %s to %s",
			c.last.Format(time.RFC3339Nano), t.Format(time.RFC3339Nano))
	}
	c.last = t
	return nil
}
