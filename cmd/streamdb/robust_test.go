package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// TestRobust treats a server badly in many ways. Each gets a clear error or a
// closed connection; meanwhile a client keeps inserting and checking a view, and
// in the end the process holds about as much memory as before.
func TestRobust(t *testing.T) {
	s := newServer(t, "-log-level", "warn")
	s.start()
	c := s.connect()
	s.exec(c, "create table beat (id int primary key, v int)")
	s.exec(c, "create materialized view beats as select count(*) as n, sum(v) as total from beat")
	s.exec(c, "create table wide (id int primary key, pad text)")
	s.exec(c, "insert into wide select g, repeat('x', 200) from generate_series(1, 20000) g")
	heart := startHeart(t, s)
	t.Cleanup(heart.stop)

	// What a first round of connections and queries needs for good is not counted.
	manyConnections(t, s, 50)
	bigResult(t, s, 0)
	before := s.rss()

	t.Run("slow reader", func(t *testing.T) {
		at := s.rss()
		bigResult(t, s, time.Second)
		if grown := s.rss() - at; grown > 200<<20 {
			t.Errorf("a result that is not read takes %d MB", grown>>20)
		}
	})
	t.Run("disconnect in mid-result", func(t *testing.T) {
		for range 10 {
			bigResult(t, s, 0)
		}
	})
	t.Run("disconnect while a statement runs", func(t *testing.T) {
		for range 5 {
			c := s.connect()
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			_, err := c.Exec(ctx, "select count(*) from generate_series(1, 1000000000000) g where g % 2 = 5")
			cancel()
			if err == nil {
				t.Error("counted to 10^12")
			}
			c.Close(t.Context())
		}
	})
	t.Logf("memory: %d MB", s.rss()>>20)
	t.Run("500 idle connections", func(t *testing.T) { manyConnections(t, s, 500) })
	t.Run("cancel", func(t *testing.T) {
		for _, sql := range []string{
			"select count(*) from generate_series(1, 1000000000000)",
			"select pg_sleep(1000)",
			"select count(*) from wide a, wide b, wide c where a.pad < b.pad",
			"select a.id from wide a, wide b order by a.pad || b.pad",
			"insert into wide select g, 'y' from generate_series(1000000, 1000000000000) g",
		} {
			cancelled(t, s, sql)
		}
	})
	t.Logf("memory: %d MB", s.rss()>>20)
	t.Run("statement timeout", func(t *testing.T) {
		c := s.connect()
		s.exec(c, "set statement_timeout = '200ms'")
		_, err := c.Exec(t.Context(), "select count(*) from generate_series(1, 1000000000000)")
		wantCode(t, err, "57014")
		s.exec(c, "reset statement_timeout")
	})
	t.Run("100 MB statement", func(t *testing.T) {
		c := s.connect()
		var n int64
		err := c.QueryRow(t.Context(), "select length('"+strings.Repeat("x", 100<<20)+"')", pgx.QueryExecModeSimpleProtocol).Scan(&n)
		if err != nil || n != 100<<20 {
			t.Errorf("length %d, %v", n, err)
		}
		_, err = c.Exec(t.Context(), "select 1 where 1 in ("+strings.Repeat("1,", 2<<20)+"2", pgx.QueryExecModeSimpleProtocol)
		wantCode(t, err, "42601") // no closing bracket
		alive(t, c)
		c.Close(t.Context())
	})
	t.Logf("memory: %d MB", s.rss()>>20)
	t.Run("10,000 nested parentheses", func(t *testing.T) {
		c := s.connect()
		for _, deep := range []string{
			strings.Repeat("(", 10000) + "1" + strings.Repeat(")", 10000),
			strings.Repeat("- ", 100000) + "1",
			strings.Repeat("not ", 100000) + "true",
			strings.Repeat("case when true then ", 10000) + "1" + strings.Repeat(" end", 10000),
			strings.Repeat("array[", 10000) + strings.Repeat("]", 10000),
			strings.Repeat("(select ", 10000) + "1" + strings.Repeat(")", 10000),
			strings.Repeat("abs(", 10000) + "1" + strings.Repeat(")", 10000),
		} {
			_, err := c.Exec(t.Context(), "select "+deep, pgx.QueryExecModeSimpleProtocol)
			if !wantCode(t, err, "54001") {
				t.Logf("select %.20s", deep)
			}
		}
		_, err := c.Exec(t.Context(), "select "+strings.Repeat("(", 10000), pgx.QueryExecModeSimpleProtocol)
		if code(err) != "54001" && code(err) != "42601" {
			t.Errorf("open parentheses only: %v", err)
		}
		alive(t, c)
	})
	t.Run("invalid UTF-8", func(t *testing.T) {
		c := s.connect()
		_, err := c.Exec(t.Context(), "select '\xff\xfe'", pgx.QueryExecModeSimpleProtocol)
		wantCode(t, err, "22021")
		_, err = c.Exec(t.Context(), "select \xc3(", pgx.QueryExecModeSimpleProtocol)
		wantCode(t, err, "22021")
		_, err = c.Exec(t.Context(), "select length($1::text)", "a\xf0\x28")
		wantCode(t, err, "22021")
		alive(t, c)
	})
	t.Run("garbage", func(t *testing.T) {
		for _, g := range []string{
			"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "\x00", "\x00\x00\x00\x00\x00\x00\x00\x00", "\xff\xff\xff\xff\xff\xff\xff\xff",
			"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "\x00\x00\x00\x08\x00\x00\x00\x00", "\x7f\xff\xff\xff\x00\x03\x00\x00",
			strings.Repeat("\xde\xad\xbe\xef", 10000),
		} {
			garbage(t, s, g)
		}
		garbageAfterStartup(t, s)
	})

	heart.stop()
	if heart.beats == 0 {
		t.Error("the view was never checked")
	}
	t.Logf("%d inserts, the longest took %v", heart.beats, heart.longest.Round(time.Millisecond))
	if heart.longest > 10*time.Second {
		t.Errorf("an insert took %v", heart.longest)
	}
	var after int64
	for range 40 {
		if after = s.rss(); after < before+150<<20 {
			break
		}
		time.Sleep(250 * time.Millisecond)
	}
	t.Logf("memory: %d MB before, %d MB after", before>>20, after>>20)
	if after > before+150<<20 {
		t.Errorf("memory: %d MB before, %d MB after", before>>20, after>>20)
	}
	s.stop()
}

