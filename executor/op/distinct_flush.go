package op

import (
	"encoding/binary"
	"slices"

	"streamdb/storage"
	"streamdb/stream"
	"streamdb/vec"
)

// flush hands the changed values over.
func (d *distinctAgg) flush() error {
	if len(d.dirty) == 0 {
		return nil
	}
	for part := range slices.Chunk(d.dirty, 8*stream.BatchRows) {
		if err := d.handOver(part); err != nil {
			return err
		}
	}
	d.dirty, d.done = d.done[:0], d.dirty
	return nil
}

// handOver hands some of the changed values over: copies of them by column.
func (d *distinctAgg) handOver(dirty []int32) error {
	ids, counts := make([]int32, 0, len(dirty)), make([]int64, 0, len(dirty))
	for _, id := range dirty {
		e := &d.entries[id]
		e.dirty = false
		if e.count < 0 {
			return errValueGone()
		}
		if e.count > 0 || e.stored {
			ids, counts = append(ids, id), append(counts, e.count)
			e.stored = e.count > 0
		}
	}
	cols, group := d.seen.Keys(ids), make([]int32, len(ids))
	refs := &d.owner.refs
	for k, g := range cols[0].I64[:len(ids)] {
		group[k] = refs.ref(int32(g))
	}
	keys, values, ts := refs.take(), cols[1:], d.argTypes
	d.table.PutLater(len(ids), func(to storage.LateWriter) {
		var key, value []byte
		for k, count := range counts {
			v := keys.vnodes[group[k]]
			key = appendStateKey(keys.append(key[:0], group[k]), ts, values, k)
			if count == 0 {
				to.Delete(v, key)
				continue
			}
			value = binary.AppendVarint(value[:0], count)
			to.Put(v, key, value)
		}
	})
	return nil
}

// sweep forgets the values that the last epoch emptied: before values are looked up,
// because the ids of groups are used again, and not at the barrier, where others wait.
func (d *distinctAgg) sweep() {
	for _, id := range d.done {
		if d.seen.Live(id) && d.entries[id].count == 0 && !d.entries[id].dirty {
			d.forget(id)
		}
	}
	d.done = d.done[:0]
}

func (d *distinctAgg) forget(id int32) {
	d.seen.Delete(id)
	d.clock.forget(id)
}

func (d *distinctAgg) evict(gone func(id int32) bool) {
	for id := range d.entries {
		if d.seen.Live(int32(id)) && gone(d.seen.firstInt(int32(id))) {
			d.forget(int32(id))
		}
	}
}

// trim implements valueColumn: at level 2 values that did not come of late leave, by
// the clock. Where they are the lesser part of what is used it is their share of want
// only: groups leave too, and values that come often are not to leave before groups
// that do not.
func (d *distinctAgg) trim(level int, want, used int64) int64 {
	if d.table == nil || want <= 0 || level != 2 {
		return 0
	}
	d.sweep()
	total, spare := d.valueBytes()
	if own := total - spare; len(d.owner.spec.Keys) > 0 && 2*own < used {
		want = int64(float64(want) * float64(own) / float64(used))
	}
	each := (total-spare)/int64(max(d.seen.Len(), 1)) + 1
	gone := d.clock.pick(d.seen.lives, int(min(want/each+1, int64(d.seen.Len()))), nil)
	for _, id := range gone {
		d.partial[d.seen.firstInt(id)] = true
		d.forget(id)
	}
	return each * int64(len(gone))
}

// pack implements aggColumn: the values are written again, with the new ids of their groups.
func (d *distinctAgg) pack(groups []int32) error {
	d.sweep()
	d.done = nil
	to, partial := make([]int32, len(d.partial)), make([]bool, len(groups))
	for k, id := range groups {
		to[id], partial[k] = int32(k), d.partial[id]
	}
	live := d.seen.All()
	seen, entries, used := newKeyTable(d.seen.types), make([]distinctEntry, len(live)), clock{}
	used.grow(len(live))
	ids := make([]int32, min(len(live), stream.BatchRows))
	for part := range slices.Chunk(live, stream.BatchRows) {
		cols := d.seen.Keys(part)
		group := make([]int64, len(part))
		for k, g := range cols[0].I64[:len(part)] {
			group[k] = int64(to[g])
		}
		cols[0] = vec.Ints(group)
		seen.FindOrInsert(cols, nil, len(part), ids[:len(part)])
		for k, id := range ids[:len(part)] {
			entries[id] = d.entries[part[k]]
			if d.clock.has(part[k]) {
				used.use(id)
			}
		}
	}
	d.seen, d.entries, d.clock, d.partial = seen, entries, used, partial
	return d.plain.pack(groups)
}

func (d *distinctAgg) valueBytes() (total, spare int64) {
	total = d.seen.Bytes() + int64(16*cap(d.entries)) + d.clock.bytes()
	return total, d.seen.Spare() + int64(16*(cap(d.entries)-d.seen.Len()))
}

func (d *distinctAgg) bytes() int64 {
	total, _ := d.valueBytes()
	return d.plain.bytes() + total + int64(cap(d.partial)+4*cap(d.dirty)+4*cap(d.done))
}
