package engine

import (
	"os"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"

	"streamdb/catalog"
	"streamdb/catalog/syscat"
	"streamdb/storage"
)

// memoryTable: what the memory of the process is used for; the limit of a part is
// NULL where it has none of its own. process contains all others, heap contains
// state, queries, edges and changes, which are those that wait for their commit.
var memoryTable = &runtimeTable{
	name: "memory",
	fill: func(db *DB, _ *catalog.Catalog, _ storage.Snapshot, out *syscat.Rows) error {
		var edges int64
		for _, t := range db.graph.Tasks() {
			edges += int64(t.QueuedBytes)
		}
		store := db.store.Stats()
		if n, ok := processMemory(); ok {
			out.Add("process", n, db.opts.MemoryLimit)
		}
		out.Add("heap", heapMemory(), debug.SetMemoryLimit(-1))
		out.Add("state", db.state.Used(), db.state.Limit())
		out.Add("queries", db.queries.Used(), db.queries.Limit())
		out.Add("edges", edges, nil)
		out.Add("changes", db.coord.Changes(), SplitMemory(db.opts.MemoryLimit).Changes)
		out.Add("block cache", store.CacheBytes, SplitMemory(db.opts.MemoryLimit).Cache)
		out.Add("memtables", store.MemTableBytes, nil)
		return nil
	},
}

// heapMemory is what the runtime counts against its limit, in bytes.
func heapMemory() int64 {
	sample := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64() - sample[1].Value.Uint64())
}

// processMemory is the resident memory of the process in bytes; false where the
// system does not say.
func processMemory() (int64, bool) {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, false
	}
	f := strings.Fields(string(b))
	if len(f) < 2 {
		return 0, false
	}
	pages, err := strconv.ParseInt(f[1], 10, 64)
	return pages * int64(os.Getpagesize()), err == nil
}
