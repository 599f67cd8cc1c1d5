package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"streamdb/bench/internal/report"
	"streamdb/bench/internal/servers"
)

// peer is a database that computes the queries as a whole, over stored events.
type peer struct {
	servers.Database
	make  string // begins the statement that computes a query
	clear string // removes what it made
}

// asStored turns what only a stream has into relations of stored rows: windows are
// views (windowViews), and the time of day is that of the event.
var asStored = strings.NewReplacer("hop(bid, date_time, INTERVAL '2' SECOND, INTERVAL '10' SECOND)", "bid_hop",
	"tumble(bid, date_time, INTERVAL '10' SECOND)", "bid_tumble", "tumble(bid, p_time, INTERVAL '10' SECOND)", "bid_tumble",
	"tumble(person, date_time, INTERVAL '10' SECOND)", "person_tumble", "tumble(auction, date_time, INTERVAL '10' SECOND)", "auction_tumble",
	" FOR SYSTEM_TIME AS OF proctime()", "")

var (
	asDuck     = strings.NewReplacer("to_char(", "strftime(", "'YYYY-MM-DD'", "'%Y-%m-%d'", "'HH24:MI'", "'%H:%M'", "avg(q.final)", "avg(q.final) AS avg")
	duckRegexp = regexp.MustCompile(`\(regexp_match\((\w+), ('[^']*')\)\)\[(\d)\]`)
)

// textFor is a query as "postgres" or "duckdb" understands it; "": it has no form
// there.
func textFor(name string, q *query) string {
	sql := asStored.Replace(q.sql())
	if strings.Contains(sql, "session(") {
		return ""
	}
	if name == "duckdb" {
		sql = duckRegexp.ReplaceAllString(asDuck.Replace(sql), "nullif(regexp_extract($1, $2, $3), '')")
	}
	return sql
}

// stored are the columns of the peers' tables.
var stored = columns{"person": "id name city state date_time", "auction": wideAuction, "bid": wideBid}

// tables are the statements that make them, and the windows over them.
func (p *peer) tables() (list []string) {
	bin := "date_bin('%d s', date_time, timestamp '1970-01-01')"
	if p.Name() == "duckdb" {
		bin = "time_bucket(interval '%d s', date_time)"
	}
	for _, kind := range []string{"person", "auction", "bid"} {
		var cols []string
		for _, c := range strings.Fields(stored[kind]) {
			t := "bigint"
			switch {
			case c == "date_time" || c == "expires":
				t = "timestamp"
			case strings.Contains(" name city state item_name description channel url extra ", " "+c+" "):
				t = "varchar"
			}
			cols = append(cols, c+" "+t)
		}
		list = append(list, fmt.Sprintf("CREATE TABLE %s (%s)", kind, strings.Join(cols, ", ")))
		start := fmt.Sprintf(bin, 10)
		list = append(list, fmt.Sprintf("CREATE VIEW %s_tumble AS SELECT *, %s AS window_start, %s + interval '10 s' AS window_end FROM %s", kind, start, start, kind))
	}
	start := fmt.Sprintf(bin, 2) + " - i * interval '2 s'"
	return append(list, fmt.Sprintf("CREATE VIEW bid_hop AS SELECT bid.*, %s AS window_start, %s + interval '10 s' AS window_end FROM bid, generate_series(0, 4) AS s(i)", start, start),
		"CREATE TABLE side_input AS SELECT i AS key, 'value-' || i AS value FROM generate_series(0, 9999) AS s(i)")
}

// fill makes the tables and their rows.
func (p *peer) fill(o *options) error {
	for _, sql := range p.tables() {
		if err := p.Exec(sql); err != nil {
			return err
		}
	}
	for kind, names := range stored {
		r, w := io.Pipe()
		go func() { w.CloseWithError(writeRows(w, o, kind, names)) }()
		if err := p.Fill(kind, r); err != nil {
			return fmt.Errorf("%s: %s: %w", p.Name(), kind, err)
		}
	}
	if p.Name() == "postgres" { // what autovacuum does a little later
		return p.Exec("VACUUM ANALYZE")
	}
	return nil
}

