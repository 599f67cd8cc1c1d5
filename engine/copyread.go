package engine

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strconv"

	"streamdb/internal/sqlerr"
)

// copyReader is the data of CopyData messages as one stream.
type copyReader struct {
	read func() ([]byte, error)
	buf  []byte
	at   int
	end  error // once there was one
}

// fill reads another message.
func (r *copyReader) fill() (int, error) {
	if r.end != nil {
		return 0, r.end
	}
	b, err := r.read()
	if err != nil {
		r.end = err
		return 0, err
	}
	if r.at > 0 {
		r.buf = append(r.buf[:0], r.buf[r.at:]...)
		r.at = 0
	}
	r.buf = append(r.buf, b...)
	return len(b), nil
}

// take gives the next n bytes; io.EOF or io.ErrUnexpectedEOF at the end.
func (r *copyReader) take(n int) ([]byte, error) {
	for len(r.buf)-r.at < n {
		if _, err := r.fill(); err == io.EOF && len(r.buf) > r.at {
			return nil, io.ErrUnexpectedEOF
		} else if err != nil {
			return nil, err
		}
	}
	b := r.buf[r.at : r.at+n]
	r.at += n
	return b, nil
}

// line gives the next line without its end; io.EOF behind the last one. more
// reports whether a line that ends here is not over yet (a quoted value).
func (r *copyReader) line(more func(line []byte) bool) ([]byte, error) {
	from := r.at
	for {
		i := bytes.IndexByte(r.buf[from:], '\n')
		if i >= 0 && more(r.buf[r.at:from+i]) {
			from += i + 1
			continue
		}
		if i >= 0 {
			line := r.buf[r.at : from+i]
			r.at = from + i + 1
			return bytes.TrimSuffix(line, []byte{'\r'}), nil
		}
		scanned := from - r.at
		if _, err := r.fill(); err == io.EOF && len(r.buf) > r.at {
			line := r.buf[r.at:]
			r.at = len(r.buf)
			return bytes.TrimSuffix(line, []byte{'\r'}), nil
		} else if err != nil {
			return nil, err
		}
		from = r.at + scanned
	}
}

// lines reads the text and CSV formats.
func (c *copyFrom) lines(ctx context.Context, in *copyReader) error {
	csv := c.opt.format == "csv"
	open := func(line []byte) bool { return csv && c.openQuote(line) }
	for {
		line, err := in.line(open)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		c.line++
		if c.line == 1 && c.opt.header {
			continue
		}
		if string(line) == `\.` {
			return nil
		}
		if csv {
			if c.openQuote(line) {
				return c.at(sqlerr.New(sqlerr.BadCopyFileFormat, "unterminated CSV quoted field"), -1, nil)
			}
			c.csvFields(line)
		} else {
			c.textFields(line)
		}
		if err := c.row(ctx); err != nil {
			return err
		}
		if csv {
			c.line += int64(bytes.Count(line, []byte{'\n'}))
		}
	}
}

// openQuote reports whether a quoted value of a CSV line has not ended.
func (c *copyFrom) openQuote(line []byte) bool {
	in := false
	for i := max(0, bytes.IndexByte(line, c.opt.quote)); i < len(line); i++ {
		switch x := line[i]; {
		case in && x == c.opt.escape && c.opt.escape != c.opt.quote && i+1 < len(line):
			i++
		case x == c.opt.quote:
			in = !in
		}
	}
	return in
}

// plainFields splits a line whose values are as they lie there.
func (c *copyFrom) plainFields(line []byte) {
	c.fields = c.fields[:0]
	for {
		end := bytes.IndexByte(line, c.opt.delimiter)
		value := line
		if end >= 0 {
			value = line[:end:end]
		}
		if string(value) == c.opt.null {
			value = nil
		}
		c.fields = append(c.fields, value)
		if end < 0 {
			return
		}
		line = line[end+1:]
	}
}

// values begins a line of values that are put together in scratch, which none of them
// is longer than.
func (c *copyFrom) values(line []byte) []byte {
	c.fields = c.fields[:0]
	c.scratch = slices.Grow(c.scratch[:0], len(line)+1)
	return c.scratch
}

func (c *copyFrom) csvFields(line []byte) {
	if bytes.IndexByte(line, c.opt.quote) < 0 {
		c.plainFields(line)
		return
	}
	value, from := c.values(line), 0
	quoted, in := false, false
	end := func() {
		if v := value[from:]; quoted || string(v) != c.opt.null {
			c.fields = append(c.fields, v)
		} else {
			c.fields = append(c.fields, nil)
		}
		from, quoted = len(value), false
	}
	for i := 0; i < len(line); i++ {
		x := line[i]
		switch {
		case in && x == c.opt.escape && i+1 < len(line) && (line[i+1] == c.opt.quote || line[i+1] == c.opt.escape):
			i++
			value = append(value, line[i])
		case x == c.opt.quote:
			in, quoted = !in, true
		case !in && x == c.opt.delimiter:
			end()
		default:
			value = append(value, x)
		}
	}
	end()
}

func (c *copyFrom) textFields(line []byte) {
	if bytes.IndexByte(line, '\\') < 0 {
		c.plainFields(line)
		return
	}
	value, from, start := c.values(line), 0, 0
	end := func(to int) {
		if string(line[start:to]) == c.opt.null {
			c.fields = append(c.fields, nil)
		} else {
			c.fields = append(c.fields, value[from:])
		}
		from, start = len(value), to+1
	}
	for i := 0; i < len(line); i++ {
		x := line[i]
		switch {
		case x == c.opt.delimiter:
			end(i)
		case x == '\\' && i+1 < len(line):
			var n int
			value, n = unescape(value, line[i+1:])
			i += n
		default:
			value = append(value, x)
		}
	}
	end(len(line))
}

// unescape appends what stands for a backslash and the n bytes behind it.
func unescape(dst, rest []byte) ([]byte, int) {
	if i := bytes.IndexByte([]byte("btnvfr"), rest[0]); i >= 0 {
		return append(dst, byte(8+i)), 1
	}
	digits := func(from, most, base int) (v, n int) {
		for n < most && from+n < len(rest) {
			d, err := strconv.ParseUint(string(rest[from+n]), base, 8)
			if err != nil {
				break
			}
			v, n = v*base+int(d), n+1
		}
		return v, n
	}
	if rest[0] == 'x' {
		if v, n := digits(1, 2, 16); n > 0 {
			return append(dst, byte(v)), 1 + n
		}
	}
	if v, n := digits(0, 3, 8); n > 0 {
		return append(dst, byte(v)), n
	}
	return append(dst, rest[0]), 1
}
