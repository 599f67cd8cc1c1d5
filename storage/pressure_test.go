package storage

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestBehind: epochs that overlap pile up in level 0, and nothing is compacted. The
// store says that it is behind before commits wait; compacted, it is not any more.
func TestBehind(t *testing.T) {
	s, err := Open(Options{Dir: "db", FS: vfs.NewMem(), IngestBytes: 20_000, level0Stop: 8, noCompactions: true})
	fail(t, err)
	defer s.Close()
	table := s.OpenTable(TableDef{ID: 20}, AllVNodes)
	defer table.Close()
	commit := func(rows int) CommitInfo {
		var k [8]byte
		for i := range rows {
			binary.BigEndian.PutUint64(k[:], uint64(i))
			table.Put(VNode(i), k[:], k[:])
		}
		n := s.Visible() + 1
		info, err := s.Commit(CommitReq{Epoch: n, Deltas: []*Delta{table.Seal(n)}})
		fail(t, err)
		return info
	}
	for n := range 8 {
		if was, want := s.Behind(), s.Stats().L0Sublevels >= 6; was != want {
			t.Fatalf("%d epochs in level 0: behind is %v, %+v", n, was, s.Stats())
		}
		if info := commit(2000); !info.Ingested || info.Stall != 0 {
			t.Fatalf("epoch %d: %+v", n, info)
		}
	}

	fail(t, s.db.Compact(t.Context(), []byte{0}, []byte{0xff}, false))
	time.Sleep(2 * pressurePause)
	if st := s.Stats(); s.Behind() || st.L0Sublevels > 5 {
		t.Errorf("behind is %v after compaction: %+v", s.Behind(), st)
	}
}
