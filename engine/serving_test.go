package engine_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"streamdb/engine"
)

func servingDial(t *testing.T, s *server) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), s.url())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

func servingMust(t *testing.T, c *pgx.Conn, sql string) {
	t.Helper()
	if _, err := c.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func servingCode(err error) string {
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		return pe.Code
	}
	return fmt.Sprint(err)
}

// TestSubscribe: the sum of what a subscription told is the view, at every time
// at which it says so, while others write.
func TestSubscribe(t *testing.T) {
	s := serve(t, engine.Options{Parallelism: 2})
	w, r := servingDial(t, s), servingDial(t, s)
	servingMust(t, w, "create table t (id int primary key, g int, v int)")
	servingMust(t, w, "insert into t select i, i % 5, i from generate_series(1, 100) g(i)")
	servingMust(t, w, "create materialized view m as select g, count(*) as n, sum(v) as total from t group by g")
	done := make(chan error, 1)
	go func() {
		rnd := rand.New(rand.NewPCG(1, 2))
		for i := range 150 {
			sql := fmt.Sprintf("insert into t values (%d, %d, %d)", 1000+i, rnd.IntN(7), rnd.IntN(100))
			switch rnd.IntN(3) {
			case 0:
				sql = fmt.Sprintf("update t set v = v + 1, g = %d where id %% 10 = %d", rnd.IntN(7), rnd.IntN(10))
			case 1:
				sql = fmt.Sprintf("delete from t where id = %d", 1+rnd.IntN(100))
			}
			if _, err := w.Exec(context.Background(), sql); err != nil {
				done <- err
				return
			}
		}
		_, err := w.Exec(context.Background(), "insert into t values (99999, 77, 1)")
		done <- err
	}()
	servingMust(t, r, "begin")
	servingMust(t, r, "declare c cursor for subscribe m with (snapshot, progress)")
	sum := map[string]int64{}
	last, end := int64(0), false
	for !end {
		rows, err := r.Query(t.Context(), "fetch 20 c")
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var at int64
			var progressed bool
			var diff, g, n, total *int64
			if err := rows.Scan(&at, &progressed, &diff, &g, &n, &total); err != nil {
				t.Fatal(err)
			}
			if at < last {
				t.Fatalf("time %d after %d", at, last)
			}
			last = at
			if progressed {
				for row, n := range sum {
					if n != 1 {
						t.Fatalf("before %d: row %s %d times", at, row, n)
					}
				}
				continue
			}
			row := fmt.Sprint(*g, " ", *n, " ", *total)
			if sum[row] += *diff; sum[row] == 0 {
				delete(sum, row)
			}
			end = end || *g == 77
		}
		if rows.Err() != nil {
			t.Fatal(rows.Err())
		}
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	servingMust(t, r, "rollback")
	rows, err := w.Query(t.Context(), "select g || ' ' || n || ' ' || total from m")
	if err != nil {
		t.Fatal(err)
	}
	view, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	if len(view) != len(sum) {
		t.Errorf("the view has %d rows, the subscription told of %d", len(view), len(sum))
	}
	for _, row := range view {
		if sum[row] != 1 {
			t.Errorf("row %s of the view: %d", row, sum[row])
		}
	}
}

// TestSubscribeEnds: with its timeout, with a cancel, and with its relation; the
// relation is free of it then.
func TestSubscribeEnds(t *testing.T) {
	s := serve(t, engine.Options{})
	w, r := servingDial(t, s), servingDial(t, s)
	servingMust(t, w, "create table t (id int primary key)")
	servingMust(t, w, "create materialized view v as select * from t")
	ctx, cancel := context.WithCancel(t.Context())
	got := make(chan string, 10)
	ended := make(chan error, 1)
	follow := func(ctx context.Context) {
		rows, err := r.Query(ctx, "subscribe v with (snapshot = false)", pgx.QueryExecModeSimpleProtocol)
		if err == nil {
			for rows.Next() {
				v := rows.RawValues()
				got <- string(v[1]) + " " + string(v[2])
			}
			err = rows.Err()
		}
		ended <- err
	}
	go follow(ctx)
	next := func() string {
		select {
		case x := <-got:
			return x
		case err := <-ended:
			t.Fatalf("ended: %v", err)
		case <-time.After(10 * time.Second):
			t.Fatal("nothing came")
		}
		return ""
	}
	// The subscription may begin after the first of these.
	for i := 0; len(got) == 0; i++ {
		servingMust(t, w, fmt.Sprintf("insert into t values (%d)", i))
		time.Sleep(20 * time.Millisecond)
	}
	if x := next(); !strings.HasPrefix(x, "1 ") {
		t.Errorf("got %s", x)
	}
	cancel()
	if err := <-ended; err == nil {
		t.Error("a cancelled subscription has a good end")
	}
	r = servingDial(t, s)
	go follow(t.Context())
	for len(got) == 0 {
		servingMust(t, w, "delete from t where id = (select min(id) from t)")
		servingMust(t, w, "insert into t select coalesce(max(id), 0) + 1 from t")
		time.Sleep(20 * time.Millisecond)
	}
	servingMust(t, w, "drop table t cascade")
	if err := <-ended; servingCode(err) != "55000" {
		t.Errorf("the view was dropped: %v", err)
	}
}

