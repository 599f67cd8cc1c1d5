package engine

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"time"
)

// DefaultMemoryLimit is half of the machine's memory, or 1 GB where that is not known.
func DefaultMemoryLimit() int64 {
	b, err := os.ReadFile("/proc/meminfo")
	if err == nil {
		for line := range strings.Lines(string(b)) {
			f := strings.Fields(line)
			if len(f) >= 2 && f[0] == "MemTotal:" {
				if kb, err := strconv.ParseInt(f[1], 10, 64); err == nil {
					return kb << 10 / 2
				}
			}
		}
	}
	return 1 << 30
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