// writeRows writes the events of a kind as lines of text with tabs.
func writeRows(to io.Writer, o *options, kind, names string) error {
	f, err := newFeed(o.events, o.generator, columns{kind: names})
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(to, 1<<16)
	var b slotOf
	var line []byte
	s := f.streams[0]
	for {
		more, err := f.fill(&b)
		if err != nil || !more {
			return errors.Join(err, w.Flush())
		}
		r := s.into(&b.block)
		for i := range r.n {
			line = line[:0]
			for k, col := range s.cols {
				if k > 0 {
					line = append(line, '\t')
				}
				switch name := strings.Fields(names)[k]; {
				case r.i[col] == nil:
					line = append(line, r.s[col].at(i)...)
				case name == "date_time" || name == "expires":
					line = time.UnixMicro(r.i[col][i]).UTC().AppendFormat(line, "2006-01-02 15:04:05.000000")
				default:
					line = fmt.Append(line, r.i[col][i])
				}
			}
			if _, err := w.Write(append(line, '\n')); err != nil {
				return err
			}
		}
	}
}

// compute runs a query on stored events: its seconds, those of CPU where the peer
// tells them, the number of rows and the sum over them.
func (p *peer) compute(q *query) (wall, cpu float64, rows, sum int64, err error) {
	begun := time.Now()
	_, used, err := p.Query(fmt.Sprintf(p.make, textFor(p.Name(), q)))
	if p.Name() == "postgres" && err == nil {
		begun = time.Now() // the view is there, without rows
		_, used, err = p.Query("REFRESH MATERIALIZED VIEW result")
	}
	wall, cpu = time.Since(begun).Seconds(), used.Seconds()
	if err != nil {
		return 0, 0, 0, 0, err
	}
	answer, _, err := p.Query(sumOf(q))
	if err = errors.Join(err, p.Exec(p.clear)); err != nil {
		return 0, 0, 0, 0, err
	}
	_, err = fmt.Sscan(*answer[0][0]+" "+*answer[0][1], &rows, &sum)
	return wall, cpu, rows, sum, err
}

// sumOf asks for the rows of a result and the sum over them.
func sumOf(q *query) string { return "SELECT count(*), (" + q.check + ")::bigint FROM result" }

// startPeers starts those that are installed and gives them the events.
func (o *options) startPeers(dir string) (list []*peer, err error) {
	for _, start := range []func() (*peer, error){
		func() (*peer, error) {
			s, err := servers.Postgres(filepath.Join(dir, "postgres"))
			if err != nil {
				return nil, err
			}
			d, err := servers.Dial("postgres", s)
			return &peer{d, "CREATE MATERIALIZED VIEW result AS %s WITH NO DATA", "DROP MATERIALIZED VIEW result"}, err
		},
		func() (*peer, error) {
			d, err := servers.DuckDB(dir, 1)
			return &peer{d, "CREATE TABLE result AS %s", "DROP TABLE result"}, err
		},
	} {
		p, err := start()
		if errors.Is(err, servers.ErrAbsent) {
			log.Printf("left out: %v", err)
			continue
		}
		if err != nil {
			return list, err
		}
		list = append(list, p)
		if err := p.fill(o); err != nil {
			return list, err
		}
	}
	return list, nil
}

// peers measures the queries beside databases that compute them anew from stored
// events: streamdb's time from CREATE MATERIALIZED VIEW until the view holds all of
// them and is durable, on both cores with checkpoints every second, beside
// PostgreSQL's REFRESH; and its CPU time on one core without checkpoints, without
// that of making the events, beside DuckDB's with one thread.
func (o *options) peers() error {
	dir, err := os.MkdirTemp("", "nexmark-peers")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // the user postgres goes through it
		return err
	}
	list, err := o.startPeers(dir)
	defer func() {
		for _, p := range list {
			p.Close()
		}
	}()
	if err != nil {
		return err
	}
	f := report.New("nexmark-peers", "Nexmark beside PostgreSQL and DuckDB")
	f.About = peersAbout
	f.Tables = []report.Table{peersTable}
	fmt.Printf("%-4s %12s %12s %7s %14s %14s %7s\n", "", "postgres s", "streamdb s", "ratio", "duckdb CPU s", "streamdb CPU s", "ratio")
	for _, q := range o.queries {
		r := f.Add(q.name)
		if err := o.besidePeers(q, list, r); err != nil {
			r.Note, r.Failed = err.Error(), true
		}
		m := r.Metrics
		fmt.Printf("%-4s %12.2f %12.2f %7.2f %14.3f %14.3f %7.2f %s\n", q.name, m["postgres_s"], m["view_s"], m["ratio_postgres"], m["duckdb_cpu_s"], m["sink_cpu_s"], m["ratio_duckdb"], r.Note)
		if o.json != "" {
			if err := f.Write(o.json); err != nil {
				return err
			}
		}
	}
	return nil
}

