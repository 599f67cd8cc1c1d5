package main

import (
	"os"
	"runtime"
)

// fewCores is up to how many cores more threads than cores help.
const fewCores = 8

// moreThreads lets two threads a core run Go code where there are few cores. The
// runtime takes a thread from a goroutine only after 10 ms, so that on two cores
// a compaction and a collection together make a barrier wait for that long at
// each task it passes; the system gives a core to what has slept at once.
// Throughput is the same. GOMAXPROCS in the environment is left as it is.
func moreThreads() {
	if n := runtime.GOMAXPROCS(0); os.Getenv("GOMAXPROCS") == "" && n <= fewCores {
		runtime.GOMAXPROCS(2 * n)
	}
}
