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
	uses := len(d.uses)
	ids, counts := make([]int32, 0, len(dirty)), make([]int64, 0, len(dirty)*uses)
	for _, id := range dirty {
		mark := d.marks[id] &^ valueDirty
		d.marks[id] = mark
		if mark&valueUses == 0 && mark&valueStored == 0 {
			if !d.appendOnly && slices.Min(d.counts[int(id)*uses:][:uses]) < 0 {
				return errValueGone()
			}
			continue
		}
		ids, counts = append(ids, id), d.countsOf(id, counts)
		if slices.Min(counts[len(counts)-uses:]) < 0 {
			return errValueGone()
		}
		d.marks[id] = mark &^ valueStored
		if mark&valueUses != 0 {
			d.marks[id] |= valueStored
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
		for k := range group {
			counts := counts[k*uses:][:uses]
			v := keys.vnodes[group[k]]
			key = appendStateKey(keys.append(key[:0], group[k]), ts, values, k)
			if slices.Max(counts) == 0 {
				to.Delete(v, key)
				continue
			}
			value = value[:0]
			for _, c := range counts {
				value = binary.AppendVarint(value, c)
			}
			to.Put(v, key, value)
		}
	})
	return nil
}

// sweep forgets the values that the last epoch emptied: before values are looked up,
// because the ids of groups are used again, and not at the barrier, where others wait.
func (d *distinctAgg) sweep() {
	for _, id := range d.done {
		if d.seen.Live(id) && d.marks[id]&(valueUses|valueDirty) == 0 {
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
	for id := range d.marks {
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
	was := *d
	d.seen, d.marks, d.counts, d.clock = newKeyTable(was.seen.types), nil, nil, clock{}
	ids := make([]int32, min(len(live), stream.BatchRows))
	for part := range slices.Chunk(live, stream.BatchRows) {
		cols := was.seen.Keys(part)
		group := make([]int64, len(part))
		for k, g := range cols[0].I64[:len(part)] {
			group[k] = int64(to[g])
		}
		cols[0] = vec.Ints(group)
		d.seen.FindOrInsert(cols, nil, len(part), ids[:len(part)])
		d.growValues()
		for k, id := range ids[:len(part)] {
			d.setCounts(id, was.countsOf(part[k], nil))
			d.marks[id] = was.marks[part[k]]
			if was.clock.has(part[k]) {
				d.clock.use(id)
			}
		}
	}
	d.partial = partial
	return d.plain.pack(groups)
}

func (d *distinctAgg) valueBytes() (total, spare int64) {
	total = d.seen.Bytes() + int64(4*cap(d.marks)+8*cap(d.counts)) + d.clock.bytes()
	return total, d.seen.Spare() + int64(4*(cap(d.marks)-d.seen.Len())+8*(cap(d.counts)-d.seen.Len()*len(d.counts)/max(len(d.marks), 1)))
}

func (d *distinctAgg) bytes() int64 {
	total, _ := d.valueBytes()
	return d.plain.bytes() + total + int64(cap(d.partial)+4*cap(d.dirty)+4*cap(d.done))
}
