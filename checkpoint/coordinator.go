package checkpoint

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/stream"
)

// Options configure a Coordinator. Zero members mean their defaults.
type Options struct {
	Store *storage.Store
	Log   *slog.Logger
	// Clock gives epochs their time; default: the system's, from the store's last
	// epoch on.
	Clock *Clock
	// BarrierInterval is the time between barriers while data flows; default 100 ms.
	BarrierInterval time.Duration
	// CheckpointInterval is the longest time that a visible epoch waits to become
	// durable; default 1 s.
	CheckpointInterval time.Duration
	// Timeout is the time after which an epoch in flight is reported with the tasks
	// it waits for; default 30 s.
	Timeout time.Duration
	// StuckAfter is the time after which an epoch in flight is helped: the jobs that
	// Culprits names fail. Default 10 min; negative: never.
	StuckAfter time.Duration
	// Culprits names the jobs that hold the awaited tasks of an epoch up; may be nil.
	Culprits func(awaited []stream.TaskID) []stream.JobID
	// DirtyLimit is the number of bytes of unsealed changes that asks for a barrier
	// before its time. While an epoch is in flight it is the number of bytes, with
	// what is sealed and not yet committed, at which sources pause; default 64 MB.
	DirtyLimit int64
	// OnJobFailed is called when a job fails, without locks held. It returns the
	// jobs that cannot live without it (its dependents, direct or not): they are
	// detached with it.
	OnJobFailed func(job stream.JobID, err error) (alsoStop []stream.JobID)
	// OnDetached is called after FailJob has detached the jobs, before any epoch
	// without them is committed, with the last epoch of each that all its tasks
	// have acked. Without locks held.
	OnDetached func(last map[stream.JobID]stream.Epoch)
	// TaskState says in a few words what a task is doing, for that report; may be nil.
	TaskState func(stream.TaskID) string
	// OnEpoch is called by the committer for every epoch that became visible. It
	// must not block.
	OnEpoch func(EpochStats)
	// OnDurable is called from the coordinator after commits up to number n became
	// durable. Which epochs of a job those hold is for Member.Durable to tell.
	OnDurable func(n stream.Epoch)
}

// maxInFlight bounds the epochs between injection and commit: their deltas are
// held in memory.
const maxInFlight = 2

// Injector is a task that has no inputs to receive barriers from: a source.
type Injector interface {
	// Inject hands a barrier over without blocking; the task meets it in line with
	// its data. At most maxInFlight barriers wait in a task.
	Inject(b stream.Barrier)
}

