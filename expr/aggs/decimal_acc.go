package aggs

import (
	"encoding/binary"
	"math/big"
	"math/bits"

	"streamdb/types"
	"streamdb/vec"
)

// decimalAcc sums numerics exactly, one sum per group: a signed 128-bit integer
// scaled by 10^-scale in columns. What does not fit moves to a big.Int in a side
// map. Besides the sum it counts the rows of every display scale, because the
// scale of the result is the largest one among the rows that remain; one scale is
// in columns, further ones in a side map. NaN and infinities are only counted.
type decimalAcc struct {
	hi    []int64
	lo    []uint64
	scale []uint16 // of the sum
	s0    []uint16 // the first display scale ..
	c0    []int64  // .. and the number of its rows
	more  map[int32][]scaleCount
	wide  map[int32]*big.Int // the sum when 128 bits are too few
	odd   map[int32]*[3]int64
	n     []int64 // all rows, odd ones included
}

type scaleCount struct {
	scale uint16
	n     int64
}

// Counts of values that are not finite, by the form byte of the numeric minus 2.
const (
	oddNaN = iota
	oddInf
	oddNegInf
)

func (a *decimalAcc) grow(n int) {
	a.hi, a.lo, a.scale = vec.Grow(a.hi, n), vec.Grow(a.lo, n), vec.Grow(a.scale, n)
	a.s0, a.c0, a.n = vec.Grow(a.s0, n), vec.Grow(a.c0, n), vec.Grow(a.n, n)
}

func (a *decimalAcc) bytes() int64 {
	return int64(32*cap(a.n)+4*cap(a.scale)) + int64(96*(len(a.more)+len(a.wide)+len(a.odd)))
}

func (a *decimalAcc) reset(g int32) {
	a.hi[g], a.lo[g], a.scale[g], a.s0[g], a.c0[g], a.n[g] = 0, 0, 0, 0, 0, 0
	delete(a.more, g)
	delete(a.wide, g)
	delete(a.odd, g)
}

// add adds (w = +1) or retracts (w = -1) a numeric in its byte form.
func (a *decimalAcc) add(g int32, b []byte, w int64) {
	form, scale := byte(0), uint16(0)
	var coef []byte
	if len(b) > 0 {
		form = b[0]
	}
	if len(b) >= 3 {
		scale, coef = uint16(b[1])<<8|uint16(b[2]), b[3:]
	}
	if form >= 2 {
		a.addOdd(g, int(form)-2, w)
		a.settle(g, w)
		return
	}
	neg := (form == 1) != (w < 0)
	a.countScale(g, scale, w)
	if len(coef) > 16 {
		a.addBig(g, new(big.Int).SetBytes(coef), neg, scale)
	} else {
		h, l := coef128(coef)
		a.addScaled(g, h, l, neg, scale)
	}
	a.settle(g, w)
}

func coef128(coef []byte) (h, l uint64) {
	for _, c := range coef {
		h = h<<8 | l>>56
		l = l<<8 | uint64(c)
	}
	return h, l
}

// settle counts the rows and gives an emptied group its first form back. (A
// partial sum of changes can have no rows on balance and yet not be zero.)
func (a *decimalAcc) settle(g int32, w int64) {
	a.n[g] += w
	if a.n[g] != 0 || a.c0[g] != 0 || a.hi[g] != 0 || a.lo[g] != 0 || len(a.more[g]) != 0 || a.odd[g] != nil {
		return
	}
	if w := a.wide[g]; w == nil || w.Sign() == 0 {
		a.reset(g)
	}
}

func (a *decimalAcc) addOdd(g int32, kind int, w int64) {
	if a.odd == nil {
		a.odd = map[int32]*[3]int64{}
	}
	c := a.odd[g]
	if c == nil {
		c = &[3]int64{}
		a.odd[g] = c
	}
	c[kind] += w
	if *c == [3]int64{} {
		delete(a.odd, g)
	}
}

