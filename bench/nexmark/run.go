package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"streamdb/engine"
	"streamdb/wire"
)

// bed is a server of its own for one measurement.
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

func (b *bed) source(kind string, total int64) error {
	return b.exec(fmt.Sprintf(`CREATE SOURCE %s WITH (connector = 'nexmark', nexmark.table.type = '%s',
		nexmark.event.num = '%d', nexmark.min.event.gap.in.ns = '0')`, kind, kind, total))
}

// measure runs a query over a number of events and times it from its creation
// until its result holds all of them.
func measure(q query, total int64, mode string, parallelism int) (result, error) {
	o := engine.Options{Parallelism: parallelism}
	switch mode {
	case "off": // barriers still come, to make the result visible at the end
		o.BarrierInterval, o.CheckpointInterval = time.Hour, time.Hour
	default:
		d, err := time.ParseDuration(mode)
		if err != nil {
			return result{}, err
		}
		o.BarrierInterval, o.CheckpointInterval = d, d
	}
	b, err := newBed(o)
	if err != nil {
		return result{}, err
	}
	defer b.close()
	for _, s := range q.sources {
		if err := b.source(s, total); err != nil {
			return result{}, err
		}
	}
	if err := b.exec("SET background_ddl = on"); err != nil {
		return result{}, err
	}
	for _, set := range strings.FieldsFunc(sets, func(r rune) bool { return r == ',' }) {
		if err := b.exec("SET " + set); err != nil {
			return result{}, err
		}
	}
	stop := watchRSS()
	begun := time.Now()
	create := "CREATE MATERIALIZED VIEW result AS " + q.sql
	if q.sink {
		create = "CREATE SINK result AS " + q.sql + " WITH (connector = 'blackhole')"
	}
	if err := b.exec(create); err != nil {
		return result{}, err
	}
	if err := b.awaitEnd(q, total); err != nil {
		return result{}, err
	}
	took := time.Since(begun).Seconds()
	return result{Query: q.name, Checkpoint: mode, Events: total, Seconds: took, PerSecond: float64(total) / took, PeakRSS: stop()}, nil
}

// awaitEnd waits until the sources are read to their end and the last rows are visible.
func (b *bed) awaitEnd(q query, total int64) error {
	ctx := context.Background()
	want := int64(0)
	for _, s := range q.sources {
		want += rowsOf(s, total)
	}
	for {
		var made int64
		err := b.conn.QueryRow(ctx, `SELECT coalesce(sum(rows_out), 0)::bigint FROM streamdb.tasks WHERE root = 'Source'`).Scan(&made)
		if err != nil {
			return err
		}
		if made >= want {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	return b.exec("FLUSH")
}

// rowsOf is the number of rows of a kind among the first total events.
func rowsOf(kind string, total int64) int64 {
	per, from := map[string]int64{"person": 1, "auction": 3, "bid": 46}[kind], map[string]int64{"person": 0, "auction": 1, "bid": 4}[kind]
	return total/50*per + min(max(total%50-from, 0), per)
}

// watchRSS samples the process's memory; the returned function ends it and
// tells the peak.
func watchRSS() func() int64 {
	done, peak := make(chan struct{}), make(chan int64)
	go func() {
		most := rss()
		for {
			select {
			case <-done:
				peak <- max(most, rss())
				return
			case <-time.After(20 * time.Millisecond):
				most = max(most, rss())
			}
		}
	}()
	return func() int64 { close(done); return <-peak }
}

// rss is the resident memory of this process in bytes; 0 where that is not known.
func rss() int64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	f := strings.Fields(string(b))
	pages, _ := strconv.ParseInt(f[1], 10, 64)
	return pages * int64(os.Getpagesize())
}
