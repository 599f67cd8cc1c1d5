package op

import (
	"sync"
	"sync/atomic"
	"time"
)

// SourceHub is where the running instances of sources, and the jobs that catch
// up with them, meet: it numbers splits, publishes how far each has been read,
// and lets those who catch up slow the live reader down. It holds nothing that a
// restart could not find again.
type SourceHub = PerJob[SourceState]

// SourceState is the shared state of one source's job.
type SourceState struct {
	mu      sync.Mutex
	numbers map[string]int
	next    int
	pos     map[string]int64
	slow    atomic.Int32
	wait    atomic.Int64 // until when the live reader waits, Unix nanoseconds
	marks   []*inputMark // watermarks of readers, see held
	ends    splitEnds
	wants   wants
}

// restore takes over a split's number from the committed state.
func (s *SourceState) restore(id string, number int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.numbers == nil {
		s.numbers = map[string]int{}
	}
	s.numbers[id] = number
	s.next = max(s.next, number+1)
}

// number returns a split's number, giving out the next one to a new split.
func (s *SourceState) number(id string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n, ok := s.numbers[id]; ok {
		return n
	}
	if s.numbers == nil {
		s.numbers = map[string]int{}
	}
	n := s.next
	s.numbers[id] = n
	s.next++
	return n
}

// known returns a split's number, if it has one.
func (s *SourceState) known(id string) (int, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, ok := s.numbers[id]
	return n, ok
}

// those calls fn for the numbers of all splits that have one.
func (s *SourceState) those(fn func(number int)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.numbers {
		fn(n)
	}
}

// publish says that all rows of the split below offset have been emitted, and none at or above.
func (s *SourceState) publish(id string, offset int64) {
	s.mu.Lock()
	if s.pos == nil {
		s.pos = map[string]int64{}
	}
	s.pos[id] = offset
	s.mu.Unlock()
}

// publishRead is publish for rows that were read with the columns of a generation
// of wants. It does nothing and returns false if readers have announced more since:
// they may rely on it that all rows from the published offset on have theirs.
func (s *SourceState) publishRead(id string, offset int64, generation int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if generation != s.wants.generation {
		return false
	}
	if s.pos == nil {
		s.pos = map[string]int64{}
	}
	s.pos[id] = offset
	return true
}

// position is what was published last.
func (s *SourceState) position(id string) (int64, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.pos[id]
	return p, ok
}

// Slow asks the live readers to go slower until the returned function is called once.
func (s *SourceState) Slow() (release func()) {
	s.slow.Add(1)
	var once sync.Once
	return func() { once.Do(func() { s.slow.Add(-1) }) }
}

// Wait makes the live reader wait for a moment: somebody will have caught up soon.
func (s *SourceState) Wait(now time.Time) { s.wait.Store(now.Add(waitFor).UnixNano()) }

// waits reports whether somebody has nearly caught up.
func (s *SourceState) waits(now time.Time) bool { return now.UnixNano() < s.wait.Load() }

// slowed reports whether somebody is catching up.
func (s *SourceState) slowed() bool { return s.slow.Load() > 0 }
