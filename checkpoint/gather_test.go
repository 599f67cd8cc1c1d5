package checkpoint

import (
	"testing"
	"time"
)

// TestGathers: requests for a sync wait while more of them are on their way to the
// disk, if these are not few and have not been for long.
func TestGathers(t *testing.T) {
	now := time.Now()
	long := now.Add(-2 * longestGather)
	for _, x := range []struct {
		name                             string
		flight, unsynced, syncing, queue int
		injected, committed, begun       time.Time
		waiting, gathers                 bool
	}{
		{name: "alone", queue: 1},
		{name: "behind few", queue: 1, flight: fewestAhead - 1, injected: now},
		{name: "behind as many in flight as wait", queue: 5, flight: 5, injected: now, waiting: true},
		{name: "behind more in flight", queue: 4, flight: 5, injected: now, waiting: true, gathers: true},
		{name: "behind some that are in flight for long", queue: 4, flight: 5, injected: long},
		{name: "behind a sync", queue: 4, syncing: 5, begun: now, waiting: true, gathers: true},
		{name: "behind a sync that takes long", queue: 4, syncing: 5, begun: long},
		{name: "behind some that wait for a sync", queue: 4, unsynced: 5, committed: now, waiting: true, gathers: true},
		{name: "behind some that wait for long", queue: 4, unsynced: 5, committed: long},
		{name: "behind all", queue: 11, flight: 4, unsynced: 4, syncing: 4, injected: now, committed: now, begun: now, waiting: true, gathers: true},
		{name: "as many as all", queue: 12, flight: 4, unsynced: 4, syncing: 4, injected: now, committed: now, begun: now, waiting: true},
		{name: "nobody waits", flight: 9, injected: now, gathers: true},
	} {
		c := &Coordinator{syncing: x.syncing, syncBegun: x.begun, committedAt: x.committed, flight: []*epoch{{injected: x.injected, syncs: x.flight}}}
		c.queue = append(c.queue, &Ticket{}) // does not want one
		for range x.queue {
			c.queue = append(c.queue, &Ticket{req: Request{Sync: true}})
		}
		for range x.unsynced {
			c.unsynced = append(c.unsynced, &Ticket{})
		}
		if waiting, gathers := c.gathers(now); waiting != x.waiting || gathers != x.gathers {
			t.Errorf("%s: waiting %v, gathers %v", x.name, waiting, gathers)
		}
	}
}
