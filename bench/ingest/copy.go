package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"strconv"
	"time"

	"streamdb/bench/internal/servers"
)

// groups is the number of groups of the view that hangs on a copied table.
const groups = 10_000

// copies measures COPY in a format: text, csv or binary.
func (r *runs) copies(ctx context.Context, format string) error {
	data := copyData(format, *rows)
	return r.inTurns("COPY", "format", format, func(s *servers.Server) (sample, error) {
		r.n++
		table := fmt.Sprintf("lines%d", r.n)
		ddl := []string{fmt.Sprintf("CREATE TABLE %s (id bigint PRIMARY KEY, customer int, amount bigint, at timestamp, note text)", table)}
		view := s == r.bed.Streamdb
		if view {
			ddl = append(ddl, fmt.Sprintf("CREATE MATERIALIZED VIEW %s_sums AS SELECT customer, count(*) AS n, sum(amount) AS total FROM %[1]s GROUP BY customer", table))
		}
		if err := s.Exec(ctx, ddl...); err != nil {
			return nil, err
		}
		var m sample
		measure := func() (err error) { m, err = copyRound(ctx, s, table, format, data, view); return err }
		err := func() error {
			if view {
				return r.bed.Profiled(time.Duration(*rows)*20*time.Microsecond, measure)
			}
			return measure()
		}()
		if err != nil {
			return nil, err
		}
		if view { // the space of one round is not needed in the next
			return m, s.Exec(ctx, "DROP MATERIALIZED VIEW "+table+"_sums", "DROP TABLE "+table)
		}
		return m, s.Exec(ctx, "DROP TABLE "+table)
	})
}

// copyRound copies the data and looks for them in the view.
func copyRound(ctx context.Context, s *servers.Server, table, format string, data []byte, view bool) (sample, error) {
	c, err := s.Connect(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Close(ctx)
	cpu, begun := s.CPU(), time.Now()
	tag, err := c.PgConn().CopyFrom(ctx, bytes.NewReader(data), fmt.Sprintf("COPY %s FROM STDIN WITH (FORMAT %s)", table, format))
	if err != nil {
		return nil, err
	}
	took, used, resident := time.Since(begun), s.CPU()-cpu, s.RSS()
	n := tag.RowsAffected()
	if view {
		var there int64
		if err := c.QueryRow(ctx, "SELECT sum(n)::bigint FROM "+table+"_sums").Scan(&there); err != nil {
			return nil, err
		}
		if there != n {
			return nil, fmt.Errorf("%d rows are acknowledged, the view has %d", n, there)
		}
	}
	return sample{"rows_per_second": float64(n) / took.Seconds(), "cpu_us_per_row": used.Seconds() * 1e6 / float64(n), "rss_bytes": float64(resident)}, nil
}

// copyData makes n rows in a format, in order of their keys.
func copyData(format string, n int) []byte {
	var b []byte
	sep := byte('\t')
	switch format {
	case "csv":
		sep = ','
	case "binary":
		b = append(b, "PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00"...)
	}
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	epoch := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	x := uint64(1)
	for i := range n {
		x = x*6364136223846793005 + 1442695040888963407
		customer, amount := int64(x>>33)%groups, int64(x>>40)%100_000
		at := start.Add(time.Duration(i) * 1234 * time.Microsecond)
		note := strconv.AppendUint([]byte("a note "), x, 36)
		if format == "binary" {
			b = append(b, 0, 5, 0, 0, 0, 8)
			b = binary.BigEndian.AppendUint64(b, uint64(i))
			b = append(b, 0, 0, 0, 4)
			b = binary.BigEndian.AppendUint32(b, uint32(customer))
			b = append(b, 0, 0, 0, 8)
			b = binary.BigEndian.AppendUint64(b, uint64(amount))
			b = append(b, 0, 0, 0, 8)
			b = binary.BigEndian.AppendUint64(b, uint64(at.Sub(epoch).Microseconds()))
			b = binary.BigEndian.AppendUint32(b, uint32(len(note)))
			b = append(b, note...)
			continue
		}
		b = append(strconv.AppendInt(b, int64(i), 10), sep)
		b = append(strconv.AppendInt(b, customer, 10), sep)
		b = append(strconv.AppendInt(b, amount, 10), sep)
		b = append(at.AppendFormat(b, "2006-01-02 15:04:05.999999"), sep)
		b = append(append(b, note...), '\n')
	}
	if format == "binary" {
		b = append(b, 0xff, 0xff)
	}
	return b
}
