package checkpoint

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"streamdb/stream"
)

// EpochStats is what one epoch cost: a row of streamdb.checkpoints.
type EpochStats struct {
	Epoch    stream.Epoch
	Commit   stream.Epoch // the number of the commit, in the order of commits
	Injected time.Time
	Align    time.Duration // injection until the last ack: alignment, flushing, sealing
	Queue    time.Duration // until the committer took it
	Sort     time.Duration // sorting the deltas
	Write    time.Duration // the commit itself: now visible
	Sync     time.Duration // the fsync that made it durable; shared by the epochs it covers
	Durable  bool
	Ingested bool         // written as sorted tables instead of through the log
	Rows     int          // changed rows
	Bytes    int          // their keys and values
	Tasks    int          // that took part
	Requests int          // that shared the barrier
	Last     stream.JobID // the job whose ack came last
	LastTask stream.TaskID
	Trigger  string        // what made the barrier come: see notes.go
	Flush    time.Duration // the longest that a task took to emit what it held back and hand its state over
	Seal     time.Duration // the longest that a task took to seal its tables
	Interval time.Duration // to the next barrier for which nobody asks
	Stall    time.Duration // that the commit waited for the store to catch up; a part of Write
}

// statsKept is the number of epochs remembered.
const statsKept = 512

// statsRing holds the last epochs, oldest first once it is full and rotated.
type statsRing struct {
	ring []EpochStats
	at   int // where the next one goes, once full
}

func (r *statsRing) add(e EpochStats) {
	if len(r.ring) < statsKept {
		r.ring = append(r.ring, e)
		return
	}
	r.ring[r.at] = e
	r.at = (r.at + 1) % statsKept
}

// synced marks the epochs of all commits up to n that were not durable before.
func (r *statsRing) synced(n stream.Epoch, took time.Duration) {
	for i := range r.ring {
		if e := &r.ring[i]; !e.Durable && e.Commit <= n {
			e.Durable, e.Sync = true, took
		}
	}
}

// Epochs returns the last epochs, oldest first.
func (c *Coordinator) Epochs() []EpochStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Concat(c.stats.ring[c.stats.at:], c.stats.ring[:c.stats.at])
}

// InFlight is an epoch that is not committed yet.
type InFlight struct {
	Epoch    stream.Epoch
	Injected time.Time
	Awaited  []stream.TaskID // tasks whose ack is missing; empty: being committed
}

// InFlight returns the epochs in flight, oldest first.
func (c *Coordinator) InFlight() []InFlight {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]InFlight, len(c.flight))
	for i, e := range c.flight {
		out[i] = InFlight{Epoch: e.n, Injected: e.injected, Awaited: e.waiting()}
	}
	return out
}

// waiting lists the tasks that have not acked, in order.
func (e *epoch) waiting() []stream.TaskID {
	out := make([]stream.TaskID, 0, len(e.awaited))
	for t := range e.awaited {
		out = append(out, t)
	}
	slices.SortFunc(out, func(a, b stream.TaskID) int {
		if a.Job != b.Job {
			return int(a.Job) - int(b.Job)
		}
		if a.Fragment != b.Fragment {
			return a.Fragment - b.Fragment
		}
		return a.Instance - b.Instance
	})
	return out
}

// describeTasks says what tasks are doing.
func (c *Coordinator) describeTasks(tasks []stream.TaskID) []string {
	var out []string
	for _, t := range tasks {
		s := fmt.Sprintf("job %d task %d.%d", t.Job, t.Fragment, t.Instance)
		if c.opts.TaskState != nil {
			s += " (" + c.opts.TaskState(t) + ")"
		}
		out = append(out, s)
	}
	return out
}

func formatEpoch(n stream.Epoch) string { return strconv.FormatUint(uint64(n), 10) }
