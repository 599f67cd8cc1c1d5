package main

import (
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"streamdb/bench/internal/report"
	"streamdb/bench/internal/servers"
)

// options are the flags.
type options struct {
	scale   float64
	hits    int
	names   string
	rounds  int
	least   time.Duration
	threads int
	binary  string
	args    string
	only    string
	dir     string
	json    string
}

func main() {
	log.SetFlags(0)
	var o options
	flag.Float64Var(&o.scale, "scale", 0.05, "TPC-H's scale factor: 1 is 6 million lines")
	flag.IntVar(&o.hits, "hits", 200_000, "rows of the table of page views")
	flag.StringVar(&o.names, "queries", "", "queries to run, as q01,c07; all if empty")
	flag.IntVar(&o.rounds, "rounds", 3, "measurements of each query and server, whose median counts")
	flag.DurationVar(&o.least, "least", 100*time.Millisecond, "how long a measurement runs its query again and again")
	flag.IntVar(&o.threads, "duckdb-threads", 0, "threads of DuckDB; 0: as many as cores")
	flag.StringVar(&o.binary, "streamdb", "", "a server to measure instead of that of the tree")
	flag.StringVar(&o.args, "args", "", "more flags of the server, separated by spaces")
	flag.StringVar(&o.only, "servers", "streamdb,postgres,duckdb", "the servers to measure")
	flag.StringVar(&o.dir, "keep", "", "keep data in this folder, to be used again under the same -scale and -hits")
	flag.StringVar(&o.json, "json", "", "also write the results to this file")
	flag.Parse()
	if err := run(o); err != nil {
		log.Fatal(err)
	}
}

// run measures all queries and prints the report. Answers that differ are an error at
// the end.
func run(o options) error {
	dir, err := o.dir, error(nil)
	if dir == "" {
		if dir, err = os.MkdirTemp("", "batch"); err != nil {
			return err
		}
		defer os.RemoveAll(dir)
	}
	if err := os.Chmod(dir, 0o755); err != nil { // the user postgres goes through it
		return err
	}
	var chosen []query
	for _, q := range queries() {
		if o.names == "" || slices.Contains(strings.Split(o.names, ","), q.name) {
			chosen = append(chosen, q)
		}
	}
	all, err := startAll(o, dir)
	defer func() {
		for _, s := range all {
			s.Close()
		}
	}()
	if err != nil {
		return err
	}
	if err := fill(o, all, chosen); err != nil {
		return err
	}
	for _, s := range all {
		settle(s)
	}
	f := report.New("batch", "SELECT over stored data")
	f.About = fmt.Sprintf("Queries of TPC-H at scale %v and of a table of %d page views with 78 columns; each server's figures are of one execution, as its client sees it.", o.scale, o.hits)
	bad := measureAll(o, all, chosen, f)
	if o.json != "" {
		if err := f.Write(o.json); err != nil {
			return err
		}
	}
	if len(bad) > 0 {
		return fmt.Errorf("answers differ or are errors: %s", strings.Join(bad, ", "))
	}
	return nil
}

// startAll starts the servers that are asked for and installed.
func startAll(o options, dir string) (all []servers.Database, err error) {
	for _, name := range strings.Split(o.only, ",") {
		s, err := start(o, name, dir)
		if errors.Is(err, servers.ErrAbsent) {
			log.Printf("%s is left out: %v", name, err)
			continue
		}
		if err != nil {
			return all, err
		}
		all = append(all, s)
	}
	if len(all) == 0 {
		return nil, errors.New("no server")
	}
	return all, nil
}

func start(o options, name, dir string) (servers.Database, error) {
	var s *servers.Server
	var err error
	switch name {
	case "streamdb":
		binary := o.binary
		if binary == "" {
			if binary, err = servers.Build(dir); err != nil {
				return nil, err
			}
		}
		s, err = servers.Streamdb(binary, filepath.Join(dir, "data"), strings.Fields(o.args)...)
	case "postgres":
		s, err = servers.Postgres(filepath.Join(dir, "postgres"))
	case "duckdb":
		return servers.DuckDB(dir, o.threads)
	default:
		return nil, fmt.Errorf("no server %q", name)
	}
	if err != nil {
		return nil, err
	}
	return servers.Dial(name, s)
}

