package engine

import (
	"math"
	"slices"
	"sync"

	"streamdb/catalog"
	"streamdb/executor/op"
	"streamdb/storage"
	"streamdb/stream"
)

// writers knows the keys that were written lately, for first-committer-wins. Its
// epochs are the numbers of commits and of snapshots: those of the islands say
// nothing about what a snapshot of all tables holds.
type writers struct {
	mu     sync.Mutex
	active map[*txn]stream.Epoch   // its snapshot
	last   map[string]*writtenKeys // table id + row key -> who wrote it last
	log    []*writtenKeys          // in order of their barriers
	bulks  []*writtenKeys          // those of the log that wrote in bulk
	kept   int                     // of log, when it was last gone through
}

// writtenKeys is what one transaction wrote.
type writtenKeys struct {
	commit  stream.Epoch // that holds it, or would have; 0: not known yet
	entered bool         // it is in the log
	keys    []string
	bulk    map[storage.TableID]*op.ByteMap // keys that were written in bulk: they are not in last
}

// in reports whether snapshots of that number hold what was written.
func (k *writtenKeys) in(snapshot stream.Epoch) bool { return k.commit != 0 && k.commit <= snapshot }

func newWriters() *writers {
	return &writers{active: map[*txn]stream.Epoch{}, last: map[string]*writtenKeys{}}
}

// enter notes that a transaction begins, whatever it will read: of what others wrote
// nothing may be forgotten between the snapshot and reads.
func (w *writers) enter(t *txn) { w.reads(t, 0) }

// reads notes the snapshot of a transaction that entered.
func (w *writers) reads(t *txn, snapshot stream.Epoch) {
	w.mu.Lock()
	w.active[t] = snapshot
	w.mu.Unlock()
}

func (w *writers) leave(t *txn) {
	durable := t.db.store.Durable() // who comes may read that, or later
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.active, t)
	if len(w.log) > 64 && len(w.log) <= 2*w.kept { // while many stay: not each time
		return
	}
	// What every open transaction's snapshot contains can no longer conflict.
	oldest := durable
	for _, e := range w.active {
		oldest = min(oldest, e)
	}
	w.log = slices.DeleteFunc(w.log, func(k *writtenKeys) bool {
		if !k.in(oldest) {
			return false
		}
		for _, key := range k.keys {
			if w.last[key] == k {
				delete(w.last, key)
			}
		}
		return true
	})
	w.bulks = slices.DeleteFunc(w.bulks, func(k *writtenKeys) bool { return k.in(oldest) })
	w.kept = len(w.log)
}

func trackedKey(table storage.TableID, key string) string {
	return string([]byte{byte(table >> 24), byte(table >> 16), byte(table >> 8), byte(table)}) + key
}

// untracked is the inverse of trackedKey.
func untracked(k string) (storage.TableID, string) {
	return storage.TableID(k[0])<<24 | storage.TableID(k[1])<<16 | storage.TableID(k[2])<<8 | storage.TableID(k[3]), k[4:]
}

// oldest is the oldest snapshot that an open transaction reads.
func (w *writers) oldest() stream.Epoch {
	w.mu.Lock()
	defer w.mu.Unlock()
	oldest := stream.Epoch(math.MaxUint64)
	for _, e := range w.active {
		oldest = min(oldest, e)
	}
	return oldest
}

// conflict reports whether any key of a change was written after the snapshot.
func (w *writers) conflict(table storage.TableID, c tableChange, snapshot stream.Epoch) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.log) == 0 {
		return false
	}
	if c.bulk != nil {
		return w.bulkConflict(table, c.bulk, snapshot)
	}
	for _, k := range c.keys {
		if by := w.last[trackedKey(table, k)]; by != nil && !by.in(snapshot) {
			return true
		}
	}
	for _, by := range w.bulks {
		written := by.bulk[table]
		if written == nil || by.in(snapshot) {
			continue
		}
		for _, k := range c.keys {
			if written.Find([]byte(k)) >= 0 {
				return true
			}
		}
	}
	return false
}

// bulkConflict is conflict of keys that are written in bulk.
func (w *writers) bulkConflict(table storage.TableID, keys *op.ByteMap, snapshot stream.Epoch) bool {
	for _, by := range w.log {
		if by.in(snapshot) {
			continue
		}
		for _, k := range by.keys {
			if t, key := untracked(k); t == table && keys.Find([]byte(key)) >= 0 {
				return true
			}
		}
		few, many := by.bulk[table], keys
		if few == nil {
			continue
		}
		if few.Len() > many.Len() {
			few, many = many, few
		}
		for id := range few.Len() {
			if many.Find(few.Key(int32(id))) >= 0 {
				return true
			}
		}
	}
	return false
}

// record notes the keys of a change, at the barrier of its epoch.
func (w *writers) record(table storage.TableID, c tableChange, by *writtenKeys) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.bulk != nil {
		if by.bulk == nil {
			by.bulk = map[storage.TableID]*op.ByteMap{}
			w.bulks = append(w.bulks, by)
		}
		by.bulk[table] = c.bulk
	}
	for _, k := range c.keys {
		k = trackedKey(table, k)
		by.keys = append(by.keys, k)
		w.last[k] = by
	}
	if !by.entered {
		by.entered = true
		w.log = append(w.log, by)
	}
}

// commits notes the number of the commit that is to hold what was written. A
// transaction whose job failed changed nothing: those with older snapshots do
// better to look again.
func (w *writers) commits(by *writtenKeys, commit stream.Epoch) {
	w.mu.Lock()
	by.commit = max(commit, 1)
	w.mu.Unlock()
}

// changed reports whether a row that was read has been written after the snapshot.
func (w *writers) changed(reads map[storage.TableID]*tableReads, snapshot stream.Epoch) bool {
	if len(reads) == 0 {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, by := range w.log {
		if by.in(snapshot) {
			continue
		}
		for _, k := range by.keys {
			table, key := untracked(k)
			if x := reads[table]; x != nil && x.covers(key) {
				return true
			}
		}
		for table, keys := range by.bulk {
			if x := reads[table]; x != nil && x.coversAny(keys) {
				return true
			}
		}
	}
	return false
}

// coversAny reports whether any of the keys has been read.
func (r *tableReads) coversAny(keys *op.ByteMap) bool {
	for id := range keys.Len() {
		if r.covers(string(keys.Key(int32(id)))) {
			return true
		}
	}
	return false
}

// readJobs are the jobs of the tables that a serializable transaction read: it has
// its barrier on their islands as well. Otherwise one that writes what it read, and
// comes later, might be committed before it, and be seen without it.
func (t *txn) readJobs(reads map[storage.TableID]*tableReads) (jobs []stream.JobID) {
	for _, o := range t.cat.Objects() {
		if o.Kind == catalog.Table && o.Rows != nil && reads[o.Rows.Table.ID] != nil {
			jobs = append(jobs, stream.JobID(o.ID))
		}
	}
	return jobs
}
