package engine

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strconv"

	"streamdb/catalog"
	"streamdb/internal/sqlerr"
	"streamdb/planner"
	"streamdb/sql/ast"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/wire"
)

// analyseCopyFrom is COPY table FROM STDIN: an INSERT of the rows that the client
// sends, all in one transaction.
func (s *Session) analyseCopyFrom(p *Prepared, st *ast.Copy, opt copyOptions) error {
	switch {
	case st.FromWhere != nil:
		return sqlerr.Unsupported("COPY FROM .. WHERE").WithHint("Delete the rows afterwards, in the same transaction.")
	case opt.force != nil:
		return sqlerr.Unsupported("FORCE_QUOTE with COPY FROM")
	}
	table, err := s.find(st.Table)
	if err != nil {
		return err
	}
	if err := writable(table, verbInsert); err != nil {
		return err
	}
	names := st.Columns
	if names == nil {
		for _, c := range table.Cols {
			if !c.Hidden && c.Generated == "" {
				names = append(names, c.Name)
			}
		}
	}
	c := &copyFrom{opt: opt, st: st, prepared: p, table: table, names: names}
	for i, name := range names {
		at := slices.IndexFunc(table.Cols, func(x catalog.Column) bool { return x.Name == name && !x.Hidden })
		switch {
		case at < 0:
			return sqlerr.New(sqlerr.UndefinedColumn, "column \"%s\" of relation \"%s\" does not exist", name, table.Name)
		case slices.Contains(names[:i], name):
			return sqlerr.New(sqlerr.DuplicateColumn, "column \"%s\" specified more than once", name)
		case table.Cols[at].Generated != "":
			return sqlerr.New(sqlerr.InvalidColumnReference, "column \"%s\" is a generated column", name).
				WithDetail("Generated columns cannot be used in COPY.")
		}
		c.types = append(c.types, table.Cols[at].Type)
	}
	return p.will(func(_ context.Context, s *Session, _ []types.Datum) (wire.Rows, error) {
		n := *c
		n.session = s
		return &n, nil
	})
}

// copyFrom is a running COPY .. FROM STDIN: wire.CopyIn.
type copyFrom struct {
	session  *Session
	prepared *Prepared
	opt      copyOptions
	st       *ast.Copy
	table    *catalog.Object
	names    []string
	types    []types.T

	count int64
	line  int64
	args  []types.Datum // of the rows not yet inserted
	full  *planner.BoundDML
}

// Columns is nil: there are no rows.
func (*copyFrom) Columns() []wire.Column { return nil }

// Next is nil: there are no rows.
func (*copyFrom) Next(context.Context) (*stream.Batch, error) { return nil, nil }

// Close has nothing to do.
func (*copyFrom) Close() error { return nil }

// Tag counts the rows.
func (c *copyFrom) Tag() string { return "COPY " + strconv.FormatInt(c.count, 10) }

// CopyFormats implements wire.CopyIn.
func (c *copyFrom) CopyFormats() []int16 { return c.opt.formats(len(c.names)) }

