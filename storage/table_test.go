package storage

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"streamdb/stream"
)

// model is a state table as a plain map from vnode and key.
type model map[string]string

func modelKey(v VNode, key []byte) string { return string(append([]byte{v}, key...)) }

func (m model) list(prefix string) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if strings.HasPrefix(k, prefix) {
			fmt.Fprintf(&b, "%x=%s ", k, m[k])
		}
	}
	return b.String()
}

// TestStateTableIsAMap runs one random history of puts, deletes, reads, seals,
// commits and reopens against a map: small epochs, ingested ones, any number of
// sealed epochs waiting.
func TestStateTableIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fs := vfs.NewMem()
		ingest := rapid.SampledFrom([]int{1, 200, 1 << 20}).Draw(t, "ingest")
		s, err := Open(Options{Dir: "db", FS: fs, IngestBytes: ingest, CacheBytes: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		set := VNodeSet{2, 5}
		def := TableDef{ID: 30, Name: "t"}
		table := s.OpenTable(def, set)
		// Rows of the neighbours must never show.
		other := s.OpenTable(TableDef{ID: 30}, VNodeSet{5, 256})
		other.Put(5, []byte("foreign"), []byte("x"))
		next := s.OpenTable(TableDef{ID: 31}, AllVNodes)
		next.Put(2, nil, []byte("x"))
		if _, err := s.Commit(CommitReq{Epoch: 1, Deltas: []*Delta{other.Seal(1), next.Seal(1)}}); err != nil {
			t.Fatal(err)
		}
		other.Close()
		next.Close()

		now, atSeal, atCommit := model{}, model{}, model{}
		type sealed struct {
			epoch stream.Epoch
			delta *Delta
			state model
		}
		var waiting []sealed
		epoch := stream.Epoch(2)
		genV := rapid.SampledFrom([]VNode{2, 3, 4})
		genKey := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 'a', 'b', 0xff}), 0, 9)
		check := func(err error) {
			if err != nil {
				t.Fatal(err)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				v, k, val := genV.Draw(t, "v"), genKey.Draw(t, "k"), rapid.StringN(0, 5, -1).Draw(t, "val")
				table.Put(v, k, []byte(val))
				now[modelKey(v, k)] = val
			},
			"delete": func(t *rapid.T) {
				v, k := genV.Draw(t, "v"), genKey.Draw(t, "k")
				table.Delete(v, k)
				delete(now, modelKey(v, k))
			},
			"get": func(t *rapid.T) {
				v, k := genV.Draw(t, "v"), genKey.Draw(t, "k")
				got, err := table.Get(v, k)
				check(err)
				want, ok := now[modelKey(v, k)]
				if (got != nil) != ok || string(got) != want {
					t.Fatalf("get %d/%x: %q, want %q %v", v, k, got, want, ok)
				}
			},
			"multiget": func(t *rapid.T) {
				n := rapid.IntRange(0, 8).Draw(t, "n")
				vs, ks := make([]VNode, n), make([][]byte, n)
				for i := range n {
					vs[i], ks[i] = genV.Draw(t, "v"), genKey.Draw(t, "k")
				}
				seen := map[int]bool{}
				last := ""
				read, now := table.MultiGet, now
				if rapid.Bool().Draw(t, "sealed") {
					read, now = table.MultiGetSealed, atSeal
				}
				check(read(vs, ks, func(i int, got []byte) error {
					k := modelKey(vs[i], ks[i])
					want, ok := now[k]
					if (got != nil) != ok || string(got) != want || seen[i] || k < last {
						t.Fatalf("multiget %x: %q, want %q %v (again: %v, after %x)", k, got, want, ok, seen[i], last)
					}
					seen[i], last = true, k
					return nil
				}))
				if len(seen) != n {
					t.Fatalf("multiget answered %d of %d", len(seen), n)
				}
			},
			"scan": func(t *rapid.T) {
				v, p := genV.Draw(t, "v"), genKey.Draw(t, "p")
				p = p[:min(len(p), 2)]
				var b strings.Builder
				check(table.Scan(v, p, func(k, val []byte) (bool, error) {
					fmt.Fprintf(&b, "%x=%s ", modelKey(v, k), val)
					return true, nil
				}))
				if want := now.list(modelKey(v, p)); b.String() != want {
					t.Fatalf("scan %d/%x: %q, want %q", v, p, b.String(), want)
				}
			},
			"scan from": func(t *rapid.T) {
				v, from := genV.Draw(t, "v"), genKey.Draw(t, "from")
				p := from[:min(len(from), 1)]
				var b, want strings.Builder
				check(table.ScanFrom(v, p, from, func(k, val []byte) (bool, error) {
					fmt.Fprintf(&b, "%x=%s ", modelKey(v, k), val)
					return true, nil
				}))
				for _, k := range slices.Sorted(maps.Keys(now)) {
					if strings.HasPrefix(k, modelKey(v, p)) && k >= modelKey(v, from) {
						fmt.Fprintf(&want, "%x=%s ", k, now[k])
					}
				}
				if b.String() != want.String() {
					t.Fatalf("scan %d/%x from %x: %q, want %q", v, p, from, b.String(), want.String())
				}
			},
			"scan prefixes": func(t *rapid.T) {
				var vs []VNode
				var ps, above [][]byte
				for range rapid.IntRange(0, 6).Draw(t, "n") { // of equal length: none begins another
					v, p := genV.Draw(t, "v"), append(genKey.Draw(t, "p"), 'a', 0xff)[:2]
					if !slices.ContainsFunc(ps, func(x []byte) bool { return bytes.Equal(x, p) }) {
						vs, ps, above = append(vs, v), append(ps, p), append(above, nil)
						if rapid.Bool().Draw(t, "from within") {
							above[len(ps)-1] = append(slices.Clone(p), genKey.Draw(t, "above")...)
						}
					}
				}
				most := rapid.IntRange(1, 4).Draw(t, "rows of a prefix")
				sealed, state := rapid.Bool().Draw(t, "sealed"), now
				if sealed {
					state = atSeal
				}
				var b, want strings.Builder
				seen, wanted := make([]int, len(ps)), make([]int, len(ps))
				fn := func(i int, k, val []byte) (bool, error) {
					fmt.Fprintf(&b, "%d:%x=%s ", i, modelKey(vs[i], k), val)
					seen[i]++
					return seen[i] < most, nil
				}
				if sealed {
					check(table.ScanPrefixesSealed(vs, ps, above, fn))
				} else {
					check(table.ScanPrefixes(vs, ps, fn))
				}
				for _, k := range slices.Sorted(maps.Keys(state)) {
					for i := range ps {
						from := ""
						if sealed && above[i] != nil {
							from = modelKey(vs[i], above[i])
						}
						if strings.HasPrefix(k, modelKey(vs[i], ps[i])) && k > from && wanted[i] < most {
							fmt.Fprintf(&want, "%d:%x=%s ", i, k, state[k])
							wanted[i]++
						}
					}
				}
				if b.String() != want.String() {
					t.Fatalf("scan of %v/%x above %x (sealed: %v): %q, want %q", vs, ps, above, sealed, b.String(), want.String())
				}
			},
			"last": func(t *rapid.T) {
				v, p := genV.Draw(t, "v"), genKey.Draw(t, "p")
				p = p[:min(len(p), 2)]
				below := append(slices.Clone(p), genKey.Draw(t, "below")...)
				got, want := "", ""
				k, val, err := table.Last(v, p, below)
				check(err)
				if k != nil {
					got = fmt.Sprintf("%x=%s", modelKey(v, k), val)
				}
				for _, k := range slices.Sorted(maps.Keys(now)) {
					if strings.HasPrefix(k, modelKey(v, p)) && k < modelKey(v, below) {
						want = fmt.Sprintf("%x=%s", k, now[k])
					}
				}
				if got != want {
					t.Fatalf("last %d/%x below %x: %q, want %q", v, p, below, got, want)
				}
			},
			"scan and write": func(t *rapid.T) {
				// What fn writes is not seen by its own scan, but by a scan inside it.
				var b strings.Builder
				want := now.list("")
				check(table.ScanAll(func(v VNode, k, val []byte) (bool, error) {
					fmt.Fprintf(&b, "%x=%s ", modelKey(v, k), val)
					table.Delete(v, k)
					delete(now, modelKey(v, k))
					got, err := table.Get(v, k)
					check(err)
					if got != nil {
						t.Fatalf("%x was deleted, got %q", k, got)
					}
					n := 0
					check(table.Scan(v, k, func([]byte, []byte) (bool, error) { n++; return n < 2, nil }))
					return true, nil
				}))
				if b.String() != want {
					t.Fatalf("scan all: %q, want %q", b.String(), want)
				}
			},
			"empty": func(t *rapid.T) {
				empty, err := table.Empty()
				check(err)
				if empty && len(now) > 0 {
					t.Fatalf("empty, but %v", now)
				}
			},
			"seal": func(t *rapid.T) {
				waiting = append(waiting, sealed{epoch, table.Seal(epoch), maps.Clone(now)})
				atSeal = maps.Clone(now)
				epoch++
			},
			"commit": func(t *rapid.T) {
				if len(waiting) == 0 {
					t.Skip()
				}
				w := waiting[0]
				waiting = waiting[1:]
				req := CommitReq{Epoch: w.epoch, Sync: rapid.Bool().Draw(t, "sync")}
				if w.delta != nil {
					req.Deltas = []*Delta{w.delta}
				}
				_, err := s.Commit(req)
				check(err)
				atCommit = w.state
				snap := s.Snapshot()
				defer snap.Close()
				var b strings.Builder
				for v := 2; v < 5; v++ {
					check(snap.Scan(30, VNode(v), nil, nil, func(k, val []byte) (bool, error) {
						fmt.Fprintf(&b, "%x=%s ", modelKey(VNode(v), k), val)
						return true, nil
					}))
				}
				if want := atCommit.list(""); b.String() != want {
					t.Fatalf("snapshot %q, want %q", b.String(), want)
				}
			},
			"reopen": func(t *rapid.T) {
				check(table.Close())
				check(s.Close())
				s, err = Open(Options{Dir: "db", FS: fs, IngestBytes: ingest, CacheBytes: 1 << 20})
				check(err)
				table = s.OpenTable(def, set)
				waiting, now, atSeal = nil, maps.Clone(atCommit), maps.Clone(atCommit)
				epoch = s.Visible() + 1
			},
		})
		check(table.Close())
		check(s.Close())
	})
}

func TestEmptyKnowsWhatIsCommitted(t *testing.T) {
	s := open(t, vfs.NewMem())
	defer closeStore(t, s)
	table := s.OpenTable(TableDef{ID: 20}, VNodeSet{0, 8})
	defer table.Close()
	must := func(want bool) {
		t.Helper()
		if got, err := table.Empty(); got != want || err != nil {
			t.Errorf("empty %v, %v; want %v", got, err, want)
		}
	}
	must(true)
	table.Delete(0, []byte("k"))
	must(true)
	table.Put(0, []byte("k"), nil)
	must(false)
	d := table.Seal(1)
	must(false)
	commit(t, s, CommitReq{Deltas: []*Delta{d}})
	must(false)
	table.Delete(0, []byte("k"))
	commit(t, s, CommitReq{Deltas: []*Delta{table.Seal(2)}})
	must(true)
	other := s.OpenTable(TableDef{ID: 20}, VNodeSet{8, 256})
	other.Put(8, []byte("k"), nil)
	commit(t, s, CommitReq{Deltas: []*Delta{other.Seal(3)}})
	other.Close()
	must(true)
}
