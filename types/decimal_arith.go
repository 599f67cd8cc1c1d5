package types

import (
	"math/big"

	"streamdb/internal/sqlerr"
)

// Add is d + o; the scale is the larger one. Error 22003 on overflow.
func (d Decimal) Add(o Decimal) (Decimal, error) {
	if d.form > formNeg || o.form > formNeg {
		return addSpecial(d, o), nil
	}
	return d.addFinite(&o, o.form == formNeg)
}

// Sub is d - o; the scale is the larger one. Error 22003 on overflow.
func (d Decimal) Sub(o Decimal) (Decimal, error) {
	if d.form > formNeg || o.form > formNeg {
		return addSpecial(d, o.Neg()), nil
	}
	return d.addFinite(&o, o.form != formNeg)
}

// addSpecial adds where at least one is not finite.
func addSpecial(a, b Decimal) Decimal {
	switch {
	case a.form == formNaN || b.form == formNaN:
		return DecimalNaN
	case a.IsInf() && b.IsInf():
		if a.form == b.form {
			return a
		}
		return DecimalNaN
	case a.IsInf():
		return a
	}
	return b
}

// addFinite adds |o| with the given sign.
func (d Decimal) addFinite(o *Decimal, oNeg bool) (Decimal, error) {
	neg := d.form == formNeg
	if d.big == nil && o.big == nil {
		x, y, scale := d.coef, o.coef, d.scale
		ok := true
		switch {
		case d.scale < o.scale:
			x, ok = x.scale(int(o.scale - d.scale))
			scale = o.scale
		case d.scale > o.scale:
			y, ok = y.scale(int(d.scale - o.scale))
		}
		if ok {
			if neg == oNeg {
				if z, ok := x.add(y); ok {
					return of128(neg, z, int(scale)), nil
				}
			} else if x.cmp(y) >= 0 {
				return of128(neg, x.sub(y), int(scale)), nil
			} else {
				return of128(oNeg, y.sub(x), int(scale)), nil
			}
		}
	}
	x, y, scale := alignBig(&d, o)
	z := new(big.Int)
	switch {
	case neg == oNeg:
		z.Add(x, y)
	case x.Cmp(y) >= 0:
		z.Sub(x, y)
	default:
		z.Sub(y, x)
		neg = oNeg
	}
	return ofBig(neg, z, scale).check()
}

// Mul is d * o, exact: the scales add up. Error 22003 on overflow.
func (d Decimal) Mul(o Decimal) (Decimal, error) {
	if d.form > formNeg || o.form > formNeg {
		switch {
		case d.form == formNaN || o.form == formNaN || d.IsZero() || o.IsZero():
			return DecimalNaN, nil
		case d.Sign() == o.Sign():
			return DecimalInf, nil
		}
		return DecimalNegInf, nil
	}
	neg := d.form != o.form
	scale := int(d.scale + o.scale)
	if d.big == nil && o.big == nil && scale <= numericMaxScale {
		if z, ok := d.coef.mul(o.coef); ok {
			return of128(neg, z, scale), nil
		}
	}
	r := ofBig(neg, new(big.Int).Mul(d.bigCoef(), o.bigCoef()), scale)
	if scale > numericMaxScale {
		r = r.Round(numericMaxScale)
	}
	return r.check()
}

// weight10000 is Postgres's weight and first digit: the position and value of
// the first base-10000 digit that is not zero.
func (d *Decimal) weight10000() (weight, first int) {
	n := d.digits()
	if n == 0 {
		return 0, 0
	}
	p := n - int(d.scale) // digits before the point
	weight = int(floorDiv(int64(p-1), 4))
	// The first digit is the coefficient cut to the digits at or above weight*4.
	keep := p - weight*4 // 1..4 leading digits
	if keep > n {
		// Fewer digits than that: the rest are zeros.
		v := int(d.leading(n))
		for i := n; i < keep; i++ {
			v *= 10
		}
		return weight, v
	}
	return weight, int(d.leading(keep))
}

