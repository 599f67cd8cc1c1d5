package storage

import (
	"encoding/binary"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// mark says how much of the newest log and of the MANIFEST was on disk when it was
// written. It is a record of the log that changes nothing (LogData), and goes along
// with each sync of it; a second after the last one, it is written by itself, so
// that the records synced last are known to have been, too. What is damaged below a
// mark was there once.
//
//	"streamdb\x01" | number of the log | its bytes | number of the MANIFEST | its bytes; uvarints
type mark struct{ log, logBytes, manifest, manifestBytes uint64 }

const markHead = "streamdb\x01"

func (m mark) encode() []byte {
	b := []byte(markHead)
	for _, v := range []uint64{m.log, m.logBytes, m.manifest, m.manifestBytes} {
		b = binary.AppendUvarint(b, v)
	}
	return b
}

// readMark reads the mark that is a record of a log. Records are Pebble's batches:
// sequence number (8 bytes), count (4), then entries; that of LogData has kind 3, a
// length and the data, and is not counted.
func readMark(c chunk) (m mark, ok bool) {
	const batchHead, logData = 12, 3
	b := c.payload
	if c.kind != wholeChunk || len(b) <= batchHead || b[batchHead] != logData {
		return m, false
	}
	n, k := binary.Uvarint(b[batchHead+1:])
	if k <= 0 || n != uint64(len(b)-batchHead-1-k) {
		return m, false
	}
	text, ok := strings.CutPrefix(string(b[batchHead+1+k:]), markHead)
	if !ok {
		return m, false
	}
	rest := []byte(text)
	for _, p := range []*uint64{&m.log, &m.logBytes, &m.manifest, &m.manifestBytes} {
		v, k := binary.Uvarint(rest)
		if k <= 0 {
			return mark{}, false
		}
		*p, rest = v, rest[k:]
	}
	return m, true
}

// journalNumber is the number in the name of a log or a MANIFEST; ok is false for
// other files.
func journalNumber(base string) (n uint64, isLog, ok bool) {
	digits, isLog := strings.CutSuffix(base, ".log")
	if !isLog {
		var isManifest bool
		if digits, isManifest = strings.CutPrefix(base, "MANIFEST-"); !isManifest {
			return 0, false, false
		}
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, isLog, err == nil
}

// marker keeps what the next mark says, and writes one when it was quiet for long.
type marker struct {
	mu    sync.Mutex
	now   mark
	held  *mark       // what marks say for now: see hold
	timer *time.Timer // nil: not yet needed, or closed
	done  bool

	writing sync.Mutex // held while a mark is written by itself
}

// markAfter is how long after the last sync a mark is written by itself.
const markAfter = time.Second

// synced notes that a journal is on disk up to an offset.
func (m *marker) synced(n uint64, isLog bool, bytes uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	number, size := &m.now.manifest, &m.now.manifestBytes
	if isLog {
		number, size = &m.now.log, &m.now.logBytes
	}
	if n > *number {
		*number, *size = n, 0
	}
	if n == *number {
		*size = max(*size, bytes)
	}
}

func (m *marker) encode() []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.held != nil {
		return m.held.encode()
	}
	return m.now.encode()
}

// hold makes marks say what they say now until release is called: a copy of the
// files has the MANIFEST of some moment meanwhile, and a log of a later one.
func (m *marker) hold() (release func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now
	m.held = &now
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.held = nil
	}
}

// markLater makes a mark be written when nothing else is made durable for a while.
func (s *Store) markLater() {
	m := &s.marker
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.done || s.opts.readOnly || !s.isOpen.Load():
	case m.timer == nil:
		m.timer = time.AfterFunc(markAfter, s.markNow)
	default:
		m.timer.Reset(markAfter)
	}
}

// markNow writes a mark, durably. An error is that of the log: guardFS ends the
// store then.
func (s *Store) markNow() {
	m := &s.marker
	m.writing.Lock()
	defer m.writing.Unlock()
	m.mu.Lock()
	done := m.done
	m.mu.Unlock()
	if done {
		return
	}
	if err := s.db.LogData(m.encode(), pebble.Sync); err != nil {
		s.log.Error("could not write a mark into the log", "err", err)
	}
}

// stopMarks ends the marks; none is being written when it has returned.
func (s *Store) stopMarks() {
	m := &s.marker
	m.mu.Lock()
	m.done = true
	if m.timer != nil {
		m.timer.Stop()
	}
	m.mu.Unlock()
	m.writing.Lock()
	m.writing.Unlock() //nolint:staticcheck // it waits
}
