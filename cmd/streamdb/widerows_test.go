package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// wideRows is how many rows the partition of TestWideRows has; its arrays are as long.
var wideRows = flag.Int("wide.rows", 500, "TestWideRows: rows of the partition, and elements of each array")

// TestWideRows makes views whose rows hold long values under a limit of memory:
// each row of a partition has the array of all of them, joined once more; and a
// document is joined with 1,000 rows, three of which are a batch.
func TestWideRows(t *testing.T) {
	if testing.Short() {
		t.Skip("-short")
	}
	s := newServer(t, "-memory-limit", "512MB")
	s.start()
	c, err := s.tryConnect()
	if err != nil {
		t.Fatal(err)
	}
	ctx, n := context.Background(), *wideRows
	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := c.Exec(ctx, fmt.Sprintf(sql, args...)); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	row := func(sql string) string {
		t.Helper()
		var a, b int64
		if err := c.QueryRow(ctx, sql).Scan(&a, &b); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		return fmt.Sprint(a, " ", b)
	}
	exec("create table t (id int primary key, p int, x bigint)")
	exec("create table u (id int primary key, d int)")
	exec("create table docs (d int primary key, body text)")
	exec("insert into t select i, 1, i from generate_series(1, %d) i", n)
	exec("insert into u select i, i %% 3 from generate_series(1, 1000) i")
	exec("insert into docs select i, repeat('x', 400000) from generate_series(0, 2) i")
	before := s.peak()

	exec("create materialized view lengths as select count(*) n, sum(length(body || 'y')) l from u join docs on u.d = docs.d")
	if got := row("select n, l from lengths"); got != "1000 400001000" {
		t.Errorf("lengths: %s", got)
	}
	exec("update docs set body = repeat('z', 400000)") // all rows at once
	if got := row("select n, l from lengths"); got != "1000 400001000" {
		t.Errorf("lengths: %s", got)
	}
	joined := s.peak()
	if joined > 512<<20 {
		t.Errorf("a join with documents: the peak rose from %d MB to %d MB, above the limit", before>>20, joined>>20)
	}

	exec(`create materialized view arrays as select a.id, a.arr, u.d
		from (select id, array_agg(x) over (partition by p) arr from t) a join u on a.id = u.id`)
	check := func(rows int) {
		t.Helper()
		if got, want := row("select count(*), sum(array_length(arr, 1)) from arrays"), fmt.Sprint(rows, " ", rows*rows); got != want {
			t.Errorf("arrays: %s, want %s", got, want)
		}
	}
	check(n)
	exec("delete from t where id = 7") // every row changes
	check(n - 1)
	size := int64(n) * int64(n) * 9
	if peak := s.peak(); peak > joined+100<<20+8*size {
		t.Errorf("%d MB of arrays: the peak rose from %d MB to %d MB", size>>20, joined>>20, peak>>20)
	}
	t.Logf("peaks: %d MB with the tables, %d MB with the join, %d MB with %d MB of arrays", before>>20, joined>>20, s.peak()>>20, size>>20)
	s.stop()
}

// peak is the most memory that the process has held, in bytes.
func (s *server) peak() int64 {
	s.t.Helper()
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		s.t.Skip("needs /proc: ", err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if kb, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			n, err := strconv.ParseInt(strings.Fields(kb)[0], 10, 64)
			if err != nil {
				s.t.Fatal(err)
			}
			return n << 10
		}
	}
	s.t.Skip("no VmHWM")
	return 0
}
