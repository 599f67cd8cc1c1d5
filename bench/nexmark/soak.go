package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"streamdb/engine"
)

// soak runs queries, q5 and q8 as a rule, at full speed for a while and prints memory, which must
// stay flat after the first minute.
func soak(d time.Duration, names string, parallelism int) error {
	b, err := newBed(engine.Options{Parallelism: parallelism})
	if err != nil {
		return err
	}
	defer b.close()
	for _, s := range []string{"person", "auction", "bid"} {
		if err := b.exec(fmt.Sprintf(`CREATE SOURCE %s (%s, WATERMARK FOR date_time AS date_time - INTERVAL '4' SECOND)
			WITH (connector = 'nexmark', nexmark.table.type = '%s', nexmark.min.event.gap.in.ns = '0')`, s, columns[s], s)); err != nil {
			return err
		}
	}
	if err := b.exec("SET background_ddl = on"); err != nil {
		return err
	}
	for _, q := range queries {
		if slices.Contains(strings.Split(names, ","), q.name) {
			if err := b.exec("CREATE MATERIALIZED VIEW " + q.name + " AS " + q.sql); err != nil {
				return err
			}
		}
	}
	fmt.Printf("%8s %14s %10s %10s   %s\n", "seconds", "events", "RSS", "heap", "slowest epoch: ms to align, sort and write")
	for begun := time.Now(); time.Since(begun) < d; {
		time.Sleep(min(10*time.Second, d))
		var n int64
		if err := b.conn.QueryRow(context.Background(), `SELECT coalesce(sum("offset"), 0)::bigint FROM streamdb.source_splits`).Scan(&n); err != nil {
			return err
		}
		var align, sort, write float64
		if err := b.conn.QueryRow(context.Background(), `SELECT coalesce(max(align_ms), 0), coalesce(max(sort_ms), 0), coalesce(max(write_ms), 0)
			FROM streamdb.checkpoints WHERE injected > now() - interval '12 seconds'`).Scan(&align, &sort, &write); err != nil {
			return err
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		fmt.Printf("%8.0f %14d %9dM %9dM   %.0f %.0f %.0f\n", time.Since(begun).Seconds(), n, rss()>>20, m.HeapInuse>>20, align, sort, write)
	}
	return nil
}

// columns are the columns of the sources, which a watermark needs listed.
var columns = map[string]string{
	"person":  "id bigint, name varchar, email_address varchar, credit_card varchar, city varchar, state varchar, date_time timestamp, extra varchar",
	"auction": "id bigint, item_name varchar, description varchar, initial_bid bigint, reserve bigint, date_time timestamp, expires timestamp, seller bigint, category bigint, extra varchar",
	"bid":     "auction bigint, bidder bigint, price bigint, channel varchar, url varchar, date_time timestamp, extra varchar",
}
