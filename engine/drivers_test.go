package engine_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"streamdb/engine"
	"streamdb/wire"

	"github.com/jackc/pgx/v5"
)

// startServer opens a database in a new directory and serves it on a free port
// of this machine until the test ends.
func startServer(t *testing.T) *net.TCPAddr {
	t.Helper()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	db, err := engine.Open(context.Background(), engine.Options{
		DataDir:            t.TempDir(),
		BarrierInterval:    10 * time.Millisecond,
		CheckpointInterval: 100 * time.Millisecond,
		Parallelism:        1,
		Log:                log,
	})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &wire.Server{Handler: db, Log: log}
	served := make(chan error, 1)
	go func() { served <- server.Serve(context.Background(), ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		<-served
		if err := db.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return ln.Addr().(*net.TCPAddr)
}

func connect(t *testing.T, addr *net.TCPAddr, params string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), "postgres://root@"+addr.String()+"/dev"+params)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func exec(t *testing.T, conn *pgx.Conn, sql string, args ...any) {
	t.Helper()
	if _, err := conn.Exec(context.Background(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}
