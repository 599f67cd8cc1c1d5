package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"streamdb/bench/internal/report"
	"streamdb/bench/internal/servers"
)

var (
	loads      = flag.String("load", "10,50,90", "percents of the maximal load")
	lasting    = flag.Duration("for", 5*time.Second, "time that a load is measured for")
	keys       = flag.Int("keys", 10_000, "groups of the view")
	barrier    = flag.Duration("barrier", 20*time.Millisecond, "-barrier-interval of the server")
	checkpoint = flag.Duration("checkpoint", time.Second, "-checkpoint-interval of the server")
	shared     = servers.AddFlags()
)

// settle is the time that a source runs before it is measured.
const settle = 500 * time.Millisecond

func main() {
	log.SetFlags(0)
	flag.Parse()
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	bed, err := shared.Prepare()
	if err != nil {
		return err
	}
	defer bed.Stop()
	out := report.New("freshness", "Freshness")
	most, err := measure(ctx, bed, out, "100 % (as fast as it goes)", 0)
	if err != nil {
		return err
	}
	for _, text := range strings.Split(*loads, ",") {
		percent, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return err
		}
		if _, err := measure(ctx, bed, out, text+" %", most*percent/100); err != nil {
			return err
		}
	}
	describe(out)
	return shared.Write(out)
}

// measure runs a source at a rate, 0: as fast as it goes, in a new server, and adds
// what it found; it returns the rows a second that were made.
func measure(ctx context.Context, bed *servers.Bed, out *report.File, load string, rate float64) (float64, error) {
	dir := filepath.Join(bed.Dir, "data"+strconv.Itoa(len(out.Results)))
	s, err := servers.Streamdb(bed.Binary, dir, "-barrier-interval", barrier.String(), "-checkpoint-interval", checkpoint.String())
	if err != nil {
		return 0, err
	}
	defer s.Stop()
	most := 1e9
	if rate > 0 {
		most = rate
	}
	err = s.Exec(ctx,
		fmt.Sprintf(`CREATE SOURCE events (key int, amount int, at timestamp) WITH (connector = 'datagen', datagen.rows.per.second = '%.0f',
			fields.key.min = '0', fields.key.max = '%d', fields.at.max_past = '0')`, most, *keys-1),
		"SET background_ddl = on",
		"CREATE MATERIALIZED VIEW groups AS SELECT key, count(*) AS n, sum(amount) AS total, max(at) AS newest FROM events GROUP BY key",
		"CREATE MATERIALIZED VIEW newest AS SELECT count(*) AS n, max(newest) AS at, sum(n)::bigint AS events FROM groups")
	if err != nil {
		return 0, err
	}
	c, err := s.Connect(ctx)
	if err != nil {
		return 0, err
	}
	defer c.Close(ctx)
	if err := begun(ctx, c); err != nil {
		return 0, err
	}
	time.Sleep(settle)
	cpu, from := s.CPU(), time.Now()
	w, err := watch(ctx, c)
	if err != nil {
		return 0, err
	}
	took, used := time.Since(from), s.CPU()-cpu
	r := out.Add("freshness", "load", load)
	made := w.events / took.Seconds()
	r.Set("rows_per_second", made)
	r.Set("cores", used.Seconds()/took.Seconds())
	for name, p := range map[string]float64{"p50_ms": 0.5, "p99_ms": 0.99, "max_ms": 1} {
		r.Set(name, report.Percentile(w.ages, p))
	}
	if err := barriers(ctx, c, from, r); err != nil {
		return 0, err
	}
	m := r.Metrics
	fmt.Printf("%-28s %9.0f rows/s, %.2f cores: fresh p50 %6.1f p99 %6.1f max %6.1f ms; barrier p50 %5.1f p99 %5.1f ms (sealing %4.1f, %4.1f); durable p50 %5.1f p99 %6.1f ms, %.0f rows each\n",
		load, made, m["cores"], m["p50_ms"], m["p99_ms"], m["max_ms"], m["barrier_p50_ms"], m["barrier_p99_ms"], m["seal_p50_ms"], m["seal_p99_ms"],
		m["durable_p50_ms"], m["durable_p99_ms"], m["dirty_rows"])
	return made, nil
}

// begun waits for the first row in the view.
func begun(ctx context.Context, c *pgx.Conn) error {
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		var at *time.Time
		err := c.QueryRow(ctx, "SELECT at FROM newest").Scan(&at)
		var refused *pgconn.PgError
		if errors.As(err, &refused) && refused.Code == "55000" { // it is still being created
			err = nil
		}
		if err != nil && err != pgx.ErrNoRows {
			return err
		}
		if at != nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("no row came into the view")
		}
	}
}

// describe says how the results are shown.
func describe(out *report.File) {
	out.About = fmt.Sprintf("A source stamps rows as it makes them; a client asks a view again and again for the newest stamp in %d groups. Barriers come every %v, "+
		"synced checkpoints every %v. A barrier in memory is from its injection until all operators have sealed their state. The goals at 50 %% load: fresh p50 20 ms, p99 100 ms; "+
		"barrier p99 25 ms; barrier to durable p50 120 ms, p99 300 ms.", *keys, *barrier, *checkpoint)
	col := func(metric, head string) report.Column { return report.Column{Metric: metric, Head: head, Digits: 1} }
	out.Tables = []report.Table{{Labels: []string{"load"}, Columns: []report.Column{{Metric: "rows_per_second", Head: "rows/s"}, {Metric: "cores", Head: "cores", Digits: 2},
		col("p50_ms", "fresh p50 ms"), col("p99_ms", "p99"), col("max_ms", "max"), col("barrier_p50_ms", "barrier p50 ms"), col("barrier_p99_ms", "p99"),
		col("seal_p50_ms", "sealing p50 ms"), col("seal_p99_ms", "p99"),
		col("durable_p50_ms", "durable p50 ms"), col("durable_p99_ms", "p99"), {Metric: "dirty_rows", Head: "dirty rows"}}}}
	out.Plots = []report.Plot{{Title: "Freshness, p99", Unit: "ms", Metric: "p99_ms", By: "load"}}
}