// TestCopy: what COPY TO wrote, COPY FROM reads, in all formats.
func TestCopy(t *testing.T) {
	s := serve(t, engine.Options{})
	c := servingDial(t, s)
	servingMust(t, c, "create table t (id int primary key, s text, n numeric, b bytea, at timestamptz, ok bool)")
	servingMust(t, c, `insert into t select i, case i % 7 when 0 then null when 1 then '' when 2 then '\N' when 3 then E'a\tb\n"c"' when 4 then 'x,y\' when 5 then '\.' else 'é' end,
		i / 3.0, decode('00ff5c', 'hex'), timestamptz '2024-01-01' + i * interval '1 hour', i % 2 = 0 from generate_series(1, 1200) g(i)`)
	servingMust(t, c, "create table u (id int primary key, s text, n numeric, b bytea, at timestamptz, ok bool, extra int default 5)")
	for _, with := range []string{"", "(format csv)", "(format csv, header, quote '''', escape '\\', null 'nil', delimiter ';', force_quote (s, n))", "(format binary)", "(delimiter '|', null 'x', header true)"} {
		var data bytes.Buffer
		if _, err := c.PgConn().CopyTo(t.Context(), &data, "copy t to stdout "+with); err != nil {
			t.Fatalf("%s: %v", with, err)
		}
		tag, err := c.PgConn().CopyFrom(t.Context(), &data, "copy u (id, s, n, b, at, ok) from stdin "+strings.Replace(with, ", force_quote (s, n)", "", 1))
		if err != nil {
			t.Fatalf("%s: %v", with, err)
		}
		if tag.String() != "COPY 1200" {
			t.Errorf("%s: %s", with, tag)
		}
		var differ int
		if err := c.QueryRow(t.Context(), `select count(*) from t full join u using (id) where t.s is distinct from u.s or t.n is distinct from u.n
			or t.b is distinct from u.b or t.at is distinct from u.at or t.ok is distinct from u.ok or u.extra <> 5`).Scan(&differ); err != nil {
			t.Fatal(err)
		}
		if differ != 0 {
			t.Errorf("%s: %d rows differ", with, differ)
		}
		servingMust(t, c, "delete from u")
	}
	rows := [][]any{{1, "a", nil, []byte{1}, time.Unix(0, 0), true}, {2, nil, nil, nil, nil, nil}}
	n, err := c.CopyFrom(t.Context(), pgx.Identifier{"u"}, []string{"id", "s", "n", "b", "at", "ok"}, pgx.CopyFromRows(rows))
	if err != nil || n != 2 {
		t.Errorf("CopyFrom: %d, %v", n, err)
	}
	for _, bad := range []struct{ sql, data, code, where string }{
		{"copy u (id, s) from stdin", "5\ta\nx\tb\n", "22P02", `COPY u, line 2, column id: "x"`},
		{"copy u (id, s) from stdin", "5\ta\tb\n", "22P04", "COPY u, line 1"},
		{"copy u (id, s) from stdin csv", "5\n", "22P04", "COPY u, line 1"},
		{"copy u (id, s) from stdin csv", "5,\"x\n", "22P04", "COPY u, line 1"},
		{"copy u (id, s) from stdin", "1\ta\n", "23505", "COPY u, line 1"},
		{"copy u (id, s) from stdin binary", "nonsense", "22P04", "COPY u, line 0"},
	} {
		_, err := c.PgConn().CopyFrom(t.Context(), strings.NewReader(bad.data), bad.sql)
		var pe *pgconn.PgError
		if !errors.As(err, &pe) || pe.Code != bad.code || pe.Where != bad.where {
			t.Errorf("%s: %v, context %q", bad.sql, err, pe.Where)
		}
	}
	var left int
	if err := c.QueryRow(t.Context(), "select count(*) from u").Scan(&left); err != nil || left != 2 {
		t.Errorf("%d rows, %v", left, err)
	}
}
