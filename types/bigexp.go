package types

import (
	"math"
	"math/big"
)

// bitsOf is the number of bits that hold a number of decimal digits, with room
// for the rounding errors of a few hundred operations.
func bitsOf(digits int) uint { return uint(float64(max(digits, 20))*3.3219281) + 96 }

// bigFloat converts a finite decimal.
func (d *Decimal) bigFloat(prec uint) *big.Float {
	f := new(big.Float).SetPrec(prec).SetInt(d.bigCoef())
	if d.scale > 0 {
		f.Quo(f, new(big.Float).SetPrec(prec).SetInt(bigPow10(int(d.scale))))
	}
	if d.form == formNeg {
		f.Neg(f)
	}
	return f
}

// ofBigFloat rounds half away from zero to a scale.
func ofBigFloat(f *big.Float, scale int) (Decimal, error) {
	x := new(big.Float).SetPrec(f.Prec()).Abs(f)
	x.Mul(x, new(big.Float).SetPrec(f.Prec()).SetInt(bigPow10(scale)))
	x.Add(x, big.NewFloat(0.5))
	z, _ := x.Int(nil)
	return ofBig(f.Sign() < 0, z, scale).check()
}

// bigExp is e^x with the precision of x: Taylor's series of x/2^k, squared k times.
func bigExp(x *big.Float) *big.Float {
	prec := x.Prec()
	k := max(x.MantExp(nil), 0) + int(math.Sqrt(float64(prec))/2) + 4
	prec += uint(k) // every squaring doubles the error
	r := new(big.Float).SetPrec(prec).SetMantExp(x, -k)
	sum := new(big.Float).SetPrec(prec).SetInt64(1)
	term := new(big.Float).SetPrec(prec).SetInt64(1)
	n := new(big.Float).SetPrec(prec)
	for i := int64(1); ; i++ {
		term.Mul(term, r)
		term.Quo(term, n.SetInt64(i))
		if term.Sign() == 0 || term.MantExp(nil) < -int(prec) {
			break
		}
		sum.Add(sum, term)
	}
	for range k {
		sum.Mul(sum, sum)
	}
	return sum
}

// bigLn is ln(x), x > 0, to an absolute error of about 2^-bits, where x has a
// few bits more than that. Halley's iteration y += 2 (x - e^y) / (x + e^y)
// triples the digits from those of a float64.
func bigLn(x *big.Float, bits uint) *big.Float {
	mant := new(big.Float)
	exp := x.MantExp(mant)
	m, _ := mant.Float64()
	prec := x.Prec() + 32
	y := new(big.Float).SetPrec(prec).SetFloat64(math.Log(m) + float64(exp)*math.Ln2)
	for good := 36.0; ; good *= 3 {
		e := bigExp(y)
		num := new(big.Float).SetPrec(prec).Sub(x, e)
		den := new(big.Float).SetPrec(prec).Add(x, e)
		num.Quo(num, den)
		y.Add(y, num.SetMantExp(num, 1))
		if good*3 > float64(bits)+8 || num.Sign() == 0 {
			return y
		}
	}
}
