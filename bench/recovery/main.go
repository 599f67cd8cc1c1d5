package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"strconv"
	"strings"
	"time"

	"streamdb/bench/internal/report"
	"streamdb/bench/internal/servers"
)

var (
	sizes   = flag.String("state", "32,128", "sizes of the state on disk, in MB")
	rate    = flag.Int("rate", 5000, "rows a second that the source gets")
	kills   = flag.Int("kills", 3, "kills, for each size; medians count")
	settled = flag.Duration("for", 2*time.Second, "time that the source runs before each kill")
	memory  = flag.String("memory-limit", "0", "-memory-limit of the server")
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
	bed, err := shared.Prepare()
	if err != nil {
		return err
	}
	defer bed.Stop()
	out := report.New("recovery", "Recovery after kill -9")
	for _, text := range strings.Split(*sizes, ",") {
		mb, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return err
		}
		if err := measure(ctx, bed, out, mb<<20); err != nil {
			return err
		}
	}
	describe(out)
	return shared.Write(out)
}

// measure makes a state of a size, and kills its server again and again.
func measure(ctx context.Context, bed *servers.Bed, out *report.File, size int64) error {
	d, err := newDatabase(ctx, bed, size)
	if err != nil {
		return err
	}
	defer d.close()
	found := map[string][]float64{}
	for range *kills {
		times, err := d.round(ctx)
		if err != nil {
			return err
		}
		for name, v := range times {
			found[name] = append(found[name], v)
		}
	}
	if err := d.check(ctx); err != nil {
		return err
	}
	mb := strconv.FormatInt(size>>20, 10)
	r := out.Add("recovery", "state", mb+" MB")
	for name, v := range found {
		r.Set(name, v...)
	}
	r.Set("rss_bytes", float64(d.server.RSS()))
	m := r.Metrics
	fmt.Printf("%6s MB, %8d rows: serves after %5.0f ms, a new row is in a view after %5.0f ms, caught up after %5.0f ms (%.0f ms behind before the kill), %.0f MB resident\n",
		mb, d.rows, m["serves_ms"], m["result_ms"], m["caught_up_ms"], m["behind_ms"], m["rss_bytes"]/(1<<20))
	return nil
}

// describe says how the results are shown.
func describe(out *report.File) {
	out.About = fmt.Sprintf("Time from the start of the process after kill -9: until a client has rows of a view; until a row that it inserts is acknowledged and in a view; "+
		"until a view of a join of the state with a source of %d rows a second, which went on meanwhile, is as near to the source as before. The goals: 1 s to serve and to the first "+
		"result with 1 GB of state, caught up within twice the checkpoint interval and what loading takes.", *rate)
	col := func(metric, head string) report.Column { return report.Column{Metric: metric, Head: head} }
	out.Tables = []report.Table{{Labels: []string{"state"}, Columns: []report.Column{col("serves_ms", "serves after ms"), col("result_ms", "first result after ms"),
		col("caught_up_ms", "caught up after ms"), col("behind_ms", "ms behind before"), {Metric: "rss_bytes", Head: "resident MB", Scale: 1.0 / (1 << 20)}}}}
	out.Plots = []report.Plot{{Title: "Caught up after kill -9", Unit: "ms", Metric: "caught_up_ms", By: "state"}}
}
