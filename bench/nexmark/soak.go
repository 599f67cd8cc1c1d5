package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"streamdb/engine"
)

// soak runs queries, q5 and q8 as a rule, at full speed for a while and prints memory, which must
// stay flat after the first minute.
func (o *options) soak(d time.Duration) error {
	engine.TuneRuntime(engine.DefaultMemoryLimit())
	instances, err := strconv.Atoi(o.parallelism[0])
	if err != nil {
		return err
	}
	b, err := newBed(engine.Options{Parallelism: instances})
	if err != nil {
		return err
	}
	defer b.close()
	if err := b.make([]string{"person", "auction", "bid"}, -1, o.generator); err != nil {
		return err
	}
	if err := b.exec("SET background_ddl = on"); err != nil {
		return err
	}
	for _, q := range o.queries {
		if err := b.exec("CREATE MATERIALIZED VIEW " + q.name + " AS " + q.sql()); err != nil {
			return err
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