// besidePeers measures one query on all, in turns.
func (o *options) besidePeers(q *query, list []*peer, r *report.Result) error {
	found := map[string][]float64{}
	for range o.rounds {
		unix.Sync() // nobody waits for what the one before left for the disk
		rows, sum, err := o.ours(q, found)
		if err != nil {
			return err
		}
		for _, p := range list {
			if textFor(p.Name(), q) == "" {
				continue
			}
			unix.Sync()
			wall, cpu, theirRows, theirSum, err := p.compute(q)
			if err != nil {
				return fmt.Errorf("%s: %w", p.Name(), err)
			}
			if theirSum != sum || theirRows != rows && !q.clock {
				return fmt.Errorf("%s has %d rows with the sum %d, streamdb %d with %d", p.Name(), theirRows, theirSum, rows, sum)
			}
			found[p.Name()+"_s"] = append(found[p.Name()+"_s"], wall)
			if cpu > 0 {
				found[p.Name()+"_cpu_s"] = append(found[p.Name()+"_cpu_s"], cpu)
			}
		}
	}
	for name, v := range found {
		r.Set(name, v...)
	}
	m := r.Metrics
	if m["postgres_s"] > 0 {
		m["ratio_postgres"] = m["postgres_s"] / m["view_s"]
	}
	if m["duckdb_cpu_s"] > 0 {
		m["ratio_duckdb"] = m["duckdb_cpu_s"] / m["sink_cpu_s"]
	}
	return nil
}

// ours measures streamdb.
func (o *options) ours(q *query, found map[string][]float64) (rows, sum int64, err error) {
	s := spec{Query: q.name, Events: o.events / groupEvents * groupEvents, Generator: o.generator, Set: o.set, Limit: o.limit}
	view, sink, loop := s, s, s
	view.View, view.Checkpoint, view.Parallelism, view.Cores, view.Sum = true, "1s", 2, -1, true
	sink.Checkpoint, sink.Parallelism, sink.Cores = "off", 1, 1
	loop.Loop, loop.Cores = true, 1
	var of [3]*outcome
	for i, s := range []spec{view, sink, loop} {
		if of[i], err = inChild(s); err != nil {
			return 0, 0, err
		}
		if of[i].Note != "" {
			return 0, 0, errors.New(of[i].Note)
		}
	}
	making := float64(s.Events) / of[2].Metrics["gen_events_per_cpu_second"]
	found["view_s"] = append(found["view_s"], of[0].Metrics["seconds"])
	found["sink_cpu_s"] = append(found["sink_cpu_s"], of[1].Metrics["cpu_seconds_per_million"]*float64(s.Events)/1e6-making)
	return of[0].Rows, of[0].Sum, nil
}

var peersTable = report.Table{Name: "query", Columns: []report.Column{
	{Metric: "postgres_s", Head: "PostgreSQL REFRESH s", Digits: 2},
	{Metric: "view_s", Head: "streamdb view s", Digits: 2},
	{Metric: "ratio_postgres", Head: "times as fast", Digits: 2},
	{Metric: "duckdb_cpu_s", Head: "DuckDB CPU s", Digits: 3},
	{Metric: "sink_cpu_s", Head: "streamdb CPU s", Digits: 3},
	{Metric: "ratio_duckdb", Head: "times as fast", Digits: 2},
}}

const peersAbout = "PostgreSQL computes each query anew from stored events (REFRESH MATERIALIZED VIEW, its default settings); streamdb makes the events, maintains the view on the way, with a durable checkpoint every second on both cores, and its time ends when the view holds all and is durable. " +
	"DuckDB runs CREATE TABLE AS with one thread over tables in memory; beside it stands streamdb's CPU time into a blackhole at parallelism 1 without checkpoints, less what making the events takes. Rows and a sum over them are compared. q11 (sessions) has no form there; q12 uses the events' time there, the time of day here."
