package storage

import (
	"errors"
	"runtime"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"golang.org/x/sync/errgroup"

	"streamdb/internal/sqlerr"
	"streamdb/stream"
)

// CommitReq is everything that an epoch changes.
type CommitReq struct {
	Epoch  stream.Epoch               // the number of the commit: above the visible one; gaps are allowed
	Time   time.Time                  // of the epoch, kept in the manifest; zero: that of the commit
	Of     stream.Epoch               // the epoch of the jobs that took part, in their own numbers
	Jobs   []*Progress                // of the jobs that took part: they get to Of
	Times  map[stream.JobID]time.Time // of all jobs whose rows depend on the time: see JobTime
	Deltas []*Delta                   // sealed; a table may have several, of disjoint keys
	Meta   []KV                       // later entries win over earlier ones of the same key
	Drop   []TableID                  // tables to remove with all their rows; deltas of them are ignored
	Sync   bool                       // return only when the epoch is durable
}

// CommitInfo is what a commit did.
type CommitInfo struct {
	Rows     int           // changed rows written, each key once
	Bytes    int           // their keys and values
	Sort     time.Duration // making late rows, sorting the deltas
	Write    time.Duration // building and applying the batch or the tables
	Sync     time.Duration // waiting for the disk, where it was waited for separately
	Stall    time.Duration // of Write, waiting for flushes and compactions
	Ingested bool          // written as sorted tables: durable at once
}

// change is one row to write. value nil: delete.
type change struct{ key, value []byte }

// sortedDelta is a delta ready to be written.
type sortedDelta struct {
	*Delta
	sorted []entry
}

// Commit writes an epoch in one atomic step and makes it visible. After an
// error nothing of it is visible and it may be tried again; the deltas stay as
// they are. (But for a failed Sync, after which Visible tells.) Only one Commit
// runs at a time.
func (s *Store) Commit(req CommitReq) (CommitInfo, error) {
	s.commitMu.Lock()
	defer s.commitMu.Unlock()
	var info CommitInfo
	if s.isClosed() {
		return info, errClosed
	}
	if req.Epoch <= s.Visible() {
		return info, sqlerr.New(sqlerr.InternalError, "commit of epoch %d, but epoch %d is visible already", req.Epoch, s.Visible())
	}
	start := time.Now()
	deltas, err := sortDeltas(req)
	if err != nil {
		return info, err
	}
	for _, d := range deltas {
		info.Rows += len(d.sorted)
		info.Bytes += d.bytes
	}
	sorted := time.Now()
	info.Sort = sorted.Sub(start)

	if req.Time.IsZero() {
		req.Time = start
	}
	manifest := []KV{{manifestKey, Manifest{Format: StateFormat, Epoch: req.Epoch, Time: req.Time}.encode()}}
	if len(req.Times) > 0 {
		manifest = append(manifest, KV{timesKey, encodeTimes(req.Epoch, req.Times)})
	}
	size := info.Bytes
	for _, kv := range req.Meta {
		size += len(kv.Key) + len(kv.Value)
	}
	stalled := s.pressure.waited()
	if rows := info.Rows + len(req.Meta); s.bypassesLog(rows, size) {
		info.Ingested = true
		err = s.commitIngest(req, manifest, deltas)
	} else {
		err = s.commitBatch(req, manifest, deltas, size+rows*batchRowBytes)
	}
	if err != nil {
		return info, err
	}
	info.Write = time.Since(sorted)
	info.Stall = s.pressure.waited() - stalled
	s.lookIfStale()

	s.publish(req.Epoch, info.Ingested, req)
	for _, d := range deltas {
		giveEntries(d.sorted)
	}
	for _, d := range req.Deltas {
		d.fate.Store(committed)
	}
	if req.Sync && !info.Ingested {
		applied := time.Now()
		if err := s.Sync(); err != nil {
			return info, err
		}
		info.Sync = time.Since(applied)
	}
	return info, nil
}

// memRowBytes is what Pebble reckons for a row in a memtable besides its key and
// value, at the most: a node of a skiplist.
const memRowBytes = 199

// bypassesLog reports whether an epoch is written as sorted tables. A batch that
// would fill half a memtable Pebble writes to the log, and then at once to a table,
// as it is: the table alone is cheaper.
func (s *Store) bypassesLog(rows, bytes int) bool {
	if s.opts.IngestBytes > 0 {
		return bytes >= s.opts.IngestBytes
	}
	return rows*memRowBytes+bytes >= int(s.opts.MemTableBytes/2)
}

