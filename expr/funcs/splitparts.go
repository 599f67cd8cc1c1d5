package funcs

import (
	"encoding/binary"
	"math/bits"
	"slices"

	"streamdb/expr"
	"streamdb/expr/kernel"
	"streamdb/types"
	"streamdb/vec"
)

// splitParts takes several fields of a text in one pass: split_part(s, sep, n) for
// some n, counted from the beginning.
func splitParts(fields []types.Datum) func(*expr.CallCtx, []vec.Vec) ([]vec.Vec, error) {
	most := int64(0)
	for _, n := range fields {
		if n.I < 1 || n.I > 1000 {
			return nil
		}
		most = max(most, n.I)
	}
	wanted := make([][]int, most) // by field: the results that take it
	p := &partSplitter{ends: make([]int, most+1), of: make([]int, len(fields)), room: make([]int, len(fields))}
	for k, n := range fields {
		wanted[n.I-1] = append(wanted[n.I-1], k)
		p.of[k] = int(n.I) - 1
	}
	return func(c *expr.CallCtx, args []vec.Vec) ([]vec.Vec, error) {
		if sep := &args[1]; c.Sel == nil && sep.Const && len(sep.Bytes(0)) == 1 && !args[0].Const {
			return p.columns(&args[0], c.N, sep.Bytes(0)[0]), nil
		}
		outs := make([]*kernel.Out, len(fields))
		for k := range outs {
			outs[k] = kernel.NewOut(types.LBytes, c.N)
		}
		for k := range c.Rows() {
			i := c.Row(k)
			s, sep := kernel.String(args[0].Bytes(i)), kernel.String(args[1].Bytes(i))
			for _, results := range wanted {
				field := s
				if at := indexSep(s, sep); at >= 0 {
					field, s = s[:at], s[at+len(sep):]
				} else {
					s = ""
				}
				for _, r := range results {
					outs[r].SetBytes(i, field)
				}
			}
		}
		cols := make([]vec.Vec, len(outs))
		for k, o := range outs {
			cols[k] = o.Vec()
		}
		return cols, nil
	}
}

// partSplitter splits whole columns of texts at one byte.
type partSplitter struct {
	of   []int // by result: the field, from 0
	ends []int // of the fields of a text
	room []int // by result: the bytes of the batch before
}

// columns gives the results for all n texts.
func (p *partSplitter) columns(v *vec.Vec, n int, sep byte) []vec.Vec {
	cols := make([]vec.Vec, len(p.of))
	for k := range cols {
		cols[k] = vec.Vec{Layout: types.LBytes, N: n, Off: make([]int32, n+1), Data: make([]byte, p.room[k]+p.room[k]/16+vec.ShortText)}
		p.room[k] = 0
	}
	for i := range n {
		from := int(v.Off[i])
		found := p.split(v.Data, from, int(v.Off[i+1]), sep)
		for k, field := range p.of {
			out, at := &cols[k], p.room[k]
			if field < found {
				begin := from
				if field > 0 {
					begin = p.ends[field-1] + 1
				}
				end := p.ends[field]
				if more := end - begin + vec.ShortText; at+more > len(out.Data) {
					out.Data = slices.Grow(out.Data, more)
					out.Data = out.Data[:cap(out.Data)]
				}
				at = vec.CopyText(out.Data, at, v.Data, begin, end)
				p.room[k] = at
			}
			out.Off[i+1] = int32(at)
		}
	}
	for k := range cols {
		cols[k].Data = cols[k].Data[:p.room[k]]
	}
	return cols
}

// split sets the ends of the first fields of data[from:to], as many as are wanted, and
// says how many there are. It looks at eight bytes at a time.
func (p *partSplitter) split(data []byte, from, to int, sep byte) (found int) {
	const ones = 0x0101010101010101
	all, most := uint64(sep)*ones, len(p.ends)-1
	for at := from; at < to; at += 8 {
		var w uint64
		if at+8 <= len(data) {
			w = binary.LittleEndian.Uint64(data[at:])
		} else {
			var last [8]byte
			copy(last[:], data[at:])
			w = binary.LittleEndian.Uint64(last[:])
		}
		w ^= all
		hits := ^((w&(ones*0x7f) + ones*0x7f) | w | ones*0x7f) // bit 7 of the bytes that are the separator
		for ; hits != 0; hits &= hits - 1 {
			end := at + bits.TrailingZeros64(hits)>>3
			if end >= to {
				break
			}
			p.ends[found] = end
			if found++; found == most {
				return found
			}
		}
	}
	p.ends[found] = to
	return found + 1
}
