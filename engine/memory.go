package engine

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// DefaultMemoryLimit is three quarters of the memory that the machine or, if that
// is less, the container has; 1 GB where neither is known.
func DefaultMemoryLimit() int64 {
	n, err := memlimit.ApplyFallback(memlimit.FromCgroup, memlimit.FromSystem)()
	if err != nil || n == 0 {
		return 1 << 30
	}
	return int64(n / 4 * 3)
}

// MemoryBudget says what a memory limit is for, in bytes. State, Queries and Changes
// are parts of Heap; what is left of it is for rows on their way, and for garbage.
type MemoryBudget struct {
	Heap    int64 // what the runtime may hold: for debug.SetMemoryLimit
	State   int64 // operators of jobs shed what they hold beyond it
	Queries int64 // statements that want more together end with 53200
	Changes int64 // that wait for their commit: sources pause beyond it
	Cache   int64 // the store's blocks, outside of the heap
}

const (
	fixedMemory = 108 << 20 // the program itself, the store's memtables and its buffers
	leastCache  = 16 << 20
	mostChanges = 1 << 30 // an epoch that is larger takes seconds
)

// SplitMemory divides a limit so that the process as a whole stays below it.
func SplitMemory(limit int64) MemoryBudget {
	b := MemoryBudget{Cache: max(limit/8, leastCache)}
	fragments := limit / 16 // that the C allocator behind the cache loses
	b.Heap = max(limit-b.Cache-fragments-fixedMemory, limit/2)
	b.State, b.Queries = b.Heap/2, b.Heap/4
	b.Changes = min(b.Heap/8, mostChanges)
	return b
}

const (
	memoryTick = time.Second
	quietBytes = 32 << 20  // allocated in a tick: less is a quiet time
	spareBytes = 128 << 20 // held beyond the last look: worth a collection
)

// returnMemory gives memory back to the machine some time after something large
// (a statement, a result, a sort) has ended: left alone, the collector runs only
// once as much again has been allocated, which on a quiet server takes minutes.
// While much is allocated it does nothing, as collections come by themselves.
func returnMemory(ctx context.Context) {
	tick := time.NewTicker(memoryTick)
	defer tick.Stop()
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/free:bytes"}}
	look := func() (allocated, held uint64) {
		metrics.Read(sample)
		return sample[0].Value.Uint64(), sample[1].Value.Uint64() + sample[2].Value.Uint64()
	}
	before, base := look()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		allocated, held := look()
		quiet := allocated-before < quietBytes
		before, base = allocated, min(base, held)
		if quiet && held > base+spareBytes {
			debug.FreeOSMemory()
			before, base = look()
		}
	}
}
