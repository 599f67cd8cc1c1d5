package op

import (
	"github.com/zeebo/xxh3"
)

// byteMap gives byte strings dense ids 0, 1, 2 .. in the order of their first
// use. Open addressing over an arena, without pointers.
type byteMap struct {
	slots []int32  // id+1, 0: free; a power of two
	tags  []uint64 // hash of each id
	ends  []int    // end of each id's bytes in arena
	arena []byte
}

// ByteMap is byteMap for engine: the keys of rows that a transaction inserts.
type ByteMap = byteMap

// Len is the number of distinct strings.
func (m *byteMap) Len() int { return len(m.tags) }

// Key is the string of an id, valid until the next Reset.
func (m *byteMap) Key(id int32) []byte {
	from := 0
	if id > 0 {
		from = m.ends[id-1]
	}
	return m.arena[from:m.ends[id]:m.ends[id]]
}

// Insert returns the id of key, and whether it is new.
func (m *byteMap) Insert(key []byte) (int32, bool) {
	if 2*len(m.tags) >= len(m.slots) {
		m.grow()
	}
	h := xxh3.Hash(key)
	mask := uint64(len(m.slots) - 1)
	i := h & mask
	for m.slots[i] != 0 {
		id := m.slots[i] - 1
		if m.tags[id] == h && string(m.Key(id)) == string(key) {
			return id, false
		}
		i = (i + 1) & mask
	}
	id := int32(len(m.tags))
	m.slots[i] = id + 1
	m.tags = append(m.tags, h)
	m.arena = append(m.arena, key...)
	m.ends = append(m.ends, len(m.arena))
	return id, true
}

// Find is the id of key; -1: it was not inserted.
func (m *byteMap) Find(key []byte) int32 {
	if len(m.slots) == 0 {
		return -1
	}
	h := xxh3.Hash(key)
	mask := uint64(len(m.slots) - 1)
	for i := h & mask; m.slots[i] != 0; i = (i + 1) & mask {
		if id := m.slots[i] - 1; m.tags[id] == h && string(m.Key(id)) == string(key) {
			return id
		}
	}
	return -1
}

func (m *byteMap) grow() {
	m.slots = make([]int32, max(64, 2*len(m.slots)))
	mask := uint64(len(m.slots) - 1)
	for id, h := range m.tags {
		i := h & mask
		for m.slots[i] != 0 {
			i = (i + 1) & mask
		}
		m.slots[i] = int32(id) + 1
	}
}

// Reset forgets all strings; it keeps the memory unless that is large.
func (m *byteMap) Reset() {
	if len(m.slots) > 1<<16 || cap(m.arena) > 1<<22 {
		*m = byteMap{}
		return
	}
	clear(m.slots)
	m.tags, m.ends, m.arena = m.tags[:0], m.ends[:0], m.arena[:0]
}

// Bytes is the memory in use.
func (m *byteMap) Bytes() int {
	return 4*cap(m.slots) + 8*cap(m.tags) + 8*cap(m.ends) + cap(m.arena)
}
