package format

import (
	"bytes"

	"streamdb/internal/sqlerr"
	"streamdb/types"
	"streamdb/vec"
)

// CSV decodes lines as COPY's CSV format does: fields may be quoted, a quote
// inside is doubled, an empty field without quotes is NULL. A line is a row: a
// quoted field cannot contain a line break.
type CSV struct {
	cols      []column
	delimiter byte
	byField   []int // by field of the line: the builder it goes to, -1: none
	fields    int   // expected in a line
	names     []string
	want      []int
	scratch   []byte
	set       []bool
}

// NewCSV makes a decoder for the columns cols of the schema; the fields of a
// line are the schema's columns in order, until a Header says otherwise.
func NewCSV(s types.Schema, cols []int, delimiter byte) *CSV {
	c := &CSV{cols: columnsOf(s, cols), delimiter: delimiter, want: cols, fields: len(s), set: make([]bool, len(cols))}
	c.byField = make([]int, len(s))
	for i := range s {
		c.names = append(c.names, s[i].Name)
		c.byField[i] = -1
	}
	for k, i := range cols {
		c.byField[i] = k
	}
	return c
}

// Header takes the line that names the fields. Columns that it does not name are NULL.
func (c *CSV) Header(line []byte) error {
	var fields []int
	err := c.split(line, func(_ int, field []byte, _ bool) error {
		at := -1
		for k, i := range c.want {
			if c.names[i] == string(field) {
				at = k
			}
		}
		fields = append(fields, at)
		return nil
	})
	if err != nil {
		return err
	}
	c.byField, c.fields = fields, len(fields)
	return nil
}

func badCSV(text string, args ...any) error {
	return sqlerr.New(sqlerr.BadCopyFileFormat, text, args...)
}

// Decode appends a line's fields.
func (c *CSV) Decode(line []byte, out []*vec.Builder) error {
	n := 0
	if len(out) > 0 {
		n = out[0].Len()
	}
	err := c.decode(line, out)
	if err != nil {
		rollback(out, n)
	}
	return err
}

func (c *CSV) decode(line []byte, out []*vec.Builder) error {
	clear(c.set)
	fields := 0
	err := c.split(line, func(i int, field []byte, quoted bool) error {
		fields = i + 1
		if i >= c.fields {
			return badCSV("extra data after last expected column")
		}
		k := c.byField[i]
		if k < 0 || c.set[k] {
			return nil
		}
		c.set[k] = true
		if len(field) == 0 && !quoted {
			return c.cols[k].appendNull(out[k])
		}
		return c.cols[k].appendText(out[k], field)
	})
	if err != nil {
		return err
	}
	if fields < c.fields {
		if fields < len(c.names) && c.fields == len(c.names) {
			return badCSV("missing data for column %q", c.names[fields])
		}
		return badCSV("the line has %d fields, %d were expected", fields, c.fields)
	}
	for k, ok := range c.set {
		if !ok {
			if err := c.cols[k].appendNull(out[k]); err != nil {
				return err
			}
		}
	}
	return nil
}

// split calls fn for each field of the line; the bytes are valid during the call.
func (c *CSV) split(line []byte, fn func(i int, field []byte, quoted bool) error) error {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	for i := 0; ; i++ {
		if len(line) > 0 && line[0] == '"' {
			field, rest, err := c.quoted(line)
			if err != nil {
				return err
			}
			if err := fn(i, field, true); err != nil {
				return err
			}
			if len(rest) == 0 {
				return nil
			}
			line = rest[1:]
			continue
		}
		end := bytes.IndexByte(line, c.delimiter)
		if end < 0 {
			return fn(i, line, false)
		}
		if err := fn(i, line[:end], false); err != nil {
			return err
		}
		line = line[end+1:]
	}
}

// quoted reads a field that begins with a quote; rest begins with the delimiter.
func (c *CSV) quoted(line []byte) (field, rest []byte, err error) {
	c.scratch = c.scratch[:0]
	for p := 1; ; {
		k := bytes.IndexByte(line[p:], '"')
		if k < 0 {
			return nil, nil, badCSV("unterminated CSV quoted field")
		}
		c.scratch = append(c.scratch, line[p:p+k]...)
		p += k + 1
		switch {
		case p < len(line) && line[p] == '"':
			c.scratch = append(c.scratch, '"')
			p++
		case p == len(line) || line[p] == c.delimiter:
			return c.scratch, line[p:], nil
		default:
			return nil, nil, badCSV("a quoted CSV field is followed by %q", line[p])
		}
	}
}
