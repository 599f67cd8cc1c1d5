package op

import (
	"testing"

	"streamdb/executor/optest"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// pushKeys pushes rows (k, v) with k = (from + i) * step % keys.
func pushKeys(t *testing.T, h *optest.Harness, from, n, step, keys int64) {
	t.Helper()
	for ; n > 0; n -= stream.BatchRows {
		k, v := make([]int64, min(n, stream.BatchRows)), make([]int64, min(n, stream.BatchRows))
		for i := range k {
			k[i], v[i] = (from+int64(i))*step%keys, from
		}
		if err := h.PushBatch(0, stream.NewBatch(len(k), []vec.Vec{vec.Ints(k), vec.Ints(v)}, nil)); err != nil {
			t.Fatal(err)
		}
		from += stream.BatchRows
	}
}

// sumSpec is select k, count(*), sum(v) .. group by k, with the figures of its memory.
func sumSpec(t *testing.T) (types.Schema, *HashAgg, *Caches) {
	s := optest.Schema(t, "k int8, v int8")
	return s, aggSpec(s, []int{0}, []AggCall{aggCall(t, s, "count"), aggCall(t, s, "sum", 1)}, true), &Caches{}
}

func cacheStat(t *testing.T, c *Caches) (out *CacheStat) {
	t.Helper()
	c.Each(func(_ CacheKey, s *CacheStat) { out = s })
	if out == nil {
		t.Fatal("the operator shows no figures")
	}
	return out
}

// TestHashAggBytes: a group with a bigint key and 16 bytes of state takes 48 bytes.
func TestHashAggBytes(t *testing.T) {
	s, spec, caches := sumSpec(t)
	h := optest.New(t, []types.Schema{s}, buildAgg(spec), optest.Options{Discard: true, Env: &Env{Caches: caches}})
	const epoch = 25_000
	for n := int64(0); n < 400_000; n += epoch {
		pushKeys(t, h, n, epoch, 1, 1<<40)
		h.Barrier()
		stat := cacheStat(t, caches)
		// What is for the groups of an epoch is the less the more groups there are.
		if groups := n + epoch; groups >= 200_000 {
			per := float64(stat.Bytes.Load()-40*epoch) / float64(groups)
			if per > 48 {
				t.Fatalf("%.1f bytes a group with %d groups", per, groups)
			}
			if n+epoch == 400_000 {
				t.Logf("%.1f bytes a group with %d groups", per, groups)
			}
		}
	}
}

// TestHashAggClock: with memory for a part of the groups, those that every epoch
// touches stay there while others come and go, and memory keeps to its limit.
func TestHashAggClock(t *testing.T) {
	s, spec, caches := sumSpec(t)
	const limit = 4 << 20
	h := optest.New(t, []types.Schema{s}, buildAgg(spec), optest.Options{Evict: true, Limit: limit, Discard: true, Env: &Env{Caches: caches}})
	stat := cacheStat(t, caches)
	var hits, misses int64
	for epoch := range int64(60) {
		pushKeys(t, h, 0, 4096, 1, 4096)                  // the same groups
		pushKeys(t, h, 10_000+epoch*4096, 4096, 7, 1<<20) // others, one epoch each and again much later
		h.Barrier()
		if used := h.Memory(); used > limit {
			t.Fatalf("epoch %d: %d bytes in memory", epoch, used)
		}
		if epoch == 30 {
			hits, misses = stat.Hits.Load(), stat.Misses.Load()
		}
	}
	hits, misses = stat.Hits.Load()-hits, stat.Misses.Load()-misses
	if stat.Evicted.Load() == 0 {
		t.Error("nothing has left memory")
	}
	if misses > hits/4 {
		t.Errorf("%d groups were in memory, %d had to be read", hits, misses)
	}
	t.Logf("%d in memory, %d read, %d left, %d are there", hits, misses, stat.Evicted.Load(), stat.Resident.Load())
}

// TestHashAggSetsLeave: groups of one value each, of aggregates that keep values, leave
// and are packed, so that memory comes down below its limit.
func TestHashAggSetsLeave(t *testing.T) {
	s := optest.Schema(t, "k int8, v int8")
	distinct := aggCall(t, s, "count", 1)
	distinct.Distinct = true
	spec := aggSpec(s, []int{0}, []AggCall{distinct}, true)
	const limit = 1 << 20
	h := optest.New(t, []types.Schema{s}, buildAgg(spec), optest.Options{Evict: true, Limit: limit, Discard: true})
	above := 0
	for epoch := range int64(40) {
		pushKeys(t, h, epoch*4096, 4096, 1, 1<<40)
		h.Barrier()
		if above++; h.Memory() <= limit {
			above = 0
		}
		if above > 4 {
			t.Fatalf("epoch %d: %d bytes in memory, and %d epochs before it above %d", epoch, h.Memory(), above, limit)
		}
	}
}
