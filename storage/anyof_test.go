package storage

import (
	"bytes"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"
)

// TestAnyOf: it finds the first key that Get would find.
func TestAnyOf(t *testing.T) {
	s := open(t, vfs.NewMem())
	defer closeStore(t, s)
	rapid.Check(t, func(rt *rapid.T) {
		key := rapid.Custom(func(rt *rapid.T) []byte {
			return append([]byte{rapid.SampledFrom([]byte{0, 3, 255}).Draw(rt, "vnode")}, rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 255}), 0, 3).Draw(rt, "key")...)
		})
		id := TableID(rapid.Uint32Range(20, 1<<20).Draw(rt, "table"))
		table := s.OpenTable(TableDef{ID: id}, AllVNodes)
		defer table.Close()
		for _, k := range rapid.SliceOfN(key, 0, 12).Draw(rt, "stored") {
			table.Put(k[0], k[1:], []byte("x"))
		}
		if d := table.Seal(s.Visible() + 1); d != nil { // nil: nothing is stored
			commit(t, s, CommitReq{Deltas: []*Delta{d}})
		}
		snap := s.Snapshot()
		defer snap.Close()
		keys := rapid.SliceOfN(key, 1, 12).Draw(rt, "keys")
		slices.SortFunc(keys, bytes.Compare)
		want := slices.IndexFunc(keys, func(k []byte) bool {
			v, err := snap.Get(id, k[0], k[1:])
			return err == nil && v != nil
		})
		if got, err := snap.AnyOf(id, keys); err != nil || got != want {
			rt.Fatalf("AnyOf says %d, %v; Get finds %d", got, err, want)
		}
	})
}