func (a *decimalAcc) countScale(g int32, scale uint16, w int64) {
	if a.s0[g] == scale {
		a.c0[g] += w
		return
	}
	list := a.more[g]
	if a.c0[g] == 0 && len(list) == 0 {
		a.s0[g], a.c0[g] = scale, w
		return
	}
	for k := range list {
		if list[k].scale == scale {
			if list[k].n += w; list[k].n == 0 {
				list[k] = list[len(list)-1]
				list = list[:len(list)-1]
			}
			a.setMore(g, list)
			return
		}
	}
	a.setMore(g, append(list, scaleCount{scale, w}))
}

func (a *decimalAcc) setMore(g int32, list []scaleCount) {
	if len(list) == 0 {
		delete(a.more, g)
		return
	}
	if a.more == nil {
		a.more = map[int32][]scaleCount{}
	}
	a.more[g] = list
}

// addScaled adds a coefficient below 2^128.
func (a *decimalAcc) addScaled(g int32, h, l uint64, neg bool, scale uint16) {
	if len(a.wide) > 0 && a.wide[g] != nil || h>>63 != 0 {
		a.addBig(g, big128(h, l), neg, scale)
		return
	}
	if s := a.scale[g]; scale != s {
		if a.hi[g] == 0 && a.lo[g] == 0 {
			a.scale[g] = scale
		} else if scale > s {
			if !a.rescale(g, scale) {
				a.addBig(g, big128(h, l), neg, scale)
				return
			}
		} else {
			h2, l2, ok := mulPow10(h, l, int(s-scale))
			if !ok {
				a.addBig(g, big128(h, l), neg, scale)
				return
			}
			h, l = h2, l2
		}
	}
	x := int64(h)
	if neg {
		var borrow uint64
		l, borrow = bits.Sub64(0, l, 0)
		h, _ = bits.Sub64(0, h, borrow)
		x = int64(h)
	}
	lo, carry := bits.Add64(a.lo[g], l, 0)
	old := a.hi[g]
	hi := old + x + int64(carry)
	if (old >= 0) == (x >= 0) && (hi >= 0) != (old >= 0) { // left the range: redo it wide
		w := a.widen(g)
		z := big128s(x, l)
		w.Add(w, z)
		return
	}
	a.lo[g], a.hi[g] = lo, hi
}

// rescale raises the scale of a narrow sum; false when it would not fit.
func (a *decimalAcc) rescale(g int32, scale uint16) bool {
	neg := a.hi[g] < 0
	h, l := abs128(a.hi[g], a.lo[g])
	h, l, ok := mulPow10(h, l, int(scale-a.scale[g]))
	if !ok {
		return false
	}
	if neg {
		var borrow uint64
		l, borrow = bits.Sub64(0, l, 0)
		h, _ = bits.Sub64(0, h, borrow)
	}
	a.hi[g], a.lo[g], a.scale[g] = int64(h), l, scale
	return true
}

// mulPow10 multiplies by 10^k; false when the result needs more than 127 bits.
func mulPow10(h, l uint64, k int) (uint64, uint64, bool) {
	for k > 0 {
		step := min(k, 19)
		p := pow10[step]
		k -= step
		oh, h2 := bits.Mul64(h, p)
		c, l2 := bits.Mul64(l, p)
		sum, carry := bits.Add64(h2, c, 0)
		if oh != 0 || carry != 0 || sum>>63 != 0 {
			return 0, 0, false
		}
		h, l = sum, l2
	}
	return h, l, true
}

var pow10 = func() (p [20]uint64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = p[i-1] * 10
	}
	return p
}()

func big128(h, l uint64) *big.Int {
	z := new(big.Int).SetUint64(h)
	z.Lsh(z, 64)
	return z.Or(z, new(big.Int).SetUint64(l))
}

func big128s(hi int64, lo uint64) *big.Int {
	h, l := abs128(hi, lo)
	z := big128(h, l)
	if hi < 0 {
		z.Neg(z)
	}
	return z
}

// widen moves the group's sum to the side map.
func (a *decimalAcc) widen(g int32) *big.Int {
	if w := a.wide[g]; w != nil {
		return w
	}
	if a.wide == nil {
		a.wide = map[int32]*big.Int{}
	}
	w := big128s(a.hi[g], a.lo[g])
	a.hi[g], a.lo[g] = 0, 0
	a.wide[g] = w
	return w
}

