package engine

import (
	"os"
	"runtime"
	"runtime/debug"
)

const (
	// fewCores is up to how many cores more threads than cores help.
	fewCores = 8
	// gcPercent is how far the heap grows between two collections, where it is far
	// from its limit: twice as far as by default, as who waits for a barrier waits for
	// a collection too.
	gcPercent = 200
)

// TuneRuntime sets up Go's runtime for a process that serves a database and has
// this much memory in bytes. What GOMAXPROCS and GOGC say in the environment stays.
//
// Two threads a core run Go code where there are few cores. The runtime takes a
// thread from a goroutine only after 10 ms, so that on two cores a compaction and a
// collection together make a barrier wait for that long at each task it passes; the
// system gives a core to what has slept at once. Throughput is the same.
//
// The collector works harder as the heap nears its part of the memory.
func TuneRuntime(memoryLimit int64) {
	if n := runtime.GOMAXPROCS(0); os.Getenv("GOMAXPROCS") == "" && n <= fewCores {
		runtime.GOMAXPROCS(2 * n)
	}
	debug.SetMemoryLimit(SplitMemory(memoryLimit).Heap)
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}
