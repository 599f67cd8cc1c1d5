package op

import (
	"encoding/binary"
	"math"

	"streamdb/executor"
	"streamdb/expr"
	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// temporalLimit is the default of TemporalFilter.Limit.
const temporalLimit = 1 << 16

// temporalFilter runs a TemporalFilter. A row that it let pass did so because of
// the time that its vnode had come to; so the same row, retracted later, is
// judged by the same rule, and nothing needs to be looked up.
type temporalFilter struct {
	spec  *TemporalFilter
	types []types.T
	table storage.StateTable
	owned storage.VNodeSet
	alarm Alarm
	dec   *storage.RowDecoder
	find  edgeFinder

	reached [storage.NumVNodes]int64 // the time that each vnode has come to
	lags    [storage.NumVNodes]bool  // it is stored, as it is not the epoch's
	first   [storage.NumVNodes]int64 // no row of the vnode waits for a time before
	turn    int                      // the vnode that comes first when not all can
	marked  int64                    // the time of the last watermarks

	waiting timedRows
	vnodes  []storage.VNode
	now     []int64
	next    []int64
	sel     []int32
	key     []byte
	row     []byte
}

func openTemporalFilter(s *TemporalFilter, ctx *executor.OpenCtx) (executor.Operator, error) {
	env := envOf(ctx)
	f := &temporalFilter{
		spec: s, types: schemaTypes(s.In.Schema()), table: ctx.Table(s.Table), owned: ctx.VNodes, alarm: env.alarm(ctx.Job),
		dec: storage.NewRowDecoder(schemaLayouts(s.In.Schema()), nil), find: edgeFinder{edges: s.Edges}, marked: math.MinInt64,
	}
	if err := f.load(ctx.Expr.Now.UnixMicro()); err != nil {
		f.alarm.Close()
		return nil, err
	}
	return f, nil
}

// load reads how far each vnode is, and what it waits for.
func (f *temporalFilter) load(now int64) error {
	for v := range f.reached {
		f.reached[v], f.first[v] = now, noTime
	}
	if empty, err := f.table.Empty(); empty || err != nil {
		return err
	}
	for v := f.owned.From; v < f.owned.To; v++ {
		value, err := f.table.Get(storage.VNode(v), []byte{0})
		if err != nil {
			return err
		}
		if len(value) == 8 {
			f.reached[v], f.lags[v] = int64(binary.BigEndian.Uint64(value)), true
		}
		err = f.table.Scan(storage.VNode(v), []byte{1}, func(key, _ []byte) (bool, error) {
			var err error
			f.first[v], err = waitingTime(key)
			return false, err
		})
		if err != nil {
			return err
		}
	}
	f.setAlarm()
	return nil
}

func (f *temporalFilter) Close() error {
	f.alarm.Close()
	return nil
}

// appendWaiting appends the state key of a row that waits, but for its row key.
func appendWaiting(dst []byte, at int64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, 1), uint64(at)^1<<63)
}

func waitingTime(key []byte) (int64, error) {
	if len(key) < 9 {
		return 0, sqlerr.New(sqlerr.DataCorrupted, "stored row of a temporal filter has a key of %d bytes", len(key))
	}
	return int64(binary.BigEndian.Uint64(key[1:]) ^ 1<<63), nil
}

// Process lets the rows pass that do so now, and notes those that will change.
func (f *temporalFilter) Process(ctx *executor.Ctx, _ int, b *stream.Batch, out executor.Emitter) error {
	n, cols := b.Rows(), b.Cols()
	f.vnodes = executor.VNodes(cols, f.spec.Dist, f.types, n, f.vnodes)
	f.grow(n)
	for i, v := range f.vnodes {
		f.now[i] = f.reached[v]
	}
	if err := f.find.next(ctx.Expr, cols, n, f.now, f.next); err != nil {
		return err
	}
	for i, at := range f.next {
		if at != noTime {
			f.wait(cols, i, at, b.Op(i))
		}
	}
	pass, err := f.passing(ctx.Expr, cols, n, f.now, f.sel)
	if err != nil {
		return err
	}
	f.sel = pass
	switch len(pass) {
	case 0:
		return nil
	case n:
		return out.Emit(b)
	}
	return out.Emit(b.Take(pass))
}

