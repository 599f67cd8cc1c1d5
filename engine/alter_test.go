package engine_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"streamdb/engine"
)

// churn is one run of random DDL on a table while others write and read it.
type churn struct {
	t     *testing.T
	s     *server
	until time.Time
	mu    sync.Mutex
	bad   []string
}

// tell runs SQL and returns the rows as text, or the SQLSTATE.
func tell(ctx context.Context, c *pgconn.PgConn, sql string) (rows []string, code string) {
	res, err := c.Exec(ctx, sql).ReadAll()
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		return []string{pe.Message + " " + pe.Detail}, pe.Code
	}
	if err != nil {
		return []string{err.Error()}, "?"
	}
	for _, r := range res {
		for _, row := range r.Rows {
			cells := make([]string, len(row))
			for i, v := range row {
				cells[i] = string(v)
			}
			rows = append(rows, strings.Join(cells, " "))
		}
	}
	return rows, ""
}

func (c *churn) fail(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bad = append(c.bad, fmt.Sprintf(format, args...))
}

// run executes statements made by next until the time is over; allowed are the
// SQLSTATEs that may come of other connections' DDL.
func (c *churn) run(wg *sync.WaitGroup, seed int64, allowed string, next func(r *rand.Rand) string) {
	conn := c.s.connect(c.t)
	wg.Go(func() {
		r := rand.New(rand.NewSource(seed))
		for time.Now().Before(c.until) {
			sql := next(r)
			rows, code := tell(context.Background(), conn, sql)
			if code != "" && !strings.Contains(allowed, code) {
				c.fail("%s: %s %v", sql, code, rows)
				return
			}
			if code != "" {
				tell(context.Background(), conn, "rollback")
			}
		}
	})
}

// check compares, in one snapshot, the views with what they are made of.
func (c *churn) check(conn *pgconn.PgConn) bool {
	const sql = `select (select count(*) from t), (select coalesce(sum(v), 0) from t), n, s, (select count(*) from pv) from total`
	rows, code := tell(context.Background(), conn, sql)
	if code == "42P01" || code == "42703" { // t or v has another name just now
		return false
	}
	if code != "" || len(rows) != 1 {
		c.fail("check: %s %v", code, rows)
		return true
	}
	var n, sum, vn, vs, pn int64
	fmt.Sscan(rows[0], &n, &sum, &vn, &vs, &pn)
	if n != vn || sum != vs || n != pn {
		c.fail("the table has %d rows of sum %d, its view says %d, %d, its plain view %d", n, sum, vn, vs, pn)
	}
	return true
}

// alteration makes the next DDL statement. Column cN is always added with
// default N and never written.
type alterations struct {
	n     int
	cols  []string
	named string // what t is called
}

func (a *alterations) next(r *rand.Rand) string {
	a.n++
	switch r.Intn(7) {
	case 0, 1:
		col := fmt.Sprintf("c%d", a.n)
		a.cols = append(a.cols, col)
		return fmt.Sprintf("alter table t add column %s int default %d", col, a.n)
	case 2:
		if len(a.cols) > 0 {
			col := a.cols[0]
			a.cols = a.cols[1:]
			return "alter table t drop column " + col + " cascade"
		}
	case 3:
		if len(a.cols) > 0 {
			return fmt.Sprintf("create materialized view m%d as select %s as c, count(*) as n from t group by 1", a.n, a.cols[r.Intn(len(a.cols))])
		}
	case 4:
		return "alter table t rename to t_away; alter table t_away rename to t"
	case 5:
		return "alter table t rename column v to w; alter table t rename column w to v"
	case 6:
		return fmt.Sprintf("create materialized view d%d as select * from total; drop materialized view d%d cascade", a.n, a.n)
	}
	return "alter table t alter column v set default 1"
}

// TestAlterUnderLoad alters a table in all ways while it is written in short and
// long transactions, and read: nothing is lost, no view is ever wrong, and all is
// the same after a restart.
func TestAlterUnderLoad(t *testing.T) {
	for _, parallelism := range []int{1, 4} {
		t.Run(fmt.Sprintf("parallelism=%d", parallelism), func(t *testing.T) {
			s := serve(t, engine.Options{Parallelism: parallelism})
			conn := s.connect(t)
			_, code := tell(t.Context(), conn, `create table t (id int primary key, v int);
				create view pv as select * from t;
				create materialized view total as select count(*) as n, coalesce(sum(v), 0) as s from pv`)
			if code != "" {
				t.Fatal(code)
			}
			long := 1500 * time.Millisecond
			if testing.Short() {
				long = 400 * time.Millisecond
			}
			c := &churn{t: t, s: s, until: time.Now().Add(long)}
			var wg sync.WaitGroup
			const gone = "42P01 42703 40001 25P02 23505"
			for w := range 3 {
				c.run(&wg, int64(w), gone, func(r *rand.Rand) string { return write(r, w) })
			}
			ddl := &alterations{}
			c.run(&wg, 100, "", ddl.next)
			checks := 0
			for time.Now().Before(c.until) {
				if c.check(conn) {
					checks++
				}
			}
			wg.Wait()
			c.check(conn)
			c.columns(conn, ddl.cols)
			if err := s.restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			conn = s.connect(t)
			c.check(conn)
			c.columns(conn, ddl.cols)
			for _, b := range c.bad {
				t.Error(b)
			}
			if checks < 3 || ddl.n < 3 {
				t.Errorf("%d checks, %d alterations: nothing was tried", checks, ddl.n)
			}
			t.Logf("%d alterations, %d checks", ddl.n, checks)
		})
	}
}

