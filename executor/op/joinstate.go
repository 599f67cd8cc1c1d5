package op

import (
	"encoding/binary"
	"fmt"

	"streamdb/executor"
	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/vec"
)

// store adds a batch's rows to the side's state, or takes them away.
func (j *hashJoin) store(d *joinSide, b *stream.Batch) error {
	kept := pickCols(b.Cols(), d.keep)
	n := b.Rows()
	if d.rows.count == nil {
		for _, op := range b.Ops {
			if op != stream.Insert {
				return fmt.Errorf("op: a retraction reached an append-only side of a join")
			}
		}
		j.placed = d.rows.insertAll(kept, j.ids, j.placed[:0])
		for i, slot := range j.placed {
			if slot >= 0 {
				j.added(d, i, slot, j.ids[i], 1)
			}
		}
		return nil
	}
	if cap(j.hashes) < n {
		j.hashes = make([]uint64, max(n, stream.BatchRows))
	}
	j.hashes = j.hashes[:n]
	d.hash(kept, n, j.hashes)
	for i, id := range j.ids {
		if id < 0 {
			continue
		}
		tag := rowTag(j.hashes[i], id)
		slot := d.rows.find(tag, id, kept, i)
		op := int32(b.Op(i))
		if slot < 0 {
			d.rows.addIndex(j.addRow(d, kept, i, id, op), tag)
			continue
		}
		d.rows.count[slot] += op
		if d.rows.count[slot] != 0 {
			d.touch(slot)
			continue
		}
		if d.rows.flags[slot]&rowStored != 0 {
			j.key = d.stateKey(j, j.key[:0], kept, i)
			d.table.Delete(j.vnodes[id], j.key)
		}
		j.unlink(d, slot)
	}
	return nil
}

// hash hashes what tells the rows of a join key apart.
func (d *joinSide) hash(kept []vec.Vec, n int, dst []uint64) {
	if len(d.rowAt) == 0 {
		vec.HashRows(kept, d.keepTs, n, dst)
		return
	}
	ts := colTypesAt(d.keepTs, d.rowAt)
	vec.HashRows(pickCols(kept, d.rowAt), ts, n, dst)
}

func rowTag(hash uint64, id int32) uint32 {
	return uint32(mulFold(hash^uint64(uint32(id)), mulA) >> 32)
}

// addRow links a new row in, with a weight, to be written.
func (j *hashJoin) addRow(d *joinSide, kept []vec.Vec, i int, id, weight int32) int32 {
	slot := d.rows.insert(kept, i, id)
	j.added(d, i, slot, id, weight)
	return slot
}

// added links row i of a batch, which lies at a slot, to be written.
func (j *hashJoin) added(d *joinSide, i int, slot, id, weight int32) {
	j.link(d, slot, id, weight)
	j.cache.came++
	if r := d.rows; r.deg != nil && i < len(j.deg) {
		r.deg[slot] = j.deg[i]
	}
	if d.timeAt >= 0 {
		d.age(slot)
	}
	if d.table != nil {
		d.touch(slot)
	}
	if j.ctx.Bounded {
		d.sums[id]++
	}
}

// link puts a new row into the chain of its key.
func (j *hashJoin) link(d *joinSide, slot, id, weight int32) {
	r := d.rows
	head := d.heads[id]
	r.next[slot] = head
	if r.prev != nil {
		r.prev[slot] = -1
		if head >= 0 {
			r.prev[head] = slot
		}
	}
	d.heads[id] = slot
	if r.count != nil {
		r.count[slot] = weight
	}
}

// touch marks a row to be written.
func (d *joinSide) touch(slot int32) {
	if d.rows.flags[slot]&rowDirty == 0 {
		d.rows.flags[slot] |= rowDirty
		d.dirty = append(d.dirty, slot)
	}
}

// unlink takes a row out of its key's chain and frees it.
func (j *hashJoin) unlink(d *joinSide, slot int32) {
	r := d.rows
	id, next, prev := r.key[slot], r.next[slot], r.prev[slot]
	if prev >= 0 {
		r.next[prev] = next
	} else {
		d.heads[id] = next
		if next < 0 {
			j.emptied = append(j.emptied, id)
		}
	}
	if next >= 0 {
		r.prev[next] = prev
	}
	r.remove(slot)
}

