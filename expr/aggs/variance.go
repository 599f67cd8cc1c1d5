package aggs

import (
	"math"
	"math/big"

	"streamdb/expr"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// spread says which statistic of the family a state computes.
type spread struct {
	sample bool // divides by n-1, else by n
	root   bool // standard deviation, else variance
}

// varDecimal is the variance family over integers and numeric: exact sums of x
// and x*x; the result is numeric with Postgres's scale. Partial form: one column.
type varDecimal struct {
	x, xx decimalAcc
	ints  bool // the argument is an integer type
	spread
}

func (s *varDecimal) Grow(groups int) { s.x.grow(groups); s.xx.grow(groups) }

func (s *varDecimal) Update(groups []int32, args []vec.Vec, weights []stream.Op, sel []int32, n int) (err error) {
	v := &args[0]
	m := v.Mask()
	var buf []byte
	eachRow(v, weights, sel, n, func(i int, w int64) {
		if err != nil {
			return
		}
		var d types.Decimal
		if s.ints {
			d = types.DecimalOfInt(v.I64[i&m])
		} else {
			d = types.DecodeDecimal(v.Bytes(i))
		}
		var sq types.Decimal
		if sq, err = d.Mul(d); err != nil {
			return
		}
		buf = types.AppendDecimal(buf[:0], d)
		s.x.add(groups[i], buf, w)
		buf = types.AppendDecimal(buf[:0], sq)
		s.xx.add(groups[i], buf, w)
	})
	return err
}

func (s *varDecimal) AppendPartial(ids []int32, out []*vec.Builder) error {
	return appendEncoded(s, ids, out[0])
}

func (s *varDecimal) Merge(groups []int32, parts []vec.Vec, weights []stream.Op, sel []int32, n int) error {
	return mergeEncoded(s.merge, groups, &parts[0], weights, sel, n)
}

func (s *varDecimal) merge(g int32, src []byte, w int64) ([]byte, error) {
	rest, err := s.x.merge(g, src, w)
	if err != nil {
		return nil, err
	}
	return s.xx.merge(g, rest, w)
}

func (s *varDecimal) Result(_ *expr.Ctx, ids []int32, out *vec.Builder) error {
	for _, id := range ids {
		n := s.x.n[id]
		if n == 0 || n == 1 && s.sample {
			out.AppendNull()
			continue
		}
		d, err := s.result(n, s.x.sum(id), s.xx.sum(id))
		if err != nil {
			return err
		}
		out.AppendBytes(types.AppendDecimal(nil, d))
	}
	return nil
}

// result follows numeric_stddev_internal in Postgres's numeric.c.
func (s *varDecimal) result(n int64, x, xx types.Decimal) (types.Decimal, error) {
	if !x.IsFinite() {
		return types.DecimalNaN, nil
	}
	count := types.DecimalOfInt(n)
	a, err := count.Mul(xx)
	if err != nil {
		return a, err
	}
	b, err := x.Mul(x)
	if err != nil {
		return b, err
	}
	num, err := a.Sub(b)
	if err != nil {
		return num, err
	}
	if num.Sign() <= 0 {
		return types.DecimalZero, nil
	}
	other := n
	if s.sample {
		other--
	}
	den, err := count.Mul(types.DecimalOfInt(other))
	if err != nil {
		return den, err
	}
	scale := types.DivScale(num, den)
	v, err := num.DivTo(den, scale)
	if err != nil || !s.root {
		return v, err
	}
	return sqrtTo(v, scale), nil
}

func (s *varDecimal) Reset(id int32) { s.x.reset(id); s.xx.reset(id) }

func (s *varDecimal) Encode(id int32, dst []byte) []byte { return s.xx.encode(id, s.x.encode(id, dst)) }

func (s *varDecimal) Decode(id int32, src []byte) ([]byte, error) {
	s.Reset(id)
	return s.merge(id, src, 1)
}

func (s *varDecimal) Bytes() int64 { return s.x.bytes() + s.xx.bytes() }

// varFloat is the variance family over floats: exact sums of x and x*x (the
// square as two floats, exact unless x is below about 2^-510). Partial form: one column.
type varFloat struct {
	x, xx floatAcc
	spread
}

func (s *varFloat) Grow(groups int) { s.x.grow(groups); s.xx.grow(groups) }

func (s *varFloat) Update(groups []int32, args []vec.Vec, weights []stream.Op, sel []int32, n int) error {
	v := &args[0]
	f, m := v.F64, v.Mask()
	eachRow(v, weights, sel, n, func(i int, w int64) {
		g, x := groups[i], f[i&m]
		s.x.add(g, x, w)
		addProduct(&s.xx, g, x, x, w)
	})
	return nil
}

// addProduct adds a*b exactly: the rounded product and its rounding error.
func addProduct(acc *floatAcc, g int32, a, b float64, w int64) {
	hi := a * b
	if lo := math.FMA(a, b, -hi); lo != 0 && lo-lo == 0 && hi-hi == 0 {
		acc.addValue(g, lo, w)
	}
	acc.add(g, hi, w)
}

func (s *varFloat) AppendPartial(ids []int32, out []*vec.Builder) error {
	return appendEncoded(s, ids, out[0])
}

func (s *varFloat) Merge(groups []int32, parts []vec.Vec, weights []stream.Op, sel []int32, n int) error {
	return mergeEncoded(s.merge, groups, &parts[0], weights, sel, n)
}

func (s *varFloat) merge(g int32, src []byte, w int64) ([]byte, error) {
	rest, err := s.x.merge(g, src, w)
	if err != nil {
		return nil, err
	}
	return s.xx.merge(g, rest, w)
}

func (s *varFloat) Result(_ *expr.Ctx, ids []int32, out *vec.Builder) error {
	for _, id := range ids {
		n := s.x.n[id]
		if n == 0 || n == 1 && s.sample {
			out.AppendNull()
			continue
		}
		if _, odd := s.x.oddSum(id); odd {
			out.AppendFloat(math.NaN())
			continue
		}
		if _, odd := s.xx.oddSum(id); odd {
			return types.ErrFloatOverflow()
		}
		d := n
		if s.sample {
			d--
		}
		v := ratio(deviation(n, s.x.exact(id), s.x.exact(id), s.xx.exact(id)), n*d, 2*minExp)
		if s.root {
			v = math.Sqrt(v)
		}
		out.AppendFloat(v)
	}
	return nil
}

// deviation is n * sum(xy) - sum(x) * sum(y) in units of 2^(2*minExp), from sums
// in units of 2^minExp.
func deviation(n int64, x, y, xy *big.Int) *big.Int {
	a := new(big.Int).Mul(xy, big.NewInt(n))
	a.Lsh(a, uint(-minExp))
	return a.Sub(a, new(big.Int).Mul(x, y))
}

// ratio is z * 2^exp / d, rounded.
func ratio(z *big.Int, d int64, exp int) float64 {
	f := new(big.Float).SetPrec(128).SetInt(z)
	f.Quo(f, new(big.Float).SetInt64(d))
	out, _ := f.SetMantExp(f, exp).Float64()
	return out
}

func (s *varFloat) Reset(id int32) { s.x.reset(id); s.xx.reset(id) }

func (s *varFloat) Encode(id int32, dst []byte) []byte { return s.xx.encode(id, s.x.encode(id, dst)) }

func (s *varFloat) Decode(id int32, src []byte) ([]byte, error) {
	s.Reset(id)
	return s.merge(id, src, 1)
}

func (s *varFloat) Bytes() int64 { return s.x.bytes() + s.xx.bytes() }

// sqrtTo is the square root of a number that is not negative, rounded to a scale.
func sqrtTo(d types.Decimal, scale int) types.Decimal {
	b := types.AppendDecimal(nil, d)
	z := new(big.Int).SetBytes(b[3:])
	if shift := 2*scale - d.Scale(); shift >= 0 {
		z.Mul(z, bigPow10(shift))
	} else {
		z.Quo(z, bigPow10(-shift))
	}
	q := new(big.Int).Sqrt(z)
	if rest := new(big.Int).Sub(z, new(big.Int).Mul(q, q)); rest.Cmp(q) > 0 { // beyond the half
		q.Add(q, big.NewInt(1))
	}
	return types.DecodeDecimal(append([]byte{0, byte(scale >> 8), byte(scale)}, q.Bytes()...))
}
