package types

import (
	"math"
	"math/big"

	"streamdb/internal/sqlerr"
)

// The scales of results follow Postgres's numeric.c: at least 16 significant
// digits, and never fewer digits after the point than the arguments show.

// clampScale limits a chosen result scale.
func clampScale(scale int, args ...*Decimal) int {
	for _, a := range args {
		scale = max(scale, int(a.scale))
	}
	return min(max(scale, 0), numericMaxDispScale)
}

// Sqrt is the square root. Error: 2201F for negative numbers.
func (d Decimal) Sqrt() (Decimal, error) {
	switch {
	case d.form == formNaN || d.form == formPosInf:
		return d, nil
	case d.form == formNeg || d.form == formNegInf:
		return d, sqlerr.New(sqlerr.InvalidArgumentForPower, "cannot take square root of a negative number")
	}
	w, _ := d.weight10000()
	var sweight int
	if w >= 0 {
		sweight = w*4/2 + 1
	} else {
		sweight = 1 - (1-w*4)/2
	}
	scale := clampScale(numericMinSig-sweight, &d)
	// sqrt(c * 10^-s) at scale r is sqrt(c * 10^(2r-s)) * 10^-r.
	z := d.bigCoef()
	shift := 2*scale - int(d.scale)
	if shift >= 0 {
		z = new(big.Int).Mul(z, bigPow10(shift))
	} else {
		z = new(big.Int).Quo(z, bigPow10(-shift))
	}
	q := new(big.Int).Sqrt(z)
	rest := new(big.Int).Sub(z, new(big.Int).Mul(q, q))
	if rest.Cmp(q) > 0 { // rest > q: beyond the half
		q.Add(q, bigOne)
	}
	return ofBig(false, q, scale), nil
}

// Exp is e^d. Error: 22003 on overflow.
func (d Decimal) Exp() (Decimal, error) {
	switch d.form {
	case formNaN, formPosInf:
		return d, nil
	case formNegInf:
		return DecimalZero, nil
	}
	f := d.Float64()
	weight := math.Max(math.Min(f*0.434294481903252, numericMaxResultScal), -numericMaxResultScal)
	scale := clampScale(numericMinSig-int(weight), &d)
	return d.expTo(scale, f)
}

// expTo is e^d at a scale; f is d as a float.
func (d *Decimal) expTo(scale int, f float64) (Decimal, error) {
	if math.Abs(f) >= numericMaxResultScal*3 {
		if f > 0 {
			return Decimal{}, errNumericOverflow()
		}
		return Decimal{scale: int32(scale)}, nil
	}
	return ofBigFloat(bigExp(d.bigFloat(bitsOf(scale+max(int(f*0.4343), 0)+12))), scale)
}

// lnWeight estimates the decimal weight of ln(d): Postgres's estimate_ln_dweight.
func (d *Decimal) lnWeight() int {
	if d.form != formPos || d.IsZero() {
		return 0
	}
	if d.Cmp(decNineTenths) >= 0 && d.Cmp(decElevenTenths) <= 0 {
		x, _ := d.Sub(DecimalOne)
		if x.IsZero() {
			return 0
		}
		w, first := x.weight10000()
		return w*4 + int(math.Log10(float64(first)))
	}
	w, first := d.weight10000()
	digits, dw := float64(first), w*4
	// The second base-10000 digit, if there is one.
	if n, p := d.digits(), d.digits()-int(d.scale); n > p-w*4 {
		k := p - w*4 + 4
		lead := float64(d.leading(min(k, n)))
		for i := n; i < k; i++ {
			lead *= 10
		}
		if lead != digits*1e4 || n > k {
			digits, dw = lead, dw-4
		}
	}
	return int(math.Log10(math.Abs(math.Log(digits) + float64(dw)*2.302585092994046)))
}

var (
	decNineTenths   = DecimalOfScaled(9, 1)
	decElevenTenths = DecimalOfScaled(11, 1)
)

// checkLog refuses what has no logarithm (2201E).
func (d Decimal) checkLog() error {
	if d.form == formNaN {
		return nil
	}
	switch d.Sign() {
	case -1:
		return sqlerr.New(sqlerr.InvalidArgumentForLogarithm, "cannot take logarithm of a negative number")
	case 0:
		return sqlerr.New(sqlerr.InvalidArgumentForLogarithm, "cannot take logarithm of zero")
	}
	return nil
}

