package op

import (
	"bytes"
	"encoding/binary"
	"math"
	"unsafe"

	"github.com/zeebo/xxh3"

	"streamdb/types"
	"streamdb/vec"
)

// The byte form of a key in a keyTable (in memory only, not order-preserving):
// per column one byte 0 for NULL or 1, then
//
//	int     8 bytes        bool   1 byte       float   8 bytes, canonical
//	bytes   length, bytes  lossy  length, types.AppendKey
//
// followed, outside the key, by length and original bytes of each lossy value
// that is not NULL. A single column of kindBytes that is not NULL is just its
// bytes; NULL then is the empty key with a tail of one byte.

// stringOf views bytes as a string for a Datum that does not outlive the call.
func stringOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// bytesOf views a Datum's byte form.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// keyDatum is row i of a column as a Datum that views the column's memory.
func keyDatum(c *vec.Vec, i int) types.Datum {
	if c.Null(i) {
		return types.NullDatum
	}
	j := i & c.Mask()
	switch c.Layout {
	case types.LBool:
		return types.BoolDatum(c.Bool[j])
	case types.LInt64:
		return types.Datum{I: c.I64[j]}
	case types.LFloat64:
		return types.Datum{F: c.F64[j]}
	}
	return types.Datum{S: stringOf(c.Data[c.Off[j]:c.Off[j+1]])}
}

func canonicalFloat(f float64) uint64 {
	if f == 0 {
		return 0
	}
	if f != f {
		return math.Float64bits(math.NaN())
	}
	return math.Float64bits(f)
}

// encode writes the canonical keys of the selected rows to enc and their tags to hashes.
func (t *keyTable) encode(cols []vec.Vec, sel []int32, n int) {
	rows := n
	if sel != nil {
		rows = len(sel)
	}
	if t.raw {
		c := &cols[0]
		for k := range rows {
			i := k
			if sel != nil {
				i = int(sel[k])
			}
			if c.Null(i) {
				t.hashes[i] = 1
			} else {
				t.hashes[i] = hashBytes(c.Bytes(i))
			}
		}
		return
	}
	t.enc, t.encEnd = t.enc[:0], t.encEnd[:0]
	for k := range rows {
		i := k
		if sel != nil {
			i = int(sel[k])
		}
		from := len(t.enc)
		for j := range cols {
			t.enc = t.appendColumn(t.enc, j, &cols[j], i)
		}
		t.encEnd = append(t.encEnd, int32(len(t.enc)))
		if !t.mixed {
			t.hashes[i] = hashBytes(t.enc[from:])
		}
	}
	if t.mixed {
		t.hashTexts(cols, n)
	}
}

func (t *keyTable) appendColumn(dst []byte, j int, c *vec.Vec, i int) []byte {
	if c.Null(i) {
		return append(dst, 0)
	}
	dst = append(dst, 1)
	p := i & c.Mask()
	switch t.kinds[j] {
	case kindInt:
		return binary.LittleEndian.AppendUint64(dst, uint64(c.I64[p]))
	case kindBool:
		if c.Bool[p] {
			return append(dst, 1)
		}
		return append(dst, 0)
	case kindFloat:
		return binary.LittleEndian.AppendUint64(dst, canonicalFloat(c.F64[p]))
	case kindBytes:
		b := c.Data[c.Off[p]:c.Off[p+1]]
		return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
	}
	// The length of a canonical key is known only afterwards: four bytes for it.
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	dst = types.AppendKey(dst, t.types[j], keyDatum(c, i), false, false)
	binary.LittleEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	return dst
}

// appendTail writes the original values of lossy columns.
func (t *keyTable) appendTail(dst []byte, cols []vec.Vec, i int) []byte {
	for j := range cols {
		if t.kinds[j] == kindLossy && !cols[j].Null(i) {
			b := cols[j].Bytes(i)
			dst = append(binary.AppendUvarint(dst, uint64(len(b))), b...)
		}
	}
	return dst
}

var nullTail = []byte{0}

func (t *keyTable) probeBytes(cols []vec.Vec, sel []int32, n int, ids []int32, insert bool) {
	rows := n
	if sel != nil {
		rows = len(sel)
	}
	var tail []byte
	from := int32(0)
	for k := range rows {
		i := k
		if sel != nil {
			i = int(sel[k])
		}
		var key []byte
		null := false
		if t.raw {
			if null = cols[0].Null(i); !null {
				key = cols[0].Bytes(i)
			}
		} else {
			key = t.enc[from:t.encEnd[k]]
			from = t.encEnd[k]
		}
		tag := t.hashes[i]
		pos := t.home(tag)
		ids[i] = -1
		for {
			s := t.slots[pos]
			if s == 0 {
				break
			}
			if s>>32 == tag {
				r := &t.refs[uint32(s)]
				if int(r.key) == len(key) && (!t.raw || (r.tail == 1) == null) && bytes.Equal(t.arena.get(r.at, len(key)), key) {
					ids[i] = int32(uint32(s))
					break
				}
			}
			if pos++; pos == len(t.slots) {
				pos = 0
			}
		}
		if ids[i] >= 0 || !insert {
			continue
		}
		id := t.newID(uint32(tag), int32(i))
		switch {
		case null:
			tail = nullTail
		case t.raw:
			tail = nil
		default:
			tail = t.appendTail(tail[:0], cols, i)
		}
		t.refs[id] = keyRef{t.arena.add2(key, tail), uint32(len(key)), uint32(len(tail))}
		ids[i] = id
	}
}

