package wire

import (
	"bufio"
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// watchDelay is how long a statement runs before somebody looks whether its
// client is still there.
const watchDelay = 100 * time.Millisecond

// errGone is the cause of a cancellation: nobody waits for the result.
var errGone = errors.New("the client has disconnected")

// running is the context of a connection's statements, and what can end it:
// a CancelRequest, the end of the connection, the loss of the client.
//
// One context lasts from the first statement of a transaction to its end,
// because results that stay open (portals, cursors) hold on to it. It is
// replaced early when it was cancelled: the ROLLBACK must run.
//
// The watch: nothing reads the socket while a statement runs, so after
// watchDelay a goroutine waits for more input (Peek leaves it in the buffer).
// If it finds the end of the stream, it cancels the statement. leave ends
// the watch through a read deadline in the past, and waits for it, so that at
// no time two goroutines use the reader. A client that has sent more than the
// reader's buffer holds is not watched.
type running struct {
	parent context.Context
	nc     net.Conn
	br     *bufio.Reader

	mu       sync.Mutex
	ctx      context.Context
	stop     context.CancelCauseFunc
	busy     bool // a statement runs
	lost     bool // a watch found that the client has left
	timer    *time.Timer
	watching chan struct{} // closed at the end of the watch; nil: none
}

// enter begins a statement and returns its context.
func (r *running) enter() context.Context {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ctx == nil || r.ctx.Err() != nil {
		r.ctx, r.stop = context.WithCancelCause(r.parent)
	}
	r.busy = true
	if r.timer == nil {
		r.timer = time.AfterFunc(watchDelay, r.watch)
	} else {
		r.timer.Reset(watchDelay)
	}
	return r.ctx
}

// leave ends a statement.
func (r *running) leave() {
	r.mu.Lock()
	r.busy = false
	r.timer.Stop()
	w := r.watching
	r.mu.Unlock()
	if w != nil {
		r.nc.SetReadDeadline(time.Unix(1, 0))
		<-w
		r.nc.SetReadDeadline(time.Time{})
	}
}

// endTransaction releases the context.
func (r *running) endTransaction() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ctx != nil {
		r.stop(nil)
		r.ctx, r.stop = nil, nil
	}
}

// interrupt cancels the statement that runs, if one does.
func (r *running) interrupt(cause error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.busy {
		r.stop(cause)
	}
}

// gone reports whether the client has left.
func (r *running) gone() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lost
}

func (r *running) watch() {
	r.mu.Lock()
	if !r.busy || r.watching != nil {
		r.mu.Unlock()
		return
	}
	done := make(chan struct{})
	r.watching = done
	r.mu.Unlock()

	var err error
	for err == nil {
		_, err = r.br.Peek(r.br.Buffered() + 1)
	}
	r.mu.Lock()
	if !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, bufio.ErrBufferFull) {
		r.lost = true
		r.stop(errGone)
	}
	r.watching = nil
	close(done)
	r.mu.Unlock()
}
