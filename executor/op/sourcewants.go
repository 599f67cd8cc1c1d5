package op

import (
	"streamdb/connector"
	"streamdb/executor"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// wants are the columns of a shared source that its readers use; the others need
// not be made. Readers announce theirs when their job is built, before an edge
// leads to it. A reader that joins passes on live rows from an offset on that it has
// seen published after that (see sourceBackfill.meets), and the source publishes
// nothing that it read before it knew of all that was announced; a reader that goes
// on from a barrier was announced before that barrier. So no row with a column left
// out gets to somebody who uses that.
//
// They only grow, until the database is opened again.
type wants struct {
	cols       []bool // by position in the source's schema
	generation int    // rises with each change; 0: nobody has announced anything
}

// want adds what a reader uses, as positions in the source's schema.
func (s *SourceState) want(cols []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	more := s.wants.generation == 0
	for _, c := range cols {
		for c >= len(s.wants.cols) {
			s.wants.cols = append(s.wants.cols, false)
		}
		more = more || !s.wants.cols[c]
		s.wants.cols[c] = true
	}
	if more {
		s.wants.generation++
	}
}

// wanted are the columns in use of n; all if nobody has announced any.
func (s *SourceState) wanted(n int) (cols []int, generation int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wants.generation == 0 {
		return allCols(n), 0
	}
	for c, used := range s.wants.cols {
		if used && c < n {
			cols = append(cols, c)
		}
	}
	return cols, s.wants.generation
}

// Announce tells the shared source which columns this reader uses.
func (s *SourceBackfill) Announce(env any) {
	e, ok := env.(*Env)
	in, isInput := s.In.(*executor.Input)
	if ok && isInput && e.Sources != nil {
		e.Sources.Of(in.Upstream).want(s.Cols)
	}
}

// prunes reports whether the source may leave columns out: if it has them all, they
// are made and not decoded (see decodes), and the job has no other use for them.
func (s *source) prunes() bool {
	return !s.octx.Bounded && len(s.spec.Cols) == len(s.conf.Schema) && !decodes(s.env, s.conf.Connector)
}

// choose opens the readers anew if other columns are wanted than they read.
func (s *source) choose() {
	if !s.pruning {
		return
	}
	cols, generation := s.hub.wanted(len(s.conf.Schema))
	if generation == s.generation {
		return
	}
	s.generation, s.cols, s.pool = generation, cols, newChunkPool(s.conf.Schema, cols)
	for _, r := range s.splits {
		s.again(r)
	}
}

// again drops what was read of a split and not emitted.
func (s *source) again(r *splitReader) {
	s.shut(r)
	r.chunk, r.memory = connector.Chunk{}, nil
}

// widen puts NULL in place of the columns that nobody uses.
func (s *source) widen(b *stream.Batch) *stream.Batch {
	if !s.pruning || len(s.cols) == len(s.conf.Schema) {
		return b
	}
	read, n := b.Cols(), b.Rows()
	cols := make([]vec.Vec, len(s.conf.Schema), len(s.conf.Schema)+1)
	for k, c := range s.cols {
		cols[c] = read[k]
	}
	for c := range cols {
		if cols[c].N == 0 {
			cols[c] = vec.ConstOf(s.conf.Schema[c].Type.Layout(), types.NullDatum, n)
		}
	}
	return stream.NewBatch(n, append(cols, read[len(s.cols)]), b.Ops)
}
