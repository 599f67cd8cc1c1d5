package op

import (
	"encoding/binary"

	"streamdb/executor"
	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/vec"
)

// topNFirst is topN for an input without retractions of which few rows per group
// come out, from the first on, and those that tie with the last of them if so asked:
// what is not among them when it comes never will be. These rows are all there is in
// memory and in the table, the former in columns, so that a row is compared by its
// values with the last one of its group, and nothing of a row that is not taken is
// copied. Rows are made bytes at the barrier only, by
// whoever writes the table: one that came and went within the epoch never is.
//
//	group | sort key | row key -> length of the sort key (uvarint), row
type topNFirst struct {
	executor.Base
	rowGroups
	spec      *TopN
	end       int32    // rows per group, more if they tie
	order     rowOrder // of ties none: the later one comes last
	sort, row *sortEncoder
	dec       *storage.RowDecoder
	memory    memory

	state []firstRows // by group id
	rows  *joinRows   // next: from the last row of a group to its first
	dirty []int32     // slots of rows that came; some may have gone, or stand here twice
	gone  []int32     // slots of stored rows that are not wanted any more
	nums  rowNumbers

	heads []int64 // scratch: of the rows of a batch
	away  []int32 // scratch: groups of a batch whose rows may be in the table alone
	clock clock   // by group id
	came  int     // rows since the last eviction
	texts int     // bytes of the texts of dirty and gone
}

// firstRows is a group in memory: all its rows are there, too.
type firstRows struct {
	worst int64 // rowOrder.head of the last row
	last  int32 // slot of the last row, -1: there is none
	size  int32
	tied  int32 // last rows that tie with one another; without ties one
	vnode storage.VNode
	moved bool // with numbers: a row came since the last barrier
}

// topNFew is up to how many rows of a group are kept in a list.
const topNFew = 64

// firstOfFew reports whether topNFirst can run the spec. The first dense rank has the
// rows that tie with the first one.
func (s *TopN) firstOfFew() bool {
	return s.AppendOnly && (!s.Dense || s.Limit == 1) && s.Offset == 0 && s.Limit > 0 && s.Limit <= topNFew
}

func (s *TopN) openFirst(ctx *executor.OpenCtx) (executor.Operator, error) {
	in, keys := s.In.Schema(), s.Keys
	if !s.WithTies {
		keys = append(keys[:len(keys):len(keys)], ascending(s.RowKey)...)
	}
	t := &topNFirst{
		rowGroups: makeRowGroups(in, s.Group, s.Dist, s.window(), s.WindowKey),
		spec:      s, end: int32(s.Limit), sort: newSortEncoder(in, s.Keys), row: newSortEncoder(in, ascending(s.RowKey)),
		order: newRowOrder(in, keys), dec: storage.NewRowDecoder(schemaLayouts(in), nil), memory: memory{acc: ctx.Memory},
	}
	t.reset()
	return t, t.open(ctx, s.Rows, s.Closed, s.Kind())
}

// reset forgets all groups in memory.
func (t *topNFirst) reset() {
	t.groups, t.rows = newKeyTable(t.groupTypes), newJoinRows(t.in, false, false, false, false)
	t.state, t.dirty, t.gone, t.clock, t.nums = nil, nil, nil, clock{}, rowNumbers{}
}

func (t *topNFirst) Process(_ *executor.Ctx, _ int, b *stream.Batch, _ executor.Emitter) error {
	b = t.onTime(b)
	t.away = t.away[:0]
	ids := t.find(b, func(id int32, v storage.VNode, stored bool) {
		t.state = vec.Grow(t.state, int(id)+1)
		t.state[id] = firstRows{vnode: v, last: -1}
		if stored {
			t.away = append(t.away, id)
		}
	})
	if err := t.load(t.away); err != nil {
		return err
	}
	t.clock.grow(t.groups.Ids())
	cols := b.Cols()
	t.heads = t.order.heads(cols, b.Rows(), t.heads)
	for i, id := range ids {
		if b.Op(i) != stream.Insert {
			return sqlerr.New(sqlerr.InternalError, "top-n: an input without retractions retracts a row")
		}
		g := &t.state[id]
		if g.size >= t.end && (t.heads[i] > g.worst || t.heads[i] == g.worst && t.order.compare(cols, i, t.rows, g.last) > 0) {
			continue
		}
		t.clock.use(id)
		slot := t.enter(g, id, cols, i)
		if t.spec.Out != nil {
			t.nums.came(g, id, slot)
		}
		t.rows.flags[slot] |= rowDirty
		t.dirty, t.texts = append(t.dirty, slot), t.texts+t.rows.texts(slot)
		if g.size-g.tied >= t.end {
			t.cut(g)
		}
	}
	return nil
}

// cut drops the last rows of a group, before which there are enough.
func (t *topNFirst) cut(g *firstRows) {
	for ; g.tied > 0; g.tied-- {
		slot := g.last
		g.last = t.rows.next[slot]
		g.size--
		t.leave(slot)
	}
	g.worst = t.order.headOf(t.rows, g.last)
	g.tied = 1
	if t.spec.WithTies {
		for at := t.rows.next[g.last]; at >= 0 && t.order.same(t.rows, at, g.last); at = t.rows.next[at] {
			g.tied++
		}
	}
}

// leave forgets a row, at the barrier only if it is stored.
func (t *topNFirst) leave(slot int32) {
	if t.rows.flags[slot]&rowStored != 0 {
		t.gone, t.texts = append(t.gone, slot), t.texts+t.rows.texts(slot)
		return
	}
	t.texts -= t.rows.texts(slot)
	t.rows.remove(slot)
}