// grow makes room for n rows, and sets their next edges to noTime.
func (f *temporalFilter) grow(n int) {
	if cap(f.now) < n {
		f.now, f.next = make([]int64, n), make([]int64, n)
	}
	f.now, f.next = f.now[:n], f.next[:n]
	for i := range f.next {
		f.next[i] = noTime
	}
}

// passing selects the rows for which Where is TRUE at their times.
func (f *temporalFilter) passing(ctx *expr.Ctx, cols []vec.Vec, n int, now []int64, sel []int32) ([]int32, error) {
	in := make([]vec.Vec, 0, len(cols)+1)
	in = append(append(in, cols...), vec.Ints(now))
	return expr.FilterSel(ctx, f.spec.Where, in, nil, n, sel)
}

// wait notes that row i will change at a time: in state at once if rows only
// come, else when the epoch's changes of it are known.
func (f *temporalFilter) wait(cols []vec.Vec, i int, at int64, op stream.Op) {
	v := f.vnodes[i]
	f.first[v] = min(f.first[v], at)
	f.key = appendWaiting(f.key[:0], at)
	for _, c := range f.spec.Key {
		f.key = appendKeyCol(f.key, f.types[c], &cols[c], i, false, false)
	}
	f.row = storage.AppendRow(f.row[:0], cols, i)
	if f.spec.AppendOnly {
		f.table.Put(v, f.key, f.row)
		return
	}
	f.waiting.add(v, f.key, f.row, int32(op))
}

// Watermark drops it: rows below a watermark of the input may still come and go.
func (f *temporalFilter) Watermark(*executor.Ctx, int, stream.Watermark, executor.Emitter) error {
	return nil
}

// Barrier brings all rows to the barrier's time.
func (f *temporalFilter) Barrier(ctx *executor.Ctx, b stream.Barrier, out executor.Emitter) error {
	if err := f.waiting.settle(f.table); err != nil {
		return err
	}
	to, left := b.Time.UnixMicro(), f.spec.Limit
	if left == 0 {
		left = temporalLimit
	}
	size := f.owned.To - f.owned.From
	stopped := -1
	for k := range size {
		v := f.owned.From + (f.turn+k)%size
		if f.first[v] <= to && left > 0 {
			n, err := f.advance(ctx, storage.VNode(v), to, left, out)
			if err != nil {
				return err
			}
			if left -= n; left <= 0 {
				stopped = v
			}
		}
		f.arrive(v, to)
	}
	if f.turn = 0; stopped >= 0 {
		f.turn = stopped - f.owned.From
	}
	f.setAlarm()
	return f.emitMarks(out)
}

// arrive notes how far the vnode has come: to the barrier's time unless rows
// are left that wait for an earlier one.
func (f *temporalFilter) arrive(v int, to int64) {
	if f.first[v] > to {
		f.reached[v] = max(f.reached[v], to)
		if f.lags[v] {
			f.table.Delete(storage.VNode(v), []byte{0})
			f.lags[v] = false
		}
		return
	}
	// advance has set reached, or has not been called: then it is as before.
	f.table.Put(storage.VNode(v), []byte{0}, binary.BigEndian.AppendUint64(nil, uint64(f.reached[v])))
	f.lags[v] = true
}

func (f *temporalFilter) setAlarm() {
	first := int64(noTime)
	for v := f.owned.From; v < f.owned.To; v++ {
		first = min(first, f.first[v])
	}
	f.alarm.Set(first)
}

// emitMarks emits the watermarks of the time that all vnodes have come to.
func (f *temporalFilter) emitMarks(out executor.Emitter) error {
	if len(f.spec.Marks) == 0 {
		return nil
	}
	at := int64(math.MaxInt64)
	for v := f.owned.From; v < f.owned.To; v++ {
		at = min(at, f.reached[v])
	}
	if at <= f.marked {
		return nil
	}
	f.marked = at
	for _, m := range f.spec.Marks {
		if err := out.EmitWatermark(stream.Watermark{Column: m.Col, Time: at - m.Plus}); err != nil {
			return err
		}
	}
	return nil
}

// dueRows is how many rows advance changes at a time.
const dueRows = 4096

