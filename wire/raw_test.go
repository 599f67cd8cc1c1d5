package wire

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgproto3/v2"
)

// raw is a client that sends what it is told and prints what comes.
type raw struct {
	t           testing.TB
	translate   func(string) string // of statements; nil: as they are
	nc          net.Conn
	f           *pgproto3.Frontend
	pid, secret uint32
	status      byte
}

func rawDial(t testing.TB, addr string) *raw {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(20 * time.Second))
	return &raw{t: t, nc: nc, f: pgproto3.NewFrontend(pgproto3.NewChunkReader(nc), nc)}
}

func rawConnect(t testing.TB, addr string) *raw {
	t.Helper()
	r := rawDial(t, addr)
	r.send(&pgproto3.StartupMessage{ProtocolVersion: 3 << 16, Parameters: map[string]string{"user": "me", "database": "postgres"}})
	if got := r.untilReady(); !strings.HasPrefix(got, "AuthenticationOk") {
		t.Fatal(got)
	}
	return r
}

func (r *raw) send(ms ...pgproto3.FrontendMessage) {
	r.t.Helper()
	var buf []byte
	for _, m := range ms {
		if r.translate != nil {
			switch q := m.(type) {
			case *pgproto3.Query:
				m = query(r.translate(q.String))
			case *pgproto3.Parse:
				m = parse(q.Name, r.translate(q.Query))
			}
		}
		var err error
		if buf, err = m.Encode(buf); err != nil {
			r.t.Fatal(err)
		}
	}
	if _, err := r.nc.Write(buf); err != nil {
		r.t.Fatal(err)
	}
}

// untilReady lists messages up to ReadyForQuery, or the end of the connection.
func (r *raw) untilReady() string { r.t.Helper(); return r.until("ReadyForQuery") }

func (r *raw) until(name string) string {
	r.t.Helper()
	var got []string
	for {
		m, err := r.f.Receive()
		if err != nil {
			return strings.Join(append(got, "closed"), " ")
		}
		s := strings.TrimPrefix(fmt.Sprintf("%T", m), "*pgproto3.")
		switch m := m.(type) {
		case *pgproto3.BackendKeyData:
			r.pid, r.secret = m.ProcessID, m.SecretKey
		case *pgproto3.ReadyForQuery:
			r.status = m.TxStatus
		case *pgproto3.ErrorResponse:
			s = m.Severity + ":" + m.Code
		case *pgproto3.CommandComplete:
			s = "[" + string(m.CommandTag) + "]"
		case *pgproto3.DataRow:
			s = "D" + string(m.Values[0])
		case *pgproto3.ParameterStatus:
			s = "S"
		case *pgproto3.NoticeResponse:
			s = "N"
		}
		got = append(got, s)
		if strings.TrimPrefix(fmt.Sprintf("%T", m), "*pgproto3.") == name {
			return strings.Join(got, " ")
		}
	}
}

func (r *raw) expect(want string, ms ...pgproto3.FrontendMessage) {
	r.t.Helper()
	r.send(ms...)
	if got := r.untilReady(); got != want {
		r.t.Errorf("got  %s\nwant %s", got, want)
	}
}

func parse(name, sql string) *pgproto3.Parse { return &pgproto3.Parse{Name: name, Query: sql} }
func bind(portal, st string) *pgproto3.Bind {
	return &pgproto3.Bind{DestinationPortal: portal, PreparedStatement: st}
}
func exec(portal string, n uint32) *pgproto3.Execute {
	return &pgproto3.Execute{Portal: portal, MaxRows: n}
}
func describe(kind byte, name string) *pgproto3.Describe {
	return &pgproto3.Describe{ObjectType: kind, Name: name}
}
func closing(kind byte, name string) *pgproto3.Close {
	return &pgproto3.Close{ObjectType: kind, Name: name}
}
func query(sql string) *pgproto3.Query { return &pgproto3.Query{String: sql} }

var syncMsg = &pgproto3.Sync{}

