package types

import (
	"encoding/binary"
	"math"
	"math/big"
	"math/bits"
	"slices"

	"streamdb/internal/sqlerr"
)

// Decimal is the decoded form of a numeric: (-1)^neg * coefficient * 10^-scale,
// with coefficients below 2^128 in two words and larger ones in a big.Int, or
// NaN or an infinity. It is a value; it never changes what it points to.
//
// The byte form in columns:
//
//	1 byte  form: 0 positive or zero, 1 negative, 2 NaN, 3 Infinity, 4 -Infinity
//	2 bytes display scale, big-endian          (finite only)
//	rest    coefficient, big-endian, minimal   (finite only; empty for 0)
type Decimal struct {
	form  uint8
	scale int32 // display scale, >= 0
	coef  u128
	big   *big.Int // the coefficient when it needs more than 128 bits
}

// Forms of a Decimal, as in the byte form.
const (
	formPos uint8 = iota
	formNeg
	formNaN
	formPosInf
	formNegInf
)

// Limits of Postgres's numeric.
const (
	numericMaxScale      = 16383            // NUMERIC_DSCALE_MAX
	numericMaxDigits     = (0x7fff + 1) * 4 // digits before the point
	numericMinSig        = 16
	numericMaxDispScale  = 1000
	numericMaxResultScal = 2000
)

// Zero, One and NaN as decimals.
var (
	DecimalZero   = Decimal{}
	DecimalOne    = Decimal{coef: u128{0, 1}}
	DecimalNaN    = Decimal{form: formNaN}
	DecimalInf    = Decimal{form: formPosInf}
	DecimalNegInf = Decimal{form: formNegInf}
)

// DecimalOfInt makes an integer.
func DecimalOfInt(i int64) Decimal {
	if i < 0 {
		return Decimal{form: formNeg, coef: u128{0, uint64(-i)}}
	}
	return Decimal{coef: u128{0, uint64(i)}}
}

// DecimalOfScaled makes unscaled * 10^-scale, 0 <= scale <= 16383.
func DecimalOfScaled(unscaled int64, scale int) Decimal {
	d := DecimalOfInt(unscaled)
	d.scale = int32(scale)
	return d
}

// DecodeDecimal reads the byte form, without allocating while the coefficient
// fits 128 bits.
func DecodeDecimal(b []byte) Decimal {
	if len(b) < 3 {
		if len(b) == 0 {
			return Decimal{}
		}
		return Decimal{form: b[0]}
	}
	d := Decimal{form: b[0], scale: int32(b[1])<<8 | int32(b[2])}
	c := b[3:]
	switch {
	case len(c) <= 8:
		for _, x := range c {
			d.coef.lo = d.coef.lo<<8 | uint64(x)
		}
	case len(c) <= 16:
		n := len(c) - 8
		for _, x := range c[:n] {
			d.coef.hi = d.coef.hi<<8 | uint64(x)
		}
		d.coef.lo = binary.BigEndian.Uint64(c[n:])
	default:
		d.big = new(big.Int).SetBytes(c)
	}
	return d
}

// AppendDecimal appends the byte form.
func AppendDecimal(dst []byte, d Decimal) []byte {
	if d.form >= formNaN {
		return append(dst, d.form)
	}
	dst = append(dst, d.form, byte(d.scale>>8), byte(d.scale))
	if d.big != nil {
		return append(dst, d.big.Bytes()...)
	}
	if d.coef.hi != 0 {
		dst = appendMinimal(dst, d.coef.hi)
		return binary.BigEndian.AppendUint64(dst, d.coef.lo)
	}
	return appendMinimal(dst, d.coef.lo)
}

// appendMinimal appends x big-endian without leading zero bytes.
func appendMinimal(dst []byte, x uint64) []byte {
	n := (bits.Len64(x) + 7) / 8
	return binary.BigEndian.AppendUint64(dst, x<<(64-8*n))[:len(dst)+n]
}

// AppendProduct appends the byte form of d * y. ok: d is a number of at most 64
// bits, and so is the product; otherwise dst is as it was, and Mul has to do it.
func AppendProduct(dst []byte, d *Decimal, y int64) (_ []byte, ok bool) {
	if d.form > formNeg || d.big != nil || d.coef.hi != 0 {
		return dst, false
	}
	form, m := d.form, uint64(y)
	if y < 0 {
		form, m = form^formNeg, -m
	}
	hi, lo := bits.Mul64(d.coef.lo, m)
	if hi != 0 {
		return dst, false
	}
	if lo == 0 {
		form = formPos
	}
	return appendMinimal(append(dst, form, byte(d.scale>>8), byte(d.scale)), lo), true
}

