package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"streamdb/engine"
	"streamdb/wire"
)

// bed is a server of its own for one measurement, with a connection to it.
type bed struct {
	dir    string
	db     *engine.DB
	server *wire.Server
	serve  chan error
	conn   *pgx.Conn
}

func newBed(o engine.Options) (*bed, error) {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "nexmark")
	if err != nil {
		return nil, err
	}
	o.DataDir = dir
	o.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	b := &bed{dir: dir, serve: make(chan error, 1)}
	if b.db, err = engine.Open(ctx, o); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b.server = &wire.Server{Handler: b.db, Log: o.Log}
	go func() { b.serve <- b.server.Serve(ctx, l) }()
	b.conn, err = pgx.Connect(ctx, "postgres://root@"+l.Addr().String()+"/dev")
	return b, err
}

func (b *bed) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	b.conn.Close(ctx)
	b.server.Shutdown(ctx)
	<-b.serve
	b.db.Close(ctx)
	os.RemoveAll(b.dir)
}

func (b *bed) exec(sql string) error {
	if _, err := b.conn.Exec(context.Background(), sql); err != nil {
		return fmt.Errorf("%s: %w", sql, err)
	}
	return nil
}

// make runs the statements that make the named tables and sources.
func (b *bed) make(names []string, events int64, generator map[string]string) error {
	for _, n := range names {
		for _, s := range ddl(n, events, generator) {
			if err := b.exec(s); err != nil {
				return err
			}
		}
	}
	return nil
}

// set changes settings of the session, given as "name=value,name=value".
func (b *bed) set(list string) error {
	for _, s := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' }) {
		if err := b.exec("SET " + s); err != nil {
			return err
		}
	}
	return nil
}

// ints runs a query of one row of integers.
func (b *bed) ints(sql string, to ...any) error {
	return b.conn.QueryRow(context.Background(), sql).Scan(to...)
}

// cpuTime is what this process has used of the processors, user and system.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
