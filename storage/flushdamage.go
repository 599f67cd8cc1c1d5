package storage

import (
	"fmt"
	"runtime"

	"github.com/cockroachdb/pebble/v2"
)

// This file is what becomes of a store whose flush meets damage. Ingested tables that
// overlap the memtable are flushed by finding their place among the other tables,
// which reads some of these; where that fails, Pebble tries again at once and for ever.

// openPebble opens the database, which flushes what its log holds. If that meets
// damage, the error is returned, and the goroutine that opens is left behind, asleep.
func (s *Store) openPebble() (*pebble.DB, error) {
	type opened struct {
		db  *pebble.DB
		err error
	}
	done := make(chan opened, 1)
	go func() {
		db, err := pebble.Open(s.opts.Dir, s.popts)
		done <- opened{db, err}
	}()
	select {
	case o := <-done:
		return o.db, o.err
	case err := <-s.openFlush:
		return nil, err
	}
}

// flushEnds ends the store when its flush has met damage: nothing can be written for
// long. While the store is opened, that fails.
func (s *Store) flushEnds(err error) {
	if err == nil || !pebble.IsCorruptionError(err) {
		return
	}
	if s.isOpen.Load() {
		s.fatal(fmt.Sprintf("a flush met damage: %v", storeError(err, "could not flush")))
		return
	}
	s.openFlush <- err
	runtime.Goexit() // of the flush, which would begin again
}