// Ln is the natural logarithm. Error: 2201E.
func (d Decimal) Ln() (Decimal, error) {
	if err := d.checkLog(); err != nil {
		return d, err
	}
	if d.form > formNeg {
		return d, nil
	}
	return d.lnTo(clampScale(numericMinSig-d.lnWeight(), &d))
}

func (d *Decimal) lnTo(scale int) (Decimal, error) {
	return ofBigFloat(d.lnBig(scale+12), scale)
}

// lnBig is ln(d) with an absolute error below 10^-digits.
func (d *Decimal) lnBig(digits int) *big.Float {
	bits := bitsOf(digits)
	return bigLn(d.bigFloat(bits+32), bits)
}

// Log is the logarithm of d to a base. Errors: 2201E, 22012.
func (d Decimal) Log(base Decimal) (Decimal, error) {
	if d.form == formNaN || base.form == formNaN {
		return DecimalNaN, nil
	}
	if err := base.checkLog(); err != nil {
		return d, err
	}
	if err := d.checkLog(); err != nil {
		return d, err
	}
	switch {
	case base.IsInf() && d.IsInf():
		return DecimalNaN, nil
	case base.IsInf():
		return DecimalZero, nil
	case d.IsInf():
		return DecimalInf, nil
	}
	weight := d.lnWeight() - base.lnWeight()
	scale := clampScale(numericMinSig-weight, &base, &d)
	if base.Cmp(DecimalOne) == 0 {
		return d, errDivZero()
	}
	// Small logarithms need more digits for the same relative error.
	digits := scale + max(weight, 0) + 2*max(-base.lnWeight(), -d.lnWeight(), 0) + 15
	y := base.lnBig(digits)
	return ofBigFloat(y.Quo(d.lnBig(digits), y), scale)
}

// Log10 is the logarithm to base 10. Error: 2201E.
func (d Decimal) Log10() (Decimal, error) { return d.Log(DecimalOfInt(10)) }

// isInt reports whether a finite decimal has no fraction.
func (d *Decimal) isInt() bool { return d.MinScale() == 0 }

// Pow is d^e. Errors: 2201F, 22003, 22012.
func (d Decimal) Pow(e Decimal) (Decimal, error) {
	if d.form > formNeg || e.form > formNeg {
		return powSpecial(d, e)
	}
	if e.isInt() {
		if n, err := e.ToInt(Int4); err == nil {
			return d.powInt(n)
		}
	}
	switch {
	case d.IsZero() && e.form == formNeg:
		return d, sqlerr.New(sqlerr.InvalidArgumentForPower, "zero raised to a negative power is undefined")
	case d.IsZero():
		return Decimal{scale: numericMinSig}, nil
	}
	neg := false
	if d.form == formNeg {
		if !e.isInt() {
			return d, sqlerr.New(sqlerr.InvalidArgumentForPower, "a negative number raised to a non-integer power yields a complex result")
		}
		last, _ := e.Trunc(0).Mod(DecimalOfInt(2))
		neg = !last.IsZero()
		d = d.Neg()
	}
	// A first estimate gives the weight of the result.
	expDigits := max(e.digits()-int(e.scale), 0)
	approx := d.lnBig(expDigits + 20 + max(-d.lnWeight(), 0))
	f, _ := approx.Mul(approx, e.bigFloat(approx.Prec())).Float64()
	if math.Abs(f) > numericMaxResultScal*3.01 {
		if f > 0 {
			return d, errNumericOverflow()
		}
		return Decimal{scale: numericMaxDispScale}, nil
	}
	scale := clampScale(numericMinSig-int(f*0.434294481903252), &d, &e)
	ln := d.lnBig(scale + int(math.Abs(f)*0.4343) + expDigits + 20)
	r, err := ofBigFloat(bigExp(ln.Mul(ln, e.bigFloat(ln.Prec()))), scale)
	if neg {
		r = r.Neg()
	}
	return r, err
}