// leading is the number made of the first k digits of the coefficient, k <= 19.
func (d *Decimal) leading(k int) uint64 {
	cut := d.digits() - k
	if cut <= 0 {
		return d.coef.lo
	}
	if d.big == nil {
		q, _ := d.coef.div(pow10u128[cut])
		return q.lo
	}
	return new(big.Int).Quo(d.big, bigPow10(cut)).Uint64()
}

// DivScale is the scale of a quotient: Postgres's select_div_scale.
func DivScale(a, b Decimal) int {
	w1, f1 := a.weight10000()
	w2, f2 := b.weight10000()
	q := w1 - w2
	if f1 <= f2 {
		q--
	}
	scale := numericMinSig - q*4
	return min(max(scale, int(a.scale), int(b.scale), 0), numericMaxDispScale)
}

// errDivZero is error 22012.
func errDivZero() error { return sqlerr.New(sqlerr.DivisionByZero, "division by zero") }

// Div is d / o with Postgres's scale, rounded half away from zero. Errors: 22012, 22003.
func (d Decimal) Div(o Decimal) (Decimal, error) {
	if d.form > formNeg || o.form > formNeg {
		switch {
		case d.form == formNaN || o.form == formNaN || d.IsInf() && o.IsInf():
			return DecimalNaN, nil
		case o.IsInf():
			return DecimalZero, nil
		case o.IsZero():
			return d, errDivZero()
		case d.Sign() == o.Sign():
			return DecimalInf, nil
		}
		if o.form == formNeg || d.form == formNegInf {
			return DecimalNegInf, nil
		}
		return DecimalInf, nil
	}
	if o.IsZero() {
		return d, errDivZero()
	}
	return d.DivTo(o, DivScale(d, o))
}

// DivTo is d / o for finite numbers, o not 0, rounded half away from zero to a scale.
func (d Decimal) DivTo(o Decimal, scale int) (Decimal, error) {
	neg := d.form != o.form
	k := scale + int(o.scale) - int(d.scale)
	if d.big == nil && o.big == nil {
		x, y, ok := d.coef, o.coef, true
		if k >= 0 {
			x, ok = x.scale(k)
		} else {
			y, ok = y.scale(-k)
		}
		if ok {
			q, r := x.div(y)
			// Round up when 2r >= y, without overflow: r >= y-r.
			if r.cmp(y.sub(r)) >= 0 {
				q, ok = q.add(u128{0, 1})
			}
			if ok {
				return of128(neg, q, scale), nil
			}
		}
	}
	x, y := d.bigCoef(), o.bigCoef()
	if k >= 0 {
		x = new(big.Int).Mul(x, bigPow10(k))
	} else {
		y = new(big.Int).Mul(y, bigPow10(-k))
	}
	q, r := new(big.Int).QuoRem(x, y, new(big.Int))
	if r.Lsh(r, 1).Cmp(y) >= 0 {
		q.Add(q, bigOne)
	}
	return ofBig(neg, q, scale).check()
}

var bigOne = big.NewInt(1)

// DivTrunc is div(d, o): the quotient cut to an integer. Errors: 22012.
func (d Decimal) DivTrunc(o Decimal) (Decimal, error) {
	if d.form > formNeg || o.form > formNeg {
		return d.Div(o)
	}
	if o.IsZero() {
		return d, errDivZero()
	}
	x, y, _ := alignBig(&d, &o)
	return ofBig(d.form != o.form, new(big.Int).Quo(x, y), 0).check()
}

