package main

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"streamdb/bench/internal/report"
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
	goals []goal  // instead: what follows of this job for longer intervals
	split int     // so many more rounds, of phases so much shorter
}

// goal is a limit, per cent of throughput, or, of a job without state, of CPU per row,
// for an interval at which a checkpoint of the job costs too little to be seen among
// what else changes from phase to phase. What one costs does not depend on the
// interval, as there is no state or all of it has changed in the shorter one too, so
// it is measured at that.
type goal struct {
	every time.Duration
	limit float64
}

const (
	stateless = `SELECT auction, bidder, price, channel, url, date_time, extra FROM bid`
	stateful  = `SELECT (bidder * 31 + price) % %d AS k, count(*) AS n, sum(price) AS total FROM bid GROUP BY 1`
)

// One group is two dirty rows: that of the aggregate and that of the view.
var overheadJobs = []overheadJob{
	{name: "stateless", sql: stateless, sink: true, every: 10 * time.Millisecond, goals: []goal{{time.Second, 1}, {100 * time.Millisecond, 3}}, split: 4},
	{name: "stateless", sql: stateless, sink: true, every: 100 * time.Millisecond, split: 1},
	{name: "stateful", sql: stateful, every: 200 * time.Millisecond, keys: 49_000, goals: []goal{{time.Second, 5}}, split: 1},
	{name: "stateful", sql: stateful, every: time.Second, keys: 49_000, limit: 5, split: 1},
	{name: "stateful", sql: stateful, every: 100 * time.Millisecond, keys: 14_500, limit: 15, split: 1},
}

// phase is one measurement of an overheadJob.
type phase struct {
	rate   float64 // rows of the source a second
	cpu    float64 // seconds of the process's CPU per million rows of the source
	dirty  int64   // rows of an epoch, at the most
	wrote  int64   // rows of all epochs
	epochs int64
	length float64 // seconds
	rows   int64   // of the source
	took   float64 // ms from a barrier to the end of its commit, median
}

// rounds is what an overheadJob was found to cost, a value for each round.
type rounds struct {
	throughput, cpu []float64 // per cent lost, per cent more
	on, off, took   []float64
	perRow          []float64 // CPU us of a dirty row
	perEpoch        []float64 // CPU us of a checkpoint
	perRate         []float64 // per cent more CPU of one checkpoint a second
	lossRate        []float64 // per cent of throughput that one checkpoint a second takes
	dirty           int64
}

// overhead measures each job for n rounds and prints what checkpoints cost: the
// mean of the middle half of the rounds and the interval in which that lies with
// 95 % confidence. A round is four phases: off, on, on, off, so that what drifts evenly, and whatever
// else the machine does for longer than a round, falls on both alike; the rounds
// are independent of each other.
func overhead(n int, length time.Duration, only, file string) error {
	engine.TuneRuntime(engine.DefaultMemoryLimit())
	f := report.New("nexmark", "What checkpoints cost")
	f.Bench = "nexmark-overhead"
	f.About = overheadAbout
	f.Tables = []report.Table{{Name: "job", Labels: []string{"interval", "of", "verdict"}, Columns: []report.Column{
		{Metric: "overhead", Head: "overhead", Digits: 2, Suffix: " %"}, {Metric: "overhead_low", Head: "95 %: from", Digits: 2, Suffix: " %"},
		{Metric: "overhead_high", Head: "to", Digits: 2, Suffix: " %"}, {Metric: "limit", Head: "limit", Suffix: " %"},
		{Metric: "rows_per_second", Head: "rows/s with"}, {Metric: "dirty_rows", Head: "dirty rows"},
		{Metric: "commit_ms", Head: "to commit, ms", Digits: 1}, {Metric: "cpu_us_per_checkpoint", Head: "CPU us/checkpoint"}, {Metric: "cpu_us_per_dirty_row", Head: "CPU us/dirty row", Digits: 2}}}}
	fmt.Printf("%-10s %8s %-22s %9s  %-18s %6s %-7s %11s %11s %9s %10s %9s\n", "", "interval", "of", "overhead", "95 % interval", "limit", "", "rows/s on", "dirty rows", "commit ms", "us/ckpt", "us/dirty")
	for _, j := range overheadJobs {
		if only != "" && !strings.Contains(only, j.name) {
			continue
		}
		r, err := j.run(n*j.split, length/time.Duration(j.split))
		if err != nil {
			return fmt.Errorf("%s: %w", j.name, err)
		}
		j.report(f, r)
		if file != "" {
			if err := f.Write(file); err != nil {
				return err
			}
		}
	}
	return nil
}

const overheadAbout = "A job at full speed whose checkpoints are switched on and off: rounds of four phases, off, on, on, off. " +
	"The overhead is the mean over the middle half of the rounds of what the two phases with checkpoints cost more than the two without, in CPU seconds per source row and in rows a second; " +
	"the interval is a bootstrap over the rounds. A goal is met if the whole interval is below the limit, missed if it is above, open if the limit lies within. " +
	"What a checkpoint costs does not depend on the interval where there is no state, or where all of it has changed in a shorter one too, " +
	"and is too little to be seen at 1 s (without state: also at 100 ms) among what else changes from phase to phase: it is measured at 10 ms (stateless) and 200 ms (stateful), and the lines of the goals follow from that."

// report prints and keeps what a job costs: by CPU, by throughput, and what
// follows for other intervals.
func (j *overheadJob) report(f *report.File, r *rounds) {
	j.line(f, r, j.every, "CPU", r.cpu, 0)
	j.line(f, r, j.every, "throughput", r.throughput, j.limit)
	of, perRate := "CPU, from ", r.perRate
	if j.keys > 0 {
		of, perRate = "throughput, from ", r.lossRate
	}
	for _, g := range j.goals {
		var values []float64
		for _, v := range perRate {
			values = append(values, v/g.every.Seconds())
		}
		j.line(f, r, g.every, of+j.every.String(), values, g.limit)
	}
}

