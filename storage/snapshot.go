package storage

import (
	"bytes"
	"errors"
	"slices"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"streamdb/stream"
)

// sharedSnapshot is the one Pebble snapshot of an epoch, shared by its readers.
type sharedSnapshot struct {
	snap  *pebble.Snapshot
	epoch stream.Epoch
	refs  atomic.Int32
}

func newSharedSnapshot(snap *pebble.Snapshot, epoch stream.Epoch) *sharedSnapshot {
	sh := &sharedSnapshot{snap: snap, epoch: epoch}
	sh.refs.Store(1)
	return sh
}

// retain needs a reference that cannot vanish meanwhile: the caller's own, or
// the store's under its lock.
func (sh *sharedSnapshot) retain() *sharedSnapshot {
	sh.refs.Add(1)
	return sh
}

func (sh *sharedSnapshot) release() error {
	if sh.refs.Add(-1) == 0 {
		return sh.snap.Close()
	}
	return nil
}

// snapshot is one reader's handle.
type snapshot struct {
	*sharedSnapshot
	closed atomic.Bool
}

// Snapshot returns the latest visible epoch. It is cheap: all readers of an
// epoch share one snapshot. Close it.
func (s *Store) Snapshot() Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.snapshotLocked()
}

func (s *Store) snapshotLocked() Snapshot {
	if s.closed {
		panic("storage: Snapshot of a closed store")
	}
	return &snapshot{sharedSnapshot: s.current.retain()}
}

// DurableSnapshot returns the latest epoch that is durable, for sessions that
// set synchronous_visibility. Close it.
func (s *Store) DurableSnapshot() Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		panic("storage: DurableSnapshot of a closed store")
	}
	return &snapshot{sharedSnapshot: s.synced.retain()}
}

func (r *snapshot) Epoch() stream.Epoch { return r.epoch }

func (r *snapshot) Close() error {
	if r.closed.Swap(true) {
		return nil
	}
	if err := r.release(); err != nil {
		return storeError(err, "could not close a snapshot")
	}
	return nil
}

func (r *snapshot) Get(t TableID, v VNode, key []byte) ([]byte, error) {
	var buf [64]byte
	value, closer, err := r.snap.Get(AppendKey(buf[:0], t, v, key))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, storeError(err, "could not read table %d", t)
	}
	out := slices.Clone(value)
	if out == nil {
		out = []byte{}
	}
	if err := closer.Close(); err != nil {
		return nil, storeError(err, "could not read table %d", t)
	}
	return out, nil
}

func (r *snapshot) AnyOf(t TableID, keys [][]byte) (int, error) {
	lower, upper := tableBounds(t)
	it, err := r.snap.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return -1, storeError(err, "could not read table %d", t)
	}
	found := -1
	var at []byte // the stored key that is next to what was looked for last
	seek := bytes.Clone(lower)
	for i, key := range keys {
		if bytes.Compare(at, key) < 0 {
			seek = append(seek[:len(lower)], key...)
			if !it.SeekGE(seek) {
				break // there is nothing behind it
			}
			at = it.Key()[len(lower):]
		}
		if bytes.Equal(at, key) {
			found = i
			break
		}
	}
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return -1, storeError(err, "could not read table %d", t)
	}
	return found, nil
}

func (r *snapshot) Scan(t TableID, v VNode, from, to []byte, fn func(key, value []byte) (bool, error)) error {
	lower := AppendKey(nil, t, v, from)
	var upper []byte
	if to != nil {
		upper = AppendKey(nil, t, v, to)
	} else {
		upper = vnodeStart(t, int(v)+1)
	}
	return r.scan(t, lower, upper, func(k, value []byte) (bool, error) { return fn(k[keyHead:], value) })
}

func (r *snapshot) ScanTable(t TableID, fn func(v VNode, key, value []byte) (bool, error)) error {
	lower, upper := tableBounds(t)
	return r.scan(t, lower, upper, func(k, value []byte) (bool, error) { return fn(k[4], k[keyHead:], value) })
}

func (r *snapshot) scan(t TableID, lower, upper []byte, fn func(key, value []byte) (bool, error)) error {
	it, err := r.snap.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return storeError(err, "could not read table %d", t)
	}
	for valid := it.First(); valid; valid = it.Next() {
		value, err := it.ValueAndErr()
		if err != nil {
			break // the iterator reports it again
		}
		more, err := fn(it.Key(), value)
		if err != nil {
			return errors.Join(err, it.Close())
		}
		if !more {
			break
		}
	}
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return storeError(err, "could not read table %d", t)
	}
	return nil
}
