package types

import (
	"bytes"
	"math"
	"math/big"
	"strconv"
	"strings"

	"streamdb/internal/sqlerr"
)

// ParseFloat reads a float4 (rounded to it) or float8. Errors: 22P02, and 22003
// when the number is not zero but rounds to zero, or is too large.
func ParseFloat(id ID, s string) (float64, error) {
	name := metas[id].format
	bits := 64
	if id == Float4 {
		bits = 32
	}
	x := trimSpace(s)
	body := x
	if body != "" && (body[0] == '-' || body[0] == '+') {
		body = body[1:]
	}
	switch {
	case body == "" || strings.IndexByte(body, '_') >= 0:
		return 0, errSyntax(name, s)
	case body[0] > '9': // names of non-finite values
		sign := 1
		if x[0] == '-' {
			sign = -1
		}
		switch strings.ToLower(body) {
		case "nan":
			return math.NaN(), nil
		case "inf", "infinity":
			return math.Inf(sign), nil
		}
		return 0, errSyntax(name, s)
	case len(body) > 1 && body[1]|0x20 == 'x' && !strings.ContainsAny(body, "pP"):
		x += "p0"
	}
	f, err := strconv.ParseFloat(x, bits)
	if err != nil {
		if math.IsInf(f, 0) && err.(*strconv.NumError).Err == strconv.ErrRange {
			return 0, errFloatRange(trimSpace(s), name)
		}
		return 0, errSyntax(name, s)
	}
	if f == 0 && hasNonzeroDigit(body) {
		return 0, errFloatRange(trimSpace(s), name)
	}
	return f, nil
}

func errFloatRange(s, name string) error {
	return sqlerr.New(sqlerr.NumericValueOutOfRange, "\"%s\" is out of range for type %s", s, name)
}

// hasNonzeroDigit reports whether the mantissa of a number is not zero.
func hasNonzeroDigit(s string) bool {
	hex := len(s) > 1 && s[1]|0x20 == 'x'
	if hex {
		s = s[2:]
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case c == '0' || c == '.':
		case !hex && c|0x20 == 'e', c|0x20 == 'p':
			return false
		default:
			return true
		}
	}
	return false
}

// AppendFloat appends a float4 or float8 as Postgres prints it: the shortest
// digits that read back the same, or env's RoundFloats.
func AppendFloat(dst []byte, id ID, f float64, env *Env) []byte {
	switch {
	case f != f:
		return append(dst, "NaN"...)
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	}
	bits, limit, digits := 64, 1e15, 15
	if id == Float4 {
		bits, limit, digits = 32, 1e6, 6
	}
	if env != nil && env.RoundFloats {
		return appendFloatRounded(dst, f, bits, max(digits+env.ExtraFloat, 1))
	}
	if a := math.Abs(f); a != 0 && (a < 1e-4 || a >= limit) && (bits == 64 || a >= limit || float32(a) < 1e-4) {
		start := len(dst)
		dst = strconv.AppendFloat(dst, f, 'e', -1, bits)
		if a >= limit && a < 1e40 && onBoundary(dst[start:], f, bits) {
			dst = appendInside(dst[:start], f, bits)
		}
		return dst
	}
	return strconv.AppendFloat(dst, f, 'f', -1, bits)
}

// onBoundary reports whether a shortest form lies half way between f and its
// neighbour. Go takes such a form when it reads back as f (ties to even),
// Postgres does not: 1e23 is 9.999999999999999e+22. Only integers of few digits
// can lie there.
func onBoundary(text []byte, f float64, bits int) bool {
	mantBits := 53
	if bits == 32 {
		mantBits = 24
	}
	_, exp := math.Frexp(f) // f = frac * 2^exp
	if exp <= mantBits {
		return false
	}
	e := bytes.IndexByte(text, 'e')
	exp10, _ := strconv.Atoi(string(text[e+1:]))
	digits := strings.TrimPrefix(strings.Replace(string(text[:e]), ".", "", 1), "-")
	zeros := exp10 - (len(digits) - 1)
	if zeros < 0 {
		return false
	}
	n, _ := new(big.Int).SetString(digits, 10)
	n.Mul(n, bigPow10(zeros))
	exact, _ := big.NewFloat(math.Abs(f)).Int(nil)
	half := new(big.Int).Lsh(bigOne, uint(exp-mantBits-1))
	return n.Sub(n, exact).CmpAbs(half) == 0
}

// appendInside appends the shortest form strictly between f's neighbours.
func appendInside(dst []byte, f float64, bits int) []byte {
	start := len(dst)
	for prec := 0; prec <= 16; prec++ {
		dst = strconv.AppendFloat(dst[:start], f, 'e', prec, bits)
		if g, err := strconv.ParseFloat(string(dst[start:]), bits); err == nil && g == f && !onBoundary(dst[start:], f, bits) {
			break
		}
	}
	return dst
}

// appendFloatRounded is C's %.*g.
func appendFloatRounded(dst []byte, f float64, bits, digits int) []byte {
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, 'e', digits-1, bits)
	e := bytes.LastIndexByte(dst[start:], 'e') + start
	exp, _ := strconv.Atoi(string(dst[e+1:]))
	if exp >= -4 && exp < digits {
		dst = strconv.AppendFloat(dst[:start], f, 'f', digits-1-exp, bits)
		if bytes.IndexByte(dst[start:], '.') < 0 {
			return dst
		}
		dst = bytes.TrimRight(dst, "0")
		return bytes.TrimSuffix(dst, []byte("."))
	}
	tail := string(dst[e:])
	mant := dst[:e]
	if bytes.IndexByte(mant[start:], '.') >= 0 {
		mant = bytes.TrimSuffix(bytes.TrimRight(mant, "0"), []byte("."))
	}
	return append(mant, tail...)
}

// CompareFloat orders floats as Postgres: NaN equals itself and is the biggest; -0 equals 0.
func CompareFloat(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	case a == b:
		return 0
	case a == a: // b is NaN
		return -1
	case b == b: // a is NaN
		return 1
	}
	return 0
}

// FloatToInt rounds half to even as Postgres's casts do; error 22003 when the
// result is outside the integer type.
func FloatToInt(id ID, f float64) (int64, error) {
	r := math.RoundToEven(f)
	lo, hi := IntRange(id)
	// -float64(lo) is hi+1, exact as a float.
	if !(r >= float64(lo) && r < -float64(lo)) {
		if lo == 0 && r >= 0 && r <= float64(hi) {
			return int64(r), nil
		}
		return 0, ErrIntRange(id)
	}
	return int64(r), nil
}

// ToFloat4 rounds to single precision; error 22003 on overflow or underflow.
func ToFloat4(f float64) (float64, error) {
	r := float64(float32(f))
	if math.IsInf(r, 0) && !math.IsInf(f, 0) {
		return 0, ErrFloatOverflow()
	}
	if r == 0 && f != 0 {
		return 0, ErrFloatUnderflow()
	}
	return r, nil
}

// ErrFloatOverflow is Postgres's error for a finite calculation with an infinite result.
func ErrFloatOverflow() error {
	return sqlerr.New(sqlerr.NumericValueOutOfRange, "value out of range: overflow")
}

// ErrFloatUnderflow is Postgres's error for a calculation whose result vanishes.
func ErrFloatUnderflow() error {
	return sqlerr.New(sqlerr.NumericValueOutOfRange, "value out of range: underflow")
}
