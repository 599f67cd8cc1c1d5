package funcs

import (
	"math"
	"math/big"
	"math/rand/v2"

	"streamdb/expr"
	"streamdb/expr/kernel"
	"streamdb/internal/sqlerr"
	"streamdb/types"
)

// f8 makes a function of one float whose finite argument must not give an
// infinite result.
func f8(f func(float64) float64) evalFn {
	return kernel.E1(func(x float64) (float64, error) {
		r := f(x)
		if math.IsInf(r, 0) && !math.IsInf(x, 0) {
			return 0, types.ErrFloatOverflow()
		}
		return r, nil
	})
}

func errInput() error {
	return sqlerr.New(sqlerr.NumericValueOutOfRange, "input is out of range")
}

// domain makes a function of one float that is defined where ok says.
func domain(ok func(float64) bool, f func(float64) float64) evalFn {
	return kernel.E1(func(x float64) (float64, error) {
		if x == x && !ok(x) {
			return 0, errInput()
		}
		return f(x), nil
	})
}

func anywhere(x float64) bool { return !math.IsInf(x, 0) }

func within1(x float64) bool { return x >= -1 && x <= 1 }

// mathFuncs lists the functions over integers and floats.
func mathFuncs() []*expr.Def {
	var out []*expr.Def
	for _, t := range intTypes {
		out = append(out, fn("abs", ids{t}, t, intAbs(t), "Absolute value"), fn("mod", ids{t, t}, t, intMod(), "Remainder"))
	}
	for _, t := range []id{tI4, tI8} {
		out = append(out, fn("gcd", ids{t, t}, t, kernel.E2(gcdOf(t)), "Greatest common divisor"), fn("lcm", ids{t, t}, t, kernel.E2(lcmOf(t)), "Least common multiple"))
	}
	out = append(out,
		fn("abs", ids{tF4}, tF4, floatUnary(math.Abs), "Absolute value"),
		fn("abs", ids{tF8}, tF8, floatUnary(math.Abs), "Absolute value"),
		fn("floor", ids{tF8}, tF8, floatUnary(math.Floor), "Largest integer not above"),
		fn("round", ids{tF8}, tF8, floatUnary(math.RoundToEven), "Nearest integer, halves to even"),
		fn("trunc", ids{tF8}, tF8, floatUnary(math.Trunc), "Integer part"),
		fn("sign", ids{tF8}, tF8, floatUnary(func(x float64) float64 {
			switch {
			case x > 0:
				return 1
			case x < 0:
				return -1
			}
			return x * 0 // 0, or NaN
		}), "Sign: -1, 0, 1"),
		fn("sqrt", ids{tF8}, tF8, kernel.E1(sqrtFloat), "Square root"),
		op1("|/", tF8, tF8, kernel.E1(sqrtFloat), "Square root"),
		fn("cbrt", ids{tF8}, tF8, floatUnary(math.Cbrt), "Cube root"),
		op1("||/", tF8, tF8, floatUnary(math.Cbrt), "Cube root"),
		op2("^", tF8, tF8, tF8, kernel.E2(powFloat), "Power"),
		fn("exp", ids{tF8}, tF8, kernel.E1(expFloat), "Exponential"),
		fn("ln", ids{tF8}, tF8, kernel.E1(logFloat(math.Log)), "Natural logarithm"),
		fn("log", ids{tF8}, tF8, kernel.E1(logFloat(math.Log10)), "Logarithm to base 10"),
		fn("log10", ids{tF8}, tF8, kernel.E1(logFloat(math.Log10)), "Logarithm to base 10"),
		fn("pi", ids{}, tF8, kernel.M0(func(*expr.CallCtx) func() (float64, error) {
			return func() (float64, error) { return math.Pi, nil }
		}), "The number pi"),
		fn("degrees", ids{tF8}, tF8, f8(func(x float64) float64 { return x / (math.Pi / 180) }), "Radians to degrees"),
		fn("radians", ids{tF8}, tF8, f8(func(x float64) float64 { return x * (math.Pi / 180) }), "Degrees to radians"),
		volatile(fn("random", ids{}, tF8, kernel.M0(func(*expr.CallCtx) func() (float64, error) {
			return func() (float64, error) { return rand.Float64(), nil }
		}), "Random number from 0 up to 1")),
		fn("gamma", ids{tF8}, tF8, kernel.E1(gammaFloat), "Gamma function"),
		fn("lgamma", ids{tF8}, tF8, kernel.E1(lgammaFloat), "Logarithm of the gamma function's absolute value"),
		fn("factorial", ids{tI8}, tNum, kernel.E1(factorial), "Factorial"),
		fn("width_bucket", ids{tF8, tF8, tF8, tI4}, tI4, kernel.E4(widthBucket), "Number of the bucket of equal width"),
	)
	out = append(out, aliases(fn("power", ids{tF8, tF8}, tF8, kernel.E2(powFloat), "Power"), "pow")...)
	out = append(out, aliases(fn("ceil", ids{tF8}, tF8, floatUnary(math.Ceil), "Smallest integer not below"), "ceiling")...)
	return append(out, trigFuncs()...)
}

