package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"streamdb/internal/sqlerr"
)

// backupFile is a file of a backup, as its list has it.
type backupFile struct {
	name string
	size int64
}

// readBackup reads what a backup says of itself: 58P01 where there is none, 55000
// where it was not finished, 0A000 where a newer version made it.
func readBackup(fs vfs.FS, dir string) (info BackupInfo, format int, files []backupFile, err error) {
	path := fs.PathJoin(dir, formatFile)
	f, err := fs.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return info, 0, nil, sqlerr.New(sqlerr.UndefinedFile, "there is no backup in %q", dir)
	}
	if err != nil {
		return info, 0, nil, fileError(err, "could not read %q", path)
	}
	b, err := io.ReadAll(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return info, 0, nil, fileError(err, "could not read %q", path)
	}
	layout, text, at := 0, string(b), ""
	if n, _ := fmt.Sscanf(text, backupHead+"%d\nstate format %d\n", &layout, &format); n < 1 {
		return info, 0, nil, sqlerr.New(sqlerr.UndefinedFile, "%q is no backup", dir)
	}
	switch {
	case layout > backupLayout:
		return info, 0, nil, sqlerr.Newer("the backup was made by a newer version: backup format %d, this version knows up to %d", layout, backupLayout)
	case format > StateFormat:
		return info, 0, nil, errNewerFormat(format)
	case !strings.HasSuffix(text, "\n"+backupEnd):
		return info, 0, nil, sqlerr.New(sqlerr.ObjectNotInPrerequisiteState, "the backup in %q was not finished", dir).
			WithHint("It was interrupted, and holds only a part of the files. Make another one.")
	}
	damaged := sqlerr.New(sqlerr.DataCorrupted, "the file %q is damaged", path)
	lines := strings.Split(strings.TrimSuffix(text, backupEnd), "\n")
	if len(lines) < 5 {
		return info, 0, nil, damaged
	}
	if _, err := fmt.Sscanf(lines[2]+"\n"+lines[3], "epoch %d\ntime %s", &info.Epoch, &at); err != nil {
		return info, 0, nil, damaged
	}
	if info.Time, err = time.Parse(time.RFC3339Nano, at); err != nil {
		return info, 0, nil, damaged
	}
	for _, line := range lines[4 : len(lines)-1] {
		var x backupFile
		if _, err := fmt.Sscanf(line, "file %d %s", &x.size, &x.name); err != nil {
			return info, 0, nil, damaged
		}
		files = append(files, x)
		info.Files++
		info.Bytes += x.size
	}
	return info, format, files, nil
}

// Restore makes a data directory of a backup. Directory to is made, or is empty
// (58P02). The files are copied, so that the backup stays as it is, and every
// block of the copies is compared with its checksum. After an error there is
// nothing in to. An interrupted restore leaves a directory that no server opens.
func Restore(ctx context.Context, fs FS, from, to string) (info BackupInfo, err error) {
	if fs == nil {
		fs = vfs.Default
	}
	info, format, files, err := readBackup(fs, from)
	if err != nil {
		return info, err
	}
	names, err := fs.List(to)
	switch {
	case err == nil && len(names) > 0:
		return info, sqlerr.New(sqlerr.DuplicateFile, "directory %q exists but is not empty", to)
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return info, fileError(err, "could not read directory %q", to)
	}
	made := err != nil
	if err := makeDirs(fs, to); err != nil {
		return info, fileError(err, "could not create directory %q", to)
	}
	defer func() {
		if err == nil {
			return
		}
		left, listErr := fs.List(to)
		err = errors.Join(err, listErr)
		for _, name := range left {
			err = errors.Join(err, fs.RemoveAll(fs.PathJoin(to, name)))
		}
		if made {
			err = errors.Join(err, fs.Remove(to))
		}
	}()
	if err := writeFile(fs, fs.PathJoin(to, formatFile), []byte(restoreHead)); err != nil {
		return info, fileError(err, "could not write to %q", to)
	}
	for _, x := range files {
		if ctx.Err() != nil {
			return info, context.Cause(ctx)
		}
		if err := restoreFile(fs, fs.PathJoin(from, backupDataDir, x.name), fs.PathJoin(to, x.name), x.size); err != nil {
			return info, err
		}
	}
	if err := syncDir(fs, to); err != nil {
		return info, fileError(err, "could not sync %q", to)
	}
	if err := verifyRestored(ctx, fs, to, info); err != nil {
		return info, err
	}
	return info, writeFormat(fs, to, formatInfo{format, info.Epoch})
}

func restoreFile(fs vfs.FS, from, to string, size int64) error {
	st, err := fs.Stat(from)
	if errors.Is(err, os.ErrNotExist) {
		return sqlerr.New(sqlerr.DataCorrupted, "the file %q of the backup is missing", from)
	}
	if err != nil {
		return fileError(err, "could not read %q", from)
	}
	if st.Size() != size {
		return sqlerr.New(sqlerr.DataCorrupted, "the file %q of the backup is damaged: it has %d bytes instead of %d", from, st.Size(), size)
	}
	if err := vfs.Copy(fs, from, to); err != nil {
		return fileError(err, "could not copy %q to %q", from, to)
	}
	return nil
}

// verifyRestored opens what was copied and reads all of it.
func verifyRestored(ctx context.Context, fs vfs.FS, dir string, info BackupInfo) error {
	s, err := openReadOnly(Options{Dir: dir, FS: fs, CacheBytes: 16 << 20, restoring: true, Fatal: func(string) {}})
	if err != nil {
		return err
	}
	_, found, err := s.Verify(ctx)
	if err == nil && len(found) > 0 {
		err = sqlerr.Wrap(sqlerr.DataCorrupted, found[0].Err, "the file %q of the backup is damaged", fs.PathBase(found[0].File))
	}
	if err == nil && s.Visible() != info.Epoch {
		err = sqlerr.New(sqlerr.DataCorrupted, "the backup of epoch %d holds epoch %d: a file of its log is damaged", info.Epoch, s.Visible())
	}
	return errors.Join(err, s.Close())
}
