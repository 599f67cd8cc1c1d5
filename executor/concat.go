package executor

import (
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// concat makes one batch of several with equal columns.
func concat(bs []*stream.Batch) *stream.Batch {
	rows, ops := 0, false
	for _, b := range bs {
		rows += b.Rows()
		ops = ops || b.Ops != nil
	}
	cols := make([]vec.Vec, len(bs[0].Cols()))
	parts := make([]vec.Vec, len(bs))
	for c := range cols {
		for i, b := range bs {
			parts[i] = b.Cols()[c].Dense()
		}
		cols[c] = concatColumn(parts, rows)
	}
	var weights []stream.Op
	if ops {
		weights = make([]stream.Op, 0, rows)
		for _, b := range bs {
			if b.Ops != nil {
				weights = append(weights, b.Ops...)
				continue
			}
			for range b.Rows() {
				weights = append(weights, stream.Insert)
			}
		}
	}
	return stream.NewBatch(rows, cols, weights)
}

// concatColumn joins dense columns.
func concatColumn(parts []vec.Vec, rows int) vec.Vec {
	out := vec.Vec{Layout: parts[0].Layout, N: rows}
	at, data := 0, 0
	for i := range parts {
		p := &parts[i]
		if p.Valid != nil && out.Valid == nil {
			out.Valid = make([]byte, (rows+7)>>3)
		}
		if p.Layout == types.LBytes {
			data += int(p.Off[p.N] - p.Off[0])
		}
	}
	switch out.Layout {
	case types.LBool:
		out.Bool = make([]bool, 0, rows)
	case types.LInt64:
		out.I64 = make([]int64, 0, rows)
	case types.LFloat64:
		out.F64 = make([]float64, 0, rows)
	default:
		out.Off = append(make([]int32, 0, rows+1), 0)
		out.Data = make([]byte, 0, data)
	}
	for i := range parts {
		p := &parts[i]
		switch out.Layout {
		case types.LBool:
			out.Bool = append(out.Bool, p.Bool[:p.N]...)
		case types.LInt64:
			out.I64 = append(out.I64, p.I64[:p.N]...)
		case types.LFloat64:
			out.F64 = append(out.F64, p.F64[:p.N]...)
		default:
			shift := int32(len(out.Data)) - p.Off[0]
			out.Data = append(out.Data, p.Data[p.Off[0]:p.Off[p.N]]...)
			for _, o := range p.Off[1 : p.N+1] {
				out.Off = append(out.Off, o+shift)
			}
		}
		if out.Valid != nil {
			for k := range p.N {
				if !p.Null(k) {
					out.Valid[(at+k)>>3] |= 1 << ((at + k) & 7)
				}
			}
		}
		at += p.N
	}
	return out
}
