package storage

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"streamdb/stream"
)

// gateFS lets compactions write no file before the gate is opened.
type gateFS struct {
	vfs.FS
	gate chan struct{}
}

func (g gateFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if strings.Contains(string(category), "compaction") {
		<-g.gate
	}
	return g.FS.Create(name, category)
}

// TestOpenDoesNotWaitForCompactions: a store that was killed with much to be
// compacted is open before that is done, which then happens although nobody writes.
func TestOpenDoesNotWaitForCompactions(t *testing.T) {
	fs := vfs.NewCrashableMem()
	first := gateFS{fs, make(chan struct{})}
	s := open(t, first)
	table := s.OpenTable(TableDef{ID: 20}, AllVNodes)
	for epoch := stream.Epoch(1); epoch <= 10; epoch++ {
		for k := range 100 {
			table.Put(7, fmt.Appendf(nil, "k%02d", k), fmt.Append(nil, epoch))
		}
		commit(t, s, CommitReq{Epoch: epoch, Sync: true, Deltas: []*Delta{table.Seal(epoch)}})
		if epoch < 10 {
			if err := s.db.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	crashed := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 1))})
	close(first.gate)
	table.Close()
	closeStore(t, s)

	second := gateFS{crashed, make(chan struct{})}
	late := time.AfterFunc(5*time.Second, func() {
		t.Error("the store is not open: it waits for a compaction")
		close(second.gate)
	})
	s = open(t, second)
	defer closeStore(t, s)
	if !late.Stop() {
		return
	}
	if n := s.Stats().Compactions; n != 0 {
		t.Errorf("%d compactions are done", n)
	}
	if s.Visible() != 10 {
		t.Errorf("epoch %d is visible, want 10", s.Visible())
	}
	close(second.gate)
	for end := time.Now().Add(10 * time.Second); s.Stats().L0Sublevels > 1; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no compaction begins: %+v", s.Stats())
		}
	}
}
