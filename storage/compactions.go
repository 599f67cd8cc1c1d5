package storage

import (
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// compactions decides when Pebble may begin compactions: as many at a time as it
// says itself, but none before the store is open. Pebble's Open flushes the log,
// by which compactions come due, and then waits for those that have begun, to
// remove files that nobody needs: after a crash under load that can be hundreds of
// megabytes, before anybody may read.
//
// Its goroutine runs from open to Unregister, which waits for it.
type compactions struct {
	db pebble.DBForCompaction // set by Register, before all other calls

	mu      sync.Mutex // not held across calls of db that take its locks
	isOpen  bool
	running int

	poke chan struct{} // cap 1: look again
	stop chan struct{}
	done chan struct{}
}

func newCompactions() *compactions {
	return &compactions{poke: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{})}
}

// open lets compactions begin.
func (c *compactions) open() {
	c.mu.Lock()
	c.isOpen = true
	c.mu.Unlock()
	go c.grant()
	c.look()
}

func (c *compactions) look() {
	select {
	case c.poke <- struct{}{}:
	default:
	}
}

// take takes the place of a running compaction, if there is one.
func (c *compactions) take() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.isOpen || c.running >= c.db.GetAllowedWithoutPermission() {
		return false
	}
	c.running++
	return true
}

func (c *compactions) give() {
	c.mu.Lock()
	c.running--
	c.mu.Unlock()
}

// grantEvery is how often a compaction that waits is looked for without a reason:
// what may run depends on what is still to be compacted.
const grantEvery = 100 * time.Millisecond

// grant begins compactions that wait.
func (c *compactions) grant() {
	defer close(c.done)
	tick := time.NewTicker(grantEvery)
	defer tick.Stop()
	for {
		select {
		case <-c.stop:
			return
		case <-c.poke:
		case <-tick.C:
		}
		for c.take() {
			if waiting, _ := c.db.GetWaitingCompaction(); !waiting || !c.db.Schedule(c) {
				c.give()
				break
			}
		}
	}
}

// Register implements pebble.CompactionScheduler.
func (c *compactions) Register(_ int, db pebble.DBForCompaction) { c.db = db }

// Unregister implements pebble.CompactionScheduler: from here on none begins.
func (c *compactions) Unregister() {
	c.mu.Lock()
	wasOpen := c.isOpen
	c.isOpen = false
	c.mu.Unlock()
	if wasOpen {
		close(c.stop)
		<-c.done
	}
}

// TrySchedule implements pebble.CompactionScheduler.
func (c *compactions) TrySchedule() (bool, pebble.CompactionGrantHandle) {
	if !c.take() {
		return false, nil
	}
	return true, c
}

// UpdateGetAllowedWithoutPermission implements pebble.CompactionScheduler.
func (c *compactions) UpdateGetAllowedWithoutPermission() { c.look() }

// Started implements pebble.CompactionGrantHandle, as do the next three.
func (c *compactions) Started() {}

// MeasureCPU is of no interest: nothing else is scheduled by it.
func (c *compactions) MeasureCPU(pebble.CompactionGoroutineKind) {}

// CumulativeStats is of no interest, either.
func (c *compactions) CumulativeStats(pebble.CompactionGrantHandleStats) {}

// Done gives the place of a compaction to the next one.
func (c *compactions) Done() {
	c.give()
	c.look()
}