func (a *decimalAcc) addBig(g int32, coef *big.Int, neg bool, scale uint16) {
	w := a.widen(g)
	if scale > a.scale[g] {
		w.Mul(w, bigPow10(int(scale-a.scale[g])))
		a.scale[g] = scale
	} else if scale < a.scale[g] {
		coef.Mul(coef, bigPow10(int(a.scale[g]-scale)))
	}
	if neg {
		w.Sub(w, coef)
	} else {
		w.Add(w, coef)
	}
}

func bigPow10(k int) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(k)), nil)
}

// sum returns the group's sum with the largest display scale of its rows.
func (a *decimalAcc) sum(g int32) types.Decimal {
	if c := a.odd[g]; c != nil {
		switch {
		case c[oddNaN] > 0 || c[oddInf] > 0 && c[oddNegInf] > 0:
			return types.DecimalNaN
		case c[oddInf] > 0:
			return types.DecimalInf
		case c[oddNegInf] > 0:
			return types.DecimalNegInf
		}
	}
	scale := uint16(0)
	if a.c0[g] != 0 {
		scale = a.s0[g]
	}
	for _, m := range a.more[g] {
		scale = max(scale, m.scale)
	}
	var d types.Decimal
	if w := a.wide[g]; w != nil {
		form := byte(0)
		if w.Sign() < 0 {
			form = 1
		}
		b := append([]byte{form, byte(a.scale[g] >> 8), byte(a.scale[g])}, new(big.Int).Abs(w).Bytes()...)
		d = types.DecodeDecimal(b)
	} else {
		var buf [24]byte
		d = types.DecodeDecimal(appendInt128(buf[:0], a.hi[g], a.lo[g], a.scale[g]))
	}
	if scale != a.scale[g] {
		d = d.Round(int(scale)) // exact: the digits dropped are zeros
	}
	return d
}

// encode appends the group's accumulator.
func (a *decimalAcc) encode(g int32, dst []byte) []byte {
	dst = appendInts(dst, a.n[g])
	odd := a.odd[g]
	if odd == nil {
		odd = &[3]int64{}
	}
	dst = appendInts(dst, odd[0], odd[1], odd[2])
	list := a.scales(g)
	dst = binary.AppendUvarint(dst, uint64(len(list)))
	for _, m := range list {
		dst = appendInts(binary.AppendUvarint(dst, uint64(m.scale)), m.n)
	}
	dst = binary.AppendUvarint(dst, uint64(a.scale[g]))
	w := a.wide[g]
	if w == nil {
		w = big128s(a.hi[g], a.lo[g])
	}
	sign := byte(0)
	if w.Sign() < 0 {
		sign = 1
	}
	return appendBytes(append(dst, sign), w.Bytes())
}

// scales lists the display scales that the group's rows have.
func (a *decimalAcc) scales(g int32) []scaleCount {
	var list []scaleCount
	if a.c0[g] != 0 {
		list = append(list, scaleCount{a.s0[g], a.c0[g]})
	}
	return append(list, a.more[g]...)
}

// merge adds (w = +1) or retracts an encoded accumulator to the group.
func (a *decimalAcc) merge(g int32, src []byte, w int64) ([]byte, error) {
	r := reader{b: src}
	n := r.int()
	for kind := range 3 {
		if c := r.int(); c != 0 {
			a.addOdd(g, kind, w*c)
		}
	}
	for range r.uint() {
		scale, c := uint16(r.uint()), r.int()
		if r.bad {
			break
		}
		a.countScale(g, scale, w*c)
	}
	scale := uint16(r.uint())
	if len(r.b) == 0 {
		return nil, errCorrupt()
	}
	neg := r.b[0] == 1
	r.b = r.b[1:]
	coef := r.bytes()
	rest, err := r.done()
	if err != nil {
		return nil, err
	}
	if len(coef) < 16 {
		h, l := coef128(coef)
		a.addScaled(g, h, l, neg != (w < 0), scale)
	} else {
		a.addBig(g, new(big.Int).SetBytes(coef), neg != (w < 0), scale)
	}
	a.settle(g, w*n)
	return rest, nil
}
