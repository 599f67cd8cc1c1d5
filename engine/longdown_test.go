package engine_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// longDown is a database that is down for longer than the windows of its views:
// what they hold afterwards is computed here from the rows alone.
type longDown struct {
	t        *testing.T
	dir      string
	parallel int
	kill     bool // the server is killed, not stopped
	srv      lawServer
	conn     *pgconn.PgConn
	now      time.Time
	rows     []timedEvent // of the table: those that came in time
	lines    []timedEvent // of the source
	next     int
}

type timedEvent struct {
	id, who, v int
	at         time.Time
}

const (
	longDownWindow = time.Hour        // of the conditions on now()
	longDownGap    = 10 * time.Minute // of the sessions
	longDownDelay  = time.Minute      // of the watermarks
	longDownTime   = "2006-01-02 15:04:05"
)

// TestLongerDownThanTheWindow: conditions on now() and session windows are right
// after a time without a server that is longer than the window.
func TestLongerDownThanTheWindow(t *testing.T) {
	if testing.Short() {
		t.Skip("-short")
	}
	for _, kill := range []bool{false, true} {
		for _, parallel := range []int{1, 4} {
			t.Run(fmt.Sprintf("kill=%v/parallelism=%d", kill, parallel), func(t *testing.T) {
				x := &longDown{t: t, dir: t.TempDir(), parallel: parallel, kill: kill, now: lawClock}
				x.run()
			})
		}
	}
}

func (x *longDown) run() {
	x.line()
	x.open()
	defer func() { x.srv.kill() }()
	x.create()
	x.exec("insert into names values (0, 'zero'), (1, 'one'), (9, 'nine')")
	for k, down := range []time.Duration{0, 20 * time.Minute, longDownWindow + time.Microsecond, 30 * time.Hour, time.Second} {
		x.feed()
		x.check(fmt.Sprintf("round %d", k))
		if k == 2 { // nobody tells the clock while the server runs: it moves on from here
			x.pass(40 * time.Minute)
			x.check("after 40 minutes")
		}
		x.down(down)
		x.check(fmt.Sprintf("down for %v", down))
		x.late()
		x.check("late rows")
	}
	x.pass(longDownWindow)
	x.feed()
	x.check("at the end")
}

func (x *longDown) open() {
	x.t.Helper()
	start := startLawServer
	if x.kill {
		start = startLawChild
	}
	var err error
	if x.srv, err = start(x.t.Context(), filepath.Join(x.dir, "db"), x.parallel, x.now); err != nil {
		x.t.Fatal(err)
	}
	if x.conn, err = pgconn.Connect(x.t.Context(), x.srv.url()); err != nil {
		x.t.Fatal(err)
	}
}

// down lets time pass without a server, in which the source gets events.
func (x *longDown) down(by time.Duration) {
	x.t.Helper()
	if x.kill {
		if err := x.srv.kill(); err != nil {
			x.t.Fatal(err)
		}
	} else {
		x.conn.Close(context.Background())
		if err := x.srv.stop(); err != nil {
			x.t.Fatal(err)
		}
	}
	x.now = x.now.Add(by)
	if by >= time.Minute {
		x.line()
	}
	x.open()
}

func (x *longDown) pass(by time.Duration) {
	x.t.Helper()
	x.now = x.now.Add(by)
	x.exec(lawPass(by))
}

func (x *longDown) exec(sql string) [][][]byte {
	x.t.Helper()
	a := lawExec(x.t.Context(), x.conn, sql)
	if a.code != "" {
		x.t.Fatalf("%s: %s %s", sql, a.code, a.message)
	}
	return a.results[len(a.results)-1].Rows
}

