package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"streamdb/bench/internal/report"
	"streamdb/engine"
)

// TestMain lets the tests' program be a measurement's process too.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "-child" {
		if err := child(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// TestLoopsAgree compares what the hand-written loops compute with the views of
// the same queries: the number of rows and a sum over them.
func TestLoopsAgree(t *testing.T) {
	const events = 15_000 // 30 seconds of event time
	slow := map[string]string{"nexmark.first.event.rate": "500"}
	b, err := newBed(engine.Options{Parallelism: 2, BarrierInterval: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	if err := b.make([]string{"person", "auction", "bid", "side_input"}, events, slow); err != nil {
		t.Fatal(err)
	}
	if err := b.exec("SET background_ddl = on"); err != nil {
		t.Fatal(err)
	}
	for _, q := range queries {
		if err := b.exec("CREATE MATERIALIZED VIEW " + q.name + " AS " + q.sql()); err != nil {
			t.Fatal(err)
		}
	}
	all := query{reads: columns{"person": "id", "auction": "id", "bid": "auction"}}
	if n, err := b.awaitRead(&all, events, time.Minute); err != nil || n != events {
		t.Fatal(n, err)
	}
	if err := b.awaitCreated(); err != nil {
		t.Fatal(err)
	}
	if err := b.exec("FLUSH"); err != nil {
		t.Fatal(err)
	}
	for _, q := range queries {
		s := spec{Query: q.name, Events: events, Generator: slow}
		l, _, err := s.runLoop(&q)
		if err != nil {
			t.Fatal(err)
		}
		rows, sum := l.finish()
		var viewRows, viewSum int64
		if err := b.ints(fmt.Sprintf("SELECT count(*), (%s)::bigint FROM %s", q.check, q.name), &viewRows, &viewSum); err != nil {
			t.Fatal(err)
		}
		if q.clock {
			rows = viewRows
		}
		if rows == 0 || rows != viewRows || sum != viewSum {
			t.Errorf("%s: the loop has %d rows with the sum %d, the view %d with %d", q.name, rows, sum, viewRows, viewSum)
		}
	}
}

// TestRun measures a query as the command does, in processes of their own.
func TestRun(t *testing.T) {
	o := options{events: 20_000, queries: []*query{find("q17")}, checkpoints: []string{"off", "50ms"}, variants: []string{"view"},
		parallelism: []string{"1"}, rounds: 1, limit: time.Minute, json: filepath.Join(t.TempDir(), "f.json")}
	if err := o.run(); err != nil {
		t.Fatal(err)
	}
	f, err := report.Read(o.json)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Results) != 2 {
		t.Fatalf("%d results, want 2", len(f.Results))
	}
	for _, r := range f.Results {
		m := r.Metrics
		if r.Failed || m["events_per_second"] <= 0 || m["share_by_cpu"] <= 0 || m["peak_rss_bytes"] < 10e6 || m["ceiling_events_per_cpu_second"] > m["gen_events_per_cpu_second"] {
			b, _ := json.Marshal(r)
			t.Errorf("%s", b)
		}
		if m["state_keys"] < 1000 || r.Labels["checkpoints"] != "off" && m["durable_ms_p50"] <= 0 {
			t.Errorf("%s: %v", r.Name, m)
		}
	}
}

// TestTextFor finds what of a stream is left in the texts for those who have none.
func TestTextFor(t *testing.T) {
	for _, name := range []string{"postgres", "duckdb"} {
		for _, q := range queries {
			sql := textFor(name, &q)
			if (sql == "") != (q.name == "q11") {
				t.Errorf("%s: %s: %q", name, q.name, sql)
			}
			for _, word := range []string{"hop(", "tumble(", "proctime", "p_time"} {
				if strings.Contains(sql, word) {
					t.Errorf("%s: %s has %s: %s", name, q.name, word, sql)
				}
			}
			if name == "duckdb" && (strings.Contains(sql, "to_char") || strings.Contains(sql, "regexp_match")) {
				t.Errorf("%s: %s", q.name, sql)
			}
		}
	}
}

// TestTable holds the loops' tables against maps.
func TestTable(t *testing.T) {
	ids, words := newTable(), newDictionary()
	want, wantWords := map[int64]int32{}, map[string]int32{}
	for i := range int64(20_000) {
		key := i * i % 7919 * 1_000_003
		if _, ok := want[key]; !ok {
			want[key] = int32(len(want))
		}
		if id, _ := ids.put(key); id != want[key] {
			t.Fatalf("key %d is number %d, want %d", key, id, want[key])
		}
		word := fmt.Sprint(key)
		if _, ok := wantWords[word]; !ok {
			wantWords[word] = int32(len(wantWords))
		}
		if id := words.put([]byte(word)); id != wantWords[word] {
			t.Fatalf("word %s is number %d, want %d", word, id, wantWords[word])
		}
	}
	if ids.find(-1) >= 0 {
		t.Error("a key that is not there is found")
	}
}

// TestVerdict takes made-up rounds with a known overhead through the same sums.
func TestVerdict(t *testing.T) {
	r := &rounds{}
	for i := range 12 {
		drift := 1 + 0.05*float64(i%3) // a round may be slow as a whole
		noise := 0.002 * math.Sin(float64(i))
		off, on := phase{cpu: .1 * drift, rate: 1e6 / drift, rows: 1e6, length: 1}, phase{cpu: .1 * drift * (1.02 + noise), rate: 1e6 / drift * .98, rows: 1e6, epochs: 10, length: 1}
		r.add([4]phase{off, on, on, off})
	}
	lo, hi := report.Bootstrap(r.cpu, report.Trimmed)
	if lo > 2 || hi < 2 || hi-lo > 0.5 {
		t.Errorf("the overhead of 2 %% lies between %.2f and %.2f", lo, hi)
	}
	if got := []string{judge(lo, hi, 1), judge(lo, hi, 2), judge(lo, hi, 3)}; !slices.Equal(got, []string{"missed", "open", "met"}) {
		t.Error(got)
	}
	if p := report.Trimmed(r.perRate); math.Abs(p-.2) > .05 {
		t.Errorf("a checkpoint every second costs %.3f %%, want 0.2 %%", p)
	}
	if p := report.Trimmed(r.lossRate); math.Abs(p-.2) > .001 {
		t.Errorf("a checkpoint every second takes %.3f %% of the throughput, want 0.2 %%", p)
	}
	if us := report.Median(r.perEpoch); math.Abs(us-200) > 60 { // 2 % of 0.1 s for ten of them
		t.Errorf("a checkpoint takes %.0f us", us)
	}
}
