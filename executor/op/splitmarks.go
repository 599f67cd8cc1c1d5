package op

import (
	"encoding/binary"
	"math"

	"streamdb/executor"
	"streamdb/storage"
	"streamdb/stream"
)

// splitIdle is the default of WatermarkFilter.Idle.
const splitIdle = 10_000_000

// splitMarks are the bounds of an instance's splits. A split that the source has
// found, and that has not brought a row yet, holds the watermark back like one
// that is slow: until it is idle.
type splitMarks struct {
	spec   *WatermarkFilter
	owned  storage.VNodeSet
	hub    *SourceState // tells which splits have ended; nil: not rows of a source
	reader storage.TableID
	all    bool  // the instance gets rows of all splits, not only of its own
	alarm  Alarm // nil: rows are not of splits
	now    int64 // of the epoch, microseconds
	marks  map[int64]*splitMark
	turned *splitMark // whose rows come now
}

// splitMark is the bound of a split, and when its last row came.
type splitMark struct {
	bound int64
	seen  int64
	dirty bool
	ended bool // no row comes any more
}

func (m *splitMarks) begin(s *WatermarkFilter, ctx *executor.OpenCtx) {
	m.spec, m.owned, m.now = s, ctx.VNodes, ctx.Expr.Now.UnixMicro()
	if s.RowID == 0 {
		return
	}
	if m.marks == nil {
		m.marks = map[int64]*splitMark{}
	}
	source, reader := readerBelow(s.In, ctx.Job)
	m.reader, m.all = reader, source == 0
	if m.all { // a table, to whose instances its connector's rows are dealt
		source = ctx.Job
	}
	m.hub = envOf(ctx).Sources.Of(source)
	m.alarm = envOf(ctx).alarm(ctx.Job)
	m.resume()
}

// resume goes on with the idle time of splits where it stopped: a split is not
// idle for the time in which nobody read it.
func (m *splitMarks) resume() {
	last := int64(math.MinInt64)
	for _, s := range m.marks {
		last = max(last, s.seen)
	}
	for _, s := range m.marks {
		s.seen += max(0, m.now-last)
	}
}

// lowest is the least bound of the splits that count; MaxInt64: none does.
func (m *splitMarks) lowest() int64 {
	low := int64(math.MaxInt64)
	for number, s := range m.marks {
		if !m.idle(s) && !m.hub.ended(m.reader, int(number), math.MaxInt64) {
			low = min(low, s.bound)
		}
	}
	return low
}

// count reports whether there is a split that may bring rows and is not idle.
func (m *splitMarks) count() bool {
	for _, s := range m.marks {
		if !s.ended && !m.idle(s) {
			return true
		}
	}
	return false
}

func (m *splitMarks) close() {
	if m.alarm != nil {
		m.alarm.Close()
	}
}

func (m *splitMarks) load(key, value []byte) {
	if m.marks == nil {
		m.marks = map[int64]*splitMark{}
	}
	m.marks[int64(binary.BigEndian.Uint32(key[1:]))] = &splitMark{
		bound: int64(binary.BigEndian.Uint64(value)), seen: int64(binary.BigEndian.Uint64(value[8:])),
	}
}

// join adds the splits of the source that are new.
func (m *splitMarks) join() {
	if m.hub == nil {
		return
	}
	m.hub.those(func(number int) {
		if m.marks[int64(number)] == nil && (m.all || m.owned.Contains(splitVNode(number))) {
			m.marks[int64(number)] = &splitMark{bound: math.MinInt64, seen: m.now}
		}
	})
}

// turn says that rows of a split come: its mark, and the least bound of the
// others that count.
func (m *splitMarks) turn(split int64) (own *splitMark, others int64) {
	own = m.marks[split]
	if own == nil {
		own = &splitMark{bound: math.MinInt64}
		m.marks[split] = own
	}
	own.seen, own.dirty, own.ended = m.now, true, false
	others = math.MaxInt64
	for _, o := range m.marks {
		if o != own && !o.ended && !m.idle(o) {
			others = min(others, o.bound)
		}
	}
	return own, others
}

// ended reports that no split can bring a row any more.
func (m *splitMarks) ended() bool {
	if m.hub == nil {
		return false
	}
	for _, s := range m.marks {
		if !s.ended {
			return false
		}
	}
	return true
}

func (m *splitMarks) after() int64 {
	if m.spec.Idle > 0 {
		return m.spec.Idle
	}
	return splitIdle
}

func (m *splitMarks) idle(s *splitMark) bool { return m.now-s.seen > m.after() }

// settle writes what changed. low is the least bound of the splits that count, or
// the greatest of those that have ended, if no other does; an alarm is set for the
// time at which one that holds it, or that of another instance, highest, back will
// be idle.
func (m *splitMarks) settle(t storage.StateTable, b stream.Barrier, highest int64) (low int64, ok bool) {
	if m.alarm == nil {
		return 0, false
	}
	m.now = max(m.now, b.Time.UnixMicro())
	m.join()
	low, due := int64(math.MaxInt64), int64(math.MaxInt64)
	last := int64(math.MinInt64)
	for number, s := range m.marks {
		highest = max(highest, s.bound)
		s.ended = s.ended || m.hub.ended(m.reader, int(number), b.Epoch)
		switch {
		case s.ended:
			last = max(last, s.bound)
		case !m.idle(s):
			low = min(low, s.bound)
		}
		if s.dirty {
			s.dirty = false
			key := binary.BigEndian.AppendUint32([]byte{'s'}, uint32(number))
			value := binary.BigEndian.AppendUint64(nil, uint64(s.bound))
			t.Put(m.vnode(number), key, binary.BigEndian.AppendUint64(value, uint64(s.seen)))
		}
	}
	for _, s := range m.marks {
		if !s.ended && !m.idle(s) && s.bound < highest {
			due = min(due, s.seen+m.after()+1)
		}
	}
	m.alarm.Set(due)
	if low == math.MaxInt64 && last != math.MinInt64 {
		low = last
	}
	return low, low != math.MaxInt64 && low != math.MinInt64
}

// vnode is where a split's row of state is: with the split, or, for the rows of
// statements, which are not of a split, with the instance.
func (m *splitMarks) vnode(number int64) storage.VNode {
	if v := splitVNode(int(number)); number < 1<<15 && m.owned.Contains(v) {
		return v
	}
	return storage.VNode(m.owned.From)
}