// AppendProducts appends the byte forms of d times each of ys, as AppendProduct does,
// and sets where they end in dst. ok: AppendProduct could have appended them all;
// otherwise dst is as it was.
func AppendProducts(dst []byte, ends []int32, d *Decimal, ys []int64) (_ []byte, ok bool) {
	const most = 3 + 8 // bytes of a product
	if d.form > formNeg || d.big != nil || d.coef.hi != 0 {
		return dst, false
	}
	from, by, high := len(dst), d.coef.lo, uint64(0)
	dst = slices.Grow(dst, most*len(ys))
	to := dst[:from+most*len(ys)]
	at := from
	for i, y := range ys[:len(ends)] {
		sign := y >> 63
		hi, lo := bits.Mul64(by, uint64((y^sign)-sign))
		high |= hi
		form := d.form ^ byte(sign)&formNeg
		if lo == 0 {
			form = formPos
		}
		n := (bits.Len64(lo) + 7) >> 3
		one := (*[most]byte)(to[at:])
		one[0], one[1], one[2] = form, byte(d.scale>>8), byte(d.scale)
		binary.BigEndian.PutUint64(one[3:], lo<<(-8*n&63))
		at += 3 + n
		ends[i] = int32(at)
	}
	if high != 0 {
		return dst, false
	}
	return to[:at], true
}

// Datum returns the decimal as a value.
func (d Decimal) Datum() Datum {
	var buf [24]byte
	return Datum{S: string(AppendDecimal(buf[:0], d))}
}

// IsNaN reports whether d is NaN.
func (d Decimal) IsNaN() bool { return d.form == formNaN }

// IsInf reports whether d is an infinity.
func (d Decimal) IsInf() bool { return d.form >= formPosInf }

// IsFinite reports whether d is a number.
func (d Decimal) IsFinite() bool { return d.form <= formNeg }

// IsZero reports whether d is 0.
func (d Decimal) IsZero() bool { return d.form <= formNeg && d.big == nil && d.coef.isZero() }

// Scale is the display scale: digits shown after the point.
func (d Decimal) Scale() int { return int(d.scale) }

// Sign is -1, 0 or 1; 0 for NaN.
func (d Decimal) Sign() int {
	switch {
	case d.form == formNaN || d.IsZero():
		return 0
	case d.form == formNeg || d.form == formNegInf:
		return -1
	}
	return 1
}

// bigCoef is the coefficient as a big.Int; not to be changed.
func (d *Decimal) bigCoef() *big.Int {
	if d.big != nil {
		return d.big
	}
	return d.coef.big()
}

// ofBig makes a finite decimal of a magnitude, which it owns, in canonical form.
func ofBig(neg bool, z *big.Int, scale int) Decimal {
	d := Decimal{scale: int32(scale)}
	if c, ok := u128OfBig(z); ok {
		d.coef = c
	} else {
		d.big = z
	}
	if neg && !d.IsZero() {
		d.form = formNeg
	}
	return d
}

func of128(neg bool, c u128, scale int) Decimal {
	d := Decimal{scale: int32(scale), coef: c}
	if neg && !c.isZero() {
		d.form = formNeg
	}
	return d
}

// digits is the number of decimal digits of the coefficient; 0 for zero.
func (d *Decimal) digits() int {
	if d.big == nil {
		return d.coef.digits10()
	}
	// BitLen gives the number of digits up to one.
	n := int(float64(d.big.BitLen()-1) * 0.30102999566398119521)
	if d.big.CmpAbs(bigPow10(n)) >= 0 {
		n++
	}
	if d.big.CmpAbs(bigPow10(n)) >= 0 { // float error on huge numbers
		n++
	}
	return n
}

// errNumericOverflow is error 22003, "value overflows numeric format".
func errNumericOverflow() error {
	return sqlerr.New(sqlerr.NumericValueOutOfRange, "value overflows numeric format")
}

// check refuses numbers beyond Postgres's limits.
func (d Decimal) check() (Decimal, error) {
	if d.scale > numericMaxScale {
		return d, errNumericOverflow()
	}
	if d.big != nil && d.digits()-int(d.scale) > numericMaxDigits {
		return d, errNumericOverflow()
	}
	return d, nil
}

