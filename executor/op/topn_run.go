package op

import (
	"bytes"
	"encoding/binary"
	"math"

	"streamdb/executor"
	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/vec"
)

// Open implements executor.Spec.
func (s *TopN) Open(ctx *executor.OpenCtx) (executor.Operator, error) {
	if !ctx.Bounded && s.firstOfFew() {
		return s.openFirst(ctx)
	}
	in := s.In.Schema()
	t := &topN{
		rowGroups: makeRowGroups(in, s.Group, s.Dist, s.window(), s.WindowKey),
		spec:      s, sort: newSortEncoder(in, s.Keys), row: newSortEncoder(in, ascending(s.RowKey)), end: math.MaxInt, memory: memory{acc: ctx.Memory},
		dec: storage.NewRowDecoder(schemaLayouts(in), nil), set: newOrdSet(),
	}
	if s.Limit >= 0 && s.Limit < noLimit && s.Offset < noLimit {
		t.end = int(s.Offset + s.Limit)
		t.slack = t.end + max(t.end, topNSlack)
	} else {
		t.slack = math.MaxInt
	}
	if ctx.Bounded {
		return t, nil
	}
	return t, t.open(ctx, s.Rows, s.Closed, s.Kind())
}

// topN keeps per group an ordered set of the first rows, at least up to the
// last one that is emitted; the rest, if any, is only in the state table.
// Changes are gathered until the barrier, summed by row, and applied deletes
// first, so that their order in the epoch does not matter. By dense rank the set
// has sort keys, not rows: see applyDense.
//
//	group | sort key | row key -> length of the sort key (uvarint), row
type topN struct {
	executor.Base
	rowGroups // bounded: no table
	spec      *TopN
	sort, row *sortEncoder
	end       int // ranks up to here are emitted
	slack     int // rows kept in memory per group when there are more
	memory    memory
	dec       *storage.RowDecoder
	seq       uint64 // bounded: rows so far, breaks ties

	state []topGroup // by group id
	set   *ordSet

	changes  rowChanges
	held     []heldRows
	heldRows int
	buf      []byte
	out      []*vec.Builder
	ops      []stream.Op
}

type topGroup struct {
	root   int32
	size   int32 // of the set of root
	rows   int32 // bounded, by dense rank: the root of the rows
	vnode  storage.VNode
	loaded bool
	all    bool // no row of the group is only in the table
	hot    bool // changed since the last eviction
}

// noLimit is where a LIMIT or OFFSET is as good as infinite.
const noLimit = 1 << 40

// topNSlack is the least number of rows beyond the window that a group keeps in
// memory, so that most retractions need no read.
var topNSlack = 16

// topRow is a row of a window.
type topRow struct{ key, val []byte }

func (t *topN) Process(_ *executor.Ctx, _ int, b *stream.Batch, _ executor.Emitter) error {
	b = t.onTime(b)
	ids := t.find(b, func(id int32, v storage.VNode, stored bool) {
		for int(id) >= len(t.state) {
			t.state = append(t.state, topGroup{})
		}
		t.state[id] = topGroup{vnode: v, loaded: !stored, all: !stored}
	})
	if t.holds() {
		t.hold(b, ids)
		return nil
	}
	return t.take(b, ids)
}

// take brings rows into their groups, or the changes of these.
func (t *topN) take(b *stream.Batch, ids []int32) error {
	cols, n := b.Cols(), b.Rows()
	had := t.set.Bytes() + t.groups.Bytes()
	for i := range n {
		key := t.sort.append(t.buf[:0], cols, i)
		sortLen := len(key)
		if t.table == nil {
			t.seq++
			key = binary.BigEndian.AppendUint64(key, t.seq)
		} else {
			key = t.row.append(key, cols, i)
		}
		t.buf = key
		g := &t.state[ids[i]]
		if (t.table == nil || t.spec.AppendOnly) && t.beyond(g, key, sortLen) {
			continue
		}
		klen := len(key)
		t.buf = binary.AppendUvarint(t.buf, uint64(sortLen))
		t.buf = storage.AppendRow(t.buf, cols, i)
		if t.table == nil {
			if b.Op(i) != stream.Insert {
				return sqlerr.New(sqlerr.InternalError, "top-n: a bounded input retracts a row")
			}
			t.keep(g, t.buf[:klen], t.buf[klen:], sortLen)
			continue
		}
		t.changes.add(ids[i], b.Op(i), t.buf[:klen], t.buf[klen:], sortLen)
	}
	if t.table == nil {
		return t.memory.grow(t.set.Bytes() + t.groups.Bytes() - had)
	}
	return nil
}