// line prints and keeps one form of an overhead; limit 0: it has no goal.
func (j *overheadJob) line(f *report.File, r *rounds, every time.Duration, of string, values []float64, limit float64) {
	mean := report.Trimmed(values)
	lo, hi := report.Bootstrap(values, report.Trimmed)
	verdict, goal := "", "-"
	if limit > 0 {
		verdict, goal = judge(lo, hi, limit), strconv.FormatFloat(limit, 'f', 0, 64)+"%"
	}
	x := f.Add(j.name, "interval", every.String(), "of", of, "verdict", verdict)
	x.Set("overhead", mean)
	x.Rounds = map[string][]float64{"overhead": values}
	x.Set("overhead_low", lo)
	x.Set("overhead_high", hi)
	if limit > 0 {
		x.Set("limit", limit)
	}
	fmt.Printf("%-10s %8v %-22s %8.2f%%  %6.2f%% to %6.2f%% %6s %-7s", j.name, every, of, mean, lo, hi, goal, verdict)
	if every == j.every {
		x.Set("rows_per_second", report.Median(r.on))
		x.Set("dirty_rows", float64(r.dirty))
		x.Set("commit_ms", report.Median(r.took))
		x.Set("cpu_us_per_checkpoint", report.Trimmed(r.perEpoch))
		if j.keys > 0 {
			x.Set("cpu_us_per_dirty_row", report.Trimmed(r.perRow))
		}
		fmt.Printf(" %11.0f %11d %9.1f %10.0f %9.2f", report.Median(r.on), r.dirty, report.Median(r.took), report.Trimmed(r.perEpoch), x.Metrics["cpu_us_per_dirty_row"])
	}
	fmt.Println()
}

// judge compares an interval with a limit.
func judge(lo, hi, limit float64) string {
	switch {
	case hi <= limit:
		return "met"
	case lo > limit:
		return "missed"
	}
	return "open"
}

// run measures a job in a server of its own.
func (j *overheadJob) run(n int, length time.Duration) (*rounds, error) {
	b, err := newBed(engine.Options{BarrierInterval: time.Hour, CheckpointInterval: time.Hour})
	if err != nil {
		return nil, err
	}
	defer b.close()
	if err := b.make([]string{"bid"}, -1, nil); err != nil {
		return nil, err
	}
	if err := b.exec("SET background_ddl = on"); err != nil {
		return nil, err
	}
	sql := strings.Replace(j.sql, "%d", strconv.Itoa(j.keys), 1)
	create := "CREATE MATERIALIZED VIEW result AS " + sql
	if j.sink {
		create = "CREATE SINK result AS " + sql + " WITH (connector = 'blackhole')"
	}
	if err := b.exec(create); err != nil {
		return nil, err
	}
	if _, err := b.phase(length, time.Hour); err != nil { // warm
		return nil, err
	}
	r := &rounds{}
	for range n {
		var p [4]phase
		for i, every := range []time.Duration{time.Hour, j.every, j.every, time.Hour} {
			if p[i], err = b.phase(length, every); err != nil {
				return nil, err
			}
		}
		r.add(p)
	}
	return r, nil
}

// add takes in the phases of a round: off, on, on, off.
func (r *rounds) add(p [4]phase) {
	mean := func(a, b float64) float64 { return (a + b) / 2 }
	offRate, onRate := mean(p[0].rate, p[3].rate), mean(p[1].rate, p[2].rate)
	offCPU, onCPU := mean(p[0].cpu, p[3].cpu), mean(p[1].cpu, p[2].cpu)
	r.throughput = append(r.throughput, 100*(1-onRate/offRate))
	r.cpu = append(r.cpu, 100*(onCPU/offCPU-1))
	r.on, r.off = append(r.on, onRate), append(r.off, offRate)
	r.took = append(r.took, mean(p[1].took, p[2].took))
	r.dirty = max(r.dirty, p[1].dirty, p[2].dirty)
	more := (onCPU - offCPU) * float64(p[1].rows+p[2].rows) // microseconds
	if wrote := p[1].wrote + p[2].wrote; wrote > 0 {
		r.perRow = append(r.perRow, more/float64(wrote))
	}
	epochs := math.Max(1, float64(p[1].epochs+p[2].epochs))
	r.perEpoch = append(r.perEpoch, more/epochs)
	each := (p[1].length + p[2].length) / epochs // seconds
	r.perRate = append(r.perRate, 100*(onCPU/offCPU-1)*each)
	r.lossRate = append(r.lossRate, 100*(1-onRate/offRate)*each)
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
	p.length = ended.Sub(begun).Seconds()
	p.rate = float64(p.rows) / p.length
	p.cpu = cpu.Seconds() / float64(p.rows) * 1e6
	err = b.conn.QueryRow(ctx, `SELECT coalesce(max(rows), 0)::bigint, coalesce(sum(rows), 0)::bigint, count(*), coalesce(percentile_cont(0.5) WITHIN GROUP (ORDER BY align_ms + queue_ms + sort_ms + write_ms), 0)
		FROM streamdb.checkpoints WHERE injected BETWEEN $1 AND $2 AND tasks IS NOT NULL`, begun, ended).Scan(&p.dirty, &p.wrote, &p.epochs, &p.took)
	return p, err
}

// sourced is the number of rows that sources have brought, and when it was read.
func (b *bed) sourced() (rows int64, at time.Time, err error) {
	err = b.ints(`SELECT coalesce(sum(rows_out), 0)::bigint FROM streamdb.tasks WHERE root = 'Source'`, &rows)
	return rows, time.Now(), err
}