func TestSimpleQueryMessages(t *testing.T) {
	db := newFakeDB()
	_, addr := startServer(t, db, nil)
	r := rawConnect(t, addr)
	r.expect("ERROR:0A000 ReadyForQuery", &pgproto3.FunctionCall{Function: 1})
	r.expect("EmptyQueryResponse ReadyForQuery", query(""))
	r.expect("EmptyQueryResponse ReadyForQuery", query(" ; ;"))
	r.expect("RowDescription D0 D1 [SELECT 2] N [NOTICE] [INSERT 0 1] ReadyForQuery", query("rows 2;notice x;insert;"))
	r.expect("[INSERT 0 1] ERROR:22012 ReadyForQuery", query("insert;fail;insert"))
	r.expect("[INSERT 0 1] ERROR:23505 ReadyForQuery", query("insert;poison"))
}

// postgres connects to a real Postgres (STREAMDB_TEST_POSTGRES=host:port, no
// password), for which the fake's words are translated.
func postgres(t *testing.T) *raw {
	addr := os.Getenv("STREAMDB_TEST_POSTGRES")
	if addr == "" {
		t.Skip("STREAMDB_TEST_POSTGRES is not set")
	}
	r := rawConnect(t, addr)
	r.send(query("create temp table w (a serial)"))
	r.untilReady()
	words := map[string]string{"insert": "insert into w values (default)", "missing": "select * from nosuch", "fail": "select 1/0", "none": "select from generate_series(1,2)"}
	r.translate = func(sql string) string {
		parts := strings.Split(sql, ";")
		for i, p := range parts {
			if w := words[strings.TrimSpace(p)]; w != "" {
				parts[i] = w
			} else if n, ok := strings.CutPrefix(p, "rows "); ok {
				parts[i] = "select * from generate_series(0," + n + "-1)"
			}
		}
		return strings.Join(parts, ";")
	}
	return r
}

func TestExtendedMessages(t *testing.T) {
	_, addr := startServer(t, newFakeDB(), nil)
	testExtendedMessages(t, rawConnect(t, addr))
}

// TestExtendedMessagesOfPostgres asks Postgres for the same answers.
func TestExtendedMessagesOfPostgres(t *testing.T) { testExtendedMessages(t, postgres(t)) }

// TestHeldTag: in place of the tag of a statement whose commit fails comes the
// error. Postgres sends both.
func TestHeldTag(t *testing.T) {
	db := newFakeDB()
	_, addr := startServer(t, db, nil)
	r := rawConnect(t, addr)
	r.expect("ParseComplete BindComplete ERROR:23505 ReadyForQuery", parse("", "poison"), bind("", ""), exec("", 0), syncMsg)
	r.expect("ParseComplete BindComplete [INSERT 0 1] ERROR:42P01 ReadyForQuery",
		parse("", "insert"), bind("", ""), exec("", 0), parse("", "missing"), bind("", ""), exec("", 0), query("insert"), syncMsg)
	if l := db.log(); l[len(l)-1] != "sync true" || l[len(l)-2] != "execute insert" {
		t.Error(l)
	}
}

