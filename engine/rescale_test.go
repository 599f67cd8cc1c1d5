package engine_test

import (
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"streamdb/engine"
)

var rescaleLong = flag.Bool("rescale.long", false, "TestRescale goes through all 30 pairs of parallelism in each way, not through a part")

// rescaleSetup is a source, tables and views of all kinds of state, as the queries
// of Nexmark have them.
const rescaleSetup = `
	create table bids (id int primary key, auction int, bidder int, price int, at timestamp);
	create table auctions (id int primary key, category int, reserve int);
	insert into auctions select x, x % 5, x % 37 from generate_series(0, 199) x;
	insert into bids select x, x * 7 % 200, x * 11 % 90, x * 13 % 1000, timestamp '2026-01-01' + x * interval '7 seconds' from generate_series(1, 3000) x;
	create source made (id int, v int) with (connector = 'datagen', fields.id.kind = 'sequence', fields.id.start = '1', fields.id.end = '5000',
		fields.v.kind = 'sequence', fields.v.start = '1', fields.v.end = '5000', datagen.rows.per.second = '1000000', datagen.split.num = '4') format plain encode json;
	create materialized view q2 as select id, auction, price * 0.9 as price from bids where auction % 3 = 0;
	create materialized view q3 as select a.category, b.id, b.price from bids b join auctions a on b.auction = a.id where b.price > a.reserve * 10;
	create materialized view q4 as select category, avg(most) as mean from (select a.id, a.category, max(b.price) as most from auctions a join bids b on b.auction = a.id group by a.id, a.category) x group by category;
	create materialized view q5 as select window_start, auction, count(*) as n from hop(bids, at, interval '10 minutes', interval '30 minutes') group by window_start, auction;
	create materialized view q9 as select * from (select *, row_number() over (partition by auction order by price desc, id) as r from bids) x where r <= 3;
	create materialized view q11 as select bidder, count(*) as n, window_start from session(bids, at, bidder, interval '5 minutes') group by bidder, window_start, window_end;
	create materialized view q16 as select bidder, count(distinct auction) as different, sum(price) as total from bids group by bidder;
	create materialized view q18 as select id, lag(price) over (partition by bidder order by at, id) as before, sum(price) over (partition by bidder order by at, id) as running from bids;
	create materialized view q20 as select auction, count(*) as n from bids group by auction union all select id, 0 from auctions where reserve > 30;
	create materialized view q21 as select a.id from auctions a where not exists (select 1 from bids b where b.auction = a.id and b.price > 900);
	create materialized view most as select id, price from bids where price > (select avg(price) from bids);
	create materialized view over_view as select category, count(*) as n, sum(mean) as s from q4 group by category;
	create materialized view from_source as select id % 10 as k, count(*) as n, sum(v) as s from made group by id % 10;
	create index bids_bidder on bids (bidder)`

// rescaler changes the parallelism of a database and watches what that costs.
type rescaler struct {
	t     *testing.T
	s     *server
	conn  *pgconn.PgConn
	views []string
	rows  int // inserted by write
}

// TestRescale changes parallelism from p to another p', for every pair of six, by
// ALTER while the database runs and by a restart with -parallelism. State moves by
// vnode and nothing is computed anew: no operator gets a row, no backfill reads
// one, no state is written. Then, and while others write, every view goes on and
// equals its query. (A job that is made where parallelism is 1 stays at 1: its plan
// has no exchanges.)
func TestRescale(t *testing.T) {
	if testing.Short() {
		t.Skip("-short")
	}
	walk := allPairs([]int{2, 1, 3, 4, 5, 8})
	if len(walk) != 31 {
		t.Fatalf("%d steps", len(walk))
	}
	if !*rescaleLong {
		walk = walk[:6]
	}
	for _, way := range []string{"alter", "restart"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			r := &rescaler{t: t, s: serve(t, engine.Options{Parallelism: walk[0]})}
			r.conn = r.s.connect(t)
			r.must(rescaleSetup)
			for end := time.Now().Add(20 * time.Second); r.must("select sum(n) from from_source")[0] != "5000"; time.Sleep(20 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatal("the source does not end")
				}
			}
			r.views = r.must("select name from streamdb.jobs where kind = 'materialized view'")
			for i, p := range walk[1:] {
				if way == "alter" {
					r.step(walk[i], p, func() { r.alterAll(p) })
					r.alterUnderWrites(walk[i], p)
				} else {
					r.step(walk[i], p, func() { r.restartWith(p) })
				}
				if t.Failed() {
					return
				}
			}
		})
	}
}

