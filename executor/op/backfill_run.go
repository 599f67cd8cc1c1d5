package op

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"streamdb/executor"
	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// backfill runs a Backfill. Why each upstream row arrives exactly once:
//
// The upstream's edge was attached at barrier N, so live batches hold its
// changes of the epochs after N, each tagged here with its epoch. A row's place
// is (vnode, key); everything up to the position of its vnode has been read. A
// live change at a place already read passes at once; others wait. A slice is
// read from the newest committed snapshot, of some epoch s >= N of the job: it is the
// result of all changes up to s, so of the waiting changes in the slice those up
// to s are dropped and those after s are emitted right behind it. Changes up to
// s that still wait will be covered by this or a newer snapshot, and are
// dropped at once; so what waits is at most what a few epochs changed.
//
// The position is sealed with the same barrier as what was emitted. After a
// restart the newest snapshot is that of the manifest, and the upstream goes on
// right after it: nothing that waited is missed.
type backfill struct {
	spec     *Backfill
	ctx      *executor.OpenCtx
	env      *Env
	stat     *Stat
	state    storage.StateTable
	types    []types.T
	dec      *storage.RowDecoder
	identity bool

	vnodes storage.VNodeSet
	cur    int // the vnode being read: the first that is not done
	parts  [storage.NumVNodes]backfillPart
	rows   int64 // read so far
	done   bool
	start  stream.Epoch // the first epoch of the live changes, or a lower number behind N
	wait   []waitingRows
	dirty  bool
	limit  *rateLimiter
	pace   backfillPace
	told   bool               // AllRead was sent
	marks  []stream.Watermark // of the input, until done

	places []storage.VNode
	key    []byte
}

// waitingRows is the part of a live batch whose places have not been read.
type waitingRows struct {
	epoch  stream.Epoch
	batch  *stream.Batch
	sel    []int32
	vnodes []storage.VNode
	keys   []byte
	ends   []int32
}

// backfillPart is the progress in one vnode; its row of state is
// format, done, rows (8 bytes), pos.
type backfillPart struct {
	done bool
	rows int64
	pos  []byte // the last key read; nil: none
}

const backfillFormat = 1

func openBackfill(s *Backfill, ctx *executor.OpenCtx) (executor.Operator, error) {
	if ctx.Bounded {
		return nil, sqlerr.Unsupported("a backfill in a query")
	}
	env := envOf(ctx)
	f := &backfill{
		spec: s, ctx: ctx, env: env,
		stat:   env.Stats.Of(StatKey{Job: ctx.Job, Kind: "backfill", Name: s.Name, Split: splitOfTable(s.State_.ID), Instance: ctx.Instance}),
		state:  ctx.Table(s.State_),
		types:  schemaTypes(s.Table.Cols),
		dec:    s.Table.Decoder(s.Cols),
		vnodes: ctx.VNodes,
		limit:  env.Limits.of(ctx.Job, BackfillRate, s.State_.ID),
		pace:   newBackfillPace(),
	}
	f.stat.Of.Store(int32(ctx.Parallelism))
	f.stat.Done.Store(false)
	if len(s.Table.Dist) == 0 { // a singleton: all rows are in vnode 0
		f.vnodes = storage.VNodeSet{From: 0, To: min(ctx.VNodes.To, 1)}
	}
	f.identity = len(s.Cols) == len(s.Table.Cols)
	for i, c := range s.Cols {
		f.identity = f.identity && i == c
	}
	return f, f.load()
}

// load reads the progress: a row per vnode that was begun.
func (f *backfill) load() error {
	f.cur = f.vnodes.From
	err := f.state.ScanAll(func(v storage.VNode, _, value []byte) (bool, error) {
		if len(value) < 10 || value[0] != backfillFormat {
			return false, sqlerr.New(sqlerr.DataCorrupted, "progress of the backfill of %s is unreadable", f.spec.Name)
		}
		p := &f.parts[v]
		p.done, p.rows = value[1] == 1, int64(binary.LittleEndian.Uint64(value[2:]))
		p.pos = append([]byte{}, value[10:]...)
		f.rows += p.rows
		return true, nil
	})
	if err != nil {
		return err
	}
	f.stat.Rows.Store(f.rows)
	f.next()
	if f.cur >= f.vnodes.To {
		f.finish()
	}
	return nil
}

// finish notes that everything has been read.
func (f *backfill) finish() {
	f.done, f.wait = true, nil
	f.stat.Waiting.Store(0)
	f.stat.Speed.Store(0)
	f.stat.State.Store(int32(BackfillDone))
	f.stat.Done.Store(true)
}

// next moves cur to the first vnode that is not done.
func (f *backfill) next() {
	for f.cur < f.vnodes.To && f.parts[f.cur].done {
		f.cur++
	}
}

func (f *backfill) Close() error {
	f.pace.timer.Stop()
	return nil
}

