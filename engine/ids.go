package engine

import (
	"sync"
	"sync/atomic"

	"streamdb/catalog"
	"streamdb/storage"
)

// counters give out ids of objects and state tables. They are not stored: what
// is in use after a restart says where to go on, and garbage keeps its ids until
// its rows are gone.
type counters struct {
	mu    sync.Mutex
	id    catalog.ID
	table storage.TableID
}

func (c *counters) load(m *loadedMeta) {
	c.id, c.table = catalog.FirstUserID, storage.FirstTableID
	for _, o := range m.catalog.Objects() {
		c.id = max(c.id, o.ID+1)
		for _, t := range o.StateTables {
			c.table = max(c.table, t+1)
		}
	}
	for _, n := range m.catalog.Schemas() {
		if id, _ := m.catalog.Schema(n); id >= c.id {
			c.id = id + 1
		}
	}
	for _, t := range m.garbage {
		c.table = max(c.table, t+1)
	}
}

// newID gives out the id of a new object.
func (db *DB) newID() catalog.ID {
	db.ids.mu.Lock()
	defer db.ids.mu.Unlock()
	id := db.ids.id
	db.ids.id++
	return id
}

// newTableID gives out the id of a new state table.
func (db *DB) newTableID() storage.TableID {
	db.ids.mu.Lock()
	defer db.ids.mu.Unlock()
	id := db.ids.table
	db.ids.table++
	return id
}

// rowIDs gives out the hidden _row_id of rows that INSERT makes: unique for
// ever, rising within a run of the server. Row ids of connectors (split number
// << 47 | offset) stay below 2^62, so the two never meet.
//
//	bit 62 | 20 bits: number of the run | 42 bits: row
type rowIDs struct{ next atomic.Int64 }

func (r *rowIDs) start(run uint64) { r.next.Store(1<<62 | int64(run&(1<<20-1))<<42) }

// list gives out n ids.
func (r *rowIDs) list(n int) []int64 {
	ids := make([]int64, n)
	first := r.take(n)
	for i := range ids {
		ids[i] = first + int64(i)
	}
	return ids
}

// take gives out n consecutive ids and returns the first.
func (r *rowIDs) take(n int) int64 { return r.next.Add(int64(n)) - int64(n) }
