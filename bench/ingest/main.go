package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"slices"
	"strings"
	"time"

	"streamdb/bench/internal/report"
	"streamdb/bench/internal/servers"
)

var (
	only    = flag.String("only", "insert,copy", "what to measure")
	clients = flag.Int("clients", 16, "clients that INSERT")
	lasting = flag.Duration("for", 3*time.Second, "time of a round of INSERTs")
	rows    = flag.Int("rows", 1_000_000, "rows of a COPY")
	rounds  = flag.Int("rounds", 3, "rounds; medians count")
	modes   = flag.String("protocols", "simple,extended", "protocols of INSERT")
	formats = flag.String("formats", "text,csv,binary", "formats of COPY")
	shared  = servers.AddFlags()
)

func main() {
	log.SetFlags(0)
	flag.Parse()
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	bed, err := shared.Start()
	if err != nil {
		return err
	}
	defer bed.Stop()
	r := &runs{bed: bed, out: report.New("ingest", "INSERT and COPY beside PostgreSQL")}
	ctx := context.Background()
	if slices.Contains(strings.Split(*only, ","), "insert") {
		for _, mode := range strings.Split(*modes, ",") {
			if err := r.inserts(ctx, mode); err != nil {
				return err
			}
		}
	}
	if slices.Contains(strings.Split(*only, ","), "copy") {
		for _, format := range strings.Split(*formats, ",") {
			if err := r.copies(ctx, format); err != nil {
				return err
			}
		}
	}
	r.describe()
	return shared.Write(r.out)
}

// runs collects the results of a run.
type runs struct {
	bed *servers.Bed
	out *report.File
	n   int // tables made so far
}

// sample is what one round found.
type sample map[string]float64

// inTurns measures all servers round by round, each round beginning with another.
func (r *runs) inTurns(name, label, value string, measure func(*servers.Server) (sample, error)) error {
	found := map[*servers.Server]map[string][]float64{}
	all := r.bed.All()
	for round := range *rounds {
		for i := range all {
			s := all[(i+round)%len(all)]
			m, err := measure(s)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", s.Name, name, err)
			}
			if found[s] == nil {
				found[s] = map[string][]float64{}
			}
			for metric, v := range m {
				found[s][metric] = append(found[s][metric], v)
			}
		}
	}
	for _, s := range all {
		res := r.out.Add(name, "server", s.Name, label, value)
		for metric, v := range found[s] {
			res.Set(metric, v...)
		}
		m := res.Metrics
		fmt.Printf("%-8s %-9s %-11s %9.0f rows/s, %8.2f us CPU/row", name, value, s.Name, m["rows_per_second"], m["cpu_us_per_row"])
		if p, ok := m["p50_ms"]; ok {
			fmt.Printf(", p50 %.2f ms, p99 %.2f ms", p, m["p99_ms"])
		}
		fmt.Printf(", %.0f MB resident\n", m["rss_bytes"]/(1<<20))
	}
	if len(all) == 2 {
		mine, peer := r.out.Results[len(r.out.Results)-2], r.out.Results[len(r.out.Results)-1]
		mine.Set("ratio", mine.Metrics["rows_per_second"]/peer.Metrics["rows_per_second"])
		fmt.Printf("%-8s %-9s ratio %.2f\n", name, value, mine.Metrics["ratio"])
	}
	return nil
}

// describe says how the results are shown.
func (r *runs) describe() {
	r.out.About = fmt.Sprintf("Single rows from %d clients, a transaction each, and COPY of %d rows. What streamdb acknowledges is durable and in a materialized view "+
		"that groups the rows; PostgreSQL, with its default settings, has the table with its primary key alone. \"x\" is the rate against that of PostgreSQL: the goal is 1 or more.", *clients, *rows)
	cols := []report.Column{{Metric: "rows_per_second", Head: "rows/s"}, {Metric: "ratio", Head: "x", Digits: 2}, {Metric: "cpu_us_per_row", Head: "CPU µs/row", Digits: 2}}
	late := append(slices.Clone(cols), report.Column{Metric: "p50_ms", Head: "p50 ms", Digits: 2}, report.Column{Metric: "p99_ms", Head: "p99 ms", Digits: 2})
	r.out.Tables = []report.Table{
		{Title: "INSERT of single rows", Where: map[string]string{"name": "INSERT"}, Labels: []string{"protocol", "server"}, Columns: late},
		{Title: "COPY", Where: map[string]string{"name": "COPY"}, Labels: []string{"format", "server"}, Columns: append(cols, report.Column{Metric: "rss_bytes", Head: "resident MB", Scale: 1.0 / (1 << 20)})},
	}
	r.out.Plots = []report.Plot{
		{Title: "INSERT of single rows", Unit: "rows/s", Metric: "rows_per_second", Where: map[string]string{"name": "INSERT"}, By: "protocol", Series: "server"},
		{Title: "COPY", Unit: "thousand rows/s", Metric: "rows_per_second", Scale: 1e-3, Where: map[string]string{"name": "COPY"}, By: "format", Series: "server"},
	}
}
