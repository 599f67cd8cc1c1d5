package storage

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"streamdb/internal/sqlerr"
	"streamdb/stream"
)

// backupEpoch changes some rows of the tables 20 and 21; large: so many that the
// epoch is ingested.
func backupEpoch(t *testing.T, s *Store, tables []StateTable, epoch stream.Epoch, large bool) {
	n := 5
	if large {
		n = 400
	}
	req := CommitReq{Epoch: epoch, Meta: []KV{{[]byte("epoch"), fmt.Append(nil, epoch)}}}
	for _, table := range tables {
		for i := range n {
			table.Put(VNode(i), fmt.Appendf(nil, "k%03d", (int(epoch)*7+i)%600), fmt.Appendf(nil, "%d-%d", epoch, i))
		}
		req.Deltas = append(req.Deltas, table.Seal(epoch))
	}
	if _, err := s.Commit(req); err != nil {
		t.Error(err)
	}
}

// TestBackupIsOneEpoch makes backups while epochs are committed, through the log
// and as table files. Each holds exactly the state of the epoch that it names.
func TestBackupIsOneEpoch(t *testing.T) {
	fs := vfs.NewMem()
	s := open(t, fs, func(o *Options) { o.IngestBytes = 8_000 })
	tables := []StateTable{s.OpenTable(TableDef{ID: 20}, AllVNodes), s.OpenTable(TableDef{ID: 21}, AllVNodes)}
	var states sync.Map // epoch -> state
	stop, done := make(chan struct{}), make(chan struct{})
	var last atomic.Uint64
	go func() {
		defer close(done)
		for epoch := stream.Epoch(1); ; epoch++ {
			select {
			case <-stop:
				return
			default:
			}
			backupEpoch(t, s, tables, epoch, epoch%4 == 0)
			states.Store(epoch, wholeState(t, s))
			last.Store(uint64(epoch))
		}
	}()
	for last.Load() < 3 {
	}
	var infos []BackupInfo
	for i := range 12 {
		before := stream.Epoch(last.Load())
		info, err := s.Backup(t.Context(), fmt.Sprintf("backups/%d", i))
		if err != nil {
			t.Fatal(err)
		}
		if info.Epoch < before || info.Files < 3 || info.Bytes == 0 {
			t.Errorf("%+v, begun after epoch %d", info, before)
		}
		infos = append(infos, info)
	}
	close(stop)
	<-done
	for _, table := range tables {
		table.Close()
	}
	closeStore(t, s)
	for i, want := range infos {
		from, to := fmt.Sprintf("backups/%d", i), fmt.Sprintf("restored/%d", i)
		before := contents(t, fs, from+"/data")
		got, err := Restore(t.Context(), fs, from, to)
		if err != nil || got.Epoch != want.Epoch || got.Files != want.Files || got.Bytes != want.Bytes {
			t.Fatalf("restored %+v of %+v, %v", got, want, err)
		}
		r := open(t, fs, func(o *Options) { o.Dir = to })
		state, ok := states.Load(want.Epoch)
		if !ok || wholeState(t, r) != state {
			t.Errorf("backup %d: not the state of epoch %d", i, want.Epoch)
		}
		table := r.OpenTable(TableDef{ID: 20}, AllVNodes)
		backupEpoch(t, r, []StateTable{table}, want.Epoch+1, true) // it goes on
		table.Close()
		closeStore(t, r)
		sameFiles(t, before, contents(t, fs, from+"/data"))
	}
	if names, err := fs.List("db/backup"); err == nil {
		t.Errorf("left behind: %v", names)
	}
}

// TestBackupToFullDisk: a backup that does not fit fails alone, wherever it meets the
// end of the disk, and leaves nothing.
func TestBackupToFullDisk(t *testing.T) {
	var room atomic.Int64 // writes outside of the store's own files
	room.Store(1000)
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		elsewhere := strings.HasPrefix(op.Path, "backups") || strings.Contains(op.Path, "db/backup/")
		if op.Kind == errorfs.OpFileWrite && elsewhere && room.Add(-1) < 0 {
			return syscall.ENOSPC
		}
		return nil
	}))
	s := open(t, fs, func(o *Options) {
		o.Fatal = func(msg string) { t.Errorf("the store ends: %s", msg) }
	})
	tables := []StateTable{s.OpenTable(TableDef{ID: 20}, AllVNodes)}
	backupEpoch(t, s, tables, 1, false)
	for n := int64(0); ; n++ {
		room.Store(n)
		_, err := s.Backup(t.Context(), "backups/a")
		if room.Load() >= 0 && err == nil {
			t.Logf("a backup takes %d writes", n)
			break
		}
		if sqlerr.Code(err) != sqlerr.DiskFull {
			t.Errorf("with room for %d writes: %v", n, err)
		}
		for _, path := range []string{"backups/a", "db/backup"} {
			if _, err := fs.Stat(path); !errors.Is(err, os.ErrNotExist) {
				t.Fatalf("with room for %d writes: %s is left, %v", n, path, err)
			}
		}
		backupEpoch(t, s, tables, stream.Epoch(2+n), false)
	}
	tables[0].Close()
	closeStore(t, s)
}