// CopyIn reads all rows and inserts them.
func (c *copyFrom) CopyIn(ctx context.Context, read func() ([]byte, error)) error {
	in := &copyReader{read: read}
	var err error
	if c.opt.format == "binary" {
		err = c.binary(ctx, in)
	} else {
		err = c.lines(ctx, in)
	}
	if err == nil {
		err = c.insert(ctx)
	}
	if err != nil {
		return err
	}
	// What comes behind the end mark is of no interest.
	for {
		if _, err := in.fill(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		in.buf = in.buf[:0]
	}
}

// at says where an error happened.
func (c *copyFrom) at(err error, column int, value *string) error {
	e := *sqlerr.From(err)
	e.Pos = 0
	e.Where = fmt.Sprintf("COPY %s, line %d", c.table.Name, c.line)
	if column >= 0 {
		e.Where += ", column " + c.names[column]
		if value != nil {
			e.Where += fmt.Sprintf(": \"%s\"", *value)
		}
	}
	return &e
}

// chunk is the number of rows that are inserted together.
func (c *copyFrom) chunk() int { return max(1, min(500, 4000/max(1, len(c.names)))) }

// row takes a row; nil fields are NULL.
func (c *copyFrom) row(ctx context.Context, fields []*string) error {
	switch {
	case len(fields) > len(c.names):
		return c.at(sqlerr.New(sqlerr.BadCopyFileFormat, "extra data after last expected column"), -1, nil)
	case len(fields) < len(c.names):
		return c.at(sqlerr.New(sqlerr.BadCopyFileFormat, "missing data for column \"%s\"", c.names[len(fields)]), -1, nil)
	}
	env := c.session.Env()
	for i, f := range fields {
		d := types.NullDatum
		if f != nil {
			var err error
			if d, err = types.ParseText(c.types[i], *f, env); err != nil {
				return c.at(err, i, f)
			}
		}
		c.args = append(c.args, d)
	}
	return c.took(ctx)
}

// took inserts when a chunk is full.
func (c *copyFrom) took(ctx context.Context) error {
	c.count++
	if len(c.args) < c.chunk()*len(c.names) {
		return nil
	}
	return c.insert(ctx)
}

// insert inserts the rows that are waiting.
func (c *copyFrom) insert(ctx context.Context) error {
	if len(c.names) == 0 || len(c.args) == 0 {
		return nil
	}
	rows := len(c.args) / len(c.names)
	d := c.full
	if d == nil || rows != c.chunk() {
		var err error
		if d, err = c.bind(rows); err != nil {
			return err
		}
		if rows == c.chunk() {
			c.full = d
		}
	}
	args := c.args
	c.args = nil
	if _, err := c.session.runDML(ctx, &Prepared{stmt: c.prepared.stmt}, d, verbInsert, args); err != nil {
		return c.at(err, -1, nil)
	}
	c.session.txn.replayable = false // the data are gone
	return nil
}

// bind binds an INSERT of so many rows of parameters.
func (c *copyFrom) bind(rows int) (*planner.BoundDML, error) {
	st := &ast.Insert{Table: c.st.Table}
	for _, n := range c.names {
		st.Columns = append(st.Columns, &ast.TargetColumn{Name: n})
	}
	bctx := c.session.planCtx(c.session.catalog(), "")
	if t := c.session.txn; t != nil {
		bctx = c.session.planCtx(t.cat, "")
	}
	values := &ast.Values{}
	for range rows {
		var row []ast.Expr
		for _, t := range c.types {
			bctx.ParamTypes = append(bctx.ParamTypes, t)
			row = append(row, &ast.Param{N: len(bctx.ParamTypes)})
		}
		values.Rows = append(values.Rows, row)
	}
	st.Query = &ast.Query{Body: values}
	d, _, err := c.session.bindDML(bctx, st)
	return d, err
}

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
		var fields []*string
		if csv {
			if c.openQuote(line) {
				return c.at(sqlerr.New(sqlerr.BadCopyFileFormat, "unterminated CSV quoted field"), -1, nil)
			}
			fields = c.csvFields(line)
		} else {
			fields = c.textFields(line)
		}
		if err := c.row(ctx, fields); err != nil {
			return err
		}
		c.line += int64(bytes.Count(line, []byte{'\n'}))
	}
}

// openQuote reports whether a quoted value of a CSV line has not ended.
func (c *copyFrom) openQuote(line []byte) bool {
	in := false
	for i := 0; i < len(line); i++ {
		switch x := line[i]; {
		case in && x == c.opt.escape && c.opt.escape != c.opt.quote && i+1 < len(line):
			i++
		case x == c.opt.quote:
			in = !in
		}
	}
	return in
}

func (c *copyFrom) csvFields(line []byte) []*string {
	var fields []*string
	var value []byte
	quoted, in := false, false
	end := func() {
		s := string(value)
		if !quoted && s == c.opt.null {
			fields = append(fields, nil)
		} else {
			fields = append(fields, &s)
		}
		value, quoted = value[:0], false
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
	return fields
}

func (c *copyFrom) textFields(line []byte) []*string {
	var fields []*string
	var value []byte
	start := 0
	end := func(to int) {
		if string(line[start:to]) == c.opt.null {
			fields = append(fields, nil)
		} else {
			s := string(value)
			fields = append(fields, &s)
		}
		value, start = value[:0], to+1
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
	return fields
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

// binary reads the binary format.
func (c *copyFrom) binary(ctx context.Context, in *copyReader) error {
	bad := func(text string, args ...any) error {
		return c.at(sqlerr.New(sqlerr.BadCopyFileFormat, text, args...), -1, nil)
	}
	short := func(err error) error {
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return bad("unexpected EOF in COPY data")
		}
		return err
	}
	head, err := in.take(19)
	if err == io.EOF || err == io.ErrUnexpectedEOF || err == nil && string(head[:11]) != "PGCOPY\n\xff\r\n\x00" {
		return bad("COPY file signature not recognized")
	}
	if err != nil {
		return err
	}
	if _, err := in.take(int(binary.BigEndian.Uint32(head[15:]))); err != nil {
		return short(err)
	}
	for {
		c.line++
		b, err := in.take(2)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return short(err)
		}
		n := int(int16(binary.BigEndian.Uint16(b)))
		if n == -1 {
			return nil
		}
		if n != len(c.names) {
			return bad("row field count is %d, expected %d", n, len(c.names))
		}
		for i := range n {
			if b, err = in.take(4); err != nil {
				return short(err)
			}
			size := int32(binary.BigEndian.Uint32(b))
			if size == -1 {
				c.args = append(c.args, types.NullDatum)
				continue
			}
			if size < 0 {
				return bad("invalid field size")
			}
			if b, err = in.take(int(size)); err != nil {
				return short(err)
			}
			d, err := types.ParseBinary(c.types[i], bytes.Clone(b))
			if err != nil {
				return c.at(err, i, nil)
			}
			c.args = append(c.args, d)
		}
		if err := c.took(ctx); err != nil {
			return err
		}
	}
}