// rss is the memory that the process holds, in bytes.
func (s *server) rss() int64 {
	s.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", s.cmd.Process.Pid))
	if err != nil {
		s.t.Skip("needs /proc: ", err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(b))[1], 10, 64)
	if err != nil {
		s.t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// heart inserts a row, checks that the view has it, and does so again.
type heart struct {
	end     chan struct{}
	once    sync.Once
	done    sync.WaitGroup
	beats   int
	longest time.Duration
}

func startHeart(t *testing.T, s *server) *heart {
	c := s.connect()
	h := &heart{end: make(chan struct{})}
	h.done.Go(func() {
		for i := 1; ; i++ {
			began := time.Now()
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			_, err := c.Exec(ctx, "insert into beat values ($1, $1)", i)
			var n, total int
			if err == nil {
				err = c.QueryRow(ctx, "select n, total from beats").Scan(&n, &total)
			}
			cancel()
			if err != nil {
				t.Errorf("beat %d: %v", i, err)
				return
			}
			if n != i || total != i*(i+1)/2 {
				t.Errorf("after %d inserts the view has %d rows, sum %d", i, n, total)
				return
			}
			h.beats, h.longest = i, max(h.longest, time.Since(began))
			select {
			case <-h.end:
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	})
	return h
}

func (h *heart) stop() {
	h.once.Do(func() { close(h.end) })
	h.done.Wait()
}

// bigResult asks for some gigabytes, takes the first rows, waits and hangs up.
func bigResult(t *testing.T, s *server, wait time.Duration) {
	t.Helper()
	c := s.connect()
	rows, err := c.Query(t.Context(), "select a.id, a.pad, b.pad from wide a, wide b", pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if !rows.Next() {
			t.Fatalf("result ended: %v", rows.Err())
		}
	}
	time.Sleep(wait)
	c.PgConn().Conn().Close()
	rows.Close()
}

// manyConnections opens connections, asks something on the first and the last,
// and closes them.
func manyConnections(t *testing.T, s *server, n int) {
	t.Helper()
	conns := make([]*pgx.Conn, n)
	for i := range conns {
		c, err := s.tryConnect()
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		defer c.Close(t.Context())
		conns[i] = c
	}
	alive(t, conns[0])
	alive(t, conns[n-1])
}

func alive(t *testing.T, c *pgx.Conn) {
	t.Helper()
	var n int
	if err := c.QueryRow(t.Context(), "select 1").Scan(&n); err != nil || n != 1 {
		t.Errorf("select 1: %d, %v", n, err)
	}
}

// cancelled runs a statement that would take for ever and cancels it.
func cancelled(t *testing.T, s *server, sql string) {
	t.Helper()
	c := s.connect()
	time.AfterFunc(200*time.Millisecond, func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := c.PgConn().CancelRequest(ctx); err != nil {
			t.Errorf("cancel request: %v", err)
		}
	})
	began := time.Now()
	_, err := c.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol)
	if !wantCode(t, err, "57014") {
		t.Log(sql)
	}
	if took := time.Since(began); took > 10*time.Second { // also on a machine that does much else
		t.Errorf("%s: ended %v after it began", sql, took)
	}
	alive(t, c)
}

func code(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

func wantCode(t *testing.T, err error, want string) bool {
	t.Helper()
	if code(err) != want {
		text := fmt.Sprint(err)
		t.Errorf("got %.200s, want SQLSTATE %s", text, want)
		return false
	}
	return true
}

// garbage sends bytes that are no startup message. The server answers with an
// error or nothing, and hangs up once there is nothing more to wait for.
func garbage(t *testing.T, s *server, g string) {
	t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(5 * time.Second))
	io.WriteString(c, g)
	c.(*net.TCPConn).CloseWrite()
	if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%.10q: the connection stays open", g)
	}
}

// garbageAfterStartup sends messages of unknown kinds and of impossible lengths
// on connections that work.
func garbageAfterStartup(t *testing.T, s *server) {
	t.Helper()
	for _, g := range []string{"\x01\x02\x03\x04\x05\x06\x07\x08", "Q\x00\x00\x00\x00", "Q\x7f\xff\xff\xff", "P\x00\x00\x00\x05x", "B\x00\x00\x00\x06ab", "Z\x00\x00\x00\x04"} {
		c := s.connect()
		raw := c.PgConn().Conn()
		raw.SetDeadline(time.Now().Add(5 * time.Second))
		io.WriteString(raw, g)
		if g[0] == 'P' || g[0] == 'B' { // an error like others, as in Postgres
			io.WriteString(raw, "S\x00\x00\x00\x04X\x00\x00\x00\x04")
		}
		var answer bytes.Buffer
		_, err := io.Copy(&answer, raw)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%.10q after startup: the connection stays open", g)
		}
		if err == nil && !strings.Contains(answer.String(), "C08P01") {
			t.Errorf("%.10q after startup: answer %.100q names no protocol violation", g, answer.String())
		}
		raw.Close()
	}
}
