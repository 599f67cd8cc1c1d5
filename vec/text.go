package vec

import "streamdb/types"

// AppendText appends the text form of row i, which is not NULL.
func (v *Vec) AppendText(dst []byte, t types.T, i int, env *types.Env) []byte {
	i &= v.Mask()
	switch v.Layout {
	case types.LBool:
		return types.AppendBool(dst, v.Bool[i])
	case types.LInt64:
		return types.AppendTextInt(dst, t, v.I64[i], env)
	case types.LFloat64:
		return types.AppendFloat(dst, t.ID, v.F64[i], env)
	default:
		return types.AppendTextBytes(dst, t, v.Data[v.Off[i]:v.Off[i+1]], env)
	}
}

// AppendBinary appends the binary form of row i, which is not NULL.
func (v *Vec) AppendBinary(dst []byte, t types.T, i int) []byte {
	i &= v.Mask()
	switch v.Layout {
	case types.LBool:
		if v.Bool[i] {
			return append(dst, 1)
		}
		return append(dst, 0)
	case types.LInt64:
		return types.AppendBinaryInt(dst, t, v.I64[i])
	case types.LFloat64:
		return types.AppendBinaryFloat(dst, t, v.F64[i])
	default:
		return types.AppendBinaryBytes(dst, t, v.Data[v.Off[i]:v.Off[i+1]])
	}
}

// AppendKey appends the order-preserving key of row i, or of NULL.
func (v *Vec) AppendKey(dst []byte, t types.T, i int, desc, nullsFirst bool) []byte {
	if v.Null(i) {
		return types.AppendKeyNull(dst, nullsFirst)
	}
	i &= v.Mask()
	switch v.Layout {
	case types.LBool:
		return types.AppendKeyBool(dst, v.Bool[i], desc)
	case types.LInt64:
		return types.AppendKeyInt(dst, v.I64[i], desc)
	case types.LFloat64:
		return types.AppendKeyFloat(dst, v.F64[i], desc)
	default:
		return types.AppendKeyBytes(dst, t, v.Data[v.Off[i]:v.Off[i+1]], desc)
	}
}
