package op

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"

	"streamdb/connector"
	"streamdb/executor"
	"streamdb/storage"
	"streamdb/stream"
)

// Env is what engine gives the operators that touch more than their inputs and
// their state; OpenCtx.Env holds a *Env. Every member may be left out: the
// operators that need it then say so when they are opened. Safe for concurrent
// use, as are its members.
type Env struct {
	Sys        SysTables                                // Virtual
	Inboxes    *Inboxes                                 // DML
	RowIDs     func(n int) int64                        // SinkInto: gives out n hidden row ids and returns the first
	Connectors func(name string) (*connector.Def, bool) // Source, SourceBackfill, Sink
	// Active says that a job has something to commit that did not come over an
	// edge (a backfill's progress): a hint that the next periodic barrier is wanted.
	Active func(job stream.JobID)
	// Rate is the most rows a second that a job's sources, backfills or sink, each
	// with all its instances, may bring in or deliver; 0: none, it is paused;
	// negative: no limit. Asked once a batch.
	Rate    func(job stream.JobID, what RateKind) float64
	Limits  *Limits
	Pacer   *Pacer
	Sources *SourceHub
	Stats   *Stats
	Caches  *Caches
	Align   *Alignment
	Alarm   func(job stream.JobID) Alarm // for operators whose output changes as time passes; nil for a job that does not run
}

// Alarm asks for a barrier at or after a time; see checkpoint.Alarm.
type Alarm interface {
	Set(micros int64)
	Close()
}

// noAlarm is for runs without a clock.
type noAlarm struct{}

func (noAlarm) Set(int64) {}
func (noAlarm) Close()    {}

func (e *Env) alarm(job stream.JobID) Alarm {
	if e.Alarm != nil {
		if a := e.Alarm(job); a != nil {
			return a
		}
	}
	return noAlarm{}
}

// RateKind tells the settings that limit the rates of a job apart.
type RateKind uint8

// The kinds of rate: source_rate_limit, backfill_rate_limit, sink_rate_limit and
// dml_rate_limit.
const (
	SourceRate RateKind = iota
	BackfillRate
	SinkRate
	DMLRate
)

// envOf is the Env of an operator's OpenCtx; one without members when there is none.
func envOf(ctx *executor.OpenCtx) *Env {
	if e, ok := ctx.Env.(*Env); ok && e != nil {
		return e
	}
	return &Env{}
}

func (e *Env) active(job stream.JobID) {
	if e.Active != nil {
		e.Active(job)
	}
}

func (e *Env) rate(job stream.JobID, what RateKind) float64 {
	if e.Rate == nil {
		return -1
	}
	return e.Rate(job, what)
}

// SysTables opens system tables: relations that engine computes from the
// catalog and the running jobs.
type SysTables interface {
	// Open begins a scan of the columns cols (positions in the relation's schema).
	Open(ctx context.Context, schema, name string, cols []int) (Rows, error)
}

// Rows yields batches of a system table.
type Rows interface {
	// Next returns the next batch, nil at the end.
	Next(ctx context.Context) (*stream.Batch, error)
	Close() error
}

// Inbox is where engine leaves the rows of DML statements for a table's job.
type Inbox struct {
	mu      sync.Mutex
	pending []inboxBatch
}

type inboxBatch struct {
	epoch stream.Epoch
	batch *stream.Batch
}

// Push adds a batch that belongs to epoch: it must be called before the barrier
// of that epoch is injected, with epochs that do not fall.
func (in *Inbox) Push(epoch stream.Epoch, b *stream.Batch) {
	in.mu.Lock()
	in.pending = append(in.pending, inboxBatch{epoch, b})
	in.mu.Unlock()
}

// Drain takes the batches of all epochs up to and including epoch, in the order of Push.
func (in *Inbox) Drain(epoch stream.Epoch) []*stream.Batch {
	in.mu.Lock()
	defer in.mu.Unlock()
	n := 0
	for n < len(in.pending) && in.pending[n].epoch <= epoch {
		n++
	}
	if n == 0 {
		return nil
	}
	out := make([]*stream.Batch, n)
	for i := range out {
		out[i] = in.pending[i].batch
	}
	in.pending = append(in.pending[:0:0], in.pending[n:]...)
	return out
}