// allPairs is a walk over the numbers in which each ordered pair of different ones
// follows one another once (an Euler circuit of the complete digraph; Hierholzer).
func allPairs(numbers []int) []int {
	left := map[int][]int{}
	for _, a := range numbers {
		for _, b := range numbers {
			if a != b {
				left[a] = append(left[a], b)
			}
		}
	}
	var walk []int
	stack := []int{numbers[0]}
	for len(stack) > 0 {
		at := stack[len(stack)-1]
		if n := len(left[at]); n > 0 {
			stack, left[at] = append(stack, left[at][n-1]), left[at][:n-1]
		} else {
			walk, stack = append(walk, at), stack[:len(stack)-1]
		}
	}
	return walk
}

// must runs statements, each by itself, and returns the rows of the last.
func (r *rescaler) must(sql string) []string {
	r.t.Helper()
	var rows []string
	for _, one := range strings.Split(sql, ";\n") {
		got := lawExec(r.t.Context(), r.conn, one)
		if got.code != "" {
			r.t.Fatalf("%s: %s %s", one, got.code, got.message)
		}
		rows = lawRows(got.results[0], false)
	}
	return rows
}

func (r *rescaler) alterAll(p int) {
	for _, job := range r.must("select kind || ' ' || name from streamdb.jobs") {
		r.must(fmt.Sprintf("alter %s set parallelism = %d", job, p))
	}
}

