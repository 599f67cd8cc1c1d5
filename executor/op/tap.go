package op

import (
	"sync"

	"streamdb/executor"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
)

// Tap is the one operator of a job that lasts as long as somebody subscribes to
// a relation: it keeps what each epoch changed until the subscriber takes it. It
// is never in a pinned plan.
type Tap struct {
	In   executor.Spec
	Name string // of the relation
	To   *Tapped
}

// Kind is "Tap".
func (*Tap) Kind() string { return "Tap" }

// Inputs is the relation's changes.
func (t *Tap) Inputs() []executor.Spec { return []executor.Spec{t.In} }

// Schema is the relation's: a tap has no reader.
func (t *Tap) Schema() types.Schema { return t.In.Schema() }

// State is empty: a subscription ends with its connection.
func (*Tap) State() []storage.TableDef { return nil }

// Explain names the relation.
func (t *Tap) Explain() string { return t.Name }

// Open takes the snapshot that the first changes follow upon.
func (t *Tap) Open(ctx *executor.OpenCtx) (executor.Operator, error) {
	t.To.opened(ctx.Latest())
	return &tap{to: t.To}, nil
}

type tap struct {
	executor.Base
	to    *Tapped
	epoch []*stream.Batch
	bytes int
}

func (t *tap) Process(_ *executor.Ctx, _ int, b *stream.Batch, _ executor.Emitter) error {
	if t.bytes += b.Bytes(); t.to.hold(t.bytes) {
		t.epoch = append(t.epoch, b)
	} else {
		t.epoch = nil
	}
	return nil
}

func (t *tap) Barrier(_ *executor.Ctx, b stream.Barrier, _ executor.Emitter) error {
	t.to.push(TappedEpoch{Epoch: b.Epoch, Batches: t.epoch, bytes: t.bytes})
	t.epoch, t.bytes = nil, 0
	return nil
}

func (t *tap) Close() error {
	t.to.end()
	return nil
}

// TappedEpoch is what one epoch changed.
type TappedEpoch struct {
	Epoch   stream.Epoch
	Batches []*stream.Batch // of all columns of the relation
	bytes   int
}

// Tapped is what waits for a subscriber, at most Limit bytes: the graph does not
// wait for one who reads too slowly, who gets Overflow instead. Safe for
// concurrent use.
type Tapped struct {
	Limit int

	mu       sync.Mutex
	ready    chan struct{} // closed when the snapshot is there, or never will be
	news     chan struct{} // cap 1
	snapshot storage.Snapshot
	holds    stream.Epoch // of the job, in the snapshot
	epochs   []TappedEpoch
	bytes    int
	overflow bool
	ended    bool
}

// NewTapped makes the buffer of a tap.
func NewTapped(limit int) *Tapped {
	return &Tapped{Limit: limit, ready: make(chan struct{}), news: make(chan struct{}, 1)}
}

func (t *Tapped) opened(s storage.Snapshot, holds stream.Epoch) {
	t.mu.Lock()
	t.snapshot, t.holds = s, holds
	t.mu.Unlock()
	close(t.ready)
}

// hold reports whether there is room for so many bytes more.
func (t *Tapped) hold(bytes int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.bytes+bytes > t.Limit {
		t.overflow, t.epochs = true, nil
	}
	return !t.overflow
}

func (t *Tapped) push(e TappedEpoch) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.overflow {
		return
	}
	if n := len(t.epochs); n > 0 && len(e.Batches) == 0 && len(t.epochs[n-1].Batches) == 0 {
		t.epochs[n-1] = e // nothing happened in either
	} else {
		t.epochs = append(t.epochs, e)
	}
	t.bytes += e.bytes
	t.tell()
}

func (t *Tapped) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	t.tell()
}

func (t *Tapped) tell() {
	select {
	case t.news <- struct{}{}:
	default:
	}
}

// Ready is closed when Snapshot may be called.
func (t *Tapped) Ready() <-chan struct{} { return t.ready }

// News gets a value when Take may give more.
func (t *Tapped) News() <-chan struct{} { return t.news }

// Snapshot gives the caller the snapshot that the changes follow upon, and the
// epoch that it holds; nil once that was done.
func (t *Tapped) Snapshot() (storage.Snapshot, stream.Epoch) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.snapshot
	t.snapshot = nil
	return s, t.holds
}

// Take gives the epochs up to and including last, in order. waiting: there are
// later ones. overflow: changes were lost; ended: no more will come.
func (t *Tapped) Take(last stream.Epoch) (epochs []TappedEpoch, waiting, overflow, ended bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	for n < len(t.epochs) && t.epochs[n].Epoch <= last {
		t.bytes -= t.epochs[n].bytes
		n++
	}
	epochs = t.epochs[:n:n]
	t.epochs = append([]TappedEpoch(nil), t.epochs[n:]...)
	return epochs, len(t.epochs) > 0, t.overflow, t.ended
}
