package wire

import (
	"context"
	"encoding/binary"
	"runtime"
	"strconv"
	"strings"

	"github.com/jackc/pgproto3/v2"

	"streamdb/internal/sqlerr"
	"streamdb/stream"
	"streamdb/types"
)

// statement is a prepared statement of the extended protocol.
type statement struct {
	text string
	stmt Statement // nil: nothing but blanks and comments
	prep Prepared
}

func (s *statement) columns() []Column {
	if s.prep == nil {
		return nil
	}
	return s.prep.Columns()
}

// portal is a bound statement and, once executed, its result as far as it was
// read.
type portal struct {
	of        *statement
	args      []types.Datum
	formats   []int16 // one a column, or one for all; none: text
	rows      Rows    // nil: not executed yet
	rest      *stream.Batch
	at        int // rows of rest before it were sent
	suspended bool
	done      bool
	tag       string // once done
}

func (p *portal) close(c *conn) {
	if r := p.rows; r != nil {
		p.rows, p.rest, p.done = nil, nil, true
		if err := c.guard(r.Close); err != nil {
			c.log.Debug("closing a result", "err", err)
		}
	}
}

func (c *conn) closePortal(name string) {
	if p := c.portals[name]; p != nil {
		delete(c.portals, name)
		p.close(c)
	}
}

func (c *conn) closePortals() {
	for name := range c.portals {
		c.closePortal(name)
	}
}

// ended does what follows a statement that ran to its end: a transaction that
// it ended takes the portals with it, except the one it ran in.
func (c *conn) ended(before byte, tag string, self *portal) {
	if before != 'I' && c.session.Status() == 'I' {
		for name, p := range c.portals {
			if p != self {
				c.closePortal(name)
			}
		}
	}
	if tag == "DEALLOCATE ALL" || tag == "DISCARD ALL" {
		clear(c.statements)
	}
	c.hold(tag)
	// A pipeline, or a text of many statements, would keep its processor until it is
	// preempted, with barriers in line behind it.
	if c.more {
		runtime.Gosched()
	}
}

// pull sends up to limit rows of a portal (all if negative) and counts them.
// p.rest is not nil afterwards, or p.done is false, when there may be more.
func (c *conn) pull(ctx context.Context, p *portal, limit int64) (n int64, err error) {
	cols := p.rows.Columns()
	enc := &c.enc
	enc.reset(cols, p.formats, c.session.Env())
	for limit < 0 || n < limit {
		if p.rest == nil {
			if err := ctx.Err(); err != nil {
				return n, err
			}
			if _, ok := p.rows.(Live); ok {
				c.out.flush()
			}
			b, err := p.rows.Next(ctx)
			if err != nil {
				return n, err
			}
			if b == nil {
				p.done = true
				return n, nil
			}
			if len(b.Cols()) != len(cols) {
				return n, sqlerr.New(sqlerr.InternalError, "a result of %d columns holds %d", len(cols), len(b.Cols()))
			}
			p.rest, p.at = b, 0
		}
		to := p.rest.Rows()
		if limit >= 0 {
			to = int(min(int64(to), int64(p.at)+limit-n))
		}
		sent, err := c.sendRows(enc, p.rest, p.at, to)
		p.at += sent
		n += int64(sent)
		if err != nil {
			return n, err
		}
		if p.at == p.rest.Rows() {
			p.rest = nil
		}
	}
	return n, nil
}

// sendRows appends rows [from, to) of a batch as DataRow messages.
func (c *conn) sendRows(enc *rowEncoder, b *stream.Batch, from, to int) (sent int, err error) {
	cols := b.Cols()
	buf := c.out.room()
	for i := from; i < to; i++ {
		start := len(buf)
		if buf, err = enc.append(buf, cols, i); err != nil {
			c.out.buf = buf[:start]
			return i - from, err
		}
		if len(buf) >= flushBytes {
			c.out.buf = buf
			c.out.write()
			if c.out.err != nil {
				return i - from, errGone
			}
			buf = c.out.buf
		}
	}
	c.out.buf = buf
	return to - from, nil
}

func (c *conn) sendRowDescription(cols []Column, formats []int16) {
	start := len(c.out.room())
	buf := append(c.out.buf, 'T', 0, 0, 0, 0)
	buf = binary.BigEndian.AppendUint16(buf, uint16(len(cols)))
	for i := range cols {
		col := &cols[i]
		buf = append(append(buf, clean(col.Name)...), 0)
		buf = binary.BigEndian.AppendUint32(buf, col.TableOID)
		buf = binary.BigEndian.AppendUint16(buf, col.Attr)
		buf = binary.BigEndian.AppendUint32(buf, col.Type.OID())
		buf = binary.BigEndian.AppendUint16(buf, uint16(col.Type.Typlen()))
		buf = binary.BigEndian.AppendUint32(buf, uint32(col.Type.Typmod()))
		buf = binary.BigEndian.AppendUint16(buf, uint16(formatOf(formats, i)))
	}
	binary.BigEndian.PutUint32(buf[start+1:], uint32(len(buf)-start-1))
	c.out.buf = buf
	c.out.flushIfFull()
}

// formatOf applies the rule of format codes: none means text, one stands for all.
func formatOf(codes []int16, i int) int16 {
	switch len(codes) {
	case 0:
		return pgproto3.TextFormat
	case 1:
		return codes[0]
	}
	return codes[i]
}

// recount replaces the number at the end of a tag: what a resumed portal
// reports is what this Execute sent.
func recount(tag string, n int64) string {
	i := strings.LastIndexByte(tag, ' ')
	if i < 0 {
		return tag
	}
	if _, err := strconv.ParseUint(tag[i+1:], 10, 64); err != nil {
		return tag
	}
	return tag[:i+1] + strconv.FormatInt(n, 10)
}
