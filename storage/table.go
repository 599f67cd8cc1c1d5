package storage

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"streamdb/stream"
)

// stateTable is the one StateTable: own writes in deltas, everything else in
// Pebble. A read asks, newest first: the delta of the current epoch, those
// sealed but not yet committed, the committed rows.
//
// Iterators over committed rows are kept from call to call. They see a fixed
// moment; that is right as long as all that was committed later by this
// instance is still in sealed, so they are dropped together with a delta.
type stateTable struct {
	s      *Store
	def    TableDef
	set    VNodeSet
	cur    *Delta
	sealed []*Delta // oldest first

	points *pebble.Iterator // for Get and MultiGet; nil until needed
	ranges *pebble.Iterator // for Scan; nil until needed
	gen    int              // counts the times iterators were dropped

	spareEntries []entry // of a committed delta, to be used again

	empty emptiness
	key   []byte // scratch: a full key
	order []int32
}

// emptiness says what is known about the committed rows of the instance's vnodes.
type emptiness uint8

const (
	unknown emptiness = iota
	isEmpty
	notEmpty
)

// keepEntries is the number of entries that are kept for the next epoch, at the most.
const keepEntries = 4 << 20 / entryBytes

// reusable is the memory of a committed delta's entries, if it is worth keeping: not
// after an epoch that needed little of it.
func reusable(old []entry) []entry {
	if cap(old) > keepEntries || len(old) < cap(old)/4 {
		return nil
	}
	return old[:0]
}

// OpenTable opens an instance's view of a state table. The vnodes of instances
// that are open at the same time must not overlap: each row has one writer.
func (s *Store) OpenTable(def TableDef, vnodes VNodeSet) StateTable {
	return &stateTable{s: s, def: def, set: vnodes, cur: &Delta{table: def.ID}}
}

func (t *stateTable) Put(v VNode, key, value []byte) {
	t.own(v)
	t.cur.settle() // changes stay in order
	t.cur.append(v, key, value, uint32(len(value)))
}

func (t *stateTable) Delete(v VNode, key []byte) {
	t.own(v)
	t.cur.settle()
	t.cur.append(v, key, nil, tombstone)
}

// own checks that the row is the instance's to write: another may own it.
func (t *stateTable) own(v VNode) {
	if !t.set.Contains(v) {
		panic(fmt.Sprintf("storage: write to vnode %d of table %q, but this instance owns [%d, %d)", v, t.def.Name, t.set.From, t.set.To))
	}
}

func (t *stateTable) Dirty() int { return t.cur.Bytes() }

func (t *stateTable) Seal(epoch stream.Epoch) *Delta {
	t.prune()
	t.dropIterators() // nobody knows when the next read comes: do not pin files meanwhile
	if len(t.cur.entries) == 0 && len(t.cur.late.parts) == 0 {
		return nil
	}
	d := t.cur
	d.epoch = epoch
	t.sealed = append(t.sealed, d)
	t.cur = &Delta{table: t.def.ID, entries: t.spareEntries}
	t.spareEntries = nil
	return d
}

// prune forgets sealed deltas that Pebble has by now.
func (t *stateTable) prune() {
	n := 0
	for n < len(t.sealed) && t.sealed[n].fate.Load() != pending {
		d := t.sealed[n]
		if d.fate.Load() == committed {
			t.empty = unknown
			// Nobody else reads a committed delta: its memory is ours again.
			t.spareEntries = reusable(d.entries)
			d.arena.give()
		}
		n++
	}
	if n > 0 {
		t.sealed = slices.Delete(t.sealed, 0, n)
		t.dropIterators()
	}
}

// Close frees the iterators; their errors were reported by the reads.
func (t *stateTable) Close() error {
	t.dropIterators()
	return nil
}

func (t *stateTable) dropIterators() {
	t.gen++
	if t.points != nil {
		t.points.Close() // errors were reported by the reads
		t.points = nil
	}
	if t.ranges != nil {
		t.ranges.Close()
		t.ranges = nil
	}
}

// pendingValue looks a full key up in the own deltas.
func (t *stateTable) pendingValue(full []byte) (value []byte, ok bool) {
	if value, ok = t.cur.find(full); ok {
		return value, true
	}
	return t.sealedValue(full)
}

