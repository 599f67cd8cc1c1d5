package engine_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"streamdb/engine"
)

// endless is a row that makes a view of the test count 10^11 rows.
const endless = "1, 1000000"

// stuckServer is a server with view stuck, which is in the middle of a row that
// it will not be done with, and others.
type stuckServer struct {
	*server
	t    *testing.T
	conn *pgconn.PgConn
	held chan string // the outcome of the INSERT that made it stuck
}

func serveStuck(t *testing.T, o engine.Options) *stuckServer {
	t.Helper()
	s := &stuckServer{server: serve(t, o), t: t, held: make(chan string, 1)}
	s.conn = s.connect(t)
	for _, sql := range []string{
		`create table t (id int primary key, k int, n bigint)`,
		`create table big (id int primary key, k int)`,
		`insert into big select x, 1 from generate_series(1, 100000) x`,
		`create table plain (id int primary key)`,
		`create materialized view stuck as select t.id, count(*) as n from t join big on big.k = t.k, generate_series(1, t.n) g group by t.id`,
		`create materialized view above as select sum(n) as n from stuck`,
		`create materialized view beside as select count(*) as n from plain`,
		`create materialized view other as select count(*) as n from plain where id > 0`,
		`insert into t values (1, 1, 10)`,
		`insert into plain values (1), (2)`,
	} {
		s.soon(sql)
	}
	c := s.connect(t)
	go func() {
		_, code := tell(context.Background(), c, `insert into t values (2, `+endless+`)`)
		s.held <- code
	}()
	s.await(`select 1 from streamdb.checkpoints where last_job like '%stuck%' and tasks is null`)
	return s
}

// soon runs a statement that must not wait for what is stuck.
func (s *stuckServer) soon(sql string) []string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	rows, code := tell(ctx, s.conn, sql)
	if code != "" {
		s.t.Fatalf("%s: %s %v", sql, code, rows)
	}
	return rows
}

func (s *stuckServer) await(query string) {
	s.t.Helper()
	for end := time.Now().Add(15 * time.Second); len(s.soon(query)) == 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("%s gives no row", query)
		}
	}
}

// freed waits for the INSERT that was held up.
func (s *stuckServer) freed() {
	s.t.Helper()
	select {
	case code := <-s.held:
		if code != "" {
			s.t.Fatalf("the INSERT ended with %s", code)
		}
	case <-time.After(15 * time.Second):
		s.t.Fatal("the INSERT is still held up")
	}
	s.soon(`insert into plain values (10)`)
	if got := s.soon(`select count(*) from t`); got[0] != "2" {
		s.t.Fatalf("the table has %v rows", got)
	}
}