// stateKey appends the key in the state table of row i of the kept columns.
func (d *joinSide) stateKey(j *hashJoin, dst []byte, kept []vec.Vec, i int) []byte {
	for k, c := range d.keyAt {
		dst = appendKeyCol(dst, j.keyTypes[k], &kept[c], i, false, false)
	}
	if len(d.rowAt) == 0 {
		return storage.AppendRow(dst, kept, i)
	}
	for _, c := range d.rowAt {
		dst = appendKeyCol(dst, d.keepTs[c], &kept[c], i, false, false)
	}
	return dst
}

// storeLater hands copies of rows over to the side's state table.
func (j *hashJoin) storeLater(d *joinSide, slots []int32) error {
	r, kept := d.rows, d.gatherAll(slots)
	weights, places := make([]int32, len(slots)), d.places(j, slots)
	for i, s := range slots {
		w := r.weight(s)
		if w < 0 || w > 1 && len(d.rowAt) > 0 {
			return sqlerr.New(sqlerr.InternalError, "a row of a join has weight %d at the end of an epoch", w)
		}
		weights[i] = w
	}
	d.table.PutLater(len(slots), func(to storage.LateWriter) {
		var key, row []byte
		for i, w := range weights {
			key = d.stateKey(j, key[:0], kept, i)
			row = binary.AppendUvarint(row[:0], uint64(w))
			row = storage.AppendRow(row, kept, i)
			to.Put(places[i], key, row)
		}
	})
	return nil
}

// write hands the side's changed rows over to its state table.
func (j *hashJoin) write(d *joinSide) error {
	r := d.rows
	live := d.dirty[:0]
	var changes []int32
	for _, s := range d.dirty {
		// A slot may have been freed, and even used again, since it was listed.
		if r.key[s] < 0 || r.flags[s]&rowDirty == 0 {
			continue
		}
		r.flags[s] = r.flags[s]&^rowDirty | rowStored
		if d.isAway(r.key[s]) {
			changes = append(changes, s)
			continue
		}
		live = append(live, s)
	}
	for len(live) > 0 {
		slots := live[:d.rows.batch(live)]
		live = live[len(slots):]
		if err := j.storeLater(d, slots); err != nil {
			return err
		}
	}
	d.dirty = d.dirty[:0]
	return j.writeAside(d, changes)
}

func (d *joinSide) gatherAll(slots []int32) []vec.Vec {
	kept := make([]vec.Vec, len(d.keep))
	for c := range kept {
		kept[c] = d.rows.gather(c, slots)
	}
	return kept
}

// loading collects rows of a state table on their way into memory.
type loading struct {
	builders []*vec.Builder
	ids      []int32
	weights  []int32
}

func (d *joinSide) newLoading() *loading { return &loading{builders: d.dec.Builders(64)} }

func (d *joinSide) decode(l *loading, value []byte) error {
	w, k := binary.Uvarint(value)
	if k <= 0 {
		return sqlerr.New(sqlerr.DataCorrupted, "unreadable row in the state of a join")
	}
	l.weights = append(l.weights, int32(w))
	return d.dec.Append(l.builders, value[k:])
}

// take moves the collected rows into memory; they are clean.
func (j *hashJoin) take(d *joinSide, l *loading) {
	n := len(l.weights)
	if n == 0 {
		return
	}
	cols := make([]vec.Vec, len(l.builders))
	for c, b := range l.builders {
		cols[c] = b.Vec()
	}
	j.deg = j.deg[:0]
	hashes := make([]uint64, n)
	if d.rows.tags != nil {
		d.hash(cols, n, hashes)
	}
	for i, id := range l.ids {
		d.sums[id] += l.weights[i]
		tag := rowTag(hashes[i], id)
		if d.rows.tags != nil && d.heads[id] >= 0 && j.meet(d, cols, i, id, tag, l.weights[i]) {
			continue
		}
		slot := j.addRow(d, cols, i, id, l.weights[i])
		d.dirty = d.dirty[:len(d.dirty)-1] // where addRow listed it
		d.rows.flags[slot] = rowStored
		if d.rows.tags != nil {
			d.rows.addIndex(slot, tag)
		}
	}
}

