package funcs

import "math/bits"

// divisor divides numbers of 63 bits by a constant with a multiplication and a
// shift, for which no machine needs as long as for a division (Granlund and
// Montgomery, "Division by Invariant Integers using Multiplication", PLDI 1994).
type divisor struct {
	by, magic uint64
	shift     uint
}

// divisorOf prepares for dividing by more than 1, and less than 1<<63.
func divisorOf(by uint64) divisor {
	k := bits.Len64(by - 1) // 1<<k is by, or the next power of two
	q, _ := bits.Div64(1<<(k-1), 0, by)
	return divisor{by: by, magic: q + 1, shift: uint(k - 1)}
}

// quotient is x / by, for x below 1<<63.
func (d *divisor) quotient(x uint64) uint64 {
	hi, _ := bits.Mul64(x, d.magic)
	return hi >> (d.shift & 63)
}

// remainder is x % by, for x below 1<<63.
func (d *divisor) remainder(x uint64) uint64 { return x - d.quotient(x)*d.by }