// Neg is -d.
func (d Decimal) Neg() Decimal {
	switch d.form {
	case formPos:
		if !d.IsZero() {
			d.form = formNeg
		}
	case formNeg:
		d.form = formPos
	case formPosInf:
		d.form = formNegInf
	case formNegInf:
		d.form = formPosInf
	}
	return d
}

// Abs is |d|.
func (d Decimal) Abs() Decimal {
	if d.form == formNeg || d.form == formNegInf {
		return d.Neg()
	}
	return d
}

// rank orders the forms: -Infinity, finite, Infinity, NaN.
func (d Decimal) rank() int {
	switch d.form {
	case formNaN:
		return 3
	case formPosInf:
		return 2
	case formNegInf:
		return 0
	}
	return 1
}

// Cmp compares values; scales do not matter (1.0 = 1.00). NaN equals itself and is the biggest.
func (d Decimal) Cmp(o Decimal) int {
	if r, s := d.rank(), o.rank(); r != s || r != 1 {
		return cmpInt(int64(r), int64(s))
	}
	neg := d.form == formNeg
	if neg != (o.form == formNeg) {
		if neg {
			return -1
		}
		return 1
	}
	c := d.cmpAbs(&o)
	if neg {
		return -c
	}
	return c
}

func (d *Decimal) cmpAbs(o *Decimal) int {
	if d.big == nil && o.big == nil {
		if d.scale == o.scale {
			return d.coef.cmp(o.coef)
		}
		if d.scale < o.scale {
			if a, ok := d.coef.scale(int(o.scale - d.scale)); ok {
				return a.cmp(o.coef)
			}
			return 1
		}
		if b, ok := o.coef.scale(int(d.scale - o.scale)); ok {
			return d.coef.cmp(b)
		}
		return -1
	}
	a, b, _ := alignBig(d, o)
	return a.Cmp(b)
}

// alignBig brings both coefficients to the larger scale.
func alignBig(a, b *Decimal) (x, y *big.Int, scale int) {
	x, y = a.bigCoef(), b.bigCoef()
	switch {
	case a.scale < b.scale:
		x = new(big.Int).Mul(x, bigPow10(int(b.scale-a.scale)))
	case a.scale > b.scale:
		y = new(big.Int).Mul(y, bigPow10(int(a.scale-b.scale)))
	}
	return x, y, int(max(a.scale, b.scale))
}

// ToInt64 rounds half away from zero; error 22003 "bigint out of range", or
// 0A000 for NaN and infinities as in Postgres.
func (d Decimal) ToInt64() (int64, error) { return d.ToInt(Int8) }

// ToInt is ToInt64 for any integer type.
func (d Decimal) ToInt(id ID) (int64, error) {
	name := metas[id].format
	switch d.form {
	case formNaN:
		return 0, sqlerr.New(sqlerr.FeatureNotSupported, "cannot convert NaN to %s", name)
	case formPosInf, formNegInf:
		return 0, sqlerr.New(sqlerr.FeatureNotSupported, "cannot convert infinity to %s", name)
	}
	r := d.Round(0)
	lo, hi := IntRange(id)
	if r.big != nil || r.coef.hi != 0 {
		return 0, ErrIntRange(id)
	}
	if r.form == formNeg {
		if r.coef.lo > uint64(-(lo+1))+1 && lo != 0 || lo == 0 && r.coef.lo > 0 {
			return 0, ErrIntRange(id)
		}
		return -int64(r.coef.lo), nil
	}
	if r.coef.lo > uint64(hi) {
		return 0, ErrIntRange(id)
	}
	return int64(r.coef.lo), nil
}

// Float64 is the nearest double; infinite beyond its range.
func (d Decimal) Float64() float64 {
	switch d.form {
	case formNaN:
		return math.NaN()
	case formPosInf:
		return math.Inf(1)
	case formNegInf:
		return math.Inf(-1)
	}
	if d.big == nil && d.coef.hi == 0 && d.coef.lo < 1<<53 && d.scale <= 22 {
		f := float64(d.coef.lo) / pow10f[d.scale] // both exact: one rounding
		if d.form == formNeg {
			f = -f
		}
		return f
	}
	var buf [64]byte
	return parseFloatLoose(stringOf(d.Append(buf[:0])))
}

var pow10f = [23]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}
