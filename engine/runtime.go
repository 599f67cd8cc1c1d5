package engine

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// fewCores is up to how many cores more threads than cores help.
	fewCores = 8
	// gcPercent is how far the heap grows between two collections, where it is far
	// from its limit: twice as far as by default, as who waits for a barrier waits for
	// a collection too.
	gcPercent = 200
	// roomyHeap is what the heap may always grow to, or an eighth of its limit: where
	// little is live, batches on their way would fill a small heap many times a second.
	roomyHeap = 256 << 20
)

// TuneRuntime sets up Go's runtime for a process that serves a database and has
// this much memory in bytes. What GOMAXPROCS and GOGC say in the environment stays.
//
// Two threads a core run Go code where there are few cores. The runtime takes a
// thread from a goroutine only after 10 ms, so that on two cores a compaction and a
// collection together make a barrier wait for that long at each task it passes; the
// system gives a core to what has slept at once. Throughput is the same.
//
// The collector works harder as the heap nears its part of the memory, and less
// where the heap is small.
func TuneRuntime(memoryLimit int64) {
	if n := runtime.GOMAXPROCS(0); os.Getenv("GOMAXPROCS") == "" && n <= fewCores {
		runtime.GOMAXPROCS(2 * n)
	}
	heap := SplitMemory(memoryLimit).Heap
	debug.SetMemoryLimit(heap)
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
		p := &gcPacer{least: uint64(min(heap/8, roomyHeap)), percent: gcPercent}
		afterCollections(p.collected)
	}
}

// cycle is dead at once, and found so by the next collection. It has a pointer, as
// small objects without are collected in groups.
type cycle struct{ _ *cycle }

// afterCollections calls fn after each collection until it returns false.
func afterCollections(fn func() bool) {
	runtime.AddCleanup(new(cycle), func(fn func() bool) {
		if fn() {
			afterCollections(fn)
		}
	}, fn)
}

// gcPacer sets GOGC after each collection, so that the next one comes when the heap
// has grown by gcPercent, but not before it has reached least bytes.
type gcPacer struct {
	least   uint64
	percent int
}

func (p *gcPacer) collected() bool {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	if percent := gcPercentFor(sample[0].Value.Uint64(), p.least); percent != p.percent {
		p.percent = percent
		debug.SetGCPercent(percent)
	}
	return true
}

// gcPercentFor is GOGC for live bytes, in steps of a fourth: setting it stops all
// threads for a moment.
func gcPercentFor(live, least uint64) int {
	if percent := int(least*100/max(live, 1<<20)) - 100; percent > gcPercent {
		step := max(percent/4, 1)
		for step&(step-1) != 0 {
			step &= step - 1
		}
		return percent / step * step
	}
	return gcPercent
}
