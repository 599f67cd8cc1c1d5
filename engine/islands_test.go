package engine_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"streamdb/engine"
)

// These tests are about tables of several islands: what connects them must not be
// seen to come apart, and what does not connect them must not make them wait.

// retried runs a transaction again while others are in its way; it reports whether
// it was committed.
func retried(t *testing.T, c *pgconn.PgConn, sql string) bool {
	t.Helper()
	rows, code := tell(context.Background(), c, sql)
	if code == "" {
		return true
	}
	if code != "40001" {
		t.Errorf("%s: %s %v", sql, code, rows)
	}
	tell(context.Background(), c, "rollback")
	return false
}

func must(t *testing.T, c *pgconn.PgConn, sql string) []string {
	t.Helper()
	rows, code := tell(context.Background(), c, sql)
	if code != "" {
		t.Errorf("%s: %s %v", sql, code, rows)
	}
	return rows
}

// TestTransfersBetweenIslands: money goes to and fro between two tables, while views
// over both, which make one island of them, come and go, and each table has views
// of its own. Whoever looks, at tables or views, always finds all of it.
func TestTransfersBetweenIslands(t *testing.T) {
	s := serve(t, engine.Options{Parallelism: 2})
	c := s.connect(t)
	const accounts = 20
	for _, sql := range []string{
		`create table here (id int primary key, v bigint)`, `create table there (id int primary key, v bigint)`, `create table apart (n int)`,
		fmt.Sprintf(`insert into here select x, 100 from generate_series(1, %d) x`, accounts),
		fmt.Sprintf(`insert into there select x, 100 from generate_series(1, %d) x`, accounts),
		`create materialized view sum_here as select sum(v) as v from here`,
		`create materialized view sum_there as select sum(v) as v from there`,
	} {
		must(t, c, sql)
	}
	total := fmt.Sprint(2 * accounts * 100)
	look := func(c *pgconn.PgConn) {
		for _, sql := range []string{
			`select (select sum(v) from here) + (select sum(v) from there)`,
			`select a.v + b.v from sum_here a, sum_there b`,
			`select a.v + (select sum(v) from there) from sum_here a`,
		} {
			if got := must(t, c, sql); len(got) != 1 || got[0] != total {
				t.Errorf("%s: %v, want %s", sql, got, total)
			}
		}
	}
	end := time.Now().Add(2500 * time.Millisecond)
	var moved, views, aside atomic.Int64
	var wg sync.WaitGroup
	for i := range 3 {
		c, r := s.connect(t), rand.New(rand.NewPCG(uint64(i), 1))
		wg.Go(func() {
			for time.Now().Before(end) && !t.Failed() {
				from, to := "here", "there"
				if r.IntN(2) == 0 {
					from, to = to, from
				}
				n := 1 + r.IntN(9)
				if retried(t, c, fmt.Sprintf(`begin; update %s set v = v - %d where id = %d; update %s set v = v + %d where id = %d; commit`,
					from, n, 1+r.IntN(accounts), to, n, 1+r.IntN(accounts))) {
					moved.Add(1)
				}
			}
		})
	}
	reader, maker, other := s.connect(t), s.connect(t), s.connect(t)
	wg.Go(func() {
		for time.Now().Before(end) && !t.Failed() {
			look(reader)
		}
	})
	wg.Go(func() {
		for time.Now().Before(end) && !t.Failed() {
			must(t, other, `insert into apart values (1)`)
			aside.Add(1)
		}
	})
	wg.Go(func() {
		for time.Now().Before(end) && !t.Failed() {
			must(t, maker, `create materialized view total as select sum(v) as v from (select v from here union all select v from there) x`)
			for range 3 {
				if got := must(t, maker, `select v from total`); len(got) != 1 || got[0] != total {
					t.Errorf("the view has %v, want %s", got, total)
				}
				must(t, maker, `flush`)
			}
			must(t, maker, `drop materialized view total`)
			views.Add(1)
		}
	})
	wg.Wait()
	if moved.Load() == 0 || views.Load() == 0 || aside.Load() == 0 {
		t.Errorf("%d transfers, %d views, %d rows beside", moved.Load(), views.Load(), aside.Load())
	}
	look(c)
	if err := s.restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	c = s.connect(t)
	look(c)
	if got := must(t, c, `select count(*) from apart`); got[0] != fmt.Sprint(aside.Load()) {
		t.Errorf("apart has %v rows, want %d", got, aside.Load())
	}
}

