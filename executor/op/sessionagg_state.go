package op

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"

	"streamdb/executor"
	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/vec"
)

// This file is how the partitions of a sessionAgg get to its table and back, and how
// closed sessions leave both.

// stateKeys is the keys of partitions in the table.
func (x *sessionAgg) stateKeys(parts []int32) [][]byte {
	cols := x.keys.Keys(parts)
	keys := make([][]byte, len(parts))
	var buf []byte
	for i := range parts {
		from := len(buf)
		buf = appendStateKey(buf, x.keyTypes, cols, i)
		keys[i] = buf[from:len(buf):len(buf)]
	}
	return keys
}

// write records the partitions that changed. All of them have sessions.
func (x *sessionAgg) write() {
	if len(x.dirty) == 0 {
		return
	}
	cols := x.keys.Keys(x.dirty)
	var key, value, row []byte
	var list []int32
	for i, p := range x.dirty {
		c := &x.parts[p]
		list = list[:0]
		for id := c.newest; id >= 0; id = x.spans[id].prev {
			list = append(list, id)
		}
		row = storage.AppendRow(row[:0], cols, i)
		value = append(binary.AppendUvarint(value[:0], uint64(len(row))), row...)
		value = binary.AppendUvarint(value, uint64(len(list)))
		for _, id := range slices.Backward(list) {
			s := &x.spans[id]
			value = binary.AppendVarint(value, s.first)
			value = binary.AppendUvarint(value, uint64(s.upto-s.first))
			for _, a := range x.aggs {
				value = a.encode(id, value)
			}
		}
		key = appendStateKey(key[:0], x.keyTypes, cols, i)
		x.table.Put(c.vnode, key, value)
		c.dirty, c.stored = false, true
	}
	x.dirty = x.dirty[:0]
}

// load takes the sessions of a partition that has just come to memory.
func (x *sessionAgg) load(p int32, value []byte) error {
	_, rest, err := x.keyRow(value)
	if err != nil {
		return err
	}
	n, k := binary.Uvarint(rest)
	if k <= 0 {
		return x.corrupt()
	}
	rest = rest[k:]
	newest := int32(-1)
	for range n {
		first, k := binary.Varint(rest)
		if k <= 0 {
			return x.corrupt()
		}
		rest = rest[k:]
		length, k := binary.Uvarint(rest)
		if k <= 0 {
			return x.corrupt()
		}
		rest = rest[k:]
		id := x.begin(p, timeSpan{first, first + int64(length)})
		s := &x.spans[id]
		s.prev, s.shown, newest = newest, !x.spec.EmitOnClose, id
		for _, a := range x.aggs {
			if rest, err = a.load(id, rest); err != nil {
				return err
			}
		}
	}
	c := &x.parts[p]
	c.newest, c.stored = newest, true
	return nil
}

// keyRow is the partition columns in a stored value, and what follows them.
func (x *sessionAgg) keyRow(value []byte) (row, rest []byte, err error) {
	n, k := binary.Uvarint(value)
	if k <= 0 || n > uint64(len(value)-k) {
		return nil, nil, x.corrupt()
	}
	return value[k : k+int(n)], value[k+int(n):], nil
}

// oldest is the reach of the oldest session in a stored value.
func (x *sessionAgg) oldest(value []byte) (upto int64, err error) {
	_, rest, err := x.keyRow(value)
	if err != nil {
		return 0, err
	}
	_, k := binary.Uvarint(rest)
	if k <= 0 {
		return 0, x.corrupt()
	}
	first, m := binary.Varint(rest[k:])
	if m <= 0 {
		return 0, x.corrupt()
	}
	length, o := binary.Uvarint(rest[k+m:])
	if o <= 0 {
		return 0, x.corrupt()
	}
	return first + int64(length), nil
}

func (x *sessionAgg) corrupt() error {
	return sqlerr.New(sqlerr.DataCorrupted, "stored sessions of table %d are malformed", x.spec.Sessions.ID)
}

