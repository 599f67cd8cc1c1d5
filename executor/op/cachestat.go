package op

import (
	"sync"
	"sync/atomic"

	"streamdb/storage"
	"streamdb/stream"
)

// CacheStat is the figures of what one instance of a stateful operator keeps in
// memory of a state table. The operator sets them at its barriers.
type CacheStat struct {
	Resident atomic.Int64 // entries in memory: groups, keys
	Bytes    atomic.Int64 // memory that they take
	Hits     atomic.Int64 // entries that an epoch touched and that were in memory
	Misses   atomic.Int64 // entries that were read from the table, be there something or not
	Evicted  atomic.Int64 // entries that have left memory
}

// CacheKey names an instance's cache.
type CacheKey struct {
	Job      stream.JobID
	Table    storage.TableID
	Operator string // its Kind
	Instance int
}

// Caches is the caches of all operators that run. The zero value is ready; a nil
// *Caches gives figures that nobody reads.
type Caches struct {
	mu    sync.Mutex
	stats map[CacheKey]*CacheStat
}

// Open makes the figures of a cache, from zero.
func (c *Caches) Open(key CacheKey) *CacheStat {
	s := &CacheStat{}
	if c == nil {
		return s
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stats == nil {
		c.stats = map[CacheKey]*CacheStat{}
	}
	c.stats[key] = s
	return s
}

// Close forgets the figures, unless the operator was opened again meanwhile.
func (c *Caches) Close(key CacheKey, s *CacheStat) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stats[key] == s {
		delete(c.stats, key)
	}
}

// Each calls fn for every cache, in no order.
func (c *Caches) Each(fn func(CacheKey, *CacheStat)) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for k, s := range c.stats {
		fn(k, s)
	}
}
