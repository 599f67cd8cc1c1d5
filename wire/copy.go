package wire

import (
	"context"
	"encoding/binary"
	"io"

	"github.com/jackc/pgproto3/v2"

	"streamdb/internal/sqlerr"
)

// copies runs the result of a COPY by its sub-protocol; false: it is none.
func (c *conn) copies(ctx context.Context, rows Rows) (bool, error) {
	switch r := rows.(type) {
	case CopyIn: // which is a CopyOut too, by its methods
		return true, c.copyIn(ctx, r)
	case CopyOut:
		return true, c.copyOut(ctx, r)
	}
	return false, nil
}

// copyOut sends the data of a COPY TO STDOUT, a message a row.
func (c *conn) copyOut(ctx context.Context, rows CopyOut) error {
	formats := rows.CopyFormats()
	c.out.send(&pgproto3.CopyOutResponse{OverallFormat: overall(formats), ColumnFormatCodes: codes(formats)})
	_, live := rows.(Live)
	for {
		if live {
			c.out.flush()
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		b, err := rows.Next(ctx)
		if err != nil {
			return err
		}
		if b == nil {
			c.out.sendRaw('c')
			return nil
		}
		col := b.Cols()[0]
		for i := range b.Rows() {
			data := col.Bytes(i)
			buf := append(c.out.room(), 'd')
			buf = binary.BigEndian.AppendUint32(buf, uint32(4+len(data)))
			c.out.buf = append(buf, data...)
			c.out.flushIfFull()
			if c.out.err != nil {
				return errGone
			}
		}
	}
}

// copyIn hands the data that the client sends to a COPY FROM STDIN. The socket
// is read here, so nobody need watch it.
func (c *conn) copyIn(ctx context.Context, rows CopyIn) error {
	formats := rows.CopyFormats()
	c.out.send(&pgproto3.CopyInResponse{OverallFormat: overall(formats), ColumnFormatCodes: codes(formats)})
	c.out.flush()
	c.run.leave()
	ended := false
	err := rows.CopyIn(ctx, func() ([]byte, error) {
		for {
			if err := ctx.Err(); err != nil {
				return nil, context.Cause(ctx)
			}
			typ, body, err := c.in.next()
			if err != nil {
				c.end(errGone)
				return nil, err
			}
			switch typ {
			case 'd':
				return body, nil
			case 'c':
				ended = true
				return nil, io.EOF
			case 'f':
				ended = true
				f := fields{b: body}
				return nil, sqlerr.New(sqlerr.QueryCanceled, "COPY from stdin failed: %s", f.text())
			case 'H', 'S': // as Postgres: of no meaning here
			default:
				return nil, sqlerr.New(sqlerr.ProtocolViolation, "unexpected message type 0x%02X during COPY from stdin", typ)
			}
		}
	})
	c.run.enter()
	if err == nil && !ended {
		err = sqlerr.New(sqlerr.InternalError, "COPY ended before its data")
	}
	return err
}

func overall(formats []int16) byte {
	if len(formats) > 0 {
		return byte(formats[0])
	}
	return 0
}

func codes(formats []int16) []uint16 {
	out := make([]uint16, len(formats))
	for i, f := range formats {
		out[i] = uint16(f)
	}
	return out
}
