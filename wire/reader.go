package wire

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"unsafe"

	"streamdb/internal/sqlerr"
)

const (
	readBuffer   = 4 << 10   // bytes, for each connection's whole life
	keepBody     = 8 << 10   // bytes of a message body that are kept for the next one
	firstChunk   = 1 << 20   // bytes that a message gets before any of it has arrived
	smallMessage = 10000     // bytes, for messages that hold no text or values of the client (Postgres's PQ_SMALL_MESSAGE_LIMIT)
	maxStartup   = 10000 + 4 // bytes (Postgres's MAX_STARTUP_PACKET_LENGTH)
)

// reader takes messages from a connection. Memory for a long one grows with
// what has arrived, not with what its header claims.
type reader struct {
	br    *bufio.Reader
	max   int
	head  [4]byte
	small []byte
	owned bool // the body returned last is not used again: strings may view it
}

func newReader(nc net.Conn, max int) reader {
	return reader{br: bufio.NewReaderSize(nc, readBuffer), max: max}
}

// next reads one message. The body is valid until the following call, longer if
// owned. io.EOF: the client closed between two messages. A *sqlerr.Error is a
// violation of the protocol, after which nothing can be read.
func (r *reader) next() (typ byte, body []byte, err error) {
	typ, err = r.br.ReadByte()
	if err != nil {
		return 0, nil, err
	}
	limit := r.max
	switch typ {
	case 'Q', 'P', 'B', 'F', 'd', 'f':
	case 'C', 'D', 'E', 'H', 'S', 'X', 'c':
		limit = min(limit, smallMessage)
	default:
		return 0, nil, sqlerr.New(sqlerr.ProtocolViolation, "invalid frontend message type %d", typ)
	}
	if _, err = io.ReadFull(r.br, r.head[:]); err != nil {
		return 0, nil, cutOff(err)
	}
	n := int64(binary.BigEndian.Uint32(r.head[:])) - 4
	if n < 0 || n > int64(limit) {
		return 0, nil, sqlerr.New(sqlerr.ProtocolViolation, "invalid message length")
	}
	body, err = r.body(int(n))
	return typ, body, err
}

func (r *reader) body(n int) ([]byte, error) {
	if n <= keepBody {
		r.owned = false
		if cap(r.small) < n {
			r.small = make([]byte, max(n, 512))
		}
		b := r.small[:n]
		_, err := io.ReadFull(r.br, b)
		return b, cutOff(err)
	}
	r.owned = true
	b := make([]byte, 0, min(n, firstChunk))
	for len(b) < n {
		if len(b) == cap(b) {
			bigger := make([]byte, len(b), min(n, 2*cap(b)))
			copy(bigger, b)
			b = bigger
		}
		m, err := io.ReadFull(r.br, b[len(b):cap(b)])
		b = b[:len(b)+m]
		if err != nil {
			return nil, cutOff(err)
		}
	}
	return b, nil
}

// cutOff tells the end of the input inside a message from the end between two.
func cutOff(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// fields reads the parts of a message body; after the first part that is not
// there every read returns zero and err is set.
type fields struct {
	b     []byte
	owned bool
	err   error
}

func (f *fields) fail(msg string) {
	if f.err == nil {
		f.err = sqlerr.New(sqlerr.ProtocolViolation, "%s", msg)
	}
	f.b = nil
}

// text reads up to a NUL.
func (f *fields) text() string {
	i := bytes.IndexByte(f.b, 0)
	if i < 0 {
		f.fail("invalid string in message")
		return ""
	}
	s := f.view(f.b[:i])
	f.b = f.b[i+1:]
	return s
}

func (f *fields) uint16() int {
	if len(f.b) < 2 {
		f.fail("insufficient data left in message")
		return 0
	}
	n := int(binary.BigEndian.Uint16(f.b))
	f.b = f.b[2:]
	return n
}

func (f *fields) uint32() uint32 {
	if len(f.b) < 4 {
		f.fail("insufficient data left in message")
		return 0
	}
	n := binary.BigEndian.Uint32(f.b)
	f.b = f.b[4:]
	return n
}

func (f *fields) byte() byte {
	if len(f.b) < 1 {
		f.fail("no data left in message")
		return 0
	}
	c := f.b[0]
	f.b = f.b[1:]
	return c
}

// value reads a length and as many bytes; null for the length -1.
func (f *fields) value() (b []byte, null bool) {
	n := int32(f.uint32())
	if n == -1 && f.err == nil {
		return nil, true
	}
	if n < 0 || int(n) > len(f.b) {
		f.fail("insufficient data left in message")
		return nil, false
	}
	b = f.b[:n]
	f.b = f.b[n:]
	return b, false
}

// end checks that nothing is left.
func (f *fields) end() error {
	if f.err == nil && len(f.b) > 0 {
		f.fail("invalid message format")
	}
	return f.err
}

// view makes a string of a part of the message: of a long one without a copy.
func (f *fields) view(b []byte) string {
	if f.owned && len(b) > keepBody {
		return unsafe.String(unsafe.SliceData(b), len(b))
	}
	return string(b)
}