// Wake fires when a pause is over.
func (f *backfill) Wake() <-chan struct{} { return f.pace.wake }

func (f *backfill) begin(ctx *executor.Ctx) {
	if f.start == 0 {
		f.start = ctx.Epoch
	}
}

// Process passes the changes of the part already read, and keeps the others.
func (f *backfill) Process(ctx *executor.Ctx, _ int, b *stream.Batch, out executor.Emitter) error {
	if f.done {
		return out.Emit(f.project(b))
	}
	f.begin(ctx)
	n, cols := b.Rows(), b.Cols()
	f.places = executor.VNodes(cols, f.spec.Table.Dist, f.types, n, f.places)
	w := waitingRows{epoch: ctx.Epoch, batch: b}
	var pass []int32
	for i, v := range f.places {
		f.key = f.spec.Table.EncodeKey(f.key[:0], cols, i)
		if f.read(v, f.key) {
			pass = append(pass, int32(i))
			continue
		}
		w.sel = append(w.sel, int32(i))
		w.vnodes = append(w.vnodes, v)
		w.keys = append(w.keys, f.key...)
		w.ends = append(w.ends, int32(len(w.keys)))
	}
	if len(w.sel) > 0 {
		ctx.Keep() // for ever: it is the garbage collector's when the rows are through
		f.wait = append(f.wait, w)
	}
	return f.emitRows(b, pass, out)
}

// read reports whether the place has been read.
func (f *backfill) read(v storage.VNode, key []byte) bool {
	p := &f.parts[v]
	return p.done || p.pos != nil && bytes.Compare(key, p.pos) <= 0
}

func (f *backfill) emitRows(b *stream.Batch, sel []int32, out executor.Emitter) error {
	switch len(sel) {
	case 0:
		return nil
	case b.Rows():
		return out.Emit(f.project(b))
	}
	return out.Emit(f.project(b).Take(sel))
}

func (f *backfill) project(b *stream.Batch) *stream.Batch {
	if f.identity {
		return b
	}
	return projectBatch(b, f.spec.Cols)
}

// projectBatch is the batch with only some of its columns, without a copy.
func projectBatch(b *stream.Batch, cols []int) *stream.Batch {
	in := b.Cols()
	out := make([]vec.Vec, len(cols))
	for i, c := range cols {
		out[i] = in[c]
	}
	return stream.NewBatch(b.Rows(), out, b.Ops)
}

// Watermark passes once everything has been read: rows of the snapshot are older.
func (f *backfill) Watermark(_ *executor.Ctx, _ int, w stream.Watermark, out executor.Emitter) error {
	if !f.done {
		f.marks = newestMark(f.marks, w)
		return nil
	}
	return f.mark(w, out)
}

func (f *backfill) mark(w stream.Watermark, out executor.Emitter) error {
	for i, c := range f.spec.Cols {
		if c == w.Column {
			if err := out.EmitWatermark(stream.Watermark{Column: i, Time: w.Time}); err != nil {
				return err
			}
		}
	}
	return nil
}

// Poll reads the next slice.
func (f *backfill) Poll(ctx *executor.Ctx, out executor.Emitter) (bool, error) {
	if f.done {
		return false, f.tell(out)
	}
	f.begin(ctx)
	// What waits must stay bounded, also while nothing may be read. An instance
	// that owns no rows needs no permission to say that it is done.
	budget := 0
	if f.cur < f.vnodes.To {
		if budget = f.budget(); budget == 0 && len(f.wait) == 0 {
			return false, nil
		}
	}
	snap, epoch := f.ctx.Latest()
	defer snap.Close()
	if epoch+1 < f.start { // barrier N is not committed yet: changes up to it are in no live batch
		f.pace.rest(shortRest)
		return false, nil
	}
	f.forget(epoch)
	if budget == 0 && f.cur < f.vnodes.To {
		return false, nil
	}
	f.env.active(f.ctx.Job)
	return f.advance(ctx, snap, budget, out)
}

// budget is the number of rows that may be read now; 0: after a pause, which it begins.
func (f *backfill) budget() int {
	if !f.env.Stats.turn(f.ctx.Job, f.spec.After) {
		f.stat.State.Store(int32(BackfillOrdered))
		f.pace.rest(longRest)
		return 0
	}
	rate := f.env.rate(f.ctx.Job, BackfillRate)
	if rate == 0 {
		f.stat.State.Store(int32(BackfillPaused))
		f.stat.Speed.Store(0)
		f.pace.rest(longRest)
		return 0
	}
	f.stat.State.Store(int32(BackfillReading))
	if budget := f.limit.allow(rate, f.pace.slice); budget > 0 {
		budget, again := f.env.Pacer.allow(budget)
		if budget == 0 {
			f.pace.rest(again)
		}
		return budget
	}
	f.pace.rest(ratePause)
	return 0
}

