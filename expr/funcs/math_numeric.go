package funcs

import (
	"streamdb/expr"
	"streamdb/expr/kernel"
	"streamdb/types"
)

type dec = types.Decimal

// mathMoreFuncs lists the functions over numeric.
func mathMoreFuncs() []*expr.Def {
	d1 := func(name string, eval evalFn, doc string) *expr.Def { return fn(name, ids{tNum}, tNum, eval, doc) }
	pow := kernel.E2(dec.Pow)
	out := []*expr.Def{
		d1("abs", kernel.U1(dec.Abs), "Absolute value"),
		d1("floor", kernel.U1(dec.Floor), "Largest integer not above"),
		d1("round", kernel.U1(func(d dec) dec { return d.Round(0) }), "Nearest integer, halves away from zero"),
		d1("trunc", kernel.U1(func(d dec) dec { return d.Trunc(0) }), "Integer part"),
		fn("round", ids{tNum, tI4}, tNum, kernel.U2(func(d dec, n int64) dec { return d.Round(int(clamp(n))) }), "Rounded to a number of decimal places"),
		fn("trunc", ids{tNum, tI4}, tNum, kernel.U2(func(d dec, n int64) dec { return d.Trunc(int(clamp(n))) }), "Cut to a number of decimal places"),
		d1("sign", kernel.U1(func(d dec) dec {
			if d.IsNaN() {
				return d
			}
			return types.DecimalOfInt(int64(d.Sign()))
		}), "Sign: -1, 0, 1"),
		d1("sqrt", kernel.E1(dec.Sqrt), "Square root"),
		d1("exp", kernel.E1(dec.Exp), "Exponential"),
		d1("ln", kernel.E1(dec.Ln), "Natural logarithm"),
		d1("log", kernel.E1(dec.Log10), "Logarithm to base 10"),
		d1("log10", kernel.E1(dec.Log10), "Logarithm to base 10"),
		fn("log", ids{tNum, tNum}, tNum, kernel.E2(func(b, x dec) (dec, error) { return x.Log(b) }), "Logarithm to a base"),
		op2("^", tNum, tNum, tNum, pow, "Power"),
		fn("mod", ids{tNum, tNum}, tNum, numericOp(dec.Mod), "Remainder"),
		fn("div", ids{tNum, tNum}, tNum, numericOp(dec.DivTrunc), "Quotient, truncated towards zero"),
		fn("scale", ids{tNum}, tI4, kernel.E1(func(d dec) (int64, error) {
			if !d.IsFinite() {
				return 0, kernel.Null
			}
			return int64(d.Scale()), nil
		}), "Number of decimal places"),
		fn("min_scale", ids{tNum}, tI4, kernel.E1(func(d dec) (int64, error) {
			if !d.IsFinite() {
				return 0, kernel.Null
			}
			return int64(d.MinScale()), nil
		}), "Number of decimal places that are needed"),
		d1("trim_scale", kernel.U1(dec.TrimScale), "Without trailing zeros"),
		fn("gcd", ids{tNum, tNum}, tNum, kernel.E2(gcdNumeric), "Greatest common divisor"),
		fn("lcm", ids{tNum, tNum}, tNum, kernel.E2(lcmNumeric), "Least common multiple"),
		fn("width_bucket", ids{tNum, tNum, tNum, tI4}, tI4, kernel.E4(widthBucketNumeric), "Number of the bucket of equal width"),
	}
	out = append(out, aliases(d1("ceil", kernel.U1(dec.Ceil), "Smallest integer not below"), "ceiling")...)
	return append(out, aliases(fn("power", ids{tNum, tNum}, tNum, pow, "Power"), "pow")...)
}

// clamp keeps a scale argument within numeric's limits, as Postgres does.
func clamp(n int64) int64 { return max(-2000, min(n, 2000)) }

func gcdNumeric(a, b dec) (dec, error) {
	if !a.IsFinite() || !b.IsFinite() {
		return types.DecimalNaN, nil
	}
	scale := max(a.Scale(), b.Scale())
	for !b.IsZero() {
		r, err := a.Mod(b)
		if err != nil {
			return r, err
		}
		a, b = b, r
	}
	return a.Abs().Round(scale), nil
}

func lcmNumeric(a, b dec) (dec, error) {
	scale := max(a.Scale(), b.Scale())
	if a.IsFinite() && b.IsFinite() && (a.IsZero() || b.IsZero()) {
		return types.DecimalZero.Round(scale), nil
	}
	g, err := gcdNumeric(a, b)
	if err != nil || !g.IsFinite() {
		return g, err
	}
	q, err := a.DivTrunc(g)
	if err != nil {
		return q, err
	}
	m, err := q.Mul(b)
	return m.Abs().Round(scale), err
}

func widthBucketNumeric(x, lo, hi dec, n int64) (int64, error) {
	switch {
	case n <= 0:
		return 0, errBucket("count must be greater than zero")
	case x.IsNaN() || lo.IsNaN() || hi.IsNaN():
		return 0, errBucket("operand, lower bound, and upper bound cannot be NaN")
	case !lo.IsFinite() || !hi.IsFinite():
		return 0, errBucket("lower and upper bounds must be finite")
	}
	c := lo.Cmp(hi)
	if c == 0 {
		return 0, errBucket("lower bound cannot equal upper bound")
	}
	if c > 0 {
		x, lo, hi = x.Neg(), lo.Neg(), hi.Neg()
	}
	switch {
	case x.Cmp(lo) < 0:
		return 0, nil
	case x.Cmp(hi) >= 0:
		if n == 1<<31-1 {
			return 0, types.ErrIntRange(tI4)
		}
		return n + 1, nil
	}
	a, err := x.Sub(lo)
	if err != nil {
		return 0, err
	}
	if a, err = a.Mul(types.DecimalOfInt(n)); err != nil {
		return 0, err
	}
	w, err := hi.Sub(lo)
	if err != nil {
		return 0, err
	}
	q, err := a.DivTrunc(w)
	if err != nil {
		return 0, err
	}
	i, err := q.ToInt64()
	return i + 1, err
}
