package engine_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"streamdb/engine"
)

// TestResume fails jobs of a database at random, lets their inputs go on, and
// resumes them: afterwards every relation holds what its query says, over all
// rows that were ever written. The jobs are a source, views over it, a table
// with a connector, a plain table, and views and an index over those.
func TestResume(t *testing.T) {
	for _, parallel := range []int{1, 4} {
		t.Run(fmt.Sprintf("parallelism=%d", parallel), func(t *testing.T) {
			r := &resumeRun{t: t, rng: rand.New(rand.NewSource(int64(parallel))), dir: t.TempDir()}
			r.s = serve(t, engine.Options{Parallelism: parallel})
			r.conn = r.s.connect(t)
			r.create()
			rounds := 24
			if testing.Short() {
				rounds = 6
			}
			for i := range rounds {
				r.round(i)
			}
		})
	}
}

type resumeRun struct {
	t    *testing.T
	s    *server
	conn *pgconn.PgConn
	rng  *rand.Rand
	dir  string
	next int // row of the files
	id   int // row of table p
	sum  int // of all rows of the files
}

// resumable lists the jobs of the run with what they fail with them.
var resumable = []struct{ kind, name string }{
	{"source", "src"}, {"materialized view", "src_sum"}, {"materialized view", "src_top"},
	{"table", "fed"}, {"materialized view", "fed_sum"}, {"materialized view", "fed_p"},
	{"table", "p"}, {"materialized view", "p_sum"}, {"materialized view", "p_chain"}, {"index", "p_sum_n"},
}

func (r *resumeRun) create() {
	r.feed(50)
	with := fmt.Sprintf("with (connector = 'file', path = '%s') format plain encode json", filepath.Join(r.dir, "*.json"))
	for _, sql := range []string{
		`create source src (k int, v int) ` + with,
		`create table fed (k int, v int) ` + with,
		`create table p (id int primary key, k int, v int)`,
		`create materialized view src_sum as select k, count(*) as n, sum(v) as s from src group by k`,
		`create materialized view src_top as select max(s) as m, count(*) as groups from src_sum`,
		`create materialized view fed_sum as select count(*) as n, sum(v) as s from fed`,
		`create materialized view fed_p as select fed.k, count(*) as n from fed join p on fed.k = p.k group by fed.k`,
		`create materialized view p_sum as select k, count(*) as n, sum(v) as s from p group by k`,
		`create materialized view p_chain as select count(*) as groups, sum(s) as s from p_sum`,
		`create index p_sum_n on p_sum (n)`,
	} {
		r.must(sql)
	}
}

func (r *resumeRun) must(sql string) []string {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	rows, code := tell(ctx, r.conn, sql)
	if code != "" {
		for _, state := range []string{"jobs", "backfill_progress", "source_splits", "tasks"} {
			now, _ := tell(context.Background(), r.s.connect(r.t), "select * from streamdb."+state)
			r.t.Logf("%s:\n%s", state, strings.Join(now, "\n"))
		}
		r.t.Fatalf("%s: %s %v", sql, code, rows)
	}
	return rows
}

// feed appends rows to the file that the sources follow.
func (r *resumeRun) feed(n int) {
	f, err := os.OpenFile(filepath.Join(r.dir, fmt.Sprintf("%d.json", r.rng.Intn(3))), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		r.t.Fatal(err)
	}
	defer f.Close()
	for range n {
		fmt.Fprintf(f, "{\"k\": %d, \"v\": %d}\n", r.next%7, r.next)
		r.sum += r.next
		r.next++
	}
}

// write changes table p, which may have failed.
func (r *resumeRun) write() {
	r.id += 5
	for _, sql := range []string{
		fmt.Sprintf(`insert into p select x, x %% 9, x from generate_series(%d, %d) x`, r.id, r.id+4),
		fmt.Sprintf(`update p set v = v + 1 where id %% 4 = %d`, r.rng.Intn(4)),
		fmt.Sprintf(`delete from p where id %% 11 = %d`, r.rng.Intn(11)),
	} {
		if rows, code := tell(context.Background(), r.conn, sql); code != "" && code != "55000" && code != "58030" {
			r.t.Fatalf("%s: %s %v", sql, code, rows)
		}
	}
}

func (r *resumeRun) round(i int) {
	r.t.Helper()
	var failed []int
	for range 1 + r.rng.Intn(2) {
		r.feed(r.rng.Intn(30))
		r.write()
		at := r.rng.Intn(len(resumable))
		// Not what the round's first failure took along already.
		if state := r.must(fmt.Sprintf(`select state from streamdb.jobs where name = '%s'`, resumable[at].name)); state[0] != "RUNNING" {
			continue
		}
		if err := r.s.db.FailJob(resumable[at].name, errors.New("by the test")); err != nil {
			r.t.Fatal(err)
		}
		failed = append(failed, at)
	}
	r.feed(r.rng.Intn(30))
	r.write()
	if r.rng.Intn(3) == 0 {
		r.restart()
	}
	r.feed(r.rng.Intn(30))
	// Upstreams first.
	for at, o := range resumable {
		for _, f := range failed {
			if f != at {
				continue
			}
			r.must(fmt.Sprintf(`alter %s %s resume`, o.kind, o.name))
			if r.rng.Intn(4) == 0 {
				r.restart()
			}
		}
	}
	r.feed(1 + r.rng.Intn(30))
	r.write()
	r.check(fmt.Sprintf("round %d, failed %v", i, failed))
}

func (r *resumeRun) restart() {
	r.t.Helper()
	if err := r.s.restart(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	r.conn = r.s.connect(r.t)
}

// check compares all relations with their queries, once the files are read.
func (r *resumeRun) check(when string) {
	r.t.Helper()
	if bad := r.must(`select name, state, error from streamdb.jobs where state <> 'RUNNING'`); len(bad) > 0 {
		r.t.Fatalf("%s: still down: %v", when, bad)
	}
	want := fmt.Sprintf("%d %d", r.next, r.sum)
	var src, fed []string
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		src = r.must(`select sum(n), sum(s) from src_sum`)
		fed = r.must(`select n, s from fed_sum`)
		if src[0] == want && fed[0] == want {
			break
		}
	}
	if src[0] != want || fed[0] != want {
		r.t.Fatalf("%s: the files have %s, src_sum has %s, fed_sum %s", when, want, src[0], fed[0])
	}
	for view, query := range map[string]string{
		`select * from src_top`:                                           `select max(s), count(*) from src_sum`,
		`select * from fed_sum`:                                           `select count(*), sum(v) from fed`,
		`select * from fed_p order by k`:                                  `select fed.k, count(*) from fed join p on fed.k = p.k group by fed.k order by fed.k`,
		`select * from p_sum order by k`:                                  `select k, count(*), sum(v) from p group by k order by k`,
		`select * from p_chain`:                                           `select count(*), sum(s) from p_sum`,
		`select k from p_sum where n in (select n from p_sum) order by k`: `select distinct k from p order by k`,
	} {
		got, want := strings.Join(r.must(view), "\n"), strings.Join(r.must(query), "\n")
		if got != want {
			r.t.Fatalf("%s: %s gives\n%s\nnot\n%s", when, view, got, want)
		}
	}
}
