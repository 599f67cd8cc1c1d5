package op

import (
	"encoding/binary"
	"errors"
	"time"

	"streamdb/connector"
	"streamdb/executor"
	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/stream"
)

// source runs a Source: it reads its share of the splits in turn. Offsets are
// written at the barrier, in the same commit as everything that their rows did.
type source struct {
	*readers
	spec   *Source
	octx   *executor.OpenCtx
	env    *Env
	hub    *SourceState
	state  storage.StateTable
	bad    storage.StateTable
	splits []*splitReader
	known  map[string]*SplitState
	src2   connector.Source
	turn   int
	limit  *rateLimiter
	resume time.Time // while others catch up: not before
	seen   map[string]bool

	pruning    bool // columns that nobody uses are not made
	generation int  // of the wants that cols are for
}

func openSource(s *Source, ctx *executor.OpenCtx) (executor.Operator, error) {
	env := envOf(ctx)
	r, err := newReaders(&s.Conf, s.Cols, env, ctx.Log)
	if err != nil {
		return nil, err
	}
	op := &source{readers: r, spec: s, octx: ctx, env: env, hub: env.Sources.Of(ctx.Job), known: map[string]*SplitState{}, seen: map[string]bool{},
		limit: env.Limits.of(ctx.Job, SourceRate, s.Splits.ID)}
	if ctx.Bounded {
		if err := op.openBounded(); err != nil {
			return nil, errors.Join(err, op.Close())
		}
		return op, nil
	}
	op.pruning = op.prunes()
	op.state, op.bad = ctx.Table(s.Splits), ctx.Table(s.Quarantine)
	if err := op.load(); err != nil {
		return nil, errors.Join(err, op.Close())
	}
	r.search()
	return op, nil
}

// load reads the numbers of all splits, those of other instances included, from
// the committed state, and this instance's offsets.
func (s *source) load() error {
	s.hub.unend(0, s.octx.VNodes)
	snap := s.octx.Snapshot()
	defer snap.Close()
	return snap.ScanTable(s.spec.Splits.ID, func(_ storage.VNode, key, value []byte) (bool, error) {
		st, err := DecodeSplit(key, value)
		if err != nil {
			return false, err
		}
		s.hub.restore(st.ID, st.Number)
		if s.octx.VNodes.Contains(splitVNode(st.Number)) {
			s.known[st.ID] = &st
			s.hub.publish(st.ID, st.Next)
			if st.Done {
				s.hub.end(0, st.Number, 0)
			}
		}
		return true, nil
	})
}

// openBounded lists the splits for a query, which reads up to their present ends.
func (s *source) openBounded() error {
	src, err := s.def.OpenSource(s.ctx, s.conf.Config())
	if err != nil {
		return sqlerr.Wrap(sqlerr.IOError, err, "source %s cannot be opened", s.conf.Name)
	}
	s.readers.src, s.src2 = src, src
	splits, err := src.Splits(s.octx)
	if err != nil {
		return sqlerr.Wrap(sqlerr.IOError, err, "source %s cannot be read", s.conf.Name)
	}
	for i, sp := range splits {
		if sp.End < 0 {
			return sqlerr.Unsupported("a query over source %s, which has no end,", s.conf.Name).
				WithHint("Create a materialized view over the source and query that.")
		}
		s.splits = append(s.splits, &splitReader{SplitState: SplitState{ID: sp.ID, Number: i, Next: sp.Start, Done: sp.Start >= sp.End}, split: sp, stat: &Stat{}})
	}
	return nil
}

func (s *source) Process(*executor.Ctx, int, *stream.Batch, executor.Emitter) error {
	return errors.New("op: Source has no input")
}

func (s *source) Watermark(*executor.Ctx, int, stream.Watermark, executor.Emitter) error { return nil }

func (s *source) Close() error { return s.close(s.splits) }

// Wake tells of new splits and of rows in readers that can tell.
func (s *source) Wake() <-chan struct{} { return s.wake }

// adopt takes over new splits that are this instance's.
func (s *source) adopt(f foundSplits) {
	s.src2 = f.src
	for _, sp := range f.splits {
		if s.seen[sp.ID] {
			s.stat(sp.ID).End.Store(sp.End)
			continue
		}
		s.seen[sp.ID] = true
		number := s.hub.number(sp.ID)
		if !s.octx.VNodes.Contains(splitVNode(number)) {
			continue
		}
		r := &splitReader{SplitState: SplitState{ID: sp.ID, Number: number, Next: sp.Start}, split: sp, dirty: true}
		if st := s.known[sp.ID]; st != nil {
			r.SplitState, r.dirty = *st, false
		}
		r.stat = s.stat(sp.ID)
		r.stat.Offset.Store(r.Next)
		r.stat.End.Store(sp.End)
		r.stat.Done.Store(r.Done)
		s.hub.publish(r.ID, r.Next)
		s.splits = append(s.splits, r)
		if r.dirty {
			s.env.active(s.octx.Job)
		}
	}
}