func trigFuncs() []*expr.Def {
	var out []*expr.Def
	add := func(name string, eval evalFn, doc string) { out = append(out, fn(name, ids{tF8}, tF8, eval, doc)) }
	add("sin", domain(anywhere, math.Sin), "Sine")
	add("cos", domain(anywhere, math.Cos), "Cosine")
	add("tan", domain(anywhere, math.Tan), "Tangent")
	add("cot", domain(anywhere, func(x float64) float64 { return 1 / math.Tan(x) }), "Cotangent")
	add("asin", domain(within1, math.Asin), "Inverse sine")
	add("acos", domain(within1, math.Acos), "Inverse cosine")
	add("atan", floatUnary(math.Atan), "Inverse tangent")
	add("sinh", floatUnary(math.Sinh), "Hyperbolic sine")
	add("cosh", floatUnary(math.Cosh), "Hyperbolic cosine")
	add("tanh", floatUnary(math.Tanh), "Hyperbolic tangent")
	add("asinh", floatUnary(math.Asinh), "Inverse hyperbolic sine")
	add("acosh", domain(func(x float64) bool { return x >= 1 }, math.Acosh), "Inverse hyperbolic cosine")
	add("atanh", domain(within1, math.Atanh), "Inverse hyperbolic tangent")
	add("sind", domain(anywhere, sinDegrees), "Sine of degrees")
	add("cosd", domain(anywhere, cosDegrees), "Cosine of degrees")
	add("tand", domain(anywhere, func(x float64) float64 { return sinDegrees(x) / cosDegrees(x) / tan45 }), "Tangent of degrees")
	add("cotd", domain(anywhere, func(x float64) float64 { return cosDegrees(x) / sinDegrees(x) / cot45 }), "Cotangent of degrees")
	add("asind", domain(within1, asinDegrees), "Inverse sine in degrees")
	add("acosd", domain(within1, acosDegrees), "Inverse cosine in degrees")
	add("atand", floatUnary(func(x float64) float64 { return math.Atan(x) / math.Atan(1) * 45 }), "Inverse tangent in degrees")
	return append(out,
		fn("atan2", ids{tF8, tF8}, tF8, kernel.U2(math.Atan2), "Inverse tangent of y/x"),
		fn("atan2d", ids{tF8, tF8}, tF8, kernel.U2(func(y, x float64) float64 { return math.Atan2(y, x) / math.Atan(1) * 45 }), "Inverse tangent of y/x in degrees"))
}

func sqrtFloat(x float64) (float64, error) {
	if x < 0 {
		return 0, sqlerr.New(sqlerr.InvalidArgumentForPower, "cannot take square root of a negative number")
	}
	return math.Sqrt(x), nil
}

