package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sync/errgroup"

	"streamdb/bench/internal/report"
	"streamdb/bench/internal/servers"
)

// workload is clients that send one statement after the other.
type workload struct {
	clients  int
	prepared bool   // else over the simple protocol, the key as a literal
	sql      string // $1: a random key
	scans    int    // rows that a statement reads
}

// measure runs the clients for a while, after a tenth of it that does not count.
func (w workload) measure(ctx context.Context, s *servers.Server, lasting time.Duration) (map[string]float64, error) {
	all := make([]*pgconn.PgConn, w.clients)
	for k := range all {
		c, err := s.Connect(ctx)
		if err != nil {
			return nil, err
		}
		defer c.Close(ctx)
		all[k] = c.PgConn()
		if w.prepared {
			if _, err := all[k].Prepare(ctx, "look", w.sql, nil); err != nil {
				return nil, err
			}
		}
	}
	if _, err := w.run(ctx, all, lasting/10); err != nil {
		return nil, err
	}
	cpu, begun := s.CPU(), time.Now()
	ms, err := w.run(ctx, all, lasting)
	if err != nil {
		return nil, err
	}
	took, used, n := time.Since(begun), s.CPU()-cpu, float64(len(ms))
	m := map[string]float64{"per_second": n / took.Seconds(), "cpu_us": used.Seconds() * 1e6 / n,
		"p50_ms": report.Percentile(ms, 0.5), "p99_ms": report.Percentile(ms, 0.99)}
	if w.scans > 0 {
		m["rows_per_second"] = n * float64(w.scans) / took.Seconds()
	}
	return m, nil
}

// run gives the milliseconds that each statement took.
func (w workload) run(ctx context.Context, all []*pgconn.PgConn, lasting time.Duration) ([]float64, error) {
	took := make([][]float64, len(all))
	begun := time.Now()
	var g errgroup.Group
	for k, c := range all {
		g.Go(func() error {
			rng := rand.New(rand.NewPCG(uint64(begun.UnixNano()), uint64(k)))
			for at := begun; at.Sub(begun) < lasting; {
				if err := w.once(ctx, c, rng); err != nil {
					return err
				}
				now := time.Now()
				took[k] = append(took[k], now.Sub(at).Seconds()*1e3)
				at = now
			}
			return nil
		})
	}
	err := g.Wait()
	var out []float64
	for _, t := range took {
		out = append(out, t...)
	}
	return out, err
}

// once sends the statement and reads its answer to the end.
func (w workload) once(ctx context.Context, c *pgconn.PgConn, rng *rand.Rand) error {
	key := strconv.Itoa(rng.IntN(*keys))
	var r *pgconn.ResultReader
	if w.prepared {
		r = c.ExecPrepared(ctx, "look", [][]byte{[]byte(key)}, nil, nil)
	} else {
		m := c.Exec(ctx, strings.ReplaceAll(w.sql, "$1", key))
		defer m.Close()
		if !m.NextResult() {
			return m.Close()
		}
		r = m.ResultReader()
	}
	rows := 0
	for r.NextRow() {
		rows++
	}
	if _, err := r.Close(); err != nil {
		return err
	}
	if w.scans == 0 && rows != 1 {
		return fmt.Errorf("key %s has %d rows", key, rows)
	}
	return nil
}
