package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

var (
	chaosEvents = flag.Int64("chaos.events", 600_000, "events of the Nexmark source in TestChaosNexmark")
	chaosKills  = flag.Int("chaos.kills", 3, "kills in TestChaosNexmark")
	chaosSeed   = flag.Uint64("chaos.seed", 0, "seed of the random moments; 0: from the clock")
	chaosGap    = flag.Int64("chaos.gap", 10_000, "least nanoseconds between two events")
)

// TestChaosNexmark: nothing lost, nothing twice. A Nexmark source feeds views;
// the server is killed at random moments and started again on the same
// directory. After each start every view, together with the offsets of the
// sources read in the same SELECT, must be exactly what its query gives over
// those prefixes of the events; and so at the end, over all of them.
func TestChaosNexmark(t *testing.T) {
	seed := *chaosSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d: repeat with -chaos.seed", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	events := *chaosEvents
	oracle := newNexmarkOracle(t, events)

	s := newServer(t, "-log-level", "warn")
	s.start()
	c := s.connect()
	for _, kind := range []string{"person", "auction", "bid"} {
		s.exec(c, fmt.Sprintf(`CREATE SOURCE %s WITH (connector = 'nexmark', nexmark.table.type = '%s',
			nexmark.event.num = '%d', nexmark.min.event.gap.in.ns = '%d')`, kind, kind, events, *chaosGap))
	}
	for _, v := range chaosViews {
		begun := time.Now()
		s.exec(c, "CREATE MATERIALIZED VIEW "+v.name+" AS "+v.query)
		t.Logf("%s is created in %v", v.name, time.Since(begun))
	}
	for kill := range *chaosKills {
		time.Sleep(time.Duration(rng.Int64N(int64(3*time.Second)*events/20_000_000 + int64(700*time.Millisecond))))
		s.kill()
		s.start()
		c = s.connect()
		t.Logf("kill %d: %s", kill+1, s.compare(c, oracle))
	}
	s.awaitEnd(c, events)
	t.Logf("end: %s", s.compare(c, oracle))
	s.kill()
	s.start()
	t.Logf("after the last kill: %s", s.compare(s.connect(), oracle))
}

// awaitEnd waits until all sources are read to their end.
func (s *server) awaitEnd(c *pgx.Conn, events int64) {
	s.t.Helper()
	for deadline := time.Now().Add(30 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		var n, creating int64
		err := c.QueryRow(context.Background(), `SELECT coalesce(sum("offset"), 0)::bigint,
			(SELECT count(*) FROM streamdb.jobs WHERE state <> 'RUNNING') FROM streamdb.source_splits`).Scan(&n, &creating)
		if err != nil {
			s.t.Fatal(err)
		}
		if n == 3*events && creating == 0 {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("sources are at %d of %d events", n, 3*events)
		}
	}
}

// chaosView is a view, and its rows as text for comparison.
type chaosView struct {
	name  string
	query string
	text  string // a SELECT list that makes one text of a row
}

