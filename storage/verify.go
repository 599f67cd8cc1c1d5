package storage

import (
	"context"
	"encoding/binary"
	"errors"
	"maps"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"

	"streamdb/internal/sqlerr"
)

// OpenReadOnly opens the store in o.Dir to look at it. No file of the directory
// is written, made or removed; what the log holds is replayed in memory. It
// takes the lock all the same, so that nobody writes meanwhile (55006 if
// somebody has it). A directory without a store is 58P01. Of the Store's methods
// those that write fail.
func OpenReadOnly(o Options) (*Store, error) { return openReadOnly(o) }

func openReadOnly(o Options) (*Store, error) {
	o.readOnly = true
	if o.FS == nil {
		o.FS = vfs.Default
	}
	desc, err := pebble.Peek(o.Dir, o.FS)
	switch {
	case errors.Is(err, os.ErrNotExist) || err == nil && !desc.Exists:
		return nil, sqlerr.New(sqlerr.UndefinedFile, "there is no database in %q", o.Dir)
	case err != nil:
		return nil, storeError(err, "could not read data directory %q", o.Dir)
	}
	return Open(o)
}

// Damage is a file that does not hold what was written to it.
type Damage struct {
	File string
	Err  error
}

// Verified is what Verify has looked at.
type Verified struct {
	Files int
	Bytes int64
	Rows  int64 // stored keys, of all levels
}

// Verify reads every table file of the store and compares each block with its
// checksum, then reads all levels and checks their order. It is for stores that
// nobody writes to: files that a compaction removes meanwhile would be missed.
func (s *Store) Verify(ctx context.Context) (Verified, []Damage, error) {
	var v Verified
	levels, err := s.db.SSTables()
	if err != nil {
		return v, nil, storeError(err, "could not list the table files")
	}
	files := map[string]bool{}
	for _, level := range levels {
		for _, t := range level {
			files[s.fs.PathJoin(s.opts.Dir, t.BackingSSTNum.String()+".sst")] = true
		}
	}
	var found []Damage
	for _, path := range slices.Sorted(maps.Keys(files)) {
		if ctx.Err() != nil {
			return v, found, context.Cause(ctx)
		}
		n, err := s.verifyFile(ctx, path)
		v.Files++
		v.Bytes += n
		if err != nil {
			found = append(found, Damage{path, err})
		}
	}
	if len(found) > 0 {
		return v, found, nil
	}
	var stats pebble.CheckLevelsStats
	if err := s.db.CheckLevels(&stats); err != nil {
		found = append(found, Damage{s.opts.Dir, err})
	}
	v.Rows = stats.NumPoints
	return v, found, nil
}

// VerifyFiles reads every table file in a directory, also those that are in use no
// more: for one that cannot be opened, to say which file it is.
func VerifyFiles(ctx context.Context, fs FS, dir string) (found []Damage, err error) {
	if fs == nil {
		fs = vfs.Default
	}
	s := &Store{opts: Options{Dir: dir}, fs: fs}
	s.popts = &pebble.Options{}
	s.popts.EnsureDefaults()
	names, err := fs.List(dir)
	if err != nil {
		return nil, storeError(err, "could not read data directory %q", dir)
	}
	for _, name := range names {
		if path := fs.PathJoin(dir, name); strings.HasSuffix(name, ".sst") {
			if _, err := s.verifyFile(ctx, path); err != nil {
				found = append(found, Damage{path, err})
			}
		}
	}
	return found, nil
}

func (s *Store) verifyFile(ctx context.Context, path string) (size int64, err error) {
	f, err := s.fs.Open(path)
	if err != nil {
		return 0, err
	}
	readable, err := sstable.NewSimpleReadable(f)
	if err != nil {
		return 0, errors.Join(err, f.Close())
	}
	size = readable.Size()
	r, err := sstable.NewReader(ctx, readable, s.popts.MakeReaderOptions()) // it owns readable, also after an error
	if err != nil {
		return size, err
	}
	return size, errors.Join(r.ValidateBlockChecksums(), r.Close())
}

// Tables lists the tables that hold rows, the store's own left out, by id.
func (s *Store) Tables() ([]TableID, error) {
	it, err := s.db.NewIter(nil)
	if err != nil {
		return nil, storeError(err, "could not read the store")
	}
	var out []TableID
	from, _ := tableBounds(FirstTableID)
	for ok := it.SeekGE(from); ok; {
		if len(it.Key()) < keyHead {
			return nil, errors.Join(sqlerr.New(sqlerr.DataCorrupted, "the key %x is too short for one of a table", it.Key()), it.Close())
		}
		t := TableID(binary.BigEndian.Uint32(it.Key()))
		out = append(out, t)
		if t == math.MaxUint32 {
			break
		}
		_, next := tableBounds(t)
		ok = it.SeekGE(next)
	}
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return nil, storeError(err, "could not read the store")
	}
	return out, nil
}
