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
func (a *hashAgg) Watermark(_ *executor.Ctx, _ int, w stream.Watermark, _ executor.Emitter) error {
	k := slices.Index(a.spec.Keys, w.Column)
	switch {
	case k < 0:
	case k == a.spec.WindowKey:
		a.closed.note(w.Time)
	default:
		a.marks = newestMark(a.marks, stream.Watermark{Column: k, Time: w.Time})
	}
	return nil
}

// closeWindows drops the groups that can no longer change. Their results are
// final: they have been emitted, or are now, with EmitOnClose.
func (a *hashAgg) closeWindows(ctx *executor.Ctx, out executor.Emitter) error {
	swept := false
	if a.closed.rise() {
		if a.closed.at > a.sweepAt {
			swept = true
			if err := a.sweep(ctx, out); err != nil {
				return err
			}
		}
		if err := out.EmitWatermark(stream.Watermark{Column: a.spec.WindowKey, Time: a.closed.at}); err != nil {
			return err
		}
	}
	if a.spec.EmitOnClose && !swept {
		return nil
	}
	for _, w := range a.marks { // on other keys
		if a.spec.EmitOnClose { // groups that wait may be below it
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
	var gone []int32
	live := a.keys.All()
	keys := a.keys.Keys(live)
	windows := keys[a.spec.WindowKey]
	a.sweepAt = math.MaxInt64
	a.low = slices.Repeat([]int64{math.MaxInt64}, len(a.spec.Keys))
	for i, id := range live {
		if windows.Null(i) {
			continue
		}
		if w := windows.I64[i]; w <= a.closed.at {
			gone = append(gone, id)
			continue
		}
		a.sweepAt = min(a.sweepAt, windows.I64[i]-1) // nothing to do until the watermark passes it
		for _, m := range a.marks {
			a.low[m.Column] = min(a.low[m.Column], lowOf(&keys[m.Column], i))
		}
	}
	if err := a.drop(ctx, gone, out); err != nil {
		return err
	}
	if a.table != nil && a.res.partial {
		return a.sweepStored(ctx, out)
	}
	return nil
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
		for from := 0; from < len(ids); {
			part := ids[from : from+a.pace.next(min(len(ids)-from, stream.BatchRows))]
			from += len(part)
			results, err := a.results(ctx, part)
			if err != nil {
				return err
			}
			rows := make([]int32, len(part))
			for i := range rows {
				rows[i] = int32(i)
			}
			if err := a.emit(part, results, rows, stream.Insert, out); err != nil {
				return err
			}
		}
	}
	keys := a.stateKeys(ids)
	closed := make([]bool, len(a.groups))
	for _, id := range ids {
		closed[id] = true
	}
	for _, c := range a.aggs {
		c.evict(func(id int32) bool { return closed[id] })
	}
	vnodes := make([]storage.VNode, len(ids))
	var gone []storedGroup
	for i, id := range ids {
		g := &a.groups[id]
		vnodes[i] = g.vnode()
		if *g&groupStored != 0 {
			gone = append(gone, storedGroup{vnode: vnodes[i], key: keys[i]})
		}
		a.forget(id)
	}
	if a.table != nil {
		if err := a.dropValues(vnodes, keys); err != nil {
			return err
		}
	}
	if len(gone) > 0 { // later, or what was written in this epoch would be made now
		a.table.PutLater(len(gone), func(to storage.LateWriter) {
			for _, g := range gone {
				to.Delete(g.vnode, g.key)
			}
		})
	}
	return nil
}

// storedGroup is a group that is only in the table.
type storedGroup struct {
	vnode      storage.VNode
	key, value []byte
}

// sweepStored closes windows that are only in the table.
func (a *hashAgg) sweepStored(ctx *executor.Ctx, out executor.Emitter) error {
	var gone []storedGroup
	err := a.table.ScanAll(func(v storage.VNode, key, value []byte) (bool, error) {
		_, k := binary.Varint(value)
		if k <= 0 || k >= len(value) {
			return false, a.corrupt()
		}
		w, _ := binary.Varint(value[k:])
		if w > a.closed.at {
			a.sweepAt = min(a.sweepAt, w-1)
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