var chaosViews = []chaosView{
	{"q0", `SELECT count(*) AS n, sum(price) AS total, max(date_time) AS last FROM bid`,
		`n || ' ' || coalesce(total::text, '-')`},
	{"q1", `SELECT auction, bidder, 0.908 * price AS price, date_time FROM bid WHERE auction % 100 = 7`,
		`auction || ' ' || bidder || ' ' || price || ' ' || extract(epoch from date_time)::numeric(20,6)`},
	{"q4", `SELECT category, avg(final) AS price FROM (
			SELECT a.id, a.category, max(b.price) AS final FROM auction a, bid b
			WHERE a.id = b.auction AND b.date_time BETWEEN a.date_time AND a.expires GROUP BY a.id, a.category) q
		GROUP BY category`,
		`category || ' ' || price::numeric(30,6)`},
	{"q5", `SELECT ab.auction, ab.num, ab.starttime FROM (
			SELECT auction, count(*) AS num, window_start AS starttime
			FROM HOP(bid, date_time, INTERVAL '2' SECOND, INTERVAL '10' SECOND) GROUP BY window_start, auction) ab
		JOIN (SELECT max(num) AS maxn, starttime FROM (
				SELECT count(*) AS num, window_start AS starttime
				FROM HOP(bid, date_time, INTERVAL '2' SECOND, INTERVAL '10' SECOND) GROUP BY auction, window_start) cb
			GROUP BY starttime) mb
		ON ab.starttime = mb.starttime AND ab.num >= mb.maxn`,
		`auction || ' ' || num || ' ' || extract(epoch from starttime)::bigint`},
	{"q7", `SELECT b.auction, b.price, b.bidder, b.date_time FROM bid b
		JOIN (SELECT max(price) AS maxprice, window_end AS date_time
			FROM TUMBLE(bid, date_time, INTERVAL '10' SECOND) GROUP BY window_end) b1
		ON b.price = b1.maxprice WHERE b.date_time BETWEEN b1.date_time - INTERVAL '10' SECOND AND b1.date_time`,
		`auction || ' ' || price || ' ' || bidder || ' ' || extract(epoch from date_time)::numeric(20,6)`},
	{"q8", `SELECT p.id, p.name, p.starttime FROM (
			SELECT id, name, window_start AS starttime, window_end AS endtime
			FROM TUMBLE(person, date_time, INTERVAL '10' SECOND) GROUP BY id, name, window_start, window_end) p
		JOIN (SELECT seller, window_start AS starttime, window_end AS endtime
			FROM TUMBLE(auction, date_time, INTERVAL '10' SECOND) GROUP BY seller, window_start, window_end) a
		ON p.id = a.seller AND p.starttime = a.starttime AND p.endtime = a.endtime`,
		`id || ' ' || name || ' ' || extract(epoch from starttime)::bigint`},
}

// compare reads each view with the offsets in one SELECT and checks it against
// the oracle over those prefixes. It returns the offsets.
func (s *server) compare(c *pgx.Conn, o *nexmarkOracle) string {
	s.t.Helper()
	where, begun := "", time.Now()
	for _, v := range chaosViews {
		rows, err := c.Query(context.Background(), fmt.Sprintf(
			`SELECT source AS what, "offset"::text AS row FROM streamdb.source_splits UNION ALL SELECT '', %s FROM %s`, v.text, v.name))
		if err != nil {
			s.t.Fatalf("%s: %v", v.name, err)
		}
		at := map[string]int64{}
		got := map[string]int{}
		for rows.Next() {
			var what, row string
			if err := rows.Scan(&what, &row); err != nil {
				s.t.Fatal(err)
			}
			if what == "" {
				got[row]++
				continue
			}
			var n int64
			fmt.Sscan(row, &n)
			at[what] += n
		}
		if err := rows.Err(); err != nil {
			s.t.Fatalf("%s: %v", v.name, err)
		}
		where = fmt.Sprint(at, " compared in ", time.Since(begun))
		want := o.view(v.name, at["person"], at["auction"], at["bid"])
		if d := difference(got, want); d != "" {
			s.t.Fatalf("%s at %v: %s", v.name, at, d)
		}
	}
	return where
}

// difference describes the first few rows that two bags do not share.
func difference(got, want map[string]int) string {
	text, n := "", 0
	for row, k := range got {
		if want[row] != k {
			if n++; n <= 5 {
				text += fmt.Sprintf("\n%q is there %d times, want %d", row, k, want[row])
			}
		}
	}
	for row, k := range want {
		if _, ok := got[row]; !ok {
			if n++; n <= 5 {
				text += fmt.Sprintf("\n%q is missing, want it %d times", row, k)
			}
		}
	}
	if n > 5 {
		text += fmt.Sprintf("\nand %d more rows", n-5)
	}
	return text
}
