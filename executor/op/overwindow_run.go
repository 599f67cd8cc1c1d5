package op

import (
	"encoding/binary"
	"slices"

	"streamdb/executor"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// Open implements executor.Spec.
func (s *OverWindow) Open(ctx *executor.OpenCtx) (executor.Operator, error) {
	eval, err := s.open()
	if err != nil {
		return nil, err
	}
	if ctx.Bounded {
		return s.openBounded(ctx, eval), nil
	}
	in := s.In.Schema()
	var need []int
	for i := range s.Calls {
		need = append(need, s.Calls[i].columns()...)
	}
	slices.Sort(need)
	eval.reader = newWinReader(in, slices.Compact(need))
	outs := s.Out[len(in):]
	for k := range eval.calls {
		if c := &eval.calls[k]; c.Func == "dense_rank" {
			c.own = storage.NewRowDecoder(schemaLayouts(outs), []int{k})
		}
	}
	w := &overWindow{
		rowGroups: makeRowGroups(in, s.Partition, s.Dist, s.window(), s.WindowKey),
		spec:      s, eval: eval, outLayouts: schemaLayouts(outs),
		sort: newSortEncoder(in, s.Keys), row: newSortEncoder(in, ascending(s.RowKey)), memory: memory{acc: ctx.Memory},
		dec: storage.NewRowDecoder(schemaLayouts(in), nil), outDec: storage.NewRowDecoder(schemaLayouts(outs), nil),
	}
	w.renew()
	if err := w.open(ctx, s.Rows, s.Closed, s.Kind()); err != nil {
		return nil, err
	}
	return w, w.openOrder(ctx)
}

// overWindow keeps the rows of each partition in order, with their results: so
// the old result of a row is known when a new one is computed, also after a
// restart, without computing the partition as it was. It costs a write for each
// result that changes, as many as the view below writes anyway.
//
//	partition | order key | row key -> length of the order key, length of the input row (uvarints), input row, result row
//
// Changes are gathered until the barrier, summed by row, and merged into their
// partition, a list of rows in memory: places are then indexes, and putting rows in
// moves 32 bytes per row behind them in a page. From each change follows which rows can see
// it (winReach): the neighbours for lag or a ROWS frame, all later rows for a
// running sum, the whole partition for ntile. Only those are computed again, and
// emitted where the result differs. Running aggregates go on from states that are
// kept every winCheckRows rows. A partition is a list of pages, which leave memory
// when it is short, all of them or those that are not being looked at, and are
// read back by a scan (see winPages); results are computed some rows at a time.
// What remains linear is what IGNORE NULLS, EXCLUDE and aggregates that need all
// values (array_agg) read for an unbounded frame, in these columns.
//
// With Final rows wait in the table without results until they are complete, and
// with Forget the rows that are looked at no more leave it.
type overWindow struct {
	executor.Base
	rowGroups // the partitions
	winOrder
	spec       *OverWindow
	eval       *windowEval
	outLayouts []types.Layout
	sort, row  *sortEncoder
	memory     memory
	dec        *storage.RowDecoder
	outDec     *storage.RowDecoder

	parts []winGroup // by partition id
	data  *arena     // rows of all partitions
	spare []winRow   // for merging
	held  int64      // bytes of parts beside the arena

	changes rowChanges
	buf     []byte
	out     []*vec.Builder
	ops     []stream.Op
}

// winGroup is a partition in memory.
type winGroup struct {
	winPart
	vnode  storage.VNode
	loaded bool
	hot    bool  // changed since the last eviction
	idle   uint8 // evictions since it changed
	done   int   // Final: how many rows, the first ones, have results
	prefix []byte
}

func (w *overWindow) renew() {
	w.parts, w.data, w.held = nil, &arena{}, 0
}

func (w *overWindow) Process(_ *executor.Ctx, _ int, b *stream.Batch, _ executor.Emitter) error {
	b = w.onTime(b)
	if w.spec.Forget && !w.spec.Final {
		b = w.order.onTime(b, w.spec.Keys[0].Col, true)
		w.look.may += b.Rows()
	}
	cols, n := b.Cols(), b.Rows()
	ids := w.find(b, func(id int32, v storage.VNode, stored bool) {
		for int(id) >= len(w.parts) {
			w.parts = append(w.parts, winGroup{})
		}
		w.parts[id] = winGroup{vnode: v, loaded: !stored}
	})
	for i := range n {
		key := w.sort.append(w.buf[:0], cols, i)
		sortLen := len(key)
		key = w.row.append(key, cols, i)
		klen := len(key)
		key = binary.AppendUvarint(key, uint64(sortLen))
		w.buf = storage.AppendRow(key, cols, i)
		w.changes.add(ids[i], b.Op(i), w.buf[:klen], w.buf[klen:], sortLen)
	}
	return nil
}

// Barrier applies the changes of the epoch and emits what they did.
func (w *overWindow) Barrier(ctx *executor.Ctx, _ stream.Barrier, out executor.Emitter) error {
	w.begin()
	if w.spec.Forget && !w.spec.Final {
		w.rose = w.order.rise()
	}
	if err := w.changes.sum(); err != nil {
		return err
	}
	err := w.changes.each(func(id int32, cs []rowChange) error { return w.apply(ctx, id, cs, out) })
	if err != nil {
		return err
	}
	if err := w.flush(out); err != nil {
		return err
	}
	w.evict()
	return w.closePartitions(out)
}

// begin starts a batch of output.
func (w *overWindow) begin() {
	w.out, w.ops = append(w.dec.Builders(64), w.outDec.Builders(64)...), nil
}

// emit adds a row with its results to the output.
func (w *overWindow) emit(in, res []byte, o stream.Op, out executor.Emitter) error {
	w.ops = append(w.ops, o)
	k := len(w.in)
	if err := w.dec.Append(w.out[:k], in); err != nil {
		return err
	}
	if err := w.outDec.Append(w.out[k:], res); err != nil {
		return err
	}
	together := o == stream.Insert || len(w.ops) >= 2*stream.BatchRows || vec.DataBytes(w.out) >= 2*stream.BatchBytes // keep updates together
	if together && stream.Full(len(w.ops), w.out) {
		return w.flush(out)
	}
	return nil
}

func (w *overWindow) flush(out executor.Emitter) error {
	if len(w.ops) == 0 {
		return nil
	}
	b := changesOf(w.out, w.ops)
	w.begin()
	return out.Emit(b)
}

// bytes is what the operator holds, about.
func (w *overWindow) bytes() int64 {
	return w.groups.Bytes() + w.data.size + w.held + int64(192*cap(w.parts)+32*cap(w.spare))
}

// tidy moves the living rows to a new arena once half of it is garbage.
func (w *overWindow) tidy() {
	if !w.data.wasteful() {
		return
	}
	to := &arena{}
	for id := range w.parts {
		g := &w.parts[id]
		if g.winPages == nil {
			continue
		}
		for k := range g.pages {
			rows := g.pages[k].rows
			for i := range rows {
				r := &rows[i]
				r.at = to.add(w.data.get(r.at, int(r.klen+r.ilen)))
				if r.olen != noOutput {
					r.out = to.add(w.data.get(r.out, int(r.olen)))
				}
			}
		}
	}
	*w.data = *to
}

// evict drops partitions from memory when there is too little: all their rows
// are in the table. Those that changed since the last time are kept.
func (w *overWindow) evict() {
	w.memory.report(w.bytes())
	if !w.memory.over() {
		return
	}
	for id := range w.parts {
		g := &w.parts[id]
		if !w.groups.Live(int32(id)) {
			continue
		}
		if w.cool(g) {
			continue
		}
		w.res.evict(w.groups.Tag(int32(id)))
		w.drop(int32(id))
	}
	w.spare = nil
	if w.empty() {
		w.renew()
	}
	w.tidy()
	w.memory.report(w.bytes())
}

// winIdle is for how many evictions the bounds of the pages of a partition that
// does not change stay in memory: without them it is read from its start.
const winIdle = 64

// cool reports whether a partition stays in memory for now: for once if it
// changed, and the bounds of a large one longer than its rows.
func (w *overWindow) cool(g *winGroup) bool {
	if g.winPages != nil && len(g.pages) > 1 {
		w.held -= g.held()
		w.shed(g.winPages, func(k int) bool { return g.hot && k == len(g.pages)-1 })
		w.held += g.held()
		g.idle++
		g.hot = false
		return g.idle < winIdle
	}
	hot := g.hot
	g.hot = false
	return hot
}

// drop forgets a partition.
func (w *overWindow) drop(id int32) {
	g := &w.parts[id]
	w.held -= g.held()
	if g.winPages != nil {
		w.shed(g.winPages, func(int) bool { return false })
	}
	*g = winGroup{}
	w.groups.Delete(id)
}

// held is the memory of a partition beside the arena.
func (g *winGroup) held() int64 {
	if g.winPages == nil {
		return 0
	}
	n := g.winPages.bytes()
	for _, list := range g.checks {
		for k := range list {
			n += int64(32 + len(list[k].state))
		}
	}
	return n
}

func (w *overWindow) Close() error {
	w.memory.release()
	return nil
}
