package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"

	"github.com/cockroachdb/pebble/v2/objstorage/objstorageprovider"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// sstBytes is the size of keys and values at which the next table file begins.
const sstBytes = 32 << 20

// ingestDir is where table files are built before Pebble takes them over.
func (s *Store) ingestDir() string { return s.fs.PathJoin(s.opts.Dir, "ingest") }

// clearIngestDir removes what a crash left half built.
func (s *Store) clearIngestDir() error {
	dir := s.ingestDir()
	names, err := s.fs.List(dir)
	if err == nil {
		for _, name := range names {
			err = errors.Join(err, s.fs.Remove(s.fs.PathJoin(dir, name)))
		}
	} else if errors.Is(err, os.ErrNotExist) {
		err = s.fs.MkdirAll(dir, 0o700)
	}
	if err != nil {
		return storeError(err, "could not prepare %q", dir)
	}
	return nil
}

// commitIngest writes a large epoch as sorted table files that Pebble takes over
// in one atomic, durable step, without passing through the log. The manifest key
// is among them: every epoch that is still in the log wrote it too, so Pebble
// finds an overlap and orders the files behind all of the log, synced first.
// Without it, a later epoch could survive a crash that an earlier one did not.
func (s *Store) commitIngest(req CommitReq, manifest []KV, deltas []sortedDelta) (err error) {
	w := &sstWriter{s: s}
	defer func() {
		if err != nil {
			w.abort()
			err = storeError(err, "could not commit epoch %d", req.Epoch)
		}
	}()
	for _, kv := range manifest {
		if err := w.set(kv.Key, kv.Value); err != nil {
			return err
		}
	}
	for _, c := range metaChanges(req.Meta) {
		if err := w.write(c); err != nil {
			return err
		}
	}
	deltas = slices.DeleteFunc(slices.Clone(deltas), func(d sortedDelta) bool { return len(d.sorted) == 0 })
	if len(req.Drop) == 0 && disjoint(deltas) {
		least := spanBytes
		if s.opts.IngestBytes > 0 {
			least = s.opts.IngestBytes
		}
		err = w.writeSpans(cutSpans(deltas, runtime.GOMAXPROCS(0), least))
	} else {
		err = w.mergeAll(deltas, req.Drop)
	}
	if err != nil {
		return err
	}
	return s.db.Ingest(context.Background(), w.paths)
}

// mergeAll writes all changes, and the ends of tables, in order of key and ends.
func (x *sstWriter) mergeAll(deltas []sortedDelta, drops []TableID) error {
	drops = slices.Clone(drops)
	slices.Sort(drops)
	drops = slices.Compact(drops)
	err := mergeDeltas(deltas, func(c change) error {
		for len(drops) > 0 && bytes.Compare(AppendKey(nil, drops[0], 0, nil), c.key) <= 0 {
			if err := x.drop(drops[0]); err != nil {
				return err
			}
			drops = drops[1:]
		}
		return x.write(c)
	})
	if err != nil {
		return err
	}
	for _, t := range drops {
		if err := x.drop(t); err != nil {
			return err
		}
	}
	return x.finish()
}

// metaChanges orders meta entries by key, the last of each.
func metaChanges(meta []KV) []change {
	out := make([]change, 0, len(meta))
	for _, kv := range meta {
		out = append(out, change{AppendKey(nil, metaTable, 0, kv.Key), kv.Value})
	}
	slices.SortStableFunc(out, func(a, b change) int { return bytes.Compare(a.key, b.key) })
	n := 0
	for i := range out {
		if i+1 == len(out) || !bytes.Equal(out[i].key, out[i+1].key) {
			out[n] = out[i]
			n++
		}
	}
	return out[:n]
}

// mergeDeltas calls fn for every change in order of key. Deltas of one table
// belong to different vnodes as a rule, so that they follow one another; where
// ranges do overlap, keys are merged, and a later epoch or position wins.
func mergeDeltas(deltas []sortedDelta, fn func(change) error) error {
	var queue []sortedDelta
	for _, d := range deltas {
		if len(d.sorted) > 0 {
			queue = append(queue, d)
		}
	}
	slices.SortStableFunc(queue, func(a, b sortedDelta) int { return bytes.Compare(a.first(), b.first()) })
	for len(queue) > 0 {
		d := &queue[0]
		if len(queue) > 1 && bytes.Compare(d.last(), queue[1].first()) >= 0 {
			return mergeOverlapping(queue, fn)
		}
		if err := eachChange(d.sorted, d.arena, fn); err != nil {
			return err
		}
		queue = queue[1:]
	}
	return nil
}

// mergeOverlapping is the general case: pick the smallest key each time.
func mergeOverlapping(queue []sortedDelta, fn func(change) error) error {
	for {
		best := -1
		for i := range queue {
			if len(queue[i].sorted) > 0 && (best < 0 || bytes.Compare(queue[i].first(), queue[best].first()) <= 0) {
				best = i
			}
		}
		if best < 0 {
			return nil
		}
		d := &queue[best]
		key, value := d.first(), d.sorted[0].value(d.arena)
		for i := range queue {
			if q := &queue[i]; len(q.sorted) > 0 && bytes.Equal(q.first(), key) {
				q.sorted = q.sorted[1:]
			}
		}
		if err := fn(change{key, value}); err != nil {
			return err
		}
	}
}

func (d *sortedDelta) first() []byte { return d.sorted[0].key(d.arena) }
func (d *sortedDelta) last() []byte  { return d.sorted[len(d.sorted)-1].key(d.arena) }

// sstWriter writes changes in order of key into as many table files as needed.
type sstWriter struct {
	s     *Store
	w     *sstable.Writer
	bytes int
	paths []string
}

func (x *sstWriter) open() error {
	if x.w != nil && x.bytes < sstBytes {
		return nil
	}
	if err := x.finish(); err != nil {
		return err
	}
	path := x.s.fs.PathJoin(x.s.ingestDir(), fmt.Sprintf("%06d.sst", x.s.sstSeq.Add(1)))
	f, err := x.s.fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	x.paths = append(x.paths, path)
	// The writer owns f: it syncs and closes it.
	x.w = sstable.NewWriter(objstorageprovider.NewFileWritable(f), x.s.popts.MakeWriterOptions(0, x.s.db.TableFormat()))
	x.bytes = 0
	return nil
}

func (x *sstWriter) write(c change) error {
	if c.value == nil {
		if err := x.open(); err != nil {
			return err
		}
		x.bytes += len(c.key)
		return x.w.Delete(c.key)
	}
	return x.set(c.key, c.value)
}

func (x *sstWriter) set(key, value []byte) error {
	if err := x.open(); err != nil {
		return err
	}
	x.bytes += len(key) + len(value)
	return x.w.Set(key, value)
}

func (x *sstWriter) drop(t TableID) error {
	if err := x.open(); err != nil {
		return err
	}
	from, to := tableBounds(t)
	return x.w.DeleteRange(from, to)
}

func (x *sstWriter) finish() error {
	if x.w == nil {
		return nil
	}
	err := x.w.Close()
	x.w = nil
	return err
}

// abort removes what was built.
func (x *sstWriter) abort() {
	x.finish() // its error is not the first one
	for _, path := range x.paths {
		if err := x.s.fs.Remove(path); err != nil {
			x.s.log.Warn("could not remove a table file", "path", path, "err", err)
		}
	}
}