// advance reads at most budget rows and what waited for them.
func (f *backfill) advance(ctx *executor.Ctx, snap storage.Snapshot, budget int, out executor.Emitter) (bool, error) {
	start := time.Now()
	read := 0
	for f.cur < f.vnodes.To && read < budget {
		n, err := f.slice(ctx, snap, budget-read, out)
		if err != nil {
			return false, err
		}
		read += n
	}
	f.limit.spend(read)
	f.env.Pacer.spend(read)
	f.pace.took(read, time.Since(start))
	if perSecond, ok := f.pace.speed(read, start); ok {
		f.stat.Speed.Store(perSecond)
	}
	if err := f.replay(out); err != nil {
		return false, err
	}
	if f.cur < f.vnodes.To {
		return true, nil
	}
	f.finish()
	for _, w := range f.marks {
		if err := f.mark(w, out); err != nil {
			return false, err
		}
	}
	f.marks = nil
	return false, f.tell(out)
}

// tell sends AllRead, where it is wanted.
func (f *backfill) tell(out executor.Emitter) error {
	if f.told || !f.spec.Tell {
		return nil
	}
	f.told = true
	return out.EmitWatermark(stream.Watermark{Column: stream.AllRead, Time: math.MaxInt64})
}

// forget drops waiting changes that snapshots from now on contain.
func (f *backfill) forget(epoch stream.Epoch) {
	k := 0
	for k < len(f.wait) && f.wait[k].epoch <= epoch {
		f.wait[k] = waitingRows{}
		k++
	}
	f.wait = f.wait[k:]
	waiting := 0
	for i := range f.wait {
		waiting += len(f.wait[i].sel)
	}
	f.stat.Waiting.Store(int64(waiting))
}

// slice emits at most budget rows of the current vnode and moves the position.
func (f *backfill) slice(_ *executor.Ctx, snap storage.Snapshot, budget int, out executor.Emitter) (int, error) {
	var from []byte
	part := &f.parts[f.cur]
	if part.pos != nil {
		from = append(append(from, part.pos...), 0)
	}
	builders := f.spec.Table.Builders(f.spec.Cols, 256)
	n, filled, full := 0, 0, false
	flush := func() error {
		if filled == 0 {
			return nil
		}
		b := batchOf(builders, filled, nil)
		filled = 0
		for _, x := range builders {
			x.Reset(stream.BatchRows)
		}
		return out.Emit(b)
	}
	err := snap.Scan(f.spec.Table.Def.ID, storage.VNode(f.cur), from, nil, func(key, value []byte) (bool, error) {
		if n == budget {
			full = true
			return false, nil
		}
		if err := f.dec.Append(builders, value); err != nil {
			return false, fmt.Errorf("relation %s: %w", f.spec.Name, err)
		}
		if part.pos == nil {
			part.pos = []byte{}
		}
		part.pos = append(part.pos[:0], key...)
		n++
		if filled++; stream.Full(filled, builders) {
			return true, flush()
		}
		return true, nil
	})
	if err == nil {
		err = flush()
	}
	if err != nil {
		return 0, err
	}
	part.rows += int64(n)
	f.rows += int64(n)
	f.stat.Rows.Store(f.rows)
	f.dirty = true
	if !full {
		part.done, part.pos = true, nil
		f.putProgress()
		f.next()
	}
	return n, nil
}

// putProgress writes the progress row of the current vnode.
func (f *backfill) putProgress() {
	part := &f.parts[f.cur]
	row := make([]byte, 10, 10+len(part.pos))
	row[0] = backfillFormat
	if part.done {
		row[1] = 1
	}
	binary.LittleEndian.PutUint64(row[2:], uint64(part.rows))
	f.state.Put(storage.VNode(f.cur), []byte{'p'}, append(row, part.pos...))
}

// replay emits the waiting changes whose places have been read meanwhile.
func (f *backfill) replay(out executor.Emitter) error {
	for k := range f.wait {
		w := &f.wait[k]
		var ready []int32
		keep, from, keys := 0, int32(0), int32(0)
		for j, i := range w.sel {
			end := w.ends[j]
			key := w.keys[from:end]
			from = end
			if f.read(w.vnodes[j], key) {
				ready = append(ready, i)
				continue
			}
			copy(w.keys[keys:], key)
			keys += int32(len(key))
			w.sel[keep], w.vnodes[keep], w.ends[keep] = i, w.vnodes[j], keys
			keep++
		}
		w.sel, w.vnodes, w.ends, w.keys = w.sel[:keep], w.vnodes[:keep], w.ends[:keep], w.keys[:keys]
		if err := f.emitRows(w.batch, ready, out); err != nil {
			return err
		}
	}
	return nil
}

// Barrier seals the position.
func (f *backfill) Barrier(*executor.Ctx, stream.Barrier, executor.Emitter) error {
	if !f.dirty {
		return nil
	}
	f.dirty = false
	if f.cur < f.vnodes.To {
		if f.parts[f.cur].pos != nil {
			f.putProgress()
		}
	}
	return nil
}