func (s *Store) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// publish makes what was just written the current snapshot, and the progress of
// the jobs that it holds.
func (s *Store) publish(epoch stream.Epoch, durable bool, req CommitReq) {
	snap := newSharedSnapshot(s.db.NewSnapshot(), epoch)
	if durable {
		snap.retain()
	}
	s.mu.Lock()
	old := s.current
	s.current = snap
	s.visible.Store(uint64(epoch))
	for _, p := range req.Jobs {
		p.epoch.Store(uint64(req.Of))
	}
	s.mu.Unlock()
	old.release()
	if durable {
		s.setDurable(snap)
	}
}

// sortDeltas makes the late rows of each delta and sorts it by key, on as many cores as there are.
func sortDeltas(req CommitReq) ([]sortedDelta, error) {
	dropped := map[TableID]bool{}
	for _, t := range req.Drop {
		if t < FirstTableID {
			return nil, sqlerr.New(sqlerr.InternalError, "drop of the store's own table %d", t)
		}
		dropped[t] = true
	}
	deltas := make([]sortedDelta, 0, len(req.Deltas))
	for _, d := range req.Deltas {
		if d.fate.Load() != pending {
			return nil, sqlerr.New(sqlerr.InternalError, "delta of table %d, epoch %d was committed or discarded before", d.table, d.epoch)
		}
		if d.table < FirstTableID {
			return nil, sqlerr.New(sqlerr.InternalError, "delta of the store's own table %d", d.table)
		}
		if !dropped[d.table] {
			deltas = append(deltas, sortedDelta{Delta: d})
		}
	}
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range deltas {
		d := &deltas[i]
		prepare := func() error {
			if err := d.trySettle(); err != nil {
				return err
			}
			d.sorted = d.Delta.sorted()
			return nil
		}
		if d.Rows() >= 1000 {
			g.Go(prepare)
		} else if err := prepare(); err != nil {
			return nil, errors.Join(err, g.Wait())
		}
	}
	return deltas, g.Wait()
}

// batchRowBytes is what a batch needs for a row besides its key and value, at the
// most: a kind and two lengths.
const batchRowBytes = 1 + 2*5

// commitBatch writes a small epoch as one batch of about size bytes through the log.
func (s *Store) commitBatch(req CommitReq, manifest []KV, deltas []sortedDelta, size int) (err error) {
	b := s.db.NewBatchWithSize(size)
	for _, kv := range manifest {
		err = firstError(err, b.Set(kv.Key, kv.Value, nil))
	}
	err = firstError(err, setMeta(b, req.Meta))
	for _, t := range req.Drop {
		from, to := tableBounds(t)
		err = firstError(err, b.DeleteRange(from, to, nil))
	}
	for i := range deltas {
		err = firstError(err, eachChange(deltas[i].sorted, deltas[i].arena, func(c change) error {
			if c.value == nil {
				return b.Delete(c.key, nil)
			}
			return b.Set(c.key, c.value, nil)
		}))
	}
	if err == nil {
		err = s.db.Apply(b, pebble.NoSync)
	}
	if err != nil {
		return storeError(err, "could not commit epoch %d", req.Epoch)
	}
	if err := b.Close(); err != nil {
		return storeError(err, "could not commit epoch %d", req.Epoch)
	}
	return nil
}

func setMeta(b *pebble.Batch, entries []KV) (err error) {
	var key []byte
	for _, kv := range entries {
		key = AppendKey(key[:0], metaTable, 0, kv.Key)
		if kv.Value == nil {
			err = firstError(err, b.Delete(key, nil))
		} else {
			err = firstError(err, b.Set(key, kv.Value, nil))
		}
	}
	return err
}

// CommitMeta writes entries of the meta keyspace alone, durably, as one step
// between two epochs. All epochs that are visible become durable with them.
func (s *Store) CommitMeta(entries []KV) error {
	s.commitMu.Lock()
	defer s.commitMu.Unlock()
	if s.isClosed() {
		return errClosed
	}
	b := s.db.NewBatch()
	err := setMeta(b, entries)
	if err == nil {
		err = s.db.Apply(b, pebble.Sync)
	}
	if err == nil {
		err = b.Close()
	}
	if err != nil {
		return storeError(err, "could not commit a change of the catalog")
	}
	s.publish(s.Visible(), false, CommitReq{}) // the same epoch, with the new entries
	s.markLater()
	return nil
}

func firstError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}
