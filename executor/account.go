package executor

import (
	"sync/atomic"

	"streamdb/internal/sqlerr"
)

// Accountant counts the memory of operators against a limit. Queries ask it
// before they grow and get 53200 beyond the limit; jobs only report (Add), and
// shed what they can by themselves when Over says so. Accountants form a tree:
// a query's own budget below the process's. Safe for concurrent use; a nil
// Accountant counts nothing and refuses nothing.
type Accountant struct {
	parent *Accountant
	limit  int64 // bytes; 0: no limit
	used   atomic.Int64
	peak   atomic.Int64
}

// NewAccountant makes the root of a tree with a limit in bytes (0: none).
func NewAccountant(limit int64) *Accountant { return &Accountant{limit: limit} }

// Child makes an accountant whose growth also counts in a.
func (a *Accountant) Child(limit int64) *Accountant { return &Accountant{parent: a, limit: limit} }

// Grow reserves n bytes, or nothing and returns 53200 when a limit on the way
// to the root would be passed.
func (a *Accountant) Grow(n int) error {
	for at := a; at != nil; at = at.parent {
		used := at.used.Add(int64(n))
		if at.limit > 0 && used > at.limit {
			for undo := a; ; undo = undo.parent {
				undo.used.Add(-int64(n))
				if undo == at {
					break
				}
			}
			return sqlerr.New(sqlerr.OutOfMemory, "out of memory").
				WithDetail("The statement asked for %d bytes more than its memory limit of %d bytes allows.", used-at.limit, at.limit).
				WithHint("Raise memory_limit, or make the statement keep fewer rows.")
		}
		at.mark(used)
	}
	return nil
}

// Add reports n bytes (negative: freed) without asking.
func (a *Accountant) Add(n int) {
	for at := a; at != nil; at = at.parent {
		at.mark(at.used.Add(int64(n)))
	}
}

// Release gives back n bytes.
func (a *Accountant) Release(n int) { a.Add(-n) }

// Used is the number of bytes now reserved or reported.
func (a *Accountant) Used() int64 {
	if a == nil {
		return 0
	}
	return a.used.Load()
}

// Peak is the highest value of Used so far.
func (a *Accountant) Peak() int64 {
	if a == nil {
		return 0
	}
	return a.peak.Load()
}

// Limit is the limit in bytes; 0: none.
func (a *Accountant) Limit() int64 {
	if a == nil {
		return 0
	}
	return a.limit
}

// Over reports whether this accountant or one above it is past its limit:
// operators of jobs then evict clean state after the next commit.
func (a *Accountant) Over() bool {
	for at := a; at != nil; at = at.parent {
		if at.limit > 0 && at.used.Load() > at.limit {
			return true
		}
	}
	return false
}

// Shed says how many of the held bytes that were reported to this accountant
// should be free for others, or for more of what holds them, when more bytes are
// about to be reported: 0 while that stays below 7/8 of the limit. Else it is what
// comes, and the share of what brings the whole to 3/4.
func (a *Accountant) Shed(held, more int64) int64 {
	shed := int64(0)
	for at := a; at != nil; at = at.parent {
		used := at.used.Load()
		if at.limit <= 0 || used+more <= at.limit/8*7 {
			continue
		}
		beyond := float64(used - at.limit/4*3)
		shed = max(shed, more+int64(beyond*float64(held)/float64(max(used, held, 1))))
	}
	return min(shed, held)
}

// Close gives back everything still counted here: at the end of a query, whose
// operators need not release one by one.
func (a *Accountant) Close() {
	if a != nil {
		a.Add(-int(a.used.Load()))
	}
}

func (a *Accountant) mark(used int64) {
	for {
		peak := a.peak.Load()
		if used <= peak || a.peak.CompareAndSwap(peak, used) {
			return
		}
	}
}
