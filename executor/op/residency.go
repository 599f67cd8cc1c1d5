package op

import "streamdb/storage"

// residency knows which entries of a state table may be outside memory, so that
// a key seen for the first time costs no read: none while everything is in
// memory, then those that a filter of the evicted keys admits, and all of them
// after a restart over a state that was not loaded.
type residency struct {
	partial bool     // something may be outside memory
	bits    []uint64 // Bloom filter (two probes) of what is outside; nil: anything may be
	added   int
}

// openResidency starts with everything in memory when the table is empty.
func openResidency(t storage.StateTable) (residency, error) {
	empty, err := t.Empty()
	return residency{partial: !empty}, err
}

// mayHold reports whether the table may hold an entry that is not in memory for
// a key with this hash.
func (r *residency) mayHold(hash uint32) bool {
	if !r.partial || r.bits == nil {
		return r.partial
	}
	a, b := r.probes(hash)
	return r.bits[a>>6]&(1<<(a&63)) != 0 && r.bits[b>>6]&(1<<(b&63)) != 0
}

// evict notes that the entry of a key has left memory.
func (r *residency) evict(hash uint32) {
	if !r.partial {
		r.partial, r.added = true, 0
		r.bits = make([]uint64, 1<<14) // 2^20 bits
	}
	if r.bits == nil {
		return
	}
	if r.added++; r.added > len(r.bits)*64/6 {
		r.bits = nil // full: it would admit nearly everything
		return
	}
	a, b := r.probes(hash)
	r.bits[a>>6] |= 1 << (a & 63)
	r.bits[b>>6] |= 1 << (b & 63)
}

func (r *residency) probes(hash uint32) (a, b uint32) {
	mask := uint32(len(r.bits)*64 - 1)
	return hash & mask, uint32(uint64(hash)*mulA>>32) & mask
}