// advance changes the rows of a vnode that wait for a time up to to: all of
// them, or, if they are more than limit, those of the first times. It sets
// first, and reached if not all were done, and returns how many rows it changed.
func (f *temporalFilter) advance(ctx *executor.Ctx, v storage.VNode, to int64, limit int, out executor.Emitter) (int, error) {
	from := f.reached[v]
	total := 0
	for {
		due, last, err := f.takeDue(v, to, limit-total)
		if err != nil {
			return total, err
		}
		if due.n == 0 {
			return total, nil
		}
		total += due.n
		// Rows are judged as of the time that their vnode comes to now: the barrier's
		// if nothing is left.
		at := to
		if f.first[v] <= to {
			at = last
		}
		if err := f.change(ctx, v, due, from, at, out); err != nil {
			return total, err
		}
		from, f.reached[v] = at, at
		if f.first[v] > to || total >= limit {
			return total, nil
		}
	}
}

// due is rows taken out of state.
type due struct {
	n    int
	cols []vec.Vec
	keys [][]byte // without the time
}

// takeDue takes about dueRows rows (at most limit) out of state, those of one
// time all or none, in order of time, and sets first. last is the latest time.
func (f *temporalFilter) takeDue(v storage.VNode, to int64, limit int) (d due, last int64, err error) {
	bs := f.dec.Builders(0)
	var taken [][]byte
	from := appendWaiting(nil, f.first[v]) // past the traces of rows that are gone
	f.first[v], last = noTime, math.MinInt64
	err = f.table.ScanFrom(v, []byte{1}, from, func(key, value []byte) (bool, error) {
		at, err := waitingTime(key)
		if err != nil {
			return false, err
		}
		if at > to || at > last && d.n >= min(dueRows, limit) {
			f.first[v] = at
			return false, nil
		}
		last = at
		d.n++
		taken = append(taken, append([]byte(nil), key...))
		return true, f.dec.Append(bs, value)
	})
	if err != nil {
		return d, last, err
	}
	for _, k := range taken {
		f.table.Delete(v, k)
		d.keys = append(d.keys, k[9:])
	}
	d.cols = make([]vec.Vec, len(bs))
	for j := range bs {
		d.cols[j] = bs[j].Vec()
	}
	return d, last, nil
}

// change emits what the step from one time to another means for the rows, and
// puts those that will change again back into state.
func (f *temporalFilter) change(ctx *executor.Ctx, v storage.VNode, d due, from, to int64, out executor.Emitter) error {
	f.grow(d.n)
	for i := range f.now {
		f.now[i] = from
	}
	before, err := f.passing(ctx.Expr, d.cols, d.n, f.now, nil)
	if err != nil {
		return err
	}
	for i := range f.now {
		f.now[i] = to
	}
	after, err := f.passing(ctx.Expr, d.cols, d.n, f.now, nil)
	if err != nil {
		return err
	}
	if err := f.find.next(ctx.Expr, d.cols, d.n, f.now, f.next); err != nil {
		return err
	}
	for i, at := range f.next {
		if at == noTime {
			continue
		}
		f.key = append(appendWaiting(f.key[:0], at), d.keys[i]...)
		f.row = storage.AppendRow(f.row[:0], d.cols, i)
		f.table.Put(v, f.key, f.row)
		f.first[v] = min(f.first[v], at)
	}
	sel, ops := stepOps(before, after)
	if len(sel) == 0 {
		return nil
	}
	return out.Emit(stream.NewBatch(len(sel), stream.NewBatch(d.n, d.cols, nil).Take(sel).Cols(), ops))
}

// stepOps are the rows that are in only one of two ascending lists: retracted if
// it is the first.
func stepOps(before, after []int32) (sel []int32, ops []stream.Op) {
	for len(before) > 0 || len(after) > 0 {
		switch {
		case len(after) == 0 || len(before) > 0 && before[0] < after[0]:
			sel, ops = append(sel, before[0]), append(ops, stream.Delete)
			before = before[1:]
		case len(before) == 0 || after[0] < before[0]:
			sel, ops = append(sel, after[0]), append(ops, stream.Insert)
			after = after[1:]
		default:
			before, after = before[1:], after[1:]
		}
	}
	return sel, ops
}
