package op

import (
	"slices"

	"streamdb/executor"
	"streamdb/storage"
	"streamdb/stream"
)

// This file is how the rows of a join leave memory: at a barrier all of them are in
// the state tables. They leave key by key, with all rows of both sides, those first
// that were not used lately, and as many as memory is short of. Their slots are
// used again, so that as a rule memory stays as it is and only its content changes;
// where that is not enough what remains is packed.

// joinCache is what a join knows about its place in memory.
type joinCache struct {
	clock   clock // by key id
	came    int   // rows that came to memory since the last eviction
	victims []int32
	away    residency // of keys
	caches  *Caches
	stat    *CacheStat
	statKey CacheKey
}

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

// use notes which keys a batch has used. Those that it brought begin without a
// second chance.
func (j *hashJoin) use(fresh []int32) {
	c := &j.cache
	c.clock.grow(j.keys.Ids())
	rows := 0
	for _, id := range j.ids {
		if id >= 0 {
			c.clock.use(id)
			rows++
		}
	}
	for _, id := range fresh {
		c.clock.forget(id)
	}
	c.stat.Hits.Add(int64(max(0, rows-len(fresh))))
}

// dropKey forgets a key without rows.
func (j *hashJoin) dropKey(id int32) {
	j.keys.Delete(id)
	if int(id>>6) < len(j.cache.clock.used) {
		j.cache.clock.forget(id)
	}
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
			j.cache.away.evict(j.keys.Tag(id))
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

// leave makes keys leave that have at least so many rows together.
func (j *hashJoin) leave(want, live int) {
	c := &j.cache
	c.clock.grow(j.keys.Ids())
	for want > 0 && j.keys.Len() > 0 {
		keys := max(1, int(int64(want)*int64(j.keys.Len())/int64(max(live, 1))))
		c.victims = c.clock.pick(j.keys.lives, keys, c.victims[:0])
		if len(c.victims) == 0 {
			return
		}
		for _, id := range c.victims {
			n := j.leaveKey(id)
			want, live = want-n, live-n
		}
		c.stat.Evicted.Add(int64(len(c.victims)))
	}
}

// leaveKey drops a key and its rows, all of which are stored, from memory.
func (j *hashJoin) leaveKey(id int32) (rows int) {
	for k := range j.sides {
		d := &j.sides[k]
		for s := d.heads[id]; s >= 0; {
			next := d.rows.next[s]
			d.rows.remove(s)
			s = next
			rows++
		}
		d.heads[id], d.sums[id] = -1, 0
	}
	j.cache.away.evict(j.keys.Tag(id))
	j.dropKey(id)
	j.complete = false
	return rows
}

// pack gives memory back, which freeing slots does not: keys and rows are numbered
// anew, the rows of a key one after the other.
func (j *hashJoin) pack() {
	ids := j.keys.All()
	keys, vnodes, sides, clock := j.keys, j.vnodes, j.sides, j.cache.clock
	j.reset()
	clock.pack(ids)
	j.cache.clock, j.keys = clock, keys.Pack(ids)
	j.vnodes = make([]storage.VNode, 0, len(ids))
	for k := range j.sides {
		d := &j.sides[k]
		d.heads, d.sums = make([]int32, 0, len(ids)), make([]int32, 0, len(ids))
		d.rows.reserve(sides[k].rows.live)
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
			slot := j.link(d, kept, i, id, old.rows.weight(s))
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
