package storage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"streamdb/internal/sqlerr"
	"streamdb/stream"
)

// A backup is a directory:
//
//	STREAMDB   what it is a backup of; its last line, "finished", is there when all is
//	data/      the files of a store that was closed at one epoch
//
// STREAMDB is written at the beginning without that line, so that a backup that
// was interrupted is no backup, and no data directory either.

// backupLayout is the version of this form.
const backupLayout = 1

const (
	backupHead    = "streamdb backup "
	restoreHead   = "streamdb restore unfinished\n"
	backupEnd     = "finished\n"
	backupDataDir = "data"
)

// BackupInfo says what a backup holds.
type BackupInfo struct {
	Epoch stream.Epoch
	Time  time.Time // of the epoch
	Files int
	Bytes int64
	Held  time.Duration // for how long no epoch could be committed
}

// stagingDir is where a backup is put together, on the disk of the store.
func (s *Store) stagingDir() string { return s.fs.PathJoin(s.opts.Dir, "backup") }

// Backup makes a backup of the last visible epoch in dir, which is made, or is
// empty (58P02). Epochs go on meanwhile: they are held up only while the files of
// the store are linked into its own directory. Behind that they are linked, or,
// to another disk, copied to dir. Everything is on disk when it returns. One
// backup runs at a time (55006).
func (s *Store) Backup(ctx context.Context, dir string) (info BackupInfo, err error) {
	if !s.backingUp.CompareAndSwap(false, true) {
		return info, sqlerr.New(sqlerr.ObjectInUse, "another backup is running")
	}
	defer s.backingUp.Store(false)
	b := &backup{s: s, dir: dir}
	defer func() {
		err = errors.Join(err, s.clearStaging())
		if err != nil {
			b.remove()
		}
	}()
	if err := b.begin(); err != nil {
		return info, err
	}
	if err := b.stage(); err != nil {
		return info, err
	}
	if err := b.transfer(ctx); err != nil {
		return info, err
	}
	return b.info, b.finish()
}

func (s *Store) clearStaging() error {
	if err := s.fs.RemoveAll(s.stagingDir()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return storeError(err, "could not remove %q", s.stagingDir())
	}
	return nil
}

// backup is one run of Backup.
type backup struct {
	s     *Store
	dir   string
	made  bool // the directory did not exist
	text  strings.Builder
	info  BackupInfo
	began bool
}

// begin makes the directory and says in it that it is not finished.
func (b *backup) begin() error {
	fs := b.s.fs
	names, err := fs.List(b.dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		b.made = true
	case err != nil:
		return fileError(err, "could not read directory \"%s\"", b.dir)
	case len(names) > 0:
		return sqlerr.New(sqlerr.DuplicateFile, "directory \"%s\" exists but is not empty", b.dir)
	}
	if err := b.s.clearStaging(); err != nil {
		return err
	}
	b.began = true
	if err := makeDirs(fs, fs.PathJoin(b.dir, backupDataDir)); err != nil {
		return fileError(err, "could not create directory \"%s\"", b.dir)
	}
	fmt.Fprintf(&b.text, "%s%d\nstate format %d\n", backupHead, backupLayout, StateFormat)
	return b.mark()
}

// mark writes what the backup says of itself so far.
func (b *backup) mark() error {
	fs := b.s.fs
	path := fs.PathJoin(b.dir, formatFile)
	err := writeFile(fs, path+".tmp", []byte(b.text.String()))
	if err == nil {
		err = fs.Rename(path+".tmp", path)
	}
	if err == nil {
		err = syncDir(fs, b.dir)
	}
	if err != nil {
		return fileError(err, "could not write \"%s\"", path)
	}
	return nil
}

