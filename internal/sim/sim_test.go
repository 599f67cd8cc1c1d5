package sim

import (
	"errors"
	"flag"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"
)

var (
	simPoints = flag.Int("sim.points", 1000, "crash points of TestCrash, at least")
	simSteps  = flag.Int("sim.steps", 6, "steps of each client in a run")
	simSeed   = flag.Uint64("sim.seed", 0, "run the schedule of this seed alone, again and again")
	simFirst  = flag.Uint64("sim.first", 1, "begin with this seed")
	simDump   = flag.String("sim.dump", "", "write the disk at the crash that failed into this directory")
	simFor    = flag.Duration("sim.for", 0, "stop after this time")
)

// TestCrash cuts the power before every operation on the disk of each run, and
// compares what recovery makes of it with the model.
func TestCrash(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lines.csv")
	if err := writeLines(file); err != nil {
		t.Fatal(err)
	}
	goroutines := runtime.NumGoroutine()
	began := time.Now()
	total, inRecovery, runs := 0, 0, 0
	for seed := *simFirst; total < *simPoints; seed++ {
		if *simFor > 0 && time.Since(began) > *simFor {
			break
		}
		if *simSeed != 0 {
			seed = *simSeed
		}
		s := newSchedule(seed, *simSteps, file)
		at := time.Now()
		r, err := live(t.Context(), s)
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, s)
		}
		if err := goroutinesEnd(goroutines); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		took := time.Since(at)
		points, nested, err := r.checkAll(t)
		total, inRecovery, runs = total+points, inRecovery+nested, runs+1
		if err == nil {
			err = goroutinesEnd(goroutines)
		}
		var f *failure
		if errors.As(err, &f) && *simDump != "" {
			err = errors.Join(err, f.save(*simDump))
		}
		if err != nil {
			t.Fatalf("%v\nagain with -sim.seed %d -sim.steps %d; the schedule:\n%s", err, seed, *simSteps, s)
		}
		if testing.Verbose() {
			t.Logf("seed %d: %d crash points, %d of them in recoveries; run %v, checks %v", seed, points, nested,
				took.Round(time.Millisecond), (time.Since(at) - took).Round(time.Millisecond))
		}
	}
	t.Logf("%d runs, %d crash points, %d of them in recoveries, in %v", runs, total, inRecovery, time.Since(began).Round(time.Millisecond))
}

// checkAll checks the points of a run, on all cores.
func (r *run) checkAll(t *testing.T) (points, nested int, err error) {
	queue := r.points
	r.points = nil
	var mu sync.Mutex
	var errs []error
	pending := 0
	cond := sync.NewCond(&mu)
	var wg sync.WaitGroup
	for range 3 * runtime.GOMAXPROCS(0) { // recovery and sinks wait now and then
		wg.Go(func() {
			mu.Lock()
			defer mu.Unlock()
			for {
				for len(queue) == 0 && pending > 0 {
					cond.Wait()
				}
				if len(queue) == 0 || len(errs) > 0 {
					cond.Broadcast()
					return
				}
				p := queue[0]
				queue[0] = nil
				queue = queue[1:]
				pending++
				points++
				if p.depth > 0 {
					nested++
				}
				mu.Unlock()
				more, err := r.check(t.Context(), p)
				mu.Lock()
				pending--
				if more != nil {
					queue = append(queue, more)
				}
				if err != nil {
					errs = append(errs, err)
				}
				cond.Broadcast()
			}
		})
	}
	wg.Wait()
	return points, nested, errors.Join(errs...)
}
