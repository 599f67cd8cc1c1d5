package engine

import (
	"context"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"

	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
	"streamdb/wire"
)

// copyTo is the result of COPY .. TO STDOUT: wire.CopyOut.
type copyTo struct {
	opt     copyOptions
	of      wire.Rows
	cols    []wire.Column
	env     *types.Env
	count   int64
	begun   bool
	ended   bool
	force   []bool
	quoting string // characters that make a CSV value quoted
}

// liveCopy is the copy of a subscription: see wire.Live.
type liveCopy struct {
	*copyTo
	subscription *subscription
}

// Live tells the connection to send each batch at once.
func (*liveCopy) Live() {}

// Columns is nil: the data go as COPY's own messages.
func (c *copyTo) Columns() []wire.Column { return nil }

// CopyFormats implements wire.CopyOut.
func (c *copyTo) CopyFormats() []int16 { return c.opt.formats(len(c.cols)) }

// Tag counts the rows.
func (c *copyTo) Tag() string { return "COPY " + strconv.FormatInt(c.count, 10) }

// Close ends the query.
func (c *copyTo) Close() error { return c.of.Close() }

// Next gives the data of the next rows.
func (c *copyTo) Next(ctx context.Context) (*stream.Batch, error) {
	if c.ended {
		return nil, nil
	}
	out := vec.NewBuilder(types.LBytes, stream.BatchRows)
	n := 0
	if !c.begun {
		c.begin()
		if head := c.head(); head != nil {
			out.AppendBytes(head)
			n++
		}
	}
	b, err := c.of.Next(ctx)
	if err != nil {
		return nil, err
	}
	if b == nil {
		c.ended = true
		if c.opt.format == "binary" {
			out.AppendBytes([]byte{0xff, 0xff})
			n++
		}
	} else {
		var line []byte
		cols := b.Cols()
		for i := range b.Rows() {
			line = c.row(line[:0], cols, i)
			out.AppendBytes(line)
		}
		n += b.Rows()
		c.count += int64(b.Rows())
	}
	if n == 0 {
		return nil, nil
	}
	return stream.NewBatch(n, []vec.Vec{out.Vec()}, nil), nil
}

func (c *copyTo) begin() {
	c.begun = true
	c.force = make([]bool, len(c.cols))
	for i, col := range c.cols {
		c.force[i] = slices.Contains(c.opt.force, "*") || slices.Contains(c.opt.force, col.Name)
	}
	c.quoting = string([]byte{c.opt.delimiter, c.opt.quote}) + "\r\n"
}

// head is what comes before the rows; nil: nothing.
func (c *copyTo) head() []byte {
	if c.opt.format == "binary" {
		return append([]byte("PGCOPY\n\xff\r\n\x00"), make([]byte, 8)...)
	}
	if !c.opt.header {
		return nil
	}
	var line []byte
	for i, col := range c.cols {
		if i > 0 {
			line = append(line, c.opt.delimiter)
		}
		if c.opt.format == "csv" {
			line = c.csv(line, []byte(col.Name), false)
		} else {
			line = c.text(line, []byte(col.Name))
		}
	}
	return append(line, '\n')
}

func (c *copyTo) row(dst []byte, cols []vec.Vec, i int) []byte {
	if c.opt.format == "binary" {
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(c.cols)))
		for k := range c.cols {
			if cols[k].Null(i) {
				dst = binary.BigEndian.AppendUint32(dst, 0xffffffff)
				continue
			}
			at := len(dst)
			dst = types.AppendBinary(append(dst, 0, 0, 0, 0), c.cols[k].Type, cols[k].Datum(i))
			binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
		}
		return dst
	}
	var value []byte
	for k := range c.cols {
		if k > 0 {
			dst = append(dst, c.opt.delimiter)
		}
		if cols[k].Null(i) {
			dst = append(dst, c.opt.null...)
			continue
		}
		value = types.AppendText(value[:0], c.cols[k].Type, cols[k].Datum(i), c.env)
		if c.opt.format == "csv" {
			dst = c.csv(dst, value, c.force[k])
		} else {
			dst = c.text(dst, value)
		}
	}
	return append(dst, '\n')
}

// text appends a value in text format: with backslashes before what means something.
func (c *copyTo) text(dst, value []byte) []byte {
	for _, x := range value {
		switch {
		case x >= 7 && x <= 13 && x != 7:
			dst = append(dst, '\\', "btnvfr"[x-8])
		case x == '\\' || x == c.opt.delimiter:
			dst = append(dst, '\\', x)
		default:
			dst = append(dst, x)
		}
	}
	return dst
}

// csv appends a value in CSV format, in quotes where it needs them.
func (c *copyTo) csv(dst, value []byte, force bool) []byte {
	s := string(value)
	if !force && s != c.opt.null && !strings.ContainsAny(s, c.quoting) && (len(c.cols) > 1 || s != `\.`) {
		return append(dst, value...)
	}
	dst = append(dst, c.opt.quote)
	for _, x := range value {
		if x == c.opt.quote || x == c.opt.escape {
			dst = append(dst, c.opt.escape)
		}
		dst = append(dst, x)
	}
	return append(dst, c.opt.quote)
}
