package op

import (
	"slices"
	"sync/atomic"

	"streamdb/executor"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/vec"
)

// epochRows keeps the batches of an epoch, each row chained to the others of its key.
type epochRows struct {
	batches []*stream.Batch
	first   []int32 // number of each batch's first row
	keys    byteMap // vnode, key -> id
	heads   []int32 // per id: its last row, by number
	next    []int32 // per row: the row of the same key before it, -1: none
	in      []int32 // per row: its batch
	net     []int32 // per id, once settled (see netRows): what becomes of it
	bytes   int     // of the batches

	lent  bool // what is here is read by others: see storeLater
	spare *atomic.Pointer[epochRows]
}

func (e *epochRows) add(w *rowWriter, b *stream.Batch) {
	n, cols := b.Rows(), b.Cols()
	at := int32(len(e.batches))
	e.batches = append(e.batches, b)
	e.bytes += b.Bytes()
	e.first = append(e.first, int32(len(e.next)))
	w.vnodes = executor.VNodes(cols, w.spec.Table.Dist, w.types, n, w.vnodes)
	for i := range n {
		w.key = append(w.key[:0], w.vnodes[i])
		w.key = w.spec.Table.EncodeKey(w.key, cols, i)
		id, isNew := e.keys.Insert(w.key)
		row := int32(len(e.next))
		if isNew {
			e.heads = append(e.heads, -1)
		}
		e.next = append(e.next, e.heads[id])
		e.heads[id] = row
		e.in = append(e.in, at)
	}
}

// at finds the batch and the position in it of row number r.
func (e *epochRows) at(r int32) (batch, i int) {
	batch = int(e.in[r])
	return batch, int(r - e.first[batch])
}

// stored is where the table has the rows of each id.
func (e *epochRows) stored() (vnodes []storage.VNode, keys [][]byte) {
	vnodes, keys = make([]storage.VNode, len(e.heads)), make([][]byte, len(e.heads))
	for id := range e.heads {
		key := e.keys.Key(int32(id))
		vnodes[id], keys[id] = key[0], key[1:]
	}
	return vnodes, keys
}

// goneRows emits stored rows that go.
type goneRows struct {
	dec *storage.RowDecoder
	old []*vec.Builder
	n   int
	out executor.Emitter
}

func (g *goneRows) add(row []byte) error {
	g.n++
	if err := g.dec.Append(g.old, row); err != nil || !stream.Full(g.n, g.old) {
		return err
	}
	return g.flush()
}

// flush emits those that have been added.
func (g *goneRows) flush() error {
	n := g.n
	if n == 0 {
		return nil
	}
	b := batchOf(g.old, n, slices.Repeat([]stream.Op{stream.Delete}, n))
	g.old, g.n = g.dec.Builders(0), 0
	return g.out.Emit(b)
}

// emit emits the rows of the epoch that are marked, by number, and forgets the epoch.
func (e *epochRows) emit(keep []bool, out executor.Emitter) error {
	for k, b := range e.batches {
		from := int(e.first[k])
		if err := emitKept(b, keep[from:from+b.Rows()], out); err != nil {
			return err
		}
	}
	e.reset()
	return nil
}

// emitKept emits the rows of b that are marked; all of them without a copy.
func emitKept(b *stream.Batch, keep []bool, out executor.Emitter) error {
	n := 0
	for _, k := range keep {
		if k {
			n++
		}
	}
	switch n {
	case 0:
		return nil
	case len(keep):
		return out.Emit(b)
	}
	sel := make([]int32, 0, n)
	for i, k := range keep {
		if k {
			sel = append(sel, int32(i))
		}
	}
	return out.Emit(b.Take(sel))
}

// epochWriter gathers the rows of an epoch for its barrier.
type epochWriter struct {
	rowWriter
	epoch epochRows
}

func (w *epochWriter) Process(_ *executor.Ctx, _ int, b *stream.Batch, _ executor.Emitter) error {
	w.epoch.add(&w.rowWriter, b)
	return nil
}

func (w *epochWriter) Watermark(_ *executor.Ctx, _ int, m stream.Watermark, _ executor.Emitter) error {
	w.hold(m)
	return nil
}
