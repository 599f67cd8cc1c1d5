package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"streamdb/bench/internal/report"
)

// viewWeight is the largest weight of a query into a view.
const viewWeight = 5

// setting is what a query is run under.
type setting struct {
	variant, checkpoint string
	parallelism         int
}

func (o *options) settings() ([]setting, error) {
	var list []setting
	for _, v := range o.variants {
		if v != "sink" && v != "view" {
			return nil, fmt.Errorf("a variant is sink or view, not %q", v)
		}
		for _, p := range o.parallelism {
			n, err := strconv.Atoi(p)
			if err != nil || n < 1 {
				return nil, fmt.Errorf("parallelism is a number, not %q", p)
			}
			for _, c := range o.checkpoints {
				list = append(list, setting{v, c, n})
			}
		}
	}
	return list, nil
}

// run measures the queries under all settings and prints a line for each.
func (o *options) run() error {
	settings, err := o.settings()
	if err != nil {
		return err
	}
	f := report.New("nexmark", "Nexmark")
	describe(f)
	fmt.Printf("%-4s %-4s %2s %-6s %10s %9s %8s %10s %7s %7s %9s %9s %9s %6s %8s %8s\n", "", "", "p", "ckpt", "events/s", "CPU s/M", "of which", "ceiling",
		"share", "share", "peak RSS", "durable", "align p99", "GC", "flush", "bytes")
	fmt.Printf("%-4s %-4s %2s %-6s %10s %9s %8s %10s %7s %7s %9s %9s %9s %6s %8s %8s\n", "", "", "", "", "wall", "", "ceiling", "/CPU s",
		"by CPU", "by wall", "MB", "p99 ms", "ms", "%", "CPU s/M", "/key")
	for _, q := range o.queries {
		if err := o.query(f, q, settings); err != nil {
			return err
		}
		if o.json != "" { // what there is, in case that the rest fails
			if err := f.Write(o.json); err != nil {
				return err
			}
		}
	}
	return nil
}

// query measures one query: the loop and all settings in turns, round by round.
func (o *options) query(f *report.File, q *query, settings []setting) error {
	base := spec{Query: q.name, Events: o.events / groupEvents * groupEvents * q.weight, Generator: o.generator, Set: o.set, Limit: o.limit}
	loops := map[string][]float64{}
	found := make([]map[string][]float64, len(settings))
	notes := make([]string, len(settings))
	failed := make([]bool, len(settings))
	for round := range o.rounds {
		s := base
		s.Loop, s.Cores = true, 1
		if _, err := o.one(s, loops, setting{}, round); err != nil {
			return err
		}
		for i, t := range settings {
			if failed[i] {
				continue
			}
			if found[i] == nil {
				found[i] = map[string][]float64{}
			}
			s := base
			s.View, s.Checkpoint, s.Parallelism = t.variant == "view", t.checkpoint, t.parallelism
			if s.View { // many store a row for each
				s.Events = min(s.Events, viewWeight*o.events/groupEvents*groupEvents)
			}
			if s.Cores = o.cores; s.Cores == 0 {
				s.Cores = t.parallelism
			}
			note, err := o.one(s, found[i], t, round)
			if err != nil {
				note, failed[i] = err.Error(), true
			}
			if note != "" {
				notes[i] = note
			}
		}
	}
	alone := map[setting]float64{} // events a second of one instance
	for i, t := range settings {
		r := f.Add(q.name, "variant", t.variant, "parallelism", strconv.Itoa(t.parallelism), "checkpoints", t.checkpoint)
		r.Note, r.Failed = notes[i], failed[i]
		for name, v := range found[i] {
			r.Set(name, v...)
		}
		q.compare(r, loops, t)
		one, rate := setting{t.variant, t.checkpoint, 1}, r.Metrics["events_per_second"]
		if t == one {
			alone[one] = rate
		} else if alone[one] > 0 && rate > 0 {
			r.Metrics["times_one"] = rate / alone[one]
		}
		show(r, t)
	}
	return nil
}

// one runs a measurement and adds what it found.
func (o *options) one(s spec, to map[string][]float64, t setting, round int) (note string, err error) {
	if o.profile != "" {
		kind := "loop"
		if !s.Loop {
			kind = fmt.Sprintf("%s-p%d-%s", t.variant, t.parallelism, t.checkpoint)
		}
		s.Profile = fmt.Sprintf("%s%s-%s-%d.pprof", o.profile, s.Query, kind, round+1)
	}
	found, err := inChild(s)
	if err != nil {
		return "", err
	}
	for name, v := range found.Metrics {
		to[name] = append(to[name], v)
	}
	return found.Note, nil
}

// compare adds the ceiling and the shares of it.
func (q *query) compare(r *report.Result, loops map[string][]float64, t setting) {
	if len(r.Metrics) == 0 {
		return
	}
	m := r.Metrics
	m["loop_events_per_cpu_second"] = report.Median(loops["loop_events_per_cpu_second"])
	m["gen_events_per_cpu_second"] = report.Median(loops["gen_events_per_cpu_second"])
	m["loop_peak_rss_bytes"] = report.Median(loops["peak_rss_bytes"])
	results := report.Median(loops["results_per_event"])
	stored := 0.0
	if t.checkpoint != "off" {
		stored = q.stored(t.variant == "view", results)
	}
	m["ceiling_rows_stored_per_event"] = stored
	c := ceiling(m["loop_events_per_cpu_second"], m["gen_events_per_cpu_second"], stored)
	m["ceiling_events_per_cpu_second"] = c
	m["share_by_cpu"] = m["events_per_cpu_second"] / c
	m["share_by_wall"] = m["events_per_second"] / c
	m["share_of_loop"] = m["events_per_cpu_second"] / m["loop_events_per_cpu_second"]
}

