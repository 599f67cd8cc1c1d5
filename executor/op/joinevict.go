package op

import (
	"slices"

	"streamdb/executor"
	"streamdb/storage"
	"streamdb/stream"
)

// This file is how the rows of a join leave memory: at a barrier all of them are in
// the state tables. The rows of a key leave by side, those first that no row of the
// other side was compared with lately, and as many as memory is short of. Their slots
// are used again, so that as a rule memory stays as it is and only its content
// changes; where that is not enough what remains is packed.

// joinCache is what a join knows about its place in memory.
type joinCache struct {
	clock   clock    // by entry
	here    []uint64 // bit set of entries that may leave
	came    int      // rows that came to memory since the last eviction
	victims []int32
	caches  *Caches
	stat    *CacheStat
	statKey CacheKey
}

func (c *joinCache) bytes() int64 { return c.clock.bytes() + int64(8*cap(c.here)) }

// joinEntry is the number of a key's side for the clock: 64 of the left side follow
// upon 64 of the right one, as the words of bit sets by key do.
func joinEntry(id int32, side int) int32 { return id>>6<<7 | int32(side)<<6 | id&63 }

// ofEntry is the inverse of joinEntry.
func ofEntry(e int32) (id int32, side int) { return e>>7<<6 | e&63, int(e >> 6 & 1) }

// joinEvictMin is the memory below which a join does not give up rows.
var joinEvictMin int64 = 4 << 20

// openCache starts the figures of the join's memory.
func (j *hashJoin) openCache(ctx *executor.OpenCtx) {
	c := &j.cache
	c.statKey = CacheKey{Job: ctx.Job, Table: j.spec.R.Table.ID, Operator: j.spec.Kind(), Instance: ctx.Instance}
	if !ctx.Bounded {
		c.caches = envOf(ctx).Caches
	}
	c.stat = c.caches.Open(c.statKey)
}

func (j *hashJoin) Close() error {
	j.cache.caches.Close(j.cache.statKey, j.cache.stat)
	j.memory.release()
	return nil
}

// use notes which keys' rows a batch has used. Those of keys that it brought begin
// without a second chance.
func (j *hashJoin) use(in int, fresh []int32) {
	c := &j.cache
	c.clock.grow(2 * (j.keys.Ids() + 63))
	own := !j.sides[in].aside
	rows := 0
	for _, id := range j.ids {
		if id < 0 {
			continue
		}
		if c.clock.use(joinEntry(id, 1-in)); own {
			c.clock.use(joinEntry(id, in))
		}
		rows++
	}
	for _, id := range fresh {
		j.unused(id)
	}
	c.stat.Hits.Add(int64(max(0, rows-len(fresh))))
}

func (j *hashJoin) unused(id int32) {
	if e := joinEntry(id, 1); int(e>>6) < len(j.cache.clock.used) {
		j.cache.clock.forget(e)
		j.cache.clock.forget(joinEntry(id, 0))
	}
}

// dropKey forgets a key without rows in memory.
func (j *hashJoin) dropKey(id int32) {
	j.keys.Delete(id)
	j.unused(id)
}

// slots is how many rows the arrays of both sides have room for, and live how many
// are there.
func (j *hashJoin) slots() (slots, live int) {
	for k := range j.sides {
		r := j.sides[k].rows
		slots, live = slots+len(r.key), live+r.live
	}
	return slots, live
}

// evict makes rows leave as far as memory is short, so that as many as came since
// the last time can come again.
func (j *hashJoin) evict() {
	defer j.known()
	if j.windowed || j.interval || j.memory.held <= joinEvictMin { // windows are cleaned by what is in memory
		return
	}
	slots, live := j.slots()
	per := j.memory.held/int64(max(slots, 1)) + 1
	more := min(max(0, j.cache.came-(slots-live)), live/8) // more than that would cost what is used
	shed := j.memory.shed(int64(more+more/8) * per)
	if shed == 0 {
		return
	}
	want := max(int(shed/per), more)
	if want > live*7/8 { // nearly all: what is left is not worth its arrays
		j.cache.stat.Evicted.Add(int64(j.keys.Len()))
		for _, id := range j.keys.All() {
			for k := range j.sides {
				if d := &j.sides[k]; d.heads[id] >= 0 {
					d.gone.evict(j.keys.Tag(id))
				}
			}
		}
		j.reset()
		j.complete = false
		j.report()
		return
	}
	j.leave(want, live)
	if !j.memory.over() {
		return
	}
	// Packing moves all that stays: it has to be worth it, and to leave room for the
	// arrays to grow without coming here at the next barrier again.
	slots, live = j.slots()
	if more := slots/packShare - (slots - live); more > 0 {
		j.leave(more, live)
	}
	j.pack()
	j.report()
}

// packShare: packing gives back at least this part of the slots.
const packShare = 3