// enter puts a row in its place, behind those that it ties with.
func (t *topNFirst) enter(g *firstRows, id int32, cols []vec.Vec, i int) int32 {
	prev, at, d := int32(-1), g.last, 0
	for ; at >= 0; prev, at = at, t.rows.next[at] {
		if d = t.order.compare(cols, i, t.rows, at); d >= 0 {
			break
		}
	}
	slot := t.rows.insert(cols, i, id)
	t.rows.next[slot] = at
	switch {
	case prev >= 0:
		t.rows.next[prev] = slot
	case at >= 0 && d == 0:
		g.last = slot
		g.tied++
	default:
		g.last, g.tied = slot, 1
		g.worst = t.order.headOf(t.rows, slot)
	}
	g.size++
	t.came++
	return slot
}

// load reads the rows of groups that have just come to memory.
func (t *topNFirst) load(ids []int32) error {
	if len(ids) == 0 {
		return nil
	}
	prefixes, places := make([][]byte, len(ids)), make([]storage.VNode, len(ids))
	keys := t.groups.Keys(ids)
	for k, id := range ids {
		prefixes[k], places[k] = appendStateKey(nil, t.groupTypes, keys, k), t.state[id].vnode
	}
	builders, of := t.dec.Builders(64), []int32(nil)
	flush := func() {
		cols := make([]vec.Vec, len(builders))
		for c, b := range builders {
			cols[c] = b.Vec()
		}
		for i, id := range of {
			if g := &t.state[id]; g.size < t.end || t.spec.WithTies {
				t.rows.flags[t.enter(g, id, cols, i)] |= rowStored
			}
		}
		builders, of = t.dec.Builders(64), of[:0]
	}
	err := t.table.ScanPrefixes(places, prefixes, func(k int, _, value []byte) (bool, error) {
		_, n := binary.Uvarint(value)
		if n <= 0 {
			return false, sqlerr.New(sqlerr.DataCorrupted, "unreadable row in the state of a top-N")
		}
		of = append(of, ids[k])
		if err := t.dec.Append(builders, value[n:]); err != nil {
			return false, err
		}
		if stream.Full(len(of), builders) {
			flush()
		}
		return true, nil
	})
	if err == nil {
		flush()
	}
	if t.spec.Out != nil {
		for _, id := range ids {
			t.number(&t.state[id])
		}
	}
	return err
}

// Barrier emits what the epoch did to the groups, and hands it over to the table.
func (t *topNFirst) Barrier(_ *executor.Ctx, _ stream.Barrier, out executor.Emitter) error {
	if err := t.hand(t.gone, stream.Delete, out); err != nil {
		return err
	}
	if err := t.renumber(out); err != nil {
		return err
	}
	for _, slot := range t.gone {
		t.rows.remove(slot)
	}
	came := t.dirty[:0]
	for _, slot := range t.dirty {
		if t.rows.key[slot] >= 0 && t.rows.flags[slot]&rowDirty != 0 {
			t.rows.flags[slot] = rowStored
			came = append(came, slot)
		}
	}
	if err := t.hand(came, stream.Insert, out); err != nil {
		return err
	}
	t.gone, t.dirty, t.texts = t.gone[:0], t.dirty[:0], 0
	if err := t.close(t, out); err != nil {
		return err
	}
	t.evict()
	return nil
}

// hand emits rows, and puts them into the table or deletes them there.
func (t *topNFirst) hand(slots []int32, op stream.Op, out executor.Emitter) error {
	for len(slots) > 0 {
		part := slots[:t.rows.batch(slots)]
		slots = slots[len(part):]
		cols, places := make([]vec.Vec, len(t.in)), make([]storage.VNode, len(part))
		for c := range cols {
			cols[c] = t.rows.gather(c, part)
		}
		for k, slot := range part {
			places[k] = t.state[t.rows.key[slot]].vnode
		}
		t.table.PutLater(len(part), func(to storage.LateWriter) { t.write(to, cols, places, op) })
		if t.spec.Out != nil {
			cols = append(cols[:len(cols):len(cols)], t.nums.of(part))
		}
		if err := out.Emit(stream.NewBatch(len(part), cols, opsOf(op, len(part)))); err != nil {
			return err
		}
	}
	return nil
}

// opsOf is one op for n rows; nil for insertions.
func opsOf(op stream.Op, n int) []stream.Op {
	if op == stream.Insert {
		return nil
	}
	ops := make([]stream.Op, n)
	for k := range ops {
		ops[k] = op
	}
	return ops
}

// write makes keys and rows. It may run on any goroutine, and so reads nothing of the
// operator but its plan.
func (t *topNFirst) write(to storage.LateWriter, cols []vec.Vec, places []storage.VNode, op stream.Op) {
	group := pickCols(cols, t.cols)
	var key, value []byte
	for i, v := range places {
		key = appendStateKey(key[:0], t.groupTypes, group, i)
		from := len(key)
		key = t.sort.append(key, cols, i)
		sortLen := len(key) - from
		key = t.row.append(key, cols, i)
		if op == stream.Delete {
			to.Delete(v, key)
			continue
		}
		value = binary.AppendUvarint(value[:0], uint64(sortLen))
		value = storage.AppendRow(value, cols, i)
		to.Put(v, key, value)
	}
}

// Watermark keeps watermarks for the barrier: see topN.
func (t *topNFirst) Watermark(_ *executor.Ctx, _ int, m stream.Watermark, _ executor.Emitter) error {
	if t.spec.passes(m) {
		t.note(m)
	}
	return nil
}

// Withheld implements executor.Withholder.
func (t *topNFirst) Withheld() int {
	return t.texts + (withheldRow+withheldColumn*len(t.in))*(len(t.dirty)+len(t.gone))
}

func (t *topNFirst) Close() error {
	t.memory.release()
	return nil
}
