package engine

import (
	"cmp"
	"slices"

	"streamdb/catalog"
	"streamdb/catalog/syscat"
	"streamdb/executor/op"
	"streamdb/storage"
)

// stateCacheTable: what each instance of a stateful operator has in memory of its
// state, and how well that does. hits and misses count groups, once per epoch that
// touches them, since the operator was started; new groups are neither. hit_rate
// is hits / (hits + misses), NULL while there are none.
var stateCacheTable = &runtimeTable{
	name: "state_cache",
	fill: func(db *DB, cat *catalog.Catalog, _ storage.Snapshot, out *syscat.Rows) error {
		type row struct {
			key  op.CacheKey
			stat *op.CacheStat
		}
		var rows []row
		db.env.Caches.Each(func(k op.CacheKey, s *op.CacheStat) { rows = append(rows, row{k, s}) })
		slices.SortFunc(rows, func(a, b row) int {
			return cmp.Or(cmp.Compare(a.key.Job, b.key.Job), cmp.Compare(a.key.Table, b.key.Table), cmp.Compare(a.key.Instance, b.key.Instance))
		})
		for _, r := range rows {
			hits, misses := r.stat.Hits.Load(), r.stat.Misses.Load()
			var rate any
			if hits+misses > 0 {
				rate = float64(hits) / float64(hits+misses)
			}
			out.Add(int64(r.key.Job), db.jobName(cat, r.key.Job), r.key.Operator, int64(r.key.Table), r.key.Instance,
				r.stat.Resident.Load(), r.stat.Bytes.Load(), hits, misses, r.stat.Evicted.Load(), rate)
		}
		return nil
	},
}