func testExtendedMessages(t *testing.T, r *raw) {

	// A pipeline of two statements, each with its own portal.
	r.expect("ParseComplete ParameterDescription RowDescription BindComplete RowDescription D0 D1 [SELECT 2] ParseComplete BindComplete NoData [INSERT 0 1] ReadyForQuery",
		parse("a", "rows 2"), describe('S', "a"), bind("p", "a"), describe('P', "p"), exec("p", 0),
		parse("", "insert"), bind("", ""), describe('P', ""), exec("", 0), syncMsg)

	// Row limits; a resumed portal reports what the last Execute sent.
	r.expect("BindComplete D0 PortalSuspended D1 PortalSuspended [SELECT 0] [SELECT 0] ReadyForQuery",
		bind("", "a"), exec("", 1), exec("", 1), exec("", 1), exec("", 1), syncMsg)
	r.expect("ParseComplete BindComplete D0 D1 PortalSuspended D2 [SELECT 1] ReadyForQuery",
		parse("", "rows 3"), bind("", ""), exec("", 2), exec("", 2), syncMsg)

	// Portals end with an implicit transaction, statements do not.
	r.expect("BindComplete ReadyForQuery", bind("q", "a"), syncMsg)
	r.expect("ERROR:34000 ReadyForQuery", exec("q", 0), syncMsg)
	r.expect("[BEGIN] ReadyForQuery", query("begin"))
	r.expect("BindComplete D0 PortalSuspended ReadyForQuery", bind("q", "a"), exec("q", 1), syncMsg)
	if r.status != 'T' {
		t.Errorf("status %c", r.status)
	}
	r.expect("RowDescription D0 [SELECT 1] ReadyForQuery", query("rows 1"))
	r.expect("D1 [SELECT 1] ReadyForQuery", exec("q", 0), syncMsg)
	r.expect("ERROR:42P03 ReadyForQuery", bind("q", "a"), bind("r", "a"), syncMsg)
	if r.status != 'E' {
		t.Errorf("status %c", r.status)
	}
	r.expect("[ROLLBACK] ReadyForQuery", query("rollback"))
	r.expect("ERROR:34000 ReadyForQuery", exec("q", 0), syncMsg)

	// COMMIT inside a pipeline takes the other portals with it.
	r.expect("[BEGIN] ReadyForQuery", query("begin"))
	r.expect("BindComplete ParseComplete BindComplete [COMMIT] ERROR:34000 ReadyForQuery",
		bind("q", "a"), parse("", "commit"), bind("", ""), exec("", 0), exec("q", 0), syncMsg)

	// Errors skip to Sync and roll back.
	r.expect("ParseComplete BindComplete [INSERT 0 1] ERROR:42P01 ReadyForQuery",
		parse("", "insert"), bind("", ""), exec("", 0), parse("", "missing"), bind("", ""), exec("", 0), query("insert"), syncMsg)
	r.expect("ERROR:42P05 ReadyForQuery", parse("a", "rows 1"), syncMsg)
	r.expect("ERROR:26000 ReadyForQuery", bind("", "nosuch"), syncMsg)
	r.expect("ERROR:26000 ReadyForQuery", describe('S', "nosuch"), syncMsg)
	r.expect("ERROR:34000 ReadyForQuery", describe('P', "nosuch"), syncMsg)
	r.expect("ERROR:08P01 ReadyForQuery", describe('x', "a"), syncMsg)
	r.expect("ERROR:08P01 ReadyForQuery", closing('x', "a"), syncMsg)

	// A failed Parse of the unnamed statement leaves none; a simple query too.
	r.expect("ParseComplete ReadyForQuery", parse("", "rows 1"), syncMsg)
	r.expect("ERROR:42P01 ReadyForQuery", parse("", "missing"), syncMsg)
	r.expect("ERROR:26000 ReadyForQuery", bind("", ""), syncMsg)
	r.expect("ParseComplete ReadyForQuery", parse("", "rows 1"), syncMsg)
	r.expect("[INSERT 0 1] ReadyForQuery", query("insert"))
	r.expect("ERROR:26000 ReadyForQuery", bind("", ""), syncMsg)

	// Close, also of what is not there; then the name is free.
	r.expect("CloseComplete CloseComplete CloseComplete ParseComplete ReadyForQuery",
		closing('S', "a"), closing('S', "nosuch"), closing('P', "nosuch"), parse("a", "rows 1"), syncMsg)

	// Empty statements; what cannot be run again.
	r.expect("ParseComplete BindComplete NoData EmptyQueryResponse ReadyForQuery", parse("", " ;"), bind("", ""), describe('P', ""), exec("", 0), syncMsg)
	r.expect("ParseComplete BindComplete [INSERT 0 1] ERROR:55000 ReadyForQuery", parse("", "insert"), bind("", ""), exec("", 0), exec("", 0), syncMsg)

	// Flush shows what there is, and the pipeline goes on.
	r.send(parse("", "rows 1"), bind("", ""), exec("", 0), &pgproto3.Flush{})
	if got := r.until("CommandComplete"); got != "ParseComplete BindComplete D0 [SELECT 1]" {
		t.Error(got)
	}
	r.expect("ReadyForQuery", syncMsg)

	r.expect("RowDescription D0 [SELECT 1] ReadyForQuery", &pgproto3.CopyData{Data: []byte("x")}, &pgproto3.CopyDone{}, &pgproto3.CopyFail{Message: "m"}, query("rows 1"))

	// Zero columns are rows all the same.
	r.send(query("none"))
	var kinds []string
	for {
		m, err := r.f.Receive()
		if err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, strings.TrimPrefix(fmt.Sprintf("%T", m), "*pgproto3."))
		if _, ok := m.(*pgproto3.ReadyForQuery); ok {
			break
		}
	}
	if got := strings.Join(kinds, " "); got != "RowDescription DataRow DataRow CommandComplete ReadyForQuery" {
		t.Error(got)
	}
}