func (r *rescaler) restartWith(p int) {
	r.s.options.Parallelism = p
	if err := r.s.restart(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	r.conn = r.s.connect(r.t)
}

// figures are what would change if anything were computed anew.
type figures struct {
	contents map[string][]string // of the views
	read     []string            // by backfills
}

func (r *rescaler) figures() figures {
	f := figures{contents: map[string][]string{}}
	for _, v := range r.views {
		f.contents[v] = r.must("select * from " + v)
	}
	f.read = r.must("select job, upstream, sum(rows_read) from streamdb.backfill_progress group by job, upstream")
	return f
}

// step changes the parallelism while nobody writes, and verifies that nothing is
// computed anew; then it writes and verifies that all goes on.
func (r *rescaler) step(from, to int, change func()) {
	t := r.t
	t.Helper()
	before := r.figures()
	last := r.must("select max(epoch) from streamdb.checkpoints")[0]
	began := time.Now()
	change()
	took := time.Since(began)
	if len(r.must("select 1 from streamdb.checkpoints where epoch > "+last)) == 0 {
		t.Errorf("%d to %d: no epoch", from, to)
	}
	if rows := r.must("select coalesce(sum(rows), 0) from streamdb.checkpoints where epoch > " + last)[0]; rows != "0" {
		t.Errorf("%d to %d: %s rows of state were written", from, to, rows)
	}
	// A table's job is one instance, which goes on as it was.
	if busy := r.must(`select j.name, t.fragment, t.instance, t.root, t.rows_in, t.rows_out from streamdb.tasks t join streamdb.jobs j on t.job = j.id
		where (t.rows_in > 0 or t.rows_out > 0) and j.kind <> 'table'`); len(busy) > 0 {
		t.Errorf("%d to %d: rows were processed:\n%s", from, to, strings.Join(busy, "\n"))
	}
	after := r.figures()
	for _, v := range r.views {
		if !slices.Equal(before.contents[v], after.contents[v]) {
			t.Errorf("%d to %d: %s is another one", from, to, v)
		}
	}
	if !slices.Equal(before.read, after.read) {
		t.Errorf("%d to %d: backfills have read\n%s\nbefore\n%s", from, to, strings.Join(after.read, "\n"), strings.Join(before.read, "\n"))
	}
	r.instances(to)
	r.write(r.conn, 60)
	r.check(fmt.Sprintf("%d to %d", from, to))
	if to > 1 { // the new instances own vnodes, and get what belongs to those
		busy := r.must("select count(*) from streamdb.tasks t join streamdb.jobs j on t.job = j.id where j.name = 'q16' and t.rows_in > 0")[0]
		if n, _ := strconv.Atoi(busy); n < to {
			t.Errorf("%d to %d: %s tasks of q16 have worked", from, to, busy)
		}
	}
	t.Logf("%d to %d: %v", from, to, took.Round(time.Millisecond))
}

// instances verifies that each job has as many instances as it should; those of
// tables, and of views of one row, have one.
func (r *rescaler) instances(want int) {
	r.t.Helper()
	for _, row := range r.must(`select j.name, max(t.instance) + 1 from streamdb.tasks t join streamdb.jobs j on t.job = j.id
		where j.name in ('q2', 'q3', 'q4', 'q5', 'q9', 'q11', 'q16', 'q18', 'q20', 'over_view', 'from_source', 'bids_bidder') group by j.name`) {
		if name, n, _ := strings.Cut(row, "|"); n != strconv.Itoa(want) {
			r.t.Errorf("%s has %s instances, want %d", name, n, want)
		}
	}
}

// write changes n rows of each kind.
func (r *rescaler) write(conn *pgconn.PgConn, n int) {
	first := 10_000 + r.rows
	r.rows += n
	for _, sql := range []string{
		fmt.Sprintf("insert into bids select x, x * 7 %% 200, x * 11 %% 90, x * 13 %% 1000, timestamp '2026-01-01' + x * interval '3 seconds' from generate_series(%d, %d) x", first, first+n-1),
		fmt.Sprintf("update bids set price = price + 1 where id %% 50 = %d", r.rows%50),
		fmt.Sprintf("delete from bids where id %% 211 = %d", r.rows%211),
		fmt.Sprintf("update auctions set reserve = reserve + 1 where id %% 20 = %d", r.rows%20),
	} {
		if got := lawExec(r.t.Context(), conn, sql); got.code != "" {
			r.t.Errorf("%s: %s %s", sql, got.code, got.message)
			return
		}
	}
}

// check has the database compare all views with their queries.
func (r *rescaler) check(when string) {
	r.t.Helper()
	for _, v := range r.views {
		if v == "from_source" { // cannot be asked again: each row once is what it must be
			if got := r.must("select sum(n), sum(s) from from_source")[0]; got != "5000|12502500" {
				r.t.Errorf("%s: of the source there are %s", when, got)
			}
			continue
		}
		if rows := r.must("check materialized view " + v); len(rows) > 0 {
			r.t.Errorf("%s: %s is not its query:\n%s", when, v, strings.Join(rows[:min(len(rows), 10)], "\n"))
		}
	}
}

// alterUnderWrites changes the parallelism back and forth while somebody writes.
func (r *rescaler) alterUnderWrites(from, to int) {
	r.t.Helper()
	other := r.s.connect(r.t)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				r.write(other, 5)
			}
		}
	})
	r.must(fmt.Sprintf("alter table bids set parallelism = %d;\nalter materialized view q4 set parallelism = %d", from, from))
	r.must(fmt.Sprintf("alter table bids set parallelism = %d;\nalter materialized view q4 set parallelism = %d", to, to))
	close(stop)
	wg.Wait()
	r.check(fmt.Sprintf("%d to %d under writes", from, to))
}
