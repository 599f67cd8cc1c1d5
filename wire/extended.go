package wire

import (
	"github.com/jackc/pgproto3/v2"

	"streamdb/internal/sqlerr"
	"streamdb/types"
)

// parse is the message Parse.
func (c *conn) parse(f fields) {
	c.release()
	name, sql := f.text(), f.text()
	var oids []uint32
	for n := f.uint16(); n > 0 && f.err == nil; n-- {
		oids = append(oids, f.uint32())
	}
	if err := f.end(); err != nil {
		c.failPipeline(nil, err, "", nil)
		return
	}
	ctx := c.run.enter()
	st := &statement{text: sql}
	err := c.guard(func() error {
		if err := checkName(name); err != nil {
			return err
		}
		if err := checkText(sql); err != nil {
			return err
		}
		if name == "" {
			delete(c.statements, "")
		} else if c.statements[name] != nil {
			return sqlerr.New(sqlerr.DuplicatePreparedStatement, "prepared statement \"%s\" already exists", name)
		}
		all, err := c.session.Split(sql)
		if err != nil {
			return err
		}
		for _, s := range all {
			if s.Empty() {
				continue
			}
			if st.stmt != nil {
				st.stmt = nil
				return sqlerr.New(sqlerr.SyntaxError, "cannot insert multiple commands into a prepared statement")
			}
			st.stmt = s
		}
		if st.stmt == nil {
			return nil
		}
		st.prep, err = c.session.Prepare(ctx, st.stmt, oids)
		return err
	})
	c.run.leave()
	if err != nil {
		c.failPipeline(ctx, err, sql, st.stmt)
		return
	}
	c.statements[name] = st
	c.out.sendRaw('1')
}

// checkName checks the name of a statement or portal.
func checkName(name string) error {
	if name == "" {
		return nil
	}
	return checkText(name)
}

func (c *conn) statement(name string) (*statement, error) {
	if st := c.statements[name]; st != nil {
		return st, nil
	}
	if name == "" {
		return nil, sqlerr.New(sqlerr.InvalidSQLStatementName, "unnamed prepared statement does not exist")
	}
	return nil, sqlerr.New(sqlerr.InvalidSQLStatementName, "prepared statement \"%s\" does not exist", clean(name))
}

func (c *conn) portal(name string) (*portal, error) {
	if p := c.portals[name]; p != nil {
		return p, nil
	}
	return nil, sqlerr.New(sqlerr.InvalidCursorName, "portal \"%s\" does not exist", clean(name))
}

// bind is the message Bind.
func (c *conn) bind(f fields) error {
	portalName, statementName := f.text(), f.text()
	paramFormats := f.formats()
	values := make([][]byte, 0, 8)
	count := f.uint16()
	for i := 0; i < count && f.err == nil; i++ {
		b, null := f.value()
		if !null && b == nil {
			b = []byte{}
		}
		values = append(values, b)
	}
	resultFormats := f.formats()
	if err := f.end(); err != nil {
		return err
	}
	if err := checkName(portalName); err != nil {
		return err
	}
	st, err := c.statement(statementName)
	if err != nil {
		return err
	}
	if n := len(paramFormats); n > 1 && n != len(values) {
		return sqlerr.New(sqlerr.ProtocolViolation, "bind message has %d parameter formats but %d parameters", n, len(values))
	}
	var want []types.T
	if st.prep != nil {
		want = st.prep.ParamTypes()
	}
	if len(want) != len(values) {
		return sqlerr.New(sqlerr.ProtocolViolation, "bind message supplies %d parameters, but prepared statement \"%s\" requires %d",
			len(values), statementName, len(want))
	}
	if portalName == "" {
		c.closePortal("")
	} else if c.portals[portalName] != nil {
		return sqlerr.New(sqlerr.DuplicateCursor, "cursor \"%s\" already exists", portalName)
	}
	p := &portal{of: st, args: make([]types.Datum, len(values)), formats: resultFormats}
	env := c.session.Env()
	for i, b := range values {
		if p.args[i], err = decodeParam(want[i], b, formatOf(paramFormats, i), env, f.owned); err != nil {
			return err
		}
	}
	if n, cols := len(resultFormats), st.columns(); n > 1 && n != len(cols) {
		return sqlerr.New(sqlerr.ProtocolViolation, "bind message has %d result formats but query has %d columns", n, len(cols))
	}
	for _, code := range resultFormats {
		if err := checkFormat(code); err != nil {
			return err
		}
	}
	c.portals[portalName] = p
	c.out.sendRaw('2')
	return nil
}

func (f *fields) formats() []int16 {
	n := f.uint16()
	if n == 0 || 2*n > len(f.b) {
		if n != 0 {
			f.fail("insufficient data left in message")
		}
		return nil
	}
	codes := make([]int16, n)
	for i := range codes {
		codes[i] = int16(f.uint16())
	}
	return codes
}

