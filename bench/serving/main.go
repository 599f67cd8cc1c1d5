package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"slices"
	"strconv"
	"strings"
	"time"

	"streamdb/bench/internal/report"
	"streamdb/bench/internal/servers"
)

var (
	clients = flag.String("clients", "1,8,16", "numbers of clients")
	modes   = flag.String("protocols", "simple,prepared", "protocols of look-ups")
	keys    = flag.Int("keys", 100_000, "rows of the view")
	lasting = flag.Duration("for", 2*time.Second, "time of a round")
	rounds  = flag.Int("rounds", 3, "rounds; medians count")
	only    = flag.String("only", "look-up,scan,ingest", "what to measure")
	ingest  = flag.Int("ingest", 200_000, "events a second that stream in while look-ups are measured again")
	shared  = servers.AddFlags()
)

func main() {
	log.SetFlags(0)
	flag.Parse()
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	bed, err := shared.Start()
	if err != nil {
		return err
	}
	defer bed.Stop()
	r := &runs{bed: bed, out: report.New("serving", "Reads of a view beside PostgreSQL")}
	if err := r.load(ctx); err != nil {
		return err
	}
	wanted := strings.Split(*only, ",")
	if slices.Contains(wanted, "look-up") {
		err = r.lookups(ctx, "idle", bed.All())
	}
	if err == nil && slices.Contains(wanted, "scan") {
		err = r.scans(ctx)
	}
	if err == nil && slices.Contains(wanted, "ingest") {
		err = r.whileIngesting(ctx)
	}
	if err != nil {
		return err
	}
	r.describe()
	return shared.Write(r.out)
}

// runs collects the results of a run.
type runs struct {
	bed *servers.Bed
	out *report.File
}

// load makes the view that is read: a group a key, of two rows.
func (r *runs) load(ctx context.Context) error {
	for _, s := range r.bed.All() {
		err := s.Exec(ctx,
			"CREATE TABLE items (id bigint PRIMARY KEY, customer int, amount bigint)",
			fmt.Sprintf("INSERT INTO items SELECT g, g %% %d, g %% 1000 FROM generate_series(1, %d) g", *keys, 2**keys),
			"CREATE MATERIALIZED VIEW by_customer AS SELECT customer, count(*) AS n, sum(amount) AS total FROM items GROUP BY customer")
		if err != nil {
			return err
		}
	}
	if r.bed.Postgres == nil {
		return nil
	}
	return r.bed.Postgres.Exec(ctx, "CREATE UNIQUE INDEX ON by_customer (customer)", "VACUUM ANALYZE")
}

// lookups measures look-ups by all numbers of clients and protocols.
func (r *runs) lookups(ctx context.Context, state string, all []*servers.Server) error {
	for _, mode := range strings.Split(*modes, ",") {
		for _, text := range strings.Split(*clients, ",") {
			n, err := strconv.Atoi(text)
			if err != nil {
				return err
			}
			load := workload{clients: n, prepared: mode == "prepared", sql: "SELECT n, total FROM by_customer WHERE customer = $1"}
			if err := r.inTurns(ctx, all, load, "look-up", "state", state, "protocol", mode, "clients", text); err != nil {
				return err
			}
		}
	}
	return nil
}

// scans measures statements that read the whole view.
func (r *runs) scans(ctx context.Context) error {
	for _, x := range []struct{ name, sql string }{
		{"fetch all", "SELECT * FROM by_customer"},
		{"aggregate", "SELECT count(*), sum(total), max(n) FROM by_customer"},
		{"filter", "SELECT customer, total FROM by_customer WHERE total % 1000 = 7"},
	} {
		if err := r.inTurns(ctx, r.bed.All(), workload{clients: 1, sql: x.sql, scans: *keys}, "scan", "statement", x.name); err != nil {
			return err
		}
	}
	return nil
}

// whileIngesting measures look-ups in streamdb while a source streams through a view.
func (r *runs) whileIngesting(ctx context.Context) error {
	err := r.bed.Streamdb.Exec(ctx,
		fmt.Sprintf("SET source_rate_limit = %d", max(1, *ingest*46/50)),
		"CREATE SOURCE bid WITH (connector = 'nexmark', nexmark.table.type = 'Bid', nexmark.min.event.gap.in.ns = '0')",
		"SET background_ddl = on",
		fmt.Sprintf("SET source_rate_limit = %d; CREATE MATERIALIZED VIEW bids AS SELECT auction, count(*) AS n, max(price) AS most, sum(price) AS total FROM bid GROUP BY auction", max(1, *ingest*46/50)))
	if err != nil {
		return err
	}
	time.Sleep(time.Second)
	return r.lookups(ctx, fmt.Sprintf("%d events/s stream in", *ingest), []*servers.Server{r.bed.Streamdb})
}

