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

// Watermark keeps watermarks of keys for the barrier: groups at or below may
// still have changes to emit in this epoch. That of the window key closes groups.
func (a *hashAgg) Watermark(ctx *executor.Ctx, _ int, w stream.Watermark, out executor.Emitter) error {
	k := slices.Index(a.spec.Keys, w.Column)
	switch {
	case k < 0:
	case k == a.spec.WindowKey:
		a.closed.note(w.Time)
		return a.closeEarly(ctx, out)
	default:
		a.marks = newestMark(a.marks, stream.Watermark{Column: k, Time: w.Time})
	}
	return nil
}

// closeWindows drops the groups that can no longer change. Their results are
// final: they have been emitted, or are now, with EmitOnClose.
func (a *hashAgg) closeWindows(ctx *executor.Ctx, out executor.Emitter) error {
	tell, swept := a.closed.rise(), false
	if a.closed.at > min(a.sweepAt, a.storedAt) {
		swept = true
		if err := a.sweep(ctx, out); err != nil {
			return err
		}
	}
	if tell {
		if err := out.EmitWatermark(stream.Watermark{Column: a.spec.WindowKey, Time: a.closed.at}); err != nil {
			return err
		}
	}
	if a.spec.EmitOnClose && !swept {
		return nil
	}
	return a.passMarks(a.spec.EmitOnClose, out)
}

// passMarks passes on the watermarks on other keys than the window; below: no
// further than to the groups that are still to be emitted.
func (a *hashAgg) passMarks(below bool, out executor.Emitter) error {
	for _, w := range a.marks {
		if below {
			w.Time = min(w.Time, a.low[w.Column]-1)
		}
		if err := out.EmitWatermark(w); err != nil {
			return err
		}
	}
	a.marks = a.marks[:0]
	return nil
}

// sweep closes windows: those in memory, then those that are only in the table.
func (a *hashAgg) sweep(ctx *executor.Ctx, out executor.Emitter) error {
	if err := a.drop(ctx, a.expired(), out); err != nil {
		return err
	}
	if a.table != nil && a.res.partial && (a.closed.at > a.storedAt || a.spec.EmitOnClose) {
		return a.sweepStored(ctx, out)
	}
	return nil
}

// expired is the groups in memory that the mark has passed. It finds out when it
// is worth looking again, and the low of the others.
func (a *hashAgg) expired() (gone []int32) {
	live := a.keys.All()
	windows := a.keys.Column(a.spec.WindowKey, live)
	others := make([]vec.Vec, len(a.marks))
	for k, m := range a.marks {
		others[k] = a.keys.Column(m.Column, live)
	}
	a.sweepAt, a.begun = math.MaxInt64, 0
	a.low = slices.Repeat([]int64{math.MaxInt64}, len(a.spec.Keys))
	for i, id := range live {
		switch {
		case !windows.Null(i):
			w := windows.I64[i&windows.Mask()]
			if w <= a.closed.at {
				gone = append(gone, id)
				continue
			}
			a.sweepAt = min(a.sweepAt, w-1) // nothing to do until the watermark passes it
		case a.spec.EmitOnClose: // never emitted
			continue
		}
		for k, m := range a.marks {
			a.low[m.Column] = min(a.low[m.Column], lowOf(&others[k], i))
		}
	}
	return gone
}

// lowOf is an integer for a minimum; NULL has none.
func lowOf(c *vec.Vec, i int) int64 {
	if c.Null(i) {
		return math.MaxInt64
	}
	return c.I64[i&c.Mask()]
}

// drop closes groups that are in memory.
func (a *hashAgg) drop(ctx *executor.Ctx, ids []int32, out executor.Emitter) error {
	if len(ids) == 0 {
		return nil
	}
	if a.spec.EmitOnClose {
		final := a.existing(ids)
		for from := 0; from < len(final); {
			part := final[from : from+a.pace.next(min(len(final)-from, stream.BatchRows))]
			from += len(part)
			results, err := a.results(ctx, part)
			if err != nil {
				return err
			}
			rows := make([]int32, len(part))
			for i := range rows {
				rows[i] = int32(i)
			}
			if err := a.emit(changedGroups{part, rows}, results, stream.Insert, out); err != nil {
				return err
			}
		}
	}
	if err := a.dropState(ids); err != nil {
		return err
	}
	a.forgetAll(ids)
	return nil
}

// dropState deletes what is stored of groups that are in memory.
func (a *hashAgg) dropState(ids []int32) error {
	if !a.plain {
		closed := make([]bool, len(a.groups))
		for _, id := range ids {
			closed[id] = true
		}
		for _, c := range a.aggs {
			c.evict(func(id int32) bool { return closed[id] })
		}
	}
	if a.table == nil {
		return nil
	}
	var stored []int32
	for _, id := range ids {
		if a.groups[id]&groupStored != 0 {
			stored = append(stored, id)
		}
	}
	if len(stored) > 0 { // later, or what was written in this epoch would be made now
		keys, vnodes := a.keys.Keys(stored), a.vnodesOf(stored)
		a.table.PutLater(len(stored), func(to storage.LateWriter) {
			var key []byte
			for i, v := range vnodes {
				key = appendStateKey(key[:0], a.keyTypes, keys, i)
				to.Delete(v, key)
			}
		})
	}
	if a.plain {
		return nil
	}
	return a.dropValues(a.vnodesOf(ids), a.stateKeys(ids))
}

