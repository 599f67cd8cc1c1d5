package storage

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// TestCrashWhileOpening cuts the power before every operation on the disk of the
// first open, of the next, and of one after a crash, with a random part of what
// was not synced. Whatever is left opens, and holds what was committed.
func TestCrashWhileOpening(t *testing.T) {
	var mu sync.Mutex
	check := func(image *vfs.MemFS, want string) error {
		s, err := Open(Options{Dir: "db", FS: image, CacheBytes: 1 << 20})
		if err != nil {
			return err
		}
		got := wholeState(t, s)
		closeStore(t, s)
		if got != want && want != "" {
			return fmt.Errorf("it holds %s instead of %s", got, want)
		}
		return nil
	}
	fs, want := vfs.NewCrashableMem(), ""
	for life := range 4 {
		type image struct {
			fs *vfs.MemFS
			op errorfs.Op
		}
		var images []image
		hook := func(op errorfs.Op) error {
			mu.Lock()
			defer mu.Unlock()
			for i := range uint64(4) {
				rng := rand.New(rand.NewPCG(i, uint64(len(images))))
				images = append(images, image{fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 20 + 20*int(i), RNG: rng}), op})
			}
			return nil
		}
		s := open(t, errorfs.Wrap(fs, errorfs.InjectorFunc(hook)))
		mu.Lock()
		if len(images) < 20 {
			t.Fatalf("life %d: only %d images", life, len(images))
		}
		for i, img := range images {
			if err := check(img.fs, want); err != nil {
				t.Fatalf("life %d, after a crash before %v of %s (image %d): %v", life, img.op.Kind, img.op.Path, i, err)
			}
		}
		mu.Unlock()
		table := s.OpenTable(TableDef{ID: 20}, AllVNodes)
		table.Put(1, fmt.Appendf(nil, "k%d", life), []byte("v"))
		epoch := s.Visible() + 1
		commit(t, s, CommitReq{Epoch: epoch, Sync: true, Deltas: []*Delta{table.Seal(epoch)}})
		want = wholeState(t, s)
		after := fs
		if life%2 == 1 {
			after = fs.CrashClone(vfs.CrashCloneCfg{})
		}
		table.Close()
		closeStore(t, s)
		fs = after
	}
}