func (s *source) stat(id string) *Stat {
	return s.env.Stats.Of(StatKey{Job: s.octx.Job, Kind: "source", Name: s.conf.Name, Split: id, Instance: s.octx.Instance})
}

// Poll reads one chunk from the next split that has one.
func (s *source) Poll(ctx *executor.Ctx, out executor.Emitter) (bool, error) {
	select {
	case f := <-s.found:
		s.adopt(f)
	default:
	}
	start := time.Now()
	if start.Before(s.resume) {
		s.timer.Reset(s.resume.Sub(start))
		return false, nil
	}
	if s.hub.held(s.octx.VNodes) || s.hub.waits(start) {
		s.timer.Reset(alignPause)
		return false, nil
	}
	n := s.limit.allow(s.env.rate(s.octx.Job, SourceRate), stream.BatchRows)
	if n == 0 {
		s.timer.Reset(ratePause)
		return false, nil
	}
	s.choose()
	open := false
	for range s.splits {
		s.turn = (s.turn + 1) % len(s.splits)
		r := s.splits[s.turn]
		if r.Done {
			continue
		}
		open = true
		rows := s.read(ctx, s.src2, r, n)
		if rows == 0 && r.chunk.Next == r.Next && !r.chunk.Done && len(r.chunk.Bad) == 0 {
			continue
		}
		if err := s.take(ctx, r, rows, out); err != nil {
			return false, err
		}
		s.limit.spend(rows)
		s.idle = 0
		if s.hub.slowed() { // a quarter of the time: the other three are for those who catch up
			pause := 3 * time.Since(start)
			s.resume = time.Now().Add(pause)
			s.timer.Reset(pause)
			return false, nil
		}
		return true, nil
	}
	if s.octx.Bounded && open { // a bounded run waits for the readers itself
		time.Sleep(time.Millisecond)
		return true, ctx.Err()
	}
	s.rest(s.splits, 0)
	return false, nil
}

// ratePause is how long a source rests that has used up its rate.
const ratePause = 5 * time.Millisecond

// take passes a chunk on.
func (s *source) take(ctx *executor.Ctx, r *splitReader, rows int, out executor.Emitter) error {
	c := &r.chunk
	// Those who catch up rely on it: nothing at or above the published offset
	// has been emitted.
	if !s.pruning {
		s.hub.publish(r.ID, c.Next)
	} else if !s.hub.publishRead(r.ID, c.Next, s.generation) {
		s.again(r)
		return nil
	}
	if err := s.quarantine(r); err != nil {
		return err
	}
	r.Next, r.Done, r.dirty = c.Next, c.Done, true
	if s.octx.Bounded && r.Next >= r.split.End {
		r.Done = true
	}
	r.stat.Rows.Add(int64(rows))
	r.stat.Offset.Store(r.Next)
	r.stat.Done.Store(r.Done)
	if rows == 0 {
		s.env.active(s.octx.Job)
		return nil
	}
	return out.Emit(s.widen(s.batch(ctx, r)))
}

func (s *source) quarantine(r *splitReader) error {
	if len(r.chunk.Bad) == 0 {
		return nil
	}
	if s.octx.Bounded {
		b := r.chunk.Bad[0]
		return sqlerr.Wrap(sqlerr.InvalidTextRepresentation, b.Err, "element at offset %d of split %s of source %s cannot be decoded", b.Offset, r.ID, s.conf.Name)
	}
	now := time.Now().UnixMicro()
	for _, b := range r.chunk.Bad {
		r.stat.Bad.Add(1)
		if s.spec.Quarantine.ID == 0 {
			continue
		}
		key := binary.BigEndian.AppendUint32(nil, uint32(r.Number))
		key = binary.BigEndian.AppendUint64(key, uint64(b.Offset))
		raw := b.Raw[:min(len(b.Raw), quarantineRaw)]
		value := binary.LittleEndian.AppendUint64([]byte{quarantineFormat}, uint64(now))
		value = binary.AppendUvarint(value, uint64(len(raw)))
		value = append(append(value, raw...), errorText(b.Err)...)
		s.bad.Put(splitVNode(r.Number), key, value)
	}
	return nil
}

// errorText is the error's message with its detail.
func errorText(err error) string {
	text := err.Error()
	if e := sqlerr.From(err); e.Detail != "" {
		text += ": " + e.Detail
	}
	return text
}

// Barrier writes the offsets that moved.
func (s *source) Barrier(_ *executor.Ctx, b stream.Barrier, _ executor.Emitter) error {
	if s.octx.Bounded {
		return nil
	}
	for _, r := range s.splits {
		if r.dirty {
			r.dirty = false
			r.put(s.state)
			if r.Done {
				s.hub.end(0, r.Number, b.Epoch)
			}
		}
	}
	return nil
}
