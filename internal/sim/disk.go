package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"streamdb/storage"
)

// disk is a filesystem in memory that counts the operations which change it, and
// calls a hook before each.
type disk struct {
	mem *vfs.MemFS
	// linking: MemFS.Link takes a lock for reading twice, and a CrashClone that comes in
	// between waits for it, and it for the CrashClone, for ever.
	linking sync.RWMutex
	ops     atomic.Int64
	// before is called before the operation of a number, from 1; an error is what
	// the operation gives in place of being done. nil: nothing is called.
	before func(n int64, op errorfs.Op) error
}

func newDisk(mem *vfs.MemFS) *disk {
	if mem == nil {
		mem = vfs.NewCrashableMem()
	}
	return &disk{mem: mem}
}

// fs is the filesystem for a store.
func (d *disk) fs() storage.FS {
	return errorfs.Wrap(linkFS{d.mem, &d.linking}, errorfs.InjectorFunc(d.hook))
}

// linkFS is a filesystem whose links hold a lock.
type linkFS struct {
	vfs.FS
	mu *sync.RWMutex
}

func (l linkFS) Link(from, to string) error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.FS.Link(from, to)
}

func (d *disk) hook(op errorfs.Op) error {
	if !changes(op.Kind) {
		return nil
	}
	n := d.ops.Add(1)
	if d.before == nil {
		return nil
	}
	return d.before(n, op)
}

// changes reports whether an operation changes what a crash leaves.
func changes(k errorfs.OpKind) bool {
	switch k {
	case errorfs.OpCreate, errorfs.OpLink, errorfs.OpRemove, errorfs.OpRemoveAll, errorfs.OpRename, errorfs.OpReuseForWrite,
		errorfs.OpMkdirAll, errorfs.OpFileWrite, errorfs.OpFileWriteAt, errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo:
		return true
	}
	return false
}

// opNames are the kinds of operations in messages.
var opNames = map[errorfs.OpKind]string{
	errorfs.OpCreate: "create", errorfs.OpLink: "link", errorfs.OpRemove: "remove", errorfs.OpRemoveAll: "remove all",
	errorfs.OpRename: "rename", errorfs.OpReuseForWrite: "reuse", errorfs.OpMkdirAll: "mkdir", errorfs.OpFileWrite: "write",
	errorfs.OpFileWriteAt: "write at", errorfs.OpFileSync: "sync", errorfs.OpFileSyncData: "syncdata", errorfs.OpFileSyncTo: "syncto",
}

// loss is what a power cut does to what was not synced.
type loss struct {
	kept int  // percent of the unsynced blocks and directory entries that stay
	torn bool // with kept 100: the unsynced part of each file ends at a random byte
}

func (l loss) String() string {
	if l.torn {
		return "unsynced data torn"
	}
	return fmt.Sprintf("%d%% of unsynced data kept", l.kept)
}

// randomLoss draws a loss: all, nothing, a part by blocks, or torn within a block.
func randomLoss(rng *rand.Rand) loss {
	switch rng.IntN(4) {
	case 0:
		return loss{}
	case 1:
		return loss{kept: 100}
	case 2:
		return loss{kept: 100, torn: true}
	}
	return loss{kept: 1 + rng.IntN(99)}
}

// crash is the disk as a power cut at this moment could leave it.
func (d *disk) crash(l loss, rng *rand.Rand) (*vfs.MemFS, error) {
	d.linking.Lock()
	defer d.linking.Unlock()
	if !l.torn {
		return d.mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: l.kept, RNG: rng}), nil
	}
	// The image with all data, whose files are then cut down: not below what is synced.
	full := d.mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rng})
	safe := d.mem.CrashClone(vfs.CrashCloneCfg{})
	err := eachFile(full, "/", func(name string, data []byte) error {
		if base := path.Base(name); path.Ext(base) != ".log" && path.Ext(base) != ".sst" && !strings.HasPrefix(base, "MANIFEST-") {
			return nil // written under another name, which tells how much of it is synced
		}
		synced, err := readFile(safe, name)
		if err != nil || len(synced) >= len(data) {
			return nil // a file that has no name yet keeps all
		}
		return writeFile(full, name, data[:len(synced)+rng.IntN(len(data)-len(synced)+1)])
	})
	return full.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rng}), err
}

// eachFile calls fn for all files below a directory.
func eachFile(fs vfs.FS, dir string, fn func(name string, data []byte) error) error {
	names, err := fs.List(dir)
	if err != nil {
		return err
	}
	for _, n := range names {
		name := path.Join(dir, n)
		info, err := fs.Stat(name)
		if err != nil {
			return err
		}
		if info.IsDir() {
			err = eachFile(fs, name, fn)
		} else {
			var data []byte
			if data, err = readFile(fs, name); err == nil {
				err = fn(name, data)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func readFile(fs vfs.FS, name string) ([]byte, error) {
	f, err := fs.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	data := make([]byte, info.Size())
	if len(data) > 0 {
		_, err = f.ReadAt(data, 0)
	}
	return data, errors.Join(err, f.Close())
}

func writeFile(fs vfs.FS, name string, data []byte) error {
	f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}
