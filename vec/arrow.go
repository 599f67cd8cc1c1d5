package vec

import (
	"fmt"
	"unsafe"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"streamdb/types"
)

// ArrowType is the Arrow storage type of a layout. The SQL type travels in the
// plan, not in the batch.
func ArrowType(layout types.Layout) arrow.DataType {
	switch layout {
	case types.LBool:
		return arrow.FixedWidthTypes.Boolean
	case types.LInt64:
		return arrow.PrimitiveTypes.Int64
	case types.LFloat64:
		return arrow.PrimitiveTypes.Float64
	default:
		return arrow.BinaryTypes.Binary
	}
}

// Array wraps the column as an Arrow array. Only booleans and constants copy.
func (v Vec) Array() arrow.Array {
	if v.Const {
		v = v.Dense()
	}
	var bufs []*memory.Buffer
	var validity *memory.Buffer
	if v.Valid != nil {
		validity = memory.NewBufferBytes(v.Valid)
	}
	switch v.Layout {
	case types.LBool:
		bits := make([]byte, (v.N+7)>>3)
		for i, x := range v.Bool {
			if x {
				bits[i>>3] |= 1 << (i & 7)
			}
		}
		bufs = []*memory.Buffer{validity, memory.NewBufferBytes(bits)}
	case types.LInt64:
		bufs = []*memory.Buffer{validity, memory.NewBufferBytes(arrow.Int64Traits.CastToBytes(v.I64))}
	case types.LFloat64:
		bufs = []*memory.Buffer{validity, memory.NewBufferBytes(arrow.Float64Traits.CastToBytes(v.F64))}
	default:
		bufs = []*memory.Buffer{validity, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(v.Off)), memory.NewBufferBytes(v.Data)}
	}
	nulls := 0
	if v.Valid != nil {
		nulls = array.UnknownNullCount
	}
	data := array.NewData(ArrowType(v.Layout), v.N, bufs, nil, nulls, 0)
	return array.MakeFromData(data)
}

// FromArrow views an Arrow array of one of the four storage types.
func FromArrow(a arrow.Array) (Vec, error) {
	d := a.Data()
	n, off := a.Len(), d.Offset()
	v := Vec{N: n}
	if a.NullN() > 0 {
		bits := d.Buffers()[0].Bytes()
		if off&7 == 0 {
			v.Valid = bits[off>>3:]
		} else {
			v.Valid = make([]byte, (n+7)>>3)
			for i := range n {
				if a.IsValid(i) {
					v.Valid[i>>3] |= 1 << (i & 7)
				}
			}
		}
	}
	switch x := a.(type) {
	case *array.Boolean:
		v.Layout = types.LBool
		v.Bool = make([]bool, n)
		for i := range n {
			v.Bool[i] = x.Value(i)
		}
	case *array.Int64:
		v.Layout, v.I64 = types.LInt64, x.Int64Values()
	case *array.Float64:
		v.Layout, v.F64 = types.LFloat64, x.Float64Values()
	case *array.Binary:
		v.Layout = types.LBytes
		v.Off = []int32{0}
		if n > 0 {
			v.Off = unsafe.Slice((*int32)(unsafe.Pointer(&d.Buffers()[1].Bytes()[off*4])), n+1)
		}
		if b := d.Buffers()[2]; b != nil {
			v.Data = b.Bytes()
		}
	default:
		return Vec{}, fmt.Errorf("vec: no layout for Arrow type %s", a.DataType())
	}
	return v, nil
}
