package op

import (
	"encoding/binary"
	"math/bits"

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
// Open addressing with linear probing over a power of two; a slot is a 32-bit
// tag and the id. A slot's home is the top bits of its tag, so growing moves
// slots in order, without looking at keys. A batch is hashed first and the
// probe loop touches slots ahead, which hides cache misses.
//
// Two forms: keys of integer-like columns only (any LInt64 type, boolean) lie
// as int64s, width per id; all others as canonical bytes in an arena.
type keyTable struct {
	types []types.T
	kinds []keyKind
	ints  bool // all columns are kindInt or kindBool
	raw   bool // one column of kindBytes: its bytes are the key

	slots []uint64 // 0: empty; else tag<<32 | id
	shift uint     // 32 - log2(len(slots))
	live  int

	tags  []uint32 // by id; 0: the id is free
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
	t.reslot(64)
	return t
}

// Len is the number of keys.
func (t *keyTable) Len() int { return t.live }

// Ids is the number of ids ever in use at once: slices by id need this length.
// Ids of deleted keys are given out again.
func (t *keyTable) Ids() int { return len(t.tags) }

// Live reports whether an id stands for a key now.
func (t *keyTable) Live(id int32) bool { return t.tags[id] != 0 }

// All lists the ids of all keys.
func (t *keyTable) All() []int32 {
	live := make([]int32, 0, t.live)
	for id, tag := range t.tags {
		if tag != 0 {
			live = append(live, int32(id))
		}
	}
	return live
}

// Bytes is the memory the table takes.
func (t *keyTable) Bytes() int64 {
	return int64(8*cap(t.slots)+4*cap(t.tags)+4*cap(t.frees)+8*cap(t.vals)+8*cap(t.nulls)+16*cap(t.refs)) + t.arena.size
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

func (t *keyTable) lookup(cols []vec.Vec, sel []int32, n int, ids []int32, insert bool) {
	if cap(t.hashes) < n {
		t.hashes = make([]uint64, max(n, 1024))
	}
	if t.ints {
		nulls := t.hashInts(cols, sel, n)
		if len(t.types) == 1 && !nulls && t.nulls == nil {
			t.probeInt(&cols[0], sel, n, ids, insert)
		} else {
			t.probeInts(cols, sel, n, ids, insert)
		}
		return
	}
	t.encode(cols, sel, n)
	t.probeBytes(cols, sel, n, ids, insert)
}

const (
	mulA = 0x9E3779B97F4A7C15
	mulB = 0xD6E8FEB86659FD93
)

func mulFold(x, m uint64) uint64 {
	hi, lo := bits.Mul64(x, m)
	return hi ^ lo
}

// hashInts fills hashes with tags; it reports whether any key column has a NULL.
func (t *keyTable) hashInts(cols []vec.Vec, sel []int32, n int) (nulls bool) {
	h := t.hashes[:n]
	if len(cols) == 0 {
		for i := range h {
			h[i] = 1
		}
		return false
	}
	for j := range cols {
		c := &cols[j]
		anyNull := c.HasNulls()
		nulls = nulls || anyNull
		switch {
		case c.Layout == types.LBool:
			m := c.Mask()
			for i := range h {
				x := uint64(0)
				if c.Bool[i&m] {
					x = 1
				}
				h[i] = hashStep(h[i], x, j)
			}
		case c.Const:
			x := uint64(c.I64[0])
			for i := range h {
				h[i] = hashStep(h[i], x, j)
			}
		case j == 0:
			for i, x := range c.I64[:n] {
				h[i] = mulFold(uint64(x)^mulA, mulB)
			}
		default:
			for i, x := range c.I64[:n] {
				h[i] = mulFold(h[i]^uint64(x), mulA)
			}
		}
		if anyNull {
			// The value under a NULL is unspecified: hash the NULL alone.
			t.rehashNulls(cols[:j+1], n)
		}
	}
	for i := range h {
		h[i] = h[i]>>32 | 1
	}
	return nulls
}

func hashStep(h, x uint64, col int) uint64 {
	if col == 0 {
		return mulFold(x^mulA, mulB)
	}
	return mulFold(h^x, mulA)
}

// rehashNulls computes the hash of rows whose last column here is NULL anew.
func (t *keyTable) rehashNulls(cols []vec.Vec, n int) {
	last := &cols[len(cols)-1]
	for i := range n {
		if !last.Null(i) {
			continue
		}
		h := uint64(0)
		for j := range cols {
			x, null := intAt(&cols[j], i)
			if null {
				x = 0x5bd1e995
			}
			h = hashStep(h, uint64(x), j)
		}
		t.hashes[i] = h
	}
}

// intAt reads an LInt64 or LBool column; 0 for NULL.
func intAt(c *vec.Vec, i int) (x int64, null bool) {
	if c.Null(i) {
		return 0, true
	}
	i &= c.Mask()
	if c.Layout == types.LBool {
		if c.Bool[i] {
			return 1, false
		}
		return 0, false
	}
	return c.I64[i], false
}

// touchAhead is how many rows ahead the probe loops load a slot.
const touchAhead = 8

// probeInt is the loop for one integer column without NULLs, neither in the
// batch nor in the table.
func (t *keyTable) probeInt(c *vec.Vec, sel []int32, n int, ids []int32, insert bool) {
	if c.Layout == types.LBool || sel != nil {
		t.probeInts([]vec.Vec{*c}, sel, n, ids, insert)
		return
	}
	m := c.Mask()
	tags := t.hashes[:n]
	touched := uint64(0)
	for i := 0; i < n; i++ {
		if i+touchAhead < n {
			touched ^= t.slots[tags[i+touchAhead]>>t.shift]
		}
		key, tag := c.I64[i&m], tags[i]
		pos := tag >> t.shift
		for {
			s := t.slots[pos]
			if s>>32 == tag && t.vals[uint32(s)] == key {
				ids[i] = int32(uint32(s))
				break
			}
			if s == 0 {
				ids[i] = -1
				if insert {
					id := t.newID(uint32(tag), int32(i))
					t.vals[id] = key
					ids[i] = id
				}
				break
			}
			pos = (pos + 1) & uint64(len(t.slots)-1)
		}
	}
	t.touched ^= touched
}

// probeInts is the loop for any number of integer columns, with NULLs.
func (t *keyTable) probeInts(cols []vec.Vec, sel []int32, n int, ids []int32, insert bool) {
	rows := n
	if sel != nil {
		rows = len(sel)
	}
	w := len(cols)
	var buf [maxIntColumns]int64
	key := buf[:w]
	mask := uint64(len(t.slots) - 1)
	for k := range rows {
		i := k
		if sel != nil {
			i = int(sel[k])
		}
		nulls := uint64(0)
		for j := range cols {
			x, null := intAt(&cols[j], i)
			key[j] = x
			if null {
				nulls |= 1 << j
			}
		}
		tag := t.hashes[i]
		pos := tag >> t.shift
		for {
			s := t.slots[pos]
			if s == 0 {
				ids[i] = -1
				if insert {
					ids[i] = t.insertInts(uint32(tag), key, nulls, int32(i))
					mask = uint64(len(t.slots) - 1)
				}
				break
			}
			if s>>32 == tag && t.equalInts(uint32(s), key, nulls) {
				ids[i] = int32(uint32(s))
				break
			}
			pos = (pos + 1) & mask
		}
	}
}

func (t *keyTable) equalInts(id uint32, key []int64, nulls uint64) bool {
	at := t.vals[int(id)*len(key):]
	for j, x := range key {
		if at[j] != x {
			return false
		}
	}
	return t.nulls == nil && nulls == 0 || t.nulls != nil && t.nulls[id] == nulls
}

func (t *keyTable) insertInts(tag uint32, key []int64, nulls uint64, row int32) int32 {
	if nulls != 0 && t.nulls == nil {
		t.nulls = make([]uint64, len(t.tags), cap(t.tags)+1)
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
	if (t.live+1)*3 > len(t.slots)*2 {
		t.reslot(2 * len(t.slots))
	}
	var id int32
	if k := len(t.frees); k > 0 {
		id = t.frees[k-1]
		t.frees = t.frees[:k-1]
		t.tags[id] = tag
	} else {
		id = int32(len(t.tags))
		t.tags = append(t.tags, tag)
		if t.ints {
			for range t.types {
				t.vals = append(t.vals, 0)
			}
			if t.nulls != nil {
				t.nulls = append(t.nulls, 0)
			}
		} else {
			t.refs = append(t.refs, keyRef{})
		}
	}
	t.live++
	t.place(uint64(tag)<<32 | uint64(uint32(id)))
	t.fresh, t.freshRows = append(t.fresh, id), append(t.freshRows, row)
	return id
}

func (t *keyTable) place(slot uint64) {
	mask := uint64(len(t.slots) - 1)
	pos := slot >> 32 >> t.shift
	for t.slots[pos] != 0 {
		pos = (pos + 1) & mask
	}
	t.slots[pos] = slot
}

func (t *keyTable) reslot(size int) {
	old := t.slots
	t.slots = make([]uint64, size)
	t.shift = uint(32 - bits.TrailingZeros(uint(size)))
	for _, s := range old {
		if s != 0 {
			t.place(s)
		}
	}
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
	tag := t.tags[id]
	mask := uint64(len(t.slots) - 1)
	want := uint64(tag)<<32 | uint64(uint32(id))
	pos := uint64(tag) >> t.shift
	for t.slots[pos] != want {
		pos = (pos + 1) & mask
	}
	// Close the gap: move back every slot of the run that the gap would hide.
	gap := pos
	for {
		pos = (pos + 1) & mask
		s := t.slots[pos]
		if s == 0 {
			break
		}
		home := s >> 32 >> t.shift
		if (pos-home)&mask >= (pos-gap)&mask {
			t.slots[gap] = s
			gap = pos
		}
	}
	t.slots[gap] = 0
	t.tags[id] = 0
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

// Clear forgets all keys. It keeps memory for as many, unless that is far more
// than they needed.
func (t *keyTable) Clear() {
	if len(t.slots) > 64 && t.live < len(t.slots)/16 {
		t.slots = nil
		t.reslot(64)
	} else {
		clear(t.slots)
	}
	t.live = 0
	t.tags, t.frees, t.vals, t.nulls, t.refs = t.tags[:0], t.frees[:0], t.vals[:0], nil, t.refs[:0]
	t.arena.clear()
}

// compact moves the living keys to a new arena.
func (t *keyTable) compact() {
	var to arena
	for id := range t.refs {
		if r := &t.refs[id]; t.tags[id] != 0 {
			r.at = to.add(t.arena.get(r.at, int(r.key+r.tail)))
		}
	}
	t.arena = to
}

// hashBytes is the tag of a canonical byte key.
func hashBytes(b []byte) uint64 { return xxh3.Hash(b)>>32 | 1 }