// Mod is the remainder with the sign of d. Errors: 22012.
func (d Decimal) Mod(o Decimal) (Decimal, error) {
	if d.form > formNeg || o.form > formNeg {
		switch {
		case d.form == formNaN || o.form == formNaN:
			return DecimalNaN, nil
		case o.IsZero() && !o.IsInf():
			return d, errDivZero()
		case d.IsInf():
			return DecimalNaN, nil
		}
		return d, nil
	}
	if o.IsZero() {
		return d, errDivZero()
	}
	neg := d.form == formNeg
	if d.big == nil && o.big == nil {
		x, y, scale, ok := d.coef, o.coef, d.scale, true
		if d.scale < o.scale {
			x, ok = x.scale(int(o.scale - d.scale))
			scale = o.scale
		} else {
			y, ok = y.scale(int(d.scale - o.scale))
		}
		if ok {
			_, r := x.div(y)
			return of128(neg, r, int(scale)), nil
		}
	}
	x, y, scale := alignBig(&d, &o)
	return ofBig(neg, new(big.Int).Rem(x, y), scale), nil
}

// roundMode says what happens to digits that are cut.
type roundMode uint8

const (
	roundHalfAway roundMode = iota
	roundTrunc
	roundAwayFromZero // any rest
)

// rescale brings d to n digits after the point (n < 0: before it).
func (d Decimal) rescale(n int, mode roundMode) Decimal {
	if d.form > formNeg {
		return d
	}
	n = max(min(n, numericMaxResultScal), -numericMaxResultScal)
	if n > numericMaxResultScal/2 && n > int(d.scale) {
		n = max(n, int(d.scale))
	}
	cut := int(d.scale) - n
	if cut <= 0 {
		r := d.scaleUp(-cut)
		r.scale = int32(n)
		return r
	}
	neg := d.form == formNeg
	var out Decimal
	if d.big == nil {
		var q, r, p u128
		if cut < 39 {
			p = pow10u128[cut]
			q, r = d.coef.div(p)
			if mode == roundHalfAway && r.cmp(p.sub(r)) >= 0 || mode == roundAwayFromZero && !r.isZero() {
				q, _ = q.add(u128{0, 1}) // cannot overflow: q < 2^128/10
			}
		} else if mode == roundAwayFromZero && !d.coef.isZero() {
			q = u128{0, 1}
		}
		out = of128(neg, q, max(n, 0))
	} else {
		p := bigPow10(cut)
		q, r := new(big.Int).QuoRem(d.big, p, new(big.Int))
		if mode == roundHalfAway && r.Lsh(r, 1).Cmp(p) >= 0 || mode == roundAwayFromZero && r.Sign() != 0 {
			q.Add(q, bigOne)
		}
		out = ofBig(neg, q, max(n, 0))
	}
	if n < 0 {
		out = out.scaleUp(-n)
		out.scale = 0
	}
	return out
}

// Round rounds half away from zero to n digits after the point; n may be negative.
func (d Decimal) Round(n int) Decimal { return d.rescale(n, roundHalfAway) }

// Trunc cuts to n digits after the point; n may be negative.
func (d Decimal) Trunc(n int) Decimal { return d.rescale(n, roundTrunc) }

// Ceil is the least integer not below d.
func (d Decimal) Ceil() Decimal {
	if d.form == formPos {
		return d.rescale(0, roundAwayFromZero)
	}
	return d.rescale(0, roundTrunc)
}

// Floor is the greatest integer not above d.
func (d Decimal) Floor() Decimal {
	if d.form == formNeg {
		return d.rescale(0, roundAwayFromZero)
	}
	return d.rescale(0, roundTrunc)
}

// TrimScale removes zeros at the end of the fraction.
func (d Decimal) TrimScale() Decimal {
	if d.form > formNeg {
		return d
	}
	return d.Trunc(d.MinScale())
}

// MinScale is the number of digits after the point that are needed.
func (d Decimal) MinScale() int {
	if d.IsZero() {
		return 0
	}
	n := int(d.scale)
	if d.big == nil {
		c := d.coef
		for n > 0 {
			q, r := c.div64(10)
			if r != 0 {
				break
			}
			c = q
			n--
		}
		return n
	}
	ten, r := big.NewInt(10), new(big.Int)
	c := new(big.Int).Set(d.big)
	q := new(big.Int)
	for n > 0 {
		q.QuoRem(c, ten, r)
		if r.Sign() != 0 {
			break
		}
		c, q = q, c
		n--
	}
	return n
}
