package vec

import (
	"math/bits"

	"github.com/zeebo/xxh3"

	"streamdb/types"
)

// The constants of the row hash. Vnodes are taken from its top bits, so it is
// part of the format on disk: it never changes (TestHashGolden).
const (
	hashSeed uint64 = 0x9e3779b97f4a7c15
	hashK1   uint64 = 0xa0761d6478bd642f
	hashK2   uint64 = 0xe7037ed1a0b428db
	hashNull uint64 = 0x8ebc6af09c88c6e3
)

// mix folds a value into the hash of the columns before it: the two halves of a
// 128-bit product, as in wyhash, and a term that keeps h where a factor is 0.
func mix(h, x uint64) uint64 {
	hi, lo := bits.Mul64(h^hashK1, x^hashK2)
	return (hi ^ lo ^ bits.RotateLeft64(h, 23)) + x
}

// HashRows writes the hashes of n rows over the columns to dst[:n]. Rows that
// are equal in SQL, NULLs counting as equal, have equal hashes: numeric, interval,
// jsonb, float and character are hashed by what equality sees (their key form).
// ts are the columns' types. With no columns all rows hash alike. dst is returned.
func HashRows(cols []Vec, ts []types.T, n int, dst []uint64) []uint64 {
	if cap(dst) < n {
		dst = make([]uint64, n)
	}
	dst = dst[:n]
	for i := range dst {
		dst[i] = hashSeed
	}
	for c := range cols {
		hashColumn(&cols[c], ts[c], dst)
	}
	return dst
}

// hashColumn folds one column into the rows' hashes.
func hashColumn(v *Vec, t types.T, dst []uint64) {
	if v.Const {
		x := hashNull
		if !v.Null(0) {
			x = hashValue(v, t)
		}
		for i := range dst {
			dst[i] = mix(dst[i], x)
		}
		return
	}
	n := len(dst)
	switch v.Layout {
	case types.LBool:
		hashLoop(dst, v, func(i int) uint64 {
			if v.Bool[i] {
				return 1
			}
			return 0
		})
	case types.LInt64:
		vals := v.I64[:n]
		if v.Valid == nil {
			for i, x := range vals {
				dst[i] = mix(dst[i], uint64(x))
			}
			return
		}
		for i, x := range vals {
			u := uint64(x)
			if v.Valid[i>>3]&(1<<(i&7)) == 0 {
				u = hashNull
			}
			dst[i] = mix(dst[i], u)
		}
	case types.LFloat64:
		hashLoop(dst, v, func(i int) uint64 { return types.FloatKeyBits(v.F64[i]) })
	default:
		if t.PlainBytes() {
			for i := range dst {
				u := hashNull
				if v.Valid == nil || v.Valid[i>>3]&(1<<(i&7)) != 0 {
					u = xxh3.Hash(v.Data[v.Off[i]:v.Off[i+1]])
				}
				dst[i] = mix(dst[i], u)
			}
			return
		}
		var key []byte
		for i := range dst {
			u := hashNull
			if v.Valid == nil || v.Valid[i>>3]&(1<<(i&7)) != 0 {
				key = types.AppendKeyBytes(key[:0], t, v.Data[v.Off[i]:v.Off[i+1]], false)
				u = xxh3.Hash(key)
			}
			dst[i] = mix(dst[i], u)
		}
	}
}

// hashLoop is for the layouts that are rarely keys.
func hashLoop(dst []uint64, v *Vec, value func(i int) uint64) {
	for i := range dst {
		u := hashNull
		if v.Valid == nil || v.Valid[i>>3]&(1<<(i&7)) != 0 {
			u = value(i)
		}
		dst[i] = mix(dst[i], u)
	}
}

// hashValue is the hash of a constant that is not NULL.
func hashValue(v *Vec, t types.T) uint64 {
	switch v.Layout {
	case types.LBool:
		if v.Bool[0] {
			return 1
		}
		return 0
	case types.LInt64:
		return uint64(v.I64[0])
	case types.LFloat64:
		return types.FloatKeyBits(v.F64[0])
	}
	b := v.Bytes(0)
	if t.PlainBytes() {
		return xxh3.Hash(b)
	}
	return xxh3.Hash(types.AppendKeyBytes(nil, t, b, false))
}

// HashDatums is HashRows for one row of single values.
func HashDatums(vals []types.Datum, ts []types.T) uint64 {
	h := hashSeed
	for i, d := range vals {
		x := hashNull
		if !d.Null {
			v := ConstOf(ts[i].Layout(), d, 1)
			x = hashValue(&v, ts[i])
		}
		h = mix(h, x)
	}
	return h
}
