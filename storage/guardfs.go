package storage

import (
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// guardFS stands between Pebble and the filesystem.
//
// It syncs a directory before a marker file is made in it. Pebble makes a new
// MANIFEST and the marker that names it, and syncs the directory after both:
// where entries of a directory reach the disk in any order, a power cut may leave
// the marker without the MANIFEST, and the store cannot be opened again.
// (cockroachdb/pebble issue 5825, mended behind v2.1.7 in the same way.)
//
// And it ends the store (see Options.Fatal) when a log of its own cannot be made,
// written or synced, or its directory cannot be synced: nothing that comes after can be kept,
// a failed sync must not be tried again, and Pebble panics on its own goroutines.
//
// It also knows how much of the logs and the MANIFEST is on disk: see mark.
type guardFS struct {
	vfs.FS
	s *Store
}

// Unwrap is the filesystem below.
func (g guardFS) Unwrap() vfs.FS { return g.FS }

// Create makes a file.
func (g guardFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if strings.HasPrefix(g.PathBase(name), "marker.") {
		if err := syncDir(g, g.PathDir(name)); err != nil {
			return nil, err
		}
	}
	f, err := g.FS.Create(name, category)
	return g.journal(name, f, err)
}

// ReuseForWrite makes a file of an older one.
func (g guardFS) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := g.FS.ReuseForWrite(oldname, newname, category)
	return g.journal(newname, f, err)
}

// own reports whether a path is the store's directory; backups have others.
func (g guardFS) own(dir string) bool {
	return dir == g.s.opts.Dir || dir == g.PathDir(g.PathJoin(g.s.opts.Dir, "x"))
}

// journal watches a file that is a log or a MANIFEST.
func (g guardFS) journal(name string, f vfs.File, err error) (vfs.File, error) {
	n, isLog, ok := journalNumber(g.PathBase(name))
	switch {
	case !ok || !g.own(g.PathDir(name)):
		return f, err
	case err == nil:
		return &guardFile{File: f, s: g.s, name: name, fatal: isLog, isLog: isLog, num: n}, nil
	case isLog && g.s.isOpen.Load(): // before, Open returns the error
		g.s.fatal(fmt.Sprintf("could not make %s: %v", name, err))
	}
	return f, err
}

// OpenDir opens a directory for syncs.
func (g guardFS) OpenDir(name string) (vfs.File, error) {
	f, err := g.FS.OpenDir(name)
	if err != nil || !g.own(name) {
		return f, err
	}
	return &guardFile{File: f, s: g.s, name: name, fatal: true, dir: true}, nil
}

// guardFile is a log, a MANIFEST or a directory.
type guardFile struct {
	vfs.File
	s          *Store
	name       string
	fatal, dir bool
	isLog      bool
	num        uint64 // of the log or MANIFEST
	written    atomic.Uint64
}

func (f *guardFile) must(err error) error {
	if err != nil && f.fatal && (f.dir || f.s.isOpen.Load()) {
		f.s.fatal(fmt.Sprintf("could not write %s: %v", f.name, err))
	}
	return err
}

func (f *guardFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	f.written.Add(uint64(n))
	return n, f.must(err)
}

func (f *guardFile) Sync() error     { return f.synced(f.File.Sync) }
func (f *guardFile) SyncData() error { return f.synced(f.File.SyncData) }

// synced syncs, and notes for the next mark what is on disk then.
func (f *guardFile) synced(sync func() error) error {
	written := f.written.Load()
	err := f.must(sync())
	if err == nil && !f.dir {
		f.s.marker.synced(f.num, f.isLog, written)
	}
	return err
}

func (f *guardFile) SyncTo(length int64) (bool, error) {
	full, err := f.File.SyncTo(length)
	return full, f.must(err)
}

// fatal is the end of the store.
func (s *Store) fatal(msg string) {
	s.log.Error("storage cannot go on", "err", msg)
	if s.opts.Fatal != nil {
		s.opts.Fatal(msg)
		return
	}
	panic("storage: " + msg)
}
