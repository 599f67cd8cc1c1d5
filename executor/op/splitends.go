package op

import (
	"maps"

	"streamdb/executor"
	"streamdb/storage"
	"streamdb/stream"
)

// splitEnds is which splits of a source have ended: no row of them comes any
// more behind the barrier of that epoch. A job that first read by itself what
// had been tells when it has, as its rows may come later than the live ones.
// It is found again after a restart, with the first barrier.
type splitEnds map[splitEnd]stream.Epoch

// splitEnd is a split as one sees it who reads it.
type splitEnd struct {
	reader storage.TableID // state of the SourceBackfill; 0: the source itself
	number int
}

// end says that the reader brings no more rows of a split after the epoch.
func (s *SourceState) end(reader storage.TableID, number int, epoch stream.Epoch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ends == nil {
		s.ends = splitEnds{}
	}
	if _, ok := s.ends[splitEnd{reader, number}]; !ok {
		s.ends[splitEnd{reader, number}] = epoch
	}
}

// unend forgets the ends that an instance of the reader told before it was
// opened again: it may have gone back behind them.
func (s *SourceState) unend(reader storage.TableID, owned storage.VNodeSet) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.ends, func(e splitEnd, _ stream.Epoch) bool {
		return e.reader == reader && owned.Contains(splitVNode(e.number))
	})
}

// ended reports whether all rows of a split have come before the epoch's barrier.
func (s *SourceState) ended(reader storage.TableID, number int, epoch stream.Epoch) bool {
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.ends[splitEnd{reader, number}]
	return ok && at <= epoch
}

// readerBelow finds who brings the rows of splits to s: the source, as of the
// job that reads it, and the state of the backfill in between, 0 without.
func readerBelow(s executor.Spec, job stream.JobID) (source stream.JobID, reader storage.TableID) {
	executor.Walk(s, func(x executor.Spec) {
		switch x := x.(type) {
		case *executor.Input:
			if x.Upstream != 0 {
				source = x.Upstream
			}
		case *SourceBackfill:
			reader = x.State_.ID
		case *Source:
			source = job
		}
	})
	return source, reader
}
