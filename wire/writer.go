package wire

import (
	"encoding/binary"
	"net"
	"sync"

	"github.com/jackc/pgproto3/v2"
)

const (
	flushBytes = 64 << 10 // a buffer this full is written
	bufferCap  = flushBytes + 8<<10
	keepBuffer = 4 * bufferCap // a buffer that a huge row made larger than this is given up
)

// buffers are shared: a connection holds one only from a message to the flush
// of its answer, so that idle connections cost little.
var buffers = sync.Pool{New: func() any {
	b := make([]byte, 0, bufferCap)
	return &b
}}

// writer collects messages for a client. After an error (the client is gone)
// everything is dropped. buf always ends with a whole message.
type writer struct {
	nc  net.Conn
	buf []byte
	ref *[]byte // the pool's
	err error
}

// room makes sure that there is a buffer, and returns it to append to.
func (w *writer) room() []byte {
	if w.ref == nil {
		w.ref = buffers.Get().(*[]byte)
		w.buf = (*w.ref)[:0]
	}
	return w.buf
}

// send appends a message.
func (w *writer) send(m pgproto3.BackendMessage) {
	buf, err := m.Encode(w.room())
	if err != nil { // over 1 GiB
		w.fail(err)
		return
	}
	w.buf = buf
	w.flushIfFull()
}

// sendRaw appends a message of a type that has nothing but a body.
func (w *writer) sendRaw(typ byte, body ...byte) {
	buf := append(w.room(), typ)
	buf = binary.BigEndian.AppendUint32(buf, uint32(4+len(body)))
	w.buf = append(buf, body...)
}

// sendText appends a message whose body is one string (CommandComplete).
func (w *writer) sendText(typ byte, s string) {
	buf := append(w.room(), typ)
	buf = binary.BigEndian.AppendUint32(buf, uint32(5+len(s)))
	buf = append(buf, s...)
	w.buf = append(buf, 0)
}

func (w *writer) flushIfFull() {
	if len(w.buf) >= flushBytes {
		w.write()
	}
}

// flush writes what was collected and gives the buffer back.
func (w *writer) flush() {
	w.write()
	if w.ref != nil {
		if cap(w.buf) <= keepBuffer {
			*w.ref = w.buf[:0]
			buffers.Put(w.ref)
		}
		w.ref, w.buf = nil, nil
	}
}

func (w *writer) write() {
	if len(w.buf) > 0 && w.err == nil {
		_, err := w.nc.Write(w.buf)
		w.fail(err)
	}
	w.buf = w.buf[:0]
}

func (w *writer) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}