// load makes and fills the tables of a set.
func load(s servers.Database, d data) error {
	for _, ddl := range d.ddl {
		if err := s.Exec(ddl); err != nil {
			return err
		}
	}
	for _, t := range d.tables {
		if err := s.Fill(t.name, strings.NewReader(t.rows.String())); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	if s.Name() == "postgres" { // what autovacuum does a little later
		return s.Exec("VACUUM ANALYZE")
	}
	return nil
}

// fill makes the tables that the chosen queries read.
func fill(o options, all []servers.Database, chosen []query) error {
	sets := map[byte]func() data{'q': func() data { return tpch(o.scale) }, 'c': func() data { return hits(o.hits) }}
	for _, kind := range []byte("qc") {
		if !slices.ContainsFunc(chosen, func(q query) bool { return q.name[0] == kind }) {
			continue
		}
		d := sets[kind]()
		for _, s := range all {
			if _, _, err := s.Query("SELECT * FROM " + d.tables[0].name + " LIMIT 1"); err == nil {
				continue // it is there from an earlier run
			}
			begun := time.Now()
			if err := load(s, d); err != nil {
				return fmt.Errorf("%s: %w", s.Name(), err)
			}
			rows := 0
			for _, t := range d.tables {
				rows += t.n
			}
			fmt.Printf("%s: %d rows loaded in %.1f s\n", s.Name(), rows, time.Since(begun).Seconds())
		}
	}
	return nil
}

// settle waits until a server has ended what it does behind a load, such as
// compactions, but no longer than half a minute.
func settle(s servers.Database) {
	for range 60 {
		before := s.CPU()
		time.Sleep(500 * time.Millisecond)
		if s.CPU()-before <= 20*time.Millisecond {
			return
		}
	}
}

// measureAll runs the queries on all servers in turns and tells which answers differ.
func measureAll(o options, all []servers.Database, chosen []query, f *report.File) (bad []string) {
	head := fmt.Sprintf("%-4s %-40s", "", "")
	table := report.Table{Name: "query", Labels: []string{"about"}}
	for _, s := range all {
		head += fmt.Sprintf(" %10s ms %10s CPU", s.Name(), "")
		table.Columns = append(table.Columns, report.Column{Metric: s.Name() + "_ms", Head: s.Name() + " ms", Digits: 1})
	}
	for _, s := range all {
		table.Columns = append(table.Columns, report.Column{Metric: s.Name() + "_cpu_ms", Head: s.Name() + " CPU ms", Digits: 1})
	}
	for _, s := range all[1:] {
		table.Columns = append(table.Columns, report.Column{Metric: "ratio_" + s.Name(), Head: "CPU to " + s.Name(), Digits: 2})
		head += fmt.Sprintf(" %12s", "/"+s.Name())
	}
	f.Tables = []report.Table{table}
	fmt.Println(head)
	for _, q := range chosen {
		r := f.Add(q.name, "about", q.about)
		inTurns(o, all, q, r)
		text := fmt.Sprintf("%-4s %-40s", q.name, q.about)
		for _, s := range all {
			text += fmt.Sprintf(" %13.1f %14.1f", r.Metrics[s.Name()+"_ms"], r.Metrics[s.Name()+"_cpu_ms"])
		}
		for _, s := range all[1:] {
			if other := r.Metrics[s.Name()+"_cpu_ms"]; other > 0 {
				r.Set("ratio_"+s.Name(), r.Metrics[all[0].Name()+"_cpu_ms"]/other)
			}
			text += fmt.Sprintf(" %12.2f", r.Metrics["ratio_"+s.Name()])
		}
		if r.Failed {
			bad = append(bad, q.name)
			text += "  " + r.Note
		}
		fmt.Println(text)
	}
	return bad
}

// inTurns measures a query on each server, round by round.
func inTurns(o options, all []servers.Database, q query, r *report.Result) {
	var answers [][][]*string
	ms, cpu := make([][]float64, len(all)), make([][]float64, len(all))
	for round := range o.rounds {
		for i, s := range all {
			rows, took, used, err := measure(s, q, o.least)
			if err != nil {
				r.Note, r.Failed = fmt.Sprintf("%s: %v", s.Name(), err), true
				continue
			}
			ms[i], cpu[i] = append(ms[i], took), append(cpu[i], used)
			if round == 0 {
				answers = append(answers, sorted(rows))
			}
		}
	}
	for i := range answers {
		if d := differ(answers[0], answers[i]); d != "" {
			r.Note, r.Failed = "the answers differ: "+d, true
		}
	}
	for i, s := range all {
		r.Set(s.Name()+"_ms", ms[i]...)
		r.Set(s.Name()+"_cpu_ms", cpu[i]...)
	}
}

// measure runs a query until least has passed, and once more before: the
// milliseconds and CPU milliseconds of one execution.
func measure(s servers.Database, q query, least time.Duration) (rows [][]*string, ms, cpu float64, err error) {
	if rows, _, err = s.Query(q.sql); err != nil {
		return nil, 0, 0, err
	}
	n, told := 0, time.Duration(0)
	used, begun := s.CPU(), time.Now()
	for time.Since(begun) < least {
		_, took, err := s.Query(q.sql)
		if err != nil {
			return nil, 0, 0, err
		}
		told += took
		n++
	}
	took := time.Since(begun)
	if told == 0 {
		told = s.CPU() - used
	}
	return rows, took.Seconds() * 1000 / float64(n), told.Seconds() * 1000 / float64(n), nil
}
