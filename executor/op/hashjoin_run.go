package op

import (
	"fmt"

	"streamdb/executor"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// joinSide is one input of a running join.
type joinSide struct {
	spec  *JoinSide
	outer bool // rows without a match are output, with NULLs

	types  []types.T // of the input
	keep   []int     // input columns kept as state
	keyAt  []int     // positions in keep of the join key
	rowAt  []int     // positions in keep of the row key
	keepTs []types.T
	stored bool // rows are kept (not for the probe side of a bounded run)
	aside  bool // its rows change without being in memory: see joinaway.go

	rows  *joinRows
	heads []int32 // by key id: the first row, -1: none
	sums  []int32 // by key id: weight of all rows
	table storage.StateTable
	dirty []int32   // slots to write
	away  []uint64  // bit set by key id: the rows are in the table, in memory are changes of this epoch
	gone  residency // of the keys whose rows are, or once were, in the table alone
	dec   *storage.RowDecoder
	mark  int64 // watermark of the window key
	has   bool

	// For an interval join:
	timeAt int      // position in keep of the time; -1: rows are never dropped by it
	ages   timeline // slots by time
	passed int64    // the watermark that was passed on
	sent   bool
}

// hashJoin runs a HashJoin. Both sides are Z-sets by exact row value: a row has
// a weight, which may even be negative inside an epoch, when a retraction
// arrives before what it retracts. What has been output for a row is at any
// time a function of both Z-sets, so the order of arrival does not matter:
//
//	pairs        weight(l) * weight(r) for each match
//	outer l      weight(l) if the weights of l's matches sum up to 0
//	semi, anti   weight(l) if they do not; if they do
//
// Without a residual condition all rows of a key have the same matches, and a
// sum per key and side says it; with one, each row has its own (joinRows.deg).
//
// State, one table a side:
//
//	vnode(join key) | join key | row key -> weight, kept columns
//
// where rows without a row key have their own encoding as row key. The rows of a
// key come into memory when they are first looked for, unless all are there anyway.
type hashJoin struct {
	spec  *HashJoin
	ctx   *executor.OpenCtx
	pairs bool // matching pairs are output
	semi  bool // or left rows with a match
	anti  bool // or left rows without one

	sides    [2]joinSide
	keys     *keyTable
	keyTypes []types.T
	vnodes   []storage.VNode // by key id
	nullSafe []bool
	complete bool // every key of the state tables is in memory
	emptied  []int32
	windows  timeline
	times    []int64 // by key id: its window, where windowed
	windowed bool
	interval bool // rows are dropped by their time
	memory   memory
	cache    joinCache

	residual *joinResidual
	out      joinOutput

	ids    []int32
	placed []int32 // slots of the rows of a batch, -1: none; or of rows to forget
	sel    []int32
	hashes []uint64
	deg    []int32
	key    []byte
	row    []byte
}

func openHashJoin(s *HashJoin, ctx *executor.OpenCtx) (executor.Operator, error) {
	return makeHashJoin(s, ctx, !ctx.Bounded)
}

// makeHashJoin opens a join that keeps the left side's rows, or one that only
// looks up the right side's.
func makeHashJoin(s *HashJoin, ctx *executor.OpenCtx, keepLeft bool) (*hashJoin, error) {
	if len(s.L.Keys) != len(s.R.Keys) {
		return nil, fmt.Errorf("op: join with %d and %d keys", len(s.L.Keys), len(s.R.Keys))
	}
	j := &hashJoin{
		spec: s, ctx: ctx, nullSafe: s.NullSafe, memory: memory{acc: ctx.Memory},
		pairs: s.Type != SemiJoin && s.Type != AntiJoin,
		semi:  s.Type == SemiJoin, anti: s.Type == AntiJoin,
	}
	schemas := [2]types.Schema{s.Left.Schema(), s.Right.Schema()}
	width := len(schemas[0])
	j.windowed = !ctx.Bounded && s.L.WindowKey >= 0 && s.L.WindowKey == s.R.WindowKey && len(s.L.Keys) > 0
	j.interval = !ctx.Bounded && !j.windowed && (s.CleansLeft() || s.CleansRight())
	j.keyTypes = colTypes(schemas[0], s.L.Keys)
	if s.Residual != nil {
		j.residual = newJoinResidual(s.Residual, width)
		var read types.Schema
		for _, c := range j.residual.cols {
			if c < width {
				read = append(read, schemas[0][c])
			} else {
				read = append(read, schemas[1][c-width])
			}
		}
		j.residual.failed = newFailedRows(s.Failed, read, ctx)
	}
	for k := range j.sides {
		d := &j.sides[k]
		d.timeAt = -1
		d.spec, d.types = &s.L, schemaTypes(schemas[0])
		d.outer = s.Type == LeftJoin || s.Type == FullJoin
		from, to := 0, width
		if k == 1 {
			d.spec, d.types = &s.R, schemaTypes(schemas[1])
			d.outer = s.Type == RightJoin || s.Type == FullJoin
			from, to = width, width+len(schemas[1])
		}
		d.stored = keepLeft || k == 1
		j.openSide(d, k, from, to)
	}
	j.out.open(j, width)
	j.openCache(ctx)
	j.reset()
	if ctx.Bounded {
		j.complete = true
		return j, nil
	}
	j.complete = true
	for k := range j.sides {
		d := &j.sides[k]
		if !d.stored {
			continue
		}
		d.table = ctx.Table(d.spec.Table)
		var err error
		if d.gone, err = openResidency(d.table); err != nil {
			return nil, err
		}
		d.aside = j.mayStayAside(k)
		j.complete = j.complete && !d.gone.partial
	}
	if (j.windowed || j.interval) && !j.complete { // the clean-up must know every key
		return j, j.loadAll()
	}
	return j, nil
}

// openSide chooses the columns to keep: keys, what the output shows and what
// the residual condition reads.
func (j *hashJoin) openSide(d *joinSide, side, from, to int) {
	at := make([]int, len(d.types))
	for i := range at {
		at[i] = -1
	}
	use := func(c int) int {
		if at[c] < 0 {
			at[c] = len(d.keep)
			d.keep = append(d.keep, c)
		}
		return at[c]
	}
	for _, c := range d.spec.Keys {
		d.keyAt = append(d.keyAt, use(c))
	}
	if !j.ctx.Bounded {
		for _, c := range d.spec.RowKey {
			d.rowAt = append(d.rowAt, use(c))
		}
	}
	for _, c := range j.spec.Cols {
		if c >= from && c < to && (j.pairs || side == 0) {
			use(c - from)
		}
	}
	if j.residual != nil {
		for _, c := range j.residual.cols {
			if c >= from && c < to {
				use(c - from)
			}
		}
		for i, c := range j.residual.cols {
			if c >= from && c < to {
				j.residual.at[i] = at[c-from]
			}
		}
	}
	if j.interval {
		if side == 0 && j.spec.CleansLeft() || side == 1 && j.spec.CleansRight() {
			d.timeAt = at[j.spec.timeOf(side)]
		}
	}
	j.out.at[side] = at
	for _, c := range d.keep {
		d.keepTs = append(d.keepTs, d.types[c])
	}
	layouts := make([]types.Layout, len(d.keep))
	for i, t := range d.keepTs {
		layouts[i] = t.Layout()
	}
	d.dec = storage.NewRowDecoder(layouts, nil)
}

// counts reports whether the rows of a side need their matches counted one by one.
func (j *hashJoin) counts(side int) bool {
	return j.residual != nil && !j.ctx.Bounded && (j.sides[side].outer || side == 0 && !j.pairs)
}

// reset empties the memory.
func (j *hashJoin) reset() {
	j.keys = newKeyTable(j.keyTypes)
	j.vnodes, j.emptied, j.windows, j.times = nil, nil, timeline{}, nil
	j.cache.clock = clock{}
	for k := range j.sides {
		d := &j.sides[k]
		single := d.spec.AppendOnly || j.ctx.Bounded // rows come once and stay
		d.rows = newJoinRows(d.keepTs, !single || j.windowed || d.timeAt >= 0, !single, !single, j.counts(k))
		d.heads, d.sums, d.dirty, d.ages, d.away = nil, nil, nil, timeline{}, nil
	}
}

// FirstInput says that a bounded run feeds the right side first, entirely.
func (j *hashJoin) FirstInput() int { return 1 }

// bytes is what the join holds.
func (j *hashJoin) bytes() int64 {
	n := j.keys.Bytes() + j.cache.bytes() + j.windows.bytes() + int64(cap(j.vnodes))
	for k := range j.sides {
		d := &j.sides[k]
		n += d.rows.bytes() + d.gone.bytes() + int64(4*(cap(d.heads)+cap(d.sums)+cap(d.dirty))+8*cap(d.away)) + d.ages.bytes()
	}
	return n
}

func (j *hashJoin) report() { j.memory.report(j.bytes()) }

// account reports, or in a query asks for, what memory grew by.
func (j *hashJoin) account() error {
	if j.ctx.Bounded {
		return j.memory.growTo(j.bytes())
	}
	j.report()
	return nil
}

func pickCols(cols []vec.Vec, at []int) []vec.Vec {
	out := make([]vec.Vec, len(at))
	for i, c := range at {
		out[i] = cols[c]
	}
	return out
}

// Process joins a batch with what the other side holds, and keeps it.
func (j *hashJoin) Process(ctx *executor.Ctx, in int, b *stream.Batch, out executor.Emitter) error {
	d, o := &j.sides[in], &j.sides[1-in]
	n, cols := b.Rows(), b.Cols()
	if err := j.lookup(in, cols, n); err != nil {
		return err
	}
	j.out.begin(in, cols, o.rows, out)
	var err error
	switch {
	case j.ctx.Bounded && in == 1:
		err = j.build(b)
	case j.residual != nil:
		err = j.probeResidual(ctx, in, b)
	default:
		err = j.probe(in, b)
	}
	if err == nil && d.stored {
		err = j.store(d, b)
	}
	if err == nil {
		err = j.out.flush()
	}
	if err != nil {
		return err
	}
	return j.account()
}

// lookup sets ids to the key of each row, -1 where a NULL can match nothing, and
// brings in from the state tables what the rows need.
func (j *hashJoin) lookup(in int, cols []vec.Vec, n int) error {
	d := &j.sides[in]
	key := pickCols(cols, d.spec.Keys)
	if cap(j.ids) < n {
		j.ids = make([]int32, max(n, stream.BatchRows))
	}
	j.ids = j.ids[:n]
	sel := j.matchable(key, n)
	if sel != nil {
		for i := range j.ids {
			j.ids[i] = -1
		}
	}
	if !d.stored && j.complete {
		j.keys.Find(key, sel, n, j.ids)
		return nil
	}
	fresh, rows := j.keys.FindOrInsert(key, sel, n, j.ids)
	if !d.stored { // what finds nothing is not kept
		j.emptied = append(j.emptied, fresh...)
	}
	j.addKeys(key, fresh, rows)
	if j.ctx.Bounded {
		return nil
	}
	j.use(in, fresh)
	if j.complete {
		return nil
	}
	return j.fetch(in, key)
}

// matchable is the rows without a NULL in a key that = compares; nil: all.
func (j *hashJoin) matchable(key []vec.Vec, n int) []int32 {
	var with []*vec.Vec
	for i := range key {
		if !(i < len(j.nullSafe) && j.nullSafe[i]) && key[i].HasNulls() {
			with = append(with, &key[i])
		}
	}
	if with == nil {
		return nil
	}
	sel := j.sel[:0]
	if sel == nil {
		sel = []int32{}
	}
rows:
	for i := range n {
		for _, v := range with {
			if v.Null(i) {
				continue rows
			}
		}
		sel = append(sel, int32(i))
	}
	j.sel = sel
	return sel
}

// addKeys prepares new key ids; key are the key columns and rows the rows they came from.
func (j *hashJoin) addKeys(key []vec.Vec, fresh, rows []int32) {
	if len(fresh) == 0 {
		return
	}
	for k := range j.sides {
		d := &j.sides[k]
		for len(d.heads) < j.keys.Ids() {
			d.heads, d.sums = append(d.heads, -1), append(d.sums, 0)
		}
		for _, id := range fresh {
			d.heads[id], d.sums[id] = -1, 0
		}
		j.place(d, fresh)
	}
	if j.ctx.Bounded {
		return
	}
	for len(j.vnodes) < j.keys.Ids() {
		j.vnodes = append(j.vnodes, 0)
	}
	at := make([]vec.Vec, len(key))
	for c := range key {
		at[c] = key[c].Gather(rows)
	}
	places := executor.VNodes(at, allCols(len(at)), j.keyTypes, len(rows), nil)
	for k, id := range fresh {
		j.vnodes[id] = places[k]
	}
	if j.windowed {
		w := &at[j.spec.L.WindowKey]
		for k, id := range fresh {
			for len(j.times) < j.keys.Ids() {
				j.times = append(j.times, 0)
			}
			if !w.Null(k) {
				j.times[id] = w.I64[k&w.Mask()]
				j.windows.add(j.times[id], id)
			}
		}
	}
}

// Watermark: when both sides have passed a window, nothing more comes for it.
func (j *hashJoin) Watermark(_ *executor.Ctx, in int, w stream.Watermark, out executor.Emitter) error {
	if !j.windowed && j.spec.Interval.On {
		return j.intervalWatermark(in, w, out)
	}
	if !j.windowed {
		return nil
	}
	d := &j.sides[in]
	if w.Column != d.spec.Keys[d.spec.WindowKey] {
		return nil
	}
	before, had := j.window()
	d.raise(w.Time)
	now, has := j.window()
	if !has || had && now <= before {
		return nil
	}
	width := j.out.width
	for i, c := range j.spec.Cols {
		if c == j.sides[0].spec.Keys[j.spec.L.WindowKey] || j.pairs && c-width == j.sides[1].spec.Keys[j.spec.R.WindowKey] {
			if err := out.EmitWatermark(stream.Watermark{Column: i, Time: now}); err != nil {
				return err
			}
		}
	}
	return nil
}

// raise notes a watermark.
func (d *joinSide) raise(time int64) {
	if !d.has || time > d.mark {
		d.mark, d.has = time, true
	}
}

// window is the time at and below which windows are closed on both sides.
func (j *hashJoin) window() (int64, bool) {
	l, r := &j.sides[0], &j.sides[1]
	return min(l.mark, r.mark), l.has && r.has
}

// Barrier writes what changed; in a bounded run it outputs the right rows
// without a match.
func (j *hashJoin) Barrier(_ *executor.Ctx, _ stream.Barrier, out executor.Emitter) error {
	if j.ctx.Bounded {
		return j.finish(out)
	}
	if err := j.closeWindows(); err != nil {
		return err
	}
	if j.interval {
		j.cleanInterval()
	}
	for k := range j.sides {
		if err := j.write(&j.sides[k]); err != nil {
			return err
		}
	}
	for _, id := range j.emptied {
		if j.keys.Live(id) && j.sides[0].empty(id) && j.sides[1].empty(id) {
			j.dropKey(id)
		}
	}
	j.emptied = j.emptied[:0]
	j.report()
	j.evict()
	return nil
}

func (j *hashJoin) finish(out executor.Emitter) error {
	d := &j.sides[1]
	if !d.outer {
		return nil
	}
	j.out.begin(0, nil, d.rows, out)
	for s, f := range d.rows.flags {
		if f&rowMatched == 0 {
			if err := j.out.add(-1, int32(s), stream.Insert, 1); err != nil {
				return err
			}
		}
	}
	return j.out.flush()
}
