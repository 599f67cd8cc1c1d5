package engine

import (
	"context"
	"encoding/binary"
	"io"

	"streamdb/internal/sqlerr"
	"streamdb/types"
	"streamdb/vec"
)

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
				c.vals[i].AppendNull()
				continue
			}
			if size < 0 {
				return bad("invalid field size")
			}
			if b, err = in.take(int(size)); err != nil {
				return short(err)
			}
			if err := appendBinary(c.vals[i], c.types[i], b); err != nil {
				return c.at(err, i, nil)
			}
		}
		if err := c.took(ctx); err != nil {
			return err
		}
	}
}

// appendBinary reads a value's binary form into a column.
func appendBinary(out *vec.Builder, t types.T, b []byte) error {
	switch {
	case t.ID == types.Int8 && len(b) == 8:
		out.AppendInt(int64(binary.BigEndian.Uint64(b)))
		return nil
	case t.ID == types.Int4 && len(b) == 4:
		out.AppendInt(int64(int32(binary.BigEndian.Uint32(b))))
		return nil
	}
	d, err := types.ParseBinary(t, b)
	if err != nil {
		return err
	}
	out.AppendDatum(d)
	return nil
}
