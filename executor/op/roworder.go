package op

import (
	"bytes"
	"cmp"
	"math"

	"streamdb/types"
	"streamdb/vec"
)

// rowOrder compares rows of batches with rows that are kept, column by column and
// by value: as the bytes of a sortEncoder compare.
type rowOrder struct {
	keys  []SortKey
	types []types.T // of keys
}

func newRowOrder(in types.Schema, keys []SortKey) rowOrder {
	o := rowOrder{keys: keys}
	for _, k := range keys {
		o.types = append(o.types, in[k.Col].Type)
	}
	return o
}

// heads puts the beginning of each row's order into dst: of two rows that with the
// lesser one stands first, if they differ.
func (o *rowOrder) heads(cols []vec.Vec, n int, dst []int64) []int64 {
	if cap(dst) < n {
		dst = make([]int64, n)
	}
	dst = dst[:n]
	clear(dst)
	if len(o.keys) == 0 {
		return dst
	}
	k, col := &o.keys[0], &cols[o.keys[0].Col]
	m, flip := col.Mask(), k.flip()
	switch {
	case col.Layout == types.LInt64:
		for i := range dst {
			dst[i] = col.I64[i&m] ^ flip
		}
	case col.Layout == types.LBytes && o.types[0].PlainBytes():
		for i := range dst {
			dst[i] = bytesHead(col.Data[col.Off[i&m]:col.Off[i&m+1]]) ^ flip
		}
	}
	if col.HasNulls() {
		for i := range dst {
			if col.Null(i) {
				dst[i] = k.nullHead()
			}
		}
	}
	return dst
}

// headOf is the head of a row that is kept.
func (o *rowOrder) headOf(r *joinRows, slot int32) int64 {
	if len(o.keys) == 0 {
		return 0
	}
	k, c := &o.keys[0], &r.cols[o.keys[0].Col]
	switch {
	case c.null(slot):
		return k.nullHead()
	case c.layout == types.LInt64:
		return c.i64.at(slot) ^ k.flip()
	case c.layout == types.LBytes && o.types[0].PlainBytes():
		return bytesHead(c.bytesAt(slot)) ^ k.flip()
	}
	return 0
}

// flip makes what falls rise: ^x falls where x rises.
func (k *SortKey) flip() int64 {
	if k.Desc {
		return -1
	}
	return 0
}

func (k *SortKey) nullHead() int64 {
	if k.NullsFirst {
		return math.MinInt64
	}
	return math.MaxInt64
}

// bytesHead is the first eight bytes, in their order.
func bytesHead(b []byte) int64 { return int64(prefixOf(b) ^ 1<<63) }

// compare says where row i of cols stands: below 0 before the row at slot, above 0
// behind it.
func (o *rowOrder) compare(cols []vec.Vec, i int, r *joinRows, slot int32) int {
	for j := range o.keys {
		k := &o.keys[j]
		v, c := &cols[k.Col], &r.cols[k.Col]
		if vn, cn := v.Null(i), c.null(slot); vn || cn {
			if vn && cn {
				continue
			}
			if vn == k.NullsFirst {
				return -1
			}
			return 1
		}
		at, d := i&v.Mask(), 0
		switch c.layout {
		case types.LInt64:
			d = cmp.Compare(v.I64[at], c.i64.at(slot))
		case types.LFloat64:
			d = types.CompareFloat(v.F64[at], c.f64.at(slot))
		case types.LBool:
			if v.Bool[at] != c.b.at(slot) {
				d = 1
				if c.b.at(slot) {
					d = -1
				}
			}
		default:
			x, y := v.Data[v.Off[at]:v.Off[at+1]], c.bytesAt(slot)
			if o.types[j].PlainBytes() {
				d = bytes.Compare(x, y)
			} else {
				d = types.CompareBytes(o.types[j], x, y)
			}
		}
		if d == 0 {
			continue
		}
		if k.Desc {
			return -d
		}
		return d
	}
	return 0
}

// bytesAt views the value at a slot of a column of bytes.
func (c *joinCol) bytesAt(slot int32) []byte {
	return c.arena.get(c.spans.at(slot), int(c.lens.at(slot)))
}

// same reports whether two rows that are kept stand in one place.
func (o *rowOrder) same(r *joinRows, a, b int32) bool {
	for j := range o.keys {
		c := &r.cols[o.keys[j].Col]
		an, bn := c.null(a), c.null(b)
		if an || bn {
			if an != bn {
				return false
			}
			continue
		}
		same := true
		switch c.layout {
		case types.LInt64:
			same = c.i64.at(a) == c.i64.at(b)
		case types.LFloat64:
			same = types.CompareFloat(c.f64.at(a), c.f64.at(b)) == 0
		case types.LBool:
			same = c.b.at(a) == c.b.at(b)
		default:
			x, y := c.bytesAt(a), c.bytesAt(b)
			same = bytes.Equal(x, y) || !o.types[j].PlainBytes() && types.CompareBytes(o.types[j], x, y) == 0
		}
		if !same {
			return false
		}
	}
	return true
}
