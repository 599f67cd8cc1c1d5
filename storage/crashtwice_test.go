package storage

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// TestCrashTwice cuts the power in the middle of a record of the log, behind an
// epoch that was ingested and one that is a large batch for a memtable but a small
// one by its bytes, none of which was flushed, and again before each operation of
// the opening that follows: the half record in what is then no longer the newest
// log does not prevent the next opening.
func TestCrashTwice(t *testing.T) {
	small := func(o *Options) { o.MemTableBytes, o.IngestBytes = 64<<10, 30<<10 }
	for _, rows := range []int{1, 30, 250} {
		fs := vfs.NewCrashableMem()
		flush := make(chan struct{}) // flushes wait for it
		s := open(t, errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if op.Kind == errorfs.OpCreate && strings.HasPrefix(op.Path, "db/0") && strings.HasSuffix(op.Path, ".sst") {
				<-flush
			}
			return nil
		})), small)
		commitRows(t, s, "a", 1, "v")
		commitRows(t, s, "i", 1, strings.Repeat("v", 40<<10)) // ingested
		commitRows(t, s, "b", rows, "v")
		image := fs.CrashClone(vfs.CrashCloneCfg{})
		close(flush)
		closeStore(t, s)
		cutLog(t, image, 10) // the mark of the last sync

		var images []*vfs.MemFS
		var mu sync.Mutex
		opened := false
		s = open(t, errorfs.Wrap(image, errorfs.InjectorFunc(func(op errorfs.Op) error {
			mu.Lock()
			defer mu.Unlock()
			if !opened && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
				images = append(images, image.CrashClone(vfs.CrashCloneCfg{}))
			}
			return nil
		})), small)
		mu.Lock()
		opened = true
		mu.Unlock()
		want := countRows(t, s)
		if want != 2+rows {
			t.Fatalf("%d rows are there after the first crash, %d were committed", want, 2+rows)
		}
		closeStore(t, s)
		if len(images) < 10 {
			t.Fatalf("opening took %d operations: too few", len(images))
		}
		for i, again := range images {
			s, err := Open(Options{Dir: "db", FS: again, CacheBytes: 1 << 20, MemTableBytes: 64 << 10})
			if err != nil {
				t.Fatalf("%d rows, crash before operation %d of the opening: %v", rows, i+1, err)
			}
			if got := countRows(t, s); got != want {
				t.Fatalf("%d rows are there after a crash before operation %d of the opening, %d before it", got, i+1, want)
			}
			closeStore(t, s)
		}
	}
}

func commitRows(t *testing.T, s *Store, key string, n int, value string) {
	t.Helper()
	table := s.OpenTable(TableDef{ID: 20}, AllVNodes)
	defer table.Close()
	for i := range n {
		table.Put(1, fmt.Appendf(nil, "%s%d", key, i), []byte(value))
	}
	epoch := s.Visible() + 1
	commit(t, s, CommitReq{Epoch: epoch, Sync: true, Deltas: []*Delta{table.Seal(epoch)}})
}

func countRows(t *testing.T, s *Store) int {
	t.Helper()
	snap := s.Snapshot()
	defer snap.Close()
	n := 0
	err := snap.ScanTable(20, func(VNode, []byte, []byte) (bool, error) {
		n++
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// cutLog takes the last n bytes from the newest log.
func cutLog(t *testing.T, fs vfs.FS, n int64) {
	t.Helper()
	names, err := fs.List("db")
	if err != nil {
		t.Fatal(err)
	}
	newest := ""
	for _, name := range names {
		if strings.HasSuffix(name, ".log") {
			newest = max(newest, name)
		}
	}
	path := fs.PathJoin("db", newest)
	f, err := fs.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	data := make([]byte, info.Size()-n)
	if _, err := f.ReadAt(data, 0); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if f, err = fs.Create(path, vfs.WriteCategoryUnspecified); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Sync(), f.Close(), syncDir(fs, "db")); err != nil {
		t.Fatal(err)
	}
}
