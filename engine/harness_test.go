package engine_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"streamdb/engine"
	"streamdb/wire"
)

// server is a database and its listener in this process, on a directory of
// its own. It can be closed and opened again on the same directory, and on the
// same port if that is still free: ask url each time.
type server struct {
	options engine.Options
	addr    string
	db      *engine.DB
	wire    *wire.Server
	served  chan error
}

// serve opens a database in a new directory and serves it until the test ends.
func serve(t *testing.T, o engine.Options) *server {
	t.Helper()
	if o.DataDir == "" {
		o.DataDir = t.TempDir()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	s := &server{options: o, addr: "127.0.0.1:0"}
	if err := s.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Errorf("stopping the server: %v", err)
		}
	})
	return s
}

func (s *server) start(ctx context.Context) error {
	ln, err := net.Listen("tcp", s.addr)
	if err != nil { // another process took the port while the server was down
		ln, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		return err
	}
	s.addr = ln.Addr().String()
	if s.db, err = engine.Open(ctx, s.options); err != nil {
		ln.Close()
		return err
	}
	s.wire = &wire.Server{Handler: s.db, Log: s.options.Log}
	s.served = make(chan error, 1)
	go func() { s.served <- s.wire.Serve(context.WithoutCancel(ctx), ln) }()
	return nil
}

// stop ends the connections, then the database. A second stop does nothing.
func (s *server) stop() error {
	if s.db == nil {
		return nil
	}
	db := s.db
	s.db = nil
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	done, end := context.WithCancel(ctx)
	end() // idle clients are told at once
	_ = s.wire.Shutdown(done)
	if err := <-s.served; err != nil {
		return err
	}
	return db.Close(ctx)
}

// restart closes the database and opens it again where it was.
func (s *server) restart(ctx context.Context) error {
	if err := s.stop(); err != nil {
		return err
	}
	return s.start(context.WithoutCancel(ctx))
}

// restartIfChanged restarts if an epoch was committed since the last start:
// a query changes nothing, so that a restart after it would show nothing new.
func (s *server) restartIfChanged(ctx context.Context) error {
	c, err := pgconn.Connect(ctx, s.url())
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	res, err := c.Exec(ctx, `select (select coalesce(sum(tasks), 0) from streamdb.checkpoints) = (select count(*) from streamdb.tasks)
		and (select count(*) from streamdb.checkpoints where tasks = 0) <= 1`).ReadAll()
	if err != nil {
		return err
	}
	if string(res[0].Rows[0][0]) == "t" { // the one of each task that opening makes
		return nil
	}
	return s.restart(ctx)
}

func (s *server) url() string { return "postgres://root@" + s.addr + "/dev?sslmode=disable" }

// connect is a connection that is closed when the test ends, before the server.
func (s *server) connect(t *testing.T) *pgconn.PgConn {
	t.Helper()
	c, err := pgconn.Connect(t.Context(), s.url())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	return c
}
