package op

import (
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/zeebo/xxh3"

	"streamdb/types"
	"streamdb/vec"
)

// keyTable maps the key columns of rows to dense ids 0 .. Ids()-1: the hash
// table below grouping, joins and top-N. Keys are equal as SQL's IS NOT
// DISTINCT FROM says (numeric 1.0 and 1.00 are one key, NULL is a key).
// Operators keep their state in slices indexed by id. Everything is
// pointer-free.
//
// Open addressing with linear probing; a slot is a 32-bit tag and the id. A
// slot's home is the tag's part of 2^32 times the number of slots, so growing, by
// less than doubling where it is large, moves slots in order, without looking at keys. A
// batch is hashed first and the probe loop touches slots ahead, which hides cache
// misses.
//
// Two forms: keys of integer-like columns only (any LInt64 type, boolean) lie
// as int64s, width per id; all others as canonical bytes in an arena. Keys of
// integers and few texts have the first form, see keydict.go.
type keyTable struct {
	types []types.T
	kinds []keyKind
	ints  bool       // all columns are kindInt or kindBool, or texts of dicts
	raw   bool       // one column of kindBytes: its bytes are the key
	mixed bool       // columns are kindInt, kindBool and kindBytes, of each form
	dicts []*keyDict // by column, of kindBytes; nil: there is none, or they were given up

	slots []uint64 // 0: empty; else tag<<32 | id
	live  int
	ids   int      // ever in use at once
	lives []uint64 // bit set of the ids that stand for keys
	frees []int32  // free ids
	vals  []int64  // ints: len(types) per id
	nulls []uint64 // ints: bit set of NULL columns by id; nil while there is none
	refs  []keyRef // bytes
	arena arena

	hashes    []uint64 // scratch, by row: first the hash, then the tag
	enc       []byte   // scratch: encoded keys of a batch
	encEnd    []int32
	fresh     []int32
	freshRows []int32
	cols      [][]int64
	words64   []int64
	masks     []int
	touched   uint64 // keeps the touch-ahead loads alive
}

type keyRef struct {
	at   span
	key  uint32 // length of the canonical key
	tail uint32 // length of the original values of lossy columns after it
}

type keyKind uint8

const (
	kindInt   keyKind = iota
	kindBool          // as int 0, 1
	kindFloat         // canonical bits
	kindBytes         // equal exactly when the bytes are
	kindLossy         // equal when types.AppendKey is: the value is kept apart
)

// maxIntColumns bounds the int form: NULLs of a key are a bit set.
const maxIntColumns = 64

func kindOf(t types.T) keyKind {
	switch t.Layout() {
	case types.LBool:
		return kindBool
	case types.LInt64:
		return kindInt
	case types.LFloat64:
		return kindFloat
	}
	switch t.ID {
	case types.Text, types.Bytea, types.Name, types.Char, types.Unknown:
		return kindBytes
	}
	return kindLossy
}

// newKeyTable makes an empty table for keys of the given column types. No
// columns at all is legal: every row then has the same key.
func newKeyTable(ts []types.T) *keyTable {
	t := &keyTable{types: ts, ints: len(ts) <= maxIntColumns}
	for _, x := range ts {
		k := kindOf(x)
		t.kinds = append(t.kinds, k)
		if k > kindBool {
			t.ints = false
		}
	}
	t.raw = len(ts) == 1 && t.kinds[0] == kindBytes
	if t.mixed = mixedKinds(t.kinds); t.mixed {
		t.ints, t.dicts = true, make([]*keyDict, len(ts))
		for j, k := range t.kinds {
			if k == kindBytes {
				t.dicts[j] = newKeyDict()
			}
		}
	}
	t.reslot(64)
	return t
}

// Len is the number of keys.
func (t *keyTable) Len() int { return t.live }

// Ids is the number of ids ever in use at once: slices by id need this length.
// Ids of deleted keys are given out again.
func (t *keyTable) Ids() int { return t.ids }

// Live reports whether an id stands for a key now.
func (t *keyTable) Live(id int32) bool { return t.lives[id>>6]&(1<<(id&63)) != 0 }

// All lists the ids of all keys.
func (t *keyTable) All() []int32 {
	live := make([]int32, 0, t.live)
	for w, word := range t.lives {
		for ; word != 0; word &= word - 1 {
			live = append(live, int32(w<<6+bits.TrailingZeros64(word)))
		}
	}
	return live
}

