package op

import (
	"bytes"
	"encoding/binary"
	"slices"
	"sort"

	"streamdb/executor"
	"streamdb/internal/sqlerr"
	"streamdb/stream"
)

// applyDense is applyRows by dense rank. In memory are the group's first sort keys,
// and none of its rows: however many of them share a key, a change of one that
// brings no key in and takes none out costs what the change itself does. Where a
// key enters the window or leaves it, its rows are read from the table.
func (t *topN) applyDense(g *topGroup, prefix []byte, cs []rowChange, out executor.Emitter) error {
	before, err := t.ranked(g, prefix)
	if err != nil {
		return err
	}
	bound := t.bound(g)
	var beyond [][]byte
	for rest := cs; len(rest) > 0; {
		n := t.peers(rest)
		last, err := t.applyKey(g, prefix, rest[:n], bound)
		if err != nil {
			return err
		}
		if last != nil {
			beyond = append(beyond, last)
		}
		rest = rest[n:]
	}
	after, err := t.ranked(g, prefix)
	if err != nil {
		return err
	}
	for _, op := range []stream.Op{stream.Delete, stream.Insert} {
		if err := t.emitDense(g, prefix, cs, before, after, op, out); err != nil {
			return err
		}
		before, after = after, before
	}
	for _, key := range beyond {
		if err := deleteRows(t.table, g.vnode, append(slices.Clip(prefix), key...)); err != nil {
			return err
		}
	}
	t.shed(g, 0)
	return nil
}

// peers is how many changes have the first one's sort key.
func (t *topN) peers(cs []rowChange) int {
	key := t.changes.key(&cs[0])[:cs[0].head]
	n := 1
	for n < len(cs) && bytes.HasPrefix(t.changes.key(&cs[n]), key) {
		n++
	}
	return n
}

// ranked is the sort keys at the ranks that come out, in order.
func (t *topN) ranked(g *topGroup, prefix []byte) (keys [][]byte, err error) {
	if !g.loaded || int(g.size) < t.end && !g.all {
		if err := t.loadKeys(g, prefix); err != nil {
			return nil, err
		}
	}
	rank := 0
	t.set.Walk(g.root, func(node int32) bool {
		rank++
		if rank > int(t.spec.Offset) && rank <= t.end {
			keys = append(keys, t.set.Key(node))
		}
		return rank < t.end
	})
	return keys, nil
}

// denseNear is how many rows of one sort key are passed before the next key is
// sought.
const denseNear = 8

// loadKeys reads sort keys behind those in memory, until there are as many as are
// kept.
func (t *topN) loadKeys(g *topGroup, prefix []byte) error {
	from := prefix
	if g.size > 0 {
		from = prefixEnd(append(slices.Clip(prefix), t.set.Key(t.set.Max(g.root))...))
	}
	g.loaded, g.all = true, false
	for from != nil || len(prefix) == 0 && g.size == 0 {
		var last []byte
		same, more := 0, false // rows of the last key; there may be other keys
		err := t.table.ScanFrom(g.vnode, prefix, from, func(key, val []byte) (bool, error) {
			if last != nil && bytes.HasPrefix(key, last) {
				same++
				more = same == denseNear
				return !more, nil
			}
			if int(g.size) >= t.slack {
				more = true
				return false, nil
			}
			n, _ := binary.Uvarint(val)
			last, same = bytes.Clone(key[:len(prefix)+int(n)]), 0
			t.set.Insert(&g.root, last[len(prefix):], nil, 1)
			g.size++
			return true, nil
		})
		if err != nil || more && int(g.size) >= t.slack {
			return err
		}
		if !more {
			break
		}
		from = prefixEnd(last)
	}
	g.all = true
	return nil
}

// applyKey writes the changes of rows with one sort key, and puts the key in or
// takes it out. last is the key that will not be needed again, as the input has
// no retractions.
func (t *topN) applyKey(g *topGroup, prefix []byte, cs []rowChange, bound []byte) (last []byte, err error) {
	key := t.changes.key(&cs[0])[:cs[0].head]
	if t.spec.AppendOnly && t.beyond(g, key, len(key)) {
		return nil, nil
	}
	rowKey := func(c *rowChange) []byte { return append(slices.Clip(prefix), t.changes.key(c)...) }
	for i := range cs {
		if c := &cs[i]; c.op == stream.Delete {
			t.table.Delete(g.vnode, rowKey(c))
		}
	}
	has := false
	for i := range cs {
		if c := &cs[i]; c.op == stream.Insert {
			t.table.Put(g.vnode, rowKey(c), t.changes.row(c))
			has = true
		}
	}
	if bound != nil && bytes.Compare(key, bound) > 0 {
		return nil, nil
	}
	if !has {
		err = t.table.Scan(g.vnode, append(slices.Clip(prefix), key...), func(_, _ []byte) (bool, error) {
			has = true
			return false, nil
		})
		if err != nil {
			return nil, err
		}
	}
	switch had := t.set.Find(g.root, key) != 0; {
	case has && !had:
		t.set.Insert(&g.root, key, nil, 1)
		g.size++
	case had && !has:
		t.set.Remove(&g.root, key)
		g.size--
	case !had:
		return nil, sqlerr.New(sqlerr.InternalError, "top-n: a row that never came is retracted")
	}
	if t.spec.AppendOnly && int(g.size) > t.end {
		last = bytes.Clone(t.set.Key(t.set.Max(g.root)))
		t.set.Remove(&g.root, last)
		g.size--
	}
	return last, nil
}

// emitDense emits what goes, or comes: the rows of sort keys that are in one of the
// windows and not in the other, but for those of the epoch's changes, and these
// where their key is in the first one.
func (t *topN) emitDense(g *topGroup, prefix []byte, cs []rowChange, in, other [][]byte, op stream.Op, out executor.Emitter) error {
	emit := func(val []byte) error {
		_, n := binary.Uvarint(val)
		if err := t.add(val[n:], op); err != nil || !stream.Full(len(t.ops), t.out) {
			return err
		}
		return t.flush(out)
	}
	for _, key := range in {
		if _, stays := slices.BinarySearchFunc(other, key, bytes.Compare); stays {
			continue
		}
		err := t.table.Scan(g.vnode, append(slices.Clip(prefix), key...), func(key, val []byte) (bool, error) {
			if t.came(cs, key[len(prefix):]) {
				return true, nil
			}
			return true, emit(val)
		})
		if err != nil {
			return err
		}
	}
	for i := range cs {
		c := &cs[i]
		if c.op != op {
			continue
		}
		if _, ok := slices.BinarySearchFunc(in, t.changes.key(c)[:c.head], bytes.Compare); ok {
			if err := emit(t.changes.row(c)); err != nil {
				return err
			}
		}
	}
	return nil
}

// came reports whether the row of a key has come in the epoch.
func (t *topN) came(cs []rowChange, key []byte) bool {
	i := sort.Search(len(cs), func(i int) bool { return bytes.Compare(t.changes.key(&cs[i]), key) >= 0 })
	for ; i < len(cs) && bytes.Equal(t.changes.key(&cs[i]), key); i++ {
		if cs[i].op == stream.Insert {
			return true
		}
	}
	return false
}
