package storage

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"streamdb/internal/sqlerr"
)

// lateRows are the changes of a delta that are known, but not written into its
// arena yet: an operator hands over what it has (columns, batches) at the barrier,
// and whoever needs the keys and values first makes them: as a rule the committer,
// while the task is in the next epoch already.
type lateRows struct {
	// waiting is the number of changes that are still to be made. Who reads 0 may
	// read entries and arena.
	waiting atomic.Int64
	mu      sync.Mutex // held while they are made
	parts   []func(LateWriter)
	set     VNodeSet // of the instance
}

// LateWriter takes the rows of a PutLater.
type LateWriter struct{ d *Delta }

// Put is StateTable.Put.
func (w LateWriter) Put(v VNode, key, value []byte) {
	w.own(v)
	w.d.append(v, key, value, uint32(len(value)))
}

// Delete is StateTable.Delete.
func (w LateWriter) Delete(v VNode, key []byte) {
	w.own(v)
	w.d.append(v, key, nil, tombstone)
}

func (w LateWriter) own(v VNode) {
	if set := w.d.late.set; !set.Contains(v) {
		panic(fmt.Sprintf("storage: late write to vnode %d of table %d, but the instance owns [%d, %d)", v, w.d.table, set.From, set.To))
	}
}

// PutLater implements StateTable.
func (t *stateTable) PutLater(rows int, write func(LateWriter)) {
	if rows == 0 {
		return
	}
	l := &t.cur.late
	l.parts, l.set = append(l.parts, write), t.set
	l.waiting.Add(int64(rows))
}

// settle makes the late rows of a delta. What has been made once stays.
func (d *Delta) settle() {
	l := &d.late
	if l.waiting.Load() == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting.Load() == 0 {
		return
	}
	d.entries = slices.Grow(d.entries, int(l.waiting.Load()))
	for len(l.parts) > 0 {
		l.parts[0](LateWriter{d})
		l.parts = l.parts[1:]
	}
	l.parts = nil
	l.waiting.Store(0)
}

// trySettle is settle for those who commit: a row that cannot be made is an error
// of theirs, not a panic on their goroutine.
func (d *Delta) trySettle() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = sqlerr.New(sqlerr.InternalError, "state of table %d, epoch %d cannot be written: %v", d.table, d.epoch, r)
		}
	}()
	d.settle()
	return nil
}
