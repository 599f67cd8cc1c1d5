package stream

import "sync/atomic"

// Lease is memory of columns that the maker of a batch wants back, to fill it
// again: it is in the processor's caches, where fresh memory is not, and has to be
// cleared. Who holds a lease may read the memory. A task that lets go of it has
// kept nothing of what came with it; one whose operators keep batches never lets
// go, and the memory stays with the garbage collector.
type Lease struct {
	holders atomic.Int32
	back    func() // called once, when the last one lets go, by whoever that is
}

// NewLease makes a lease with one holder.
func NewLease(back func()) *Lease {
	l := &Lease{back: back}
	l.holders.Store(1)
	return l
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