func (x *longDown) create() {
	x.exec(`create table events (id int, who int, at timestamp, v int, watermark for at as at - interval '1 minute') append only`)
	x.exec(`create table names (who int primary key, name text)`)
	x.exec(fmt.Sprintf(`create source lines (id int, who int, at timestamp, v int, watermark for at as at - interval '1 minute')
		with (connector = 'file', path = '%s') format plain encode json`, filepath.Join(x.dir, "lines.json")))
	for name, query := range map[string]string{
		"recent":  "select id, who, at, v from events where at > now()::timestamp - interval '1 hour'",
		"old":     "select id from events where at + interval '1 hour' <= now()::timestamp",
		"by_who":  "select who, count(*) as n, sum(v) as s, max(v) as most from events where at > now()::timestamp - interval '1 hour' group by who",
		"of_all":  "select count(*) as n, min(at) as first from events where at > now()::timestamp - interval '1 hour'",
		"named":   "select n.name, e.id from names n left join (select * from events where at > now()::timestamp - interval '1 hour') e on e.who = n.who",
		"spans":   "select who, window_start, window_end, count(*) as n, sum(v) as s from session(events, at, who, interval '10 minutes') group by who, window_start, window_end",
		"closed":  "select who, window_start, window_end, count(*) as n, sum(v) as s from session(events, at, who, interval '10 minutes') group by who, window_start, window_end emit on window close",
		"c_lines": "select who, window_start, window_end, count(*) as n, sum(v) as s from session(lines, at, who, interval '10 minutes') group by who, window_start, window_end emit on window close",
		"s_lines": "select who, window_start, window_end, count(*) as n, sum(v) as s from session(lines, at, who, interval '10 minutes') group by who, window_start, window_end",
		"r_lines": "select id from lines where at > now()::timestamp - interval '1 hour'",
	} {
		x.exec("create materialized view " + name + " as " + query)
	}
	x.exec("create materialized view spans_now as select who, window_start, window_end, count(*) as n from session(recent, at, who, interval '10 minutes') group by who, window_start, window_end")
	x.exec("create materialized view over_now as select name, count(id) as n from named group by name")
}

// burst makes events about the clock, in order, that are never late.
func (x *longDown) burst() []timedEvent {
	var out []timedEvent
	for i := range 12 {
		x.next++
		at := x.now.Truncate(time.Second).Add(time.Duration(i-11) * 5 * time.Minute / 2)
		out = append(out, timedEvent{id: x.next, who: x.next % 3, v: x.next * 7 % 10, at: at})
	}
	return out
}

// feed inserts events whose times are about the clock.
func (x *longDown) feed() {
	x.t.Helper()
	mark := markOf(x.rows)
	for _, e := range x.burst() {
		if e.at.Before(mark) {
			continue
		}
		x.rows = append(x.rows, e)
		x.exec(fmt.Sprintf("insert into events values (%d, %d, '%s', %d)", e.id, e.who, e.at.Format(longDownTime), e.v))
	}
}

// late inserts events that came too late, and must change nothing.
func (x *longDown) late() {
	x.t.Helper()
	for _, by := range []time.Duration{time.Second, longDownGap, 3 * longDownWindow} {
		x.exec(fmt.Sprintf("insert into events values (-1, 0, '%s', 1000)", markOf(x.rows).Add(-by).Format(longDownTime)))
	}
}