// beyond reports whether a row of an input without retractions can never be in
// the window.
func (t *topN) beyond(g *topGroup, key []byte, sortLen int) bool {
	if !g.loaded || int(g.size) < t.end {
		return false
	}
	if t.end == 0 {
		return true
	}
	last := t.set.Key(t.set.Max(g.root))
	if bytes.Compare(key, last) <= 0 {
		return false
	}
	return !t.spec.WithTies || !bytes.HasPrefix(last, key[:sortLen])
}

// trim drops what an input without retractions will never need again. prefix is
// the group's state key; nil in a bounded run.
func (t *topN) trim(g *topGroup, prefix []byte) {
	for int(g.size) > t.end {
		last := t.set.Max(g.root)
		key := t.set.Key(last)
		if t.spec.WithTies && t.end > 0 {
			// The rows that tie with the one at rank end stay.
			sortLen, _ := binary.Uvarint(t.set.Val(last))
			at, _ := t.rank(g, t.end)
			if bytes.HasPrefix(t.set.Key(at), key[:sortLen]) {
				return
			}
		}
		if t.table != nil {
			t.table.Delete(g.vnode, append(prefix[:len(prefix):len(prefix)], key...))
		}
		t.set.Remove(&g.root, bytes.Clone(key))
		g.size--
	}
}

// rank finds the node at a rank from 1.
func (t *topN) rank(g *topGroup, rank int) (at int32, ok bool) {
	i := 0
	t.set.Walk(g.root, func(node int32) bool {
		i++
		at, ok = node, i == rank
		return !ok
	})
	return at, ok
}

// Barrier applies the changes of the epoch and emits what they did to the windows.
func (t *topN) Barrier(ctx *executor.Ctx, _ stream.Barrier, out executor.Emitter) error {
	t.out, t.ops = t.dec.Builders(64), nil
	if t.table == nil {
		return t.emitAll(out)
	}
	if err := t.unhold(); err != nil {
		return err
	}
	if err := t.changes.sum(); err != nil {
		return err
	}
	err := t.changes.each(func(id int32, cs []rowChange) error {
		if err := t.applyGroup(id, cs, out); err != nil || !stream.Full(len(t.ops), t.out) {
			return err
		}
		return t.flush(out)
	})
	if err != nil {
		return err
	}
	if err := t.flush(out); err != nil {
		return err
	}
	if err := t.close(t, out); err != nil {
		return err
	}
	t.evict()
	return nil
}

func (t *topN) applyGroup(id int32, cs []rowChange, out executor.Emitter) error {
	g := &t.state[id]
	g.hot = true
	prefix := t.prefix(id)
	apply := t.applyRows
	if t.spec.Dense {
		apply = t.applyDense
	}
	if err := apply(g, prefix, cs, out); err != nil {
		return err
	}
	if g.size == 0 && g.all {
		t.groups.Delete(id)
	}
	return nil
}

// shed drops what a group has in memory far beyond the last rank that comes out,
// with which ties share.
func (t *topN) shed(g *topGroup, ties int) {
	keep := t.slack + ties
	if t.spec.AppendOnly || t.slack == math.MaxInt || int(g.size) <= 2*keep {
		return
	}
	for int(g.size) > keep {
		t.set.Remove(&g.root, bytes.Clone(t.set.Key(t.set.Max(g.root))))
		g.size--
	}
	g.all = false
}

// bound is the key above which there may be some that are in the table alone; nil:
// all are in memory.
func (t *topN) bound(g *topGroup) []byte {
	switch {
	case g.all:
		return nil
	case g.size == 0:
		return []byte{} // below every key
	}
	return bytes.Clone(t.set.Key(t.set.Max(g.root)))
}

func (t *topN) applyRows(g *topGroup, prefix []byte, cs []rowChange, _ executor.Emitter) error {
	if !g.loaded {
		if err := t.load(g, prefix, t.slack); err != nil {
			return err
		}
	}
	before, err := t.window(g, prefix)
	if err != nil {
		return err
	}
	bound := t.bound(g)
	for i := range cs {
		if c := &cs[i]; c.op == stream.Delete {
			if err := t.remove(g, prefix, t.changes.key(c), bound); err != nil {
				return err
			}
		}
	}
	for i := range cs {
		c := &cs[i]
		if c.op == stream.Delete {
			continue
		}
		key := t.changes.key(c)
		if t.spec.AppendOnly && t.beyond(g, key, int(c.head)) { // in order: so are those after it
			break
		}
		if err := t.insert(g, prefix, key, t.changes.row(c), bound); err != nil {
			return err
		}
		if t.spec.AppendOnly {
			t.trim(g, prefix)
		}
	}
	after, err := t.window(g, prefix)
	if err != nil {
		return err
	}
	if err := t.diff(before, after); err != nil {
		return err
	}
	t.shed(g, max(0, int(t.spec.Offset)+len(after)-t.end))
	return nil
}

