package engine_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

var (
	eventLaws = flag.Int("law.eventtime", 8, "how many histories TestLawEventTime runs; above 100 servers are killed, too")
	eventSeed = flag.Uint64("law.eventtime.seed", 0, "run the history of this seed alone")
)

// TestLawEventTime holds the law of EMIT ON WINDOW CLOSE: such a view always
// equals its query over the rows that came in time, as the table has them, less
// what the table's watermark has not passed; and what it shows stays.
func TestLawEventTime(t *testing.T) {
	if testing.Short() {
		t.Skip("-short")
	}
	checked, filled := 0, 0
	first := uint64(1)
	if *eventLaws > 8 {
		first = uint64(time.Now().UnixNano()) % 1_000_000_000
	}
	for i := range uint64(*eventLaws) {
		seed := first + i
		if *eventSeed != 0 {
			if seed = *eventSeed; i > 0 {
				break
			}
		}
		x := &eventLaw{t: t, lawGen: &lawGen{Rand: rand.New(rand.NewPCG(seed, 77))}, dir: t.TempDir(), kills: *eventLaws > 100 && seed%3 == 0}
		x.run(seed)
		checked, filled = checked+x.checked, filled+x.filled
		if t.Failed() {
			break
		}
	}
	t.Logf("%d views compared, %d of them with rows", checked, filled)
	if *eventSeed == 0 && !t.Failed() && filled*4 < checked {
		t.Error("too few views have rows: the histories show little")
	}
}

// eventLaw is a history over one table of events with a watermark.
type eventLaw struct {
	*lawGen
	t       *testing.T
	dir     string
	kills   bool
	par     int
	srv     lawServer
	conn    *pgconn.PgConn
	script  []string
	delay   int // of the watermark, seconds
	at      int // event time, seconds after lawClock
	bound   int // of the watermark; 0: none
	ids     int
	inTime  []string // ids
	views   []*eventView
	plain   []string // views of plain rows, which views may read
	checked int
	filled  int
}

// eventView is a view and its query, with the condition on its rows that says
// which of them the watermark %s has passed.
type eventView struct {
	name, query, closed string
	final               string   // in place of the condition: the query of the rows that are final under MARK
	last                []string // its rows when they were last looked at
}

func (x *eventLaw) run(seed uint64) {
	x.par = lawPick(x.lawGen, 1, 2, 4)
	x.delay = lawPick(x.lawGen, 0, 30, 60, 600)
	x.open()
	defer func() { x.srv.kill() }()
	x.exec(fmt.Sprintf("create table events (id int, k int, ts timestamp, v int, watermark for ts as ts - interval '%d seconds') append only", x.delay))
	for step := range 18 {
		switch n := x.IntN(20); {
		case step < 4 || n < 3 && len(x.views) < 8:
			x.create()
		case n < 15:
			x.insert()
		case n < 16:
			v := x.views[x.IntN(len(x.views))]
			x.exec("drop materialized view " + v.name)
			x.views = slices.DeleteFunc(x.views, func(o *eventView) bool { return o == v })
			if len(x.views) == 0 {
				x.create()
			}
		case n < 17:
			v := x.views[x.IntN(len(x.views))]
			x.exec(fmt.Sprintf("alter materialized view %s set parallelism = %d", v.name, 1+x.IntN(4)))
		default:
			x.halt()
		}
		x.check()
		if x.t.Failed() {
			x.t.Logf("seed %d, parallelism %d:\n%s", seed, x.par, strings.Join(x.script, ";\n"))
			return
		}
	}
}

func (x *eventLaw) open() {
	start := startLawServer
	if x.kills {
		start = startLawChild
	}
	var err error
	if x.srv, err = start(x.t.Context(), x.dir, x.par, lawClock); err == nil {
		x.conn, err = pgconn.Connect(x.t.Context(), x.srv.url())
	}
	if err != nil {
		x.t.Fatal(err)
	}
}

