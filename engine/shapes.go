package engine

import (
	"slices"
	"sync"

	"streamdb/catalog"
)

// shapes guards the columns of tables: a transaction shares its tables while its
// rows are on their way to the jobs, ALTER has a table for itself until the job
// knows the new columns. The zero value is ready.
type shapes struct {
	mu    sync.Mutex
	locks map[catalog.ID]*sync.RWMutex
}

func (s *shapes) lock(id catalog.ID) *sync.RWMutex {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.locks == nil {
		s.locks = map[catalog.ID]*sync.RWMutex{}
	}
	if s.locks[id] == nil {
		s.locks[id] = &sync.RWMutex{}
	}
	return s.locks[id]
}

// share keeps the shapes of tables, in order of their ids so that nobody waits
// in a circle, until the function it returns is called.
func (s *shapes) share(ids []catalog.ID) (unlock func()) {
	ids = slices.Sorted(slices.Values(ids))
	locks := make([]*sync.RWMutex, len(ids))
	for i, id := range ids {
		locks[i] = s.lock(id)
		locks[i].RLock()
	}
	return func() {
		for _, l := range locks {
			l.RUnlock()
		}
	}
}

// change waits until no rows of the table are on their way and keeps new ones
// back until the function it returns is called.
func (s *shapes) change(id catalog.ID) (unlock func()) {
	l := s.lock(id)
	l.Lock()
	return l.Unlock
}
