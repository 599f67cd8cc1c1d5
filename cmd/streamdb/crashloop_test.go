package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// TestCrashLoop: a source has a row for which a view needs more memory than the
// process may have, so that the server ends whenever it runs that view. Started
// again and again, as a service manager does, it finds out which one it is: then it
// stays up, that view and what reads it have failed, all others run and have what
// was acknowledged. Without the row the view can be resumed.
func TestCrashLoop(t *testing.T) {
	s := newServer(t, "-log-level", "warn", "-parallelism", "1", "-memory-limit", "256MB")
	s.start()
	c := s.connect()
	lines := filepath.Join(t.TempDir(), "lines.json")
	write := func(text string) {
		t.Helper()
		f, err := os.OpenFile(lines, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.WriteString(text)
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	write("{\"n\": 1}\n{\"n\": 2}\n")
	s.exec(c, "CREATE TABLE t (id int PRIMARY KEY)")
	s.exec(c, "CREATE MATERIALIZED VIEW fine AS SELECT count(*) AS n FROM t")
	s.exec(c, fmt.Sprintf("CREATE SOURCE lines (n int) WITH (connector = 'file', path = '%s', follow = 'true') FORMAT PLAIN ENCODE JSON", lines))
	s.exec(c, "CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS n FROM lines")
	s.exec(c, "CREATE MATERIALIZED VIEW long AS SELECT sum(length(repeat('x', n) || repeat('y', n))) AS n FROM lines")
	s.exec(c, "CREATE MATERIALIZED VIEW above AS SELECT n FROM long")
	s.exec(c, "INSERT INTO t SELECT g FROM generate_series(1, 100) g")
	s.kill()
	write("{\"n\": 900000000}\n")

	starts, ended := 0, (<-chan struct{})(nil)
	for ended == nil {
		if starts++; starts > 30 {
			t.Fatalf("the server ends at every start:\n%s", s.log.tail())
		}
		ended = s.survives(t)
	}
	if starts < 4 {
		t.Fatalf("the server is up at start %d already: the test tests nothing", starts)
	}
	t.Logf("the server stays up from start %d on", starts)
	c = s.connect()
	want := func(sql, want string) {
		t.Helper()
		got := ""
		for end := time.Now().Add(15 * time.Second); got != want && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			if err := c.QueryRow(context.Background(), sql, pgx.QueryExecModeSimpleProtocol).Scan(&got); err != nil {
				t.Fatalf("%s: %v", sql, err)
			}
		}
		if got != want {
			t.Fatalf("%s: %q, want %q", sql, got, want)
		}
	}
	want("SELECT string_agg(name || ' ' || error_code, ', ' ORDER BY name) FROM streamdb.jobs WHERE state <> 'RUNNING'", "above 58000, long 58000")
	want("SELECT n::text FROM fine", "100")
	s.exec(c, "INSERT INTO t VALUES (101)")
	want("SELECT n::text FROM fine", "101")
	want("SELECT n::text FROM counted", "3")
	s.exec(c, "DROP MATERIALIZED VIEW above")
	s.exec(c, "DROP MATERIALIZED VIEW long")
	s.cmd.Process.Signal(syscall.SIGTERM)
	<-ended
	s.cmd = nil
	s.start()
	c = s.connect()
	want("SELECT n::text FROM counted", "3")
}

// survives starts the server with little address space. If it answers, and goes on
// to do so, it returns a channel that is closed when the server has ended, else nil.
func (s *server) survives(t *testing.T) <-chan struct{} {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	args := append([]string{"-c", `ulimit -v 2500000; exec "$@"`, "sh", path, "-listen", s.addr, "-data-dir", s.dir}, s.args...)
	s.cmd = exec.Command("/bin/sh", args...)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended, cmd := make(chan struct{}), s.cmd
	go func() { cmd.Wait(); close(ended) }()
	var since time.Time
	for {
		select {
		case <-ended:
			if s.cmd.ProcessState.Sys().(syscall.WaitStatus).Signaled() {
				t.Fatalf("the server was killed:\n%s", s.log.tail())
			}
			s.cmd = nil
			return nil
		default:
		}
		if c, err := s.tryConnect(); err == nil {
			c.Close(context.Background())
			if since.IsZero() {
				since = time.Now()
			}
		}
		if !since.IsZero() && time.Since(since) > 700*time.Millisecond {
			return ended
		}
		time.Sleep(10 * time.Millisecond)
	}
}