// show prints a line.
func show(r *report.Result, t setting) {
	m := r.Metrics
	if r.Failed || len(m) == 0 {
		fmt.Printf("%-4s %-4s %2d %-6s failed: %s\n", r.Name, t.variant, t.parallelism, t.checkpoint, r.Note)
		return
	}
	fmt.Printf("%-4s %-4s %2d %-6s %10.0f %9.3f %8.3f %10.0f %6.1f%% %6.1f%% %9.0f %9.1f %9.1f %6.1f %8.3f %8.0f %s\n", r.Name, t.variant, t.parallelism, t.checkpoint,
		m["events_per_second"], m["cpu_seconds_per_million"], 1e6/m["ceiling_events_per_cpu_second"], m["ceiling_events_per_cpu_second"],
		100*m["share_by_cpu"], 100*m["share_by_wall"], m["peak_rss_bytes"]/1e6, m["durable_ms_p99"], m["align_ms_p99"], 100*m["gc_share"],
		m["flush_cpu_seconds_per_million"], m["bytes_per_key"], r.Note)
	os.Stdout.Sync()
}

// describe says how the results are shown in the document.
func describe(f *report.File) {
	f.About = strings.TrimSpace(about)
	for _, v := range []struct{ variant, title string }{{"sink", "into a blackhole"}, {"view", "into a materialized view"}} {
		for _, p := range []string{"1", "2"} {
			where := map[string]string{"variant": v.variant, "parallelism": p}
			name := fmt.Sprintf("%s, parallelism %s", v.title, p)
			f.Plots = append(f.Plots, report.Plot{Title: "Share of the ceiling by CPU time, " + name, Unit: "%", Metric: "share_by_cpu", Scale: 100, Where: where, Series: "checkpoints", Mark: 50})
			f.Plots = append(f.Plots, report.Plot{Title: "Events a second, " + name, Metric: "events_per_second", Where: where, Series: "checkpoints", Log: true})
			throughput := report.Table{Title: "Throughput " + name, Where: where, Name: "query", Labels: []string{"checkpoints"}, Columns: []report.Column{
				{Metric: "events_per_second", Head: "events/s", Scale: 1e-3, Suffix: " K"},
				{Metric: "cpu_seconds_per_million", Head: "CPU s/M events", Digits: 3},
				{Metric: "loop_events_per_cpu_second", Head: "loop, M/CPU s", Scale: 1e-6, Digits: 1},
				{Metric: "gen_events_per_cpu_second", Head: "generator, M/CPU s", Scale: 1e-6, Digits: 1},
				{Metric: "ceiling_events_per_cpu_second", Head: "ceiling, M/CPU s", Scale: 1e-6, Digits: 2},
				{Metric: "share_by_cpu", Head: "share by CPU", Scale: 100, Digits: 1, Suffix: " %"},
				{Metric: "share_by_wall", Head: "by wall", Scale: 100, Digits: 1, Suffix: " %"},
				{Metric: "flush_cpu_seconds_per_million", Head: "last flush, CPU s/M", Digits: 3},
			}}
			if p != "1" {
				throughput.Columns = append(throughput.Columns, report.Column{Metric: "times_one", Head: "times one core", Digits: 2})
			}
			f.Tables = append(f.Tables, throughput)
			f.Tables = append(f.Tables, report.Table{Title: "Memory and checkpoints " + name, Where: where, Name: "query", Labels: []string{"checkpoints"}, Columns: []report.Column{
				{Metric: "peak_rss_bytes", Head: "peak RSS, MB", Scale: 1e-6},
				{Metric: "gc_share", Head: "GC of CPU", Scale: 100, Digits: 1, Suffix: " %"},
				{Metric: "allocated_bytes_per_event", Head: "allocated B/event"},
				{Metric: "state_keys", Head: "keys in memory"},
				{Metric: "bytes_per_key", Head: "B/key"},
				{Metric: "dirty_rows_p50", Head: "dirty rows p50"},
				{Metric: "align_ms_p50", Head: "align p50 ms", Digits: 1},
				{Metric: "align_ms_p99", Head: "p99", Digits: 1},
				{Metric: "seal_ms_p50", Head: "seal p50 ms", Digits: 1},
				{Metric: "seal_ms_p99", Head: "p99", Digits: 1},
				{Metric: "durable_ms_p50", Head: "durable p50 ms", Digits: 1},
				{Metric: "durable_ms_p99", Head: "p99", Digits: 1},
				{Metric: "stall_ms_p99", Head: "stall p99 ms", Digits: 1},
			}})
		}
	}
}

const about = "All queries of the suite, through SQL and the socket, the sources generating in the server's process; each run a process of its own. " +
	"The loop is a hand-written Go loop of the same query over columns in memory, the generator makes only the columns that the query reads; " +
	"the ceiling is 1/(1/loop + 1/generator + r/1.5M) events a second of one core, r the rows that an event makes a checkpoint write (0 with checkpoints off). " +
	"A run has as many cores as instances (parallelism). `bench/nexmark/doc.go` says more. \"Last flush\" is the one checkpoint at the end of a run with checkpoints off, which is not counted there. GC is the time of its workers, which includes that of others on a busy machine. The line at 50 % is the goal; it is 70 % for q0, q1, q2, q10, q13, q14, q21 and q22 with checkpoints every second."
