package storage

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"sync/atomic"

	"github.com/zeebo/xxh3"

	"streamdb/stream"
)

// Delta is what one instance of an operator changed in one state table during
// one epoch: a log of puts and deletes in an arena. The instance appends to it
// until it seals it; from then on it is immutable but for its late rows, which
// whoever needs them first makes, the read structures (index, runs), which only the
// instance that made it touches, and its fate, which whoever commits or drops the
// epoch sets once.
type Delta struct {
	table   TableID
	epoch   stream.Epoch
	arena   arena // full keys and values, one after the other
	used    int   // of the arena's last chunk
	entries []entry
	bytes   int    // of keys and values; shared parts count each time
	long    [2]int // place and length of the last long value that is there as a whole
	late    lateRows

	idx     index
	runs    [][]entry // sorted, each key once; later runs hold later writes
	sortedN int       // entries[:sortedN] are in runs

	fate atomic.Int32
}

// The fates of a sealed delta.
const (
	pending int32 = iota
	committed
	discarded
)

// entry is one recorded change: pointer-free, 24 bytes.
type entry struct {
	prefix uint64 // vnode and first 7 bytes of the key, for comparison
	off    int    // place of the full key in the arena; rises with time
	klen   uint32 // of the full key
	vlen   uint32 // of the value, which follows the key; tombstone: deleted; see sharedValue
}

const (
	tombstone  = math.MaxUint32
	entryBytes = 24
)

// Table is the table that the delta changes.
func (d *Delta) Table() TableID { return d.table }

// Epoch is the epoch it was sealed in.
func (d *Delta) Epoch() stream.Epoch { return d.epoch }

// Rows is the number of changes, repeated keys included.
func (d *Delta) Rows() int {
	d.late.mu.Lock()
	defer d.late.mu.Unlock()
	return len(d.entries) + int(d.late.waiting.Load())
}

// lateRowBytes is what a row that is still to be made is taken to be.
const lateRowBytes = 64

// Bytes is about the memory of the changes, late rows included.
func (d *Delta) Bytes() int {
	d.late.mu.Lock()
	defer d.late.mu.Unlock()
	return d.bytes + entryBytes*len(d.entries) + lateRowBytes*int(d.late.waiting.Load())
}

// Discard drops a sealed delta whose epoch will not be committed for its job.
// Its table must not be used any more.
func (d *Delta) Discard() { d.fate.Store(discarded) }

func (d *Delta) append(v VNode, key, value []byte, vlen uint32) {
	whole := len(value)
	if whole > shareLeast {
		if part, n, ok := d.share(value); ok {
			value, vlen = part, n
		}
	}
	full := keyHead + len(key)
	off, piece := d.room(full + len(value))
	copy(AppendKey(piece[:0], d.table, v, key)[full:full+len(value)], value)
	if whole > shareLeast && vlen&sharedValue == 0 {
		d.long = [2]int{off + full, len(value)}
	}
	if len(d.entries) == cap(d.entries) { // append would add a fourth, and copy four times as much
		d.entries = slices.Grow(d.entries, max(len(d.entries), 16))
	}
	d.entries = append(d.entries, entry{prefix: prefixOf(v, key), off: off, klen: uint32(full), vlen: vlen})
	d.bytes += full + whole
}

// prefixOf packs the vnode and the first seven bytes of the key so that
// comparing numbers compares them in byte order.
func prefixOf(v VNode, key []byte) uint64 {
	p := uint64(v) << 56
	if len(key) >= 7 {
		return p | uint64(binary.BigEndian.Uint32(key))<<24 | uint64(key[4])<<16 | uint64(key[5])<<8 | uint64(key[6])
	}
	for i, b := range key {
		p |= uint64(b) << (48 - 8*i)
	}
	return p
}

func (e entry) key(a arena) []byte { return a.at(e.off, int(e.klen)) }

// value is nil for a tombstone.
func (e entry) value(a arena) []byte {
	if e.vlen == tombstone {
		return nil
	}
	at := e.off + int(e.klen)
	if e.vlen&sharedValue != 0 {
		return unshare(a.at(at, int(e.vlen&^sharedValue)), a)
	}
	return a.at(at, int(e.vlen))
}