// Bytes is the memory the table takes.
func (t *keyTable) Bytes() int64 {
	n := int64(8*cap(t.slots)+8*cap(t.lives)+4*cap(t.frees)+8*cap(t.vals)+8*cap(t.nulls)+16*cap(t.refs)) + t.arena.size
	for _, d := range t.dicts {
		if d != nil {
			n += d.bytes()
		}
	}
	return n
}

// Spare is about how much of Bytes holds nothing, and is there for new keys.
func (t *keyTable) Spare() int64 {
	free := float64(t.ids-t.live) / float64(max(t.ids, 1))
	return int64(free*float64(t.Bytes()-t.arena.size)) + t.arena.size - t.arena.used + t.arena.garbage
}

// Find sets ids[i] to the id of row i's key, or -1, for the rows of sel (nil:
// all n). cols are the key columns only, in the order of the table's types.
func (t *keyTable) Find(cols []vec.Vec, sel []int32, n int, ids []int32) {
	t.lookup(cols, sel, n, ids, false)
}

// FindOrInsert is Find, but gives unknown keys an id. It returns the new ids
// and for each the row it came from; both are valid until the next call.
func (t *keyTable) FindOrInsert(cols []vec.Vec, sel []int32, n int, ids []int32) (fresh, rows []int32) {
	t.fresh, t.freshRows = t.fresh[:0], t.freshRows[:0]
	t.lookup(cols, sel, n, ids, true)
	return t.fresh, t.freshRows
}

func (t *keyTable) insertInts(tag uint32, key []int64, nulls uint64, row int32) int32 {
	if nulls != 0 && t.nulls == nil {
		t.nulls = make([]uint64, t.ids)
	}
	id := t.newID(tag, row)
	copy(t.vals[int(id)*len(key):], key)
	if t.nulls != nil {
		t.nulls[id] = nulls
	}
	return id
}

// newID puts a new key's tag into the slots and makes room for its id.
func (t *keyTable) newID(tag uint32, row int32) int32 {
	if (t.live+1)*6 > len(t.slots)*5 {
		t.reslot(vec.Larger(len(t.slots)))
	}
	var id int32
	if k := len(t.frees); k > 0 {
		id = t.frees[k-1]
		t.frees = t.frees[:k-1]
	} else {
		id = int32(t.ids)
		t.ids++
		t.lives = vec.Grow(t.lives, (t.ids+63)/64)
		if t.ints {
			t.vals = vec.Grow(t.vals, t.ids*len(t.types))
			if t.nulls != nil {
				t.nulls = vec.Grow(t.nulls, t.ids)
			}
		} else {
			t.refs = vec.Grow(t.refs, t.ids)
		}
	}
	t.lives[id>>6] |= 1 << (id & 63)
	t.live++
	t.place(uint64(tag)<<32 | uint64(uint32(id)))
	t.fresh, t.freshRows = append(t.fresh, id), append(t.freshRows, row)
	return id
}

// home is where the search for a tag begins.
func (t *keyTable) home(tag uint64) int { return int(tag * uint64(len(t.slots)) >> 32) }

func (t *keyTable) place(slot uint64) {
	pos := t.home(slot >> 32)
	for t.slots[pos] != 0 {
		if pos++; pos == len(t.slots) {
			pos = 0
		}
	}
	t.slots[pos] = slot
}

func (t *keyTable) reslot(size int) {
	old := t.slots
	t.slots = make([]uint64, size)
	for _, s := range old {
		if s != 0 {
			t.place(s)
		}
	}
}

// Tag is a hash of the key of an id, 32 bits and not 0.
func (t *keyTable) Tag(id int32) uint32 {
	if !t.ints {
		r := &t.refs[id]
		if t.raw && r.tail == 1 {
			return 1
		}
		if t.mixed {
			return t.tagOfBytes(t.arena.get(r.at, int(r.key)))
		}
		return uint32(hashBytes(t.arena.get(r.at, int(r.key))))
	}
	w := len(t.types)
	if w == 0 {
		return 1
	}
	h := uint64(0)
	for j, x := range t.vals[int(id)*w:][:w] {
		switch {
		case t.nulls != nil && t.nulls[id]&(1<<j) != 0:
			x = hashOfNull
		case t.dicts != nil && t.dicts[j] != nil:
			x = int64(t.dicts[j].hashes[x])
		}
		h = hashStep(h, uint64(x), j)
	}
	return uint32(h>>32 | 1)
}

