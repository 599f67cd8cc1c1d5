package vec

import "streamdb/types"

// Builder fills one column value by value. The zero value is not usable: see
// NewBuilder. Hot code may append to the exported slices directly, as long as
// it keeps Off, and the bitmap through AppendNull, in step.
type Builder struct {
	Layout types.Layout
	Bool   []bool
	I64    []int64
	F64    []float64
	Off    []int32
	Data   []byte
	valid  []byte // nil until the first NULL
}

// NewBuilder makes a builder for a column of the layout with room for capacity rows.
func NewBuilder(layout types.Layout, capacity int) *Builder {
	b := &Builder{Layout: layout}
	switch layout {
	case types.LBool:
		b.Bool = make([]bool, 0, capacity)
	case types.LInt64:
		b.I64 = make([]int64, 0, capacity)
	case types.LFloat64:
		b.F64 = make([]float64, 0, capacity)
	default:
		b.Off = append(make([]int32, 0, capacity+1), 0)
		b.Data = make([]byte, 0, capacity*8)
	}
	return b
}

// Len is the number of rows appended so far.
func (b *Builder) Len() int {
	switch b.Layout {
	case types.LBool:
		return len(b.Bool)
	case types.LInt64:
		return len(b.I64)
	case types.LFloat64:
		return len(b.F64)
	default:
		return len(b.Off) - 1
	}
}

// mark sets the validity bit of the row appended last, when there is a bitmap.
func (b *Builder) mark() {
	if b.valid == nil {
		return
	}
	i := b.Len() - 1
	for len(b.valid) <= i>>3 {
		b.valid = append(b.valid, 0xff) // rows that direct appends added are not NULL
	}
	b.valid[i>>3] |= 1 << (i & 7)
}

// AppendBool appends a boolean.
func (b *Builder) AppendBool(x bool) { b.Bool = append(b.Bool, x); b.mark() }

// AppendInt appends a value of an LInt64 type.
func (b *Builder) AppendInt(x int64) { b.I64 = append(b.I64, x); b.mark() }

// AppendFloat appends a value of an LFloat64 type.
func (b *Builder) AppendFloat(x float64) { b.F64 = append(b.F64, x); b.mark() }

// AppendBytes appends a byte form.
func (b *Builder) AppendBytes(x []byte) {
	b.Data = append(b.Data, x...)
	b.Off = append(b.Off, int32(len(b.Data)))
	b.mark()
}

// AppendString appends a byte form.
func (b *Builder) AppendString(x string) {
	b.Data = append(b.Data, x...)
	b.Off = append(b.Off, int32(len(b.Data)))
	b.mark()
}

// AppendNull appends a NULL.
func (b *Builder) AppendNull() {
	i := b.Len()
	switch b.Layout {
	case types.LBool:
		b.Bool = append(b.Bool, false)
	case types.LInt64:
		b.I64 = append(b.I64, 0)
	case types.LFloat64:
		b.F64 = append(b.F64, 0)
	default:
		b.Off = append(b.Off, int32(len(b.Data)))
	}
	for len(b.valid) <= i>>3 {
		b.valid = append(b.valid, 0xff)
	}
	b.valid[i>>3] &^= 1 << (i & 7)
}

// AppendDatum appends a single value.
func (b *Builder) AppendDatum(d types.Datum) {
	if d.Null {
		b.AppendNull()
		return
	}
	switch b.Layout {
	case types.LBool:
		b.AppendBool(d.I != 0)
	case types.LInt64:
		b.AppendInt(d.I)
	case types.LFloat64:
		b.AppendFloat(d.F)
	default:
		b.AppendString(d.S)
	}
}

// AppendFrom appends row i of v.
func (b *Builder) AppendFrom(v *Vec, i int) {
	if v.Null(i) {
		b.AppendNull()
		return
	}
	j := i & v.Mask()
	switch b.Layout {
	case types.LBool:
		b.AppendBool(v.Bool[j])
	case types.LInt64:
		b.AppendInt(v.I64[j])
	case types.LFloat64:
		b.AppendFloat(v.F64[j])
	default:
		b.AppendBytes(v.Data[v.Off[j]:v.Off[j+1]])
	}
}

// AppendRows appends the rows of v that sel names, in that order.
func (b *Builder) AppendRows(v *Vec, sel []int32) {
	if v.Const || v.Valid != nil || b.valid != nil {
		for _, i := range sel {
			b.AppendFrom(v, int(i))
		}
		return
	}
	switch b.Layout {
	case types.LBool:
		b.Bool = appendRows(b.Bool, v.Bool, sel)
	case types.LInt64:
		b.I64 = appendRows(b.I64, v.I64, sel)
	case types.LFloat64:
		b.F64 = appendRows(b.F64, v.F64, sel)
	default:
		for _, i := range sel {
			b.Data = append(b.Data, v.Data[v.Off[i]:v.Off[i+1]]...)
			b.Off = append(b.Off, int32(len(b.Data)))
		}
	}
}

func appendRows[T any](dst, src []T, sel []int32) []T {
	for _, i := range sel {
		dst = append(dst, src[i])
	}
	return dst
}

// Clear empties the builder and keeps its memory: for columns that nobody else has
// got.
func (b *Builder) Clear() {
	b.Bool, b.I64, b.F64, b.Data, b.valid = b.Bool[:0], b.I64[:0], b.F64[:0], b.Data[:0], nil
	if b.Layout == types.LBytes {
		b.Off = b.Off[:1]
	}
}

// Vec returns the column. The builder's memory now belongs to it: call Reset
// before appending again.
func (b *Builder) Vec() Vec {
	n := b.Len()
	v := Vec{Layout: b.Layout, N: n, Bool: b.Bool, I64: b.I64, F64: b.F64, Off: b.Off, Data: b.Data}
	if b.valid != nil {
		for len(b.valid) < (n+7)>>3 {
			b.valid = append(b.valid, 0xff)
		}
		v.Valid = b.valid
	}
	return v
}

// DataBytes is the length of the values of variable length in some builders.
func DataBytes(builders []*Builder) int {
	n := 0
	for _, b := range builders {
		n += len(b.Data)
	}
	return n
}

// Reset gives the builder fresh memory with room for capacity rows.
func (b *Builder) Reset(capacity int) { *b = *NewBuilder(b.Layout, capacity) }