// line writes events to the file of the source.
func (x *longDown) line() {
	x.t.Helper()
	f, err := os.OpenFile(filepath.Join(x.dir, "lines.json"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		x.t.Fatal(err)
	}
	defer f.Close()
	mark := markOf(x.lines)
	for _, e := range x.burst() {
		if !e.at.Before(mark) {
			x.lines = append(x.lines, e)
		}
		fmt.Fprintf(f, `{"id": %d, "who": %d, "at": "%s", "v": %d}`+"\n", e.id, e.who, e.at.Format(longDownTime), e.v)
	}
}

func markOf(rows []timedEvent) time.Time {
	var m time.Time
	for _, e := range rows {
		if at := e.at.Add(-longDownDelay); at.After(m) {
			m = at
		}
	}
	return m
}

// sessions are those of the rows by who; closed: only those that no row in time
// can extend.
func sessions(rows []timedEvent, sum, closed bool) []string {
	var out []string
	mark := markOf(rows)
	byWho := map[int][]timedEvent{}
	for _, e := range rows {
		byWho[e.who] = append(byWho[e.who], e)
	}
	for who, es := range byWho {
		slices.SortFunc(es, func(a, b timedEvent) int { return a.at.Compare(b.at) })
		for from := 0; from < len(es); {
			to, s := from+1, es[from].v
			for ; to < len(es) && es[to].at.Sub(es[to-1].at) < longDownGap; to++ {
				s += es[to].v
			}
			end := es[to-1].at.Add(longDownGap)
			line := fmt.Sprintf("%d|%s|%s|%d", who, es[from].at.Format(longDownTime), end.Format(longDownTime), to-from)
			if sum {
				line += fmt.Sprintf("|%d", s)
			}
			if !closed || !end.After(mark) {
				out = append(out, line)
			}
			from = to
		}
	}
	return out
}

// check compares every view with what the rows say at the present time.
func (x *longDown) check(when string) {
	x.t.Helper()
	in := func(rows []timedEvent) []timedEvent {
		return slices.DeleteFunc(slices.Clone(rows), func(e timedEvent) bool { return !e.at.After(x.now.Add(-longDownWindow)) })
	}
	recent := in(x.rows)
	want := map[string][]string{
		"select id from r_lines": ids(in(x.lines)),
		"table recent":           nil,
		"table s_lines":          sessions(x.lines, true, false),
		"table c_lines":          sessions(x.lines, true, true),
		"table spans":            sessions(x.rows, true, false),
		"table closed":           sessions(x.rows, true, true),
		"table spans_now":        sessions(recent, false, false),
		"table of_all":           {"0|NULL"},
	}
	who, names := map[int][]timedEvent{}, map[int]string{0: "zero", 1: "one", 9: "nine"}
	for _, e := range recent {
		want["table recent"] = append(want["table recent"], fmt.Sprintf("%d|%d|%s|%d", e.id, e.who, e.at.Format(longDownTime), e.v))
		who[e.who] = append(who[e.who], e)
		want["table of_all"] = []string{fmt.Sprintf("%d|%s", len(recent), recent[0].at.Format(longDownTime))}
	}
	want["table by_who"] = nil
	for w, es := range who {
		s, most := 0, es[0].v
		for _, e := range es {
			s, most = s+e.v, max(most, e.v)
		}
		want["table by_who"] = append(want["table by_who"], fmt.Sprintf("%d|%d|%d|%d", w, len(es), s, most))
	}
	for w, name := range names {
		want["table over_now"] = append(want["table over_now"], fmt.Sprintf("%s|%d", name, len(who[w])))
		for _, e := range who[w] {
			want["table named"] = append(want["table named"], fmt.Sprintf("%s|%d", name, e.id))
		}
		if len(who[w]) == 0 {
			want["table named"] = append(want["table named"], name+"|NULL")
		}
	}
	want["table old"] = ids(slices.DeleteFunc(slices.Clone(x.rows), func(e timedEvent) bool { return e.at.After(x.now.Add(-longDownWindow)) }))
	for sql, rows := range want {
		slices.Sort(rows)
		x.await(when, sql, rows)
	}
}

func ids(rows []timedEvent) []string {
	var out []string
	for _, e := range rows {
		out = append(out, fmt.Sprint(e.id))
	}
	return out
}

// await compares a view, at once where its rows come from a table; the lines of a
// source, and what watermarks close, may still be on their way.
func (x *longDown) await(when, sql string, want []string) {
	x.t.Helper()
	wait := strings.Contains(sql, "lines") || strings.Contains(sql, "closed")
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		a := lawExec(x.t.Context(), x.conn, sql)
		if a.code != "" {
			x.t.Fatalf("%s: %s %s", sql, a.code, a.message)
		}
		got := lawRows(a.results[0], true)
		if slices.Equal(got, want) {
			return
		}
		if !wait || time.Now().After(deadline) {
			x.t.Fatalf("%s, at %s: %s: %s", when, x.now, sql, lawDiff(got, want, "the view", "the oracle"))
		}
	}
}