func message(typ byte, body ...byte) []byte {
	b := binary.BigEndian.AppendUint32([]byte{typ}, uint32(len(body)+4))
	return append(b, body...)
}

// TestMalformedBody: what is wrong inside a whole message fails that message.
func TestMalformedBody(t *testing.T) {
	_, addr := startServer(t, newFakeDB(), nil)
	r := rawConnect(t, addr)
	for _, m := range [][]byte{
		message('P'), message('P', 0, 0), message('P', 0, 0, 0, 1), message('P', 0, 0, 0, 0, 7),
		message('B'), message('B', 0, 0, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xf0, 0, 0), message('B', 0, 0, 0, 0, 0, 1, 0, 0, 0, 9, 'x'),
		message('B', 0, 0, 0xff, 0xff), message('B', 0, 0, 0, 0, 0xff, 0xff), message('B', 0, 0, 0, 0, 0, 0),
		message('D'), message('D', 'S'), message('D', 'S', 'x'), message('E', 'x'), message('E', 0), message('C', 'S', 0, 0),
	} {
		r.nc.Write(m)
		r.expect("ERROR:08P01 ReadyForQuery", syncMsg)
	}
	for _, m := range [][]byte{message('Q'), message('Q', 'a'), message('Q', 'a', 0, 'b')} {
		r.nc.Write(m)
		if got := r.untilReady(); got != "ERROR:08P01 ReadyForQuery" {
			t.Error(got)
		}
	}
	r.expect("RowDescription D0 [SELECT 1] ReadyForQuery", query("rows 1"))
}

// TestMalformedFrame: when the bounds of messages are lost, the connection ends.
func TestMalformedFrame(t *testing.T) {
	_, addr := startServer(t, newFakeDB(), func(s *Server) { s.MaxMessage = 1 << 20 })
	bystander := rawConnect(t, addr)
	for _, b := range [][]byte{
		{0, 0, 0, 0, 0}, {'z', 0, 0, 0, 4}, {'Q', 0, 0, 0, 3}, {'Q', 0xff, 0xff, 0xff, 0xff}, {'Q', 0, 0x20, 0, 0}, {'S', 0, 1, 0, 0}, {'p', 0, 0, 0, 5, 0},
	} {
		r := rawConnect(t, addr)
		r.nc.Write(b)
		if got := r.untilReady(); got != "FATAL:08P01 closed" {
			t.Errorf("%v: %s", b, got)
		}
	}
	r := rawConnect(t, addr)
	r.nc.Write([]byte{'Q', 0, 0, 0, 9, 'r'})
	r.nc.(*net.TCPConn).CloseWrite()
	if got := r.untilReady(); got != "closed" {
		t.Errorf("truncated: %s", got)
	}
	bystander.expect("RowDescription D0 [SELECT 1] ReadyForQuery", query("rows 1"))
}

