package storage

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"streamdb/stream"
)

// TestCrashKeepsAPrefix commits epochs of random size, some synced, some large
// enough to be ingested, and cuts the power at a random moment with a random part
// of what was not synced. What is left must be exactly the state after some epoch
// that is not before the last durable one: never a torn epoch, never a later
// one without an earlier one.
func TestCrashKeepsAPrefix(t *testing.T) {
	if testing.Short() {
		t.Skip()
	}
	ingested, lost := 0, 0
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 7))
		fs := vfs.NewCrashableMem()
		epoch := stream.Epoch(0)
		states := []string{" |  | "} // by epoch
		for range 3 {                // lives
			s := open(t, fs, func(o *Options) { o.IngestBytes = 8_000 })
			epoch = s.Visible()
			a := s.OpenTable(TableDef{ID: 20}, VNodeSet{0, 128})
			b := s.OpenTable(TableDef{ID: 20}, VNodeSet{128, 256})
			c := s.OpenTable(TableDef{ID: 21}, AllVNodes)
			for range rng.IntN(12) {
				epoch++
				rows := rng.IntN(30)
				if rng.IntN(4) == 0 {
					rows = 400 // ingested
				}
				for range rows {
					k := fmt.Appendf(nil, "k%02d", rng.IntN(40))
					val := fmt.Appendf(nil, "%d-%0*d", epoch, rng.IntN(90), 1)
					switch rng.IntN(4) {
					case 0:
						a.Put(VNode(rng.IntN(3)), k, val)
					case 1:
						b.Put(VNode(200+rng.IntN(3)), k, val)
					case 2:
						c.Put(7, k, val)
					default:
						c.Delete(7, k)
					}
				}
				req := CommitReq{Epoch: epoch, Sync: rng.IntN(4) == 0, Meta: []KV{{[]byte("epoch"), fmt.Append(nil, epoch)}}}
				for _, table := range []StateTable{a, b, c} {
					if d := table.Seal(epoch); d != nil {
						req.Deltas = append(req.Deltas, d)
					}
				}
				if rng.IntN(8) == 0 {
					req.Drop = []TableID{22}
				}
				info := commit(t, s, req)
				if info.Ingested {
					ingested++
					if s.Durable() != epoch {
						t.Fatalf("seed %d: epoch %d was ingested, durable is %d", seed, epoch, s.Durable())
					}
				}
				states = append(states[:epoch], wholeState(t, s))
				if rng.IntN(10) == 0 {
					if err := s.db.Flush(); err != nil {
						t.Fatal(err)
					}
				}
			}
			durable := s.Durable()
			crashed := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(101), RNG: rng})
			for _, table := range []StateTable{a, b, c} {
				table.Close()
			}
			closeStore(t, s)

			fs = crashed
			s = open(t, fs)
			at := s.Visible()
			if at < durable || at > epoch {
				t.Fatalf("seed %d: after the crash epoch %d, durable was %d, committed %d", seed, at, durable, epoch)
			}
			if at < epoch {
				lost++
			}
			if got := wholeState(t, s); got != states[at] {
				t.Fatalf("seed %d: after the crash epoch %d of %d (durable %d) is torn:\n%s\nwant\n%s", seed, at, epoch, durable, got, states[at])
			}
			if s.Durable() != at {
				t.Fatalf("seed %d: durable %d after opening epoch %d", seed, s.Durable(), at)
			}
			closeStore(t, s)
		}
	}
	if ingested == 0 || lost == 0 {
		t.Fatalf("the test tests nothing: %d epochs ingested, %d crashes lost epochs", ingested, lost)
	}
}

func wholeState(t *testing.T, s *Store) string {
	t.Helper()
	snap := s.Snapshot()
	defer snap.Close()
	meta, err := s.MetaGet([]byte("epoch"))
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s | %s | %s", meta, dump(t, snap, 20), dump(t, snap, 21))
}
