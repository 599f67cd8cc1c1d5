package engine_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"streamdb/engine"
)

// TestSubscribeCopy: COPY (SUBSCRIBE ..) TO STDOUT sends each change when it is
// visible, until it is cancelled.
func TestSubscribeCopy(t *testing.T) {
	s := serve(t, engine.Options{})
	w, r := servingDial(t, s), servingDial(t, s)
	servingMust(t, w, "create table t (id int primary key, v text)")
	servingMust(t, w, `insert into t values (1, E'a\tb')`)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	pr, pw := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		_, err := r.PgConn().CopyTo(ctx, pw, "copy (subscribe t) to stdout")
		pw.CloseWithError(io.EOF)
		ended <- err
	}()
	lines := bufio.NewScanner(pr)
	expect := func(want string) {
		t.Helper()
		if !lines.Scan() {
			t.Fatalf("the copy ended before %q", want)
		}
		at, row, _ := strings.Cut(lines.Text(), "\t")
		if row != want || at == "" {
			t.Fatalf("line %q, want %q behind a time", lines.Text(), want)
		}
	}
	expect("1\t1\ta\\tb")
	servingMust(t, w, "insert into t values (2, null)")
	expect("1\t2\t\\N")
	servingMust(t, w, "delete from t where id = 1")
	expect("-1\t1\ta\\tb")
	cancel()
	if err := <-ended; err == nil || !errors.Is(err, context.Canceled) {
		t.Errorf("the cancelled copy ended with %v", err)
	}
	servingMust(t, w, "drop table t")
}

// TestSubscribeOverflow: a subscriber that does not read loses its subscription,
// with a hint, and nobody else loses anything.
func TestSubscribeOverflow(t *testing.T) {
	s := serve(t, engine.Options{})
	w, r := servingDial(t, s), servingDial(t, s)
	servingMust(t, w, "create table t (id int primary key, v text)")
	servingMust(t, r, "begin")
	servingMust(t, r, "declare c cursor for subscribe t with (snapshot = false)")
	for i := range 9 {
		servingMust(t, w, fmt.Sprintf("insert into t select %d + i, repeat('x', 1 << 20) from generate_series(1, 8) g(i)", 8*i))
	}
	_, err := r.Exec(t.Context(), "fetch 1 c")
	var pe *pgconn.PgError
	if !errors.As(err, &pe) || pe.Code != "53000" || !strings.Contains(pe.Hint, "Subscribe again") {
		t.Fatalf("the overflown subscription ended with %v", err)
	}
	servingMust(t, r, "rollback")
	var n int
	if err := r.QueryRow(t.Context(), "select count(*) from t").Scan(&n); err != nil || n != 72 {
		t.Fatalf("%d rows, %v", n, err)
	}
}

// TestSubscribeRestart: a subscriber that comes back after a restart of the
// server, or after losing its connection, goes on from a snapshot: times rise, and
// the sum of what it is told is the view again.
func TestSubscribeRestart(t *testing.T) {
	s := serve(t, engine.Options{Parallelism: 2})
	w := servingDial(t, s)
	servingMust(t, w, "create table t (id int primary key, g int)")
	servingMust(t, w, "create materialized view m as select g, count(*) as n from t group by g")
	last := int64(0)
	for round := range 4 {
		servingMust(t, w, fmt.Sprintf("insert into t select %d + i, i %% 3 from generate_series(1, 50) g(i)", 100*round))
		r := servingDial(t, s)
		servingMust(t, r, "begin")
		servingMust(t, r, "declare c cursor for subscribe m")
		servingMust(t, w, fmt.Sprintf("delete from t where id %% 7 = %d", round))
		sum, first := map[string]int64{}, int64(0)
		want := subscribedView(t, w)
		for end := time.Now().Add(20 * time.Second); fmt.Sprint(sum) != fmt.Sprint(want); {
			if time.Now().After(end) {
				t.Fatalf("round %d: told of %v, the view is %v", round, sum, want)
			}
			first, last = addSubscribed(t, r, sum, first, last)
		}
		if round%2 == 0 {
			if err := s.restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := r.Exec(t.Context(), "fetch 1 c"); err == nil {
				t.Fatal("the cursor outlived the server")
			}
			w = servingDial(t, s)
			continue
		}
		r.Close(t.Context()) // in the middle of its transaction
	}
	servingMust(t, w, "drop materialized view m")
}

// TestSubscribeAlter: a subscription has the columns of its relation as they were
// when it began; when columns come or go it ends.
func TestSubscribeAlter(t *testing.T) {
	s := serve(t, engine.Options{})
	w := servingDial(t, s)
	servingMust(t, w, "create table t (id int primary key, g int, h int)")
	servingMust(t, w, "create materialized view m as select g, count(*) as n from t group by g")
	for _, alter := range []string{"alter table t add column x int", "alter table t drop column h"} {
		r := servingDial(t, s)
		servingMust(t, r, "begin")
		servingMust(t, r, "declare c cursor for subscribe t")
		servingMust(t, w, alter)
		servingMust(t, w, "insert into t (id) select 1 + count(*) from t")
		_, err := r.Exec(t.Context(), "fetch all c with (timeout = '10s')")
		for err == nil { // what came before
			_, err = r.Exec(t.Context(), "fetch all c with (timeout = '10s')")
		}
		var pe *pgconn.PgError
		if !errors.As(err, &pe) || pe.Code != "55000" {
			t.Fatalf("after %s the subscription ended with %v", alter, err)
		}
	}
}

// addSubscribed fetches what there is. first is the time of the subscription's
// first row (0: none yet), last that of the last row told to any subscription.
func addSubscribed(t *testing.T, r *pgx.Conn, sum map[string]int64, first, last int64) (int64, int64) {
	t.Helper()
	rows, err := r.Query(t.Context(), "fetch 20 c")
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var at, diff, g, n int64
		if err := rows.Scan(&at, &diff, &g, &n); err != nil {
			t.Fatal(err)
		}
		if at < last || first == 0 && at == last {
			t.Fatalf("time %d after %d", at, last)
		}
		first, last = max(first, 1), at
		row := fmt.Sprint(g, " ", n)
		if sum[row] += diff; sum[row] == 0 {
			delete(sum, row)
		}
	}
	if rows.Err() != nil {
		t.Fatal(rows.Err())
	}
	return first, last
}

func subscribedView(t *testing.T, w *pgx.Conn) map[string]int64 {
	t.Helper()
	rows, err := w.Query(t.Context(), "select g || ' ' || n from m")
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	sum := map[string]int64{}
	for _, row := range all {
		sum[row] = 1
	}
	return sum
}
