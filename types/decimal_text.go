package types

import (
	"math"
	"math/big"
	"strconv"
	"strings"

	"streamdb/internal/sqlerr"
)

// ParseDecimal reads a numeric: digits with a point and an exponent, NaN,
// Infinity. Errors: 22P02, 22003.
func ParseDecimal(s string) (Decimal, error) {
	x := trimSpace(s)
	neg := false
	body := x
	if body != "" && (body[0] == '+' || body[0] == '-') {
		neg = body[0] == '-'
		body = body[1:]
	}
	if body == "" {
		return Decimal{}, errSyntax("numeric", s)
	}
	if body[0] > '9' {
		switch strings.ToLower(body) {
		case "nan":
			if len(body) == len(x) {
				return DecimalNaN, nil
			}
		case "inf", "infinity":
			if neg {
				return DecimalNegInf, nil
			}
			return DecimalInf, nil
		}
		return Decimal{}, errSyntax("numeric", s)
	}
	var coef u128
	small := true
	i, scale, digits, point := 0, 0, 0, -1
	for ; i < len(body); i++ {
		c := body[i]
		if c == '.' {
			if point >= 0 {
				return Decimal{}, errSyntax("numeric", s)
			}
			point = i
			continue
		}
		if c -= '0'; c > 9 {
			break
		}
		digits++
		if point >= 0 {
			scale++
		}
		if small {
			next, ok := coef.mul64(10)
			if ok {
				next, ok = next.add(u128{0, uint64(c)})
			}
			if ok {
				coef = next
			} else {
				small = false
			}
		}
	}
	if digits == 0 {
		return Decimal{}, errSyntax("numeric", s)
	}
	exp := 0
	if i < len(body) {
		if body[i]|0x20 != 'e' {
			return Decimal{}, errSyntax("numeric", s)
		}
		e, syntax, overflow := scanInt(body[i+1:])
		if syntax || isSpace(body[len(body)-1]) || i+1 < len(body) && isSpace(body[i+1]) {
			return Decimal{}, errSyntax("numeric", s)
		}
		if overflow || e >= math.MaxInt32/2 || e <= -math.MaxInt32/2 {
			return Decimal{}, errNumericOverflow()
		}
		exp = int(e)
	}
	d := Decimal{}
	if small {
		d.coef = coef
	} else {
		z, _ := new(big.Int).SetString(strings.Replace(body[:i], ".", "", 1), 10)
		d = ofBig(false, z, 0)
	}
	if exp != 0 {
		scale -= exp
		if scale < 0 {
			if !d.IsZero() {
				if d.digits()-scale > numericMaxDigits {
					return Decimal{}, errNumericOverflow()
				}
				d = d.scaleUp(-scale)
			}
			scale = 0
		}
	}
	if scale > numericMaxScale {
		return Decimal{}, errNumericOverflow()
	}
	d.scale = int32(scale)
	if neg && !d.IsZero() {
		d.form = formNeg
	}
	return d.check()
}

// scaleUp multiplies the coefficient by 10^n, leaving the scale alone.
func (d Decimal) scaleUp(n int) Decimal {
	if d.big == nil {
		if c, ok := d.coef.scale(n); ok {
			d.coef = c
			return d
		}
	}
	neg := d.form == formNeg
	return ofBig(neg, new(big.Int).Mul(d.bigCoef(), bigPow10(n)), int(d.scale))
}

// AppendNumeric appends the text of a numeric's byte form.
func AppendNumeric(dst, b []byte) []byte { return DecodeDecimal(b).Append(dst) }

// String is the text form.
func (d Decimal) String() string { return string(d.Append(nil)) }

// Append appends the text form: all digits, scale digits after the point.
func (d Decimal) Append(dst []byte) []byte {
	switch d.form {
	case formNaN:
		return append(dst, "NaN"...)
	case formPosInf:
		return append(dst, "Infinity"...)
	case formNegInf:
		return append(dst, "-Infinity"...)
	case formNeg:
		dst = append(dst, '-')
	}
	start, scale := len(dst), int(d.scale)
	switch {
	case d.big != nil:
		dst = d.big.Append(dst, 10)
	case d.coef.hi == 0:
		dst = strconv.AppendUint(dst, d.coef.lo, 10)
	default:
		// 2^128 < 10^39: at most three groups of 19 digits.
		q, low := d.coef.div64(pow10s[19])
		if q.hi == 0 && q.lo < pow10s[19] {
			dst = strconv.AppendUint(dst, q.lo, 10)
		} else {
			top, mid := q.div64(pow10s[19])
			dst = strconv.AppendUint(dst, top.lo, 10)
			dst = appendPadded(dst, mid)
		}
		dst = appendPadded(dst, low)
	}
	if scale == 0 {
		return dst
	}
	// Make room for zeros before the digits, then for the point.
	if missing := scale + 1 - (len(dst) - start); missing > 0 {
		n := len(dst) - start
		for range missing {
			dst = append(dst, '0')
		}
		copy(dst[start+missing:], dst[start:start+n])
		for i := start; i < start+missing; i++ {
			dst[i] = '0'
		}
	}
	dst = append(dst, 0)
	p := len(dst) - 1 - scale
	copy(dst[p+1:], dst[p:len(dst)-1])
	dst[p] = '.'
	return dst
}

