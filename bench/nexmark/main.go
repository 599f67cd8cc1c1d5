package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"runtime/pprof"
	"slices"
	"strings"
	"time"

	"streamdb/engine"
)

// result is one line of the report.
type result struct {
	Query      string  `json:"query"`
	Checkpoint string  `json:"checkpoint"`
	Events     int64   `json:"events"`
	Seconds    float64 `json:"seconds"`
	PerSecond  float64 `json:"events_per_second"`
	Loop       float64 `json:"loop_events_per_second"`      // hand-written, data in memory
	Generator  float64 `json:"generator_events_per_second"` // making the columns of the loops
	Ratio      float64 `json:"ratio"`                       // PerSecond to 1/(1/Loop + 1/Generator)
	PeakRSS    int64   `json:"peak_rss_bytes"`
}

// sets are the settings under which queries are created.
var sets string

func main() {
	log.SetFlags(0)
	total := flag.Int64("events", 5_000_000, "events of all three kinds")
	names := flag.String("queries", "q0,q1,q2,q3,q4,q5,q7,q8", "queries to run")
	modes := flag.String("checkpoints", "off,1s,100ms", "intervals of synced checkpoints; off: one at the end")
	parallelism := flag.Int("parallelism", 1, "instances of parallel fragments")
	out := flag.String("json", "", "also write the results to this file")
	flag.StringVar(&sets, "set", "", "settings of the session, as \"enable_share_plan=off,name=value\"")
	profile := flag.String("cpuprofile", "", "write a CPU profile to this file")
	soakFor := flag.Duration("soak", 0, "instead: run the queries at full speed for this long and watch memory")
	overheadRounds := flag.Int("overhead", 0, "instead: measure what checkpoints cost, on and off in turns, in this many rounds")
	overheadPhase := flag.Duration("phase", 4*time.Second, "with -overhead: the length of a measurement")
	overheadOnly := flag.String("only", "", "with -overhead: the job to measure, stateless or stateful")
	flag.Parse()
	engine.TuneRuntime(engine.DefaultMemoryLimit()) // as the server does
	if *profile != "" {
		f, err := os.Create(*profile)
		if err != nil {
			log.Fatal(err)
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			log.Fatal(err)
		}
		defer pprof.StopCPUProfile()
	}
	if *soakFor > 0 {
		if err := soak(*soakFor, *names, *parallelism); err != nil {
			log.Print(err)
		}
		return
	}
	if *overheadRounds > 0 {
		if err := overhead(*overheadRounds, *overheadPhase, *overheadOnly); err != nil {
			log.Print(err)
		}
		return
	}
	e, err := generate(*total)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d events, parallelism %d\n", *total, *parallelism)
	fmt.Printf("%-4s %-10s %14s %14s %14s %8s %10s\n", "", "checkpoint", "events/s", "loop", "generator", "ratio", "peak RSS")
	var results []result
	for _, q := range queries {
		if !slices.Contains(strings.Split(*names, ","), q.name) {
			continue
		}
		loop, gen := measureLoop(q, e)
		for _, mode := range strings.Split(*modes, ",") {
			r, err := measure(q, *total, mode, *parallelism)
			if err != nil {
				log.Fatalf("%s with checkpoints %s: %v", q.name, mode, err)
			}
			r.Loop, r.Generator = loop, gen
			r.Ratio = r.PerSecond * (1/loop + 1/gen)
			results = append(results, r)
			fmt.Printf("%-4s %-10s %14.0f %14.0f %14.0f %8.3f %9dM\n", r.Query, r.Checkpoint, r.PerSecond, r.Loop, r.Generator, r.Ratio, r.PeakRSS>>20)
		}
	}
	if *out != "" {
		b, _ := json.MarshalIndent(results, "", "  ")
		if err := os.WriteFile(*out, append(b, '\n'), 0o644); err != nil {
			log.Fatal(err)
		}
	}
}

// sinkhole keeps the loops' results alive.
var sinkhole int

// measureLoop is the best of three runs of the hand-written loop, and the rate
// of generating its sources, in events of all kinds a second.
func measureLoop(q query, e *events) (loop, gen float64) {
	best := time.Duration(1 << 62)
	for range 3 {
		begun := time.Now()
		sinkhole += q.loop(e)
		best = min(best, time.Since(begun))
	}
	var made time.Duration
	for _, s := range q.sources {
		made += e.took[s]
	}
	return float64(e.total) / best.Seconds(), float64(e.total) / made.Seconds()
}