// AppendKeys appends the key columns of ids to out, one builder per column.
func (t *keyTable) AppendKeys(ids []int32, out []*vec.Builder) {
	if t.ints {
		w := len(t.types)
		for j := range t.types {
			b := out[j]
			for _, id := range ids {
				x := t.vals[int(id)*w+j]
				switch {
				case t.nulls != nil && t.nulls[id]&(1<<j) != 0:
					b.AppendNull()
				case t.kinds[j] == kindBool:
					b.AppendBool(x != 0)
				case t.kinds[j] == kindBytes:
					b.AppendString(t.dicts[j].texts[x])
				default:
					b.AppendInt(x)
				}
			}
		}
		return
	}
	for _, id := range ids {
		r := &t.refs[id]
		key := t.arena.get(r.at, int(r.key+r.tail))
		if t.raw {
			if r.tail == 1 {
				out[0].AppendNull()
			} else {
				out[0].AppendBytes(key)
			}
			continue
		}
		t.decode(key[:r.key], key[r.key:], out)
	}
}

func (t *keyTable) decode(key, tail []byte, out []*vec.Builder) {
	for j, kind := range t.kinds {
		null := key[0] == 0
		key = key[1:]
		if null {
			out[j].AppendNull()
			continue
		}
		switch kind {
		case kindInt:
			out[j].AppendInt(int64(binary.LittleEndian.Uint64(key)))
			key = key[8:]
		case kindBool:
			out[j].AppendBool(key[0] != 0)
			key = key[1:]
		case kindFloat:
			out[j].AppendFloat(math.Float64frombits(binary.LittleEndian.Uint64(key)))
			key = key[8:]
		case kindBytes:
			n, k := binary.Uvarint(key)
			out[j].AppendBytes(key[k : k+int(n)])
			key = key[k+int(n):]
		case kindLossy:
			key = key[4+binary.LittleEndian.Uint32(key):]
			n, k := binary.Uvarint(tail)
			out[j].AppendBytes(tail[k : k+int(n)])
			tail = tail[k+int(n):]
		}
	}
}

// Keys is the key columns of ids.
func (t *keyTable) Keys(ids []int32) []vec.Vec {
	out := make([]*vec.Builder, len(t.types))
	for j := range out {
		out[j] = vec.NewBuilder(t.types[j].Layout(), len(ids))
	}
	t.AppendKeys(ids, out)
	cols := make([]vec.Vec, len(out))
	for j := range out {
		cols[j] = out[j].Vec()
	}
	return cols
}

// tagOfBytes is the tag of a key of integers and texts.
func (t *keyTable) tagOfBytes(key []byte) uint32 {
	h := uint64(0)
	for j, kind := range t.kinds {
		x := uint64(hashOfNull)
		null := key[0] == 0
		key = key[1:]
		switch {
		case null:
		case kind == kindInt:
			x, key = binary.LittleEndian.Uint64(key), key[8:]
		case kind == kindBool:
			x, key = uint64(key[0]), key[1:]
		default:
			n, k := binary.Uvarint(key)
			x, key = xxh3.Hash(key[k:k+int(n)]), key[k+int(n):]
		}
		h = hashStep(h, x, j)
	}
	return uint32(h>>32 | 1)
}

// Column is column j of the keys of ids.
func (t *keyTable) Column(j int, ids []int32) vec.Vec {
	if !t.ints || t.kinds[j] != kindInt || t.nulls != nil {
		return t.Keys(ids)[j]
	}
	w, out := len(t.types), make([]int64, len(ids))
	for i, id := range ids {
		out[i] = t.vals[int(id)*w+j]
	}
	return vec.Ints(out)
}

// Lossy reports whether equal keys may be written in different ways, so that a
// stored key must keep its values apart.
func (t *keyTable) Lossy() bool {
	for _, k := range t.kinds {
		if k == kindLossy {
			return true
		}
	}
	return false
}

// appendStateKey appends row i of key columns as an order-preserving state key,
// equal for equal SQL values. The columns' keys are self-delimiting, so it is a
// prefix of the keys of everything that belongs to it.
func appendStateKey(dst []byte, ts []types.T, cols []vec.Vec, i int) []byte {
	for j := range cols {
		dst = types.AppendKey(dst, ts[j], keyDatum(&cols[j], i), false, false)
	}
	return dst
}
