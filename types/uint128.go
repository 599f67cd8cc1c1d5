package types

import (
	"math/big"
	"math/bits"
)

// u128 is an unsigned 128-bit integer: the coefficient of a Decimal that fits.
type u128 struct{ hi, lo uint64 }

// pow10s are the powers of ten below 2^64.
var pow10s = func() (p [20]uint64) {
	p[0] = 1
	for i := 1; i < 20; i++ {
		p[i] = p[i-1] * 10
	}
	return p
}()

// pow10u128 are the powers of ten below 2^128.
var pow10u128 = func() (p [39]u128) {
	p[0] = u128{0, 1}
	for i := 1; i < 39; i++ {
		p[i], _ = p[i-1].mul64(10)
	}
	return p
}()

func (a u128) isZero() bool { return a.hi|a.lo == 0 }

func (a u128) cmp(b u128) int {
	switch {
	case a.hi < b.hi || a.hi == b.hi && a.lo < b.lo:
		return -1
	case a == b:
		return 0
	}
	return 1
}

func (a u128) add(b u128) (u128, bool) {
	lo, c := bits.Add64(a.lo, b.lo, 0)
	hi, c := bits.Add64(a.hi, b.hi, c)
	return u128{hi, lo}, c == 0
}

// sub needs a >= b.
func (a u128) sub(b u128) u128 {
	lo, c := bits.Sub64(a.lo, b.lo, 0)
	hi, _ := bits.Sub64(a.hi, b.hi, c)
	return u128{hi, lo}
}

func (a u128) mul64(m uint64) (u128, bool) {
	h1, lo := bits.Mul64(a.lo, m)
	h2, mid := bits.Mul64(a.hi, m)
	hi, c := bits.Add64(h1, mid, 0)
	return u128{hi, lo}, h2 == 0 && c == 0
}

func (a u128) mul(b u128) (u128, bool) {
	switch {
	case b.hi == 0:
		return a.mul64(b.lo)
	case a.hi == 0:
		return b.mul64(a.lo)
	}
	return u128{}, false
}

// scale multiplies by 10^n.
func (a u128) scale(n int) (u128, bool) {
	if n == 0 || a.isZero() {
		return a, true
	}
	if n < 20 {
		return a.mul64(pow10s[n])
	}
	if n < 39 {
		return a.mul(pow10u128[n])
	}
	return u128{}, false
}

func (a u128) div64(d uint64) (q u128, r uint64) {
	q.hi, r = a.hi/d, a.hi%d
	q.lo, r = bits.Div64(r, a.lo, d)
	return q, r
}

// div divides by any u128 that is not zero.
func (a u128) div(b u128) (q, r u128) {
	if b.hi == 0 {
		q, lo := a.div64(b.lo)
		return q, u128{0, lo}
	}
	// b >= 2^64: the quotient has one word. Knuth's estimate, corrected.
	n := bits.LeadingZeros64(b.hi)
	v1 := b.shl(uint(n)).hi
	u1 := a.shr(1)
	tq, _ := bits.Div64(u1.hi, u1.lo, v1)
	tq >>= 63 - uint(n)
	if tq != 0 {
		tq--
	}
	p, _ := b.mul64(tq)
	r = a.sub(p)
	if r.cmp(b) >= 0 {
		tq++
		r = r.sub(b)
	}
	return u128{0, tq}, r
}

func (a u128) shl(n uint) u128 { return u128{a.hi<<n | a.lo>>(64-n), a.lo << n} }
func (a u128) shr(n uint) u128 { return u128{a.hi >> n, a.lo>>n | a.hi<<(64-n)} }

// digits10 is the number of decimal digits; 0 for zero.
func (a u128) digits10() int {
	if a.isZero() {
		return 0
	}
	var n int
	if a.hi != 0 {
		n = 128 - bits.LeadingZeros64(a.hi)
	} else {
		n = 64 - bits.LeadingZeros64(a.lo)
	}
	d := n * 1233 >> 12 // floor(n * log10(2)), or one less
	if d < 39 && a.cmp(pow10u128[d]) >= 0 {
		d++
	}
	return d
}

func (a u128) big() *big.Int {
	z := new(big.Int).SetUint64(a.hi)
	z.Lsh(z, 64)
	return z.Or(z, new(big.Int).SetUint64(a.lo))
}

// u128OfBig narrows; ok is false when z needs more than 128 bits.
func u128OfBig(z *big.Int) (u128, bool) {
	if z.BitLen() > 128 {
		return u128{}, false
	}
	lo := new(big.Int).And(z, maskLo)
	hi := new(big.Int).Rsh(z, 64)
	return u128{hi.Uint64(), lo.Uint64()}, true
}

var maskLo = new(big.Int).SetUint64(1<<64 - 1)

// bigPow10 is 10^n.
func bigPow10(n int) *big.Int {
	if n < 20 {
		return new(big.Int).SetUint64(pow10s[n])
	}
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
}
