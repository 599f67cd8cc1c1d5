package wire

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"os"
	"slices"
	"time"

	"github.com/jackc/pgproto3/v2"

	"streamdb/internal/sqlerr"
)

// conn is one connection. Its goroutine owns everything in it but run and raw,
// which others use to end it.
//
// A cycle is what ends with one ReadyForQuery: a simple query, or the extended
// messages up to Sync. The first error in a cycle rolls back at once; what
// follows in a pipeline is skipped up to its Sync.
type conn struct {
	srv     *Server
	raw     net.Conn // the socket
	nc      net.Conn // the socket, or TLS over it
	log     *slog.Logger
	pid     uint32
	secret  uint32
	ctx     context.Context
	end     context.CancelCauseFunc
	in      reader
	out     writer
	run     running
	session Session

	inCycle    bool // messages of a pipeline came, its Sync did not
	more       bool // other statements have come behind the one that runs
	skip       bool // an error came in the pipeline, its Sync did not
	statements map[string]*statement
	portals    map[string]*portal
	enc        rowEncoder // of the result that is being sent
	held       bool       // a command tag is held back; see hold
	tag        string
}

func newConn(base context.Context, s *Server, nc net.Conn, pid, secret uint32) *conn {
	c := &conn{srv: s, raw: nc, pid: pid, secret: secret, log: s.log()}
	c.ctx, c.end = context.WithCancelCause(base)
	c.attach(nc)
	return c
}

// attach makes nc the way to the client: at first, and again for TLS over it.
func (c *conn) attach(nc net.Conn) {
	c.nc = nc
	c.in = newReader(nc, c.srv.maxMessage())
	c.out = writer{nc: nc}
	c.run.parent, c.run.nc, c.run.br = c.ctx, nc, c.in.br
}

// wake makes an idle connection see that the server is closing.
func (c *conn) wake() { c.raw.SetReadDeadline(time.Unix(1, 0)) }

// kill ends the connection: what it runs is cancelled for the cause, what it
// waits for is not waited for much longer.
func (c *conn) kill(cause error) {
	c.end(cause)
	c.wake()
	c.raw.SetWriteDeadline(time.Now().Add(killGrace / 2))
}

// serve is the life of a connection.
func (c *conn) serve() {
	defer c.srv.unregister(c)
	defer func() { c.nc.Close() }() // which TLS may have replaced
	defer c.end(nil)
	defer func() {
		if r := recover(); r != nil { // a bug in this package: the others live on
			c.errPanic(r)
		}
	}()
	if !c.startup() {
		c.out.flush()
		return
	}
	defer func() {
		c.closePortals()
		c.guard(func() error { c.session.Close(); return nil })
		c.log.Debug("connection closed")
	}()
	for c.step() {
	}
}

// step reads and handles one message; false at the end of the connection.
func (c *conn) step() bool {
	if c.srv.closing.Load() && !c.inCycle {
		return c.fatal(errShutdown())
	}
	typ, body, err := c.in.next()
	if err != nil {
		return c.readFailed(err)
	}
	if typ == 'X' {
		return false
	}
	if !c.skip || typ == 'S' {
		c.handle(typ, body)
	}
	if c.out.err != nil {
		return false
	}
	if c.ctx.Err() != nil {
		return c.fatal(c.shown(c.ctx, context.Cause(c.ctx)))
	}
	return !c.run.gone()
}

func (c *conn) readFailed(err error) bool {
	var violation *sqlerr.Error
	switch {
	case errors.As(err, &violation):
		c.fatal(violation)
		c.linger()
	case errors.Is(err, os.ErrDeadlineExceeded) && (c.srv.closing.Load() || c.ctx.Err() != nil):
		c.fatal(errShutdown())
	case errors.Is(err, io.EOF):
	default:
		c.log.Debug("connection lost", "err", err)
	}
	return false
}

// fatal tells the client why its connection ends. It returns false, for step.
func (c *conn) fatal(e *sqlerr.Error) bool {
	c.sendError("FATAL", e, "", nil)
	c.nc.SetWriteDeadline(time.Now().Add(killGrace))
	c.out.flush()
	return false
}

