package op

import (
	"errors"
	"time"

	"streamdb/connector"
	"streamdb/executor"
	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/vec"
)

// sourceBackfill runs a SourceBackfill. Each split is read privately from its
// start, while live rows of it are dropped, until what has been read reaches
// the offset that the live source published as the end of what it has emitted:
// everything below has then been read here, and everything at or above is still
// to come live. From that offset on live rows pass. The last one is noted, so
// that a job that was stopped while the source went on can do the same once more
// from there: it begins with that row, and drops it.
type sourceBackfill struct {
	whole bool // all columns are read, those not asked for to check them only
	*readers
	spec   *SourceBackfill
	octx   *executor.OpenCtx
	env    *Env
	hub    *SourceState // of the shared source's job
	state  storage.StateTable
	splits []*splitReader
	byNum  map[int64]*splitReader
	known  map[string]*SplitState
	src2   connector.Source
	last   foundSplits
	listed bool // all of last are adopted
	turn   int
	limit  *rateLimiter
	slow   func() // gives the live source its speed back; nil: not asked
	stat   *Stat
	cols   []int // of the live input
	pace   readPace
}

// readPace is how fast rows are read and dealt with, about that of the last second.
type readPace struct {
	rows  int
	since time.Time
	last  time.Time // when there were some
}

// Who has so much time to go waits no longer for the live source to be slow enough: it
// waits until they have met. waitFor is how long it waits for one who is gone.
const (
	nearlyThere = 250 * time.Millisecond
	waitFor     = 20 * time.Millisecond
)

// read notes that so many rows were read, and those before dealt with.
func (p *readPace) read(rows int, now time.Time) {
	if p.since.IsZero() {
		p.since = now
	} else if d := now.Sub(p.since); d > time.Second {
		p.rows, p.since = p.rows/2, now.Add(-d/2)
	}
	p.rows += rows
	if rows > 0 {
		p.last = now
	}
}

// now reports whether rows came just now: reading is not paused, and does not fail.
func (p *readPace) now(now time.Time) bool { return now.Sub(p.last) < nearlyThere }

// takes is how long so many rows will take; false: that is not known.
func (p *readPace) takes(rows int64, now time.Time) (time.Duration, bool) {
	d := now.Sub(p.since)
	if p.rows == 0 || d <= 0 {
		return 0, false
	}
	return time.Duration(float64(rows) / float64(p.rows) * float64(d)), true
}

func openSourceBackfill(s *SourceBackfill, ctx *executor.OpenCtx) (executor.Operator, error) {
	in, ok := s.In.(*executor.Input)
	if !ok || in.Upstream == 0 {
		return nil, errors.New("op: SourceBackfill needs the shared source's job as its input")
	}
	if ctx.Bounded {
		return nil, sqlerr.Unsupported("a backfill in a query")
	}
	env := envOf(ctx)
	read := s.Cols
	if decodes(env, s.Conf.Connector) {
		read = allCols(len(s.Conf.Schema))
	}
	r, err := newReaders(&s.Conf, read, env, ctx.Log)
	if err != nil {
		return nil, err
	}
	b := &sourceBackfill{
		whole:   len(read) > len(s.Cols),
		readers: r, spec: s, octx: ctx, env: env, hub: env.Sources.Of(in.Upstream),
		state: ctx.Table(s.State_), known: map[string]*SplitState{}, byNum: map[int64]*splitReader{},
		stat:  env.Stats.Of(StatKey{Job: ctx.Job, Kind: "backfill", Name: s.Conf.Name, Split: splitOfTable(s.State_.ID), Instance: ctx.Instance}),
		cols:  append(append([]int{}, s.Cols...), len(s.Conf.Schema)),
		limit: env.Limits.of(ctx.Job, BackfillRate, s.State_.ID),
	}
	b.stat.Of.Store(int32(ctx.Parallelism))
	b.stat.Done.Store(false)
	err = b.state.ScanAll(func(_ storage.VNode, key, value []byte) (bool, error) {
		st, err := DecodeSplit(key, value)
		if err != nil {
			return false, err
		}
		if st.Done && st.Again < s.Again {
			if !st.Follows {
				return false, sqlerr.New(sqlerr.ObjectNotInPrerequisiteState, "how far source %s was read is not known", s.Conf.Name).
					WithHint("The relation was made by an earlier version: drop it and create it again.")
			}
			st.Done, st.Next = false, max(st.Next, st.Seen-1)
		}
		b.known[st.ID] = &st
		if st.Done { // passes live rows at once; the split's reader is never opened
			b.byNum[int64(st.Number)] = &splitReader{SplitState: st, stat: &Stat{}}
		}
		return true, nil
	})
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	b.hub.unend(s.State_.ID, ctx.VNodes)
	r.search()
	return b, nil
}