// firstInt is the first key column of an id, which must be an integer that is
// not NULL.
func (t *keyTable) firstInt(id int32) int32 {
	if t.ints {
		return int32(t.vals[int(id)*len(t.types)])
	}
	return int32(binary.LittleEndian.Uint64(t.arena.get(t.refs[id].at, 9)[1:]))
}

// Delete forgets a key; its id may be given out again.
func (t *keyTable) Delete(id int32) {
	tag := uint64(t.Tag(id))
	want := tag<<32 | uint64(uint32(id))
	pos := t.home(tag)
	for t.slots[pos] != want {
		if pos++; pos == len(t.slots) {
			pos = 0
		}
	}
	t.closeGap(pos)
	t.free(id)
}

// free forgets an id that has no slot any more.
func (t *keyTable) free(id int32) {
	t.lives[id>>6] &^= 1 << (id & 63)
	t.frees = append(t.frees, id)
	t.live--
	if !t.ints {
		t.arena.free(int(t.refs[id].key + t.refs[id].tail))
		t.refs[id] = keyRef{}
		if t.arena.wasteful() {
			t.compact()
		}
	}
}

// DeleteAll is Delete for many ids, which rise: if they are a good part of all, the
// slots are made anew in one pass. Ids are given out again in the same order.
func (t *keyTable) DeleteAll(ids []int32) {
	if len(ids) < t.live/8 {
		for _, id := range ids {
			t.Delete(id)
		}
		return
	}
	for _, id := range slices.Backward(ids) {
		t.free(id)
	}
	old := t.slots
	t.slots = make([]uint64, len(old))
	for _, s := range old {
		if s != 0 && t.Live(int32(uint32(s))) {
			t.place(s)
		}
	}
}

// closeGap empties a slot and moves back every slot of the run that the gap would
// hide.
func (t *keyTable) closeGap(gap int) {
	size := len(t.slots)
	distance := func(from, to int) int {
		if to < from {
			to += size
		}
		return to - from
	}
	for pos := gap; ; {
		if pos++; pos == size {
			pos = 0
		}
		s := t.slots[pos]
		if s == 0 {
			break
		}
		if distance(t.home(s>>32), pos) >= distance(gap, pos) {
			t.slots[gap] = s
			gap = pos
		}
	}
	t.slots[gap] = 0
}

// Clear forgets all keys. It keeps memory for as many, unless that is far more
// than they needed.
func (t *keyTable) Clear() {
	if len(t.slots) > 64 && t.live < len(t.slots)/16 {
		t.slots = nil
		t.reslot(64)
	} else {
		clear(t.slots)
	}
	clear(t.lives)
	clear(t.refs)
	t.live, t.ids = 0, 0
	t.lives, t.frees, t.vals, t.nulls, t.refs = t.lives[:0], t.frees[:0], t.vals[:0], nil, t.refs[:0]
	t.arena.clear()
}

// Pack is a table of the keys of ids alone: they are now 0, 1, 2 .. It has no room
// to spare.
func (t *keyTable) Pack(ids []int32) *keyTable {
	n, w := len(ids), len(t.types)
	p := newKeyTable(t.types)
	p.ints, p.dicts = t.ints, t.dicts
	p.reslot(max(64, n*6/5+1))
	p.ids, p.live, p.lives = n, n, make([]uint64, (n+63)/64)
	switch {
	case !t.ints:
		p.refs = make([]keyRef, n)
	case t.nulls != nil:
		p.nulls = make([]uint64, n)
		fallthrough
	default:
		p.vals = make([]int64, n*w)
	}
	for k, id := range ids {
		p.lives[k>>6] |= 1 << (k & 63)
		p.place(uint64(t.Tag(id))<<32 | uint64(k))
		if !t.ints {
			r := t.refs[id]
			r.at = p.arena.add(t.arena.get(r.at, int(r.key+r.tail)))
			p.refs[k] = r
			continue
		}
		copy(p.vals[k*w:][:w], t.vals[int(id)*w:])
		if t.nulls != nil {
			p.nulls[k] = t.nulls[id]
		}
	}
	return p
}

// compact moves the living keys to a new arena.
func (t *keyTable) compact() {
	var to arena
	for id := range t.refs {
		if r := &t.refs[id]; t.Live(int32(id)) {
			r.at = to.add(t.arena.get(r.at, int(r.key+r.tail)))
		}
	}
	t.arena = to
}

// hashBytes is the tag of a canonical byte key.
func hashBytes(b []byte) uint64 { return xxh3.Hash(b)>>32 | 1 }