// TestSerializableOverIslands: transactions that read one table and write the other
// do not both commit when each has read what the other writes; and who only reads
// sees them in an order in which they might have run.
func TestSerializableOverIslands(t *testing.T) {
	s := serve(t, engine.Options{Parallelism: 1})
	a, b := s.connect(t), s.connect(t)
	must(t, a, `create table x (id int primary key, v int)`)
	must(t, a, `create table y (id int primary key, v int)`)
	for i := range 30 {
		must(t, a, fmt.Sprintf(`insert into x values (%d, 0)`, i))
		must(t, a, fmt.Sprintf(`insert into y values (%d, 0)`, i))
		// Each writes 1 where it has seen 0 in the other table: never both.
		for _, c := range []*pgconn.PgConn{a, b} {
			must(t, c, `begin isolation level serializable`)
		}
		seen := must(t, a, fmt.Sprintf(`select v from y where id = %d`, i))[0] + must(t, b, fmt.Sprintf(`select v from x where id = %d`, i))[0]
		must(t, a, fmt.Sprintf(`update x set v = 1 where id = %d`, i))
		must(t, b, fmt.Sprintf(`update y set v = 1 where id = %d`, i))
		var codes [2]string
		var wg sync.WaitGroup
		for k, c := range []*pgconn.PgConn{a, b} {
			wg.Go(func() { _, codes[k] = tell(context.Background(), c, `commit`) })
		}
		wg.Wait()
		failed := strings.Count(strings.Join(codes[:], " "), "40001")
		if seen != "00" || failed != 1 {
			t.Fatalf("both read %s; the commits ended with %q", seen, codes)
		}
	}
	if got := must(t, a, `select count(*) from x join y on x.id = y.id where x.v + y.v = 1`); got[0] != "30" {
		t.Errorf("%v rows were written once", got)
	}
}

// TestSlowIsland: while one island has barriers that take long, those of another do
// not: statements and views there are done with before a single one of them is.
func TestSlowIsland(t *testing.T) {
	s := serve(t, engine.Options{Parallelism: 2})
	c, slow := s.connect(t), s.connect(t)
	for _, sql := range []string{
		`create table t (id int primary key, n bigint)`, `create table plain (id int primary key)`,
		`create materialized view heavy as select id, count(*) as n from t, generate_series(1, t.n) g, generate_series(1, 1000) h group by id`,
		`create materialized view light as select count(*) as n from plain`,
	} {
		must(t, c, sql)
	}
	for rows, done := int64(1000), 0; rows < 5_000_000; rows *= 2 { // thousands, until they take long enough to tell
		ended := make(chan struct{})
		began := time.Now()
		go func() {
			defer close(ended)
			must(t, slow, fmt.Sprintf(`insert into t values (%d, %d)`, rows, rows))
		}()
		time.Sleep(20 * time.Millisecond)
		n := 0
		for over := false; !over; {
			must(t, c, fmt.Sprintf(`insert into plain values (%d)`, done))
			done++
			if got := must(t, c, `select n from light`); got[0] != fmt.Sprint(done) {
				t.Fatalf("light has %v, want %d", got, done)
			}
			select {
			case <-ended:
				over = true
			default:
				n++
			}
		}
		if took := time.Since(began); took > time.Second {
			if t.Logf("%d statements beside one that took %v", n, took); n < 3 {
				t.Error("they wait for it")
			}
			return
		}
	}
	t.Error("nothing is slow")
}