func (b *sourceBackfill) Close() error {
	if b.slow != nil {
		b.slow()
		b.slow = nil
	}
	return b.close(b.splits)
}

// Wake tells of new splits and of rows in readers that can tell.
func (b *sourceBackfill) Wake() <-chan struct{} { return b.wake }

// Process passes live rows of splits that have caught up.
func (b *sourceBackfill) Process(_ *executor.Ctx, _ int, batch *stream.Batch, out executor.Emitter) error {
	ids := batch.Cols()[len(b.spec.Conf.Schema)]
	n := batch.Rows()
	mask := ids.Mask()
	if b.live(ids, n) {
		return out.Emit(projectBatch(batch, b.cols))
	}
	sel := make([]int32, 0, n)
	last, from := int64(-1), int64(-1) // rows of one split follow each other
	var split *splitReader
	for i := range n {
		id := ids.I64[i&mask]
		if num := id >> rowIDShift; num != last {
			last, from = num, -1
			if split = b.byNum[num]; split != nil && split.Done {
				from = split.Next
			}
		}
		if at := id & (1<<rowIDShift - 1); from >= 0 && at >= from {
			sel = append(sel, int32(i))
			split.Seen, split.dirty = max(split.Seen, at+1), true
		}
	}
	switch len(sel) {
	case 0:
		return nil
	case n:
		return out.Emit(projectBatch(batch, b.cols))
	}
	return out.Emit(projectBatch(batch, b.cols).Take(sel))
}

// live reports whether n rows, one or more, are of one split and all to be passed. Rows
// of one split rise, but an edge that puts small batches together may have put those of
// another between them.
func (b *sourceBackfill) live(ids vec.Vec, n int) bool {
	mask := ids.Mask()
	first, last := ids.I64[0], ids.I64[(n-1)&mask]
	split := b.byNum[first>>rowIDShift]
	if split == nil || !split.Done || first&(1<<rowIDShift-1) < split.Next {
		return false
	}
	other := int64(0)
	for _, id := range ids.I64[:min(n, len(ids.I64))] {
		other |= id ^ first
	}
	if other>>rowIDShift != 0 {
		return false
	}
	split.Seen, split.dirty = max(split.Seen, last&(1<<rowIDShift-1)+1), true
	return true
}

