package sqllogictest

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

// fakeServer speaks the Postgres protocol and answers a small language in place
// of SQL, so that a test file says itself what the server gives:
//
//	rows            one row per further line, values split at "|", \N for null
//	tag TEXT        a command tag
//	error CODE MSG  an error; further lines are its detail and its hint
//	flaky N         fails until it is sent for the Nth time to this server
//	set K = V       session state, shown by "show K"
//	begin, commit   the transaction status
//	conn            the number of the connection, from 1
//	hang            no answer until it is cancelled
//	die             ends the connection
type fakeServer struct {
	listener net.Listener
	done     sync.WaitGroup

	mu      sync.Mutex
	conns   map[uint32]net.Conn
	cancels map[uint32]chan struct{}
	calls   map[string]int
	last    uint32
	log     []string
}

func startFake(t *testing.T) *fakeServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &fakeServer{
		listener: l, conns: map[uint32]net.Conn{}, cancels: map[uint32]chan struct{}{}, calls: map[string]int{},
	}
	s.done.Go(s.accept)
	t.Cleanup(func() {
		l.Close()
		s.dropConns()
		s.done.Wait()
	})
	return s
}

func (s *fakeServer) url() string {
	return "postgres://user@" + s.listener.Addr().String() + "/db?sslmode=disable"
}

// dropConns ends all connections, as a crash does.
func (s *fakeServer) dropConns() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for pid, c := range s.conns {
		c.Close()
		delete(s.conns, pid)
	}
}

func (s *fakeServer) accept() {
	for {
		c, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.done.Go(func() {
			defer c.Close()
			_ = s.serve(c) // the client sees it
		})
	}
}

// fakeConn is one session.
type fakeConn struct {
	*pgproto3.Backend
	pid    uint32
	tx     byte
	set    map[string]string
	cancel chan struct{}
}

var errDie = errors.New("die")

func (s *fakeServer) serve(c net.Conn) error {
	b := &fakeConn{Backend: pgproto3.NewBackend(c, c), tx: 'I', set: map[string]string{}, cancel: make(chan struct{}, 1)}
	msg, err := b.ReceiveStartupMessage()
	if err != nil {
		return err
	}
	if r, ok := msg.(*pgproto3.CancelRequest); ok {
		s.mu.Lock()
		defer s.mu.Unlock()
		if ch := s.cancels[r.ProcessID]; ch != nil {
			ch <- struct{}{}
		}
		return nil
	}
	s.mu.Lock()
	s.last++
	b.pid = s.last
	s.conns[b.pid], s.cancels[b.pid] = c, b.cancel
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.conns, b.pid)
		delete(s.cancels, b.pid)
	}()
	b.Send(&pgproto3.AuthenticationOk{})
	b.Send(&pgproto3.BackendKeyData{ProcessID: b.pid, SecretKey: binary.BigEndian.AppendUint32(nil, 1)})
	for {
		b.Send(&pgproto3.ReadyForQuery{TxStatus: b.tx})
		if err := b.Flush(); err != nil {
			return err
		}
		msg, err := b.Receive()
		if err != nil {
			return err
		}
		q, ok := msg.(*pgproto3.Query)
		if !ok {
			return io.EOF
		}
		if err := s.answer(b, q.String); err != nil {
			return err
		}
	}
}

func (s *fakeServer) answer(b *fakeConn, sql string) error {
	s.mu.Lock()
	s.calls[sql]++
	calls := s.calls[sql]
	if sql != ";" {
		s.log = append(s.log, strconv.Itoa(int(b.pid))+": "+sql)
	}
	s.mu.Unlock()
	first, rest, _ := strings.Cut(sql, "\n")
	word, arg, _ := strings.Cut(first, " ")
	switch word {
	case ";":
		b.Send(&pgproto3.EmptyQueryResponse{})
	case "rows":
		b.rows(splitLines(rest)...)
	case "tag":
		b.tag(arg)
	case "error":
		code, text, _ := strings.Cut(arg, " ")
		detail, hint, _ := strings.Cut(rest, "\n")
		b.Send(&pgproto3.ErrorResponse{Severity: "ERROR", SeverityUnlocalized: "ERROR", Code: code, Message: text, Detail: detail, Hint: hint})
	case "flaky":
		if n, _ := strconv.Atoi(arg); calls < n {
			b.Send(&pgproto3.ErrorResponse{Severity: "ERROR", Code: "XX000", Message: "not yet"})
		} else {
			b.rows(arg)
		}
	case "set":
		k, v, _ := strings.Cut(arg, " = ")
		b.set[k] = v
		b.tag("SET")
	case "show":
		b.rows(b.set[arg])
	case "begin", "commit":
		b.tx = map[string]byte{"begin": 'T', "commit": 'I'}[word]
		b.tag(strings.ToUpper(word))
	case "conn":
		b.rows(strconv.Itoa(int(b.pid)))
	case "hang":
		<-b.cancel
		b.Send(&pgproto3.ErrorResponse{Severity: "ERROR", Code: "57014", Message: "canceled"})
	case "die":
		return errDie
	default:
		b.Send(&pgproto3.ErrorResponse{Severity: "ERROR", Code: "42601", Message: "syntax error at " + word})
	}
	return nil
}

func (b *fakeConn) tag(text string) { b.Send(&pgproto3.CommandComplete{CommandTag: []byte(text)}) }

func (b *fakeConn) rows(lines ...string) {
	var columns int
	for i, l := range lines {
		var values [][]byte
		for _, v := range strings.Split(l, "|") {
			value := []byte(strings.ReplaceAll(v, `\n`, "\n"))
			if v == `\N` {
				value = nil
			}
			values = append(values, value)
		}
		if i == 0 {
			columns = len(values)
			b.Send(&pgproto3.RowDescription{Fields: make([]pgproto3.FieldDescription, columns)})
		}
		b.Send(&pgproto3.DataRow{Values: values})
	}
	if len(lines) == 0 {
		b.Send(&pgproto3.RowDescription{})
	}
	b.tag("SELECT " + strconv.Itoa(len(lines)))
}
