package op

import (
	"context"
	"sync"
	"time"

	"streamdb/storage"
	"streamdb/stream"
)

// Limits is the rate limiters of all jobs: the instances of an operator share
// one, so that a limit is that of the whole. The zero value is ready; a nil
// *Limits gives each instance its own.
type Limits struct {
	mu sync.Mutex
	m  map[limitKey]*rateLimiter
}

type limitKey struct {
	job   stream.JobID
	what  RateKind
	table storage.TableID // of the operator, as a job can read a relation twice
}

func (l *Limits) of(job stream.JobID, what RateKind, table storage.TableID) *rateLimiter {
	if l == nil {
		return &rateLimiter{}
	}
	key := limitKey{job, what, table}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.m == nil {
		l.m = map[limitKey]*rateLimiter{}
	}
	r := l.m[key]
	if r == nil {
		r = &rateLimiter{}
		l.m[key] = r
	}
	return r
}

// Drop forgets the limiters of a dropped job.
func (l *Limits) Drop(job stream.JobID) {
	if l == nil {
		return
	}
	l.mu.Lock()
	for k := range l.m {
		if k.job == job {
			delete(l.m, k)
		}
	}
	l.mu.Unlock()
}

// Wait waits until the job may bring in or deliver more, then counts n rows. A
// caller that cannot split its rows takes them all and pays by waiting later.
// rate is asked again and again, as it may change. The error is ctx's.
func (l *Limits) Wait(ctx context.Context, job stream.JobID, what RateKind, n int, rate func() float64) error {
	r := l.of(job, what, 0)
	for r.allow(rate(), 1) == 0 {
		select {
		case <-time.After(ratePause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	r.spend(n)
	return nil
}

// rateLimiter spreads rows over time: a token bucket of one second's worth. Rows
// spent beyond what was allowed are owed. Safe for concurrent use.
type rateLimiter struct {
	mu     sync.Mutex
	last   time.Time
	tokens float64
	rate   float64
}

// allow is how many of at most n rows may come now, at rate rows a second; 0:
// paused; negative: all. Less than what a pause brings is not worth a batch: who
// comes again at once would get a row or two each time.
func (l *rateLimiter) allow(rate float64, n int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if rate != l.rate { // a new limit begins afresh
		l.rate, l.last, l.tokens = rate, time.Time{}, 0
	}
	if rate < 0 {
		return n
	}
	now := time.Now()
	if !l.last.IsZero() {
		l.tokens = min(rate, l.tokens+now.Sub(l.last).Seconds()*rate)
	}
	l.last = now
	if l.tokens < min(float64(n), max(1, rate*ratePause.Seconds())) {
		return 0
	}
	return min(n, int(l.tokens))
}

// spend takes n rows from the bucket.
func (l *rateLimiter) spend(n int) {
	l.mu.Lock()
	if l.rate > 0 {
		l.tokens -= float64(n)
	}
	l.mu.Unlock()
}