func (a *hashAgg) vnodesOf(ids []int32) []storage.VNode {
	vnodes := make([]storage.VNode, len(ids))
	for i, id := range ids {
		vnodes[i] = a.groups[id].vnode()
	}
	return vnodes
}

// storedGroup is a group that is only in the table.
type storedGroup struct {
	vnode      storage.VNode
	key, value []byte
}

// sweepStored closes windows that are only in the table.
func (a *hashAgg) sweepStored(ctx *executor.Ctx, out executor.Emitter) error {
	var gone []storedGroup
	a.storedAt = math.MaxInt64
	err := a.table.ScanAll(func(v storage.VNode, key, value []byte) (bool, error) {
		_, k := binary.Varint(value)
		if k <= 0 || k >= len(value) {
			return false, a.corrupt()
		}
		w, _ := binary.Varint(value[k:])
		if w > a.closed.at {
			a.storedAt = min(a.storedAt, w-1)
			return true, a.noteLow(value)
		}
		g := storedGroup{vnode: v, key: bytes.Clone(key)}
		if a.spec.EmitOnClose {
			g.value = bytes.Clone(value)
		}
		if gone = append(gone, g); len(gone) == stream.BatchRows {
			err := a.dropStored(ctx, gone, out)
			gone = gone[:0]
			return true, err
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	return a.dropStored(ctx, gone, out)
}

func (a *hashAgg) dropStored(ctx *executor.Ctx, gone []storedGroup, out executor.Emitter) error {
	if a.spec.EmitOnClose {
		return a.emitStored(ctx, gone, out)
	}
	vnodes, keys := make([]storage.VNode, len(gone)), make([][]byte, len(gone))
	for i, e := range gone {
		vnodes[i], keys[i] = e.vnode, e.key
		a.table.Delete(e.vnode, e.key)
	}
	return a.dropValues(vnodes, keys)
}

// dropValues deletes the values that aggregates have stored of groups.
func (a *hashAgg) dropValues(vnodes []storage.VNode, keys [][]byte) error {
	for _, c := range a.aggs {
		if err := c.drop(vnodes, keys); err != nil {
			return err
		}
	}
	return nil
}

// emitStored brings groups back to memory to close them there.
func (a *hashAgg) emitStored(ctx *executor.Ctx, gone []storedGroup, out executor.Emitter) error {
	if len(gone) == 0 {
		return nil
	}
	dec := a.keyDecoder()
	builders := dec.Builders(len(gone))
	for _, e := range gone {
		row, err := a.keyRow(e.value)
		if err != nil {
			return err
		}
		if err := dec.Append(builders, row); err != nil {
			return err
		}
	}
	b := batchOf(builders, len(gone), nil)
	ids := make([]int32, len(gone))
	a.keys.FindOrInsert(b.Cols(), nil, len(gone), ids)
	a.grow()
	for i, id := range ids {
		a.groups[id] = newGroup(gone[i].vnode)
		if err := a.decode(id, gone[i].value); err != nil {
			return err
		}
	}
	return a.drop(ctx, ids, out)
}

// noteLow takes the keys of a stored group that waits into account for the
// watermarks of its columns.
func (a *hashAgg) noteLow(value []byte) error {
	if !a.spec.EmitOnClose || len(a.marks) == 0 {
		return nil
	}
	row, err := a.keyRow(value)
	if err != nil {
		return err
	}
	dec := a.keyDecoder()
	bs := dec.Builders(1)
	if err := dec.Append(bs, row); err != nil {
		return err
	}
	for _, m := range a.marks {
		c := bs[m.Column].Vec()
		a.low[m.Column] = min(a.low[m.Column], lowOf(&c, 0))
	}
	return nil
}

// keyDecoder reads the rows of keyRow.
func (a *hashAgg) keyDecoder() *storage.RowDecoder {
	return storage.NewRowDecoder(typeLayouts(a.keyTypes), allCols(len(a.keyTypes)))
}

// keyRow is the key columns in a stored state.
func (a *hashAgg) keyRow(value []byte) ([]byte, error) {
	for range 2 { // rows, window
		_, k := binary.Varint(value)
		if k <= 0 {
			return nil, a.corrupt()
		}
		value = value[k:]
	}
	n, k := binary.Uvarint(value)
	if k <= 0 || int(n) > len(value)-k {
		return nil, a.corrupt()
	}
	return value[k : k+int(n)], nil
}

func (a *hashAgg) corrupt() error {
	return sqlerr.New(sqlerr.DataCorrupted, "stored aggregate state of table %d is malformed", a.spec.Groups.ID)
}
