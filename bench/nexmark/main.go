package main

import (
	"flag"
	"fmt"
	"log"
	"maps"
	"slices"
	"strings"
	"time"
)

// options is the command line.
type options struct {
	events      int64
	queries     []*query
	checkpoints []string
	variants    []string
	parallelism []string
	cores       int
	rounds      int
	limit       time.Duration
	set, json   string
	profile     string
	generator   map[string]string
}

func main() {
	log.SetFlags(0)
	o := options{generator: map[string]string{}}
	flag.Int64Var(&o.events, "events", 2_000_000, "events of all three kinds; queries that do little get up to fifty times as many")
	names := flag.String("queries", "all", "queries to run, as q0,q5")
	checkpoints := flag.String("checkpoints", "off,1s,100ms", "intervals of synced checkpoints; off: one at the end")
	variants := flag.String("variants", "sink", "sink: a blackhole; view: a materialized view")
	parallelism := flag.String("parallelism", "1", "instances of parallel fragments, as 1,2")
	flag.IntVar(&o.cores, "cores", 0, "cores that the process of a measurement may use; 0: as many as instances; -1: all")
	rate := flag.Int64("rate", 0, "events a second of event time; 0: 10,000")
	flag.IntVar(&o.rounds, "rounds", 3, "repetitions, of which the median counts")
	flag.DurationVar(&o.limit, "limit", 60*time.Second, "most that a run may take; the rate until then counts")
	flag.StringVar(&o.json, "json", "", "also write the results to this file, for bench/report")
	flag.StringVar(&o.set, "set", "", "settings of the session, as \"enable_share_plan=off,name=value\"")
	flag.StringVar(&o.profile, "cpuprofile", "", "write CPU profiles to files whose names begin so, one for each run")
	job := flag.String("child", "", "run one measurement, given as JSON, in this process")
	printQueries := flag.Bool("print-queries", false, "print the queries instead")
	printDDL := flag.Bool("print-ddl", false, "print the statements that make what they read instead")
	soakFor := flag.Duration("soak", 0, "instead: run the queries at full speed for this long and watch memory")
	overheadRounds := flag.Int("overhead", 0, "instead: measure what checkpoints cost, on and off in turns, in this many rounds")
	overheadPhase := flag.Duration("phase", 2*time.Second, "with -overhead: the length of a measurement")
	overheadOnly := flag.String("only", "", "with -overhead: the job to measure, stateless or stateful")
	beside := flag.Bool("peers", false, "instead: measure the queries beside PostgreSQL's REFRESH and DuckDB")
	flag.Parse()
	if *rate > 0 {
		o.generator["nexmark.first.event.rate"] = fmt.Sprint(*rate)
	}
	o.checkpoints, o.variants, o.parallelism = strings.Split(*checkpoints, ","), strings.Split(*variants, ","), strings.Split(*parallelism, ",")
	err := o.choose(*names)
	switch {
	case err != nil:
	case *job != "":
		err = child(*job)
	case *printQueries:
		for _, q := range o.queries {
			fmt.Printf("-- %s\n%s;\n\n", q.name, q.sql())
		}
	case *printDDL:
		for _, name := range []string{"person", "auction", "bid", "side_input"} {
			for _, s := range ddl(name, o.events, o.generator) {
				fmt.Printf("%s;\n\n", s)
			}
		}
	case *soakFor > 0:
		err = o.soak(*soakFor)
	case *overheadRounds > 0:
		err = overhead(*overheadRounds, *overheadPhase, *overheadOnly, o.json)
	case *beside:
		err = o.peers()
	default:
		err = o.run()
	}
	if err != nil {
		log.Fatal(err)
	}
}

// choose sets the queries by their names.
func (o *options) choose(names string) error {
	for _, n := range strings.Split(names, ",") {
		if n == "all" {
			for i := range queries {
				o.queries = append(o.queries, &queries[i])
			}
			continue
		}
		q := find(n)
		if q == nil {
			return fmt.Errorf("there is no query %q", n)
		}
		o.queries = append(o.queries, q)
	}
	return nil
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
