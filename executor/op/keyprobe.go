package op

import (
	"math/bits"

	"streamdb/types"
	"streamdb/vec"
)

// This file is the look-up in a keyTable: a batch is hashed column by column, and
// then one loop by form of the keys finds the ids.

func (t *keyTable) lookup(cols []vec.Vec, sel []int32, n int, ids []int32, insert bool) {
	if cap(t.hashes) < n {
		t.hashes = make([]uint64, max(n, 1024))
	}
	hashes := cols
	if t.dicts != nil {
		nums, of, ok := t.numbered(cols, sel, n, insert)
		if !ok {
			t.writeOut()
		} else {
			cols, hashes = nums, of
		}
	}
	if t.ints {
		if nulls := t.hashInts(hashes, n); nulls || t.nulls != nil {
			t.probeNulls(cols, sel, n, ids, insert)
			return
		}
		words, masks := t.words(cols, n)
		switch len(words) {
		case 1:
			t.probe1(words[0], masks[0], sel, n, ids, insert)
		case 2:
			t.probe2(words[0], words[1], masks[0], masks[1], sel, n, ids, insert)
		default:
			t.probeWords(words, masks, sel, n, ids, insert)
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

const hashOfNull = 0x5bd1e995

func mulFold(x, m uint64) uint64 {
	hi, lo := bits.Mul64(x, m)
	return hi ^ lo
}

// hashInts fills hashes with tags; it reports whether any key column has a NULL.
func (t *keyTable) hashInts(cols []vec.Vec, n int) (nulls bool) {
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
				x = hashOfNull
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

// touchAhead is how many rows ahead the loops load a slot.
const touchAhead = 8

// words is integer columns without NULLs as slices, with the masks of their rows.
func (t *keyTable) words(cols []vec.Vec, n int) (words [][]int64, masks []int) {
	t.cols, t.masks = t.cols[:0], t.masks[:0]
	for j := range cols {
		c := &cols[j]
		x := c.I64
		if c.Layout == types.LBool {
			x = make([]int64, len(c.Bool))
			for i, b := range c.Bool {
				if b {
					x[i] = 1
				}
			}
		}
		t.cols, t.masks = append(t.cols, x), append(t.masks, c.Mask())
	}
	return t.cols, t.masks
}

// probe1 looks up keys of one word.
func (t *keyTable) probe1(a []int64, m int, sel []int32, n int, ids []int32, insert bool) {
	rows, touched := n, uint64(0)
	if sel != nil {
		rows = len(sel)
	}
	slots, hashes := t.slots, t.hashes[:n]
	for k := range rows {
		i, next := k, min(k+touchAhead, rows-1)
		if sel != nil {
			i, next = int(sel[k]), int(sel[next])
		}
		touched ^= slots[t.home(hashes[next])]
		key, tag := a[i&m], hashes[i]
		pos := t.home(tag)
		for {
			s := slots[pos]
			if s>>32 == tag && t.vals[uint32(s)] == key {
				ids[i] = int32(uint32(s))
				break
			}
			if s == 0 {
				ids[i] = -1
				if insert {
					id := t.newID(uint32(tag), int32(i))
					slots = t.slots
					t.vals[id] = key
					ids[i] = id
				}
				break
			}
			if pos++; pos == len(slots) {
				pos = 0
			}
		}
	}
	t.touched ^= touched
}

// probe2 looks up keys of two words.
func (t *keyTable) probe2(a, b []int64, ma, mb int, sel []int32, n int, ids []int32, insert bool) {
	rows, touched := n, uint64(0)
	if sel != nil {
		rows = len(sel)
	}
	slots, hashes := t.slots, t.hashes[:n]
	for k := range rows {
		i, next := k, min(k+touchAhead, rows-1)
		if sel != nil {
			i, next = int(sel[k]), int(sel[next])
		}
		touched ^= slots[t.home(hashes[next])]
		x, y, tag := a[i&ma], b[i&mb], hashes[i]
		pos := t.home(tag)
		for {
			s := slots[pos]
			if s>>32 == tag {
				if at := t.vals[2*uint64(uint32(s)):]; at[0] == x && at[1] == y {
					ids[i] = int32(uint32(s))
					break
				}
			}
			if s == 0 {
				ids[i] = -1
				if insert {
					id := t.newID(uint32(tag), int32(i))
					slots = t.slots
					t.vals[2*int(id)], t.vals[2*int(id)+1] = x, y
					ids[i] = id
				}
				break
			}
			if pos++; pos == len(slots) {
				pos = 0
			}
		}
	}
	t.touched ^= touched
}

// probeWords looks up keys of any number of words.
func (t *keyTable) probeWords(words [][]int64, masks []int, sel []int32, n int, ids []int32, insert bool) {
	rows, touched := n, uint64(0)
	if sel != nil {
		rows = len(sel)
	}
	slots, hashes, w := t.slots, t.hashes[:n], len(words)
	for k := range rows {
		i, next := k, min(k+touchAhead, rows-1)
		if sel != nil {
			i, next = int(sel[k]), int(sel[next])
		}
		touched ^= slots[t.home(hashes[next])]
		tag := hashes[i]
		pos := t.home(tag)
	search:
		for {
			s := slots[pos]
			if s>>32 == tag {
				at := t.vals[w*int(uint32(s)):][:w]
				same := true
				for j, x := range words {
					if x[i&masks[j]] != at[j] {
						same = false
						break
					}
				}
				if same {
					ids[i] = int32(uint32(s))
					break search
				}
			}
			if s == 0 {
				ids[i] = -1
				if insert {
					id := t.newID(uint32(tag), int32(i))
					slots = t.slots
					at := t.vals[w*int(id):][:w]
					for j, x := range words {
						at[j] = x[i&masks[j]]
					}
					ids[i] = id
				}
				break
			}
			if pos++; pos == len(slots) {
				pos = 0
			}
		}
	}
	t.touched ^= touched
}

// probeNulls looks up keys of any number of words where the batch or the table
// has NULLs.
func (t *keyTable) probeNulls(cols []vec.Vec, sel []int32, n int, ids []int32, insert bool) {
	rows := n
	if sel != nil {
		rows = len(sel)
	}
	w := len(cols)
	var buf [maxIntColumns]int64
	key := buf[:w]
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
		pos := t.home(tag)
		for {
			s := t.slots[pos]
			if s == 0 {
				ids[i] = -1
				if insert {
					ids[i] = t.insertInts(uint32(tag), key, nulls, int32(i))
				}
				break
			}
			if s>>32 == tag && t.equalInts(uint32(s), key, nulls) {
				ids[i] = int32(uint32(s))
				break
			}
			if pos++; pos == len(t.slots) {
				pos = 0
			}
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