func TestBackupRefusals(t *testing.T) {
	fs := vfs.NewMem()
	states := manyFiles(t, fs)
	s := open(t, fs)
	code := func(err error, want string) {
		t.Helper()
		if sqlerr.Code(err) != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, err := s.Backup(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	_, err := s.Backup(t.Context(), "b")
	code(err, sqlerr.DuplicateFile)
	s.backingUp.Store(true)
	_, err = s.Backup(t.Context(), "c")
	code(err, sqlerr.ObjectInUse)
	s.backingUp.Store(false)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = s.Backup(cancelled, "c"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := fs.Stat("c"); err == nil {
		t.Error("a cancelled backup has left something")
	}
	closeStore(t, s)

	_, err = Open(Options{Dir: "b", FS: fs})
	code(err, sqlerr.ObjectNotInPrerequisiteState)
	_, err = Restore(t.Context(), fs, "nothing", "r")
	code(err, sqlerr.UndefinedFile)
	_, err = Restore(t.Context(), fs, "db", "r")
	code(err, sqlerr.UndefinedFile)
	_, err = Restore(t.Context(), fs, "b", "db")
	code(err, sqlerr.DuplicateFile)

	// A damaged one: every file, at several places. Nothing is left of the restore.
	refused := 0
	for name, b := range contents(t, fs, "b/data") {
		for _, at := range []int{0, len(b) / 3, len(b) * 2 / 3, len(b) - 1} {
			if at < 0 || strings.HasPrefix(name, "OPTIONS") || strings.HasPrefix(name, "marker") {
				continue
			}
			flipByte(t, fs, "b/data/"+name, int64(at))
			_, err := Restore(t.Context(), fs, "b", "r")
			if err == nil { // a byte that says nothing
				r := open(t, fs, func(o *Options) { o.Dir = "r" })
				if got := wholeStateOf(t, r.Snapshot()); got != states[len(states)-1] {
					t.Errorf("%s at %d: restored to another state", name, at)
				}
				closeStore(t, r)
				if err := fs.RemoveAll("r"); err != nil {
					t.Fatal(err)
				}
			} else {
				refused++
				if _, err := fs.Stat("r"); err == nil {
					t.Errorf("%s at %d: a failed restore has left something", name, at)
				}
			}
			flipByte(t, fs, "b/data/"+name, int64(at))
		}
		if err := fs.Rename("b/data/"+name, "away"); err != nil {
			t.Fatal(err)
		}
		_, err := Restore(t.Context(), fs, "b", "r")
		code(err, sqlerr.DataCorrupted)
		if err := fs.Rename("away", "b/data/"+name); err != nil {
			t.Fatal(err)
		}
	}
	if refused < 8 {
		t.Errorf("%d refused", refused)
	}
	text := contents(t, fs, "b")[formatFile]
	for _, c := range []struct{ text, code string }{
		{strings.TrimSuffix(text, backupEnd), sqlerr.ObjectNotInPrerequisiteState},
		{strings.Replace(text, "backup 1", "backup 2", 1), sqlerr.FeatureNotSupported},
		{strings.Replace(text, fmt.Sprintf("format %d", StateFormat), fmt.Sprintf("format %d", StateFormat+1), 1), sqlerr.FeatureNotSupported},
		{strings.Replace(text, "epoch", "apoch", 1), sqlerr.DataCorrupted},
	} {
		if err := writeFile(fs, "b/"+formatFile, []byte(c.text)); err != nil {
			t.Fatal(err)
		}
		_, err := Restore(t.Context(), fs, "b", "r")
		code(err, c.code)
	}
}

// cutFS fails every change from some point on: what a process that is killed there
// would have done.
type cutFS struct {
	vfs.FS
	left *atomic.Int64 // changes that still succeed
}

var errCut = errors.New("the process is gone")

func (c cutFS) cut() error {
	if c.left.Add(-1) < 0 {
		return errCut
	}
	return nil
}

func (c cutFS) Create(name string, cat vfs.DiskWriteCategory) (vfs.File, error) {
	if err := c.cut(); err != nil {
		return nil, err
	}
	f, err := c.FS.Create(name, cat)
	return cutFile{f, c}, err
}

func (c cutFS) Link(from, to string) error {
	if err := c.cut(); err != nil {
		return err
	}
	return c.FS.Link(from, to)
}

func (c cutFS) Rename(from, to string) error {
	if err := c.cut(); err != nil {
		return err
	}
	return c.FS.Rename(from, to)
}

func (c cutFS) Remove(name string) error {
	if err := c.cut(); err != nil {
		return err
	}
	return c.FS.Remove(name)
}

func (c cutFS) RemoveAll(name string) error {
	if err := c.cut(); err != nil {
		return err
	}
	return c.FS.RemoveAll(name)
}

func (c cutFS) MkdirAll(dir string, perm os.FileMode) error {
	if err := c.cut(); err != nil {
		return err
	}
	return c.FS.MkdirAll(dir, perm)
}

type cutFile struct {
	vfs.File
	fs cutFS
}

func (f cutFile) Write(b []byte) (int, error) {
	if err := f.fs.cut(); err != nil {
		return 0, err
	}
	return f.File.Write(b)
}

func (f cutFile) Sync() error {
	if err := f.fs.cut(); err != nil {
		return err
	}
	return f.File.Sync()
}

// TestInterruptedBackup cuts a backup off at every change to the filesystem in
// turn, and with it the power. What is left is a whole backup or none, the
// database opens with all it had, and makes the next backup.
func TestInterruptedBackup(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	whole := false
	for point := int64(0); !whole; point++ {
		if point > 500 {
			t.Fatal("a backup has no end")
		}
		mem := vfs.NewCrashableMem()
		left := &atomic.Int64{}
		left.Store(1 << 40)
		// The process would have ended where a compaction cannot write the MANIFEST; with
		// -race Pebble panics when it lives on, as it does here.
		s := open(t, cutFS{mem, left}, func(o *Options) { o.IngestBytes, o.noCompactions, o.Fatal = 8_000, true, func(string) {} })
		tables := []StateTable{s.OpenTable(TableDef{ID: 20}, AllVNodes), s.OpenTable(TableDef{ID: 21}, AllVNodes)}
		for epoch := range stream.Epoch(5) {
			backupEpoch(t, s, tables, epoch+1, epoch%2 == 0)
		}
		for _, table := range tables {
			table.Close()
		}
		if err := s.Sync(); err != nil {
			t.Fatal(err)
		}
		want := wholeState(t, s)
		left.Store(point)
		_, err := s.Backup(t.Context(), "some/backup")
		cut := left.Load() < 0
		crashed := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(101), RNG: rng})
		left.Store(1 << 40)
		s.Close()
		if !cut && err != nil {
			t.Fatal(err)
		}
		whole = !cut
		info, err := Restore(t.Context(), crashed, "some/backup", "restored")
		switch {
		case err == nil:
			r := open(t, crashed, func(o *Options) { o.Dir = "restored" })
			if got := wholeState(t, r); got != want || info.Epoch != 5 {
				t.Errorf("cut at %d: restored to epoch %d with another state", point, info.Epoch)
			}
			closeStore(t, r)
		case whole:
			t.Errorf("a backup that was made cannot be restored: %v", err)
		default:
			if code := sqlerr.Code(err); code != sqlerr.UndefinedFile && code != sqlerr.ObjectNotInPrerequisiteState {
				t.Errorf("cut at %d: %v", point, err)
			}
			if _, err := crashed.Stat("restored"); err == nil {
				t.Errorf("cut at %d: a refused restore has left something", point)
			}
		}
		again := open(t, crashed)
		if got := wholeState(t, again); got != want {
			t.Errorf("cut at %d: the database has another state", point)
		}
		if _, err := crashed.Stat("db/backup"); err == nil {
			t.Errorf("cut at %d: staged files are left", point)
		}
		if _, err := again.Backup(t.Context(), "another/backup"); err != nil {
			t.Errorf("cut at %d: %v", point, err)
		}
		closeStore(t, again)
		if t.Failed() {
			return
		}
		if whole {
			t.Logf("%d changes to the filesystem", point)
		}
	}
}
