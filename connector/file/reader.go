package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"streamdb/connector"
	"streamdb/connector/format"
)

// reader reads the lines of one file.
type reader struct {
	name   string
	follow bool
	f      *os.File
	dec    format.Decoder
	buf    []byte
	at     int64 // offset of buf[0]
	from   int   // the first byte of buf that is not consumed
	eof    bool
	looked time.Time // when the file was last compared with its name
	header bool      // the line at offset 0 names the columns
}

const (
	readSize    = 256 << 10
	maxLine     = 64 << 20
	lookEvery   = time.Second
	linesPerTry = 1 << 16 // bad lines and blank ones looked at in one Read
)

func (s *source) Open(_ context.Context, split connector.Split, offset int64, cols []int) (connector.Reader, error) {
	dec, err := format.New(s.cfg, cols)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(split.ID)
	if err != nil {
		return nil, err
	}
	r := &reader{name: split.ID, follow: s.o.follow, f: f, dec: dec, at: offset, header: format.HasHeader(s.cfg)}
	if err := r.begin(offset); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return r, nil
}

// begin checks that the file is one that could have been read up to offset, and
// takes over the header.
func (r *reader) begin(offset int64) error {
	if offset > 0 {
		if err := r.checkSize(offset); err != nil {
			return err
		}
		var last [1]byte
		if _, err := r.f.ReadAt(last[:], offset-1); err != nil {
			return err
		}
		if last[0] != '\n' && r.follow {
			return fmt.Errorf("file %s was replaced: there is no line at offset %d, where reading stopped", r.name, offset)
		}
	}
	if !r.header || offset == 0 {
		return nil
	}
	line, _, err := r.firstLine()
	if err != nil {
		return err
	}
	return r.dec.(*format.CSV).Header(line)
}

func (r *reader) checkSize(offset int64) error {
	info, err := r.f.Stat()
	if err != nil {
		return err
	}
	if info.Size() < offset {
		return fmt.Errorf("file %s was truncated to %d bytes; %d had been read", r.name, info.Size(), offset)
	}
	return nil
}

// firstLine is the first line of the file; complete tells whether it has ended.
func (r *reader) firstLine() (line []byte, complete bool, err error) {
	buf := make([]byte, 64<<10)
	n, err := r.f.ReadAt(buf, 0)
	if err != nil && err != io.EOF {
		return nil, false, err
	}
	if i := bytes.IndexByte(buf[:n], '\n'); i >= 0 {
		return buf[:i], true, nil
	}
	return buf[:n], false, nil
}

func (r *reader) Close() error { return r.f.Close() }

// Wake is nil: files are looked at from time to time.
func (r *reader) Wake() <-chan struct{} { return nil }

// Read decodes complete lines.
func (r *reader) Read(_ context.Context, c *connector.Chunk, max int) error {
	for tries := 0; len(c.Offsets) < max && tries < linesPerTry; tries++ {
		line, ok := r.line()
		if !ok {
			more, err := r.fill()
			if err != nil {
				return err
			}
			if more {
				continue
			}
			if r.follow || r.from == len(r.buf) {
				break
			}
			line = r.buf[r.from:] // the last one of a file that does not grow
			r.from = len(r.buf)
		}
		offset := c.Next
		c.Next = r.at + int64(r.from)
		if r.header && offset == 0 {
			if err := r.dec.(*format.CSV).Header(line); err != nil {
				return err
			}
			continue
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		if err := r.dec.Decode(line, c.Cols); err != nil {
			c.Bad = append(c.Bad, connector.BadRow{Offset: offset, Raw: bytes.Clone(line), Err: err})
			continue
		}
		c.Offsets = append(c.Offsets, offset)
	}
	c.More = !r.eof
	c.Done = !r.follow && r.eof && r.from == len(r.buf)
	return nil
}

// line takes the next complete line of the buffer, without its line break.
func (r *reader) line() ([]byte, bool) {
	i := bytes.IndexByte(r.buf[r.from:], '\n')
	if i < 0 {
		return nil, false
	}
	line := r.buf[r.from : r.from+i]
	r.from += i + 1
	return line, true
}

// fill reads more of the file behind the incomplete line in the buffer.
func (r *reader) fill() (bool, error) {
	rest := copy(r.buf, r.buf[r.from:])
	r.at += int64(r.from)
	r.buf, r.from = r.buf[:rest], 0
	if rest > maxLine {
		return false, fmt.Errorf("file %s has a line of more than %d bytes at offset %d", r.name, maxLine, r.at)
	}
	if cap(r.buf)-rest < readSize {
		r.buf = append(make([]byte, 0, 2*cap(r.buf)+readSize), r.buf...)
	}
	n, err := r.f.ReadAt(r.buf[rest:cap(r.buf)], r.at+int64(rest))
	r.buf = r.buf[:rest+n]
	r.eof = err == io.EOF
	if err != nil && err != io.EOF {
		return false, err
	}
	if n == 0 && r.follow {
		return false, r.look()
	}
	return n > 0, nil
}

// look finds out, at the end of the file, whether it is still the one of its name.
func (r *reader) look() error {
	if time.Since(r.looked) < lookEvery {
		return nil
	}
	r.looked = time.Now()
	if err := r.checkSize(r.at + int64(len(r.buf))); err != nil {
		return err
	}
	named, err := os.Stat(r.name)
	if os.IsNotExist(err) {
		return nil // deleted once it was read: nothing is lost
	}
	if err != nil {
		return err
	}
	mine, err := r.f.Stat()
	if err != nil {
		return err
	}
	if !os.SameFile(named, mine) {
		return fmt.Errorf("file %s was replaced; reading stopped at offset %d of the one before", r.name, r.at+int64(len(r.buf)))
	}
	return nil
}