// linger reads on for a moment: closing a socket with unread input resets it,
// and the client would lose the message that was just sent.
func (c *conn) linger() {
	if t, ok := c.nc.(*net.TCPConn); ok {
		t.CloseWrite()
		t.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		io.CopyN(io.Discard, t, 1<<20)
	}
}

// syncBytes is the length of the message Sync.
const syncBytes = 5

// handle answers one message. Its error fails the cycle.
func (c *conn) handle(typ byte, body []byte) {
	f := fields{b: body, owned: c.in.owned}
	c.more = c.in.br.Buffered() > syncBytes // a watch may use br while a statement runs
	var err error
	switch typ {
	case 'Q':
		sql := f.text()
		if err = f.end(); err != nil {
			c.fail(nil, err, "", nil)
			c.ready()
			return
		}
		c.simpleQuery(sql)
		return
	case 'S':
		c.sync()
		return
	case 'F':
		c.release()
		c.fail(nil, sqlerr.Unsupported("the function call message"), "", nil)
		c.ready()
		return
	case 'd', 'c', 'f':
		return // what a COPY that failed still sends
	}
	c.inCycle = true
	switch typ {
	case 'P':
		c.parse(f)
		return
	case 'E':
		c.execute(f)
		return
	}
	c.release()
	switch typ {
	case 'B':
		err = c.guard(func() error { return c.bind(f) })
	case 'D':
		err = c.guard(func() error { return c.describe(f) })
	case 'C':
		err = c.close(f)
	case 'H':
		c.out.flush()
	}
	if err != nil {
		c.failPipeline(nil, err, "", nil)
	}
}

// hold keeps a command tag back until it is known whether the transaction ends
// next: a statement that is its own transaction is reported as done when it
// has committed, also when Execute and Sync come apart.
func (c *conn) hold(tag string) { c.held, c.tag = true, tag }

// release sends a tag that was held back.
func (c *conn) release() {
	if c.held {
		c.held = false
		c.sendNotices()
		c.out.sendText('C', c.tag)
	}
}

// sync ends a pipeline.
func (c *conn) sync() {
	if !c.skip {
		c.commit("", nil)
	}
	c.ready()
}

// commit ends the cycle's implicit transaction, then sends the held tag, or an
// error in its place.
func (c *conn) commit(sql string, at Statement) {
	ctx := c.run.enter()
	err := c.guard(func() error { return c.session.Sync(ctx, nil) })
	c.run.leave()
	if err != nil {
		c.fail(ctx, err, sql, at)
		return
	}
	c.release()
}

// fail sends an error and rolls back.
func (c *conn) fail(ctx context.Context, err error, sql string, at Statement) {
	c.held = false
	e := c.shown(ctx, err)
	c.guard(func() error { c.sendNotices(); return nil })
	c.sendError("ERROR", e, sql, at)
	c.closePortals()
	ctx = c.run.enter()
	defer c.run.leave()
	if rerr := c.guard(func() error { return c.session.Sync(ctx, e) }); rerr != nil && c.ctx.Err() == nil && rerr != error(e) {
		c.log.Debug("rollback", "err", rerr)
	}
}

// failPipeline is fail in the extended protocol: messages up to Sync are skipped.
// The error is sent at once: a client that asks for results with Flush, which is
// skipped too, may wait for it before it sends Sync.
func (c *conn) failPipeline(ctx context.Context, err error, sql string, at Statement) {
	c.fail(ctx, err, sql, at)
	c.skip = true
	c.out.flush()
}

// ready ends a cycle: portals of a transaction that is over, changed settings,
// ReadyForQuery.
func (c *conn) ready() {
	c.inCycle, c.skip = false, false
	status := byte('I')
	c.guard(func() error {
		status = c.session.Status()
		c.sendNotices()
		c.sendParams(c.session.Changed())
		return nil
	})
	if status == 'I' {
		c.closePortals()
		c.run.endTransaction()
	}
	c.out.sendRaw('Z', status)
	c.out.flush()
}

func (c *conn) sendParams(m map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		c.out.send(&pgproto3.ParameterStatus{Name: name, Value: clean(m[name])})
	}
}

// excerpt is the beginning of a statement, for logs.
func excerpt(sql string) string {
	const most = 500
	if len(sql) <= most {
		return sql
	}
	return sql[:most] + ".."
}