// columns checks that all rows hold the defaults of the columns that were added.
func (c *churn) columns(conn *pgconn.PgConn, cols []string) {
	for _, col := range cols {
		rows, code := tell(context.Background(), conn, fmt.Sprintf("select count(*) from t where %s is distinct from %s", col, col[1:]))
		if code != "" || rows[0] != "0" {
			c.fail("column %s: %s %v", col, code, rows)
		}
	}
}

// write makes the next write of writer w, who has keys of its own.
func write(r *rand.Rand, w int) string {
	id := r.Intn(60)*3 + w
	switch r.Intn(4) {
	case 0:
		return fmt.Sprintf("insert into t (id, v) values (%d, %d)", id, r.Intn(100))
	case 1:
		return fmt.Sprintf("update t set v = v + 1 where id %% 3 = %d and id > %d", w, id)
	case 2:
		return fmt.Sprintf("delete from t where id = %d", id)
	}
	return fmt.Sprintf("begin; delete from t where id = %d; select count(*) from t; insert into t (id, v) values (%d, 5); commit", id, id)
}

// TestAlterSurvivesKill kills the server right after each ALTER has returned, and
// in the middle of one: what was acknowledged is there, and the views are right.
func TestAlterSurvivesKill(t *testing.T) {
	dir, ctx := t.TempDir(), t.Context()
	statements := []string{
		"create table t (id int primary key, v int); create view pv as select * from t; create materialized view total as select count(*) as n, coalesce(sum(v), 0) as s from pv",
		"insert into t select g, g from generate_series(1, 100) g",
		"alter table t add column c int default 3",
		"insert into t (id, v) values (101, 101)",
		"alter table t rename to u; alter table u rename to t",
		"create materialized view cs as select c, count(*) as n from t group by c",
		"alter table t add column d text not null default 'x'; update t set v = v where id < 10",
		"alter table t drop column c cascade",
		"insert into t (id, v) values (102, 1)",
		"alter table t alter column v set not null",
	}
	if testing.Short() {
		statements = statements[:4]
	}
	var srv lawServer
	var err error
	for i, sql := range statements {
		if srv, err = startLawChild(ctx, dir, 2, time.Now()); err != nil {
			t.Fatal(err)
		}
		conn, err := pgconn.Connect(ctx, srv.url())
		if err != nil {
			t.Fatal(err)
		}
		if rows, code := tell(ctx, conn, sql); code != "" {
			t.Fatalf("%s: %s %v", sql, code, rows)
		}
		// One more is under way when the end comes.
		go tell(context.WithoutCancel(ctx), conn, fmt.Sprintf("alter table t add column extra%d int default %d", i, i))
		time.Sleep(time.Duration(i) * 3 * time.Millisecond)
		if err := srv.kill(); err != nil {
			t.Fatal(err)
		}
	}
	if srv, err = startLawChild(ctx, dir, 2, time.Now()); err != nil {
		t.Fatal(err)
	}
	defer srv.kill()
	conn, err := pgconn.Connect(ctx, srv.url())
	if err != nil {
		t.Fatal(err)
	}
	rows, code := tell(ctx, conn, "select count(*) - n, sum(v) - s, (select count(*) from pv) - n from t, total group by n, s")
	if code != "" || len(rows) != 1 || rows[0] != "0 0 0" {
		t.Errorf("the view is not what it is of: %s %v", code, rows)
	}
	if !testing.Short() {
		rows, code = tell(ctx, conn, "select count(*), count(d) from t where d = 'x'")
		if code != "" || rows[0] != "102 102" {
			t.Errorf("column d: %s %v", code, rows)
		}
	}
	for i := range statements {
		col := fmt.Sprintf("extra%d", i)
		rows, code := tell(ctx, conn, fmt.Sprintf("select count(*) from t where %s is distinct from %d", col, i))
		if code != "42703" && (code != "" || rows[0] != "0") {
			t.Errorf("column %s: %s %v", col, code, rows)
		}
	}
}
