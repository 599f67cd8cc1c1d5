package stream

import "time"

// Epoch numbers the time between two barriers. Barrier N ends epoch N: all
// rows before it belong to epochs <= N. Epochs rise by one, from 1.
type Epoch uint64

// Watermark promises that no later row of this stream has a value at or below
// Time in Column. Time is in the column's own unit (microseconds for timestamps).
type Watermark struct {
	Column int
	Time   int64
}

// AllRead, in place of a watermark's Column, says that the rows that a stream
// began with have all arrived; what comes from here on are changes of them. Only
// streams that were asked to tell it do so, each time that they are started.
const AllRead = -1

// Barrier separates epochs. It is forwarded by executor.Task alone.
type Barrier struct {
	Epoch    Epoch
	Prev     Epoch     // the barrier before it: numbers rise, but not by one
	Time     time.Time // the epoch's time: now() for all that happens in it
	Injected time.Time // when the coordinator made it, for latency figures
	Change   *Change   // nil for most barriers
}

// Change is what a barrier changes in the topology: it takes effect between
// Barrier.Epoch and the next one, everywhere at once.
type Change struct {
	// Stop names the jobs whose tasks end with this barrier: they seal, ack and return.
	Stop map[JobID]bool
	// Attach lists edges that begin after this barrier: the task named by the
	// key adds them to its outputs once it has forwarded the barrier to the old ones.
	Attach map[TaskID][]any
}

// JobID names a running dataflow: a table, source, materialized view or sink,
// by its catalog id.
type JobID uint32

// TaskID names one task of a job.
type TaskID struct {
	Job      JobID
	Fragment int // position of the fragment in the job's plan
	Instance int // 0 .. parallelism-1
}

// Message is exactly one of batch, watermark and barrier.
type Message struct {
	Batch     *Batch
	Lease     *Lease // of the batch's columns; nil: they are the receiver's for ever
	Watermark *Watermark
	Barrier   *Barrier
}
