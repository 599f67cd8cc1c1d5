package storage

import (
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestEstimateRows: small tables are counted, large ones estimated, whether they
// lie in all vnodes or in one.
func TestEstimateRows(t *testing.T) {
	s := open(t, vfs.NewMem())
	defer closeStore(t, s)
	for id, c := range map[TableID]struct{ rows, vnodes, least, most int }{
		20: {0, 1, 0, 0},
		21: {1234, 256, 1234, 1234},
		22: {400_000, 256, 300_000, 500_000},
		23: {400_000, 1, 300_000, 500_000},
	} {
		table := s.OpenTable(TableDef{ID: id}, AllVNodes)
		for i := range c.rows {
			table.Put(VNode(i%c.vnodes), fmt.Appendf(nil, "key%09d", i), make([]byte, 60))
		}
		if d := table.Seal(s.Visible() + 1); d != nil {
			commit(t, s, CommitReq{Deltas: []*Delta{d}})
		}
		table.Close()
		n, err := s.EstimateRows(id)
		if err != nil || n < int64(c.least) || n > int64(c.most) {
			t.Errorf("table %d with %d rows in %d vnodes: %d, %v", id, c.rows, c.vnodes, n, err)
		}
	}
}
