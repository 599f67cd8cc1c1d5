package kernel

import (
	"errors"
	"unsafe"

	"streamdb/expr"
	"streamdb/types"
	"streamdb/vec"
)

// Fn is the form of expr.Def.Eval.
type Fn = func(c *expr.CallCtx, args []vec.Vec) (vec.Vec, error)

// Null is what a function over values returns as its error for the result NULL.
var Null = errors.New("null")

// Opt is an argument or result that may be NULL, for functions that are not strict.
type Opt[T any] struct {
	V    T
	Null bool
}

// String views bytes as a string without a copy. The bytes must not change.
func String(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// Bytes views a string as bytes without a copy. They must not be written to.
func Bytes(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// Reader returns a function that gives the value at a row of the column. T is
// int64, float64, bool, string (a view of the byte form), types.Decimal,
// types.Span, types.Datum, or Opt of one of the first four or Datum.
func Reader[T any](v *vec.Vec) func(i int) T {
	m := v.Mask()
	var f any
	switch any(*new(T)).(type) {
	case int64:
		s := v.I64
		f = func(i int) int64 { return s[i&m] }
	case float64:
		s := v.F64
		f = func(i int) float64 { return s[i&m] }
	case bool:
		s := v.Bool
		f = func(i int) bool { return s[i&m] }
	case string:
		f = func(i int) string { return String(v.Bytes(i)) }
	case types.Decimal:
		f = func(i int) types.Decimal { return types.DecodeDecimal(v.Bytes(i)) }
	case types.Span:
		f = func(i int) types.Span { return types.DecodeInterval(v.Bytes(i)) }
	case types.Datum:
		f = func(i int) types.Datum { return View(v, i) }
	case Opt[int64]:
		f = optional[int64](v)
	case Opt[float64]:
		f = optional[float64](v)
	case Opt[bool]:
		f = optional[bool](v)
	case Opt[string]:
		f = optional[string](v)
	case Opt[types.Decimal]:
		f = optional[types.Decimal](v)
	}
	return f.(func(i int) T)
}

func optional[T any](v *vec.Vec) func(i int) Opt[T] {
	get := Reader[T](v)
	return func(i int) Opt[T] {
		if v.Null(i) {
			return Opt[T]{Null: true}
		}
		return Opt[T]{V: get(i)}
	}
}

// View is row i of v as a Datum whose byte form is not copied.
func View(v *vec.Vec, i int) types.Datum {
	if v.Null(i) {
		return types.NullDatum
	}
	j := i & v.Mask()
	switch v.Layout {
	case types.LBool:
		return types.BoolDatum(v.Bool[j])
	case types.LInt64:
		return types.IntDatum(v.I64[j])
	case types.LFloat64:
		return types.FloatDatum(v.F64[j])
	default:
		return types.BytesDatum(String(v.Bytes(i)))
	}
}

// Out is a result column under construction: rows are set in ascending order,
// skipped rows get unspecified values (empty for byte forms).
type Out struct {
	v     vec.Vec
	next  int // LBytes: the first row without an end offset
	valid []byte
}

// NewOut makes a column of n rows.
func NewOut(layout types.Layout, n int) *Out {
	o := &Out{v: vec.Vec{Layout: layout, N: n}}
	switch layout {
	case types.LBool:
		o.v.Bool = make([]bool, n)
	case types.LInt64:
		o.v.I64 = make([]int64, n)
	case types.LFloat64:
		o.v.F64 = make([]float64, n)
	default:
		o.v.Off = make([]int32, n+1)
	}
	return o
}

// SetNull makes row i NULL.
func (o *Out) SetNull(i int) {
	if o.valid == nil {
		o.valid = make([]byte, (o.v.N+7)>>3)
		for k := range o.valid {
			o.valid[k] = 0xff
		}
	}
	o.valid[i>>3] &^= 1 << (i & 7)
}

// Begin returns the buffer to append row i's byte form to; End takes it back.
func (o *Out) Begin(i int) []byte {
	o.skip(i)
	return o.v.Data
}

// End ends row i, whose byte form was appended to buf.
func (o *Out) End(i int, buf []byte) {
	o.v.Data = buf
	o.v.Off[i+1] = int32(len(buf))
	o.next = i + 1
}

func (o *Out) skip(to int) {
	end := int32(len(o.v.Data))
	for ; o.next < to; o.next++ {
		o.v.Off[o.next+1] = end
	}
}

// SetBytes sets row i of an LBytes column.
func (o *Out) SetBytes(i int, b string) { o.End(i, append(o.Begin(i), b...)) }

// SetDatum sets row i.
func (o *Out) SetDatum(i int, d types.Datum) {
	if d.Null {
		o.SetNull(i)
		return
	}
	switch o.v.Layout {
	case types.LBool:
		o.v.Bool[i] = d.I != 0
	case types.LInt64:
		o.v.I64[i] = d.I
	case types.LFloat64:
		o.v.F64[i] = d.F
	default:
		o.SetBytes(i, d.S)
	}
}

// Vec returns the column.
func (o *Out) Vec() vec.Vec {
	if o.v.Layout == types.LBytes {
		o.skip(o.v.N)
	}
	o.v.Valid = o.valid
	return o.v
}

// writer returns a function that sets a row of the result. T is as for Reader.
func writer[T any](o *Out) func(i int, x T) {
	var f any
	switch any(*new(T)).(type) {
	case int64:
		s := o.v.I64
		f = func(i int, x int64) { s[i] = x }
	case float64:
		s := o.v.F64
		f = func(i int, x float64) { s[i] = x }
	case bool:
		s := o.v.Bool
		f = func(i int, x bool) { s[i] = x }
	case string:
		f = o.SetBytes
	case types.Decimal:
		f = func(i int, x types.Decimal) { o.End(i, types.AppendDecimal(o.Begin(i), x)) }
	case types.Span:
		f = func(i int, x types.Span) { o.End(i, types.AppendSpan(o.Begin(i), x)) }
	case types.Datum:
		f = o.SetDatum
	}
	return f.(func(i int, x T))
}

// run is the loop all makers share: one(i) computes row i.
func run[R any](c *expr.CallCtx, one func(i int) (R, error)) (vec.Vec, error) {
	o := NewOut(c.T.Layout(), c.N)
	set := writer[R](o)
	for k := range c.Rows() {
		i := c.Row(k)
		r, err := one(i)
		if err != nil {
			if err == Null {
				o.SetNull(i)
				continue
			}
			return vec.Vec{}, err
		}
		set(i, r)
	}
	return o.Vec(), nil
}
