package executor

import (
	"sync/atomic"
	"time"

	"streamdb/stream"
)

// taskPhase is what a task is doing.
type taskPhase int32

const (
	starting taskPhase = iota
	waiting
	working
	aligning
	sending
	ended
)

var phaseNames = [...]string{"starting", "waiting for input", "processing", "aligning", "waiting for its output to be taken", "ended"}

// gauge is what a task shows of itself to other goroutines. A nil gauge shows nothing.
type gauge struct {
	phase   atomic.Int32
	epoch   atomic.Uint64
	rowsIn  atomic.Int64
	rowsOut atomic.Int64
	block   atomic.Int64 // nanoseconds spent waiting for output to be taken
}

func (g *gauge) set(p taskPhase) {
	if g != nil {
		g.phase.Store(int32(p))
	}
}

// blocked notes that the task waits for room; the function it returns, that it goes on.
func (g *gauge) blocked() func() {
	if g == nil {
		return func() {}
	}
	before := g.phase.Swap(int32(sending))
	start := time.Now()
	return func() {
		g.block.Add(int64(time.Since(start)))
		g.phase.Store(before)
	}
}

// TaskInfo is a row of streamdb.tasks.
type TaskInfo struct {
	ID          stream.TaskID
	Root        string // the kind of the fragment's root operator
	State       string
	Epoch       stream.Epoch // the epoch it is processing
	RowsIn      int64        // over its edges, since it started
	RowsOut     int64        // given by its root, before they are spread
	Blocked     time.Duration
	Queued      int // messages waiting on its inputs
	QueuedBytes int
}
