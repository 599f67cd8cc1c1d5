package op

import "streamdb/storage"

// residency knows which entries of a state table may be outside memory, so that
// a key seen for the first time costs no read: none while everything is in
// memory, then those that filters of the evicted keys admit, and all of them
// after a restart over a state that was not loaded.
//
// The filters are blocked Bloom filters: all bits of a key lie in one word, so
// that a look is one cache miss. What was evicted cannot be listed, so a full
// filter is not made anew but followed by one as large as all before. Two in a
// hundred keys that are nowhere are admitted, of each filter. Filters that turn
// hardly anything away, or become too large, are given up.
// Source: Putze, Sanders and Singler, "Cache-, Hash- and Space-Efficient Bloom
// Filters", 2007.
type residency struct {
	partial bool // something may be outside memory
	all     bool // anything may be
	filters [][]uint64
	room    int   // keys that the last filter still takes
	most    int64 // bytes that filters may take; 0: any number
	asked   int   // keys that were looked for since the last filter was made
	denied  int   // and how many of them are nowhere
}

const (
	residencyFirst = 1 << 13 // words of the first filter
	keysPerWord    = 6       // of a full filter: 10.7 bits a key
)

// openResidency starts with everything in memory when the table is empty.
func openResidency(t storage.StateTable) (residency, error) {
	empty, err := t.Empty()
	return residency{partial: !empty, all: !empty}, err
}

// mayHold reports whether the table may hold an entry that is not in memory for
// a key with this hash.
func (r *residency) mayHold(hash uint32) bool {
	if !r.partial || r.all {
		return r.partial
	}
	r.asked++
	at, bits := residencyBits(hash)
	for k := len(r.filters) - 1; k >= 0; k-- {
		if f := r.filters[k]; f[at*uint64(len(f))>>32]&bits == bits {
			return true
		}
	}
	r.denied++
	return false
}

// evict notes that the entry of a key has left memory.
func (r *residency) evict(hash uint32) {
	r.partial = true
	asked, denied := r.asked, r.denied
	known := r.mayHold(hash)
	if r.asked, r.denied = asked, denied; known || r.room == 0 && !r.extend() {
		return
	}
	at, bits := residencyBits(hash)
	f := r.filters[len(r.filters)-1]
	f[at*uint64(len(f))>>32] |= bits
	r.room--
}

// extend makes the next filter, or gives all up.
func (r *residency) extend() bool {
	size := max(residencyFirst, int(r.bytes()/8))
	useless := r.asked > size*keysPerWord/4 && r.denied < r.asked/8
	if size > residencyFirst && (useless || r.most > 0 && r.bytes()+int64(8*size) > r.most) {
		r.all, r.filters = true, nil
		return false
	}
	r.filters = append(r.filters, make([]uint64, size))
	r.room, r.asked, r.denied = size*keysPerWord, 0, 0
	return true
}

// residencyBits is the place of a key as a part of 2^32, and its bits in the word there.
func residencyBits(hash uint32) (at, bits uint64) {
	h := mulFold(uint64(hash)^mulB, mulA)
	return h >> 32, 1<<(h&63) | 1<<(h>>6&63) | 1<<(h>>12&63) | 1<<(h>>18&63)
}

// bytes is the memory it takes.
func (r *residency) bytes() (n int64) {
	for _, f := range r.filters {
		n += int64(8 * len(f))
	}
	return n
}
