package vec

import "streamdb/types"

// Concat joins columns of one layout into a dense one. With a single input that
// is dense already, it is returned as it is.
func Concat(vs []Vec) Vec {
	if len(vs) == 0 {
		return Vec{}
	}
	if len(vs) == 1 {
		return vs[0].Dense()
	}
	out := Vec{Layout: vs[0].Layout}
	bytes := 0
	nulls := false
	for i := range vs {
		v := &vs[i]
		out.N += v.N
		nulls = nulls || v.Valid != nil
		if v.Layout == types.LBytes && len(v.Off) > 0 {
			if v.Const {
				bytes += v.N * int(v.Off[1]-v.Off[0])
			} else {
				bytes += int(v.Off[v.N] - v.Off[0])
			}
		}
	}
	if nulls {
		out.Valid = make([]byte, (out.N+7)>>3)
		at := 0
		for i := range vs {
			orBits(out.Valid, at, &vs[i])
			at += vs[i].N
		}
	}
	switch out.Layout {
	case types.LBool:
		out.Bool = make([]bool, 0, out.N)
		for i := range vs {
			out.Bool = appendDense(out.Bool, vs[i].Bool, &vs[i])
		}
	case types.LInt64:
		out.I64 = make([]int64, 0, out.N)
		for i := range vs {
			out.I64 = appendDense(out.I64, vs[i].I64, &vs[i])
		}
	case types.LFloat64:
		out.F64 = make([]float64, 0, out.N)
		for i := range vs {
			out.F64 = appendDense(out.F64, vs[i].F64, &vs[i])
		}
	default:
		out.Off = append(make([]int32, 0, out.N+1), 0)
		out.Data = make([]byte, 0, bytes)
		for i := range vs {
			out.appendBytes(&vs[i])
		}
	}
	return out
}

func appendDense[E any](dst, src []E, v *Vec) []E {
	if !v.Const {
		return append(dst, src[:v.N]...)
	}
	for range v.N {
		dst = append(dst, src[0])
	}
	return dst
}

// appendBytes appends the values of an LBytes column.
func (v *Vec) appendBytes(src *Vec) {
	if src.N == 0 {
		return
	}
	if src.Const {
		one := src.Data[src.Off[0]:src.Off[1]]
		for range src.N {
			v.Data = append(v.Data, one...)
			v.Off = append(v.Off, int32(len(v.Data)))
		}
		return
	}
	shift := int32(len(v.Data)) - src.Off[0]
	v.Data = append(v.Data, src.Data[src.Off[0]:src.Off[src.N]]...)
	for _, o := range src.Off[1 : src.N+1] {
		v.Off = append(v.Off, o+shift)
	}
}

// orBits sets the bits of dst from position at on to the validity of v.
func orBits(dst []byte, at int, v *Vec) {
	switch {
	case v.Valid == nil || v.Const && v.Valid[0]&1 != 0:
		setBits(dst, at, v.N)
	case v.Const:
	case at&7 == 0 && v.N > 0:
		n := (v.N + 7) >> 3
		copy(dst[at>>3:], v.Valid[:n])
		if v.N&7 != 0 { // bits beyond the column are unspecified
			dst[at>>3+n-1] &= 1<<(v.N&7) - 1
		}
	default:
		for i := range v.N {
			if v.Valid[i>>3]&(1<<(i&7)) != 0 {
				dst[(at+i)>>3] |= 1 << ((at + i) & 7)
			}
		}
	}
}

// setBits sets n bits of dst from position at on.
func setBits(dst []byte, at, n int) {
	for n > 0 && at&7 != 0 {
		dst[at>>3] |= 1 << (at & 7)
		at++
		n--
	}
	for ; n >= 8; n -= 8 {
		dst[at>>3] = 0xff
		at += 8
	}
	for ; n > 0; n-- {
		dst[at>>3] |= 1 << (at & 7)
		at++
	}
}