// load brings the rows of keys into memory. key are the columns of the key, and rows
// where in them each id's is.
func (j *hashJoin) load(d *joinSide, key []vec.Vec, ids, rows []int32) error {
	prefixes, places := make([][]byte, len(ids)), make([]storage.VNode, len(ids))
	var bytes []byte
	for k, id := range ids {
		from := len(bytes)
		bytes = appendStateKey(bytes, j.keyTypes, key, int(rows[k]))
		prefixes[k], places[k] = bytes[from:len(bytes):len(bytes)], j.vnodes[id]
	}
	l := d.newLoading()
	err := d.table.ScanPrefixes(places, prefixes, func(k int, _, value []byte) (bool, error) {
		l.ids = append(l.ids, ids[k])
		if err := d.decode(l, value); err != nil {
			return false, err
		}
		if stream.Full(len(l.ids), l.builders) {
			j.take(d, l)
			l = d.newLoading()
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	j.take(d, l)
	return nil
}

// loadAll brings everything into memory.
func (j *hashJoin) loadAll() error {
	j.complete = true
	var all []int32
	for s := range j.sides {
		d := &j.sides[s]
		l := d.newLoading()
		flush := func() error {
			n := len(l.weights)
			cols := make([]vec.Vec, len(l.builders))
			for c, b := range l.builders {
				cols[c] = b.Vec()
			}
			key := pickCols(cols, d.keyAt)
			l.ids = make([]int32, n)
			fresh, rows := j.keys.FindOrInsert(key, nil, n, l.ids)
			all = append(all, fresh...)
			j.addKeys(key, fresh, rows)
			j.take(d, l)
			l = d.newLoading()
			return nil
		}
		err := d.table.ScanAll(func(_ storage.VNode, _, value []byte) (bool, error) {
			if err := d.decode(l, value); err != nil {
				return false, err
			}
			if stream.Full(len(l.weights), l.builders) {
				return true, flush()
			}
			return true, nil
		})
		if err == nil && len(l.weights) > 0 {
			err = flush()
		}
		if err != nil {
			return err
		}
	}
	return j.loadDegrees(all)
}

// loadDegrees counts the matches of the rows of keys that were just loaded.
func (j *hashJoin) loadDegrees(ids []int32) error {
	if !j.counts(0) && !j.counts(1) {
		return nil
	}
	l, r, res := &j.sides[0], &j.sides[1], j.residual
	eval := func() error {
		pass, err := res.eval(j.ctx.Expr, func(c int) vec.Vec {
			if res.cols[c] < res.width {
				return l.rows.gather(res.at[c], res.rows)
			}
			return r.rows.gather(res.at[c], res.slots)
		})
		if err != nil {
			return err
		}
		for _, k := range pass {
			a, b := res.rows[k], res.slots[k]
			if l.rows.deg != nil {
				l.rows.deg[a] += r.rows.weight(b)
			}
			if r.rows.deg != nil {
				r.rows.deg[b] += l.rows.weight(a)
			}
		}
		res.clear()
		return nil
	}
	res.clear()
	for _, id := range ids {
		for a := l.heads[id]; a >= 0; a = l.rows.next[a] {
			for b := r.heads[id]; b >= 0; b = r.rows.next[b] {
				if res.add(a, b) {
					if err := eval(); err != nil {
						return err
					}
				}
			}
		}
	}
	return eval()
}

// closeWindows drops the keys of windows that both watermarks have passed.
func (j *hashJoin) closeWindows() error {
	upTo, ok := j.window()
	if !j.windowed || !ok {
		return nil
	}
	j.windows.due(upTo, func(w windowKey) {
		id := w.id
		if !j.keys.Live(id) || j.times[id] != w.time {
			return
		}
		for k := range j.sides {
			d, slots := &j.sides[k], j.placed[:0]
			for s := d.heads[id]; s >= 0; s = d.rows.next[s] {
				slots = append(slots, s)
			}
			j.placed = slots
			j.forget(d, slots)
			d.sums[id] = 0
		}
		j.dropKey(id)
	})
	return nil
}

// forget drops rows, of which only those that were written have to be found in the
// state table. A slot may be listed twice.
func (j *hashJoin) forget(d *joinSide, slots []int32) {
	r := d.rows
	var stored []int32
	for _, s := range slots {
		if r.flags[s]&rowStored != 0 {
			r.flags[s] &^= rowStored
			stored = append(stored, s)
		}
	}
	for len(stored) > 0 {
		part := stored[:r.batch(stored)]
		stored = stored[len(part):]
		kept := d.gatherAll(part)
		for i, s := range part {
			j.key = d.stateKey(j, j.key[:0], kept, i)
			d.table.Delete(j.vnodes[r.key[s]], j.key)
		}
	}
	r.many = true
	for _, s := range slots {
		if r.key[s] >= 0 {
			j.unlink(d, s)
		}
	}
	r.many = false
	r.compact()
}

var _ executor.Operator = (*hashJoin)(nil)

func colTypesAt[T any](ts []T, at []int) []T {
	out := make([]T, len(at))
	for i, c := range at {
		out[i] = ts[c]
	}
	return out
}
