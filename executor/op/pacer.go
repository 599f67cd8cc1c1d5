package op

import (
	"slices"
	"sync"
	"time"
)

// Pacer keeps the backfills of a database from holding up everybody else: all
// jobs share the barriers, so the rows that a new job has yet to work through
// when a barrier comes are time that every writer waits.
//
// It compares how long barriers take while backfills read with how long they
// take while they do not: for a part of every cycle they rest, so that it knows
// what is usual now, whatever else the machine does. While barriers take not much
// longer than usual, more rows are let in; when they do, fewer. It looks at a high
// quantile of some dozens of barriers at a time, not at single ones, which may be
// long for any reason. Without anybody who waits for barriers nobody is held up:
// then they may take freeTarget.
//
// Rows are let in a few milliseconds' worth at a time, so that no barrier finds
// many of them before it. The zero value is ready; a nil *Pacer lets all rows in.
// Safe for concurrent use.
type Pacer struct {
	mu     sync.Mutex
	rate   float64 // rows a second that all backfills together may read; 0: not begun
	tokens float64
	filled time.Time     // when tokens were last added
	used   time.Time     // when a backfill last asked
	began  time.Time     // of the cycles
	spent  float64       // rows since rate was last looked at
	looked time.Time     // when that was
	base   latencies     // of barriers that somebody waited for while nothing was read
	during latencies     // while something was, since looked
	free   time.Duration // the longest of those nobody waited for, since looked
}

const (
	firstRate  = 50_000 // rows a second
	leastRate  = 10_000
	mostRate   = 20_000_000
	burst      = 4 * time.Millisecond // of rows at once
	leastBurst = 128                  // rows

	paceCycle  = time.Second            // in which they rest once
	paceRest   = 150 * time.Millisecond // for so long
	paceDrain  = 50 * time.Millisecond  // of it until what was read has been worked through
	paceStep   = 100 * time.Millisecond // between two looks at the rate, at least
	paceWindow = 16                     // barriers that a look wants to see, or
	paceWait   = 400 * time.Millisecond // fewer after this time
	paceIdle   = 2 * time.Second        // without asking: no backfill runs

	slower      = 1.5                   // barriers may take so much longer than usual
	leastTarget = 3 * time.Millisecond  // or so long in any case
	freeTarget  = 60 * time.Millisecond // when nobody waits for them
)

// allow is how many of n rows may be read now; if none, after which time to ask again.
func (p *Pacer) allow(n int) (rows int, again time.Duration) {
	if p == nil {
		return n, 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if p.idle(now) {
		p.rate, p.tokens, p.filled = firstRate, leastBurst, now
		p.began, p.looked, p.spent = now, now, 0
		p.during.n, p.free = 0, 0
	}
	p.used = now
	if p.resting(now) && p.base.n > 0 { // nobody ever waited: nothing to learn
		p.filled = now
		return 0, max(time.Millisecond, paceCycle-now.Sub(p.began)%paceCycle)
	}
	most := max(p.rate*burst.Seconds(), leastBurst)
	p.tokens = min(most, p.tokens+now.Sub(p.filled).Seconds()*p.rate)
	p.filled = now
	if p.tokens < leastBurst/2 {
		missing := (leastBurst - p.tokens) / p.rate
		return 0, max(time.Millisecond, time.Duration(missing*float64(time.Second)))
	}
	return min(n, int(p.tokens)), 0
}

// spend counts rows that were read.
func (p *Pacer) spend(n int) {
	if p == nil {
		return
	}
	p.mu.Lock()
	p.tokens -= float64(n)
	p.spent += float64(n)
	p.mu.Unlock()
}

func (p *Pacer) idle(now time.Time) bool { return p.rate == 0 || now.Sub(p.used) > paceIdle }

// resting reports whether the backfills rest: at the end of each cycle.
func (p *Pacer) resting(now time.Time) bool { return now.Sub(p.began)%paceCycle >= paceCycle-paceRest }

// drained reports whether a barrier that began at that time met nothing that
// was read: late enough in a rest.
func (p *Pacer) drained(at time.Time) bool {
	return at.Sub(p.began)%paceCycle >= paceCycle-paceRest+paceDrain
}

// Observe tells how long a barrier took from its injection until its epoch was
// visible, just now, and whether somebody waited for it.
func (p *Pacer) Observe(took time.Duration, waited bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	switch at := now.Add(-took); {
	case p.idle(now):
		if waited {
			p.base.add(took)
		}
		return
	case p.resting(at) || p.resting(now):
		if waited && p.drained(at) {
			p.base.add(took)
		}
		return
	case waited:
		p.during.add(took)
	default:
		p.free = max(p.free, took)
	}
	passed := now.Sub(p.looked)
	if passed < paceStep || p.during.n > 0 && p.during.n < paceWindow && passed < paceWait {
		return
	}
	p.look(now, passed)
}

// look changes the rate after what was seen since the last look.
func (p *Pacer) look(now time.Time, passed time.Duration) {
	target := max(leastTarget, time.Duration(slower*float64(p.base.quantile(0.8))))
	switch took := p.during.quantile(0.8); {
	case took > target:
		p.rate *= max(0.5, target.Seconds()/took.Seconds())
	case p.during.n == 0 && p.free > freeTarget:
		p.rate *= max(0.5, freeTarget.Seconds()/p.free.Seconds())
	case p.spent < 0.4*passed.Seconds()*p.rate: // only a rate that is used up is too low
	case p.during.n == 0 && p.free < freeTarget/2: // nobody else is there
		p.rate *= 2
	default:
		p.rate *= 1.2
	}
	p.rate = max(leastRate, min(mostRate, p.rate))
	p.during.n, p.free, p.spent, p.looked = 0, 0, 0, now
}

// latencies remembers the last times.
type latencies struct {
	ring [64]time.Duration
	n    int
}

func (l *latencies) add(d time.Duration) {
	l.ring[l.n%len(l.ring)] = d
	l.n++
}

// quantile is one of the remembered times; 0: there are none.
func (l *latencies) quantile(q float64) time.Duration {
	n := min(l.n, len(l.ring))
	if n == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(l.ring[:n]))
	return sorted[min(n-1, int(q*float64(n)))]
}
