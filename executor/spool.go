package executor

import (
	"errors"
	"iter"
	"slices"

	"streamdb/internal/sqlerr"
	"streamdb/stream"
)

// spool is what several Inputs of a bounded run read of one fragment. The
// fragment runs as a coroutine of whoever reads first, a batch at a time, so that
// nobody waits for anybody: a reader that is behind gets what is kept for it, one
// that is in front makes the fragment go on. A batch is kept until every reader
// has passed it, and counts in the memory of the query so long; what no other
// reader wants any more is not kept at all. When all readers have left, the fragment
// ends, wherever it is.
//
// Beyond the memory limit the readers that have not begun leave the spool: each will
// run the fragment once more by itself. That is not possible for a fragment
// that must run once, nor for readers in the middle: then the query ends with 53200.
type spool struct {
	run     *boundedRun
	frag    *Fragment
	readers []*spoolReader
	waiting int // Inputs of trees that are not open yet

	next func() (*stream.Batch, error, bool) // nil: not begun
	stop func()
	kept []*stream.Batch
	base int // the number of the first batch in kept
	left bool
	full bool // whoever comes runs the fragment by itself
	once bool // the fragment, or one that it reads, must not run twice
	more bool // this is a run beside the one that all others read
}

// spoolReader is the leaf that stands for an Input in a bounded run.
type spoolReader struct {
	Base
	spool *spool
	at    int // the number of the batch to read next
	left  bool
}

// Process is never called: a leaf.
func (r *spoolReader) Process(*Ctx, int, *stream.Batch, Emitter) error {
	return sqlerr.New(sqlerr.InternalError, "a leaf of a bounded run was fed")
}

// Wake implements Poller.
func (r *spoolReader) Wake() <-chan struct{} { return nil }

// Poll emits the next batch.
func (r *spoolReader) Poll(_ *Ctx, out Emitter) (bool, error) {
	if r.left {
		return false, nil
	}
	b, err := r.spool.read(r)
	if b == nil || err != nil {
		return false, err
	}
	return true, out.Emit(b)
}

// Close leaves the spool.
func (r *spoolReader) Close() error {
	if !r.left {
		r.left = true
		return r.spool.leave(r)
	}
	return nil
}

// attach adds a reader. again: its tree runs once more than it was counted.
func (s *spool) attach(again bool) *spoolReader {
	r := &spoolReader{}
	if s.full || again && (s.left || s.base > 0) {
		s.private(r)
		return r
	}
	if !again {
		s.waiting--
	}
	r.spool = s
	s.readers = append(s.readers, r)
	return r
}

// private gives a reader a run of the fragment of its own.
func (s *spool) private(r *spoolReader) {
	r.spool = &spool{run: s.run, frag: s.frag, readers: []*spoolReader{r}, more: true}
	s.run.private = append(s.run.private, r.spool)
}

// read is the reader's next batch; nil at the end.
func (s *spool) read(r *spoolReader) (*stream.Batch, error) {
	if i := r.at - s.base; i < len(s.kept) {
		b := s.kept[i]
		r.at++
		s.trim()
		return b, nil
	}
	if s.next == nil {
		s.begin()
	}
	b, err, ok := s.next()
	if !ok || err != nil {
		return nil, err
	}
	r.at++
	if err := s.keep(r, b); err != nil {
		return nil, err
	}
	return b, nil
}

// begin makes the coroutine.
func (s *spool) begin() {
	s.next, s.stop = iter.Pull2(func(yield func(*stream.Batch, error) bool) {
		stopped := false
		err := s.run.tree(s.frag.Root, s.more, func(b *stream.Batch) error {
			if !yield(b, nil) {
				stopped = true
				return ErrStop
			}
			return nil
		})
		if err != nil && !stopped {
			yield(nil, err)
		}
	})
}

// keep stores the batch that reader r has just made the fragment give, if
// somebody else will read it.
func (s *spool) keep(r *spoolReader, b *stream.Batch) error {
	for {
		if s.waiting == 0 && len(s.readers) == 1 {
			s.base++ // kept is empty: r was at its end
			return nil
		}
		err := s.run.tmpl.Memory.Grow(b.Bytes())
		if err == nil {
			s.kept = append(s.kept, b)
			return nil
		}
		if s.once || !s.spread(r) {
			return err
		}
	}
}

// spread makes the readers that have not begun run the fragment themselves, and
// reports whether there were any.
func (s *spool) spread(r *spoolReader) bool {
	some := s.waiting > 0
	s.waiting, s.full = 0, true
	s.readers = slices.DeleteFunc(s.readers, func(o *spoolReader) bool {
		if o == r || o.at > 0 {
			return false
		}
		some = true
		s.private(o)
		return true
	})
	s.trim()
	return some
}

// trim drops what every reader has passed.
func (s *spool) trim() {
	if s.waiting > 0 {
		return
	}
	first := s.base + len(s.kept)
	for _, r := range s.readers {
		first = min(first, r.at)
	}
	for ; s.base < first; s.base++ {
		s.run.tmpl.Memory.Release(s.kept[0].Bytes())
		s.kept[0] = nil
		s.kept = s.kept[1:]
	}
}

// leave takes out a reader that wants no more.
func (s *spool) leave(r *spoolReader) error {
	if i := slices.Index(s.readers, r); i >= 0 {
		s.readers = slices.Delete(s.readers, i, i+1)
	}
	s.trim()
	return s.unread()
}

// unread ends the fragment if nobody reads it any more.
func (s *spool) unread() error {
	if len(s.readers) > 0 || s.waiting > 0 || s.left {
		return nil
	}
	s.left = true
	if s.next != nil {
		s.stop()
		return nil
	}
	if s.more {
		return nil
	}
	var errs []error
	Walk(s.frag.Root, func(x Spec) { // what it would have read
		if in, ok := x.(*Input); ok {
			below := s.run.spools[in.Fragment]
			if below.full {
				return
			}
			below.waiting--
			below.trim()
			errs = append(errs, below.unread())
		}
	})
	return errors.Join(errs...)
}