// appendPadded appends 19 digits.
func appendPadded(dst []byte, x uint64) []byte {
	var buf [19]byte
	for i := 18; i >= 0; i-- {
		buf[i] = byte('0' + x%10)
		x /= 10
	}
	return append(dst, buf[:]...)
}

// DecimalOfFloat converts as Postgres's cast: 15 significant digits of a
// double, 6 of a real.
func DecimalOfFloat(id ID, f float64) Decimal {
	switch {
	case f != f:
		return DecimalNaN
	case math.IsInf(f, 1):
		return DecimalInf
	case math.IsInf(f, -1):
		return DecimalNegInf
	}
	digits := 15
	if id == Float4 {
		digits = 6
	}
	var buf [64]byte
	d, err := ParseDecimal(stringOf(appendFloatRounded(buf[:0], f, 64, digits)))
	if err != nil {
		return DecimalNaN // unreachable: a double has at most 309 digits before the point
	}
	return d
}

// parseFloatLoose is the nearest double, infinite beyond its range.
func parseFloatLoose(s string) float64 {
	f, _ := strconv.ParseFloat(s, 64)
	return f
}

// ToFloat converts to float4 or float8; error 22003 when the number is beyond
// the range or too small to be told from 0.
func (d Decimal) ToFloat(id ID) (float64, error) {
	f := d.Float64()
	if d.form >= formNaN {
		return f, nil
	}
	if id == Float4 {
		var buf [64]byte
		g, _ := strconv.ParseFloat(stringOf(d.Append(buf[:0])), 32)
		f = g
	}
	if math.IsInf(f, 0) || f == 0 && !d.IsZero() {
		return 0, errFloatRange(d.String(), metas[id].format)
	}
	return f, nil
}

// NumericMod splits the modifiers of a numeric type.
func (t T) NumericMod() (precision, scale int, ok bool) {
	if t.ID != Numeric || t.Mod <= 0 {
		return 0, 0, false
	}
	m := t.Mod - 1
	return int(m >> 16), int(int16(m)), true
}

// NumericOf is numeric(precision, scale).
func NumericOf(precision, scale int) T {
	return T{ID: Numeric, Mod: int32(precision<<16|int(uint16(scale))) + 1}
}

func numericWithMod(t T, args []int64) (T, error) {
	if len(args) > 2 {
		return t, sqlerr.New(sqlerr.InvalidParameterValue, "invalid NUMERIC type modifier")
	}
	if args[0] < 1 || args[0] > 1000 {
		return t, sqlerr.New(sqlerr.InvalidParameterValue, "NUMERIC precision %d must be between 1 and 1000", args[0])
	}
	scale := int64(0)
	if len(args) == 2 {
		scale = args[1]
		if scale < -1000 || scale > 1000 {
			return t, sqlerr.New(sqlerr.InvalidParameterValue, "NUMERIC scale %d must be between -1000 and 1000", scale)
		}
	}
	return NumericOf(int(args[0]), int(scale)), nil
}

// ApplyMod rounds to the scale of numeric(p,s) and checks its precision: 22003
// with Postgres's detail.
func (d Decimal) ApplyMod(t T) (Decimal, error) {
	p, s, ok := t.NumericMod()
	if !ok || d.form == formNaN {
		return d, nil
	}
	if d.IsInf() {
		return d, sqlerr.New(sqlerr.NumericValueOutOfRange, "numeric field overflow").
			WithDetail("A field with precision %d, scale %d cannot hold an infinite value.", p, s)
	}
	d = d.Round(s)
	if n := d.digits() - int(d.scale); !d.IsZero() && n > p-s {
		limit := "1"
		if p-s != 0 {
			limit = "10^" + strconv.Itoa(p-s)
		}
		return d, sqlerr.New(sqlerr.NumericValueOutOfRange, "numeric field overflow").
			WithDetail("A field with precision %d, scale %d must round to an absolute value less than %s.", p, s, limit)
	}
	return d, nil
}
