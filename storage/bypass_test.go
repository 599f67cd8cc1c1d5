package storage

import (
	"encoding/binary"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestBypassesLog: an epoch passes by the log when Pebble would write it to a table
// of its own at once, behind the log, and only then.
func TestBypassesLog(t *testing.T) {
	for _, c := range []struct {
		rows, width int
		bypasses    bool
	}{{570, 1, false}, {660, 1, true}, {5, 20_000, false}, {7, 20_000, true}} {
		commit := func(through int) (CommitInfo, int64) {
			s := open(t, vfs.NewMem(), func(o *Options) { o.MemTableBytes, o.IngestBytes = 256<<10, through })
			defer s.Close()
			table := s.OpenTable(TableDef{ID: 20}, AllVNodes)
			defer table.Close()
			before := s.db.Metrics()
			for i := range c.rows {
				table.Put(3, binary.BigEndian.AppendUint64(nil, uint64(i)), make([]byte, c.width))
			}
			info, err := s.Commit(CommitReq{Epoch: 1, Deltas: []*Delta{table.Seal(1)}})
			if err != nil {
				t.Fatal(err)
			}
			after := s.db.Metrics()
			return info, after.MemTable.Count + after.Flush.Count - before.MemTable.Count - before.Flush.Count
		}
		info, _ := commit(0)
		through, tables := commit(1 << 30)
		if info.Ingested != c.bypasses || through.Ingested {
			t.Errorf("%d rows of %d bytes: ingested %v, want %v; told not to: %v", c.rows, c.width, info.Ingested, c.bypasses, through.Ingested)
		}
		if (tables > 0) != c.bypasses {
			t.Errorf("%d rows of %d bytes: a table of its own %v, want %v", c.rows, c.width, tables > 0, c.bypasses)
		}
	}
}
