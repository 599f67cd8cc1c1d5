package engine_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"streamdb/engine"
)

// TestReadsDoNotWaitForJobs: where the first epoch after a start takes long, since a
// view has much to do, readers see the epoch before it meanwhile.
func TestReadsDoNotWaitForJobs(t *testing.T) {
	o := engine.Options{TestClock: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	s := serve(t, o)
	c := s.connect(t)
	ask := func(sql, want string) {
		t.Helper()
		if rows, code := tell(context.Background(), c, sql); code != "" || strings.Join(rows, "; ") != want {
			t.Fatalf("%s: %s %q, want %q", sql, code, rows, want)
		}
	}
	ask(`create table t (id int primary key, at timestamptz)`, "")
	ask(`create materialized view recent as select id from t where at > now() - interval '1 hour'`, "")
	ask(`insert into t values (1, '2026-01-01 00:00:00Z')`, "")
	ask(`create materialized view slow as select id, count(*) as n from recent, generate_series(1, 6000000) g group by id`, "")
	ask(`select n from slow`, "6000000")
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	s.options.TestClock = o.TestClock.Add(2 * time.Hour)
	if err := s.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	c = s.connect(t)
	ask(`select n from slow`, "6000000") // still
	ask(`select id from recent`, "1")
	ask(`select count(*) from t`, "1")
	ask(`insert into t values (2, '2026-01-01 00:00:00Z')`, "") // waits
	ask(`select count(*) from t`, "2")
	ask(`select n from slow`, "")
}
