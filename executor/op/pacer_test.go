package op

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"streamdb/stream"
)

// paced runs a backfill that reads as much as it may, beside barriers every 10 ms
// that take usual plus perRow for each row that entered since the one before. It
// returns the rows read a second and the longest barriers' time in the second half.
func paced(t *testing.T, usual, perRow time.Duration, waited bool) (rowsPerSecond float64, took time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := &Pacer{}
		for range 100 { // before the backfill
			p.Observe(usual, waited)
			time.Sleep(10 * time.Millisecond)
		}
		const length = 30 * time.Second
		began, barrier := time.Now(), time.Now().Add(10*time.Millisecond)
		rows, entered := 0, 0
		var all latencies
		for time.Since(began) < length {
			n, again := p.allow(4096)
			p.spend(n)
			entered += n
			if time.Since(began) > length/2 {
				rows += n
			}
			if n > 0 {
				again = time.Millisecond
			}
			for again > 0 {
				step := min(again, time.Until(barrier))
				time.Sleep(step)
				if again -= step; !time.Now().Before(barrier) {
					took := usual + time.Duration(entered)*perRow
					entered = 0
					time.Sleep(took)
					p.Observe(took, waited)
					all.add(took)
					barrier = time.Now().Add(10 * time.Millisecond)
				}
			}
		}
		rowsPerSecond, took = float64(rows)/(length/2).Seconds(), all.quantile(0.95)
	})
	return rowsPerSecond, took
}

// TestPacer: rows come as fast as the others' barriers allow, and no faster; a
// backfill never starves.
func TestPacer(t *testing.T) {
	for _, c := range []struct {
		name          string
		usual, perRow time.Duration
		waited        bool
		least, most   float64 // rows a second
		longest       time.Duration
	}{
		{"cheap rows", 4 * time.Millisecond, 10 * time.Nanosecond, true, 300_000, 1e9, 8 * time.Millisecond},
		{"dear rows", 4 * time.Millisecond, 5 * time.Microsecond, true, 20_000, 100_000, 8 * time.Millisecond},
		{"rows that cost too much at any rate", 2 * time.Millisecond, time.Millisecond, true, 500, leastRate, time.Hour},
		{"nobody waits", 4 * time.Millisecond, 5 * time.Microsecond, false, 60_000, 1e9, 100 * time.Millisecond},
	} {
		rows, took := paced(t, c.usual, c.perRow, c.waited)
		t.Logf("%s: %.0f rows a second, barriers take %v", c.name, rows, took)
		if rows < c.least || rows > c.most || took > c.longest {
			t.Errorf("%s: %.0f rows a second, want %.0f to %.0f; barriers take %v, want at most %v", c.name, rows, c.least, c.most, took, c.longest)
		}
	}
}

// TestLimits: a limit is that of all who share it, and can change at any time.
func TestLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &Limits{}
		a, b := l.of(1, BackfillRate, 7), l.of(1, BackfillRate, 7)
		run := func(rate float64) (rows int) {
			for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
				for _, r := range []*rateLimiter{a, b} {
					n := r.allow(rate, 100)
					r.spend(n)
					rows += n
				}
			}
			return rows
		}
		if n := run(500); n < 4800 || n > 5200 {
			t.Errorf("%d rows in 10 s at 500 a second", n)
		}
		if n := run(0); n != 0 {
			t.Errorf("%d rows while paused", n)
		}
		if n := run(50); n < 480 || n > 520 {
			t.Errorf("%d rows in 10 s at 50 a second", n)
		}
		if n := run(-1); n < 1_000_000 {
			t.Errorf("%d rows in 10 s without a limit", n)
		}
	})
}

// TestLimitsBatches: who asks again and again gets batches, not single rows.
func TestLimitsBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &rateLimiter{}
		rows, batches := 0, 0
		for end := time.Now().Add(time.Second); time.Now().Before(end); time.Sleep(10 * time.Microsecond) {
			if n := l.allow(1e6, stream.BatchRows); n > 0 {
				l.spend(n)
				rows, batches = rows+n, batches+1
			}
		}
		if rows < 980_000 || rows > 1_000_000 || batches > rows/stream.BatchRows+1 {
			t.Errorf("%d rows in %d batches in a second, want a million in batches of %d", rows, batches, stream.BatchRows)
		}
	})
}

// TestLimitsWait: who cannot split its rows pays later; a pause ends when the
// limit goes, or with the context.
func TestLimitsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, rate := &Limits{}, 1000.0
		wait := func(ctx context.Context, n int) (time.Duration, error) {
			began := time.Now()
			err := l.Wait(ctx, stream.JobID(1), DMLRate, n, func() float64 { return rate })
			return time.Since(began), err
		}
		wait(t.Context(), 5000)
		if took, err := wait(t.Context(), 1); err != nil || took < 4900*time.Millisecond || took > 5100*time.Millisecond {
			t.Errorf("after 5000 rows at 1000 a second the next one waits %v, %v", took, err)
		}
		rate = 0
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errors.New("enough"))
		defer cancel()
		if took, err := wait(ctx, 1); err == nil || took < time.Minute {
			t.Errorf("a row passes a pause after %v", took)
		}
		time.AfterFunc(time.Second, func() { rate = -1 })
		if took, err := wait(t.Context(), 1); err != nil || took > 1100*time.Millisecond {
			t.Errorf("a row waits %v, %v, though the limit went after a second", took, err)
		}
	})
}
