package engine_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	osexec "os/exec"
	"strings"
	"testing"

	"streamdb/engine"
)

// TestCrashLoop opens a database again and again in processes of their own, each
// of which ends as soon as one of the jobs is started. After some tries that job
// is not started any more, it alone with what reads it; the rest runs, with all
// that was acknowledged, and the job goes on when it is resumed.
func TestCrashLoop(t *testing.T) {
	dir := t.TempDir()
	o := engine.Options{DataDir: dir, Parallelism: 2}
	s := serve(t, o)
	for _, sql := range []string{
		`create table t (id int primary key, v int)`,
		`create materialized view fine as select count(*) as n from t`,
		`create materialized view bad as select v, count(*) as n from t group by v`,
		`create materialized view above as select count(*) as n from bad`,
		`create materialized view later as select sum(v) as s from t`,
		`insert into t select x, x % 7 from generate_series(1, 100) x`,
	} {
		if rows, code := tell(context.Background(), s.connect(t), sql); code != "" {
			t.Fatalf("%s: %s %v", sql, code, rows)
		}
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	starts := 0
	for died := true; died; starts++ {
		if starts == 12 {
			t.Fatal("the database does not start")
		}
		cmd := osexec.Command(os.Args[0], "-test.run=^TestCrashLoopChild$")
		cmd.Env = append(os.Environ(), "CRASHLOOP_DIR="+dir, "CRASHLOOP_JOB=bad")
		out, err := cmd.CombinedOutput()
		if died = cmd.ProcessState.ExitCode() == 3; !died && err != nil {
			t.Fatalf("start %d: %v\n%s", starts, err, out)
		}
	}
	if starts < 5 {
		t.Fatalf("the job was given up at start %d", starts)
	}
	if err := s.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	conn := s.connect(t)
	for _, c := range []struct{ sql, want string }{
		{`select name, error_code from streamdb.jobs where state <> 'RUNNING' order by name`, "above 58000; bad 58000"},
		{`select n from fine`, "100"},
		{`insert into t values (101, 3)`, ""},
		{`select s from later`, fmt.Sprint(sumTo(100) + 3)},
		{`alter materialized view bad resume`, ""},
		{`select n from bad where v = 3`, "15"},
		{`select n from above`, "7"},
	} {
		rows, code := tell(context.Background(), conn, c.sql)
		if got := strings.Join(rows, "; "); code != "" || got != c.want {
			t.Fatalf("%s: %s %q, not %q", c.sql, code, got, c.want)
		}
	}
}

// sumTo is the sum of x % 7 for 1 <= x <= n.
func sumTo(n int) (sum int) {
	for x := 1; x <= n; x++ {
		sum += x % 7
	}
	return sum
}

// TestCrashLoopChild is one of the processes.
func TestCrashLoopChild(t *testing.T) {
	dir := os.Getenv("CRASHLOOP_DIR")
	if dir == "" {
		t.Skip("it is run by TestCrashLoop")
	}
	o := engine.Options{DataDir: dir, Parallelism: 2, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	db, err := engine.Open(t.Context(), o.WithStartHook(func(name string) {
		if name == os.Getenv("CRASHLOOP_JOB") {
			os.Exit(3)
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}