// sorted returns the changes by key, the last of each key, without touching d:
// the instance may read its delta meanwhile.
func (d *Delta) sorted() []entry { return sortEntries(d.entries, d.arena) }

// find looks the last change of a full key up. ok: the delta knows the key;
// value nil: it was deleted.
func (d *Delta) find(full []byte) (value []byte, ok bool) {
	d.settle()
	if len(d.entries) == 0 {
		return nil, false
	}
	d.idx.catchUp(d)
	i := d.idx.find(d, full)
	if i < 0 {
		return nil, false
	}
	return d.entries[i].value(d.arena), true
}

// prepareRuns sorts what was written since the last scan into a new run and
// merges runs of similar size, so that each write takes part in O(log n) merges.
func (d *Delta) prepareRuns() [][]entry {
	if d.sortedN < len(d.entries) {
		d.runs = append(d.runs, sortEntries(d.entries[d.sortedN:], d.arena))
		d.sortedN = len(d.entries)
		for n := len(d.runs); n >= 2 && len(d.runs[n-2]) <= 2*len(d.runs[n-1]); n = len(d.runs) {
			d.runs = append(d.runs[:n-2], mergeRuns(d.runs[n-2], d.runs[n-1], d.arena))
		}
	}
	return d.runs
}

// mergeRuns merges two sorted runs; where both have a key, newer wins.
func mergeRuns(older, newer []entry, in arena) []entry {
	out := make([]entry, 0, len(older)+len(newer))
	for len(older) > 0 && len(newer) > 0 {
		switch c := compareEntry(older[0], in, newer[0], in); {
		case c < 0:
			out, older = append(out, older[0]), older[1:]
		case c > 0:
			out, newer = append(out, newer[0]), newer[1:]
		default:
			out, older, newer = append(out, newer[0]), older[1:], newer[1:]
		}
	}
	return append(append(out, older...), newer...)
}

func compareEntry(a entry, in arena, b entry, inB arena) int {
	switch {
	case a.prefix < b.prefix:
		return -1
	case a.prefix > b.prefix:
		return 1
	}
	return bytes.Compare(a.key(in)[keyHead:], b.key(inB)[keyHead:])
}

// index finds the last change of a key in a delta: open addressing, linear
// probing. A slot is a 32-bit tag of the key's hash and the entry's number + 1.
type index struct {
	slots []uint64
	n     int // used slots
	upTo  int // entries indexed so far
}

// catchUp indexes the entries appended since the last look-up.
func (x *index) catchUp(d *Delta) {
	for ; x.upTo < len(d.entries); x.upTo++ {
		if 2*(x.n+1) > len(x.slots) {
			x.grow()
		}
		key := d.entries[x.upTo].key(d.arena)
		tag := hashTag(key)
		mask := uint32(len(x.slots) - 1)
		for at := tag & mask; ; at = (at + 1) & mask {
			s := x.slots[at]
			if s == 0 {
				x.n++
			} else if uint32(s>>32) != tag || !bytes.Equal(d.entries[uint32(s)-1].key(d.arena), key) {
				continue
			}
			x.slots[at] = uint64(tag)<<32 | uint64(x.upTo+1)
			break
		}
	}
}

func (x *index) grow() {
	old := x.slots
	x.slots = make([]uint64, max(16, 2*len(old)))
	mask := uint32(len(x.slots) - 1)
	for _, s := range old {
		if s == 0 {
			continue
		}
		at := uint32(s>>32) & mask
		for x.slots[at] != 0 {
			at = (at + 1) & mask
		}
		x.slots[at] = s
	}
}

// find returns the number of the last entry of a key, -1: none.
func (x *index) find(d *Delta, key []byte) int {
	tag := hashTag(key)
	mask := uint32(len(x.slots) - 1)
	for at := tag & mask; x.slots[at] != 0; at = (at + 1) & mask {
		s := x.slots[at]
		if i := int(uint32(s)) - 1; uint32(s>>32) == tag && bytes.Equal(d.entries[i].key(d.arena), key) {
			return i
		}
	}
	return -1
}

func hashTag(key []byte) uint32 { return uint32(xxh3.Hash(key)) }