// stage links the files of the store, as they are at one epoch.
func (b *backup) stage() error {
	s := b.s
	s.commitMu.Lock()
	defer s.commitMu.Unlock()
	if s.isClosed() {
		return errClosed
	}
	began := time.Now()
	b.info.Epoch = s.Visible()
	defer s.marker.hold()()
	if err := s.db.Checkpoint(s.stagingDir(), pebble.WithFlushedWAL()); err != nil {
		return storeError(err, "could not put the backup together in \"%s\"", s.stagingDir())
	}
	m, err := s.Manifest()
	if err != nil {
		return err
	}
	b.info.Time = m.Time
	if m.Epoch != b.info.Epoch {
		return sqlerr.New(sqlerr.InternalError, "the backup of epoch %d holds epoch %d", b.info.Epoch, m.Epoch)
	}
	b.info.Held = time.Since(began)
	return nil
}

// transfer brings the linked files to the backup's directory.
func (b *backup) transfer(ctx context.Context) error {
	fs := b.s.fs
	names, err := fs.List(b.s.stagingDir())
	if err != nil {
		return storeError(err, "could not read \"%s\"", b.s.stagingDir())
	}
	fmt.Fprintf(&b.text, "epoch %d\ntime %s\n", b.info.Epoch, b.info.Time.UTC().Format(time.RFC3339Nano))
	data := fs.PathJoin(b.dir, backupDataDir)
	for _, name := range names {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		from, to := fs.PathJoin(b.s.stagingDir(), name), fs.PathJoin(data, name)
		if fs.Link(from, to) != nil { // another disk, or one without links
			if err := vfs.Copy(fs, from, to); err != nil {
				return fileError(err, "could not copy \"%s\" to \"%s\"", from, to)
			}
		}
		st, err := fs.Stat(to)
		if err != nil {
			return fileError(err, "could not read \"%s\"", to)
		}
		b.info.Files++
		b.info.Bytes += st.Size()
		fmt.Fprintf(&b.text, "file %d %s\n", st.Size(), name)
	}
	if err := syncDir(fs, data); err != nil {
		return fileError(err, "could not sync \"%s\"", data)
	}
	return nil
}

func (b *backup) finish() error {
	b.text.WriteString(backupEnd)
	return b.mark()
}

// remove takes back what a backup that failed has made.
func (b *backup) remove() {
	if !b.began {
		return
	}
	fs := b.s.fs
	for _, name := range []string{backupDataDir, formatFile, formatFile + ".tmp"} {
		if err := fs.RemoveAll(fs.PathJoin(b.dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			b.s.log.Warn("could not remove what a failed backup has left", "path", fs.PathJoin(b.dir, name), "err", err)
		}
	}
	if b.made {
		if err := fs.Remove(b.dir); err != nil && !errors.Is(err, os.ErrNotExist) {
			b.s.log.Warn("could not remove what a failed backup has left", "path", b.dir, "err", err)
		}
	}
}

// makeDirs makes a directory and those above it, durably.
func makeDirs(fs vfs.FS, dir string) error {
	var fresh []string
	for d := dir; ; d = fs.PathDir(d) {
		if _, err := fs.Stat(d); err == nil || fs.PathDir(d) == d {
			fresh = append(fresh, d)
			break
		}
		fresh = append(fresh, d)
	}
	if err := fs.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, d := range fresh {
		if err := syncDir(fs, d); err != nil {
			return err
		}
	}
	return nil
}

// fileError gives an error of a file that a user named the SQLSTATE that
// Postgres gives it (errcode_for_file_access in elog.c).
func fileError(err error, format string, args ...any) error {
	code := sqlerr.IOError
	switch {
	case vfs.IsNoSpaceError(err):
		code = sqlerr.DiskFull
	case errors.Is(err, os.ErrPermission) || errors.Is(err, syscall.EROFS):
		code = sqlerr.InsufficientPrivilege
	case errors.Is(err, os.ErrNotExist):
		code = sqlerr.UndefinedFile
	case errors.Is(err, os.ErrExist):
		code = sqlerr.DuplicateFile
	case errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.EISDIR):
		code = sqlerr.WrongObjectType
	}
	e := sqlerr.Wrap(code, err, format, args...)
	var pathErr *os.PathError
	if errors.As(err, &pathErr) {
		e.WithDetail("%v", pathErr.Err)
	}
	return e
}
