package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"streamdb/engine"
)

// overheadJob is a job at full speed, whose checkpoints are switched on and off.
type overheadJob struct {
	name  string
	sql   string // %d: the number of groups
	sink  bool
	every time.Duration // the interval of checkpoints, each of them synced
	keys  int
	limit float64 // per cent of throughput; see the goals in docs/reliability.md
}

// One group is two dirty rows: that of the aggregate and that of the view.
var overheadJobs = []overheadJob{
	{"stateless", `SELECT auction, bidder, price, channel, url, date_time, extra FROM bid`, true, time.Second, 0, 1},
	{"stateless", `SELECT auction, bidder, price, channel, url, date_time, extra FROM bid`, true, 100 * time.Millisecond, 0, 3},
	{"stateful", `SELECT (bidder * 31 + price) % %d AS k, count(*) AS n, sum(price) AS total FROM bid GROUP BY 1`, false, time.Second, 49_000, 5},
	{"stateful", `SELECT (bidder * 31 + price) % %d AS k, count(*) AS n, sum(price) AS total FROM bid GROUP BY 1`, false, 100 * time.Millisecond, 14_500, 15},
}

// phase is one measurement of an overheadJob.
type phase struct {
	rate  float64 // rows of the source a second
	cpu   float64 // seconds of the process's CPU per million rows of the source
	dirty int64   // rows of an epoch, at the most
	wrote int64   // rows of all epochs
	rows  int64   // of the source
	took  float64 // ms from a barrier to the end of its commit, median
}

// overhead measures each job for rounds times on and off in turns, in one server,
// and prints what checkpoints cost: the medians of the rounds, each of which
// compares a phase with checkpoints with those without just before and after.
func overhead(rounds int, length time.Duration, only string) error {
	fmt.Printf("%-10s %9s %14s %14s %9s %9s %11s %11s %13s  %s\n", "", "interval", "rows/s off", "rows/s on", "overhead", "limit", "dirty rows", "commit ms", "CPU us/dirty", "overhead of the rounds")
	for _, j := range overheadJobs {
		if only != "" && !strings.Contains(only, j.name) {
			continue
		}
		if err := j.run(rounds, length); err != nil {
			return fmt.Errorf("%s: %w", j.name, err)
		}
	}
	return nil
}

func (j *overheadJob) run(rounds int, length time.Duration) error {
	b, err := newBed(engine.Options{BarrierInterval: time.Hour, CheckpointInterval: time.Hour})
	if err != nil {
		return err
	}
	defer b.close()
	if err := b.source("bid", 1<<40); err != nil {
		return err
	}
	if err := b.exec("SET background_ddl = on"); err != nil {
		return err
	}
	sql := strings.Replace(j.sql, "%d", fmt.Sprint(j.keys), 1)
	create := "CREATE MATERIALIZED VIEW result AS " + sql
	if j.sink {
		create = "CREATE SINK result AS " + sql + " WITH (connector = 'blackhole')"
	}
	if err := b.exec(create); err != nil {
		return err
	}
	if _, err := b.phase(length, time.Hour); err != nil { // warm
		return err
	}
	var costs, ons, offs, took, perRow []float64
	var dirty int64
	before, err := b.phase(length, time.Hour)
	for range rounds {
		if err != nil {
			return err
		}
		on, err := b.phase(length, j.every)
		if err != nil {
			return err
		}
		after, err := b.phase(length, time.Hour)
		if err != nil {
			return err
		}
		off := (before.rate + after.rate) / 2
		costs, ons, offs = append(costs, 100*(1-on.rate/off)), append(ons, on.rate), append(offs, off)
		took = append(took, on.took)
		dirty = max(dirty, on.dirty)
		if on.wrote > 0 {
			perRow = append(perRow, (on.cpu-(before.cpu+after.cpu)/2)*float64(on.rows)/float64(on.wrote))
		}
		before = after
	}
	slices.Sort(costs)
	fmt.Printf("%-10s %9v %14.0f %14.0f %8.1f%% %8.0f%% %11d %11.1f %13.2f  %.1f\n",
		j.name, j.every, median(offs), median(ons), median(costs), j.limit, dirty, median(took), median(perRow), costs)
	return nil
}

// phase sets the interval and, once that counts, measures for some time.
func (b *bed) phase(length, every time.Duration) (p phase, err error) {
	ctx := context.Background()
	ms := every.Milliseconds()
	for _, set := range []string{fmt.Sprintf("barrier_interval_ms = %d", ms), "checkpoint_frequency = 1"} {
		if err := b.exec("ALTER SYSTEM SET " + set); err != nil {
			return p, err
		}
	}
	if err := b.exec("FLUSH"); err != nil { // what the phase before left
		return p, err
	}
	time.Sleep(length / 10)
	from, begun, err := b.sourced()
	if err != nil {
		return p, err
	}
	cpu := cpuTime()
	time.Sleep(length)
	cpu = cpuTime() - cpu
	to, ended, err := b.sourced()
	if err != nil {
		return p, err
	}
	p.rows = to - from
	p.rate = float64(p.rows) / ended.Sub(begun).Seconds()
	p.cpu = cpu.Seconds() / float64(p.rows) * 1e6
	err = b.conn.QueryRow(ctx, `SELECT coalesce(max(rows), 0)::bigint, coalesce(sum(rows), 0)::bigint, coalesce(percentile_cont(0.5) WITHIN GROUP (ORDER BY align_ms + queue_ms + sort_ms + write_ms), 0)
		FROM streamdb.checkpoints WHERE injected BETWEEN $1 AND $2 AND tasks IS NOT NULL`, begun, ended).Scan(&p.dirty, &p.wrote, &p.took)
	return p, err
}

// sourced is the number of rows that sources have brought, and when it was read.
func (b *bed) sourced() (rows int64, at time.Time, err error) {
	err = b.conn.QueryRow(context.Background(), `SELECT coalesce(sum(rows_out), 0)::bigint FROM streamdb.tasks WHERE root = 'Source'`).Scan(&rows)
	return rows, time.Now(), err
}

// cpuTime is what this process has used of the processors.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func median[T cmp.Ordered](s []T) (m T) {
	if len(s) == 0 {
		return m
	}
	s = slices.Clone(s)
	slices.Sort(s)
	return s[len(s)/2]
}
