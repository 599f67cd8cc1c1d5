package op

import "streamdb/storage"

// residency knows which entries of a state table may be outside memory, so that
// a key seen for the first time costs no read: none while everything is in
// memory, then those that filters of the evicted keys admit, and all of them
// after a restart over a state that was not loaded.
//
// The filters are blocked Bloom filters: all bits of a key lie in one word, so
// that a look is one cache miss. What was evicted cannot be listed, so a full
// filter is not made anew but followed by one four times as large. Two in a
// hundred keys that are nowhere are admitted, of each filter.
// Source: Putze, Sanders and Singler, "Cache-, Hash- and Space-Efficient Bloom
// Filters", 2007.
type residency struct {
	partial bool // something may be outside memory
	all     bool // anything may be
	filters [][]uint64
	room    int // keys that the last filter still takes
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
	at, bits := residencyBits(hash)
	for _, f := range r.filters {
		if f[at*uint64(len(f))>>32]&bits == bits {
			return true
		}
	}
	return false
}

// evict notes that the entry of a key has left memory.
func (r *residency) evict(hash uint32) {
	r.partial = true
	if r.all || r.mayHold(hash) {
		return
	}
	last := len(r.filters) - 1
	if r.room == 0 {
		size := residencyFirst
		if last >= 0 {
			size = 4 * len(r.filters[last])
		}
		r.filters = append(r.filters, make([]uint64, size))
		r.room = size * keysPerWord
		last++
	}
	at, bits := residencyBits(hash)
	f := r.filters[last]
	f[at*uint64(len(f))>>32] |= bits
	r.room--
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
