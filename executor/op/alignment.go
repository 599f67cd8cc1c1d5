package op

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"streamdb/storage"
	"streamdb/stream"
)

// Alignment is where the watermarks of a job's inputs meet, so that an input
// that reads faster than the others does not run away from them in event time:
// the rows that it brought would only wait in state (Flink calls it watermark
// alignment). The zero value is ready; a nil *Alignment aligns nothing.
type Alignment struct {
	mu   sync.Mutex
	jobs map[stream.JobID]*jobMarks
}

type jobMarks struct {
	mu    sync.Mutex
	marks []*inputMark
}

// inputMark is the watermark of one WatermarkFilter instance.
type inputMark struct {
	job    *jobMarks
	group  storage.TableID // instances of one filter share it
	vnodes storage.VNodeSet
	source *SourceState // where the rows come from; nil: not a shared source
	at     atomic.Int64 // the watermark; MinInt64: none yet
	seen   atomic.Int64 // when rows came last, Unix nanoseconds
	ended  atomic.Bool  // all splits of the instance have ended
	holds  atomic.Bool  // it has splits that count, with or without rows now

	// Of the filter's task alone: the watermark at some time, and how much it has
	// risen in a unit of time since.
	fromAt, fromTime int64
	replays          atomic.Bool // faster than replaySpeed
}

const (
	// alignSlack is how far an input may be ahead, in microseconds of event time.
	alignSlack = 60_000_000
	// siblingSlack is how far an instance may be ahead of the others of its input,
	// if it replays what has been waiting: that it goes by faster than the clock by
	// replaySpeed.
	siblingSlack = 20_000_000
	replaySpeed  = 10
	speedOver    = 20 * time.Millisecond
	// idleAfter is how long an input without rows still counts.
	idleAfter = time.Second
	// alignPause is how long a source that is held waits before it looks again.
	alignPause = 2 * time.Millisecond
)

// enter adds an instance of a filter.
func (a *Alignment) enter(job stream.JobID, group storage.TableID, vnodes storage.VNodeSet) *inputMark {
	m := &inputMark{job: &jobMarks{}, group: group, vnodes: vnodes}
	m.at.Store(math.MinInt64)
	if a == nil {
		return m
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.jobs == nil {
		a.jobs = map[stream.JobID]*jobMarks{}
	}
	if a.jobs[job] == nil {
		a.jobs[job] = &jobMarks{}
	}
	m.job = a.jobs[job]
	m.job.mu.Lock()
	m.job.marks = append(m.job.marks, m)
	m.job.mu.Unlock()
	return m
}

// leave takes the instance out again.
func (m *inputMark) leave() {
	if m.source != nil {
		m.source.unheed(m)
	}
	m.job.mu.Lock()
	m.job.marks = slices.DeleteFunc(m.job.marks, func(o *inputMark) bool { return o == m })
	m.job.mu.Unlock()
}

// raise publishes that rows came, and the watermark after them.
func (m *inputMark) raise(at int64) {
	now := time.Now().UnixNano()
	m.at.Store(at)
	m.seen.Store(now)
	if m.fromTime == 0 || at < m.fromAt {
		m.fromAt, m.fromTime = at, now
	} else if passed := now - m.fromTime; passed >= int64(speedOver) {
		m.replays.Store((at-m.fromAt)/replaySpeed > passed/1000)
		m.fromAt, m.fromTime = at, now
	}
}

// idle reports that no rows came for a while.
func (m *inputMark) idle() bool { return time.Now().UnixNano()-m.seen.Load() > int64(idleAfter) }

// lowest is the least watermark of the group's other instances that have one and are
// not idle. One whose splits count is not, however long ago their rows came.
func (m *inputMark) lowest() (at int64, ok bool) {
	at = math.MaxInt64
	m.job.mu.Lock()
	defer m.job.mu.Unlock()
	for _, o := range m.job.marks {
		if o == m || o.group != m.group || o.ended.Load() || o.idle() && !o.holds.Load() {
			continue
		}
		if x := o.at.Load(); x != math.MinInt64 {
			at, ok = min(at, x), true
		}
	}
	return at, ok
}

// highest is the greatest watermark of the group's instances; MinInt64: none has one.
func (m *inputMark) highest() int64 {
	at := int64(math.MinInt64)
	if m == nil {
		return at
	}
	m.job.mu.Lock()
	defer m.job.mu.Unlock()
	for _, o := range m.job.marks {
		if o.group == m.group {
			at = max(at, o.at.Load())
		}
	}
	return at
}

// leads reports whether another instance of the group is behind.
func (m *inputMark) leads() bool {
	m.job.mu.Lock()
	defer m.job.mu.Unlock()
	return slices.ContainsFunc(m.job.marks, func(o *inputMark) bool { return o.group == m.group && o.at.Load() < m.at.Load() })
}

// last is the greatest watermark of the group's instances, if all have ended.
func (m *inputMark) last() (at int64, ok bool) {
	at = math.MinInt64
	m.job.mu.Lock()
	defer m.job.mu.Unlock()
	for _, o := range m.job.marks {
		switch x := o.at.Load(); {
		case o.group != m.group:
		case !o.ended.Load():
			return 0, false
		default:
			at = max(at, x)
		}
	}
	return at, at != math.MinInt64
}

// heed makes the source wait while the mark is ahead of its job's other inputs;
// unheed ends that.
func (s *SourceState) heed(m *inputMark) {
	s.mu.Lock()
	s.marks = append(s.marks, m)
	s.mu.Unlock()
}

func (s *SourceState) unheed(m *inputMark) {
	s.mu.Lock()
	s.marks = slices.DeleteFunc(s.marks, func(o *inputMark) bool { return o == m })
	s.mu.Unlock()
}

// held reports whether the source's instance with these vnodes should bring no rows now.
func (s *SourceState) held(vnodes storage.VNodeSet) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.marks {
		if m.ahead() || m.vnodes == vnodes && m.aheadOfSiblings() {
			return true
		}
	}
	return false
}

// aheadOfSiblings reports whether what is read of a backlog here is ahead of what the
// input's other instances read: their rows would find windows open that the others
// cannot close. Who is behind in real time is not waited for.
func (m *inputMark) aheadOfSiblings() bool {
	at := m.at.Load()
	if !m.replays.Load() || at == math.MinInt64 {
		return false
	}
	m.job.mu.Lock()
	defer m.job.mu.Unlock()
	for _, o := range m.job.marks {
		if o == m || o.group != m.group || o.ended.Load() || o.idle() {
			continue
		}
		if x := o.at.Load(); x != math.MinInt64 && at > x && at-x > siblingSlack {
			return true
		}
	}
	return false
}

// ahead reports whether the instance should wait for the job's other inputs: if the
// least of its input's instances is ahead of the least of the others'. What is behind
// may be behind another instance's splits in the same source, so that the source
// must go on.
func (m *inputMark) ahead() bool {
	if m.at.Load() == math.MinInt64 {
		return false
	}
	own, others := int64(math.MaxInt64), int64(math.MaxInt64)
	m.job.mu.Lock()
	defer m.job.mu.Unlock()
	for _, o := range m.job.marks {
		at := o.at.Load()
		switch {
		case at == math.MinInt64 || o.ended.Load() || o != m && o.idle():
		case o.group == m.group:
			own = min(own, at)
		default:
			others = min(others, at)
		}
	}
	return own != math.MaxInt64 && own > others && own-others > alignSlack
}
