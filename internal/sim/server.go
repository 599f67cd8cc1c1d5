package sim

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"streamdb/engine"
	"streamdb/storage"
	"streamdb/wire"
)

// server is a database with its listener, in this process.
type server struct {
	db     *engine.DB
	wire   *wire.Server
	ln     *listener
	served chan error
}

// options are those of a simulated server: everything small, so that little
// work makes logs rotate, memtables flush, epochs pass by the log and files merge.
func options(d *disk, l *ledger, parallelism int, fatal func(string)) engine.Options {
	return engine.Options{
		DataDir:            "data",
		BarrierInterval:    10 * time.Millisecond,
		CheckpointInterval: 50 * time.Millisecond,
		Parallelism:        parallelism,
		MemoryLimit:        256 << 20,
		Log:                slog.New(slog.DiscardHandler),
		Store:              storage.Options{FS: d.fs(), CacheBytes: 1 << 20, IngestBytes: 6 << 10, MemTableBytes: 64 << 10, Fatal: fatal},
		Connectors:         l.def,
	}
}

// open opens the database and serves it.
func open(ctx context.Context, o engine.Options) (*server, error) {
	db, err := engine.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	s := &server{db: db, wire: &wire.Server{Handler: db, Log: o.Log}, ln: newListener(), served: make(chan error, 1)}
	go func() { s.served <- s.wire.Serve(context.WithoutCancel(ctx), s.ln) }()
	return s, nil
}

// close ends the connections, then the database, in order.
func (s *server) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	at, now := context.WithCancel(ctx)
	now()
	return errors.Join(s.wire.Shutdown(at), <-s.served, s.db.Close(ctx))
}

// connect is a connection of a client.
func (s *server) connect(ctx context.Context) (*pgconn.PgConn, error) {
	cfg, err := pgconn.ParseConfig("postgres://root@sim/dev?sslmode=disable")
	if err != nil {
		return nil, err
	}
	cfg.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) { return s.ln.dial(ctx) }
	cfg.LookupFunc = func(context.Context, string) ([]string, error) { return []string{"127.0.0.1"}, nil }
	return pgconn.ConnectConfig(ctx, cfg)
}

// query runs statements and gives the rows of each as text, columns with | between.
func query(ctx context.Context, c *pgconn.PgConn, sql string) ([][]string, error) {
	results, err := c.Exec(ctx, sql).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", sql, err)
	}
	var out [][]string
	for _, r := range results {
		if !r.CommandTag.Select() {
			continue
		}
		rows := make([]string, len(r.Rows))
		for i, row := range r.Rows {
			rows[i] = line(row)
		}
		out = append(out, rows)
	}
	return out, nil
}

func line(row [][]byte) string {
	var b []byte
	for i, x := range row {
		if i > 0 {
			b = append(b, '|')
		}
		if x == nil {
			b = append(b, "NULL"...)
		}
		b = append(b, x...)
	}
	return string(b)
}

// listener hands connections over in memory: thousands of servers need no ports.
type listener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newListener() *listener {
	return &listener{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (l *listener) dial(ctx context.Context) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case l.conns <- server:
		return client, nil
	case <-l.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error { l.once.Do(func() { close(l.done) }); return nil }

func (l *listener) Addr() net.Addr { return &net.UnixAddr{Name: "sim", Net: "unix"} }
