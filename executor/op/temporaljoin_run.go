package op

import (
	"encoding/binary"
	"slices"

	"streamdb/executor"
	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// temporalJoin runs a TemporalJoin. Changes of the right side go into a hash
// join that keeps only that side; the left rows of an epoch are collected and
// looked up at its barrier, when all changes of the epoch are in. So which
// version a row meets does not depend on the order in which the inputs arrive. If
// the join is Early, it is the other way round: left rows are looked up as they
// come, and changes of the right side are collected until the barrier.
//
// State besides the right side's rows:
//
//	given (only if left rows may go):
//	  vnode(join key) | left row key -> format, then for each right row given:
//	    length (varint), kept right columns
//	held:
//	  vnode | 'd'                     -> ""  (the right side is complete)
//	  vnode | 'r' left row key        -> left row
type temporalJoin struct {
	spec    *TemporalJoin
	join    *hashJoin
	vnodes  storage.VNodeSet
	types   []types.T // of the left input
	given   storage.StateTable
	held    storage.StateTable
	leftDec *storage.RowDecoder

	pending []*stream.Batch    // left rows of this epoch
	leases  []*stream.Lease    // of each; behind netChange, of each batch that came
	waits   int                // about the bytes of pending
	changes []*stream.Batch    // of the right side in this epoch, if Early
	marks   []stream.Watermark // of the left side, behind them
	early   bool               // left rows are looked up as they come
	ready   bool               // the right side is complete
	arrived bool               // it became so in this epoch

	net     rowWeights
	buf     []byte
	gaveRow []int32 // pairs that were output for a batch: the row
	gaveEnd []int   // and where the right row's bytes end in gave; an end that repeats: NULLs
	gave    []byte
}

const givenFormat = 1

// keptBytes is how many times the memory of a batch may be kept for it: the columns and
// the rows of what a source made that are not used stay with a lease.
const keptBytes = 2

func openTemporalJoin(s *TemporalJoin, ctx *executor.OpenCtx) (executor.Operator, error) {
	h, err := makeHashJoin(s.hash(), ctx, false)
	if err != nil {
		return nil, err
	}
	t := &temporalJoin{spec: s, join: h, vnodes: ctx.VNodes, types: schemaTypes(s.Left.Schema()), ready: !s.Wait}
	t.leftDec = storage.NewRowDecoder(schemaLayouts(s.Left.Schema()), nil)
	if !s.L.AppendOnly {
		t.given = ctx.Table(s.L.Table)
	}
	if s.Wait {
		t.held = ctx.Table(s.Held)
		// All of its vnodes were marked at once; after a change of parallelism some may be another's.
		for v := ctx.VNodes.From; v < ctx.VNodes.To && !t.ready; v++ {
			x, err := t.held.Get(storage.VNode(v), heldDone)
			if err != nil {
				return nil, err
			}
			t.ready = x != nil
		}
	}
	t.early = s.Early && t.ready
	return t, nil
}

var heldDone, heldRow = []byte{'d'}, []byte{'r'}

func (t *temporalJoin) Close() error { return t.join.Close() }

// Process collects left rows and stores right ones.
func (t *temporalJoin) Process(ctx *executor.Ctx, in int, b *stream.Batch, out executor.Emitter) error {
	bytes := b.Bytes()
	switch {
	case in == 1 && t.spec.Early:
		ctx.Keep() // until the barrier, and not given back
		t.changes = append(t.changes, b)
		t.waits += bytes
		return nil
	case in == 1:
		return t.join.Process(ctx, 1, b, out) // no left row is there: nothing is output
	case t.early:
		return t.join.Process(ctx, 0, b, out)
	}
	t.waits += bytes
	lease := ctx.Keep()
	if lease.Bytes() > keptBytes*bytes {
		lease = nil // and so not given back: only the columns that are used stay
	}
	t.pending, t.leases = append(t.pending, b), append(t.leases, lease)
	return nil
}

// Watermark of the left side goes on behind the rows; the right side has none to give.
func (t *temporalJoin) Watermark(_ *executor.Ctx, in int, w stream.Watermark, out executor.Emitter) error {
	if in == 1 {
		if w.Column == stream.AllRead && !t.ready {
			t.ready, t.arrived = true, true
		}
		return nil
	}
	for i, c := range t.spec.Cols {
		if c != w.Column {
			continue
		}
		at := 0
		for at < len(t.marks) && t.marks[at].Column != i {
			at++
		}
		if t.early {
			return out.EmitWatermark(stream.Watermark{Column: i, Time: w.Time})
		}
		if at == len(t.marks) {
			t.marks = append(t.marks, stream.Watermark{Column: i, Time: w.Time})
		}
		t.marks[at].Time = max(t.marks[at].Time, w.Time)
	}
	return nil
}

// Barrier looks the epoch's left rows up.
func (t *temporalJoin) Barrier(ctx *executor.Ctx, b stream.Barrier, out executor.Emitter) error {
	for _, x := range t.changes {
		if err := t.join.Process(ctx, 1, x, out); err != nil { // outputs nothing
			return err
		}
	}
	clear(t.changes)
	t.changes = t.changes[:0]
	come, gone, err := t.netChange()
	if err != nil {
		return err
	}
	if !t.ready {
		t.drop(gone)
		t.hold(come)
	} else {
		if err := t.settle(ctx, come, gone, out); err != nil {
			return err
		}
		for _, w := range t.marks {
			if err := out.EmitWatermark(w); err != nil {
				return err
			}
		}
		t.marks = t.marks[:0]
	}
	t.letGo()
	t.early = t.spec.Early && t.ready
	return t.join.Barrier(ctx, b, out)
}

// settle outputs what left changes come to, once the right side is complete. When it
// has become so in this epoch, rows that went were held, and none were given; those
// that came need not be: they are here.
func (t *temporalJoin) settle(ctx *executor.Ctx, come, gone []*stream.Batch, out executor.Emitter) error {
	if t.arrived {
		t.arrived = false
		t.drop(gone)
		if err := t.release(ctx, out); err != nil {
			return err
		}
		gone = nil
	}
	for _, x := range gone {
		if err := t.takeBack(x, out); err != nil {
			return err
		}
	}
	for k, x := range come {
		ctx.Lend(t.leases[k])
		err := t.lookUp(ctx, x, out)
		ctx.Lend(nil)
		if err != nil {
			return err
		}
		t.leases[k].Release() // now, while its memory is in the caches
		t.leases[k] = nil
	}
	return nil
}

// letGo forgets the epoch's left rows, and gives back what was kept of them and not
// given back yet.
func (t *temporalJoin) letGo() {
	for _, l := range t.leases {
		l.Release()
	}
	clear(t.pending)
	clear(t.leases)
	t.pending, t.leases, t.waits = t.pending[:0], t.leases[:0], 0
}

// netChange is what the epoch's left changes come to: rows that came and rows that
// went. Both are as they were, or new batches, for which nothing is given back.
func (t *temporalJoin) netChange() (come, gone []*stream.Batch, err error) {
	dels := false
	for _, b := range t.pending {
		dels = dels || b.Ops != nil
	}
	if !dels {
		return t.pending, nil, nil
	}
	t.net.reset()
	ids := make([][]int32, len(t.pending))
	for k, b := range t.pending {
		cols := b.Cols()
		ids[k] = make([]int32, b.Rows())
		for i := range ids[k] {
			id := t.net.of(cols, i)
			t.net.sum[id] += int32(b.Op(i))
			ids[k][i] = id
		}
	}
	for k, b := range t.pending {
		var plus, minus []int32
		for i, id := range ids[k] {
			switch w := t.net.sum[id]; {
			case w == 1:
				plus = append(plus, int32(i))
			case w == -1:
				minus = append(minus, int32(i))
			case w != 0:
				return nil, nil, sqlerr.New(sqlerr.InternalError, "a row of a temporal join changed by %d in an epoch", w)
			}
			t.net.sum[id] = 0 // once
		}
		if len(plus) > 0 {
			come = append(come, bare(b.Take(plus)))
		}
		if len(minus) > 0 {
			gone = append(gone, bare(b.Take(minus)))
		}
	}
	t.leases = make([]*stream.Lease, len(come))
	return come, gone, nil
}

// bare is the rows without their ops.
func bare(b *stream.Batch) *stream.Batch { return stream.NewBatch(b.Rows(), b.Cols(), nil) }

// rowKey appends what tells a left row from others.
func (t *temporalJoin) rowKey(dst []byte, cols []vec.Vec, i int) []byte {
	for _, c := range t.spec.L.RowKey {
		dst = appendKeyCol(dst, t.types[c], &cols[c], i, false, false)
	}
	return dst
}

// lookUp outputs the pairs of left rows that came.
func (t *temporalJoin) lookUp(ctx *executor.Ctx, b *stream.Batch, out executor.Emitter) error {
	if t.given == nil {
		return t.join.Process(ctx, 0, b, out)
	}
	t.gaveRow, t.gaveEnd, t.gave = t.gaveRow[:0], t.gaveEnd[:0], t.gave[:0]
	t.join.out.tap = t.note
	err := t.join.Process(ctx, 0, b, out)
	t.join.out.tap = nil
	if err != nil {
		return err
	}
	t.remember(b)
	return nil
}

// note keeps what is output for the rows of the batch being looked up.
func (t *temporalJoin) note(rows, slots []int32) error {
	right := &t.join.sides[1]
	kept := right.gatherAll(slots)
	for k, i := range rows {
		if slots[k] >= 0 {
			t.gave = storage.AppendRow(t.gave, kept, k)
		}
		t.gaveRow, t.gaveEnd = append(t.gaveRow, i), append(t.gaveEnd, len(t.gave))
	}
	return nil
}

// remember writes what was noted, a row of state for each left row with output.
func (t *temporalJoin) remember(b *stream.Batch) {
	n := b.Rows()
	first, next := make([]int32, n), make([]int32, len(t.gaveRow)) // chains of pairs by row, 1-based
	for k := len(t.gaveRow) - 1; k >= 0; k-- {
		i := t.gaveRow[k]
		next[k], first[i] = first[i], int32(k)+1
	}
	cols := b.Cols()
	vnodes := executor.VNodes(cols, t.spec.L.Keys, t.types, n, nil)
	var key []byte
	for i := range n {
		if first[i] == 0 {
			continue
		}
		t.buf = append(t.buf[:0], givenFormat)
		for k := first[i]; k != 0; k = next[k-1] {
			from := 0
			if k > 1 {
				from = t.gaveEnd[k-2]
			}
			if row := t.gave[from:t.gaveEnd[k-1]]; len(row) > 0 {
				t.buf = append(binary.AppendUvarint(t.buf, uint64(len(row))), row...)
			}
		}
		key = t.rowKey(key[:0], cols, i)
		t.given.Put(vnodes[i], key, t.buf)
	}
}

// takeBack retracts what left rows were given.
func (t *temporalJoin) takeBack(b *stream.Batch, out executor.Emitter) error {
	n, cols := b.Rows(), b.Cols()
	vnodes := executor.VNodes(cols, t.spec.L.Keys, t.types, n, nil)
	keys := make([][]byte, n)
	var bytes []byte
	for i := range keys {
		from := len(bytes)
		bytes = t.rowKey(bytes, cols, i)
		keys[i] = bytes[from:len(bytes):len(bytes)]
	}
	right := &t.join.sides[1]
	builders := right.dec.Builders(n)
	var rows []int32
	err := t.given.MultiGet(vnodes, keys, func(i int, value []byte) error {
		if value == nil { // an inner join that found nothing
			return nil
		}
		if len(value) == 0 || value[0] != givenFormat {
			return sqlerr.New(sqlerr.DataCorrupted, "unreadable state of a temporal join")
		}
		value = value[1:]
		if len(value) == 0 {
			rows = append(rows, int32(i))
			for _, x := range builders {
				x.AppendNull()
			}
		}
		for len(value) > 0 {
			size, k := binary.Uvarint(value)
			if k <= 0 || int(size) > len(value)-k {
				return sqlerr.New(sqlerr.DataCorrupted, "unreadable state of a temporal join")
			}
			if err := right.dec.Append(builders, value[k:k+int(size)]); err != nil {
				return err
			}
			rows = append(rows, int32(i))
			value = value[k+int(size):]
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i, key := range keys {
		t.given.Delete(vnodes[i], key)
	}
	if len(rows) == 0 {
		return nil
	}
	o := &t.join.out
	res := make([]vec.Vec, len(o.cols))
	for j, c := range o.cols {
		if c < o.width {
			res[j] = cols[c].Gather(rows)
		} else {
			res[j] = builders[o.at[1][c-o.width]].Vec()
		}
	}
	return out.Emit(stream.NewBatch(len(rows), res, slices.Repeat([]stream.Op{stream.Delete}, len(rows))))
}

// drop forgets held rows that went.
func (t *temporalJoin) drop(gone []*stream.Batch) {
	for _, b := range gone {
		cols := b.Cols()
		vnodes := executor.VNodes(cols, t.spec.L.Keys, t.types, b.Rows(), nil)
		for i, v := range vnodes {
			t.buf = t.rowKey(append(t.buf[:0], heldRow...), cols, i)
			t.held.Delete(v, t.buf)
		}
	}
}

// hold keeps left rows until the right side is complete.
func (t *temporalJoin) hold(come []*stream.Batch) {
	var row []byte
	for _, b := range come {
		cols := b.Cols()
		vnodes := executor.VNodes(cols, t.spec.L.Keys, t.types, b.Rows(), nil)
		for i, v := range vnodes {
			t.buf = t.rowKey(append(t.buf[:0], heldRow...), cols, i)
			row = storage.AppendRow(row[:0], cols, i)
			t.held.Put(v, t.buf, row)
		}
	}
}

// release looks all held rows up.
func (t *temporalJoin) release(ctx *executor.Ctx, out executor.Emitter) error {
	for x := t.vnodes.From; x < t.vnodes.To; x++ {
		v := storage.VNode(x)
		builders := t.leftDec.Builders(64)
		n := 0
		var keys byteMap
		flush := func() error {
			if n == 0 {
				return nil
			}
			b := batchOf(builders, n, nil)
			n, builders = 0, t.leftDec.Builders(64)
			return t.lookUp(ctx, b, out)
		}
		err := t.held.Scan(v, heldRow, func(key, value []byte) (bool, error) {
			keys.Insert(key)
			if err := t.leftDec.Append(builders, value); err != nil {
				return false, err
			}
			if n++; stream.Full(n, builders) {
				return true, flush()
			}
			return true, nil
		})
		if err == nil {
			err = flush()
		}
		if err != nil {
			return err
		}
		for id := range keys.Len() {
			t.held.Delete(v, keys.Key(int32(id)))
		}
		t.held.Put(v, heldDone, []byte{1})
	}
	return nil
}
