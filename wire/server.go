package wire

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"streamdb/internal/sqlerr"
)

// Defaults of Server's members.
const (
	DefaultMaxConns       = 1000
	DefaultStartupTimeout = time.Minute
	// DefaultMaxMessage is the longest message a client may send, in bytes, as in
	// Postgres (MaxAllocSize - 1).
	DefaultMaxMessage = 1<<30 - 2
)

const (
	killGrace  = 2 * time.Second // for a cancelled statement to end and its error to be sent
	closeGrace = 5 * time.Second // for a statement whose socket was closed to end
)

// Server serves the Postgres protocol. Set the members before Serve; a zero
// value means the default.
type Server struct {
	Handler        Handler
	Log            *slog.Logger
	MaxConns       int           // connections beyond it get error 53300
	StartupTimeout time.Duration // from accept to the end of startup
	MaxMessage     int           // bytes
	TLS            *tls.Config   // nil: SSLRequest is answered with no

	mu        sync.Mutex
	listeners map[net.Listener]bool
	conns     map[uint32]*conn
	lastPID   uint32
	closing   atomic.Bool
	active    sync.WaitGroup // connections
}

func errShutdown() *sqlerr.Error {
	return sqlerr.New(sqlerr.AdminShutdown, "terminating connection due to administrator command")
}

// Serve accepts connections until Shutdown, or until ctx is cancelled, which
// ends running statements too. It closes ln and returns when every connection
// that came through any listener of the server has ended: nil after either,
// else the error of Accept.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	if !s.open(ln) {
		ln.Close()
		return errors.New("wire: the server was shut down")
	}
	defer ln.Close()
	stop := context.AfterFunc(ctx, func() {
		grace, cancel := context.WithCancel(context.Background())
		cancel()
		if err := s.Shutdown(grace); err != nil {
			s.log().Warn("connections at shutdown", "err", err)
		}
	})
	defer stop()
	err := s.accept(ctx, ln)
	s.active.Wait()
	return err
}

func (s *Server) open(ln net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Load() {
		return false
	}
	if s.listeners == nil {
		s.listeners, s.conns = map[net.Listener]bool{}, map[uint32]*conn{}
	}
	s.listeners[ln] = true
	return true
}

func (s *Server) accept(ctx context.Context, ln net.Listener) error {
	// A connection outlives ctx's cancellation by the time that its client is told.
	base := context.WithoutCancel(ctx)
	var wait time.Duration
	for {
		nc, err := ln.Accept()
		if err != nil {
			if s.closing.Load() {
				return nil
			}
			var ne net.Error
			//lint:ignore SA1019 no other way says that accepting may be tried again (EMFILE)
			if !errors.As(err, &ne) || !ne.Temporary() {
				return fmt.Errorf("accepting connections: %w", err)
			}
			wait = min(max(2*wait, 5*time.Millisecond), time.Second)
			s.log().Warn("cannot accept a connection", "err", err, "retry", wait)
			select {
			case <-ctx.Done():
			case <-time.After(wait):
			}
			continue
		}
		wait = 0
		if c := s.register(base, nc); c != nil {
			go func() {
				defer s.active.Done()
				c.serve()
			}()
		} else {
			nc.Close()
		}
	}
}

// register makes a connection known; nil when the server is closing or has so
// many connections that even an error message is too much.
func (s *Server) register(base context.Context, nc net.Conn) *conn {
	var key [4]byte
	if _, err := rand.Read(key[:]); err != nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Load() || len(s.conns) > 2*s.maxConns()+100 {
		return nil
	}
	for {
		s.lastPID = s.lastPID%0x7fffffff + 1
		if s.conns[s.lastPID] == nil {
			break
		}
	}
	c := newConn(base, s, nc, s.lastPID, binary.BigEndian.Uint32(key[:]))
	s.conns[c.pid] = c
	s.active.Add(1)
	return c
}

func (s *Server) unregister(c *conn) {
	s.mu.Lock()
	delete(s.conns, c.pid)
	s.mu.Unlock()
}

// full reports whether more connections are open than may be.
func (s *Server) full() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns) > s.maxConns()
}

// cancel ends the statement that connection pid runs, if the secret is right.
// Nobody is told whether it was.
func (s *Server) cancel(pid, secret uint32) {
	s.mu.Lock()
	c := s.conns[pid]
	s.mu.Unlock()
	if c != nil && subtle.ConstantTimeEq(int32(c.secret), int32(secret)) == 1 {
		c.run.interrupt(sqlerr.New(sqlerr.QueryCanceled, "canceling statement due to user request"))
	}
}

// Shutdown stops accepting and ends the connections: idle ones now, with error
// 57P01, the others when the statement or pipeline that they run has ended.
// When ctx is done, running statements are cancelled. It returns when all
// connections have ended, or an error when some session does not end even so.
func (s *Server) Shutdown(ctx context.Context) error {
	s.closing.Store(true)
	s.mu.Lock()
	for ln := range s.listeners {
		ln.Close()
	}
	s.mu.Unlock()
	s.each((*conn).wake)

	ended := make(chan struct{})
	go func() {
		s.active.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
	}
	s.each(func(c *conn) { c.kill(errShutdown()) })
	select {
	case <-ended:
		return nil
	case <-time.After(killGrace):
	}
	s.each(func(c *conn) { c.raw.Close() })
	select {
	case <-ended:
		return nil
	case <-time.After(closeGrace):
		s.mu.Lock()
		defer s.mu.Unlock()
		return fmt.Errorf("wire: %d connections run statements that cannot be cancelled", len(s.conns))
	}
}

func (s *Server) each(f func(*conn)) {
	s.mu.Lock()
	all := make([]*conn, 0, len(s.conns))
	for _, c := range s.conns {
		all = append(all, c)
	}
	s.mu.Unlock()
	for _, c := range all {
		f(c)
	}
}

func (s *Server) log() *slog.Logger {
	if s.Log == nil {
		return slog.Default()
	}
	return s.Log
}

func (s *Server) maxConns() int {
	if s.MaxConns <= 0 {
		return DefaultMaxConns
	}
	return s.MaxConns
}

func (s *Server) startupTimeout() time.Duration {
	if s.StartupTimeout <= 0 {
		return DefaultStartupTimeout
	}
	return s.StartupTimeout
}

func (s *Server) maxMessage() int {
	if s.MaxMessage <= 0 {
		return DefaultMaxMessage
	}
	return s.MaxMessage
}
