package op

import (
	"bytes"
	"fmt"

	"streamdb/executor"
	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// rowWriter is what the three ways to materialize share.
type rowWriter struct {
	spec   *Materialize
	table  storage.StateTable
	types  []types.T
	vnodes []storage.VNode
	key    []byte
	row    []byte
	marks  []stream.Watermark // held back until the rows below them are out
}

func (w *rowWriter) Close() error { return nil }

// hold keeps the newest watermark of each column until the barrier: rows that
// arrived before it are still to be emitted.
func (w *rowWriter) hold(m stream.Watermark) { w.marks = newestMark(w.marks, m) }

// newestMark adds a watermark to those of other columns.
func newestMark(marks []stream.Watermark, m stream.Watermark) []stream.Watermark {
	for i := range marks {
		if marks[i].Column == m.Column {
			marks[i].Time = max(marks[i].Time, m.Time)
			return marks
		}
	}
	return append(marks, m)
}

func (w *rowWriter) release(out executor.Emitter) error {
	for _, m := range w.marks {
		if err := out.EmitWatermark(m); err != nil {
			return err
		}
	}
	w.marks = w.marks[:0]
	return nil
}

// put stores row i of cols under key.
func (w *rowWriter) put(v storage.VNode, key []byte, cols []vec.Vec, i int) {
	w.row = storage.AppendRow(w.row[:0], cols, i)
	w.table.Put(v, key, w.row)
}

// appendRows writes and emits rows as they come: keys only ever arrive once.
type appendRows struct{ rowWriter }

func (a *appendRows) Process(_ *executor.Ctx, _ int, b *stream.Batch, out executor.Emitter) error {
	for _, op := range b.Ops {
		if op != stream.Insert {
			return fmt.Errorf("op: a retraction reached the append-only relation %s", a.spec.Table.Def.Name)
		}
	}
	n, cols := b.Rows(), b.Cols()
	a.vnodes = executor.VNodes(cols, a.spec.Table.Dist, a.types, n, a.vnodes)
	for i := range n {
		a.key = a.spec.Table.EncodeKey(a.key[:0], cols, i)
		a.put(a.vnodes[i], a.key, cols, i)
	}
	return out.Emit(b)
}

func (a *appendRows) Watermark(_ *executor.Ctx, _ int, w stream.Watermark, out executor.Emitter) error {
	return out.EmitWatermark(w)
}

func (a *appendRows) Barrier(*executor.Ctx, stream.Barrier, executor.Emitter) error { return nil }

// netRows consolidates an epoch's changes key by key, in whatever order they
// came, and writes and emits the rest: at most one deleted and one inserted row.
type netRows struct {
	epochWriter
	other []byte
	keep  []bool
	chain []netRow
}

// netRow is one distinct row image of a key: how often it is to be inserted
// (or, below zero, deleted) after the epoch.
type netRow struct {
	batch, i int
	weight   int
}

func (w *netRows) Barrier(_ *executor.Ctx, _ stream.Barrier, out executor.Emitter) error {
	if err := w.settleAll(); err != nil {
		return err
	}
	if err := w.epoch.emit(w.keep, out); err != nil {
		return err
	}
	return w.release(out)
}

// settleAll writes the net changes of the epoch.
func (w *netRows) settleAll() error {
	e := &w.epoch
	if cap(w.keep) < len(e.next) {
		w.keep = make([]bool, len(e.next))
	}
	w.keep = w.keep[:len(e.next)]
	clear(w.keep)
	for id := range e.heads {
		if err := w.settle(int32(id)); err != nil {
			return err
		}
	}
	return nil
}

// settle writes the net change of one key and marks the rows to emit.
func (w *netRows) settle(id int32) error {
	e := &w.epoch
	head := e.heads[id]
	w.chain = w.chain[:0]
	for r := head; r >= 0; r = e.next[r] {
		batch, i := e.at(r)
		w.fold(batch, i)
	}
	var ins, del *netRow
	for k := range w.chain {
		c := &w.chain[k]
		switch {
		case c.weight == 0:
		case c.weight == 1 && ins == nil:
			ins = c
		case c.weight == -1 && del == nil:
			del = c
		default:
			return w.conflict(id, c)
		}
	}
	key := e.keys.Key(id)
	if ins != nil {
		w.put(key[0], key[1:], e.batches[ins.batch].Cols(), ins.i)
		w.keep[int(e.first[ins.batch])+ins.i] = true
	} else if del != nil {
		w.table.Delete(key[0], key[1:])
	}
	if del != nil {
		w.keep[int(e.first[del.batch])+del.i] = true
	}
	return nil
}

// fold adds a row to the chain of its key's distinct images.
func (w *netRows) fold(batch, i int) {
	b := w.epoch.batches[batch]
	op := int(b.Op(i))
	if len(w.chain) > 0 {
		w.row = storage.AppendRow(w.row[:0], b.Cols(), i)
	}
	for k := range w.chain {
		c := &w.chain[k]
		o := w.epoch.batches[c.batch]
		w.other = storage.AppendRow(w.other[:0], o.Cols(), c.i)
		if !bytes.Equal(w.row, w.other) {
			continue
		}
		c.weight += op
		if int(b.Op(i)) == c.weight { // the row that is emitted must carry the sign of the sum
			c.batch, c.i = batch, i
		}
		return
	}
	w.chain = append(w.chain, netRow{batch, i, op})
}

func (w *netRows) conflict(id int32, c *netRow) error {
	return sqlerr.New(sqlerr.InternalError, "two changes of one key in relation %s do not cancel out", w.spec.Table.Def.Name).
		WithDetail("Key %x, a row of weight %d.", w.epoch.keys.Key(id), c.weight)
}

// overwrite keeps the last row of each key, in order of arrival, and reads what
// it replaces.
type overwrite struct {
	epochWriter
	dec *storage.RowDecoder
}

func (w *overwrite) Barrier(_ *executor.Ctx, _ stream.Barrier, out executor.Emitter) error {
	e := &w.epoch
	if len(e.heads) == 0 {
		return w.release(out)
	}
	keep := make([]bool, len(e.next))
	gone := goneRows{dec: w.dec, old: w.dec.Builders(0), out: out}
	vnodes, keys := e.stored()
	err := w.table.MultiGet(vnodes, keys, func(id int, value []byte) error {
		row := e.heads[id]
		batch, i := e.at(row)
		b := e.batches[batch]
		if b.Op(i) == stream.Insert {
			w.row = storage.AppendRow(w.row[:0], b.Cols(), i)
			if value != nil && bytes.Equal(value, w.row) {
				heads := e.heads
				heads[id] = -1 // nothing changed
				return nil
			}
			keep[row] = true
		}
		if value == nil {
			return nil
		}
		return gone.add(value)
	})
	if err != nil {
		return err
	}
	if err := w.write(vnodes, keys); err != nil {
		return err
	}
	if err := gone.flush(); err != nil {
		return err
	}
	if err := e.emit(keep, out); err != nil {
		return err
	}
	return w.release(out)
}

func (w *overwrite) write(vnodes []storage.VNode, keys [][]byte) error {
	e := &w.epoch
	for id, row := range e.heads {
		if row < 0 {
			continue
		}
		batch, i := e.at(row)
		b := e.batches[batch]
		if b.Op(i) == stream.Insert {
			w.put(vnodes[id], keys[id], b.Cols(), i)
		} else {
			w.table.Delete(vnodes[id], keys[id])
		}
	}
	return nil
}
