package storage

import (
	"sync/atomic"
	"time"
)

// Pebble makes writers wait when memtables wait for their flush, or when level 0
// has so many files on top of one another that reads would be slow. A commit that
// waits holds up all epochs behind it, while rows go on coming. So those who bring
// rows are told before, and a little goes on: what is there is compacted meanwhile.
const (
	memTablesStop = 4  // full memtables; see pebble.Options.MemTableStopWritesThreshold
	level0Stop    = 24 // sublevels of level 0; see pebble.Options.L0StopWritesThreshold
	// level0Compact is twice the sublevels at which compaction begins; see
	// pebble.Options.L0CompactionThreshold. What an aggregate changes it changes again
	// a moment later: of the sublevels that are compacted together only the newest
	// version of a row is written, so the more there are, the less each costs.
	level0Compact = 8
	// pressurePause is the time between two looks while the store is behind.
	pressurePause = 20 * time.Millisecond
)

// pressure is how far the store is behind with flushes and compactions.
type pressure struct {
	behind  atomic.Bool
	stale   atomic.Bool  // memtables or level 0 have changed since the last look
	looked  atomic.Int64 // when, in Unix nanoseconds
	begun   atomic.Int64 // of the stall that goes on, in Unix nanoseconds; 0: none
	stalled atomic.Int64 // nanoseconds of those that are over
	stalls  atomic.Int64
}

// Behind reports whether flushes and compactions are so far behind that commits
// will soon have to wait for them: sources should pause. It costs an atomic read
// when they are not.
func (s *Store) Behind() bool {
	p := &s.pressure
	if !p.behind.Load() {
		return false
	}
	now, last := time.Now().UnixNano(), p.looked.Load()
	if now-last > int64(pressurePause) && p.looked.CompareAndSwap(last, now) {
		s.look()
	}
	return p.behind.Load()
}

// lookIfStale is called after each commit. Asking Pebble costs as much as to commit a
// row, so it is only asked when something has happened that can make the answer another.
func (s *Store) lookIfStale() {
	if s.pressure.stale.Swap(false) {
		s.look()
	}
}

// look asks Pebble how far it is behind.
func (s *Store) look() {
	m := s.db.Metrics()
	limit := int64(s.opts.level0Stop)
	s.pressure.behind.Store(int64(m.Levels[0].Sublevels) >= limit*3/4 || m.MemTable.Size >= (memTablesStop-1)*s.opts.MemTableBytes)
}

func (p *pressure) stallBegins() {
	p.stalls.Add(1)
	p.begun.Store(time.Now().UnixNano())
}

func (p *pressure) stallEnds() {
	if at := p.begun.Swap(0); at != 0 {
		p.stalled.Add(time.Now().UnixNano() - at)
	}
}

// waited is the time of all stalls so far.
func (p *pressure) waited() time.Duration { return time.Duration(p.stalled.Load()) }
