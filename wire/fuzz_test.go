package wire

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/jackc/pgproto3/v2"
)

// noPanics is a log that fails the test when a panic was recovered, but for those
// that the fake was asked for.
type noPanics struct {
	slog.Handler
	t *testing.T
}

func (h noPanics) With(t *testing.T) *slog.Logger {
	return slog.New(noPanics{slog.NewTextHandler(io.Discard, nil), t})
}

func (h noPanics) WithAttrs([]slog.Attr) slog.Handler { return h }

func (h noPanics) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		if p := fmt.Sprint(a.Value); a.Key == "panic" && p != "execute panics" && p != "prepare panics" {
			h.t.Errorf("panic: %s", p)
		}
		if a.Key == "stack" && h.t.Failed() {
			h.t.Log(a.Value)
		}
		return true
	})
	return nil
}

// FuzzFrontend sends arbitrary bytes after a good startup: the server never
// panics, and ends the connection once the client has stopped sending.
func FuzzFrontend(f *testing.F) {
	encode := func(ms ...pgproto3.FrontendMessage) []byte {
		var b []byte
		for _, m := range ms {
			b, _ = m.Encode(b)
		}
		return b
	}
	f.Add(encode(query("rows 3; insert")))
	f.Add(encode(parse("a", "echo int4 text"), describe('S', "a"),
		&pgproto3.Bind{PreparedStatement: "a", Parameters: [][]byte{[]byte("1"), nil}, ResultFormatCodes: []int16{1}},
		describe('P', ""), exec("", 1), closing('P', ""), &pgproto3.Flush{}, syncMsg))
	f.Add(encode(query("begin"), query("fail"), query("rollback"), query("panic")))
	f.Add(encode(&pgproto3.CopyData{Data: []byte("x")}, &pgproto3.FunctionCall{Function: 3}, &pgproto3.Terminate{}))
	f.Add([]byte{'B', 0, 0, 0, 12, 0, 0, 0, 0, 0, 1, 0xff, 0xff, 0xff})
	f.Add([]byte{0, 0xff, 'Q'})
	hello := encode(&pgproto3.StartupMessage{ProtocolVersion: 3 << 16, Parameters: map[string]string{"user": "me"}})
	f.Fuzz(func(t *testing.T, in []byte) {
		client, server := net.Pipe()
		s := &Server{Handler: newFakeDB(), Log: noPanics{}.With(t), MaxMessage: 1 << 20}
		ctx, cancel := context.WithCancelCause(context.Background())
		defer cancel(nil)
		c := newConn(ctx, s, server, 1, 2)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			c.serve()
		}()
		drained := make(chan struct{})
		go func() {
			defer close(drained)
			io.Copy(io.Discard, io.LimitReader(client, 16<<20)) // "endless"
			client.Close()
		}()
		client.SetWriteDeadline(time.Now().Add(5 * time.Second))
		client.Write(hello)
		client.Write(in)
		client.Write(encode(&pgproto3.Terminate{}))
		client.Close()
		<-drained
		select {
		case <-ended:
		case <-time.After(9 * time.Second):
			t.Fatal("the connection does not end")
		}
	})
}

// FuzzStartup does the same with arbitrary first bytes.
func FuzzStartup(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x12\x00\x03\x00\x00user\x00me\x00\x00\x00"))
	f.Add([]byte("\x00\x00\x00\x08\x04\xd2\x16\x2f\x00\x00\x00\x08\x04\xd2\x16\x30"))
	f.Add([]byte("\x00\x00\x00\x10\x04\xd2\x16\x2e\x00\x00\x00\x01\x00\x00\x00\x02"))
	f.Fuzz(func(t *testing.T, in []byte) {
		client, server := net.Pipe()
		s := &Server{Handler: newFakeDB(), Log: noPanics{}.With(t)}
		c := newConn(context.Background(), s, server, 1, 2)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			c.serve()
		}()
		drained := make(chan struct{})
		go func() {
			defer close(drained)
			io.Copy(io.Discard, client)
		}()
		client.Write(in)
		client.Close()
		<-drained
		select {
		case <-ended:
		case <-time.After(9 * time.Second):
			t.Fatal("the connection does not end")
		}
	})
}
