package executor

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"streamdb/checkpoint"
	"streamdb/storage"
	"streamdb/stream"
)

// TestCrashLeavesOneMoment cuts the power of a running graph (a table, a view
// over it at parallelism 2, a view over that) again and again. After each crash
// all three hold the same rows, every insert that was acknowledged with Sync is among
// them, and the graph goes on from there.
func TestCrashLeavesOneMoment(t *testing.T) {
	for seed := range uint64(8) {
		rng := rand.New(rand.NewPCG(seed, 3))
		fs := vfs.NewCrashableMem()
		acked, next := 0, 1 // rows are 1, 2, 3 ..
		for life := range 4 {
			store, err := storage.Open(storage.Options{Dir: "db", FS: fs, CacheBytes: 1 << 20, IngestBytes: 3000})
			if err != nil {
				t.Fatal(err)
			}
			snap := store.Snapshot()
			table := contents(t, snap, 20)
			if v1, v2 := contents(t, snap, 21), contents(t, snap, 22); v1 != table || v2 != table {
				t.Fatalf("seed %d, life %d, epoch %d: table %q, views %q and %q", seed, life, snap.Epoch(), table, v1, v2)
			}
			rows := strings.Fields(table)
			for i, row := range rows {
				if row != fmt.Sprintf("%dx1", i+1) {
					t.Fatalf("seed %d, life %d: row %d is %s", seed, life, i+1, row)
				}
			}
			if len(rows) < acked {
				t.Fatalf("seed %d, life %d: %d rows are left, %d were acknowledged", seed, life, len(rows), acked)
			}
			next = len(rows) + 1
			snap.Close()

			r := newRig(t, store, nil)
			f := newFeed()
			if err := r.graph.Recover([]*Plan{tablePlan(1, f, 20), viewPlan(2, 1, 21, 2), viewPlan(3, 2, 22, 1)}, nil, 0); err != nil {
				t.Fatal(err)
			}
			r.coord.Start()
			var crashed *vfs.MemFS
			for range 3 + rng.IntN(10) {
				var text []string
				for range 1 + rng.IntN(60) {
					text = append(text, fmt.Sprint(next))
					next++
				}
				f.push(ints(strings.Join(text, " ")))
				switch rng.IntN(3) {
				case 0:
					req := checkpoint.Request{Sync: true, Jobs: []stream.JobID{1, 2, 3}}
					if _, err := r.submit(req); err != nil {
						t.Fatal(err)
					}
					acked = next - 1
				case 1:
					r.flush()
				default:
					time.Sleep(time.Duration(rng.IntN(3)) * time.Millisecond)
				}
			}
			crashed = fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(101), RNG: rng})
			if err := r.graph.Close(context.Background()); err != nil {
				t.Fatal(err)
			}
			r.coord.Close()
			if err := store.Close(); err != nil {
				t.Fatal(err)
			}
			fs = crashed
		}
	}
}