func powFloat(x, y float64) (float64, error) {
	switch {
	case x == 0 && y < 0:
		return 0, sqlerr.New(sqlerr.InvalidArgumentForPower, "zero raised to a negative power is undefined")
	case x < 0 && y == y && y != math.Floor(y):
		return 0, sqlerr.New(sqlerr.InvalidArgumentForPower, "a negative number raised to a non-integer power yields a complex result")
	}
	r := math.Pow(x, y)
	finite := !math.IsInf(x, 0) && !math.IsInf(y, 0)
	if finite && math.IsInf(r, 0) {
		return 0, types.ErrFloatOverflow()
	}
	if finite && r == 0 && x != 0 {
		return 0, types.ErrFloatUnderflow()
	}
	return r, nil
}

func expFloat(x float64) (float64, error) {
	r := math.Exp(x)
	if !math.IsInf(x, 0) && math.IsInf(r, 0) {
		return 0, types.ErrFloatOverflow()
	}
	if !math.IsInf(x, 0) && r == 0 {
		return 0, types.ErrFloatUnderflow()
	}
	return r, nil
}

func logFloat(f func(float64) float64) func(float64) (float64, error) {
	return func(x float64) (float64, error) {
		if err := checkLog(x == 0, x < 0); err != nil {
			return 0, err
		}
		return f(x), nil
	}
}

func checkLog(zero, negative bool) error {
	switch {
	case zero:
		return sqlerr.New(sqlerr.InvalidArgumentForLogarithm, "cannot take logarithm of zero")
	case negative:
		return sqlerr.New(sqlerr.InvalidArgumentForLogarithm, "cannot take logarithm of a negative number")
	}
	return nil
}

func gcd64(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

func magnitude(x int64) uint64 {
	if x < 0 {
		return -uint64(x)
	}
	return uint64(x)
}

func gcdOf(t id) func(a, b int64) (int64, error) {
	_, hi := types.IntRange(t)
	return func(a, b int64) (int64, error) {
		g := gcd64(magnitude(a), magnitude(b))
		if g > uint64(hi) {
			return 0, types.ErrIntRange(t)
		}
		return int64(g), nil
	}
}

func lcmOf(t id) func(a, b int64) (int64, error) {
	_, hi := types.IntRange(t)
	return func(a, b int64) (int64, error) {
		if a == 0 || b == 0 {
			return 0, nil
		}
		x, y := magnitude(a), magnitude(b)
		x /= gcd64(x, y)
		z := new(big.Int).Mul(new(big.Int).SetUint64(x), new(big.Int).SetUint64(y))
		if !z.IsInt64() || z.Int64() > hi {
			return 0, types.ErrIntRange(t)
		}
		return z.Int64(), nil
	}
}

func factorial(n int64) (types.Decimal, error) {
	if n < 0 {
		return types.Decimal{}, sqlerr.New(sqlerr.NumericValueOutOfRange, "factorial of a negative number is undefined")
	}
	if n > 32177 {
		return types.Decimal{}, sqlerr.New(sqlerr.NumericValueOutOfRange, "value overflows numeric format")
	}
	return types.ParseDecimal(new(big.Int).MulRange(1, max(n, 1)).String())
}

func errBucket(msg string) error {
	return sqlerr.New("2201G", "%s", msg)
}

func widthBucket(x, lo, hi float64, n int64) (int64, error) {
	switch {
	case n <= 0:
		return 0, errBucket("count must be greater than zero")
	case x != x || lo != lo || hi != hi:
		return 0, errBucket("operand, lower bound, and upper bound cannot be NaN")
	case math.IsInf(lo, 0) || math.IsInf(hi, 0):
		return 0, errBucket("lower and upper bounds must be finite")
	case lo == hi:
		return 0, errBucket("lower bound cannot equal upper bound")
	}
	at := func(x, lo, hi float64) int64 {
		switch {
		case x < lo:
			return 0
		case x >= hi:
			return n + 1
		}
		return min(int64(float64(n)*((x-lo)/(hi-lo)))+1, n)
	}
	if lo < hi {
		return at(x, lo, hi), nil
	}
	return at(-x, -lo, -hi), nil
}
