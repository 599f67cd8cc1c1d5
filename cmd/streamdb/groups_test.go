package main

import (
	"context"
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

var (
	groupsKeys   = flag.Int64("groups.keys", 350_000, "groups of TestGroups's view")
	groupsRows   = flag.Int64("groups.rows", 800_000, "rows of its source")
	groupsMemory = flag.String("groups.memory", "64MB", "the server's memory-limit")
	groupsStrict = flag.Bool("groups.strict", false, "a process that holds more than its memory-limit fails the test (the program alone takes some 110 MB)")
)

// groupsKey and groupsValue are the key and the value of row s, in Go and in SQL:
// keys without any order, so that each is as likely as every other.
func groupsKey(s int64) int64 {
	x := s * 48271 % 2147483647
	return x * x % 2147483629 % *groupsKeys
}

func groupsValue(s int64) int64 { return s%1000 - 300 }

const groupsQuery = `create materialized view totals as select k, count(*) as n, sum(v) as total from
	(select (s * 48271 %% 2147483647) * (s * 48271 %% 2147483647) %% 2147483629 %% %d as k, (s %% 1000 - 300)::int as v from numbers) x group by k`

// TestGroups keeps more groups than there is memory for: rows of a source in no
// order, a kill in the midst, and in the end every group is what a loop over the
// rows computes. It prints the rate, the share of groups that were in memory when
// they were needed, and the memory of the process.
func TestGroups(t *testing.T) {
	s := newServer(t, "-log-level", "warn", "-memory-limit", *groupsMemory, "-parallelism", "2")
	s.start()
	c := s.connect()
	s.exec(c, fmt.Sprintf(`create source numbers (s bigint) with (connector = 'datagen', datagen.rows.per.second = '100000000',
		fields.s.kind = 'sequence', fields.s.start = '1', fields.s.end = '%d')`, *groupsRows))
	s.exec(c, fmt.Sprintf(groupsQuery, *groupsKeys))
	rss, took := s.followGroups(c, *groupsRows/2)
	s.changesBounded(c)
	s.kill()
	s.start()
	c = s.connect()
	again, more := s.followGroups(c, *groupsRows)
	rss, took = max(rss, again), took+more
	s.groupFigures(c, rss, took)
	s.checkGroups(c)
}

// followGroups waits until the source has given rows, and returns the most memory
// that the process held meanwhile.
func (s *server) followGroups(c *pgx.Conn, rows int64) (rss int64, took time.Duration) {
	s.t.Helper()
	began := time.Now()
	var last time.Time
	for ; ; time.Sleep(20 * time.Millisecond) {
		rss = max(rss, s.rss())
		if time.Since(last) < time.Duration(*groupsRows)*100*time.Nanosecond { // asking costs something, too
			continue
		}
		last = time.Now()
		var at int64
		var done bool
		if err := c.QueryRow(context.Background(), `select coalesce(sum("offset"), 0)::bigint, coalesce(bool_and(done), false) from streamdb.source_splits`).Scan(&at, &done); err != nil {
			s.t.Fatal(err)
		}
		if done || at >= rows && rows < *groupsRows {
			return rss, time.Since(began)
		}
	}
}

// changesBounded fails if the epochs since the start have brought more to be
// committed at once than the memory that there is for it, by far: operators that
// hand over at barriers have to tell of it before.
func (s *server) changesBounded(c *pgx.Conn) {
	s.t.Helper()
	var most, limit int64
	err := c.QueryRow(context.Background(), `select (select max(bytes) from streamdb.checkpoints),
		(select limit_bytes from streamdb.memory where part = 'changes')`).Scan(&most, &limit)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Logf("at most %d kB of changes in an epoch, sources pause at %d kB in memory", most>>10, limit>>10)
	if most > limit*3/2 { // what is counted is a guess; a limit that nobody heeds is passed twice over
		s.t.Errorf("an epoch has %d bytes of changes, more than there is memory for", most)
	}
}

// groupFigures prints what was measured.
func (s *server) groupFigures(c *pgx.Conn, rss int64, took time.Duration) {
	s.t.Helper()
	var resident, bytes, hits, misses, evicted int64
	err := c.QueryRow(context.Background(), `select sum(resident)::bigint, sum(bytes)::bigint, sum(hits)::bigint, sum(misses)::bigint, sum(evicted)::bigint
		from streamdb.state_cache where name = 'totals' and operator = 'HashAgg'`).Scan(&resident, &bytes, &hits, &misses, &evicted)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Logf("%d rows of %d groups within %s: %.0f rows a second, process at most %d MB", *groupsRows, *groupsKeys, *groupsMemory,
		float64(*groupsRows)/took.Seconds(), rss>>20)
	s.t.Logf("since the kill: %d groups in memory, %.0f bytes each; %.0f%% of %d that were touched were there, %d left",
		resident, float64(bytes)/float64(max(resident, 1)), 100*float64(hits)/float64(max(hits+misses, 1)), hits+misses, evicted)
	if hits > 0 && misses == 0 || resident >= *groupsKeys { // what was touched since the kill depends on when it came
		s.t.Errorf("all groups were in memory: %d read, %d there", misses, resident)
	}
	if limit := new(size); limit.Set(*groupsMemory) == nil && *groupsStrict && rss > int64(*limit) {
		s.t.Errorf("the server held %d bytes", rss)
	}
}

// checkGroups compares the view with a loop over the rows.
func (s *server) checkGroups(c *pgx.Conn) {
	s.t.Helper()
	counts, totals := make([]int32, *groupsKeys), make([]int64, *groupsKeys)
	groups := 0
	for i := int64(1); i <= *groupsRows; i++ {
		k := groupsKey(i)
		if counts[k] == 0 {
			groups++
		}
		counts[k]++
		totals[k] += groupsValue(i)
	}
	rows, err := c.Query(context.Background(), "select k, n, total from totals")
	if err != nil {
		s.t.Fatal(err)
	}
	defer rows.Close()
	var k, n, total int64
	got := 0
	_, err = pgx.ForEachRow(rows, []any{&k, &n, &total}, func() error {
		if k < 0 || k >= *groupsKeys || n != int64(counts[k]) || total != totals[k] {
			return fmt.Errorf("group %d has %d rows with the sum %d", k, n, total)
		}
		counts[k] = 0 // each comes once
		got++
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	if got != groups {
		s.t.Fatalf("%d groups, want %d", got, groups)
	}
}