// Watermark passes once all splits have caught up.
func (b *sourceBackfill) Watermark(_ *executor.Ctx, _ int, w stream.Watermark, out executor.Emitter) error {
	if !b.caughtUp() {
		return nil
	}
	for i, c := range b.cols {
		if c == w.Column {
			if err := out.EmitWatermark(stream.Watermark{Column: i, Time: w.Time}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *sourceBackfill) caughtUp() bool {
	if !b.listed {
		return false
	}
	for _, s := range b.splits {
		if !s.Done {
			return false
		}
	}
	return true
}

// adopt takes over new splits whose number the live source knows.
func (b *sourceBackfill) adopt(f foundSplits) {
	b.src2, b.last, b.listed = f.src, f, true
	for _, sp := range f.splits {
		number, ok := b.hub.known(sp.ID)
		if !ok {
			b.listed = false // the live source has yet to find it
			continue
		}
		if !b.octx.VNodes.Contains(splitVNode(number)) || b.has(sp.ID) {
			continue
		}
		s := &splitReader{SplitState: SplitState{ID: sp.ID, Number: number, Next: sp.Start}, split: sp, stat: &Stat{}, dirty: true}
		if st := b.known[sp.ID]; st != nil {
			s.SplitState, s.dirty = *st, false
		}
		if live := b.byNum[int64(number)]; live != nil {
			s.Seen, s.dirty = live.Seen, live.dirty
		}
		b.splits = append(b.splits, s)
		b.byNum[int64(number)] = s
	}
}

func (b *sourceBackfill) has(id string) bool {
	for _, s := range b.splits {
		if s.ID == id {
			return true
		}
	}
	return false
}

// Poll reads a chunk of the next split that has not caught up.
func (b *sourceBackfill) Poll(ctx *executor.Ctx, out executor.Emitter) (bool, error) {
	select {
	case f := <-b.found:
		b.adopt(f)
	default:
		if !b.listed && b.src2 != nil {
			b.adopt(b.last)
		}
	}
	behind := 0
	for _, s := range b.splits {
		if !s.Done && !b.meets(s) {
			behind++
		}
	}
	if behind > 0 && !b.env.Stats.turn(b.octx.Job, b.spec.After) {
		b.stat.State.Store(int32(BackfillOrdered))
		b.timer.Reset(longRest)
		return false, nil
	}
	b.ask(behind > 0)
	if behind == 0 {
		done := b.caughtUp() && b.passed()
		b.stat.Done.Store(done)
		if done {
			b.stat.State.Store(int32(BackfillDone))
			b.stat.End.Store(0)
		}
		if !done {
			b.timer.Reset(firstIdle)
		}
		return false, nil
	}
	b.env.active(b.octx.Job)
	now := time.Now()
	left, ok := b.show()
	if d, known := b.pace.takes(left, now); ok && known && d < nearlyThere && b.pace.now(now) {
		b.hub.Wait(now)
	}
	n := b.limit.allow(b.env.rate(b.octx.Job, BackfillRate), stream.BatchRows)
	if n == 0 {
		b.timer.Reset(ratePause)
		return false, nil
	}
	for range b.splits {
		b.turn = (b.turn + 1) % len(b.splits)
		s := b.splits[b.turn]
		if s.Done {
			continue
		}
		rows := b.read(ctx, b.src2, s, n)
		if rows == 0 && s.chunk.Next == s.Next {
			continue
		}
		b.idle = 0
		s.Next, s.dirty = s.chunk.Next, true
		b.limit.spend(rows)
		b.stat.Rows.Add(int64(rows))
		if b.pace.read(rows, now); rows == 0 {
			return true, nil
		}
		return true, out.Emit(b.rows(ctx, s))
	}
	// The live source may publish at any time that both have met.
	b.rest(b.splits, longestIdle)
	return false, nil
}

// show tells how much is still to be read, as far as that is known; false: not of all splits.
func (b *sourceBackfill) show() (left int64, all bool) {
	all = true
	for _, s := range b.splits {
		pos, ok := b.hub.position(s.ID)
		if all = all && ok; ok && !s.Done {
			left += max(0, pos-s.Next)
		}
	}
	b.stat.End.Store(left)
	state := BackfillReading
	if b.env.rate(b.octx.Job, BackfillRate) == 0 {
		state = BackfillPaused
	}
	b.stat.State.Store(int32(state))
	return left, all
}

// rows is the chunk read last, as the columns asked for.
func (b *sourceBackfill) rows(ctx *executor.Ctx, s *splitReader) *stream.Batch {
	batch := b.batch(ctx, s)
	if b.whole {
		batch = stream.NewBatch(batch.Rows(), pickCols(batch.Cols(), b.cols), nil)
	}
	if s.Seen == 0 {
		return batch
	}
	ids := batch.Cols()[len(batch.Cols())-1] // rising: begin behind what came live before
	first := 0
	for mask := ids.Mask(); first < batch.Rows() && ids.I64[first&mask]&(1<<rowIDShift-1) < s.Seen; first++ {
	}
	if first == 0 {
		return batch
	}
	sel := make([]int32, 0, batch.Rows()-first)
	for i := first; i < batch.Rows(); i++ {
		sel = append(sel, int32(i))
	}
	return batch.Take(sel)
}

// decodes reports whether a connector's rows are decoded from bytes. Then which
// of them are bad must not depend on the columns that a reader asks for: the
// shared source, which reads all, has put those into quarantine.
func decodes(env *Env, name string) bool {
	if env.Connectors == nil {
		return false
	}
	def, ok := env.Connectors(name)
	return ok && len(def.Formats) > 0
}

// passed reports whether the live source has come to where this job's own
// reading ended, which may be some rows further on: until then the job knows of
// rows that the source's offsets do not contain yet.
func (b *sourceBackfill) passed() bool {
	for _, s := range b.byNum {
		if pos, ok := b.hub.position(s.ID); !ok || pos < s.Next {
			return false
		}
	}
	return true
}

// meets switches a split over to live rows if what was read reaches what the
// live source has emitted.
func (b *sourceBackfill) meets(s *splitReader) bool {
	pos, ok := b.hub.position(s.ID)
	s.past = pos
	if !ok || s.Next < pos {
		return false
	}
	s.Done, s.dirty = true, true
	b.shut(s)
	s.chunk, s.memory = connector.Chunk{}, nil
	return true
}

// ask slows the live source down while this job is behind.
func (b *sourceBackfill) ask(behind bool) {
	switch {
	case behind && b.slow == nil:
		b.slow = b.hub.Slow()
	case !behind && b.slow != nil:
		b.slow()
		b.slow = nil
	}
}

// Barrier writes the offsets that moved, and tells which splits have ended.
func (b *sourceBackfill) Barrier(_ *executor.Ctx, at stream.Barrier, _ executor.Emitter) error {
	for number, s := range b.byNum {
		if s.Done && b.hub.ended(0, int(number), at.Epoch) {
			b.hub.end(b.spec.State_.ID, int(number), at.Epoch)
		}
		if s.dirty {
			s.dirty, s.Follows, s.Again = false, true, b.spec.Again
			s.put(b.state)
		}
	}
	return nil
}
