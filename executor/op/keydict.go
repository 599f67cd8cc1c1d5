package op

import (
	"encoding/binary"

	"github.com/zeebo/xxh3"

	"streamdb/types"
	"streamdb/vec"
)

// This file is the keys of integers and texts of a keyTable. As long as a text
// column has few different values (a day, a channel, a status) they are numbered,
// and the table has the form of integers: no key is written out, hashed or compared
// byte by byte. With more of them it goes over to the form of bytes, for good. The
// tags are the same in both forms: they are those of the texts.

// Most of what a keyDict may hold; a variable for tests.
var (
	dictTexts = 1 << 12
	dictBytes = 256 << 10
)

// keyDict numbers the values of a text column: a hash table of its own, as texts of
// up to 16 bytes are told apart by two words.
type keyDict struct {
	slots  []int32 // 0: empty; else 1 + number
	words  []textWords
	texts  []string
	hashes []uint64 // by number, for tags
	size   int      // bytes of texts
	last   int32    // the number of the row before
}

// textWords is the first and the last bytes of a text and its length: the text, if
// it has no more than 16 bytes, else its hash.
type textWords struct {
	a, z uint64
	n    int
}

func wordsOf(b []byte) textWords {
	n := len(b)
	switch {
	case n > 16:
		return textWords{xxh3.Hash(b), 0, n}
	case n >= 8:
		return textWords{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[n-8:]), n}
	case n >= 4:
		return textWords{uint64(binary.LittleEndian.Uint32(b)), uint64(binary.LittleEndian.Uint32(b[n-4:])), n}
	case n > 0:
		return textWords{uint64(b[0]) | uint64(b[n/2])<<8 | uint64(b[n-1])<<16, 0, n}
	}
	return textWords{}
}

func (w textWords) hash() uint64 { return mulFold(w.a^mulA, w.z^uint64(w.n)^mulB) }

func newKeyDict() *keyDict { return &keyDict{slots: make([]int32, 16), last: -1} }

// full reports whether there are too many texts.
func (d *keyDict) full() bool { return len(d.texts) > dictTexts || d.size > dictBytes }

func (d *keyDict) bytes() int64 {
	return int64(4*len(d.slots) + 48*len(d.texts) + d.size)
}

// number is the number of a text; -1: it has none. insert gives it one.
func (d *keyDict) number(text []byte, insert bool) int32 {
	w := wordsOf(text)
	if d.last >= 0 && d.is(d.last, w, text) {
		return d.last
	}
	mask := len(d.slots) - 1
	pos := int(w.hash()) & mask
	for ; d.slots[pos] != 0; pos = (pos + 1) & mask {
		if id := d.slots[pos] - 1; d.is(id, w, text) {
			d.last = id
			return id
		}
	}
	if !insert {
		return -1
	}
	id := int32(len(d.texts))
	d.slots[pos] = id + 1
	d.words, d.texts = append(d.words, w), append(d.texts, string(text))
	d.hashes, d.size, d.last = append(d.hashes, xxh3.Hash(text)), d.size+len(text), id
	if 2*len(d.texts) > len(d.slots) {
		d.grow()
	}
	return id
}

func (d *keyDict) is(id int32, w textWords, text []byte) bool {
	return d.words[id] == w && (w.n <= 16 || d.texts[id] == stringOf(text))
}

func (d *keyDict) grow() {
	d.slots = make([]int32, 2*len(d.slots))
	mask := len(d.slots) - 1
	for id, w := range d.words {
		pos := int(w.hash()) & mask
		for d.slots[pos] != 0 {
			pos = (pos + 1) & mask
		}
		d.slots[pos] = int32(id) + 1
	}
}

// mixedKinds reports whether keys are integers and texts, more than one column.
func mixedKinds(kinds []keyKind) bool {
	texts := 0
	for _, k := range kinds {
		switch k {
		case kindBytes:
			texts++
		case kindInt, kindBool:
		default:
			return false
		}
	}
	return texts > 0 && len(kinds) > 1 && len(kinds) <= maxIntColumns
}

// numbered is key columns with the numbers of texts in place of these, and with
// their hashes; ok false: there are too many.
func (t *keyTable) numbered(cols []vec.Vec, sel []int32, n int, insert bool) (nums, hashes []vec.Vec, ok bool) {
	nums, hashes = make([]vec.Vec, len(cols)), make([]vec.Vec, len(cols))
	copy(nums, cols)
	copy(hashes, cols)
	t.words64 = vec.Grow(t.words64, 2*n*len(cols))
	for j := range cols {
		d := t.dicts[j]
		if d == nil {
			continue
		}
		c, rows := &cols[j], n
		if c.Const {
			rows = 1
		}
		of, hash := t.words64[2*j*n:][:rows:rows], t.words64[(2*j+1)*n:][:rows:rows]
		if sel != nil && !c.Const {
			clear(of)
			clear(hash)
			for _, i := range sel {
				d.put(c, int(i), of, hash, insert)
			}
		} else {
			for i := range rows {
				d.put(c, i, of, hash, insert)
			}
		}
		if d.full() {
			return nil, nil, false
		}
		nums[j] = vec.Vec{Layout: types.LInt64, N: c.N, Const: c.Const, Valid: c.Valid, I64: of}
		hashes[j] = vec.Vec{Layout: types.LInt64, N: c.N, Const: c.Const, Valid: c.Valid, I64: hash}
	}
	return nums, hashes, true
}

// put numbers row i of a column.
func (d *keyDict) put(c *vec.Vec, i int, of, hash []int64, insert bool) {
	of[i], hash[i] = -1, 0
	if c.Null(i) {
		return
	}
	if id := d.number(c.Bytes(i), insert); id >= 0 {
		of[i], hash[i] = int64(id), int64(d.hashes[id])
	}
}

// hashTexts is hashInts for mixed keys in the form of bytes.
func (t *keyTable) hashTexts(cols []vec.Vec, n int) {
	hashes := make([]vec.Vec, len(cols))
	copy(hashes, cols)
	t.words64 = vec.Grow(t.words64, n*len(cols))
	for j := range cols {
		if t.kinds[j] != kindBytes {
			continue
		}
		c, rows := &cols[j], n
		if c.Const {
			rows = 1
		}
		hash := t.words64[j*n:][:rows:rows]
		for i := range hash {
			if !c.Null(i) {
				hash[i] = int64(xxh3.Hash(c.Bytes(i)))
			}
		}
		hashes[j] = vec.Vec{Layout: types.LInt64, N: c.N, Const: c.Const, Valid: c.Valid, I64: hash}
	}
	t.hashInts(hashes, n)
}

// writeOut goes over to the form of bytes: ids, slots and tags stay.
func (t *keyTable) writeOut() {
	refs := make([]keyRef, t.ids)
	all := t.All()
	for from := 0; from < len(all); {
		ids := all[from:min(from+1024, len(all))]
		from += len(ids)
		cols := t.Keys(ids)
		for i, id := range ids {
			t.enc = t.enc[:0]
			for j := range cols {
				t.enc = t.appendColumn(t.enc, j, &cols[j], i)
			}
			refs[id] = keyRef{t.arena.add(t.enc), uint32(len(t.enc)), 0}
		}
	}
	t.refs, t.vals, t.nulls, t.ints, t.dicts = refs, nil, nil, false, nil
}