// sweep drops the closed sessions of partitions in memory, which rise. What the epoch
// changed of them, or, with EmitOnClose, all, comes out now.
func (x *sessionAgg) sweep(ctx *executor.Ctx, parts []int32, out executor.Emitter) error {
	next := x.next()
	var gone, show, emptied []int32
	for _, p := range parts {
		newer, k := int32(-1), x.parts[p].newest
		for k >= 0 && x.spans[k].upto >= next {
			newer, k = k, x.spans[k].prev
		}
		if k < 0 {
			continue
		}
		x.link(p, newer, -1)
		if newer >= 0 {
			x.soil(p)
		} else {
			emptied = append(emptied, p)
		}
		for ; k >= 0; k = x.spans[k].prev {
			gone = append(gone, k)
			if x.spec.EmitOnClose || x.spans[k].touched {
				show = append(show, k)
			}
		}
	}
	if len(gone) == 0 {
		return nil
	}
	x.forgetRetired()
	if err := x.takeBack(x.olds.orphans, out); err != nil { // their partitions may go
		return err
	}
	x.olds.orphans = x.olds.orphans[:0]
	if err := x.show(ctx, show, out); err != nil {
		return err
	}
	for _, id := range gone {
		x.forget(id)
	}
	x.touched = slices.DeleteFunc(x.touched, func(id int32) bool { return x.spans[id].part < 0 })
	x.drop(emptied)
	return nil
}

// drop forgets partitions, which rise, that have no session any more, and their entries.
func (x *sessionAgg) drop(parts []int32) {
	var stored []int32
	for _, p := range parts {
		if x.parts[p].stored {
			stored = append(stored, p)
		}
	}
	for i, key := range x.stateKeys(stored) {
		x.table.Delete(x.parts[stored[i]].vnode, key)
	}
	x.release(parts)
	x.dirty = slices.DeleteFunc(x.dirty, func(p int32) bool { return !x.keys.Live(p) })
}

// release gives the ids of partitions, which rise, free.
func (x *sessionAgg) release(parts []int32) {
	x.keys.DeleteAll(parts)
	for _, p := range parts {
		x.clock.forget(p)
		x.parts[p] = sessionPart{newest: -1}
	}
}

// sweepStored is sweep for partitions that are only in the table. Where nothing
// comes out of them it need not be done each time.
func (x *sessionAgg) sweepStored(ctx *executor.Ctx, out executor.Emitter) error {
	next := x.next()
	if !x.res.partial || next <= x.sweepAt {
		return nil
	}
	x.sweepAt = math.MaxInt64
	var some []storedGroup
	err := x.table.ScanAll(func(v storage.VNode, key, value []byte) (bool, error) {
		upto, err := x.oldest(value)
		if err != nil {
			return false, err
		}
		if upto >= next {
			x.sweepAt = min(x.sweepAt, upto)
			return true, nil
		}
		if some = append(some, storedGroup{vnode: v, value: bytes.Clone(value)}); len(some) == stream.BatchRows {
			err = x.closeStored(ctx, some, out)
			some = some[:0]
		}
		return true, err
	})
	if err != nil {
		return err
	}
	if !x.spec.EmitOnClose {
		x.sweepAt = max(x.sweepAt, next+min(x.spec.Gap, math.MaxInt64-next))
	}
	return x.closeStored(ctx, some, out)
}

// closeStored brings partitions to memory, unless they are there, and sweeps them.
func (x *sessionAgg) closeStored(ctx *executor.Ctx, some []storedGroup, out executor.Emitter) error {
	if len(some) == 0 {
		return nil
	}
	builders := x.rowDec.Builders(len(some))
	for i := range some {
		row, _, err := x.keyRow(some[i].value)
		if err != nil {
			return err
		}
		if err := x.rowDec.Append(builders, row); err != nil {
			return err
		}
	}
	b := batchOf(builders, len(some), nil)
	ids := make([]int32, len(some))
	fresh, rows := x.keys.FindOrInsert(b.Cols(), nil, len(some), ids)
	x.parts = vec.Grow(x.parts, x.keys.Ids())
	x.clock.grow(x.keys.Ids())
	for k, p := range fresh {
		g := &some[rows[k]]
		x.parts[p] = sessionPart{newest: -1, vnode: g.vnode}
		if err := x.load(p, g.value); err != nil {
			return err
		}
	}
	fresh = slices.Clone(fresh)
	slices.Sort(fresh)
	return x.sweep(ctx, fresh, out)
}