// Coordinator is the clock of the dataflow. All methods are safe for concurrent use.
//
// Jobs that are connected by edges form an island, with barriers of its own: see
// island.go. Epochs are numbered in the order of their barriers, over all islands,
// so that those of an island rise, with gaps.
//
// The life of epoch N of an island: it begins with the injection of the barrier
// before. A request or the interval makes the injector call the Before and Change
// functions and hand barrier N to all sources. Each task that aligned and sealed N
// acks with its deltas. When the acks of all jobs that took part are in, and the
// epoch before is committed, the committer commits N: now it is visible, and
// requests without Sync are done. The syncer makes it durable, when somebody waits
// for that or when the oldest epoch that is not durable reaches CheckpointInterval.
//
// What a request does to several islands (a transaction that writes into both; a
// job that connects them) is one epoch of them all: one number, one commit.
// What it does to none is an epoch of no island, which nobody acks.
//
// A job that fails is detached: it takes no part in later epochs, and in those
// that wait for acks its acks are no longer awaited and its deltas are dropped.
// So its tables stay as of its last committed epoch, while the others go on. The
// requests that named it fail.
type Coordinator struct {
	opts  Options
	store *storage.Store
	log   *slog.Logger

	wakeInject chan struct{} // cap 1: something changed for the injector
	wakeCommit chan struct{} // cap 1: an epoch is complete
	wakeSync   chan struct{} // cap 1: an epoch was committed
	stop       chan struct{}
	commitDone chan struct{} // closed when the committer has ended
	wg         sync.WaitGroup
	metaMu     sync.Mutex // held while entries of the meta keyspace are made and committed

	dirty    atomic.Int64  // bytes that are not sealed, of all jobs
	sealed   atomic.Int64  // bytes that are sealed and not committed
	held     atomic.Bool   // see Hold
	interval atomic.Int64  // opts.BarrierInterval, for those who do not hold mu
	next     atomic.Uint64 // the number of the next barrier; written under mu

	mu        sync.Mutex
	started   bool
	closed    bool
	failure   error                         // commits are impossible: everything submitted fails
	jobs      map[stream.JobID][]*Member    // an id has two while one replaces another
	islands   []*island                     // in order of making
	dead      map[stream.JobID]error        // why jobs that are not registered any more failed
	lastGood  map[stream.JobID]stream.Epoch // of detached jobs: see LastGood
	queue     []*Ticket                     // submitted, not yet with a barrier
	failing   int                           // jobs whose dependents are being found out: nothing is committed meanwhile
	flight    []*epoch                      // injected, not yet committed, in order of number
	injecting *epoch                        // the last of them, while its functions run
	unsynced  []*Ticket                     // committed, waiting for the disk
	needSync  bool                          // somebody waits for the disk
	syncing   int                           // so many wait for a sync that has begun
	syncBegun time.Time
	// committedAt is when the last epoch was committed.
	committedAt time.Time
	committed   time.Time // the latest time of a commit
	visibleAt   time.Time // when the oldest epoch that is not durable was committed; zero: none
	lookAt      time.Time // when the injector looks again, while epochs are in flight; zero: none is
	stats       statsRing
	attached    []func() []storage.KV // for the next commit: see Attach

	alarms alarms
	notes  notes
	times  epochTimes
}

// part is what an epoch is to a job.
type part struct {
	prev stream.Epoch // the one before it
	at   time.Time    // its time: see Member.EpochTime
}

// epoch is one in flight.
type epoch struct {
	n         stream.Epoch
	islands   []*island        // of which it is one
	members   map[*Member]part // that took part, or begin right behind it
	at        time.Time        // the latest of those times
	injected  time.Time
	aligned   time.Time                         // when it was complete
	awaited   map[stream.TaskID]bool            // tasks that have not acked
	injecting bool                              // not all sources have the barrier yet
	named     bool                              // awaited has been filled
	deltas    map[stream.JobID][]*storage.Delta // of tasks that have acked
	sealed    int64                             // bytes of what they acked
	failed    map[stream.JobID]error            // jobs detached while it was in flight
	tasks     int                               // that took part
	tickets   []*Ticket
	syncs     int           // of them want a sync
	last      stream.JobID  // whose ack came last
	taken     bool          // the committer has it: too late to change it
	reported  bool          // as slow
	helping   bool          // those who hold it up are being looked for
	since     time.Time     // from when on it counts as stuck: injected, first on its islands, or found stuck before; less excused
	excused   time.Duration // since injected, that the whole process stood still
}

// New makes a coordinator that goes on after the store's last epoch. It injects
// nothing before Start: until then jobs can be added that must all see the first barrier.
func New(o Options) *Coordinator {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	setDefault(&o.BarrierInterval, 100*time.Millisecond)
	setDefault(&o.CheckpointInterval, time.Second)
	setDefault(&o.Timeout, 30*time.Second)
	setDefault(&o.StuckAfter, 10*time.Minute)
	if o.DirtyLimit == 0 {
		o.DirtyLimit = 64 << 20
	}
	c := &Coordinator{
		opts: o, store: o.Store, log: o.Log,
		wakeInject: make(chan struct{}, 1),
		wakeCommit: make(chan struct{}, 1),
		wakeSync:   make(chan struct{}, 1),
		stop:       make(chan struct{}),
		jobs:       map[stream.JobID][]*Member{},
		dead:       map[stream.JobID]error{},
		lastGood:   map[stream.JobID]stream.Epoch{},
		commitDone: make(chan struct{}),
	}
	if c.opts.Clock == nil {
		c.opts.Clock = NewClock(o.Store.OpenTime(), false, time.Time{})
	}
	c.times.last, c.committed = o.Store.OpenTime(), o.Store.OpenTime()
	c.interval.Store(int64(o.BarrierInterval))
	c.next.Store(uint64(o.Store.Visible()) + 1)
	return c
}

