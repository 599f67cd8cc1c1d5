package op

import (
	"time"

	"streamdb/storage"
	"streamdb/stream"
)

// BackfillState is what a backfill is doing: Stat.State.
type BackfillState int32

// The states.
const (
	BackfillReading BackfillState = iota
	BackfillPaused                // its rate limit is 0
	BackfillOrdered               // others come first: backfill_order
	BackfillDone
)

var backfillStates = [...]string{"reading", "paused", "waiting for its turn", "done"}

func (s BackfillState) String() string { return backfillStates[s] }

// backfilled reports whether all instances of a job's backfill are done; the
// table is its state table.
func (s *Stats) backfilled(job stream.JobID, table storage.TableID) bool {
	split := splitOfTable(table)
	done, of := int32(0), int32(1)
	s.Each(func(k StatKey, c *Stat) {
		if k.Job == job && k.Kind == "backfill" && k.Split == split {
			of = max(of, c.Of.Load())
			if c.Done.Load() {
				done++
			}
		}
	})
	return done >= of
}

// turn reports whether the backfills that come first are done.
func (s *Stats) turn(job stream.JobID, after []storage.TableID) bool {
	for _, t := range after {
		if !s.backfilled(job, t) {
			return false
		}
	}
	return true
}

// backfillSlice is the most rows read between two looks at the inputs.
var backfillSlice = 2 * stream.BatchRows

const (
	sliceTime = 2 * time.Millisecond // a slice aims at this much of the task's time
	shortRest = time.Millisecond
	longRest  = 50 * time.Millisecond // between two looks of one that is paused
)

// backfillPace is how one instance spreads its reading over time.
type backfillPace struct {
	slice int // rows read at once
	since time.Time
	rows  int // read since
	wake  chan struct{}
	timer *time.Timer
}

func newBackfillPace() backfillPace {
	p := backfillPace{slice: backfillSlice, wake: make(chan struct{}, 1)}
	p.timer = time.AfterFunc(time.Hour, func() {
		select {
		case p.wake <- struct{}{}:
		default:
		}
	})
	return p
}

// rest asks to be polled after a while.
func (p *backfillPace) rest(d time.Duration) { p.timer.Reset(d) }

// speed counts n rows; once a second it tells how many a second there were.
func (p *backfillPace) speed(n int, now time.Time) (perSecond int64, ok bool) {
	p.rows += n
	passed := now.Sub(p.since)
	if p.since.IsZero() || passed < time.Second {
		if p.since.IsZero() {
			p.since = now
		}
		return 0, false
	}
	perSecond = int64(float64(p.rows) / passed.Seconds())
	p.since, p.rows = now, 0
	return perSecond, true
}

// took adapts the size of a slice to the time that n rows took, with all that
// the operators above did with them.
func (p *backfillPace) took(n int, t time.Duration) {
	if n < p.slice {
		return
	}
	switch {
	case t > sliceTime:
		p.slice = max(p.slice/2, min(256, backfillSlice))
	case t < sliceTime/2:
		p.slice = min(2*p.slice, backfillSlice)
	}
}
