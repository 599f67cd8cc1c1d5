package storage

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"streamdb/internal/sqlerr"
	"streamdb/stream"
)

// formatFile says, in a data directory, in which state format it is written, and,
// after it was closed in order, which epoch it holds:
//
//	streamdb 1
//	closed at epoch 1234
//	checksum 1c2d3e4f
//
// The first line is read before anything else is touched, so that an older version
// leaves a newer directory as it is. Directories of before this file have none:
// format 1. The second line finds a log that has lost its end: after a crash a
// damaged record looks the same as one that was half written, and is left out
// rightly; after Close nothing may be missing.
const formatFile = "STREAMDB"

// formatInfo is what a format file says; the zero value: there is none.
type formatInfo struct {
	format int
	closed stream.Epoch // 0: it was not closed in order, or is open
}

func readFormat(fs vfs.FS, dir string) (info formatInfo, err error) {
	path := fs.PathJoin(dir, formatFile)
	f, err := fs.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return info, nil
	}
	if err != nil {
		return info, storeError(err, "could not read %q", path)
	}
	b, err := io.ReadAll(io.LimitReader(f, 1<<10))
	if err := errors.Join(err, f.Close()); err != nil {
		return info, storeError(err, "could not read %q", path)
	}
	switch text := string(b); {
	case strings.HasPrefix(text, backupHead):
		return info, sqlerr.New(sqlerr.ObjectNotInPrerequisiteState, "%q is a backup, not a data directory", dir).
			WithHint("\"streamdb restore -from %s -data-dir DIR\" makes a data directory of it.", dir)
	case text == restoreHead:
		return info, sqlerr.New(sqlerr.ObjectNotInPrerequisiteState, "the restore into %q was not finished", dir).
			WithHint("Remove the directory and restore the backup again.")
	}
	text := string(b)
	if i := strings.LastIndex(text, "checksum "); i >= 0 {
		if text[i:] != formatSum(text[:i]) {
			return info, sqlerr.New(sqlerr.DataCorrupted, "the file %q is damaged", path)
		}
		text = text[:i]
	}
	n, err := fmt.Sscanf(text, "streamdb %d\nclosed at epoch %d\n", &info.format, &info.closed)
	switch {
	case info.format > StateFormat:
		return info, errNewerFormat(info.format)
	case n == 0 || info.format < 1 || text != info.lines():
		return info, sqlerr.Wrap(sqlerr.DataCorrupted, err, "the file %q does not say which state format the directory has", path)
	}
	return info, nil
}

func (i formatInfo) text() string {
	text := i.lines()
	return text + formatSum(text)
}

// formatSum is the last line, the CRC-32C of those before: a damaged digit must
// not look like another version. Files without it are of before it.
func formatSum(text string) string {
	return fmt.Sprintf("checksum %08x\n", crc32.Checksum([]byte(text), recordTable))
}

func (i formatInfo) lines() string {
	text := fmt.Sprintf("streamdb %d\n", i.format)
	if i.closed > 0 {
		text += fmt.Sprintf("closed at epoch %d\n", i.closed)
	}
	return text
}

// errNewerFormat refuses what a newer version wrote.
func errNewerFormat(found int) error {
	return sqlerr.Newer("the data directory was written by a newer version: state format %d, this version knows up to %d", found, StateFormat)
}

// writeFormat replaces the format file. It is there entirely or not at all, also
// after a crash.
func writeFormat(fs vfs.FS, dir string, info formatInfo) error {
	tmp, path := fs.PathJoin(dir, formatFile+".tmp"), fs.PathJoin(dir, formatFile)
	err := writeFile(fs, tmp, []byte(info.text()))
	if err == nil {
		err = fs.Rename(tmp, path)
	}
	if err == nil {
		err = syncDir(fs, dir)
	}
	if err != nil {
		return storeError(err, "could not write %q", path)
	}
	return nil
}

// beginWriting checks that a store that was closed in order still holds what it
// held then, and takes the mark of that away, before anything is written.
func (s *Store) beginWriting(info formatInfo, m Manifest) error {
	if info.closed > 0 && info.closed != m.Epoch {
		return sqlerr.New(sqlerr.DataCorrupted, "data directory %q was closed at epoch %d, but holds epoch %d", s.opts.Dir, info.closed, m.Epoch).
			WithDetail("A file of its log is damaged or missing: epochs that were durable are not there any more.").
			WithHint("\"streamdb restore\" makes a data directory of a backup. If the older epoch is good enough: delete the second line of the file %s.", formatFile)
	}
	if s.opts.readOnly || info == (formatInfo{format: StateFormat}) {
		return nil
	}
	return writeFormat(s.fs, s.opts.Dir, formatInfo{format: StateFormat})
}

// writeFile writes and syncs a file; its directory entry is not synced.
func writeFile(fs vfs.FS, path string, content []byte) error {
	f, err := fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncDir makes the names in a directory durable.
func syncDir(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
