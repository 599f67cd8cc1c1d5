package storage

import (
	"errors"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// endLog makes the newest log end with its last whole record, as a power cut may
// have left half of another one behind it (see checkJournals). Pebble passes over
// that half as long as the log is the newest; but it makes a newer one before all
// of the old one is flushed (a batch that is large for a memtable waits), and when
// it then has to be opened once more, calls the half record of the older log
// corruption.
func (s *Store) endLog(path string, at int64) error {
	s.log.Info("the log ends in the middle of a record", "file", path, "at", at)
	if err := s.shorten(path, at); err != nil {
		return storeError(err, "could not write %q", path)
	}
	return nil
}

// shorten leaves the first n bytes of a file, in one step that is durable.
func (s *Store) shorten(path string, n int64) error {
	in, err := s.fs.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	part := s.fs.PathJoin(s.ingestDir(), s.fs.PathBase(path))
	out, err := s.fs.Create(part, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, io.NewSectionReader(in, 0, n))
	if err := errors.Join(err, out.Sync(), out.Close()); err != nil {
		return err
	}
	if err := s.fs.Rename(part, path); err != nil {
		return err
	}
	return syncDir(s.fs, s.opts.Dir)
}
