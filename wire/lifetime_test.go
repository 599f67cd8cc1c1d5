package wire

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgproto3/v2"
)

func (db *fakeDB) waitFor(t *testing.T, event string) {
	t.Helper()
	for range 500 {
		if slices.Contains(db.log(), event) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%q did not happen: %v", event, db.log())
}

func TestCancelRequest(t *testing.T) {
	db := newFakeDB()
	_, addr := startServer(t, db, nil)
	r := rawConnect(t, addr)
	cancel := func(pid, secret uint32) {
		c := rawDial(t, addr)
		c.send(&pgproto3.CancelRequest{ProcessID: pid, SecretKey: secret})
		if got := c.untilReady(); got != "closed" {
			t.Error(got)
		}
	}
	cancel(r.pid, r.secret) // nothing runs: nothing happens, now or later
	r.expect("RowDescription D0 [SELECT 1] ReadyForQuery", query("rows 1"))

	for _, ms := range [][]pgproto3.FrontendMessage{
		{query("sleep; insert")},
		{parse("", "sleep"), bind("", ""), exec("", 0), parse("", "insert"), syncMsg},
	} {
		r.send(ms...)
		<-db.sleeping
		cancel(r.pid, r.secret+1)
		cancel(r.pid+1, r.secret)
		time.Sleep(20 * time.Millisecond)
		if slices.Contains(db.log(), "cancelled: canceling statement due to user request") {
			t.Fatal("a wrong secret cancels")
		}
		cancel(r.pid, r.secret)
		if got := r.untilReady(); !strings.HasSuffix(got, "ERROR:57014 ReadyForQuery") {
			t.Error(got)
		}
		db.waitFor(t, "cancelled: canceling statement due to user request")
		db.events = nil
		r.expect("RowDescription D0 [SELECT 1] ReadyForQuery", query("rows 1"))
	}

	// In a block, the transaction fails and can be rolled back.
	r.expect("[BEGIN] ReadyForQuery", query("begin"))
	r.send(query("sleep"))
	<-db.sleeping
	cancel(r.pid, r.secret)
	if got := r.untilReady(); got != "ERROR:57014 ReadyForQuery" || r.status != 'E' {
		t.Error(got, r.status)
	}
	r.expect("[ROLLBACK] ReadyForQuery", query("rollback"))

	// In mid-result.
	r.send(query("endless"))
	r.until("RowDescription")
	cancel(r.pid, r.secret)
	if got := r.untilReady(); !strings.HasSuffix(got, "ERROR:57014 ReadyForQuery") {
		t.Error("no cancel in mid-result")
	}
}

func TestDisconnectCancels(t *testing.T) {
	for name, ms := range map[string][]pgproto3.FrontendMessage{
		"sleep":      {query("sleep")},
		"pipelined":  {query("sleep"), query("insert")},
		"terminate":  {query("sleep"), &pgproto3.Terminate{}},
		"mid-result": {query("endless")},
		"extended":   {parse("", "sleep"), bind("", ""), exec("", 0), syncMsg},
	} {
		t.Run(name, func(t *testing.T) {
			db := newFakeDB()
			_, addr := startServer(t, db, nil)
			r := rawConnect(t, addr)
			r.send(ms...)
			if name == "mid-result" {
				r.until("RowDescription")
			} else {
				<-db.sleeping
			}
			r.nc.Close()
			if name != "mid-result" { // there a failing write is noticed first
				db.waitFor(t, "cancelled: the client has disconnected")
			}
			for i := 0; ; i++ {
				db.mu.Lock()
				open := db.open
				db.mu.Unlock()
				if open == 0 {
					break
				}
				if i > 500 {
					t.Fatal("the session is still open")
				}
				time.Sleep(10 * time.Millisecond)
			}
			if slices.Contains(db.log(), "execute insert") {
				t.Error("a statement ran after its client had left")
			}
		})
	}
}

// TestLongStatementThenMore: the watch leaves what it read to the next message.
func TestLongStatementThenMore(t *testing.T) {
	_, addr := startServer(t, newFakeDB(), nil)
	r := rawConnect(t, addr)
	for range 3 {
		r.send(query("nap"))
		time.Sleep(120 * time.Millisecond) // the watch looks
		r.send(query("rows 1"))
		if got := r.untilReady(); got != "[NAP] ReadyForQuery" {
			t.Error(got)
		}
		if got := r.untilReady(); got != "RowDescription D0 [SELECT 1] ReadyForQuery" {
			t.Error(got)
		}
	}
	// More than the reader's buffer holds: not watched, not lost.
	r.send(query("nap"), query("rows 1"), query("insert "+strings.Repeat("x", 3*readBuffer)))
	for range 3 {
		if got := r.untilReady(); !strings.HasSuffix(got, "ReadyForQuery") {
			t.Error(got)
		}
	}
}

// TestSlowReader: a client that does not read holds nobody else up.
func TestSlowReader(t *testing.T) {
	_, addr := startServer(t, newFakeDB(), nil)
	slow := rawConnect(t, addr)
	slow.send(query("endless"))
	time.Sleep(50 * time.Millisecond)
	r := rawConnect(t, addr)
	for range 100 {
		r.expect("RowDescription D0 [SELECT 1] ReadyForQuery", query("rows 1"))
	}
}

func TestShutdown(t *testing.T) {
	db := newFakeDB()
	s, addr := startServer(t, db, nil)
	idle, inBlock, busy, stuck, deaf := rawConnect(t, addr), rawConnect(t, addr), rawConnect(t, addr), rawConnect(t, addr), rawConnect(t, addr)
	inBlock.expect("[BEGIN] ReadyForQuery", query("begin"))
	busy.send(query("nap; insert"))
	stuck.send(query("sleep"))
	deaf.send(query("endless"))
	<-db.sleeping
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { ended <- s.Shutdown(ctx) }()
	check := func(r *raw, want string) {
		t.Helper()
		got := r.untilReady()
		if strings.HasSuffix(got, "ReadyForQuery") {
			got += " " + r.untilReady()
		}
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	check(idle, "FATAL:57P01 closed")
	check(inBlock, "FATAL:57P01 closed")
	check(busy, "[NAP] [INSERT 0 1] ReadyForQuery FATAL:57P01 closed")
	cancel() // the grace period is over
	check(stuck, "ERROR:57P01 ReadyForQuery FATAL:57P01 closed")
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", addr); err == nil {
		t.Error("the server still accepts")
	}
}

func TestTooManyConnections(t *testing.T) {
	_, addr := startServer(t, newFakeDB(), func(s *Server) { s.MaxConns = 2 })
	a, _ := rawConnect(t, addr), rawConnect(t, addr)
	c := rawDial(t, addr)
	c.send(&pgproto3.StartupMessage{ProtocolVersion: 3 << 16, Parameters: map[string]string{"user": "me"}})
	if got := c.untilReady(); got != "FATAL:53300 closed" {
		t.Error(got)
	}
	a.send(&pgproto3.Terminate{})
	if got := a.untilReady(); got != "closed" {
		t.Error(got)
	}
	for i := 0; ; i++ {
		c = rawDial(t, addr)
		c.send(&pgproto3.StartupMessage{ProtocolVersion: 3 << 16, Parameters: map[string]string{"user": "me"}})
		if got := c.untilReady(); strings.HasPrefix(got, "AuthenticationOk") {
			break
		} else if i > 100 {
			t.Fatal(got)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func inUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

func TestIdleConnectionsAreCheap(t *testing.T) {
	_, addr := startServer(t, newFakeDB(), nil)
	const n = 500
	hello, err := (&pgproto3.StartupMessage{ProtocolVersion: 3 << 16, Parameters: map[string]string{"user": "me"}}).Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	ask, _ := query("rows 20").Encode(nil)
	read := func(nc net.Conn, buf []byte) {
		var got []byte
		nc.SetReadDeadline(time.Now().Add(10 * time.Second))
		for !bytes.HasSuffix(got, []byte{'Z', 0, 0, 0, 5, 'I'}) {
			k, err := nc.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, buf[:k]...)
		}
	}
	buf := make([]byte, 8<<10)
	conns := make([]net.Conn, n)
	before := inUse()
	for i := range conns {
		nc, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		conns[i] = nc
		nc.Write(hello)
		read(nc, buf)
		nc.Write(ask)
		read(nc, buf)
	}
	each := int64(inUse()-before) / n // the clients' ends included
	t.Logf("%d bytes for an idle connection", each)
	if each > 20<<10 {
		t.Errorf("an idle connection takes %d bytes", each)
	}
}

// TestBigStatement: 100 MB arrive, run, and leave nothing behind.
func TestBigStatement(t *testing.T) {
	if testing.Short() {
		t.Skip("long")
	}
	_, addr := startServer(t, newFakeDB(), nil)
	r := rawConnect(t, addr)
	before := inUse()
	const size = 100 << 20
	send := func(head string, tail []byte) {
		t.Helper()
		m := append([]byte{head[0]}, 0, 0, 0, 0)
		n := 4 + len(head) - 1 + size + len(tail)
		m[1], m[2], m[3], m[4] = byte(n>>24), byte(n>>16), byte(n>>8), byte(n)
		r.nc.Write(append(m, head[1:]...))
		chunk := bytes.Repeat([]byte{'x'}, 1<<20)
		for range size >> 20 {
			if _, err := r.nc.Write(chunk); err != nil {
				t.Fatal(err)
			}
		}
		r.nc.Write(tail)
	}
	send("Qinsert ", []byte{0})
	if got := r.untilReady(); got != "[INSERT 0 1] ReadyForQuery" {
		t.Error(got)
	}
	send("P\x00insert ", []byte{0, 0, 0})
	r.expect("ParseComplete BindComplete [INSERT 0 1] ReadyForQuery", bind("", ""), exec("", 0), syncMsg)
	r.expect("ParseComplete ReadyForQuery", parse("", "insert"), syncMsg)
	if after := inUse(); after > before+1<<20 {
		t.Errorf("%d bytes stay", after-before)
	}
}

// TestClaimedLength: a header alone takes no memory.
func TestClaimedLength(t *testing.T) {
	_, addr := startServer(t, newFakeDB(), nil)
	before := inUse()
	var rs []*raw
	for range 20 {
		r := rawConnect(t, addr)
		r.nc.Write([]byte{'Q', 0x3f, 0, 0, 0, 'x'})
		rs = append(rs, r)
	}
	time.Sleep(50 * time.Millisecond)
	if after := inUse(); after > before+40*firstChunk {
		t.Errorf("%d bytes for %d headers", after-before, len(rs))
	}
}

func TestServeEndsWithItsContext(t *testing.T) {
	db := newFakeDB()
	s := &Server{Handler: db}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, ln) }()
	r := rawConnect(t, ln.Addr().String())
	r.send(query("sleep"))
	<-db.sleeping
	cancel()
	if got := r.untilReady(); got != "ERROR:57P01 ReadyForQuery" {
		t.Error(got)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Error(fmt.Errorf("Serve goes on"))
	}
}
