package op

import (
	"math"
	"slices"

	"streamdb/executor"
	"streamdb/expr/aggs"
	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// sessionAgg runs a SessionAgg. Partitions and sessions have dense ids; the sessions
// of a partition are a list, the newest first, as that is where most rows belong. A
// row that is out of order may extend a session to the left, which joins it with the
// one before: the states are merged when the batch has been added.
//
// Sessions that no later row can extend leave at the barrier, and before it when
// there are many: what comes of them is final.
//
//	Sessions: partition -> the partition columns as a row, after its length (uvarint),
//	          number of sessions (uvarint), then of each, the oldest first:
//	          first (varint), upto less first (uvarint), the state of each aggregate
//
// Partitions that are not in memory have all their sessions there; see residency.
type sessionAgg struct {
	executor.Base
	spec     *SessionAgg
	scale    int64
	in       []types.T
	keyTypes []types.T
	table    storage.StateTable
	closed   closedMark
	rose     bool  // the mark, in this epoch
	resend   bool  // the mark was not passed on yet in this run
	sweepAt  int64 // the table has no session outside memory that ends at or below it

	keys    *keyTable
	parts   []sessionPart // by partition
	spans   []sessionSpan // by session
	frees   []int32       // free sessions
	live    int           // sessions
	crowd   int           // as many sessions are too many to wait for the barrier
	aggs    []*plainAgg   // their groups are sessions
	filters []int         // per aggregate: a column of rows that it is to be given; -1: all
	pace    batchPace

	touched []int32 // sessions that the epoch changed, those that were merged away included
	dirty   []int32 // partitions to write
	merged  []int32 // sessions merged away in this batch
	retired []int32 // sessions merged away that are still in touched
	olds    oldSessions

	memory  memory
	res     residency
	clock   clock
	cache   *Caches
	stat    *CacheStat
	statKey CacheKey
	fresh   int // sessions and partitions that came since the last eviction
	look    int // the number of them at which spill looks again

	partIDs, ids, sel, first []int32
	key                      []vec.Vec
	rowDec                   *storage.RowDecoder
}

// sessionPart is a partition.
type sessionPart struct {
	newest int32 // session; -1: none
	vnode  storage.VNode
	dirty  bool
	stored bool // the table has an entry
}

// sessionSpan is a session, by the time of its first row and the last time at which
// a row belongs to it: see sessionAgg.reach.
type sessionSpan struct {
	first, upto int64
	prev        int32 // the one before in its partition; -1: none; of one merged away: where it is now
	part        int32 // -1: merged away, or free
	old         int32 // its row in olds; -1: none
	touched     bool  // in this epoch
	shown       bool  // it was emitted in an earlier one
}

// oldSessions are rows that were emitted before the epoch, of sessions that it changed.
type oldSessions struct {
	parts       []int32
	first, upto []int64
	results     []*vec.Builder // per aggregate
	orphans     []int32        // rows of sessions that were merged away
}

func openSessionAgg(s *SessionAgg, ctx *executor.OpenCtx) (executor.Operator, error) {
	in := s.In.Schema()
	x := &sessionAgg{spec: s, scale: 1, in: schemaTypes(in), keyTypes: colTypes(in, s.Partition), memory: memory{acc: ctx.Memory},
		table: ctx.Table(s.Sessions), sweepAt: math.MaxInt64, crowd: crowdAtLeast, look: spillRows}
	if in[s.Time].Type.ID == types.Date {
		x.scale = usPerDay
	}
	x.keys = newKeyTable(x.keyTypes)
	x.rowDec = storage.NewRowDecoder(typeLayouts(x.keyTypes), allCols(len(x.keyTypes)))
	results := make([]types.Layout, len(s.Aggs))
	for i := range s.Aggs {
		call := &s.Aggs[i]
		def, ts, err := call.find(in)
		if err != nil {
			return nil, err
		}
		if !call.CanMerge(in) {
			return nil, sqlerr.New(sqlerr.DataCorrupted, "stored plan has %s over sessions whose rows are not kept", call.explain(in))
		}
		p := &plainAgg{make: func() aggs.State { return def.New(ts) }, args: call.Args, partial: def.Partial(ts)}
		p.state = p.make()
		x.aggs, x.filters = append(x.aggs, p), append(x.filters, call.Filter)
		results[i] = call.T.Layout()
		x.olds.results = append(x.olds.results, vec.NewBuilder(results[i], 0))
	}
	x.pace = newBatchPace(results)
	var err error
	if x.closed, err = openClosed(ctx, s.Closed, s.Kind(), s.Sessions.ID); err != nil {
		return nil, err
	}
	x.resend = x.closed.at > minWindow
	if x.res, err = openResidency(x.table); err != nil {
		return nil, err
	}
	if x.res.partial {
		x.sweepAt = minWindow
	}
	x.cache = envOf(ctx).Caches
	x.statKey = CacheKey{Job: ctx.Job, Table: s.Sessions.ID, Operator: s.Kind(), Instance: ctx.Instance}
	x.stat = x.cache.Open(x.statKey)
	return x, nil
}

func (x *sessionAgg) Close() error {
	x.memory.release()
	x.cache.Close(x.statKey, x.stat)
	return nil
}

// reach is the last time at which a row belongs to a session whose last row is at t.
// So a session is joined with the one before it when that one's reach is at or behind
// its first row. An infinite time only reaches itself.
func (x *sessionAgg) reach(t int64) int64 {
	if infiniteTime(t) {
		return t
	}
	if r := t + (x.spec.Gap - 1); r >= t {
		return min(r, math.MaxInt64-1)
	}
	return math.MaxInt64 - 1
}

// endOfReach is the end of a session.
func endOfReach(upto int64) int64 {
	if infiniteTime(upto) {
		return upto
	}
	return upto + 1
}

func (x *sessionAgg) Process(ctx *executor.Ctx, _ int, b *stream.Batch, out executor.Emitter) error {
	b = x.closed.onTime(b, x.spec.Time, false)
	cols, n := b.Cols(), b.Rows()
	if n == 0 {
		return nil
	}
	x.partIDs, x.ids = vec.Grow(x.partIDs, n), vec.Grow(x.ids, n)
	parts, ids := x.partIDs[:n], x.ids[:n]
	x.key = pick(x.key, cols, x.spec.Partition)
	fresh, rows := x.keys.FindOrInsert(x.key, nil, n, parts)
	if len(fresh) > 0 {
		if err := x.admit(cols, fresh, rows); err != nil {
			return err
		}
	}
	x.assign(&cols[x.spec.Time], parts, ids)
	if err := x.remember(ctx); err != nil {
		return err
	}
	filtered := -1
	for j, p := range x.aggs {
		var sel []int32
		if f := x.filters[j]; f >= 0 {
			if f != filtered {
				x.sel, filtered = filterRows(&cols[f], n, x.sel), f
			}
			if sel = x.sel; len(sel) == 0 {
				continue
			}
		}
		if err := p.update(ids, cols, nil, sel, n); err != nil {
			return err
		}
	}
	if err := x.merge(); err != nil {
		return err
	}
	return x.spill(ctx, out)
}

// assign sets ids[i] to the session of row i.
func (x *sessionAgg) assign(t *vec.Vec, parts, ids []int32) {
	m := t.Mask()
	for i, p := range parts {
		at := t.I64[i&m]
		if x.scale != 1 {
			at = scaled(at, x.scale)
		}
		if k := x.parts[p].newest; k >= 0 {
			s := &x.spans[k]
			if s.first <= at && at <= s.upto { // nearly all
				if !s.touched {
					x.touch(k)
				}
				s.upto = max(s.upto, x.reach(at))
				ids[i] = k
				continue
			}
		}
		ids[i] = x.place(p, at)
	}
}

// place finds or begins the session of a row at t.
func (x *sessionAgg) place(p int32, t int64) int32 {
	upto := x.reach(t)
	newer, k := int32(-1), x.parts[p].newest
	for k >= 0 && x.spans[k].first > upto {
		newer, k = k, x.spans[k].prev
	}
	if k < 0 || x.spans[k].upto < t {
		id := x.begin(p, timeSpan{t, upto})
		x.spans[id].prev = k
		x.link(p, newer, id)
		x.touch(id)
		return id
	}
	x.touch(k)
	s := &x.spans[k]
	s.first, s.upto = min(s.first, t), max(s.upto, upto)
	if b := s.prev; b >= 0 && x.spans[b].upto >= s.first {
		x.touch(b)
		before := &x.spans[b]
		s.first, s.prev = before.first, before.prev
		before.part, before.prev = -1, k
		x.merged = append(x.merged, b)
	}
	return k
}

// link makes id the session before newer, or the newest one.
func (x *sessionAgg) link(p, newer, id int32) {
	if newer < 0 {
		x.parts[p].newest = id
	} else {
		x.spans[newer].prev = id
	}
}

// begin makes a session. Its last is the reach.
func (x *sessionAgg) begin(p int32, s timeSpan) int32 {
	var id int32
	if k := len(x.frees); k > 0 {
		id = x.frees[k-1]
		x.frees = x.frees[:k-1]
	} else {
		id = int32(len(x.spans))
		x.spans = vec.Grow(x.spans, len(x.spans)+1)
		for _, a := range x.aggs {
			a.grow(len(x.spans))
		}
	}
	x.spans[id] = sessionSpan{first: s.first, upto: s.last, prev: -1, part: p, old: -1}
	x.live++
	x.fresh++
	return id
}

// touch notes that a session changes, before it does.
func (x *sessionAgg) touch(id int32) {
	s := &x.spans[id]
	if s.touched {
		return
	}
	s.touched = true
	x.touched = append(x.touched, id)
	x.soil(s.part)
	if !s.shown {
		return
	}
	o := &x.olds
	s.old = int32(len(o.parts))
	o.parts, o.first, o.upto = append(o.parts, s.part), append(o.first, s.first), append(o.upto, s.upto)
	x.first = append(x.first, id)
}

// soil notes that a partition is to be written.
func (x *sessionAgg) soil(p int32) {
	if c := &x.parts[p]; !c.dirty {
		c.dirty = true
		x.dirty = append(x.dirty, p)
		if c.stored {
			x.clock.use(p)
		}
	}
}

// remember keeps the results of the sessions that the batch changes for the first
// time in this epoch.
func (x *sessionAgg) remember(ctx *executor.Ctx) error {
	for j, p := range x.aggs {
		if err := p.result(ctx.Expr, x.first, x.olds.results[j]); err != nil {
			return err
		}
	}
	x.first = x.first[:0]
	return nil
}

// merge adds the states of sessions that the batch merged away to those of the
// sessions that they are part of now.
func (x *sessionAgg) merge() error {
	if len(x.merged) == 0 {
		return nil
	}
	into := make([]int32, len(x.merged))
	for i, id := range x.merged {
		to := x.spans[id].prev
		for x.spans[to].part < 0 {
			to = x.spans[to].prev
		}
		into[i] = to
		if old := x.spans[id].old; old >= 0 {
			x.olds.orphans = append(x.olds.orphans, old)
		}
	}
	for _, p := range x.aggs {
		if err := p.move(p.state, x.merged, into); err != nil {
			return err
		}
	}
	x.retired = append(x.retired, x.merged...)
	x.merged = x.merged[:0]
	return nil
}

// admit makes room for partitions that have come, and reads those that may have a state.
func (x *sessionAgg) admit(cols []vec.Vec, fresh, rows []int32) error {
	x.parts = vec.Grow(x.parts, x.keys.Ids())
	x.clock.grow(x.keys.Ids())
	x.fresh += len(fresh)
	dist := make([]vec.Vec, len(x.spec.Dist))
	for k, c := range x.spec.Dist {
		dist[k] = cols[c].Gather(rows)
	}
	vnodes := executor.VNodes(dist, allCols(len(dist)), colTypesAt(x.in, x.spec.Dist), len(fresh), nil)
	var ask []int32
	var at []storage.VNode
	for k, p := range fresh {
		x.parts[p] = sessionPart{newest: -1, vnode: vnodes[k]}
		if x.res.mayHold(x.keys.Tag(p)) {
			ask, at = append(ask, p), append(at, vnodes[k])
		}
	}
	if len(ask) == 0 {
		return nil
	}
	x.stat.Misses.Add(int64(len(ask)))
	return x.table.MultiGet(at, x.stateKeys(ask), func(i int, value []byte) error {
		if value == nil {
			return nil
		}
		return x.load(ask[i], value)
	})
}

// Watermark passes on no column but window_end, at the barrier: what came of open
// sessions is emitted again, however old they are.
func (x *sessionAgg) Watermark(ctx *executor.Ctx, _ int, w stream.Watermark, out executor.Emitter) error {
	if w.Column != x.spec.Time || infiniteTime(w.Time) || !x.closed.raise(w.Time) {
		return nil
	}
	x.rose = true
	if x.live < x.crowd {
		return nil
	}
	if err := x.sweep(ctx, x.keys.All(), out); err != nil {
		return err
	}
	x.crowd = max(2*x.live, crowdAtLeast)
	return nil
}

// crowdAtLeast is the least number of sessions at which they are looked through for
// closed ones in the midst of an epoch; a variable for tests.
var crowdAtLeast = 4 << 10

func (x *sessionAgg) Barrier(ctx *executor.Ctx, _ stream.Barrier, out executor.Emitter) error {
	x.closed.save()
	tell := x.rose || x.resend
	if tell {
		x.rose, x.resend = false, false
		if err := x.sweep(ctx, x.keys.All(), out); err != nil {
			return err
		}
		if err := x.sweepStored(ctx, out); err != nil {
			return err
		}
		x.crowd = max(2*x.live, crowdAtLeast)
	}
	if err := x.flush(ctx, out); err != nil {
		return err
	}
	if col, ok := x.spec.ends(); tell && ok {
		if err := out.EmitWatermark(stream.Watermark{Column: col, Time: x.next()}); err != nil {
			return err
		}
	}
	return x.evict()
}

// next is the earliest time that a later row has.
func (x *sessionAgg) next() int64 { return (x.closed.at + 1) * x.scale }

// flush emits and writes what the epoch changed.
func (x *sessionAgg) flush(ctx *executor.Ctx, out executor.Emitter) error {
	x.forgetRetired()
	if err := x.takeBack(x.olds.orphans, out); err != nil {
		return err
	}
	if !x.spec.EmitOnClose {
		if err := x.show(ctx, x.touched, out); err != nil {
			return err
		}
	}
	for _, id := range x.touched {
		s := &x.spans[id]
		s.touched, s.old, s.shown = false, -1, !x.spec.EmitOnClose
	}
	x.touched = x.touched[:0]
	o := &x.olds
	o.parts, o.first, o.upto, o.orphans = o.parts[:0], o.first[:0], o.upto[:0], o.orphans[:0]
	for _, b := range o.results {
		b.Reset(0)
	}
	x.write()
	return nil
}

// forgetRetired gives the ids of sessions that were merged away free.
func (x *sessionAgg) forgetRetired() {
	if len(x.retired) == 0 {
		return
	}
	x.touched = slices.DeleteFunc(x.touched, func(id int32) bool { return x.spans[id].part < 0 })
	for _, id := range x.retired {
		x.forget(id)
	}
	x.retired = x.retired[:0]
}

// forget gives the id of a session free.
func (x *sessionAgg) forget(id int32) {
	for _, a := range x.aggs {
		a.reset(id)
	}
	x.spans[id].part = -1
	x.frees = append(x.frees, id)
	x.live--
}
