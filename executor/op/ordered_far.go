package op

import (
	"bytes"
	"encoding/binary"

	"streamdb/internal/sqlerr"
	"streamdb/storage"
)

// farChanges are the changes of an epoch to values of min and max that lie beyond
// those in memory. Their counts are read at the end of each batch, in one pass; the
// groups' other values are not needed.
type farChanges struct {
	keys   byteMap // group id (4 bytes), value key
	counts []int64
	stored []bool // the table has it
	vals   arena
	at     []span
	vlen   []int32
	read   int // so many of them have been looked for in the table
}

func (f *farChanges) key(i int) (id int32, key []byte) {
	full := f.keys.Key(int32(i))
	return int32(binary.LittleEndian.Uint32(full)), full[4:]
}

func (f *farChanges) val(i int) []byte { return f.vals.get(f.at[i], int(f.vlen[i])) }

func (f *farChanges) bytes() int64 {
	return int64(f.keys.Bytes()) + f.vals.size + int64(9*cap(f.counts)+12*cap(f.at))
}

// addFar notes a change of a value that is not in memory. key is at the start of
// o.buf, which is changed.
func (o *orderedAgg) addFar(id int32, key []byte, w int64, row int) {
	from := len(key)
	o.buf = append(binary.LittleEndian.AppendUint32(key, uint32(id)), key...)
	f := &o.far
	at, fresh := f.keys.Insert(o.buf[from:])
	if fresh {
		o.buf = storage.AppendRow(o.buf[:0], o.argBuf, row)
		f.counts, f.stored = append(f.counts, 0), append(f.stored, false)
		f.at, f.vlen = append(f.at, f.vals.add(o.buf)), append(f.vlen, int32(len(o.buf)))
	}
	f.counts[at] += w
}

// farAt is where a value is among the far changes; -1: it is not.
func (o *orderedAgg) farAt(id int32, key []byte) int32 {
	if o.far.keys.Len() == 0 {
		return -1
	}
	o.buf = append(binary.LittleEndian.AppendUint32(o.buf[:0], uint32(id)), key...)
	return o.far.keys.Find(o.buf)
}

// readFar adds what the table says to the counts of new far changes.
func (o *orderedAgg) readFar() error {
	f := &o.far
	from := f.read
	n := f.keys.Len() - from
	if n == 0 {
		return nil
	}
	f.read += n
	ids, keys, vnodes := make([]int32, n), make([][]byte, n), make([]storage.VNode, n)
	for k := range ids {
		ids[k], _ = f.key(from + k)
		vnodes[k] = o.owner.groups[ids[k]].vnode()
	}
	for k, group := range o.owner.stateKeys(ids) {
		_, key := f.key(from + k)
		keys[k] = append(group[:len(group):len(group)], key...)
	}
	get := o.table.MultiGetSealed
	if o.owner.spec.AppendOnly { // what spill wrote counts
		get = o.table.MultiGet
	}
	return get(vnodes, keys, func(k int, value []byte) error {
		if value == nil {
			return nil
		}
		count, w := binary.Varint(value)
		if w <= 0 {
			return sqlerr.New(sqlerr.DataCorrupted, "stored aggregate value is malformed")
		}
		f.counts[from+k] += count
		f.stored[from+k] = true
		return nil
	})
}

// takeFar brings the new values among the far changes of the groups that were read
// just now to memory, those that lie between what was read.
func (o *orderedAgg) takeFar() {
	for i := range o.far.counts {
		id, key := o.far.key(i)
		g := &o.groups[id]
		if !o.owner.refs.has(id) || o.far.counts[i] <= 0 || o.far.stored[i] ||
			g.cut && (g.live == 0 || bytes.Compare(key, o.set.Key(o.set.Max(g.root))) > 0) {
			continue
		}
		o.set.nodes[o.set.Insert(&g.root, key, o.far.val(i), o.far.counts[i])].stored = true
		g.live++
	}
}
