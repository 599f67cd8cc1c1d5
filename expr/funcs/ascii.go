package funcs

import (
	"encoding/binary"

	"streamdb/expr"
	"streamdb/expr/kernel"
	"streamdb/types"
	"streamdb/vec"
)

// ofASCII is a function that changes the case of letters: from 'A' makes small ones of
// capitals, from 'a' capitals of small ones. A column of ASCII is changed as one text,
// in which the values stay where they are; others go row by row through each.
func ofASCII(from byte, each kernel.Fn) kernel.Fn {
	return func(c *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
		v := &args[0]
		if v.Const || c.Rows() < c.N/4 {
			return each(c, args)
		}
		first := v.Off[0]
		out := make([]byte, v.Off[c.N]-first)
		if !changeCase(out, v.Data[first:v.Off[c.N]], from) {
			return each(c, args)
		}
		off := v.Off[:c.N+1]
		if first != 0 {
			off = make([]int32, c.N+1)
			for i := range off {
				off[i] = v.Off[i] - first
			}
		}
		return vec.Vec{Layout: types.LBytes, N: c.N, Off: off, Data: out}, nil
	}
}

// changeCase fills dst with src, in which the 26 letters after from get the other
// case, eight at a time. false: src is not ASCII.
func changeCase(dst, src []byte, from byte) bool {
	const ones = 0x0101010101010101
	var all uint64
	dst = dst[:len(src)]
	i := 0
	for ; i+8 <= len(src); i += 8 {
		w := binary.LittleEndian.Uint64(src[i:])
		all |= w
		w &= ones * 0x7f                          // so that no byte carries into the next
		least := w + ones*(0x80-uint64(from))     // bit 7: from or beyond
		beyond := w + ones*(0x80-uint64(from)-26) // bit 7: beyond the letters
		binary.LittleEndian.PutUint64(dst[i:], w^(least&^beyond&(ones<<7))>>2)
	}
	for ; i < len(src); i++ {
		b := src[i]
		all |= uint64(b)
		if b-from < 26 {
			b ^= 0x20
		}
		dst[i] = b
	}
	return all&(ones<<7) == 0
}

// isASCII reports whether all bytes are below 0x80.
func isASCII(b []byte) bool {
	const high = 0x8080808080808080
	var all uint64
	for ; len(b) >= 32; b = b[32:] {
		all |= binary.LittleEndian.Uint64(b) | binary.LittleEndian.Uint64(b[8:]) | binary.LittleEndian.Uint64(b[16:]) | binary.LittleEndian.Uint64(b[24:])
	}
	for _, c := range b {
		all |= uint64(c)
	}
	return all&high == 0
}

// charsOf is the number of characters of each text of a column, for c's rows.
func charsOf(c *expr.CallCtx, v *vec.Vec) []int64 {
	out := make([]int64, c.N)
	if v.Const {
		n := int64(types.Runes(kernel.String(v.Bytes(0))))
		for i := range out {
			out[i] = n
		}
		return out
	}
	off := v.Off[:c.N+1]
	if c.Sel == nil && isASCII(v.Data[off[0]:off[c.N]]) {
		for i := range out {
			out[i] = int64(off[i+1] - off[i])
		}
		return out
	}
	for k := range c.Rows() {
		i := c.Row(k)
		out[i] = int64(types.Runes(kernel.String(v.Data[off[i]:off[i+1]])))
	}
	return out
}

func length(c *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
	return vec.Ints(charsOf(c, &args[0])), nil
}
