package executor

import (
	"context"
	"sync"

	"streamdb/stream"
)

// Bounds of an edge. A hop costs nothing next to the work on a batch, so depth
// buys no speed beyond the two or three batches that keep both ends busy; what
// it costs is memory (edges x bytes, all jobs together) and the time that a
// barrier spends behind queued data. Eight full batches of narrow rows, or about
// three of wide ones (740 KB each), fit; a single larger batch passes alone.
const (
	edgeMessages = 8
	edgeBytes    = 2 << 20
)

// coalesceRows is the size below which batches that queue up behind one another
// are handed to the receiver as one.
const coalesceRows = stream.BatchRows / 4

// Edge carries messages from one task instance to another, in order. It has one
// sender and one receiver. It is the in-process form of an exchange: nothing on
// either side relies on shared memory beyond these methods.
//
// The sender blocks when the edge is full (back-pressure). Barriers always fit:
// at most two are in flight. A receiver that goes away detaches the edge: sends
// to it do nothing from then on. A sender that ends in good order closes it; one
// that fails does not, so that its receiver never takes the end for a complete epoch.
type Edge struct {
	wake  chan<- struct{} // the receiving task's; cap 1
	space chan struct{}   // cap 1: the sender may look again

	mu       sync.Mutex
	queue    []stream.Message // ring
	head, n  int
	data     int // messages that count against edgeMessages
	bytes    int
	closed   bool
	detached bool
	failed   bool         // cut by the end of a job that failed
	last     stream.Epoch // failed: the last epoch that counts
	taken    stream.Epoch // the last barrier received
}

func newEdge(wake chan<- struct{}) *Edge {
	return &Edge{wake: wake, space: make(chan struct{}, 1), queue: make([]stream.Message, edgeMessages+4)}
}

// send enqueues a message, waiting for room. It returns the cause when ctx ends.
func (e *Edge) send(ctx context.Context, g *gauge, m stream.Message) error {
	size := 0
	if m.Batch != nil {
		size = m.Batch.Bytes()
	}
	if e.offer(m, size) {
		return nil
	}
	defer g.blocked()()
	for {
		select {
		case <-e.space:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if e.offer(m, size) {
			return nil
		}
	}
}

// offer enqueues if there is room; also true when nobody listens any more.
func (e *Edge) offer(m stream.Message, size int) bool {
	e.mu.Lock()
	if e.detached || e.failed {
		e.mu.Unlock()
		return true
	}
	if m.Barrier == nil {
		if e.data > 0 && (e.data >= edgeMessages || e.bytes+size > edgeBytes) {
			e.mu.Unlock()
			return false
		}
		if m.Watermark != nil && e.n > 0 {
			// A watermark right behind another of its column says all that one said.
			if last := &e.queue[(e.head+e.n-1)%len(e.queue)]; last.Watermark != nil && last.Watermark.Column == m.Watermark.Column {
				*last = m
				e.mu.Unlock()
				return true
			}
		}
		e.data++
	}
	if e.n == len(e.queue) {
		e.growLocked()
	}
	e.queue[(e.head+e.n)%len(e.queue)] = m
	e.n++
	e.bytes += size
	first := e.n == 1
	e.mu.Unlock()
	if first {
		wake(e.wake)
	}
	return true
}

// prime enqueues a first message of a new edge, whatever waits in it.
func (e *Edge) prime(m stream.Message) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.detached || e.failed {
		return
	}
	if e.n == len(e.queue) {
		e.growLocked()
	}
	e.queue[(e.head+e.n)%len(e.queue)] = m
	e.n++
	e.data++
	wake(e.wake)
}

func (e *Edge) growLocked() {
	bigger := make([]stream.Message, 2*len(e.queue))
	for i := range e.n {
		bigger[i] = e.queue[(e.head+i)%len(e.queue)]
	}
	e.queue, e.head = bigger, 0
}

// receive dequeues the next message. ok false: there is none now, and none ever
// again if ended. Small batches that queue up come as one.
func (e *Edge) receive() (m stream.Message, ok, ended bool) {
	e.mu.Lock()
	if e.n == 0 {
		ended = e.closed
		e.mu.Unlock()
		return m, false, ended
	}
	m = e.popLocked()
	var more []*stream.Batch
	var lent []*stream.Lease
	if m.Batch != nil && m.Batch.Rows() < coalesceRows {
		rows, size := m.Batch.Rows(), m.Batch.Bytes()
		for e.n > 0 {
			b := e.queue[e.head].Batch
			if b == nil || b.Rows() >= coalesceRows || rows+b.Rows() > stream.BatchRows {
				break
			}
			if size += b.Bytes(); size > stream.BatchBytes {
				break
			}
			rows += b.Rows()
			next := e.popLocked()
			more, lent = append(more, next.Batch), append(lent, next.Lease)
		}
	}
	e.mu.Unlock()
	wake(e.space)
	if more != nil {
		m.Batch = concat(append([]*stream.Batch{m.Batch}, more...)) // a copy
		for _, l := range append(lent, m.Lease) {
			l.Release()
		}
		m.Lease = nil
	}
	return m, true, false
}

func (e *Edge) popLocked() stream.Message {
	m := e.queue[e.head]
	e.queue[e.head] = stream.Message{}
	e.head = (e.head + 1) % len(e.queue)
	e.n--
	if m.Barrier == nil {
		e.data--
	} else {
		e.taken = m.Barrier.Epoch
	}
	if m.Batch != nil {
		e.bytes -= m.Batch.Bytes()
	}
	return m
}

// close is the sender's good end: what is queued still arrives.
func (e *Edge) close() {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	wake(e.wake)
}

// detach is the receiver's end: what is queued is dropped, sends do nothing.
func (e *Edge) detach() {
	e.mu.Lock()
	e.detached = true
	e.queue, e.head, e.n, e.data, e.bytes = nil, 0, 0, 0, 0
	e.mu.Unlock()
	wake(e.space)
}

func (e *Edge) isDetached() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.detached
}

// queued returns the number of waiting messages and their bytes, for figures.
func (e *Edge) queued() (messages, bytes int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.n, e.bytes
}

// wake says "look again" to the owner of a channel with room for one.
func wake(ch chan<- struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