// cancelled runs a statement that has to wait, and cancels it.
func (s *stuckServer) cancelled(sql string) {
	s.t.Helper()
	c := s.connect(s.t)
	ended := make(chan string, 1)
	go func() {
		_, code := tell(context.Background(), c, sql)
		ended <- code
	}()
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); {
		select {
		case code := <-ended:
			if code != "57014" {
				s.t.Fatalf("%s ended with %q", sql, code)
			}
			return
		case <-time.After(100 * time.Millisecond): // again: it may not have begun
			if err := c.CancelRequest(context.Background()); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	s.t.Fatalf("%s could not be cancelled", sql)
}

// TestStuckJob: with a job stuck in an operator, reading, DROP of it and of
// others, renames and settings do not wait for it, nor does what happens to tables
// and views that have nothing to do with it; a statement that must wait can be
// cancelled; and what waits goes on when the job is dropped.
func TestStuckJob(t *testing.T) {
	s := serveStuck(t, engine.Options{Parallelism: 2})
	if got := s.soon(`select * from other`); got[0] != "2" {
		t.Fatalf("other has %v", got)
	}
	s.soon(`select id, n from stuck`) // as of the last epoch
	s.soon(`drop materialized view other`)
	s.soon(`alter materialized view beside rename to next`)
	s.soon(`create view v as select * from plain`)
	s.soon(`alter system set barrier_interval_ms = 50`)
	s.soon(`select * from next`)
	for _, sql := range []string{`insert into plain values (3)`, `update plain set id = 4 where id = 3`, `create table late (id int)`,
		`insert into late select id from plain`, `create materialized view pair as select plain.id from plain join late on late.id = plain.id`,
		`create index late_id on late (id)`, `drop materialized view pair`} {
		s.soon(sql)
	}
	if got := s.soon(`select count(*) from late`); got[0] != "3" {
		t.Fatalf("late has %v", got)
	}
	for _, sql := range []string{`create materialized view more as select plain.id from plain join t on t.id = plain.id`, `flush`} {
		s.cancelled(sql)
	}
	s.soon(`drop materialized view stuck cascade`)
	s.freed()
	if err := s.restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.conn = s.connect(t)
	if got := s.soon(`select n from next`); got[0] < "4" {
		t.Fatalf("next has %v", got)
	}
	if got := s.soon(`select name from streamdb.jobs where name in ('stuck', 'above', 'other', 'beside')`); len(got) > 0 {
		t.Fatalf("%v are back", got)
	}
}

// TestStuckJobUnderDDL: a DROP of the stuck job does not wait for a statement
// that waits for it and holds the lock of the catalog.
func TestStuckJobUnderDDL(t *testing.T) {
	s := serveStuck(t, engine.Options{Parallelism: 1})
	c := s.connect(t)
	made := make(chan string, 1)
	go func() {
		_, code := tell(context.Background(), c, `create materialized view late as select id from t`)
		made <- code
	}()
	time.Sleep(100 * time.Millisecond) // for it to wait; the test holds without, too
	s.soon(`drop materialized view stuck cascade`)
	s.freed()
	if code := <-made; code != "" {
		t.Fatalf("CREATE MATERIALIZED VIEW ended with %s", code)
	}
	s.soon(`select * from late`)
}

// TestStuckCreation: the creation of a view that gets stuck can be cancelled.
func TestStuckCreation(t *testing.T) {
	s := &stuckServer{server: serve(t, engine.Options{Parallelism: 2}), t: t}
	s.conn = s.connect(t)
	s.soon(`create table t (id int primary key, k int, n bigint)`)
	s.soon(`create table big (id int primary key, k int)`)
	s.soon(`insert into big select x, 1 from generate_series(1, 100000) x`)
	s.soon(`insert into t values (1, ` + endless + `)`)
	c := s.connect(t)
	made := make(chan string, 1)
	go func() {
		_, code := tell(context.Background(), c, `create materialized view m as select count(*) from t join big on big.k = t.k, generate_series(1, t.n) g`)
		made <- code
	}()
	s.await(`select 1 from streamdb.checkpoints where last_job = 'm' and tasks is null`)
	var id string
	for end := time.Now().Add(10 * time.Second); id == "" && time.Now().Before(end); {
		if rows := s.soon(`show jobs`); len(rows) > 0 {
			id = strings.Fields(rows[0])[0]
		}
	}
	s.soon(`cancel jobs ` + id)
	if code := <-made; code != "57014" {
		t.Fatalf("the creation ended with %q", code)
	}
	s.soon(`insert into t values (2, 0, 1)`)
}

// TestCheckpointTimeout: a job that holds an epoch up for too long fails alone,
// and can be resumed when its cause is gone. Those that wait for it, above and
// below, do not fail for it.
func TestCheckpointTimeout(t *testing.T) {
	s := serveStuck(t, engine.Options{Parallelism: 2})
	s.soon(`alter system set checkpoint_timeout_ms = 300`)
	s.freed()
	s.soon(`alter system set checkpoint_timeout_ms = 600000`)
	got := s.soon(`select name, state, error_code, error like '%did not finish epoch%' from streamdb.jobs where state <> 'RUNNING' order by name`)
	if want := "above FAILED 57014 t; stuck FAILED 57014 t"; strings.Join(got, "; ") != want {
		t.Fatalf("failed are %v", got)
	}
	s.soon(`delete from t where id = 2`)
	s.soon(`alter materialized view stuck resume`)
	if got := s.soon(`select * from above`); got[0] != "1000000" {
		t.Fatalf("above has %v", got)
	}
}

// TestStuckShutdown: a server stops although a job is stuck, and what was
// acknowledged is there when it is started again, where the job is stuck no more
// once its row has gone: it was never acknowledged.
func TestStuckShutdown(t *testing.T) {
	s := serveStuck(t, engine.Options{Parallelism: 2})
	s.soon(`drop materialized view other`)
	start := time.Now()
	if err := s.restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > 30*time.Second {
		t.Fatalf("stopping and starting took %v", took)
	}
	<-s.held
	s.conn = s.connect(t)
	if got := s.soon(`select count(*) from t`); got[0] != "1" {
		t.Fatalf("the table has %v rows", got)
	}
	s.soon(`insert into t values (3, 1, 5)`)
	if got := s.soon(`select * from above`); got[0] != "1500000" {
		t.Fatalf("above has %v", got)
	}
}