// inTurns measures a workload on the servers, each round beginning with another.
func (r *runs) inTurns(ctx context.Context, all []*servers.Server, w workload, name string, labels ...string) error {
	found := map[*servers.Server]map[string][]float64{}
	for round := range *rounds {
		for i := range all {
			s := all[(i+round)%len(all)]
			var m map[string]float64
			measure := func() (err error) { m, err = w.measure(ctx, s, *lasting); return err }
			err := error(nil)
			if s == r.bed.Streamdb {
				err = r.bed.Profiled(*lasting, measure)
			} else {
				err = measure()
			}
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
		res := r.out.Add(name, append(labels, "server", s.Name)...)
		for metric, v := range found[s] {
			res.Set(metric, v...)
		}
	}
	for _, res := range r.out.Results[len(r.out.Results)-len(all):] {
		if peer := r.peer(res); peer > 0 {
			res.Set("ratio", res.Metrics["per_second"]/peer)
		}
		m := res.Metrics
		fmt.Printf("%-8s %-32s %-11s %9.0f /s, p50 %8.3f ms, p99 %8.3f ms, %9.1f us CPU", name, strings.Join(values(labels), " "), res.Labels["server"], m["per_second"], m["p50_ms"], m["p99_ms"], m["cpu_us"])
		if m["rows_per_second"] > 0 {
			fmt.Printf(", %.2f M rows/s", m["rows_per_second"]/1e6)
		}
		if m["ratio"] > 0 {
			fmt.Printf(", x %.2f", m["ratio"])
		}
		fmt.Println()
	}
	return nil
}

func values(labels []string) (out []string) {
	for i := 1; i < len(labels); i += 2 {
		out = append(out, labels[i])
	}
	return out
}

// peer is the rate of an idle PostgreSQL in what res measures in streamdb; 0: it is
// not known, or res is PostgreSQL's own.
func (r *runs) peer(res *report.Result) float64 {
	if r.bed.Postgres == nil || res.Labels["server"] != r.bed.Streamdb.Name {
		return 0
	}
	for _, x := range r.out.Results {
		same := x.Name == res.Name && x.Labels["server"] == r.bed.Postgres.Name
		for _, l := range []string{"protocol", "clients", "statement"} {
			same = same && x.Labels[l] == res.Labels[l]
		}
		if same {
			return x.Metrics["per_second"]
		}
	}
	return 0
}

// describe says how the results are shown.
func (r *runs) describe() {
	r.out.About = fmt.Sprintf("A view of %d rows. \"x\" is the rate against that of an idle PostgreSQL: the goals for look-ups are 1.2 with one client, 1.5 with 8, "+
		"2 with 16, and 0.7 while rows stream in.", *keys)
	cols := []report.Column{{Metric: "per_second", Head: "statements/s"}, {Metric: "ratio", Head: "x", Digits: 2}, {Metric: "p50_ms", Head: "p50 ms", Digits: 3},
		{Metric: "p99_ms", Head: "p99 ms", Digits: 3}, {Metric: "cpu_us", Head: "CPU µs", Digits: 1}}
	r.out.Tables = []report.Table{
		{Title: "Look-ups by key", Where: map[string]string{"name": "look-up"}, Labels: []string{"state", "protocol", "clients", "server"}, Columns: cols},
		{Title: "Scans", Where: map[string]string{"name": "scan"}, Labels: []string{"statement", "server"},
			Columns: append(slices.Clone(cols), report.Column{Metric: "rows_per_second", Head: "M rows/s", Scale: 1e-6, Digits: 2})},
	}
	for _, mode := range strings.Split(*modes, ",") {
		r.out.Plots = append(r.out.Plots, report.Plot{Title: "Look-ups, " + mode, Unit: "thousand/s", Metric: "per_second", Scale: 1e-3,
			Where: map[string]string{"name": "look-up", "state": "idle", "protocol": mode}, By: "clients", Series: "server"})
	}
}
