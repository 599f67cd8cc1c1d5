package storage

import (
	"errors"
	"io"

	"github.com/cockroachdb/pebble/v2/record"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/wal"
)

// endLog makes the newest log end with its last whole record, as a power cut may
// have left half of another one behind it. Pebble passes over that half as long
// as the log is the newest; but it makes a newer one before all of the old one is
// flushed (a batch that is large for a memtable waits), and when it then has to be
// opened once more, calls the half record of the older log corruption.
//
// What is behind the half record and shows that it was whole once is corruption
// indeed: then the log stays as it is, and Pebble says so.
func (s *Store) endLog() (err error) {
	defer func() {
		if err != nil {
			err = storeError(err, "could not read the log in %q", s.opts.Dir)
		}
	}()
	logs, err := wal.Scan(wal.Dir{FS: s.fs, Dirname: s.opts.Dir})
	if err != nil || len(logs) == 0 {
		return err
	}
	newest := logs[len(logs)-1]
	r := newest.OpenForRead()
	for {
		_, at, err := r.NextRecord()
		switch {
		case err == nil:
			continue
		case !errors.Is(err, record.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || newest.NumSegments() != 1:
			return r.Close()
		}
		if err := r.Close(); err != nil {
			return err
		}
		_, path := newest.SegmentLocation(0)
		s.log.Info("the log ends in the middle of a record", "file", path, "at", at.Physical)
		return s.shorten(path, at.Physical)
	}
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
