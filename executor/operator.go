package executor

import (
	"context"
	"log/slog"

	"streamdb/expr"
	"streamdb/storage"
	"streamdb/stream"
)

// Operator turns changes of its inputs into changes of its output. All calls
// come from the one goroutine of its task. The law that every operator obeys:
// the sum of its output deltas up to a barrier is a function of the sum of its
// input deltas, whatever the split into batches and the order inside an epoch.
//
// Embed Base for the methods that a stateless operator does not need.
type Operator interface {
	// Process takes a batch of input number in. The batch is shared: read only.
	Process(ctx *Ctx, in int, b *stream.Batch, out Emitter) error
	// Watermark takes a watermark of input number in, already merged over the
	// instances of that input.
	Watermark(ctx *Ctx, in int, w stream.Watermark, out Emitter) error
	// Barrier is called once all inputs reached the barrier and the operators
	// below flushed. The operator emits what it held back in this epoch and writes
	// its dirty state to its state tables; the task then seals them.
	Barrier(ctx *Ctx, b stream.Barrier, out Emitter) error
	// Close frees what Open took. Called exactly once, also after errors.
	Close() error
}

// Poller is an operator that makes rows by itself: a source reader, a backfill.
// The task calls Poll between input messages while it is not aligning.
type Poller interface {
	Operator
	// Poll emits at most a few batches and returns at once. more: call again as
	// soon as possible; otherwise the task polls again after a barrier, after a
	// notice of durability, when the wake channel says so, or, if that is nil, after a
	// pause of some milliseconds that grows to 100 ms (1 s when it has inputs). In a
	// bounded run false means that a leaf is at its end.
	Poll(ctx *Ctx, out Emitter) (more bool, err error)
	// Wake may be nil; a receive from it means that Poll has work.
	Wake() <-chan struct{}
}

// Committed is implemented by operators that act when an epoch has become
// durable: sinks that deliver, caches that may now evict. It is called from the
// task's goroutine some time after the fsync, for the latest durable epoch only,
// and once after a start, with the epoch that the store was opened or the job begun at.
type Committed interface {
	Committed(ctx *Ctx, epoch stream.Epoch) error
}

// Withholder is implemented by operators that hand what an epoch changed over at its
// barrier only: to their state tables, or down the plan.
type Withholder interface {
	// Withheld is about how many bytes the epoch has changed so far.
	Withheld() int
}

// Announcer is implemented by specs that tell others what they will need of them.
type Announcer interface {
	// Announce is called whenever a job with the spec is built: before any of its
	// tasks is started or gets an edge. env is OpenCtx.Env.
	Announce(env any)
}

// Forgetter is implemented by operators with an Optional input. They hold back what
// it brings until the barrier.
type Forgetter interface {
	// Forget drops what input number in brought since the last barrier: its job
	// failed in the middle of the epoch, and brings nothing more.
	Forget(in int)
}

// Emitter takes the output of an operator. Emit may block (back-pressure); it
// returns the task's error or ErrStop when nobody wants more rows (LIMIT in a
// bounded run), which the operator returns unchanged.
type Emitter interface {
	Emit(b *stream.Batch) error
	EmitWatermark(w stream.Watermark) error
}

// Ctx is what the task gives to every call. Expr.Now is the epoch's time.
type Ctx struct {
	context.Context
	Expr  *expr.Ctx
	Epoch stream.Epoch // the epoch now being processed

	lease *stream.Lease // of the columns that are being processed
}

// Lend says that the columns that are emitted now, in this call, are lent to those
// who get them: by a Poller, or by an operator that kept them.
func (c *Ctx) Lend(l *stream.Lease) { c.lease = l }

// Keep makes the columns that are being processed the caller's for as long as it
// does not release the lease; nil: they are its for ever. Who emits them in a later
// call lends them with it, and nil behind them.
func (c *Ctx) Keep() *stream.Lease { return c.lease.Hold() }

// Borrower is an operator that keeps nothing of the batches that it gets, nor of
// those that it emits, once Process or Poll has returned, but for what it said with
// Ctx.Keep. A task of Borrowers gives memory back that was lent with a batch. A leaf says it for what it emits.
type Borrower interface{ Borrows() bool }

// OpenCtx is what an operator may use while it is opened.
type OpenCtx struct {
	context.Context
	Log         *slog.Logger
	Job         stream.JobID
	Instance    int // 0 .. Parallelism-1
	Parallelism int
	VNodes      storage.VNodeSet // the vnodes this instance owns
	// Table opens the operator's state table (nil in a bounded run without state:
	// then Bounded is true and the operator keeps everything in memory).
	Table func(def storage.TableDef) storage.StateTable
	// Snapshot is what scans read in a bounded run, and where backfills start.
	Snapshot func() storage.Snapshot
	// Latest is Snapshot for operators of jobs, with the job's last epoch that it
	// holds. That is what Ctx.Epoch compares with, and not Snapshot.Epoch, the number
	// of a commit.
	Latest func() (storage.Snapshot, stream.Epoch)
	// Bounded: a SELECT. There is one barrier, at the end; inputs are fed in the
	// order of Spec.Inputs but for joins, whose right input comes first entirely.
	// Operators may then skip what only retraction or recovery need.
	Bounded bool
	Memory  *Accountant // who asks before growing
	Expr    *expr.Ctx
	// Env gives operators that touch the outside (sources, sinks) what engine
	// provides: connectors, quarantine, throttles. See executor/op for its use.
	Env any
}

// Base has the methods that a stateless operator does not need: watermarks are
// dropped, barriers pass.
type Base struct{}

// Watermark drops the watermark.
func (Base) Watermark(*Ctx, int, stream.Watermark, Emitter) error { return nil }

// Barrier holds nothing back.
func (Base) Barrier(*Ctx, stream.Barrier, Emitter) error { return nil }

// Close frees nothing.
func (Base) Close() error { return nil }
