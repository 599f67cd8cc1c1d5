package op

import (
	"bytes"
	"slices"

	"streamdb/executor"
	"streamdb/stream"
	"streamdb/vec"
)

// boundedSession assigns sessions to rows sorted by partition and time. Batches
// wait until the session of their last row has ended.
type boundedSession struct {
	executor.Base
	spec  *Session
	group *sortEncoder
	scale int64
	wait  []sessionBatch
	key   []byte // of the last row
	began bool
	start int64 // of the session that is open
	last  int64
}

// sessionBatch is a batch with the windows of its rows, as far as known.
type sessionBatch struct {
	b            *stream.Batch
	starts, ends []int64
}

func openBoundedSession(s *Session) *boundedSession {
	return &boundedSession{spec: s, group: newSortEncoder(s.In.Schema(), ascending(s.Partition)), scale: s.scale()}
}

func (s *boundedSession) Process(_ *executor.Ctx, _ int, b *stream.Batch, out executor.Emitter) error {
	if t := &b.Cols()[s.spec.Time]; t.HasNulls() {
		var sel []int32
		for i := range b.Rows() {
			if !t.Null(i) {
				sel = append(sel, int32(i))
			}
		}
		b = b.Take(sel)
	}
	cols, n := b.Cols(), b.Rows()
	t := &cols[s.spec.Time]
	m := t.Mask()
	s.wait = append(s.wait, sessionBatch{b: b, starts: make([]int64, 0, n), ends: make([]int64, 0, n)})
	open := len(s.wait) - 1 // the batch whose rows wait for their window begins here or before
	for i := range n {
		at := scaled(t.I64[i&m], s.scale)
		key := s.group.encode(cols, i)
		if !s.began || !bytes.Equal(key, s.key) || !joins(s.last, at, s.spec.Gap) {
			s.close(open, i)
			s.began, s.start = true, at
			s.key = append(s.key[:0], key...)
		}
		s.last = at
	}
	return s.flush(out)
}

// close gives the open session to the rows that have none, before row i of batch k.
func (s *boundedSession) close(k, i int) {
	end := endOf(s.last, s.spec.Gap)
	for j := range s.wait[:k+1] {
		w := &s.wait[j]
		upTo := w.b.Rows()
		if j == k {
			upTo = i
		}
		for len(w.starts) < upTo {
			w.starts, w.ends = append(w.starts, s.start), append(w.ends, end)
		}
	}
}

// flush emits the batches whose rows all have a window.
func (s *boundedSession) flush(out executor.Emitter) error {
	for len(s.wait) > 0 && len(s.wait[0].starts) == s.wait[0].b.Rows() {
		w := s.wait[0]
		s.wait = s.wait[1:]
		if w.b.Rows() == 0 {
			continue
		}
		cols := append(slices.Clone(w.b.Cols()), vec.Ints(w.starts), vec.Ints(w.ends))
		if err := out.Emit(stream.NewBatch(w.b.Rows(), cols, w.b.Ops)); err != nil {
			return err
		}
	}
	return nil
}

func (s *boundedSession) Barrier(_ *executor.Ctx, _ stream.Barrier, out executor.Emitter) error {
	if len(s.wait) > 0 {
		k := len(s.wait) - 1
		s.close(k, s.wait[k].b.Rows())
	}
	return s.flush(out)
}
