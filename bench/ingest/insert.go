package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"streamdb/bench/internal/report"
	"streamdb/bench/internal/servers"
)

// inserts measures INSERT of single rows with a protocol, "simple" or "extended".
func (r *runs) inserts(ctx context.Context, mode string) error {
	return r.inTurns("INSERT", "protocol", mode, func(s *servers.Server) (sample, error) {
		r.n++
		table := fmt.Sprintf("items%d", r.n)
		ddl := []string{fmt.Sprintf("CREATE TABLE %s (id bigint PRIMARY KEY, client int, amount bigint, note text)", table)}
		if s == r.bed.Streamdb {
			ddl = append(ddl, fmt.Sprintf("CREATE MATERIALIZED VIEW %s_sums AS SELECT client, count(*) AS n, sum(amount) AS total FROM %[1]s GROUP BY client", table))
		}
		if err := s.Exec(ctx, ddl...); err != nil {
			return nil, err
		}
		var m sample
		measure := func() (err error) { m, err = r.insertRound(ctx, s, table, mode); return err }
		if s != r.bed.Streamdb {
			return m, measure()
		}
		err := r.bed.Profiled(*lasting, measure)
		return m, err
	})
}

// inserter is a client.
type inserter struct {
	conn  *pgx.Conn
	table string
	k     int
	n     int       // rows inserted
	took  []float64 // ms
}

// insertRound lets the clients insert for a while.
func (r *runs) insertRound(ctx context.Context, s *servers.Server, table, mode string) (sample, error) {
	all := make([]*inserter, *clients)
	for k := range all {
		c, err := s.Connect(ctx)
		if err != nil {
			return nil, err
		}
		defer c.Close(ctx)
		all[k] = &inserter{conn: c, table: table, k: k}
		if err := all[k].insert(ctx, mode); err != nil { // the extended protocol prepares now
			return nil, err
		}
	}
	cpu, begun := s.CPU(), time.Now()
	var g errgroup.Group
	for _, in := range all {
		g.Go(func() error {
			in.took = in.took[:0]
			for time.Since(begun) < *lasting {
				if err := in.insert(ctx, mode); err != nil {
					return err
				}
			}
			if s == r.bed.Streamdb {
				return in.check(ctx)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	took, used := time.Since(begun), s.CPU()-cpu
	var ms []float64
	for _, in := range all {
		ms = append(ms, in.took...)
	}
	n := float64(len(ms))
	return sample{"rows_per_second": n / took.Seconds(), "cpu_us_per_row": used.Seconds() * 1e6 / n, "rss_bytes": float64(s.RSS()),
		"p50_ms": report.Percentile(ms, 0.5), "p99_ms": report.Percentile(ms, 0.99)}, nil
}

// insert inserts the client's next row.
func (in *inserter) insert(ctx context.Context, mode string) error {
	id, amount, note := int64(in.k)<<32+int64(in.n), in.n%1000, fmt.Sprintf("note %d of %d", in.n, in.k)
	begun := time.Now()
	var err error
	if mode == "simple" {
		sql := fmt.Sprintf("INSERT INTO %s VALUES (%d, %d, %d, '%s')", in.table, id, in.k, amount, note)
		_, err = in.conn.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol)
	} else {
		_, err = in.conn.Exec(ctx, "INSERT INTO "+in.table+" VALUES ($1, $2, $3, $4)", id, in.k, amount, note)
	}
	in.took = append(in.took, time.Since(begun).Seconds()*1e3)
	in.n++
	return err
}

// check looks for the client's rows in the view, right after the last answer.
func (in *inserter) check(ctx context.Context) error {
	var n int
	sql := fmt.Sprintf("SELECT n FROM %s_sums WHERE client = %d", in.table, in.k)
	if err := in.conn.QueryRow(ctx, sql, pgx.QueryExecModeSimpleProtocol).Scan(&n); err != nil {
		return err
	}
	if n != in.n {
		return fmt.Errorf("%d rows are acknowledged, the view has %d", in.n, n)
	}
	return nil
}