func (x *eventLaw) halt() {
	var err error
	if x.kills && x.one(2) {
		x.script = append(x.script, "-- kill")
		err = x.srv.kill()
	} else {
		x.script = append(x.script, "-- restart")
		x.conn.Close(context.Background())
		err = x.srv.stop()
	}
	if err != nil {
		x.t.Fatal(err)
	}
	x.open()
}

func (x *eventLaw) exec(sql string) {
	x.t.Helper()
	x.script = append(x.script, sql)
	if a := lawExec(x.t.Context(), x.conn, sql); a.code != "" {
		x.t.Errorf("%s: %s %s", sql, a.code, a.message)
	}
}

// insert adds events: most of them in order, some back by less than the delay,
// some late, some without a time; and now and then a leap.
func (x *eventLaw) insert() {
	var rows []string
	for range 1 + x.IntN(12) {
		x.ids++
		at := x.at
		switch n := x.IntN(20); {
		case n < 11:
			x.at += x.IntN(90)
			at = x.at
		case n < 14 && x.delay > 0:
			at = max(0, x.at-x.IntN(x.delay+1))
		case n < 16:
			at = max(0, x.at-x.IntN(4*x.delay+1200))
		case n < 17:
			x.at += 30 * (1 + x.IntN(120))
			at = x.at
		case n < 18: // at a border of windows
			x.at = (x.at/300 + 1) * 300
			at = x.at
		case n < 19:
			rows = append(rows, fmt.Sprintf("(%d, %d, null, %d)", x.ids, x.IntN(3), x.IntN(5)))
			x.inTime = append(x.inTime, fmt.Sprint(x.ids))
			continue
		}
		rows = append(rows, fmt.Sprintf("(%d, %d, '%s', %d)", x.ids, x.IntN(3), x.time(at), x.IntN(5)))
		if at >= x.bound {
			x.inTime = append(x.inTime, fmt.Sprint(x.ids))
			x.bound = max(x.bound, at-x.delay)
		}
	}
	x.exec("insert into events values " + strings.Join(rows, ", "))
}

func (x *eventLaw) time(seconds int) string {
	return lawClock.Add(time.Duration(seconds) * time.Second).Format(longDownTime)
}

