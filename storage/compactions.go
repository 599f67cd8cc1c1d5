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
// And none for a while when one has met damage: Pebble tries one of level 0 again at
// once, which would read the same files for ever. The pause doubles with each
// failure, and ends with the first success.
//
// Its goroutine runs from open to Unregister, which waits for it.
type compactions struct {
	db pebble.DBForCompaction // set by Register, before all other calls

	mu      sync.Mutex // not held across calls of db that take its locks
	isOpen  bool
	running int
	pause   time.Duration
	until   time.Time // none before
	failed  int       // how many met damage

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
	if !c.isOpen || time.Now().Before(c.until) || c.running >= c.db.GetAllowedWithoutPermission() {
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

const (
	firstPause = time.Second
	longPause  = time.Minute
)

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

// metDamage begins a pause.
func (c *compactions) metDamage() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failed++
	c.pause = min(max(2*c.pause, firstPause), longPause)
	c.until = time.Now().Add(c.pause)
}

// succeeded makes the next pause a short one.
func (c *compactions) succeeded() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pause = 0
}

// DamagedFile is a file in which a read or a compaction has met damage.
type DamagedFile struct {
	Path  string
	Error string
	Found time.Time
}

// damagedFiles are those that were met since the store was opened.
type damagedFiles struct {
	mu    sync.Mutex
	files []DamagedFile
}

// add reports whether the file is a new one.
func (d *damagedFiles) add(path string, err error) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.files {
		if f.Path == path {
			return false
		}
	}
	d.files = append(d.files, DamagedFile{path, firstLine(err), time.Now()})
	return true
}

// Damaged lists the files in which reads and compactions have met damage since the
// store was opened.
func (s *Store) Damaged() []DamagedFile {
	s.damaged.mu.Lock()
	defer s.damaged.mu.Unlock()
	return append([]DamagedFile(nil), s.damaged.files...)
}
