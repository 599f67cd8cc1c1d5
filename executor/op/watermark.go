package op

import (
	"encoding/binary"
	"errors"
	"math"
	"sync/atomic"

	"streamdb/executor"
	"streamdb/expr"
	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// WatermarkFilter implements WATERMARK FOR c AS e: the bound of a split is the
// greatest value of Expr in its rows so far, and that of the instance the least of
// its splits; it never falls (all are kept across restarts). A split that has
// brought no row for Idle does not count, nor does one that has ended, unless all
// that count otherwise have: then the greatest of them does. A row whose time is below the
// instance's bound when it arrives is late: counted, and dropped or kept in
// Quarantine. So the watermark, below or at which nothing comes, is the bound
// minus one unit. It is emitted after each batch in which it rose. Rows without a
// time pass.
//
//	'w' -> bound, 8 bytes big-endian (in the instance's first vnode)
//	'l' -> number of late rows, 8 bytes big-endian (there, too)
//	's' split -> bound, time of its last row (in the split's vnode; see splitMark)
//	Quarantine: as that of a Source, the row as JSON
type WatermarkFilter struct {
	In    executor.Spec
	Col   int
	Expr  expr.Expr // usually c - interval
	Table TableRef
	// Rising: Expr reads no column but c, and never falls while that rises.
	Rising bool
	// RowID is 1 + the position of _row_id, which tells the row's split; 0: all
	// rows are of one.
	RowID      int
	Idle       int64    // microseconds; 0: the default
	Quarantine TableRef // zero: late rows are dropped
	Name       string   // of the relation that has the watermark
}

// Kind implements executor.Spec.
func (s *WatermarkFilter) Kind() string { return "WatermarkFilter" }

// Inputs implements executor.Spec.
func (s *WatermarkFilter) Inputs() []executor.Spec { return []executor.Spec{s.In} }

// Schema implements executor.Spec.
func (s *WatermarkFilter) Schema() types.Schema { return s.In.Schema() }

// State implements executor.Spec.
func (s *WatermarkFilter) State() []storage.TableDef { return tables(s.Table, s.Quarantine) }

// Explain implements executor.Spec.
func (s *WatermarkFilter) Explain() string {
	text := colName(s.In.Schema(), s.Col) + " as " + s.Expr.String()
	if s.RowID > 0 {
		text += ", per split"
	}
	if s.Quarantine.ID != 0 {
		text += ", late rows kept"
	}
	return text
}

// Open implements executor.Spec.
func (s *WatermarkFilter) Open(ctx *executor.OpenCtx) (executor.Operator, error) {
	in := s.In.Schema()
	if in[s.Col].Type.Layout() != types.LInt64 || s.Expr.Type().ID != in[s.Col].Type.ID {
		return nil, sqlerr.New(sqlerr.DatatypeMismatch, "watermark of column \"%s\" is of type %s but expression is of type %s",
			in[s.Col].Name, in[s.Col].Type, s.Expr.Type())
	}
	f := &watermarkFilter{spec: s, bound: math.MinInt64, told: math.MinInt64}
	if ctx.Bounded {
		return f, nil
	}
	f.table, f.vnode = ctx.Table(s.Table), storage.VNode(ctx.VNodes.From)
	env := envOf(ctx)
	f.mark = env.Align.enter(ctx.Job, s.Table.ID, ctx.VNodes)
	f.active = func() { env.active(ctx.Job) }
	if source, _ := readerBelow(s.In, ctx.Job); source != 0 && source != ctx.Job {
		f.mark.source = env.Sources.Of(source)
		f.mark.source.heed(f.mark)
	}
	f.late = &envOf(ctx).Stats.Of(StatKey{Job: ctx.Job, Kind: "watermark", Name: in[s.Col].Name, Instance: ctx.Instance}).Bad
	if err := f.table.ScanAll(f.load); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	f.splits.begin(s, ctx)
	if f.moved {
		// Of several instances of before, the greatest bound is here; splits have come
		// that another one held back. Downstream has gone on with the least of all.
		f.bound = min(f.bound, f.splits.lowest())
	}
	f.resend = f.bound > math.MinInt64
	f.mark.at.Store(f.bound)
	f.quarantine.begin(s, ctx)
	return f, nil
}

// load reads a row of state.
func (f *watermarkFilter) load(v storage.VNode, key, value []byte) (bool, error) {
	switch {
	case len(key) == 5 && key[0] == 's' && len(value) == 16:
		f.splits.load(key, value)
	case len(key) == 1 && key[0] == 'w' && len(value) == 8:
		f.bound = max(f.bound, int64(binary.BigEndian.Uint64(value)))
		if v != f.vnode {
			f.table.Delete(v, key)
			f.moved, f.dirty = true, true
		}
	case len(key) == 1 && key[0] == 'l' && len(value) == 8:
		f.count += int64(binary.BigEndian.Uint64(value))
		if v != f.vnode { // of an instance that is no more: it is written with ours
			f.table.Delete(v, key)
			f.dirty = true
		}
	default:
		return false, sqlerr.New(sqlerr.DataCorrupted, "stored watermark %q has %d bytes", key, len(value))
	}
	return true, nil
}

type watermarkFilter struct {
	executor.Base
	spec   *WatermarkFilter
	table  storage.StateTable // nil: bounded
	vnode  storage.VNode
	bound  int64 // MinInt64: none yet
	dirty  bool
	moved  bool          // there were bounds of other instances: parallelism has changed
	resend bool          // recovered, not yet emitted in this run
	late   *atomic.Int64 // rows dropped
	mark   *inputMark    // nil: bounded
	sel    []int32
	ends   []vec.Vec // columns of two rows, for Rising

	count      int64  // late rows of all times
	told       int64  // the bound of which the others were told at the last barrier
	active     func() // asks for a barrier
	splits     splitMarks
	quarantine lateRows
}

func (f *watermarkFilter) Close() error {
	if f.mark != nil {
		f.mark.leave()
	}
	f.splits.close()
	return nil
}

func (f *watermarkFilter) Process(ctx *executor.Ctx, _ int, b *stream.Batch, out executor.Emitter) error {
	cols, n := b.Cols(), b.Rows()
	var ids []int64 // nil: all rows are of one split
	if f.spec.RowID > 0 && f.table != nil {
		ids = cols[f.spec.RowID-1].I64[:n]
		f.splits.now = ctx.Expr.Now.UnixMicro()
		f.splits.join()
	}
	before, stay := f.bound, n
	if !f.onTime(ctx, cols, ids, n) {
		e, err := f.spec.Expr.Eval(ctx.Expr, cols, nil, n)
		if err != nil {
			return err
		}
		f.sel = f.filter(cols, ids, &e, n)
		stay = len(f.sel)
	}
	if f.mark != nil {
		f.mark.raise(f.bound)
	}
	var err error
	switch {
	case stay == n:
		err = out.Emit(b)
	case stay > 0:
		err = out.Emit(b.Take(f.sel))
	}
	if err != nil {
		return err
	}
	if late := n - stay; late > 0 && f.late != nil {
		f.late.Add(int64(late))
		f.count += int64(late)
		f.dirty = true
		f.quarantine.keep(f, cols, n, ctx.Expr.Now.UnixMicro())
	}
	if f.bound == before && !f.resend {
		return nil
	}
	f.dirty = f.dirty || f.bound != before
	f.resend = false
	if f.bound == math.MinInt64 {
		return nil
	}
	return out.EmitWatermark(stream.Watermark{Column: f.spec.Col, Time: f.bound - 1})
}

// onTime raises the bound by a whole batch, if that shows that none of its rows is
// late: none is below what the bound is after the greatest of them. It raises nothing
// otherwise.
func (f *watermarkFilter) onTime(ctx *executor.Ctx, cols []vec.Vec, ids []int64, n int) bool {
	t := &cols[f.spec.Col]
	if !f.spec.Rising || n == 0 || t.Const || t.HasNulls() {
		return false
	}
	low, high := extremes(t.I64[:n])
	if f.ends == nil {
		f.ends = make([]vec.Vec, len(cols))
	}
	f.ends[f.spec.Col] = vec.Ints([]int64{low, high})
	e, err := f.spec.Expr.Eval(ctx.Expr, f.ends, nil, 2)
	if err != nil || e.Null(0) || e.Null(1) { // for some row: it shows when all are looked at
		return false
	}
	x := e.I64[1&e.Mask()]
	if x == math.MaxInt64 {
		return false
	}
	if ids == nil {
		if bound := max(f.bound, x); low >= bound {
			f.bound = bound
			return true
		}
		return false
	}
	apart := int64(0)
	for _, id := range ids {
		apart |= id ^ ids[0]
	}
	if apart>>rowIDShift != 0 {
		return false
	}
	own, others := f.splits.turn(ids[0] >> rowIDShift)
	x = max(own.bound, x)
	bound := max(f.bound, min(x, others))
	if low < bound {
		return false
	}
	own.bound, f.bound = x, bound
	return true
}

// extremes are the least and the greatest of some numbers.
func extremes(list []int64) (low, high int64) {
	low, high = math.MaxInt64, math.MinInt64
	for _, x := range list {
		low, high = min(low, x), max(high, x)
	}
	return low, high
}

// filter raises the bound row by row, so that what is late does not depend on
// how the rows are split into batches. Infinite values raise nothing.
func (f *watermarkFilter) filter(cols []vec.Vec, ids []int64, e *vec.Vec, n int) []int32 {
	t := &cols[f.spec.Col]
	sel := f.sel[:0]
	bound := f.bound
	tm, em := t.Mask(), e.Mask()
	split, others, own := int64(-1), int64(math.MaxInt64), (*splitMark)(nil)
	for i := range n {
		if ids != nil && (own == nil || ids[i]>>rowIDShift != split) {
			split = ids[i] >> rowIDShift
			own, others = f.splits.turn(split)
		}
		if !t.Null(i) && t.I64[i&tm] < bound {
			continue
		}
		sel = append(sel, int32(i))
		if e.Null(i) {
			continue
		}
		x := e.I64[i&em]
		if x == math.MaxInt64 {
			continue
		}
		if own != nil {
			own.bound = max(own.bound, x)
			x = min(own.bound, others)
		}
		bound = max(bound, x)
	}
	f.bound = bound
	return sel
}

// Watermark replaces one on the same column; others pass.
func (f *watermarkFilter) Watermark(_ *executor.Ctx, _ int, w stream.Watermark, out executor.Emitter) error {
	if w.Column == f.spec.Col {
		return nil
	}
	return out.EmitWatermark(w)
}

func (f *watermarkFilter) Barrier(_ *executor.Ctx, b stream.Barrier, out executor.Emitter) error {
	if low, ok := f.splits.settle(f.table, b, f.mark.highest()); ok && low > f.bound {
		f.bound, f.dirty, f.resend = low, true, true
	}
	if f.mark != nil {
		f.follow()
	}
	if f.resend { // downstream state may wait for it although no row comes
		f.resend = false
		if err := out.EmitWatermark(stream.Watermark{Column: f.spec.Col, Time: f.bound - 1}); err != nil {
			return err
		}
	}
	if f.dirty && f.table != nil {
		if f.bound > math.MinInt64 {
			f.table.Put(f.vnode, []byte{'w'}, binary.BigEndian.AppendUint64(nil, uint64(f.bound)))
		}
		if f.count > 0 {
			f.table.Put(f.vnode, []byte{'l'}, binary.BigEndian.AppendUint64(nil, uint64(f.count)))
		}
	}
	f.dirty = false
	return nil
}

// follow lets an instance that brings no rows go with the others.
func (f *watermarkFilter) follow() {
	// An instance without splits (there are fewer than instances), or whose splits
	// have ended or are idle, must not hold back the watermark of the others: it goes
	// with them, or, when all have ended, with the last. One whose splits count does
	// not, however long it has been without rows: they would be late.
	ended, counts := f.splits.ended(), f.splits.count()
	f.tell(ended, counts)
	low, ok := int64(0), false
	if ended || !counts && (f.spec.RowID > 0 || f.mark.idle()) {
		low, ok = f.mark.lowest()
	}
	if !ok && ended {
		low, ok = f.mark.last()
	}
	if ended { // a split may have been found since: before the others brought its first rows
		f.splits.join()
		ok = ok && f.splits.ended()
	}
	if ok && low > f.bound {
		f.bound, f.dirty, f.resend = low, true, true
		f.mark.at.Store(low)
	}
}

// tell lets the other instances know where this one is. They may have had the
// barrier before, as nothing but time orders them: when this one is in front of
// any, there is one more, at which they go with it, or set the alarm for when
// they need not hold it back. Without it the watermark of the last rows would wait.
func (f *watermarkFilter) tell(ended, counts bool) {
	was := f.mark.ended.Load()
	f.mark.at.Store(f.bound)
	f.mark.holds.Store(counts)
	f.mark.ended.Store(ended)
	if ended && !was || f.bound != f.told && f.mark.leads() {
		f.active()
	}
	f.told = f.bound
}
