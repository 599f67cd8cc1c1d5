package engine

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	"streamdb/catalog"
	"streamdb/storage"
	"streamdb/stream"
)

// overlay is a snapshot with a transaction's own writes on top: what its
// statements read. Writes are kept by table, as key -> row, nil for a deleted row.
type overlay struct {
	base   storage.Snapshot
	writes map[storage.TableID]*tableWrites
	reads  *readSet // nil: not serializable
	last   lastGet
}

// lastGet is what the base gave last: an UPDATE by key reads a row, and then looks
// whether it is there still. Statements of a transaction run one at a time.
type lastGet struct {
	table storage.TableID
	v     storage.VNode
	key   []byte
	some  bool
	row   []byte
}

// tableWrites is what a transaction has written to one table: rows one by one, or in
// bulk.
type tableWrites struct {
	of     catalog.ID           // the table
	bulk   *bulkRows            // nil: none
	rows   map[string]*rowWrite // by vnode byte + key
	sorted []string             // keys in order; nil when rows changed since
	next   int                  // the place of the next row written
}

// rowWrite is one key's state before the transaction and now. nil: no row.
type rowWrite struct {
	before, now []byte
	place       int // in the order of the first writes
}

// len is the number of keys written.
func (w *tableWrites) len() int {
	if w.bulk != nil {
		return w.bulk.keys.Len()
	}
	return len(w.rows)
}

// bytes is the size of the rows that the transaction writes; what it deletes does not count.
func (o *overlay) bytes() (n int64) {
	for _, w := range o.writes {
		if w.bulk != nil {
			n += w.bulk.bytes
		}
		for k, r := range w.rows {
			if r.now != nil {
				n += int64(len(k) + len(r.now))
			}
		}
	}
	return n
}

func rowKey(v storage.VNode, key []byte) string {
	var b strings.Builder
	b.Grow(1 + len(key))
	b.WriteByte(v)
	b.Write(key)
	return b.String()
}

// keys returns the written keys in order of vnode and key.
func (w *tableWrites) keys() []string {
	if w.sorted == nil {
		w.sorted = make([]string, 0, len(w.rows))
		for k := range w.rows {
			w.sorted = append(w.sorted, k)
		}
		slices.Sort(w.sorted)
	}
	return w.sorted
}

// written returns the written keys in the order of their first writes: that of
// the rows of an INSERT, which a watermark goes by.
func (w *tableWrites) written() []string {
	keys := slices.Collect(maps.Keys(w.rows))
	slices.SortFunc(keys, func(a, b string) int { return w.rows[a].place - w.rows[b].place })
	return keys
}

func (o *overlay) Epoch() stream.Epoch { return o.base.Epoch() }

// Close leaves the base open: it belongs to the transaction.
func (o *overlay) Close() error { return nil }

func (o *overlay) Get(t storage.TableID, v storage.VNode, key []byte) ([]byte, error) {
	o.reads.point(t, v, key)
	if w := o.writes[t]; w != nil {
		if w.bulk != nil {
			if row := w.bulk.get(v, key); row != nil {
				return row, nil
			}
		}
		if r, ok := w.rows[rowKey(v, key)]; ok {
			return r.now, nil
		}
	}
	l := &o.last
	if l.some && l.table == t && l.v == v && bytes.Equal(l.key, key) {
		return l.row, nil
	}
	row, err := o.base.Get(t, v, key)
	*l = lastGet{t, v, append(l.key[:0], key...), err == nil, row}
	return row, err
}

// AnyOf does not look at what the transaction wrote: who wants that has it at hand.
func (o *overlay) AnyOf(t storage.TableID, keys [][]byte) (int, error) { return o.base.AnyOf(t, keys) }

func (o *overlay) Scan(t storage.TableID, v storage.VNode, from, to []byte, fn func(key, value []byte) (bool, error)) error {
	o.reads.scan(t, v, from, to)
	w := o.writes[t]
	if w == nil {
		return o.base.Scan(t, v, from, to, fn)
	}
	w.single()
	keys := w.keys()
	start, _ := slices.BinarySearch(keys, rowKey(v, from))
	keys = keys[start:]
	end := len(keys)
	for i, k := range keys {
		if k[0] != v || (to != nil && strings.Compare(k[1:], string(to)) >= 0) {
			end = i
			break
		}
	}
	m := merge{keys: keys[:end], rows: w.rows}
	err := o.base.Scan(t, v, from, to, func(key, value []byte) (bool, error) {
		return m.upTo(v, key, value, func(_ storage.VNode, k, val []byte) (bool, error) { return fn(k, val) })
	})
	if err != nil || m.stopped {
		return err
	}
	_, err = m.rest(func(_ storage.VNode, k, val []byte) (bool, error) { return fn(k, val) })
	return err
}

func (o *overlay) ScanTable(t storage.TableID, fn func(v storage.VNode, key, value []byte) (bool, error)) error {
	o.reads.table(t)
	w := o.writes[t]
	if w == nil {
		return o.base.ScanTable(t, fn)
	}
	w.single()
	m := merge{keys: w.keys(), rows: w.rows}
	err := o.base.ScanTable(t, func(v storage.VNode, key, value []byte) (bool, error) {
		return m.upTo(v, key, value, fn)
	})
	if err != nil || m.stopped {
		return err
	}
	_, err = m.rest(fn)
	return err
}

// merge walks the written keys along a scan of the base.
type merge struct {
	keys    []string
	rows    map[string]*rowWrite
	stopped bool
}

// upTo passes on the written rows before the base's row, then that row, or what
// the transaction made of it.
func (m *merge) upTo(v storage.VNode, key, value []byte, fn func(storage.VNode, []byte, []byte) (bool, error)) (bool, error) {
	for len(m.keys) > 0 {
		k := m.keys[0]
		c := int(k[0]) - int(v)
		if c == 0 {
			c = bytes.Compare([]byte(k[1:]), key)
		}
		if c > 0 {
			break
		}
		m.keys = m.keys[1:]
		row := m.rows[k].now
		if c == 0 {
			if row == nil {
				return true, nil
			}
			return m.pass(fn(v, key, row))
		}
		if row != nil {
			if more, err := m.pass(fn(k[0], []byte(k[1:]), row)); !more || err != nil {
				return false, err
			}
		}
	}
	return m.pass(fn(v, key, value))
}

// rest passes on the written rows behind the base's last one.
func (m *merge) rest(fn func(storage.VNode, []byte, []byte) (bool, error)) (bool, error) {
	for _, k := range m.keys {
		if row := m.rows[k].now; row != nil {
			if more, err := m.pass(fn(k[0], []byte(k[1:]), row)); !more || err != nil {
				return false, err
			}
		}
	}
	return true, nil
}

func (m *merge) pass(more bool, err error) (bool, error) {
	if !more || err != nil {
		m.stopped = true
	}
	return more, err
}
