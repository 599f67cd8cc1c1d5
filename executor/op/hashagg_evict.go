package op

import "streamdb/executor"

// This file is how the groups of a HashAgg leave memory: all that is not touched
// is in the table. Ids of groups that left are given out again, so that as a rule
// memory stays as it is and only its content changes; it is given back by packing
// what remains.

// evictState is what a hashAgg knows about its place in memory.
type evictState struct {
	clock   clock
	fresh   int     // groups that came since the last eviction
	expect  int     // groups that are expected to come until the next one
	look    int     // the number of them at which spill looks again
	came    int     // groups that came since the last flush
	filled  int64   // bytes that were not spare at the end of the last eviction
	growth  int64   // bytes that are expected to come until the next one; see shrink
	victims []int32 // scratch
	cache   *Caches
	stat    *CacheStat
	statKey CacheKey
}

// spillRows is how many groups may come to memory between two looks at how much
// there is; a variable for tests.
var spillRows = 16 << 10

// openCache starts the figures of the operator's memory.
func (a *hashAgg) openCache(ctx *executor.OpenCtx) {
	if a.table != nil {
		a.cache = envOf(ctx).Caches
	}
	a.statKey = CacheKey{Job: ctx.Job, Table: a.spec.Groups.ID, Operator: a.spec.Kind(), Instance: ctx.Instance}
	a.stat = a.cache.Open(a.statKey)
}

func (a *hashAgg) closeCache() { a.cache.Close(a.statKey, a.stat) }

// spill is an end of the epoch in its midst, without its watermarks, when it
// touches more groups than there is memory for: what they changed is emitted and
// written, and groups leave. Those that come again are emitted again. With inputs
// that retract that cannot be: in the midst of an epoch a retraction may be there
// before its row.
func (a *hashAgg) spill(ctx *executor.Ctx, out executor.Emitter) error {
	if a.table == nil || a.fresh < a.look || !a.spec.AppendOnly || len(a.spec.Keys) == 0 {
		return nil
	}
	a.look = a.fresh + spillRows
	a.memory.report(a.bytes())
	if !a.memory.over() {
		return nil
	}
	a.again = true
	if err := a.flushAll(ctx, out); err != nil {
		return err
	}
	a.spilled = true
	return a.evict()
}

// short is how many groups should leave, so that as many as came between two
// evictions of late can come again. The memory of free ids is there for them.
func (a *hashAgg) short() int {
	ids, live := a.keys.Ids(), a.keys.Len()
	if len(a.spec.Keys) == 0 || ids == 0 {
		return 0
	}
	per := a.memory.held/int64(ids) + 1
	more := a.expect - (ids - live)
	leave := a.memory.shed(int64(max(more+more/8, 0))*per)/per - int64(ids-live)
	if leave > int64(live/8*7) { // nearly all: what is left is not worth its arrays
		return live
	}
	return int(max(leave, 0))
}

// evict makes groups leave as far as memory is short.
func (a *hashAgg) evict() error {
	a.memory.report(a.bytes())
	a.res.most = a.memory.held / 8
	a.expect = max(a.fresh, a.expect/4*3)
	pack := false
	if a.lazy {
		if n := a.short(); n > 0 {
			a.leave(n)
		}
		pack = a.keys.Ids() > a.keys.Len()
	} else {
		a.shrink()
		pack = a.spare() > a.memory.held/5
	}
	if pack && a.memory.over() {
		if err := a.pack(); err != nil {
			return err
		}
		a.memory.report(a.bytes())
	}
	a.fresh, a.look = 0, spillRows
	a.stat.Resident.Store(int64(a.keys.Len()))
	a.stat.Bytes.Store(a.memory.held)
	return nil
}

// leave makes groups leave memory.
func (a *hashAgg) leave(want int) {
	a.victims = a.clock.pick(a.keys.lives, want, a.victims[:0])
	a.storedAt = min(a.storedAt, a.sweepAt)
	if !a.lazy {
		gone := make([]bool, len(a.groups))
		for _, id := range a.victims {
			gone[id] = true
		}
		for _, c := range a.aggs {
			c.evict(func(id int32) bool { return gone[id] })
		}
	}
	for _, id := range a.victims {
		a.res.evict(a.keys.Tag(id))
		a.forget(id)
	}
	a.stat.Evicted.Add(int64(len(a.victims)))
}

// pack gives memory back, which deleting does not: the groups get new ids.
func (a *hashAgg) pack() error {
	live := a.keys.All()
	groups := make([]aggGroup, len(live))
	for k, id := range live {
		groups[k] = a.groups[id]
	}
	a.groups, a.victims, a.absentSorted = groups, nil, nil
	a.refs = groupRefs{owner: a}
	a.keys = a.keys.Pack(live)
	a.clock.pack(live)
	for _, c := range a.aggs {
		if err := c.pack(live); err != nil {
			return err
		}
	}
	return nil
}
