package vec

import (
	"streamdb/types"
)

// Vec is one column of N rows. Exactly one of the value members is in use,
// chosen by Layout:
//
//	LBool    Bool []bool
//	LInt64   I64  []int64
//	LFloat64 F64  []float64
//	LBytes   Off  []int32 (one more than values), Data []byte; value i is Data[Off[i]:Off[i+1]]
//
// A Const column holds one physical value that stands for all N rows. Loops
// need no second form for it: index with i&Mask(), which is 0 for constants.
// Values at NULL positions, and at positions outside the selection a column was
// computed for, are unspecified.
type Vec struct {
	Layout types.Layout
	Const  bool
	N      int
	Valid  []byte // Arrow validity bitmap, bit i set = not NULL; nil: no NULLs. For Const: one bit.
	Bool   []bool
	I64    []int64
	F64    []float64
	Off    []int32
	Data   []byte
}

// Mask is what a loop ANDs its row number with: 0 for a constant, else -1.
func (v *Vec) Mask() int {
	if v.Const {
		return 0
	}
	return -1
}

// Null reports whether row i is NULL.
func (v *Vec) Null(i int) bool {
	if v.Valid == nil {
		return false
	}
	i &= v.Mask()
	return v.Valid[i>>3]&(1<<(i&7)) == 0
}

// Bytes returns the byte form at row i of an LBytes column.
func (v *Vec) Bytes(i int) []byte {
	i &= v.Mask()
	return v.Data[v.Off[i]:v.Off[i+1]]
}

// Datum returns row i as a single value; for tests, results and cold paths.
func (v *Vec) Datum(i int) types.Datum {
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
		return types.BytesDatum(string(v.Bytes(i)))
	}
}

// ConstOf makes a column of n rows that all hold d.
func ConstOf(layout types.Layout, d types.Datum, n int) Vec {
	b := NewBuilder(layout, 1)
	b.AppendDatum(d)
	v := b.Vec()
	v.Const, v.N = true, n
	return v
}

// Ints makes an LInt64 column without NULLs over the slice, without a copy.
func Ints(values []int64) Vec { return Vec{Layout: types.LInt64, N: len(values), I64: values} }

// Floats makes an LFloat64 column without NULLs over the slice, without a copy.
func Floats(values []float64) Vec { return Vec{Layout: types.LFloat64, N: len(values), F64: values} }

// Bools makes an LBool column without NULLs over the slice, without a copy.
func Bools(values []bool) Vec { return Vec{Layout: types.LBool, N: len(values), Bool: values} }

// Strings makes an LBytes column without NULLs; for tests and catalogs.
func Strings(values ...string) Vec {
	b := NewBuilder(types.LBytes, len(values))
	for _, s := range values {
		b.AppendString(s)
	}
	return b.Vec()
}

// HasNulls reports whether any of the rows is NULL (by bitmap, exact).
func (v *Vec) HasNulls() bool {
	if v.Valid == nil {
		return false
	}
	n := v.N
	if v.Const {
		n = 1
	}
	for _, b := range v.Valid[:n>>3] {
		if b != 0xff {
			return true
		}
	}
	rest := byte(1)<<(n&7) - 1
	return rest != 0 && v.Valid[n>>3]&rest != rest
}

// Gather copies the rows named by sel (in that order, repeats allowed) into a
// new dense column. A negative entry yields NULL (outer joins).
func (v *Vec) Gather(sel []int32) Vec {
	n := len(sel)
	negative := false
	for _, i := range sel {
		if i < 0 {
			negative = true
			break
		}
	}
	out := Vec{Layout: v.Layout, N: n}
	if v.Const && !negative {
		out = *v
		out.N = n
		return out
	}
	m := int32(v.Mask())
	if v.Valid != nil || negative {
		out.Valid = make([]byte, (n+7)>>3)
		for k, i := range sel {
			if i >= 0 {
				j := i & m
				if v.Valid == nil || v.Valid[j>>3]&(1<<(j&7)) != 0 {
					out.Valid[k>>3] |= 1 << (k & 7)
				}
			}
		}
	}
	switch v.Layout {
	case types.LBool:
		out.Bool = gather(v.Bool, sel, m, negative)
	case types.LInt64:
		out.I64 = gather(v.I64, sel, m, negative)
	case types.LFloat64:
		out.F64 = gather(v.F64, sel, m, negative)
	default:
		out.Off, out.Data = v.gatherBytes(sel, m)
	}
	return out
}

// gatherBytes is Gather of byte forms: rows that follow one another are copied as one.
func (v *Vec) gatherBytes(sel []int32, m int32) (off []int32, data []byte) {
	from := v.Off
	off = make([]int32, len(sel)+1)
	size := int32(0)
	for k, i := range sel {
		if i >= 0 {
			j := i & m
			size += from[j+1] - from[j]
		}
		off[k+1] = size
	}
	data = make([]byte, int(size)+ShortText)
	to := 0
	for k := 0; k < len(sel); {
		i := sel[k]
		if k++; i < 0 {
			continue
		}
		j := i & m
		end := j + 1
		for k < len(sel) && sel[k] == end && m != 0 {
			k, end = k+1, end+1
		}
		to = CopyText(data, to, v.Data, int(from[j]), int(from[end]))
	}
	return off, data[:size]
}

func gather[T any](src []T, sel []int32, m int32, negative bool) []T {
	out := make([]T, len(sel))
	if negative {
		for k, i := range sel {
			if i >= 0 {
				out[k] = src[i&m]
			}
		}
		return out
	}
	for k, i := range sel {
		out[k] = src[i&m]
	}
	return out
}

// Slice returns rows [from, to) without a copy of values; a validity bitmap is
// copied when from is not a multiple of 8.
func (v *Vec) Slice(from, to int) Vec {
	out := *v
	out.N = to - from
	if v.Const {
		return out
	}
	if v.Valid != nil {
		if from&7 == 0 {
			out.Valid = v.Valid[from>>3:]
		} else {
			out.Valid = make([]byte, (out.N+7)>>3)
			for k := range out.N {
				i := from + k
				if v.Valid[i>>3]&(1<<(i&7)) != 0 {
					out.Valid[k>>3] |= 1 << (k & 7)
				}
			}
		}
	}
	switch v.Layout {
	case types.LBool:
		out.Bool = v.Bool[from:to]
	case types.LInt64:
		out.I64 = v.I64[from:to]
	case types.LFloat64:
		out.F64 = v.F64[from:to]
	default:
		out.Off = v.Off[from : to+1]
	}
	return out
}

// Dense returns v with constants spread to one value a row.
func (v *Vec) Dense() Vec {
	if !v.Const {
		return *v
	}
	flat := *v
	flat.Const, flat.N = false, 1
	return flat.Gather(make([]int32, v.N))
}