// sealedValue looks a full key up in the own deltas of earlier epochs.
func (t *stateTable) sealedValue(full []byte) (value []byte, ok bool) {
	for i := len(t.sealed) - 1; i >= 0; i-- {
		if value, ok = t.sealed[i].find(full); ok {
			return value, true
		}
	}
	return nil, false
}

func (t *stateTable) Get(v VNode, key []byte) ([]byte, error) {
	t.prune()
	t.key = AppendKey(t.key[:0], t.def.ID, v, key)
	if value, ok := t.pendingValue(t.key); ok {
		return value, nil
	}
	return t.committedValue(t.key)
}

// committedValue reads a full key from Pebble; nil if absent. The bytes are
// valid until the next read.
func (t *stateTable) committedValue(full []byte) ([]byte, error) {
	if t.empty == isEmpty {
		return nil, nil
	}
	if t.points == nil {
		it, err := t.newIter()
		if err != nil {
			return nil, err
		}
		t.points = it
		if t.empty == unknown {
			if t.empty = notEmpty; !it.First() && it.Error() == nil {
				t.empty = isEmpty
				return nil, nil
			}
		}
	}
	if !t.points.SeekPrefixGE(full) {
		if err := t.points.Error(); err != nil {
			return nil, t.failed(err)
		}
		return nil, nil
	}
	value, err := t.points.ValueAndErr()
	if err != nil {
		return nil, t.failed(err)
	}
	if value == nil {
		value = []byte{}
	}
	return value, nil
}

func (t *stateTable) newIter() (*pebble.Iterator, error) {
	lower, upper := vnodeBounds(t.def.ID, t.set)
	it, err := t.s.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return nil, t.failed(err)
	}
	return it, nil
}

// failed drops the iterators: one that met an error must not be used again.
func (t *stateTable) failed(err error) error {
	t.dropIterators()
	return storeError(err, "could not read state table %q (%d)", t.def.Name, t.def.ID)
}

func (t *stateTable) MultiGet(vnodes []VNode, keys [][]byte, fn func(i int, value []byte) error) error {
	return t.multiGet(vnodes, keys, t.pendingValue, fn)
}

func (t *stateTable) MultiGetSealed(vnodes []VNode, keys [][]byte, fn func(i int, value []byte) error) error {
	return t.multiGet(vnodes, keys, t.sealedValue, fn)
}

// multiGet asks own for what the instance has written, and then Pebble.
func (t *stateTable) multiGet(vnodes []VNode, keys [][]byte, own func(full []byte) ([]byte, bool), fn func(i int, value []byte) error) error {
	t.prune()
	type ref struct {
		prefix uint64
		i      int32
	}
	refs := make([]ref, len(keys))
	for i, k := range keys {
		refs[i] = ref{prefixOf(vnodes[i], k), int32(i)}
	}
	slices.SortFunc(refs, func(a, b ref) int {
		switch {
		case a.prefix < b.prefix:
			return -1
		case a.prefix > b.prefix:
			return 1
		}
		if c := slices.Compare(keys[a.i], keys[b.i]); c != 0 {
			return c
		}
		return int(a.i - b.i)
	})
	var full []byte // not t.key: fn may call Get
	for _, r := range refs {
		full = AppendKey(full[:0], t.def.ID, vnodes[r.i], keys[r.i])
		value, ok := own(full)
		if !ok {
			var err error
			if value, err = t.committedValue(full); err != nil {
				return err
			}
		}
		if err := fn(int(r.i), value); err != nil {
			return err
		}
	}
	return nil
}

func (t *stateTable) Empty() (bool, error) {
	t.prune()
	for _, d := range append(t.sealed, t.cur) {
		d.settle()
		for _, e := range d.entries {
			if e.vlen != tombstone {
				return false, nil
			}
		}
	}
	if t.empty == unknown {
		it, err := t.newIter()
		if err != nil {
			return false, err
		}
		found := it.First()
		if err := errors.Join(it.Error(), it.Close()); err != nil {
			return false, t.failed(err)
		}
		t.empty = isEmpty
		if found {
			t.empty = notEmpty
		}
	}
	return t.empty == isEmpty, nil
}