// Inboxes is the inboxes of all tables, by job.
type Inboxes = PerJob[Inbox]

// PerJob is something that the instances of a job share, and engine with them. The
// zero value is ready; a nil *PerJob gives one that nobody shares.
type PerJob[T any] struct {
	mu sync.Mutex
	m  map[stream.JobID]*T
}

// Of returns what belongs to a job, the same each time.
func (s *PerJob[T]) Of(job stream.JobID) *T {
	if s == nil {
		return new(T)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m == nil {
		s.m = map[stream.JobID]*T{}
	}
	x := s.m[job]
	if x == nil {
		x = new(T)
		s.m[job] = x
	}
	return x
}

// Drop forgets what belongs to a dropped job.
func (s *PerJob[T]) Drop(job stream.JobID) {
	s.mu.Lock()
	delete(s.m, job)
	s.mu.Unlock()
}

// Stats is the figures that operators keep for the system tables: one cell per
// job, kind and instance. The zero value is ready; a nil *Stats gives cells
// that nobody reads.
type Stats struct {
	mu    sync.Mutex
	cells map[StatKey]*Stat
}

// StatKey names a cell.
type StatKey struct {
	Job      stream.JobID
	Kind     string // "backfill", "source", "sink"
	Name     string // the upstream relation, source or sink
	Split    string // a source's split; a backfill's state table, as a job can read a relation twice; "" for a sink
	Instance int
}

// Stat is the figures of one cell. Which of them count depends on the kind.
type Stat struct {
	Rows    atomic.Int64 // brought in (source, backfill) or delivered (sink)
	Bad     atomic.Int64 // elements in quarantine
	Offset  atomic.Int64 // source split: the next offset; sink: the last delivered epoch
	End     atomic.Int64 // source split: the offset past the last known element, -1 unknown; sink: the last epoch with rows; backfill of a source: rows still to read
	Waiting atomic.Int64 // backfill: live rows kept until their place is read
	Speed   atomic.Int64 // backfill: rows read in the last second or so, a second
	State   atomic.Int32 // backfill: a BackfillState
	Of      atomic.Int32 // backfill: the number of instances
	Done    atomic.Bool  // the backfill has read everything: the next barrier commits the last of it; the split has ended
	LastErr atomic.Pointer[string]
}

// SetErr keeps the text of the last error; nil clears it.
func (s *Stat) SetErr(err error) {
	if err == nil {
		s.LastErr.Store(nil)
		return
	}
	text := err.Error()
	s.LastErr.Store(&text)
}

// Of returns the cell, the same one each time.
func (s *Stats) Of(key StatKey) *Stat {
	if s == nil {
		return &Stat{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cells == nil {
		s.cells = map[StatKey]*Stat{}
	}
	c := s.cells[key]
	if c == nil {
		c = &Stat{}
		s.cells[key] = c
	}
	return c
}

// splitOfTable is the Split of a backfill with that state table.
func splitOfTable(t storage.TableID) string { return strconv.Itoa(int(t)) }

// Each calls fn for every cell, in no order.
func (s *Stats) Each(fn func(StatKey, *Stat)) {
	if s == nil {
		return
	}
	s.mu.Lock()
	keys := make([]StatKey, 0, len(s.cells))
	cells := make([]*Stat, 0, len(s.cells))
	for k, c := range s.cells {
		keys, cells = append(keys, k), append(cells, c)
	}
	s.mu.Unlock()
	for i := range keys {
		fn(keys[i], cells[i])
	}
}

// Drop forgets the cells of a dropped job.
func (s *Stats) Drop(job stream.JobID) {
	if s == nil {
		return
	}
	s.mu.Lock()
	for k := range s.cells {
		if k.Job == job {
			delete(s.cells, k)
		}
	}
	s.mu.Unlock()
}