func (t *topN) remove(g *topGroup, prefix, key, bound []byte) error {
	t.table.Delete(g.vnode, append(prefix[:len(prefix):len(prefix)], key...))
	if bound != nil && bytes.Compare(key, bound) > 0 {
		return nil
	}
	if !t.set.Remove(&g.root, key) {
		return sqlerr.New(sqlerr.InternalError, "top-n: a row that never came is retracted")
	}
	g.size--
	return nil
}

func (t *topN) insert(g *topGroup, prefix, key, val, bound []byte) error {
	t.table.Put(g.vnode, append(prefix[:len(prefix):len(prefix)], key...), val)
	if bound != nil && bytes.Compare(key, bound) > 0 {
		return nil
	}
	if t.set.Find(g.root, key) != 0 {
		return sqlerr.New(sqlerr.InternalError, "top-n: two rows have the same stream key")
	}
	t.set.Insert(&g.root, key, val, 1)
	g.size++
	return nil
}

// load reads the first rows of a group from the table, what the group has in
// memory aside.
func (t *topN) load(g *topGroup, prefix []byte, rows int) error {
	t.set.Clear(&g.root)
	g.size, g.all, g.loaded = 0, true, true
	return t.table.Scan(g.vnode, prefix, func(key, value []byte) (bool, error) {
		if int(g.size) == rows {
			g.all = false
			return false, nil
		}
		t.set.Insert(&g.root, key[len(prefix):], value, 1)
		g.size++
		return true, nil
	})
}

// window is the rows of a group at the emitted ranks, in order. It reads more
// of the group where the rows in memory do not reach.
func (t *topN) window(g *topGroup, prefix []byte) ([]topRow, error) {
	for want := max(t.slack, 1); ; want *= 2 {
		rows, enough := t.cached(g)
		if enough || g.all {
			return rows, nil
		}
		if err := t.load(g, prefix, want); err != nil {
			return nil, err
		}
	}
}

// cached is the window as far as the rows in memory reach, and whether rows
// beyond them could not belong to it.
func (t *topN) cached(g *topGroup) (rows []topRow, enough bool) {
	i := 0
	var tie []byte
	t.set.Walk(g.root, func(node int32) bool {
		i++
		key := t.set.Key(node)
		if i > t.end {
			if !t.spec.WithTies || t.end == 0 || !bytes.HasPrefix(key, tie) {
				enough = true
				return false
			}
		}
		val := t.set.Val(node)
		n, k := binary.Uvarint(val)
		if i > int(t.spec.Offset) {
			rows = append(rows, topRow{key, val[k:]})
		}
		if i == t.end {
			tie = key[:n]
		}
		return true
	})
	if i >= t.end && !t.spec.WithTies {
		enough = true
	}
	return rows, enough
}

// diff emits the difference of two windows, both in order of key.
func (t *topN) diff(before, after []topRow) error {
	for len(before) > 0 || len(after) > 0 {
		c := 0
		switch {
		case len(before) == 0:
			c = 1
		case len(after) == 0:
			c = -1
		default:
			c = bytes.Compare(before[0].key, after[0].key)
		}
		same := c == 0 && bytes.Equal(before[0].val, after[0].val)
		if c <= 0 {
			if !same {
				if err := t.add(before[0].val, stream.Delete); err != nil {
					return err
				}
			}
			before = before[1:]
		}
		if c >= 0 {
			if !same {
				if err := t.add(after[0].val, stream.Insert); err != nil {
					return err
				}
			}
			after = after[1:]
		}
	}
	return nil
}

func (t *topN) add(row []byte, o stream.Op) error {
	t.ops = append(t.ops, o)
	return t.dec.Append(t.out, row)
}

func (t *topN) flush(out executor.Emitter) error {
	if len(t.ops) == 0 {
		return nil
	}
	b := changesOf(t.out, t.ops)
	t.out, t.ops = t.dec.Builders(64), nil
	return out.Emit(b)
}

// evict drops groups from memory when there is too little: all their rows are
// in the table. Groups that changed since the last time are kept.
func (t *topN) evict() {
	t.memory.report(t.bytes())
	if !t.memory.over() {
		return
	}
	for id := range t.state {
		if !t.groups.Live(int32(id)) {
			continue
		}
		if g := &t.state[id]; g.hot {
			g.hot = false
		} else {
			t.res.evict(t.groups.Tag(int32(id)))
			t.drop(int32(id))
		}
	}
	if t.empty() {
		t.state, t.set = nil, newOrdSet()
	}
	t.memory.report(t.bytes())
}

func (t *topN) bytes() int64 { return t.groups.Bytes() + t.set.Bytes() + int64(28*cap(t.state)) }

func (t *topN) Close() error {
	t.memory.release()
	return nil
}
