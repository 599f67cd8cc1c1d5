package sim

import (
	"errors"
	"flag"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"streamdb/internal/sqlerr"
)

var (
	simFaults = flag.Int("sim.faults", 12, "runs of TestDiskFaults")
	simFlips  = flag.Int("sim.flips", 60, "bits flipped in TestBitFlips")
)

// TestDiskFaults: a disk that fails (EIO of a change or a read, no space left,
// slow) makes statements fail with 58030 or 53100, jobs fail, or the server end;
// nothing that was acknowledged is lost when it is opened on a disk that works.
func TestDiskFaults(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lines.csv")
	if err := writeLines(file); err != nil {
		t.Fatal(err)
	}
	began, ends, clean := time.Now(), 0, 0
	for i := range uint64(*simFaults) {
		seed := *simFirst + i
		rng := rand.New(rand.NewPCG(seed, 3))
		s := newSchedule(seed, 8, file)
		f, l := randomFault(rng, 350), randomLoss(rng)
		r, p, ended, err := faulty(t.Context(), s, f, l)
		if err == nil {
			_, err = r.check(t.Context(), p)
		}
		if err != nil {
			t.Fatalf("seed %d, %v (%s): %v\nagain with -sim.first %d -sim.faults 1; the schedule:\n%s", seed, f, ended, err, seed, s)
		}
		whole := 0
		for c := range clients {
			if p.acked[c] == len(s.clients[c]) {
				whole++
			}
		}
		if ended != "" {
			ends++
		}
		if whole == clients {
			clean++
		}
		if testing.Verbose() {
			t.Logf("seed %d, %v: ended %q, acknowledged %v of %d and %d", seed, f, ended, p.acked, len(s.clients[0]), len(s.clients[1]))
		}
	}
	t.Logf("%d runs, in %d the server ended, in %d all statements succeeded, in %v", *simFaults, ends, clean, time.Since(began).Round(time.Millisecond))
}

// TestBitFlips flips a bit of a database that was closed in order or lost power.
// Whatever reads it says that data is corrupt (XX001), or gives what it should:
// never other rows, never a panic.
func TestBitFlips(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lines.csv")
	if err := writeLines(file); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	got := map[string]int{}
	for i := 0; i < *simFlips; {
		seed := *simFirst + uint64(i)
		s := newSchedule(seed, 8, file)
		r, err := live(t.Context(), s)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		rng := rand.New(rand.NewPCG(seed, 4))
		for range 20 {
			i++
			p := r.points[len(r.points)/2+rng.IntN(len(r.points)/2)]
			what, outcome, err := r.flip(t.Context(), p, rng)
			if err != nil {
				t.Fatalf("seed %d, %s: %v", seed, what, err)
			}
			got[outcome]++
			if testing.Verbose() {
				t.Logf("seed %d, %s: %s", seed, what, outcome)
			}
		}
	}
	if got["detected"] == 0 {
		t.Fatal("the test tests nothing: no flip was detected")
	}
	t.Logf("flips by outcome: %v, in %v", got, time.Since(began).Round(time.Millisecond))
}

func TestErrorsHaveAState(t *testing.T) {
	if !borne(sqlerr.New(sqlerr.DiskFull, "x")) || borne(errors.New("x")) || borne(sqlerr.New(sqlerr.InternalError, "x")) {
		t.Fatal("borne takes other errors than a failing disk may cause")
	}
}