// leave makes sides of keys leave that have at least so many rows together.
func (j *hashJoin) leave(want, live int) {
	c := &j.cache
	c.clock.grow(2 * (j.keys.Ids() + 63))
	for want > 0 && j.keys.Len() > 0 {
		entries := max(1, int(int64(want)*int64(2*j.keys.Len())/int64(max(live, 1))))
		c.victims = c.clock.pick(j.mayLeave(), entries, c.victims[:0])
		if len(c.victims) == 0 {
			return
		}
		for _, e := range c.victims {
			c.clock.forget(e)
			n := j.leaveEntry(ofEntry(e))
			want, live = want-n, live-n
		}
		c.stat.Evicted.Add(int64(len(c.victims)))
	}
}

// mayLeave is the set of entries that are in memory.
func (j *hashJoin) mayLeave() []uint64 {
	c := &j.cache
	c.here = c.here[:0]
	for w, lives := range j.keys.lives {
		for k := range j.sides {
			here := lives
			if d := &j.sides[k]; !d.stored {
				here = 0
			} else if w < len(d.away) {
				here &^= d.away[w]
			}
			c.here = append(c.here, here)
		}
	}
	return c.here
}

// leaveEntry drops the rows of a key's side, all of which are stored, from memory,
// and the key when nothing of it is left. Where rows know how many matches they have
// both sides go.
func (j *hashJoin) leaveEntry(id int32, side int) (rows int) {
	if !j.keys.Live(id) { // the other side was chosen as well
		return 0
	}
	left := true
	for k := range j.sides {
		d := &j.sides[k]
		if k == side || j.paired() {
			rows += d.leave(id)
			if d.stored && d.heads[id] >= 0 {
				d.gone.evict(j.keys.Tag(id))
			}
			d.heads[id], d.sums[id] = -1, 0
			d.setAway(id)
		}
		left = left && (!d.stored || d.isAway(id))
	}
	if left {
		j.dropKey(id)
	}
	j.complete = false
	return rows
}

// leave frees the slots of a key's rows.
func (d *joinSide) leave(id int32) (rows int) {
	for s := d.heads[id]; s >= 0; rows++ {
		next := d.rows.next[s]
		d.rows.remove(s)
		s = next
	}
	return rows
}

// pack gives memory back, which freeing slots does not: keys and rows are numbered
// anew, the rows of a key one after the other.
func (j *hashJoin) pack() {
	ids := j.keys.All()
	keys, vnodes, sides, clock := j.keys, j.vnodes, j.sides, j.cache.clock
	j.reset()
	j.keys = keys.Pack(ids)
	j.cache.clock.grow(2 * (len(ids) + 63))
	j.vnodes = make([]storage.VNode, 0, len(ids))
	for k := range j.sides {
		d := &j.sides[k]
		d.heads, d.sums = make([]int32, 0, len(ids)), make([]int32, 0, len(ids))
		d.rows.reserve(sides[k].rows.live)
		for to, id := range ids {
			if sides[k].isAway(id) {
				d.setAway(int32(to))
			}
			if e := joinEntry(id, k); clock.used[e>>6]>>(e&63)&1 != 0 {
				j.cache.clock.use(joinEntry(int32(to), k))
			}
		}
	}
	for _, id := range ids {
		j.vnodes = append(j.vnodes, vnodes[id])
	}
	for k := range j.sides {
		for from := 0; from < len(ids); from += stream.BatchRows {
			j.packRows(&j.sides[k], &sides[k], ids[from:min(from+stream.BatchRows, len(ids))], int32(from))
		}
	}
}

// packRows moves the rows of some keys from old to d, where the keys have the ids to,
// to + 1 ..
func (j *hashJoin) packRows(d, old *joinSide, ids []int32, to int32) {
	var slots, keys []int32
	for k, id := range ids {
		d.heads, d.sums = append(d.heads, -1), append(d.sums, old.sums[id])
		for s := old.heads[id]; s >= 0; s = old.rows.next[s] {
			slots, keys = append(slots, s), append(keys, to+int32(k))
		}
	}
	var hashes []uint64
	for len(slots) > 0 {
		n := old.rows.batch(slots)
		kept := old.gatherAll(slots[:n])
		if d.rows.tags != nil {
			hashes = slices.Grow(hashes[:0], n)[:n]
			d.hash(kept, n, hashes)
		}
		for i, s := range slots[:n] {
			id := keys[i]
			slot := d.rows.insert(kept, i, id)
			j.link(d, slot, id, old.rows.weight(s))
			d.rows.flags[slot] = old.rows.flags[s]
			if d.rows.deg != nil {
				d.rows.deg[slot] = old.rows.deg[s]
			}
			if d.rows.tags != nil {
				d.rows.addIndex(slot, rowTag(hashes[i], id))
			}
		}
		slots, keys = slots[n:], keys[n:]
	}
}

// known shows what is in memory now.
func (j *hashJoin) known() {
	j.cache.came = 0
	j.cache.stat.Resident.Store(int64(j.keys.Len()))
	j.cache.stat.Bytes.Store(j.memory.held)
}