// create makes a view of windows, sessions or rows, over the table or over a view
// of its rows, half of the time with a condition.
func (x *eventLaw) create() {
	from, where := "events", ""
	if len(x.plain) > 0 && x.one(3) {
		from = x.plain[x.IntN(len(x.plain))]
	}
	if x.one(2) {
		where = " where " + lawPick(x.lawGen, "v <> 2", "k = 1", "v + k > 2", "id % 3 <> 0", "k is distinct from v")
	}
	v := &eventView{name: x.name("w"), closed: "window_end <= %s"}
	aggs := lawPick(x.lawGen, "count(*) as n", "count(*) as n, sum(v) as s", "min(v) as lo, max(id) as hi", "count(distinct v) as n",
		"string_agg(id::text, ',' order by id) as ids", "sum(v) filter (where k = 1) as s, avg(v) as a")
	key := lawPick(x.lawGen, "", "k, ", "v, ")
	group := key + "window_start, window_end"
	switch x.IntN(15) {
	case 0, 1:
		v.query = fmt.Sprintf("select %s, %s from tumble(%s, ts, interval '%s')%s group by %s", group, aggs, from,
			lawPick(x.lawGen, "5 minutes", "1 minute", "1 hour"), where, group)
	case 2:
		v.query = fmt.Sprintf("select %s, %s from hop(%s, ts, interval '%s', interval '10 minutes')%s group by %s", group, aggs, from,
			lawPick(x.lawGen, "5 minutes", "2 minutes"), where, group)
	case 3:
		v.query = fmt.Sprintf("select %s, %s from cumulate(%s, ts, interval '5 minutes', interval '15 minutes')%s group by %s", group, aggs, from, where, group)
	case 4, 5:
		part := lawPick(x.lawGen, "k, ", "k, v, ", "")
		group = part + "window_start, window_end"
		v.query = fmt.Sprintf("select %s, %s from session(%s, ts, %sinterval '%s')%s group by %s", group, aggs, from, part,
			lawPick(x.lawGen, "1 minute", "5 minutes", "45 seconds"), where, group)
	case 6: // the first ones of each window
		v.query = fmt.Sprintf("select id, v, window_start, window_end, r from (select *, row_number() over (partition by %swindow_start, window_end order by v desc, id) as r from tumble(%s, ts, interval '5 minutes')%s) t where r <= %d",
			key, from, where, 1+x.IntN(3))
	case 7: // windows joined with themselves
		v.query = fmt.Sprintf("select a.id, b.id as other, a.window_start, a.window_end from tumble(%s, ts, interval '5 minutes') a join tumble(events, ts, interval '5 minutes') b on a.window_start = b.window_start and a.window_end = b.window_end and a.k = b.k and a.id < b.id",
			from)
	case 8: // the row before in event time
		v.query, v.closed = fmt.Sprintf("select id, ts, lag(id) over (partition by k order by ts, id) as before from %s%s", from, where), "ts < %s"
	case 9: // OVER within windows
		v.query = fmt.Sprintf("select id, window_start, window_end, sum(v) over w as s, lead(id) over w as after from tumble(%s, ts, interval '5 minutes')%s window w as (partition by %swindow_start, window_end order by id)",
			from, where, key)
	case 10, 11, 12:
		x.ahead(v, from, where)
	case 13:
		v.query, v.closed = fmt.Sprintf("select id, k, ts, v from %s%s", from, where), "ts < %s"
		if x.one(2) { // as rows come
			v.name = x.name("p")
			x.exec("create materialized view " + v.name + " as " + v.query)
			x.plain = append(x.plain, v.name)
			return
		}
	case 14:
		x.extremes(from)
		return
	}
	x.exec("create materialized view " + v.name + " as " + v.query + " emit on window close")
	x.views = append(x.views, v)
	// The same without it: all of the query's rows.
	if x.one(3) {
		all := &eventView{name: x.name("a"), query: v.query}
		x.exec("create materialized view " + all.name + " as " + all.query)
		x.views = append(x.views, all)
	}
}

// check compares every view with its query, in one snapshot.
func (x *eventLaw) check() {
	x.t.Helper()
	mark := fmt.Sprintf("(select max(ts) - interval '%d seconds' from events)", x.delay)
	sql := "begin; select id from events; select rows from streamdb.late_rows where rows > 0"
	for _, v := range x.views {
		sql += "; select * from " + v.name + "; "
		if v.final != "" {
			sql += strings.ReplaceAll(v.final, "MARK", mark)
			continue
		}
		if sql += "select * from (" + v.query + ") q"; v.closed != "" {
			sql += " where " + fmt.Sprintf(v.closed, mark)
		}
	}
	a := lawExec(x.t.Context(), x.conn, sql+"; commit")
	if a.code != "" {
		x.t.Errorf("%s: %s %s", sql, a.code, a.message)
		return
	}
	want := slices.Sorted(slices.Values(x.inTime))
	if got := lawRows(a.results[1], true); !slices.Equal(got, want) {
		x.t.Errorf("the rows in time: %s", lawDiff(got, want, "the table", "the oracle"))
	}
	if late, got := x.ids-len(x.inTime), lawRows(a.results[2], true); late > 0 && !slices.Equal(got, []string{fmt.Sprint(late)}) || late == 0 && len(got) > 0 {
		x.t.Errorf("%v late rows are counted, there were %d", got, late)
	}
	for i, v := range x.views {
		view, query := lawRows(a.results[3+2*i], true), lawRows(a.results[4+2*i], true)
		x.checked++
		if len(view) > 0 {
			x.filled++
		}
		if !slices.Equal(view, query) {
			x.t.Errorf("%s: %s: %s", v.name, v.query, lawDiff(view, query, "the view", "the query"))
		}
		for _, row := range v.last {
			if v.closed != "" && !slices.Contains(view, row) {
				x.t.Errorf("%s: %s: (%s) was final, and is gone", v.name, v.query, row)
			}
		}
		v.last = view
	}
}
