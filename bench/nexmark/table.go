package main

import (
	"hash/maphash"
	"math/bits"
)

// table gives int64 keys dense numbers from 0 on: open addressing with linear
// probing, grown at three quarters.
type table struct {
	slots []slot
	shift uint8 // of the hash, to an index
	n     int32
}

type slot struct {
	key int64
	id  int32 // number + 1; 0: free
}

func newTable() *table { return &table{slots: make([]slot, 1024), shift: 64 - 10} }

func (t *table) home(key int64) int { return int(uint64(key) * 0x9e3779b97f4a7c15 >> t.shift) }

// find is the number of a key, -1 if it has none.
func (t *table) find(key int64) int32 {
	for i, mask := t.home(key), len(t.slots)-1; ; i = (i + 1) & mask {
		s := &t.slots[i]
		if s.id == 0 {
			return -1
		}
		if s.key == key {
			return s.id - 1
		}
	}
}

// put is the number of a key, a new one if it has none yet.
func (t *table) put(key int64) (id int32, fresh bool) {
	for i, mask := t.home(key), len(t.slots)-1; ; i = (i + 1) & mask {
		s := &t.slots[i]
		if s.id == 0 {
			t.n++
			*s = slot{key, t.n}
			id := t.n - 1
			if int(t.n) > len(t.slots)/4*3 {
				t.grow()
			}
			return id, true
		}
		if s.key == key {
			return s.id - 1, false
		}
	}
}

func (t *table) grow() {
	old := t.slots
	t.slots = make([]slot, 2*len(old))
	t.shift--
	mask := len(t.slots) - 1
	for _, s := range old {
		if s.id == 0 {
			continue
		}
		i := t.home(s.key)
		for t.slots[i].id != 0 {
			i = (i + 1) & mask
		}
		t.slots[i] = s
	}
}

func (t *table) reset() {
	clear(t.slots)
	t.n = 0
}

// dictionary gives strings dense numbers from 0 on.
type dictionary struct {
	seed  maphash.Seed
	slots []uint64 // upper half: of the hash, lower half: number + 1; 0: free
	words text
}

func newDictionary() *dictionary {
	return &dictionary{seed: maphash.MakeSeed(), slots: make([]uint64, 1024), words: text{off: []int32{0}}}
}

// put is the number of a string, a new one if it has none yet.
func (d *dictionary) put(s []byte) int32 {
	h := maphash.Bytes(d.seed, s)
	tag := h &^ (1<<32 - 1)
	for i, mask := int(h)&(len(d.slots)-1), len(d.slots)-1; ; i = (i + 1) & mask {
		e := d.slots[i]
		if e == 0 {
			d.words.add(s)
			n := len(d.words.off) - 1
			d.slots[i] = tag | uint64(n)
			if n > len(d.slots)/2 {
				d.grow()
			}
			return int32(n - 1)
		}
		if e&^(1<<32-1) == tag {
			if id := int32(uint32(e)) - 1; string(d.words.at(int(id))) == string(s) {
				return id
			}
		}
	}
}

func (d *dictionary) grow() {
	d.slots = make([]uint64, 2*len(d.slots))
	mask := len(d.slots) - 1
	for n := range len(d.words.off) - 1 {
		h := maphash.Bytes(d.seed, d.words.at(n))
		i := int(h) & mask
		for d.slots[i] != 0 {
			i = (i + 1) & mask
		}
		d.slots[i] = h&^(1<<32-1) | uint64(n+1)
	}
}

// text is a column of strings.
type text struct {
	off  []int32 // one more than strings
	data []byte
}

func (t *text) at(i int) []byte { return t.data[t.off[i]:t.off[i+1]] }

func (t *text) add(s []byte) {
	t.data = append(t.data, s...)
	t.off = append(t.off, int32(len(t.data)))
}

func (t *text) reset() {
	t.off = append(t.off[:0], 0)
	t.data = t.data[:0]
}

// gather appends the chosen strings of another column.
func (t *text) gather(from *text, rows []int32) {
	for _, r := range rows {
		t.add(from.at(int(r)))
	}
}

// gather makes dst the chosen values of from.
func gather(dst, from []int64, rows []int32) []int64 {
	dst = dst[:0]
	for _, r := range rows {
		dst = append(dst, from[r])
	}
	return dst
}

// store keeps rows of some columns, in chunks that never move. A row is known by
// its number.
type store struct {
	ints, strs int
	chunks     []*chunk
	spare      []*chunk // emptied
	n          int32
}

const chunkRows = 4096

type chunk struct {
	ints [][]int64
	strs []text
}

// next is the chunk that the next row is appended to, as row number n.
func (s *store) next() (c *chunk, n int32) {
	if s.n%chunkRows == 0 {
		s.chunks = append(s.chunks, s.empty())
	}
	s.n++
	return s.chunks[len(s.chunks)-1], s.n - 1
}

// empty is a chunk without rows, with room for strings as long as in the last one.
func (s *store) empty() *chunk {
	if n := len(s.spare); n > 0 {
		c := s.spare[n-1]
		s.spare = s.spare[:n-1]
		for i := range c.ints {
			c.ints[i] = c.ints[i][:0]
		}
		for i := range c.strs {
			c.strs[i].reset()
		}
		return c
	}
	c := &chunk{ints: make([][]int64, s.ints), strs: make([]text, s.strs)}
	for i := range c.ints {
		c.ints[i] = make([]int64, 0, chunkRows)
	}
	for i := range c.strs {
		c.strs[i].off = append(make([]int32, 0, chunkRows+1), 0)
		if n := len(s.chunks); n > 0 {
			c.strs[i].data = make([]byte, 0, len(s.chunks[n-1].strs[i].data)*21/20)
		}
	}
	return c
}

// renew makes the store empty and returns what it held, whose memory giveBack
// lets be used again.
func (s *store) renew() (old store) {
	old = *s
	s.chunks, s.n = nil, 0
	return old
}

func (s *store) giveBack(old store) { s.spare = append(s.spare, old.chunks...) }

func (s *store) at(n int32) (c *chunk, row int) { return s.chunks[n/chunkRows], int(n % chunkRows) }

// keep appends row i of a batch: the columns ints and strs of it.
func (s *store) keep(r *rows, i int, ints, strs []int) int32 {
	c, n := s.next()
	for k, col := range ints {
		c.ints[k] = append(c.ints[k], r.i[col][i])
	}
	for k, col := range strs {
		c.strs[k].add(r.s[col].at(i))
	}
	return n
}

// copyOf appends a row of another store.
func (s *store) copyOf(from *store, n int32) int32 {
	c, r := from.at(n)
	to, m := s.next()
	for k := range c.ints {
		to.ints[k] = append(to.ints[k], c.ints[k][r])
	}
	for k := range c.strs {
		to.strs[k].add(c.strs[k].at(r))
	}
	return m
}

// pair is the key of two numbers below 2^32.
func pair(a, b int64) int64 { return int64(bits.RotateLeft64(uint64(a), 32)) | b }
