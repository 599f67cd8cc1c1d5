package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// binary is the server, built once for all tests of the package.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "streamdb-test")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "streamdb")
	out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := binary(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// server is a server process on a directory, which can be killed and started
// again, on the same port if that is free.
type server struct {
	t    *testing.T
	dir  string
	addr string
	args []string
	cmd  *exec.Cmd
	log  *logBuffer
}

// logBuffer keeps the end of the server's log, shown when a test fails.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.b.Len() > 1<<20 {
		l.b.Next(1 << 19)
	}
	return l.b.Write(p)
}

// take empties the buffer.
func (l *logBuffer) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.b.Next(l.b.Len()))
}

func (l *logBuffer) tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.b.Bytes()
	return string(b[max(0, len(b)-4000):])
}

func newServer(t *testing.T, args ...string) *server {
	t.Helper()
	s := &server{t: t, dir: t.TempDir(), addr: freeAddr(t), args: args, log: &logBuffer{}}
	t.Cleanup(func() {
		s.kill()
		if t.Failed() {
			t.Logf("server's log:\n%s", s.log.tail())
		}
	})
	return s
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// start starts the process and waits until it answers.
func (s *server) start() {
	s.t.Helper()
	path, err := binary()
	if err != nil {
		s.t.Fatal(err)
	}
	if l, err := net.Listen("tcp", s.addr); err == nil {
		l.Close()
	} else { // another process took the port while the server was down
		s.addr = freeAddr(s.t)
	}
	s.launch(path)
	for deadline := time.Now().Add(30 * time.Second); ; {
		c, err := s.tryConnect()
		if err == nil {
			c.Close(context.Background())
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("server does not answer: %v\n%s", err, s.log.tail())
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// launch starts the process.
func (s *server) launch(path string) {
	s.t.Helper()
	s.cmd = exec.Command(path, append([]string{"-listen", s.addr, "-data-dir", s.dir,
		"-disk-reserve", "1B"}, s.args...)...) // however full the machine is that tests run on
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
}

func (s *server) url() string { return "postgres://root@" + s.addr + "/dev" }

func (s *server) tryConnect() (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return pgx.Connect(ctx, s.url())
}

func (s *server) connect() *pgx.Conn {
	s.t.Helper()
	c, err := s.tryConnect()
	if err != nil {
		s.t.Fatalf("connect: %v\n%s", err, s.log.tail())
	}
	s.t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

// exec runs a statement that must succeed.
func (s *server) exec(c *pgx.Conn, sql string, args ...any) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 120*time.Second)
	defer cancel()
	if _, err := c.Exec(ctx, sql, args...); err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
}

// script runs statements on one connection, and gives the rows of each as text.
func script(ctx context.Context, c *pgconn.PgConn, sql string) ([][]string, error) {
	results, err := c.Exec(ctx, sql).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%.300s: %w", sql, err)
	}
	out := make([][]string, len(results))
	for i, res := range results {
		for _, row := range res.Rows {
			fields := make([]string, len(row))
			for k, f := range row {
				fields[k] = string(f)
			}
			out[i] = append(out[i], strings.Join(fields, "|"))
		}
	}
	return out, nil
}

// kill ends the process with SIGKILL, as a power cut would.
func (s *server) kill() {
	if s.cmd == nil {
		return
	}
	s.cmd.Process.Signal(syscall.SIGKILL)
	s.cmd.Wait()
	s.cmd = nil
}

// stop ends the process with SIGTERM and checks that it ends well.
func (s *server) stop() {
	s.t.Helper()
	s.cmd.Process.Signal(syscall.SIGTERM)
	if err := s.cmd.Wait(); err != nil {
		s.t.Errorf("after SIGTERM: %v\n%s", err, s.log.tail())
	}
	s.cmd = nil
}