func TestStartup(t *testing.T) {
	db := newFakeDB()
	_, addr := startServer(t, db, nil)
	packet := func(code uint32, rest string) []byte {
		b := binary.BigEndian.AppendUint32(nil, uint32(8+len(rest)))
		return append(binary.BigEndian.AppendUint32(b, code), rest...)
	}
	for _, test := range []struct {
		name, want string
		bytes      []byte
	}{
		{"no user", "FATAL:28000 closed", packet(3<<16, "\x00")},
		{"version 2", "FATAL:0A000 closed", packet(2<<16, "")},
		{"version 4", "FATAL:0A000 closed", packet(4<<16, "")},
		{"no terminator", "FATAL:08P01 closed", packet(3<<16, "user\x00me")},
		{"rest", "FATAL:08P01 closed", packet(3<<16, "user\x00me\x00\x00\x00")},
		{"bad text", "FATAL:22021 closed", packet(3<<16, "user\x00m\xff\x00\x00")},
		{"bad options", "FATAL:42601 closed", packet(3<<16, "user\x00me\x00options\x00-x\x00\x00")},
		{"replication", "FATAL:0A000 closed", packet(3<<16, "user\x00me\x00replication\x00true\x00\x00")},
		{"too short", "FATAL:08P01 closed", []byte{0, 0, 0, 4, 0, 0, 0, 0}},
		{"http", "FATAL:08P01 closed", []byte("GET / HTTP/1.1\r\n\r\n")},
		{"wrong cancel", "closed", packet(cancelCode, "\x00\x00\x00\x01\x00\x00\x00\x02")},
		{"short cancel", "closed", packet(cancelCode, "\x00")},
	} {
		r := rawDial(t, addr)
		r.nc.Write(test.bytes)
		if got := r.untilReady(); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}

	// SSL and GSS are refused with one byte, a newer minor version is negotiated down.
	r := rawDial(t, addr)
	r.nc.Write(packet(sslCode, ""))
	r.nc.Write(packet(gssCode, ""))
	no := make([]byte, 2)
	if _, err := io.ReadFull(r.nc, no); err != nil || string(no) != "NN" {
		t.Fatal(err, no)
	}
	r.nc.Write(packet(3<<16|2, "user\x00me\x00_pq_.b\x001\x00_pq_.a\x001\x00\x00"))
	want := append(message('v', 0, 3, 0, 0, 0, 0, 0, 2), "_pq_.a\x00_pq_.b\x00"...)
	binary.BigEndian.PutUint32(want[1:], uint32(len(want)-1))
	got := make([]byte, len(want))
	if _, err := io.ReadFull(r.nc, got); err != nil || string(got) != string(want) {
		t.Fatalf("%v %q", err, got)
	}
	if got := r.untilReady(); !strings.HasPrefix(got, "AuthenticationOk S S") || !strings.HasSuffix(got, "BackendKeyData ReadyForQuery") {
		t.Error(got)
	}
	db.refuse = fmt.Errorf("wrapped: %w", errShutdown())
	r = rawDial(t, addr)
	r.nc.Write(packet(3<<16, "user\x00me\x00\x00"))
	if got := r.untilReady(); got != "FATAL:57P01 closed" {
		t.Error(got)
	}
}

func TestStartupTimeout(t *testing.T) {
	_, addr := startServer(t, newFakeDB(), func(s *Server) { s.StartupTimeout = time.Second })
	r, silent := rawConnect(t, addr), rawDial(t, addr)
	silent.nc.Write([]byte{0, 0, 0, 99})
	if got := silent.untilReady(); got != "closed" {
		t.Error(got)
	}
	time.Sleep(100 * time.Millisecond) // r's startup was before the silent one's
	r.expect("RowDescription D0 [SELECT 1] ReadyForQuery", query("rows 1"))
}
