package checkpoint

import "time"

// longestGather bounds how long a request that wants a sync waits for company, which
// it does behind fewestAhead or more.
const (
	longestGather = 5 * time.Millisecond
	fewestAhead   = 4
)

// gathers reports whether requests that want a sync are to wait for others that will:
// while more of them than wait are on their way to the disk. A barrier and a sync cost
// the same for one as for many, those who are on their way now come back together
// with the next, and who comes alone need not wait (group commit: DeWitt et al.,
// SIGMOD 1984). What takes long is not waited for. waiting: some do.
func (c *Coordinator) gathers(now time.Time) (waiting, gathers bool) {
	ahead := 0
	recent := func(t time.Time) bool { return now.Sub(t) < longestGather }
	for _, e := range c.flight {
		if recent(e.injected) {
			ahead += e.syncs
		}
	}
	if recent(c.committedAt) {
		ahead += len(c.unsynced)
	}
	if recent(c.syncBegun) {
		ahead += c.syncing
	}
	if ahead < fewestAhead {
		return false, false
	}
	for _, t := range c.queue {
		if t.req.Sync {
			waiting = true
			if ahead--; ahead == 0 {
				return true, false
			}
		}
	}
	return waiting, true
}