func checkFormat(code int16) error {
	if code != pgproto3.TextFormat && code != pgproto3.BinaryFormat {
		return sqlerr.New(sqlerr.InvalidParameterValue, "unsupported format code: %d", code)
	}
	return nil
}

// decodeParam reads a parameter's value; b nil: NULL. owned: b is not written
// to again.
func decodeParam(t types.T, b []byte, format int16, env *types.Env, owned bool) (types.Datum, error) {
	if err := checkFormat(format); err != nil {
		return types.Datum{}, err
	}
	if b == nil {
		return types.NullDatum, nil
	}
	if format == pgproto3.BinaryFormat {
		// A value may be a view of what it was read from.
		if !owned {
			b = append(make([]byte, 0, len(b)), b...)
		}
		return types.ParseBinary(t, b)
	}
	f := fields{owned: owned}
	s := f.view(b)
	if err := checkText(s); err != nil {
		return types.Datum{}, err
	}
	return types.ParseText(t, s, env)
}

// cursorDescriber is a Session with SQL cursors (DECLARE), which Describe knows
// by name as it knows portals.
type cursorDescriber interface {
	CursorColumns(name string) (cols []Column, ok bool)
}

// describe is the message Describe.
func (c *conn) describe(f fields) error {
	kind, name := f.byte(), f.text()
	if err := f.end(); err != nil {
		return err
	}
	var cols []Column
	var formats []int16
	switch kind {
	case 'S':
		st, err := c.statement(name)
		if err != nil {
			return err
		}
		params := &pgproto3.ParameterDescription{}
		if st.prep != nil {
			for _, t := range st.prep.ParamTypes() {
				params.ParameterOIDs = append(params.ParameterOIDs, t.OID())
			}
		}
		c.out.send(params)
		cols = st.columns()
	case 'P':
		if s, ok := c.session.(cursorDescriber); ok && c.portals[name] == nil {
			if cols, ok := s.CursorColumns(name); ok {
				c.sendRowDescription(cols, nil)
				return nil
			}
		}
		p, err := c.portal(name)
		if err != nil {
			return err
		}
		cols, formats = p.of.columns(), p.formats
	default:
		return sqlerr.New(sqlerr.ProtocolViolation, "invalid DESCRIBE message subtype %d", kind)
	}
	if cols == nil {
		c.out.sendRaw('n')
		return nil
	}
	c.sendRowDescription(cols, formats)
	return nil
}

// execute is the message Execute.
func (c *conn) execute(f fields) {
	c.release()
	name, limit := f.text(), int64(int32(f.uint32()))
	if limit <= 0 {
		limit = -1
	}
	p, err := c.portal(name)
	if e := f.end(); e != nil {
		err = e
	}
	if err != nil {
		c.failPipeline(nil, err, "", nil)
		return
	}
	if p.of.stmt == nil {
		c.out.sendRaw('I')
		return
	}
	ctx := c.run.enter()
	err = c.guard(func() error {
		before := c.session.Status()
		if p.done {
			if p.of.columns() != nil { // a query that has no more rows
				c.hold(recount(p.tag, 0))
				return nil
			}
			return sqlerr.New(sqlerr.ObjectNotInPrerequisiteState, "portal \"%s\" cannot be run", name)
		}
		if p.rows == nil {
			p.rows, err = c.session.Execute(ctx, p.of.prep, p.args)
			if err != nil {
				return err
			}
		}
		if copied, err := c.copies(ctx, p.rows); copied {
			if err != nil {
				return err
			}
			p.done, p.tag = true, p.rows.Tag()
			p.close(c)
			c.ended(before, p.tag, p)
			return nil
		}
		n, err := c.pull(ctx, p, limit)
		if err != nil {
			return err
		}
		if !p.done {
			p.suspended = true
			c.sendNotices()
			c.out.sendRaw('s')
			return nil
		}
		p.tag = p.rows.Tag()
		if p.suspended {
			p.tag = recount(p.tag, n)
		}
		p.close(c)
		c.ended(before, p.tag, p)
		return nil
	})
	c.run.leave()
	if err != nil {
		c.failPipeline(ctx, err, p.of.text, p.of.stmt)
	}
}

// close is the message Close: of nothing is no error.
func (c *conn) close(f fields) error {
	kind, name := f.byte(), f.text()
	if err := f.end(); err != nil {
		return err
	}
	switch kind {
	case 'S':
		delete(c.statements, name)
	case 'P':
		c.closePortal(name)
	default:
		return sqlerr.New(sqlerr.ProtocolViolation, "invalid CLOSE message subtype %d", kind)
	}
	c.out.sendRaw('3')
	return nil
}
