package engine_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

var (
	lawSteps = flag.Int("law.steps", 500, "how often TestLaw compares a view with its query")
	lawSeed  = flag.Uint64("law.seed", 0, "run the history of this seed alone")
	lawURL   = flag.String("law.postgres", os.Getenv("LAW_POSTGRES"), "a Postgres that runs the same histories, as postgres://..")
	lawFor   = flag.Duration("law.for", 0, "stop TestLaw after this time")
	lawGoOn  = flag.Bool("law.goon", false, "report every history that fails, not the first alone")
	lawFirst = flag.Uint64("law.first", 0, "in the long form: begin with this seed instead of the clock's")
)

// lawSeeds are the histories of the short form; the clock gives one more.
var lawSeeds = []uint64{1, 2, 3, 4, 5, 6, 7, 8}

// TestLaw drives random histories and holds the law of materialized views: a
// view always equals its query. After each step every view is compared with
// its query in one snapshot and, with -law.postgres, with Postgres. The long
// form (-law.steps above the default) also kills the server at random.
func TestLaw(t *testing.T) {
	ctx := t.Context()
	var pg *pgconn.PgConn
	if *lawURL != "" {
		var err error
		if pg, err = pgconn.Connect(ctx, *lawURL); err != nil {
			t.Fatal(err)
		}
		defer func() {
			_ = lawDropSchemas(context.Background(), pg)
			pg.Close(context.Background())
		}()
	}
	long := *lawSteps > 500
	clock := uint64(time.Now().UnixNano()) % 1_000_000_000
	if *lawFirst != 0 {
		clock = *lawFirst
	}
	began := time.Now()
	refused := lawNotes{}
	checked, filled, histories := 0, 0, 0
	for i := 0; checked < *lawSteps; i++ {
		if *lawFor > 0 && time.Since(began) > *lawFor {
			break
		}
		seed, kills := clock+uint64(i), long && i%3 == 0
		switch {
		case *lawSeed != 0:
			if seed, kills = *lawSeed, long; i > 0 {
				i = -1
			}
		case !long && i > 0:
			if i > len(lawSeeds) {
				i = -1
				break
			}
			seed = lawSeeds[i-1]
		}
		if i < 0 {
			break
		}
		if i == 0 {
			t.Logf("seed of the clock: %d", seed)
		}
		r := &lawRunner{h: newLawHistory(seed, 14, kills), dir: t.TempDir(), pg: pg, refused: refused}
		err := r.run(ctx)
		checked += r.checked
		filled += r.filled
		histories++
		var d *lawDifference
		if errors.As(err, &d) {
			h, again := shrink(ctx, t, r.h, d, pg)
			t.Errorf("seed %d, step %d: %v\nas small as it got (%s):\n%s", seed, d.step, d, again, h)
			if !*lawGoOn {
				break
			}
		} else if errors.Is(err, errLawSlow) {
			refused.add("given up: "+err.Error(), fmt.Sprint("seed ", seed))
			if pg != nil && pg.IsClosed() {
				if pg, err = pgconn.Connect(ctx, *lawURL); err != nil {
					t.Fatal(err)
				}
			}
		} else if err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d histories, %d comparisons of a view with its query (%d of rows) in %v", histories, checked, filled, time.Since(began).Round(time.Millisecond))
	for _, m := range slices.Sorted(maps.Keys(refused)) {
		t.Logf("%5d x %s, as: %s", refused[m].n, m, refused[m].sql)
	}
}

// TestLawServer is not a test of its own: TestLaw runs it in another process,
// as a server that can be killed. It ends when its standard input does.
func TestLawServer(t *testing.T) {
	dir := os.Getenv("LAW_DIR")
	if dir == "" {
		t.Skip("run by TestLaw")
	}
	parallelism, err := strconv.Atoi(os.Getenv("LAW_PARALLELISM"))
	if err != nil {
		t.Fatal(err)
	}
	now, err := time.Parse(time.RFC3339Nano, os.Getenv("LAW_CLOCK"))
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, lawOptions(dir, parallelism, now))
	fmt.Printf("listening %s\n", s.addr)
	io.Copy(io.Discard, os.Stdin)
}
