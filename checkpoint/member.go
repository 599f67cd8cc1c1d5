package checkpoint

import (
	"sync/atomic"
	"time"

	"streamdb/storage"
	"streamdb/stream"
)

// Member is a registered job, as its tasks know the coordinator. It goes on
// answering when the job is not registered any more.
type Member struct {
	*Coordinator
	id        stream.JobID
	from      stream.Epoch // the first epoch it takes part in, or a lower number that is none of its island
	until     stream.Epoch // the last one; 0: open
	tasks     map[stream.TaskID]bool
	sources   []Injector
	upstreams []stream.JobID
	at        time.Time // of its last committed epoch
	times     *timeline // guarded by that of the coordinator's times

	island   atomic.Pointer[island]
	active   atomic.Uint64 // the highest epoch that holds data: see Active
	dirty    atomic.Int64
	durable  atomic.Uint64
	timed    atomic.Bool // it has, or had, an alarm
	progress storage.Progress
}

func (m *Member) takesPart(n stream.Epoch) bool {
	return m.from <= n && (m.until == 0 || n <= m.until)
}

// AddJob registers a job's tasks from the next barrier of its island on: also when
// called in the Change function of a barrier, which is then the one before its
// first. sources are those of its tasks that have no inputs; upstreams are the jobs
// that it has edges from, whose islands it connects: in a Change function, the
// request must have named them. The id may belong to a job that the same Change
// stops: the new one takes its place.
func (c *Coordinator) AddJob(id stream.JobID, tasks []stream.TaskID, sources []Injector, upstreams ...stream.JobID) *Member {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := &Member{Coordinator: c, id: id, from: c.Next(), tasks: make(map[stream.TaskID]bool, len(tasks)), sources: sources, upstreams: upstreams}
	for _, t := range tasks {
		m.tasks[t] = true
	}
	m.progress.Begin(m.from - 1)
	m.durable.Store(uint64(m.from - 1))
	if e := c.injecting; e != nil { // what it begins with is yet to be committed
		m.progress.Begin(0)
		m.durable.Store(0)
	} else {
		m.at = c.store.OpenTime()
	}
	c.place(m, upstreams)
	c.times.move(m, m.island.Load().times)
	c.jobs[id] = append(c.jobs[id], m)
	delete(c.dead, id)
	delete(c.lastGood, id)
	return m
}

// Active reports that rows of epoch n entered the job: a barrier is due within
// BarrierInterval, unless the one that ends n is under way already. It costs an
// atomic read when it says nothing new: call it for every batch.
func (m *Member) Active(n stream.Epoch) {
	for {
		seen := m.active.Load()
		if uint64(n) <= seen {
			return
		}
		if m.active.CompareAndSwap(seen, uint64(n)) {
			wake(m.wakeInject)
			return
		}
	}
}

// ActiveJob reports that a job has something to commit; one that does not run has not.
func (c *Coordinator) ActiveJob(id stream.JobID) {
	c.mu.Lock()
	var m *Member
	var n stream.Epoch
	if in := c.jobs[id]; len(in) > 0 {
		m = in[len(in)-1]
		n = m.island.Load().last + 1
	}
	c.mu.Unlock()
	if m != nil {
		m.Active(n)
	}
}

// longestEpoch is how long rows may enter an epoch while the one before it is
// still being committed. Beyond that sources pause, or an epoch that took long
// would make the next one longer still, without bound.
const longestEpoch = 500 * time.Millisecond

// Throttled reports whether sources should bring no more rows into the current
// epoch: it is long already, or there is much to be committed, and its barrier waits
// for the commit of the one before.
func (m *Member) Throttled() bool {
	if m.held.Load() || m.store.Behind() { // the store is behind, and would soon make commits wait
		return true
	}
	at := m.island.Load().heldSince.Load()
	if at == 0 {
		return false
	}
	return m.Changes() >= m.opts.DirtyLimit ||
		time.Now().UnixNano()-at > max(int64(longestEpoch), m.interval.Load())
}

// Changes is about how many bytes of changes are in memory until they are committed.
func (c *Coordinator) Changes() int64 { return c.dirty.Load() + c.sealed.Load() }

// AddDirty reports that n more bytes (or less: negative) of the job's state are unsealed.
func (m *Member) AddDirty(n int) {
	m.dirty.Add(int64(n))
	before := m.Coordinator.dirty.Add(int64(n)) - int64(n)
	if n > 0 && before < m.opts.DirtyLimit && before+int64(n) >= m.opts.DirtyLimit {
		wake(m.wakeInject)
	}
}

// Snapshot is the newest snapshot, and the last epoch of the job that it holds.
func (m *Member) Snapshot() (storage.Snapshot, stream.Epoch) { return m.store.SnapshotAt(&m.progress) }

// Committed is the last epoch of the job that is visible.
func (m *Member) Committed() stream.Epoch { return m.progress.Epoch() }

// Durable is the last epoch of the job that survives a crash for certain.
func (m *Member) Durable() stream.Epoch { return stream.Epoch(m.durable.Load()) }

// TimeOf is the time of an epoch in flight: the latest that it has on its islands.
func (c *Coordinator) TimeOf(n stream.Epoch) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.find(n); e != nil {
		return e.at
	}
	return c.opts.Clock.Now()
}

// Member is the job that runs by that id; nil: none does.
func (c *Coordinator) Member(id stream.JobID) *Member {
	c.mu.Lock()
	defer c.mu.Unlock()
	if in := c.jobs[id]; len(in) > 0 {
		return in[len(in)-1]
	}
	return nil
}

// goodLocked is the last epoch whose commit holds, or will hold, what the job did.
func (m *Member) goodLocked() stream.Epoch {
	n := m.Committed()
	for _, e := range m.flight {
		if _, ok := e.members[m]; ok && e.taken {
			n = e.n
		}
	}
	return n
}

// ackedLocked is the last epoch that all tasks of the job have acked.
func (m *Member) ackedLocked() stream.Epoch {
	n := m.goodLocked()
	for _, e := range m.island.Load().flight {
		if e.taken {
			continue
		}
		if !e.named {
			return n
		}
		if _, ok := e.members[m]; !ok {
			continue
		}
		for t := range e.awaited {
			if t.Job == m.id {
				return n
			}
		}
		n = e.n
	}
	return n
}
