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
	keep  []bool
	chain []netRow
}

// netRow is one distinct row image of a key: how often it is to be inserted
// (or, below zero, deleted) after the epoch.
type netRow struct {
	row    int32
	weight int
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

// settleAll finds the net changes of the epoch and hands them over to the table.
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
	e.storeLater(w.table, e.net)
	return nil
}

// settle finds the net change of one key, in order of the ids, and marks the rows to
// emit.
func (w *netRows) settle(id int32) error {
	e := &w.epoch
	head := e.heads[id]
	if e.next[head] < 0 { // the only one
		w.keep[head] = true
		if batch, i := e.at(head); e.batches[batch].Op(i) == stream.Delete {
			head = keyRemoved
		}
		e.net = append(e.net, head)
		return nil
	}
	w.chain = w.chain[:0]
	for r := head; r >= 0; r = e.next[r] {
		w.fold(r)
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
	net := keyStays
	if del != nil {
		net = keyRemoved
		w.keep[del.row] = true
	}
	if ins != nil {
		net = ins.row
		w.keep[ins.row] = true
	}
	e.net = append(e.net, net)
	return nil
}

// fold adds a row to the chain of its key's distinct images.
func (w *netRows) fold(row int32) {
	e := &w.epoch
	batch, i := e.at(row)
	b := e.batches[batch]
	op := int(b.Op(i))
	for k := range w.chain {
		c := &w.chain[k]
		in, j := e.at(c.row)
		if !sameRow(b.Cols(), i, e.batches[in].Cols(), j) {
			continue
		}
		c.weight += op
		if op == c.weight { // the row that is emitted must carry the sign of the sum
			c.row = row
		}
		return
	}
	w.chain = append(w.chain, netRow{row, op})
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
				e.heads[id] = keyStays
				return nil
			}
			keep[row] = true
		} else {
			e.heads[id] = keyRemoved
		}
		if value == nil {
			return nil
		}
		return gone.add(value)
	})
	if err != nil {
		return err
	}
	e.storeLater(w.table, e.heads)
	if err := gone.flush(); err != nil {
		return err
	}
	if err := e.emit(keep, out); err != nil {
		return err
	}
	return w.release(out)
}