func setDefault(d *time.Duration, value time.Duration) {
	if *d == 0 {
		*d = value
	}
}

// SetIntervals changes the two intervals while the coordinator runs; zero leaves one as it is.
func (c *Coordinator) SetIntervals(barrier, checkpoint time.Duration) {
	c.mu.Lock()
	if barrier > 0 {
		c.opts.BarrierInterval = barrier
		c.interval.Store(int64(barrier))
	}
	if checkpoint > 0 {
		c.opts.CheckpointInterval = checkpoint
	}
	c.mu.Unlock()
	wake(c.wakeInject)
	wake(c.wakeSync)
}

// SetStuckAfter changes Options.StuckAfter while the coordinator runs.
func (c *Coordinator) SetStuckAfter(d time.Duration) {
	c.mu.Lock()
	c.opts.StuckAfter = d
	c.mu.Unlock()
	wake(c.wakeInject)
}

// SetCulprits replaces Options.Culprits; call it before Start.
func (c *Coordinator) SetCulprits(fn func([]stream.TaskID) []stream.JobID) { c.opts.Culprits = fn }

// SetTaskState replaces Options.TaskState; call it before Start.
func (c *Coordinator) SetTaskState(fn func(stream.TaskID) string) { c.opts.TaskState = fn }

// SetOnJobFailed replaces Options.OnJobFailed; call it before Start.
func (c *Coordinator) SetOnJobFailed(fn func(stream.JobID, error) []stream.JobID) {
	c.opts.OnJobFailed = fn
}

// SetOnDetached replaces Options.OnDetached; call it before Start.
func (c *Coordinator) SetOnDetached(fn func(map[stream.JobID]stream.Epoch)) { c.opts.OnDetached = fn }

// SetOnDurable replaces Options.OnDurable; call it before Start.
func (c *Coordinator) SetOnDurable(fn func(stream.Epoch)) { c.opts.OnDurable = fn }

// Start begins to inject barriers.
func (c *Coordinator) Start() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.started || c.closed {
		return
	}
	c.started = true
	c.wg.Add(3)
	go c.injectLoop()
	go c.commitLoop()
	go c.syncLoop()
	wake(c.wakeInject)
}

// Close finishes the epochs that are in flight if their acks are in, fails what
// still waits, and awaits the coordinator's goroutines.
func (c *Coordinator) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		c.wg.Wait()
		return nil
	}
	c.closed = true
	c.mu.Unlock()
	close(c.stop)
	c.wg.Wait()
	c.mu.Lock()
	left := c.queue
	for _, e := range c.flight {
		left = append(left, e.tickets...)
	}
	left = append(left, c.unsynced...)
	c.queue, c.flight, c.unsynced = nil, nil, nil
	c.mu.Unlock()
	for _, t := range left {
		t.finish(0, errClosed)
	}
	return nil
}

var errClosed = sqlerr.New(sqlerr.AdminShutdown, "the server is shutting down")

// Next is the least number that the next barrier can have: rows that enter now
// belong to that epoch, or to a later one.
func (c *Coordinator) Next() stream.Epoch { return stream.Epoch(c.next.Load()) }

// Hold makes sources pause, or go on, apart from what the epochs take.
func (c *Coordinator) Hold(on bool) { c.held.Store(on) }

// Submit asks for a barrier at once; see Request.
func (c *Coordinator) Submit(r Request) *Ticket {
	t := &Ticket{req: r, done: make(chan struct{})}
	c.mu.Lock()
	err := c.failure
	if c.closed {
		err = errClosed
	}
	if err == nil {
		c.queue = append(c.queue, c.partsOf(t)...)
	}
	c.mu.Unlock()
	if err != nil {
		t.finish(0, err)
		return t
	}
	wake(c.wakeInject)
	return t
}

// wake says "look again" to the owner of a channel with room for one.
func wake(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
