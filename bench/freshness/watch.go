package main

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"streamdb/bench/internal/report"
)

// seen is what a client that reads the view again and again has found.
type seen struct {
	events float64   // that came into the view meanwhile
	ages   []float64 // ms from creation to the answer that shows them, of events evenly spread over time
}

// resolution is the time between the creations of two events that are followed.
const resolution = time.Millisecond

// watch reads for a while. An answer that shows the newest event of time H, after one
// that showed G, was the first with all events of (G, H]: these waited from their
// creation until the answer came.
func watch(ctx context.Context, c *pgx.Conn) (*seen, error) {
	w := &seen{}
	begun := time.Now()
	var first, events int64
	var last time.Time
	for time.Since(begun) < *lasting {
		var at time.Time
		if err := c.QueryRow(ctx, "SELECT at, events FROM newest").Scan(&at, &events); err != nil {
			return nil, err
		}
		now := time.Now().UTC()
		if last.IsZero() {
			first, last = events, at
			continue
		}
		for ; at.Sub(last) >= resolution; last = last.Add(resolution) {
			w.ages = append(w.ages, now.Sub(last.Add(resolution)).Seconds()*1e3)
		}
	}
	w.events = float64(events - first)
	return w, nil
}

// barriers adds what the barriers since a moment took.
func barriers(ctx context.Context, c *pgx.Conn, since time.Time, r *report.Result) error {
	rows, err := c.Query(ctx, `SELECT align_ms, seal_ms, queue_ms + sort_ms + write_ms, sync_ms, rows FROM streamdb.checkpoints WHERE injected >= $1 AND tasks > 0`, since)
	if err != nil {
		return err
	}
	var align, seals, durable, dirty []float64
	for rows.Next() {
		var aligned, sealed, commit float64
		var sync *float64
		var n int64
		if err := rows.Scan(&aligned, &sealed, &commit, &sync, &n); err != nil {
			return err
		}
		align, seals = append(align, aligned), append(seals, sealed)
		if sync != nil {
			durable, dirty = append(durable, aligned+commit+*sync), append(dirty, float64(n))
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for name, s := range map[string][]float64{"barrier": align, "seal": seals, "durable": durable} {
		r.Set(name+"_p50_ms", report.Percentile(s, 0.5))
		r.Set(name+"_p99_ms", report.Percentile(s, 0.99))
	}
	r.Set("dirty_rows", report.Median(dirty))
	return nil
}
