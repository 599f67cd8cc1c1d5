package op

import (
	"bytes"
	"math"
	"slices"

	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// joinRows keeps the rows of one side of a join in columns, at slots that are
// used again once freed. Pointer-free: strings lie in an arena.
type joinRows struct {
	cols  []joinCol
	next  []int32  // by slot: the next row of the same join key, -1: none
	prev  []int32  // by slot: the one before; nil: rows are never removed one by one
	key   []int32  // by slot: id of the join key; -1: the slot is free
	count []int32  // by slot: weight of the row; nil: all 1
	flags []uint8  // by slot
	tags  []uint32 // by slot: hash for index; nil: there is no index
	deg   []int32  // by slot: weight of the matches; nil: not counted
	free  []int32
	index []int32 // open addressing by tag: slot+1
	shift uint
	live  int
	many  bool // rows are removed that compact is called after
}

// The flags of a slot.
const (
	rowDirty   = 1 << iota // to be written at the barrier
	rowStored              // has a row in the state table
	rowMatched             // bounded runs: an outer row that found a match
)

// joinCol is one column by slot.
type joinCol struct {
	layout types.Layout
	valid  []byte // bitmap; nil while there is no NULL
	b      paged[bool]
	i64    paged[int64]
	f64    paged[float64]
	spans  paged[span]
	lens   paged[uint32]
	arena  arena
}

func newJoinRows(ts []types.T, linked, counted, indexed, degrees bool) *joinRows {
	r := &joinRows{cols: make([]joinCol, len(ts))}
	for i, t := range ts {
		r.cols[i].layout = t.Layout()
	}
	if linked {
		r.prev = []int32{}
	}
	if counted {
		r.count = []int32{}
	}
	if degrees {
		r.deg = []int32{}
	}
	if indexed {
		r.tags = []uint32{}
		r.index = make([]int32, 64)
		r.shift = 32 - 6
	}
	return r
}

// reserve makes room for n rows in lists, which do not lie in pages.
func (r *joinRows) reserve(n int) {
	r.next, r.key, r.flags = slices.Grow(r.next, n), slices.Grow(r.key, n), slices.Grow(r.flags, n)
	for _, list := range []*[]int32{&r.prev, &r.count, &r.deg} {
		if *list != nil {
			*list = slices.Grow(*list, n)
		}
	}
	if r.tags != nil {
		r.tags = slices.Grow(r.tags, n)
	}
}

// weight is the weight of the row at a slot.
func (r *joinRows) weight(slot int32) int32 {
	if r.count == nil {
		return 1
	}
	return r.count[slot]
}

// insert copies row i of the columns in; the caller links it.
func (r *joinRows) insert(cols []vec.Vec, i int, key int32) int32 {
	slot := r.slot(key)
	for c := range r.cols {
		r.cols[c].set(slot, &cols[c], i)
	}
	return slot
}

// insertAll copies the rows in that have a key and appends a slot for each row, -1 for
// one without a key; the caller links them. Not for rows that are found by index.
func (r *joinRows) insertAll(cols []vec.Vec, keys, slots []int32) []int32 {
	for _, key := range keys {
		slot := int32(-1)
		if key >= 0 {
			slot = r.slot(key)
		}
		slots = append(slots, slot)
	}
	for c := range r.cols {
		r.cols[c].setAll(slots, len(r.key), &cols[c])
	}
	return slots
}

// slot gives out a slot, whose values are still to be set.
func (r *joinRows) slot(key int32) int32 {
	r.live++
	if k := len(r.free); k > 0 {
		slot := r.free[k-1]
		r.free = r.free[:k-1]
		r.key[slot], r.next[slot], r.flags[slot] = key, -1, 0
		if r.deg != nil {
			r.deg[slot] = 0
		}
		return slot
	}
	slot := len(r.key)
	if slot == cap(r.key) {
		r.reserve(max(vec.Larger(slot), 16) - slot)
	}
	r.key, r.next, r.flags = append(r.key, key), append(r.next, -1), append(r.flags, 0)
	if r.prev != nil {
		r.prev = append(r.prev, -1)
	}
	if r.count != nil {
		r.count = append(r.count, 0)
	}
	if r.deg != nil {
		r.deg = append(r.deg, 0)
	}
	if r.tags != nil {
		r.tags = append(r.tags, 0)
	}
	return int32(slot)
}

// remove frees a slot that is no longer linked.
func (r *joinRows) remove(slot int32) {
	if r.tags != nil {
		r.unindex(slot)
	}
	for c := range r.cols {
		col := &r.cols[c]
		if col.layout != types.LBytes {
			continue
		}
		col.arena.free(int(col.lens.at(slot)))
		col.lens.put(slot, 0)
		if !r.many && col.arena.wasteful() {
			col.compact()
		}
	}
	r.key[slot] = -1
	r.free = append(r.free, slot)
	r.live--
}

// compact gives the memory of removed rows back where it is much.
func (r *joinRows) compact() {
	for c := range r.cols {
		if col := &r.cols[c]; col.layout == types.LBytes && col.arena.wasteful() {
			col.compact()
		}
	}
}

// set stores a value at a slot: the one past the end, or one that was freed.
func (c *joinCol) set(slot int32, v *vec.Vec, i int) {
	null := v.Null(i)
	if null || c.valid != nil {
		c.setValid(slot, !null)
	}
	j := i & v.Mask()
	switch c.layout {
	case types.LBool:
		c.b.put(slot, v.Bool[j])
	case types.LInt64:
		c.i64.put(slot, v.I64[j])
	case types.LFloat64:
		c.f64.put(slot, v.F64[j])
	default:
		var b []byte
		if !null {
			b = v.Data[v.Off[j]:v.Off[j+1]]
		}
		c.spans.put(slot, c.arena.add(b))
		c.lens.put(slot, uint32(len(b)))
	}
}

// setAll stores the value of each row at its slot, unless that is negative; n slots
// are there afterwards.
func (c *joinCol) setAll(slots []int32, n int, v *vec.Vec) {
	if v.HasNulls() || c.valid != nil {
		for i, s := range slots {
			if s >= 0 {
				c.setValid(s, !v.Null(i))
			}
		}
	}
	switch c.layout {
	case types.LBool:
		c.b.grow(n)
		c.b.scatter(slots, v.Bool, v.Mask())
	case types.LInt64:
		c.i64.grow(n)
		c.i64.scatter(slots, v.I64, v.Mask())
	case types.LFloat64:
		c.f64.grow(n)
		c.f64.scatter(slots, v.F64, v.Mask())
	default:
		for i, s := range slots {
			if s >= 0 {
				c.set(s, v, i)
			}
		}
	}
}

func (c *joinCol) setValid(slot int32, valid bool) {
	for len(c.valid) <= int(slot>>3) {
		c.valid = append(c.valid, 0xff)
	}
	if valid {
		c.valid[slot>>3] |= 1 << (slot & 7)
	} else {
		c.valid[slot>>3] &^= 1 << (slot & 7)
	}
}

func (c *joinCol) null(slot int32) bool {
	return c.valid != nil && int(slot>>3) < len(c.valid) && c.valid[slot>>3]&(1<<(slot&7)) == 0
}

// compact moves the living strings to a new arena. Freed slots have length 0.
func (c *joinCol) compact() {
	var to arena
	for p, lens := range c.lens.pages {
		spans := c.spans.pages[p]
		for k, n := range lens {
			spans[k] = to.add(c.arena.get(spans[k], int(n)))
		}
	}
	c.arena = to
}

// gather copies the values at slots into a column; slot -1 gives NULL.
func (r *joinRows) gather(col int, slots []int32) vec.Vec {
	c := &r.cols[col]
	n := len(slots)
	out := vec.Vec{Layout: c.layout, N: n}
	nulls := c.valid != nil
	if !nulls {
		for _, s := range slots {
			if s < 0 {
				nulls = true
				break
			}
		}
	}
	if nulls {
		out.Valid = make([]byte, (n+7)>>3)
		for k, s := range slots {
			if s >= 0 && !c.null(s) {
				out.Valid[k>>3] |= 1 << (k & 7)
			}
		}
	}
	switch c.layout {
	case types.LBool:
		out.Bool = c.b.gather(slots, nulls)
	case types.LInt64:
		out.I64 = c.i64.gather(slots, nulls)
	case types.LFloat64:
		out.F64 = c.f64.gather(slots, nulls)
	default:
		size := 0
		for _, s := range slots {
			if s >= 0 {
				size += int(c.lens.at(s))
			}
		}
		out.Off = make([]int32, n+1)
		out.Data = c.copyBytes(make([]byte, size+vec.ShortText), out.Off[1:], slots)[:size]
	}
	return out
}

// batch is how many of the rows at slots to gather at once.
func (r *joinRows) batch(slots []int32) int {
	n := min(len(slots), stream.BatchRows)
	size := int64(0)
	for k, s := range slots[:n] {
		if size += int64(r.texts(s)); size > stream.BatchBytes {
			return k + 1
		}
	}
	return n
}

// texts is the bytes of a row's values of no fixed width.
func (r *joinRows) texts(slot int32) (n int) {
	for c := range r.cols {
		if r.cols[c].layout == types.LBytes {
			n += int(r.cols[c].lens.at(slot))
		}
	}
	return n
}

// copyBytes copies the values at slots into data, which has vec.ShortText bytes more than
// they have, and sets where they end.
func (c *joinCol) copyBytes(data []byte, ends []int32, slots []int32) []byte {
	to := 0
	for k, s := range slots {
		if s >= 0 && c.lens.at(s) > 0 {
			at := c.spans.at(s)
			to = vec.CopyText(data, to, c.arena.chunks[at.chunk], int(at.off), int(at.off)+int(c.lens.at(s)))
		}
		ends[k] = int32(to)
	}
	return data
}

// equal reports whether the row at slot has exactly the values of row i.
func (r *joinRows) equal(slot int32, cols []vec.Vec, i int) bool {
	for k := range r.cols {
		c, v := &r.cols[k], &cols[k]
		null := v.Null(i)
		if c.null(slot) != null {
			return false
		}
		if null {
			continue
		}
		j := i & v.Mask()
		switch c.layout {
		case types.LBool:
			if c.b.at(slot) != v.Bool[j] {
				return false
			}
		case types.LInt64:
			if c.i64.at(slot) != v.I64[j] {
				return false
			}
		case types.LFloat64:
			if math.Float64bits(c.f64.at(slot)) != math.Float64bits(v.F64[j]) {
				return false
			}
		default:
			if !bytes.Equal(c.bytesAt(slot), v.Data[v.Off[j]:v.Off[j+1]]) {
				return false
			}
		}
	}
	return true
}

// find returns the slot of the row of join key id with exactly these values, -1 if there is none.
func (r *joinRows) find(tag uint32, id int32, cols []vec.Vec, i int) int32 {
	mask := uint32(len(r.index) - 1)
	for pos := tag >> r.shift; r.index[pos] != 0; pos = (pos + 1) & mask {
		slot := r.index[pos] - 1
		if r.tags[slot] == tag && r.key[slot] == id && r.equal(slot, cols, i) {
			return slot
		}
	}
	return -1
}

// addIndex makes a slot known to find.
func (r *joinRows) addIndex(slot int32, tag uint32) {
	if 3*r.live > 2*len(r.index) {
		r.index = make([]int32, 2*len(r.index))
		r.shift--
		for s, k := range r.key {
			if k >= 0 && int32(s) != slot {
				r.place(int32(s), r.tags[s])
			}
		}
	}
	r.tags[slot] = tag
	r.place(slot, tag)
}

func (r *joinRows) place(slot int32, tag uint32) {
	mask := uint32(len(r.index) - 1)
	pos := tag >> r.shift
	for r.index[pos] != 0 {
		pos = (pos + 1) & mask
	}
	r.index[pos] = slot + 1
}

// unindex takes a slot out of the index, moving up what the gap would hide.
func (r *joinRows) unindex(slot int32) {
	mask := uint32(len(r.index) - 1)
	pos := r.tags[slot] >> r.shift
	for r.index[pos] != slot+1 {
		pos = (pos + 1) & mask
	}
	gap := pos
	for {
		pos = (pos + 1) & mask
		s := r.index[pos]
		if s == 0 {
			break
		}
		home := r.tags[s-1] >> r.shift
		if (pos-home)&mask >= (pos-gap)&mask {
			r.index[gap] = s
			gap = pos
		}
	}
	r.index[gap] = 0
}

// bytes is the memory the rows take.
func (r *joinRows) bytes() int64 {
	n := int64(4*(cap(r.next)+cap(r.prev)+cap(r.key)+cap(r.count)+cap(r.tags)+cap(r.deg)+cap(r.free)+cap(r.index)) + cap(r.flags))
	for i := range r.cols {
		c := &r.cols[i]
		n += int64(cap(c.valid)+c.b.size()+8*c.i64.size()+8*c.f64.size()+8*c.spans.size()+4*c.lens.size()) + c.arena.size
	}
	return n
}
