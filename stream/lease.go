package stream

import "sync/atomic"

// Lease is memory of columns that the maker of a batch wants back, to fill it
// again: it is in the processor's caches, where fresh memory is not, and has to be
// cleared. Who holds a lease may read the memory. A task that lets go of it has
// kept nothing of what came with it; one whose operators keep batches never lets
// go, and the memory stays with the garbage collector.
type Lease struct {
	holders atomic.Int32
	bytes   int
	back    func() // called once, when the last one lets go, by whoever that is
}

// NewLease makes a lease of that many bytes, with one holder.
func NewLease(bytes int, back func()) *Lease {
	l := &Lease{bytes: bytes, back: back}
	l.holders.Store(1)
	return l
}

// Bytes is how much memory the lease keeps from being collected: all columns of the
// batch that was made, also those that were dropped on the way.
func (l *Lease) Bytes() int {
	if l == nil {
		return 0
	}
	return l.bytes
}

// Hold adds a holder. nil: nothing to hold.
func (l *Lease) Hold() *Lease {
	if l != nil {
		l.holders.Add(1)
	}
	return l
}

// Release takes one away.
func (l *Lease) Release() {
	if l != nil && l.holders.Add(-1) == 0 {
		l.back()
	}
}
