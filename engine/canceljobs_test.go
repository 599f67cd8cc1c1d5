package engine_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"streamdb/engine"
)

// TestCancelJobs: a creation that a statement waits for is taken back by another
// session; the statement ends with 57014, and the name is free again.
func TestCancelJobs(t *testing.T) {
	s := serve(t, engine.Options{})
	one, two := s.connect(t), s.connect(t)
	run := func(c *pgconn.PgConn, sql string) ([][]string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		results, err := c.Exec(ctx, sql).ReadAll()
		var rows [][]string
		for _, r := range results {
			for _, row := range r.Rows {
				var texts []string
				for _, cell := range row {
					texts = append(texts, string(cell))
				}
				rows = append(rows, texts)
			}
		}
		return rows, err
	}
	must := func(c *pgconn.PgConn, sql string) [][]string {
		t.Helper()
		rows, err := run(c, sql)
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		return rows
	}
	must(one, "create table t (id int primary key); insert into t select x from generate_series(1, 100) x")
	must(one, "set backfill_rate_limit = 0")
	for _, what := range []string{"materialized view m as select * from t", "sink k from t with (connector = 'blackhole')", "index i on t (id)"} {
		ended := make(chan error, 1)
		go func() {
			_, err := run(one, "create "+what)
			ended <- err
		}()
		var jobs [][]string
		for deadline := time.Now().Add(10 * time.Second); len(jobs) == 0; jobs = must(two, "show jobs") {
			if time.Now().After(deadline) {
				t.Fatalf("create %s is not among the jobs", what)
			}
			time.Sleep(5 * time.Millisecond)
		}
		if jobs[0][2] != "FOREGROUND" || jobs[0][3] != "0.00% (0/100)" || jobs[0][4] != "CREATING" {
			t.Errorf("create %s is shown as %v", what, jobs[0])
		}
		select {
		case err := <-ended:
			t.Fatalf("create %s did not wait: %v", what, err)
		case <-time.After(50 * time.Millisecond):
		}
		if got := must(two, "cancel jobs "+jobs[0][0]); len(got) != 1 || got[0][0] != jobs[0][0] {
			t.Errorf("cancel jobs gives %v", got)
		}
		var e *pgconn.PgError
		if err := <-ended; !errors.As(err, &e) || e.Code != "57014" {
			t.Errorf("the cancelled create %s ended with %v", what, err)
		}
		if left := must(two, "show jobs"); len(left) != 0 {
			t.Errorf("left over: %v", left)
		}
		must(two, "create "+what)
	}
}
