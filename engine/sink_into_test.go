package engine_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"streamdb/engine"
)

// TestSinkIntoFails lets sinks into two tables, with a primary key and without,
// fail in the middle of statements, while others write the sinks' source and the
// tables. Of every statement on the source either all rows are in a table or
// none: each inserts rows of sum zero, spread over all instances. No write into
// the tables fails or is lost, also when the database is opened once more.
func TestSinkIntoFails(t *testing.T) {
	s := serve(t, engine.Options{Parallelism: 4})
	conn := s.connect(t)
	must := func(sql string) []string {
		t.Helper()
		rows, code := tell(context.Background(), conn, sql)
		if code != "" {
			t.Fatalf("%s: %s %v", sql, code, rows)
		}
		return rows
	}
	must(`create table src (id int primary key, v int, div int)`)
	must(`create table keyed (id int primary key, v int)`)
	must(`create table plain (id int, v int)`)
	must(`create materialized view k as select count(*) as n, sum(v) as s, count(*) filter (where id < 0) as own from keyed`)
	must(`create materialized view p as select count(*) as n, sum(v) as s, count(*) filter (where id < 0) as own from plain`)
	const rounds, rows = 12, 40
	own := 0
	for round := range rounds {
		must(`delete from src`)
		must(`create sink sk into keyed as select id, v / div as v from src`)
		must(`create sink sp into plain as select id, v / div as v from src with (type = 'append-only', force_append_only = 'true')`)
		writers := []*sinkWriter{
			{sql: func(i int) string { return balanced(1000*round+100*i, rows, i == 4) }, n: 6},
			{sql: func(i int) string { return fmt.Sprintf("insert into keyed values (%d, 0)", -1-own-i) }, n: 10},
			{sql: func(i int) string { return fmt.Sprintf("insert into plain values (%d, 0)", -1-own-i) }, n: 10},
		}
		var wg sync.WaitGroup
		for _, w := range writers {
			c := s.connect(t)
			wg.Go(func() { w.run(c) })
		}
		wg.Wait()
		for _, w := range writers {
			if w.err != "" {
				t.Fatal(w.err)
			}
		}
		own += 10
		awaitFailed(t, conn, "sk", "sp")
		for _, view := range []string{"k", "p"} {
			var n, sum, mine int
			fmt.Sscan(must(`select * from ` + view)[0], &n, &sum, &mine)
			if sum != 0 || mine != own || (n-own)%rows != 0 {
				t.Fatalf("round %d: %s has %d rows of sum %d, %d of them written by statements, not %d", round, view, n, sum, mine, own)
			}
		}
		if round == rounds/2 { // the failed sinks stay down, the tables do not
			if err := s.restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			conn = s.connect(t)
			awaitFailed(t, conn, "sk", "sp")
		}
		must(`drop sink sk`)
		must(`drop sink sp`)
	}
}

// balanced inserts n rows from id on, of sum zero; bad: one of them cannot be
// taken by the sinks.
func balanced(id, n int, bad bool) string {
	values := make([]string, n)
	for i := range values {
		v := id + i/2 + 1
		if i%2 == 1 {
			v = -v
		}
		div := 1
		if bad && i == n/2 {
			div = 0
		}
		values[i] = fmt.Sprintf("(%d, %d, %d)", id+i, v, div)
	}
	return "insert into src values " + strings.Join(values, ", ")
}

// sinkWriter runs n statements, one after the other.
type sinkWriter struct {
	sql func(i int) string
	n   int
	err string
}

func (w *sinkWriter) run(c *pgconn.PgConn) {
	for i := range w.n {
		if rows, code := tell(context.Background(), c, w.sql(i)); code != "" {
			w.err = fmt.Sprintf("%s: %s %v", w.sql(i), code, rows)
			return
		}
	}
}

// awaitFailed waits until exactly these jobs have failed, by division by zero.
func awaitFailed(t *testing.T, conn *pgconn.PgConn, names ...string) {
	t.Helper()
	var last string
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		rows, code := tell(context.Background(), conn, `select name from streamdb.jobs where state = 'FAILED' and error_code = '22012' order by name`)
		if last = strings.Join(rows, " "); code == "" && last == strings.Join(names, " ") {
			return
		}
	}
	t.Fatalf("failed are %s, not %v", last, names)
}