// powInt raises to an integer power with at least 16 digits after the point.
func (d Decimal) powInt(n int64) (Decimal, error) {
	f := 0.0 // log10 |d^n|
	if !d.IsZero() {
		k := min(d.digits(), 16)
		f = float64(n) * (math.Log10(float64(d.leading(k))) + float64(d.digits()-k-int(d.scale)))
	}
	scale := clampScale(numericMinSig, &d)
	if f > numericMaxDigits {
		return d, errNumericOverflow()
	}
	if f+1 < float64(-scale) {
		return Decimal{scale: int32(scale)}, nil
	}
	switch {
	case n == 0:
		return DecimalOne.Round(scale), nil
	case d.IsZero() && n < 0:
		return d, sqlerr.New(sqlerr.InvalidArgumentForPower, "zero raised to a negative power is undefined")
	case d.IsZero():
		return Decimal{scale: int32(scale)}, nil
	case n == 1:
		return d.Round(scale), nil
	case n == -1:
		return DecimalOne.DivTo(d, scale)
	}
	m := n
	if m < 0 {
		m = -m
	}
	neg := d.form == formNeg && m&1 == 1
	if int64(d.digits())*m < 5000 && int64(d.scale)*m < 5000 {
		// Exact, so that halves round as they should.
		z := new(big.Int).Exp(d.bigCoef(), big.NewInt(m), nil)
		if n > 0 {
			return ofBig(neg, z, int(d.scale)*int(m)).cutTo(scale).check()
		}
		// 1 / (z * 10^-s) at the result's scale.
		num := new(big.Int).Lsh(bigPow10(int(d.scale)*int(m)+scale), 1)
		num.Add(num, z).Quo(num, new(big.Int).Lsh(z, 1))
		return ofBig(neg, num, scale).check()
	}
	x := d.Abs()
	base := x.bigFloat(bitsOf(scale + int(math.Abs(f)) + 40))
	out := new(big.Float).SetPrec(base.Prec()).SetInt64(1)
	for k := m; k > 0; k >>= 1 {
		if k&1 != 0 {
			out.Mul(out, base)
		}
		base.Mul(base, base)
	}
	if n < 0 {
		out.Quo(new(big.Float).SetPrec(out.Prec()).SetInt64(1), out)
	}
	r, err := ofBigFloat(out, scale)
	if neg {
		r = r.Neg()
	}
	return r, err
}

// cutTo rounds half away from zero to a scale, which may be the larger one.
func (d Decimal) cutTo(scale int) Decimal {
	if int(d.scale) <= scale {
		r := d.scaleUp(scale - int(d.scale))
		r.scale = int32(scale)
		return r
	}
	p := bigPow10(int(d.scale) - scale)
	q, r := new(big.Int).QuoRem(d.bigCoef(), p, new(big.Int))
	if r.Lsh(r, 1).Cmp(p) >= 0 {
		q.Add(q, bigOne)
	}
	return ofBig(d.form == formNeg, q, scale)
}

// powSpecial handles NaN and the infinities, as POSIX pow does.
func powSpecial(d, e Decimal) (Decimal, error) {
	one := func(x Decimal) bool { return x.form <= formNeg && x.Cmp(DecimalOne) == 0 }
	switch {
	case d.form == formNaN:
		if e.form <= formNeg && e.IsZero() {
			return DecimalOne, nil
		}
		return DecimalNaN, nil
	case e.form == formNaN:
		if one(d) {
			return DecimalOne, nil
		}
		return DecimalNaN, nil
	case e.form <= formNeg && e.IsZero(), one(d):
		return DecimalOne, nil
	case d.form <= formNeg && d.IsZero():
		if e.Sign() < 0 {
			return d, sqlerr.New(sqlerr.InvalidArgumentForPower, "zero raised to a negative power is undefined")
		}
		return DecimalZero, nil
	case e.IsInf():
		abs := d.Abs().Cmp(DecimalOne)
		if abs == 0 {
			return DecimalOne, nil
		}
		if (abs > 0) == (e.form == formPosInf) {
			return DecimalInf, nil
		}
		return DecimalZero, nil
	case e.form == formNeg: // infinite base
		return DecimalZero, nil
	}
	if d.form == formNegInf {
		if !e.isInt() {
			return d, sqlerr.New(sqlerr.InvalidArgumentForPower, "a negative number raised to a non-integer power yields a complex result")
		}
		if last, _ := e.Trunc(0).Mod(DecimalOfInt(2)); !last.IsZero() {
			return DecimalNegInf, nil
		}
	}
	return DecimalInf, nil
}
