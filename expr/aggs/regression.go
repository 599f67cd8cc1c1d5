package aggs

import (
	"math"
	"math/big"

	"streamdb/expr"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// regression is the family of two arguments (y, x): exact sums of x, y, x*x,
// y*y and x*y over the rows where both are known. Partial form: one column.
type regression struct {
	x, y, xx, yy, xy floatAcc
	result           func(s *regression, g int32, n int64) (v float64, null bool)
}

func (s *regression) accs() [5]*floatAcc { return [5]*floatAcc{&s.x, &s.y, &s.xx, &s.yy, &s.xy} }

func (s *regression) Grow(groups int) {
	for _, a := range s.accs() {
		a.grow(groups)
	}
}

func (s *regression) Update(groups []int32, args []vec.Vec, weights []stream.Op, sel []int32, n int) error {
	yv, xv := &args[0], &args[1]
	eachRow(yv, weights, sel, n, func(i int, w int64) {
		if xv.Null(i) {
			return
		}
		g, y, x := groups[i], yv.F64[i&yv.Mask()], xv.F64[i&xv.Mask()]
		s.x.add(g, x, w)
		s.y.add(g, y, w)
		addProduct(&s.xx, g, x, x, w)
		addProduct(&s.yy, g, y, y, w)
		addProduct(&s.xy, g, x, y, w)
	})
	return nil
}

func (s *regression) AppendPartial(ids []int32, out []*vec.Builder) error {
	return appendEncoded(s, ids, out[0])
}

func (s *regression) Merge(groups []int32, parts []vec.Vec, weights []stream.Op, sel []int32, n int) error {
	return mergeEncoded(s.merge, groups, &parts[0], weights, sel, n)
}

func (s *regression) merge(g int32, src []byte, w int64) (rest []byte, err error) {
	for _, a := range s.accs() {
		if src, err = a.merge(g, src, w); err != nil {
			return nil, err
		}
	}
	return src, nil
}

func (s *regression) Result(_ *expr.Ctx, ids []int32, out *vec.Builder) error {
	for _, id := range ids {
		n := s.x.n[id]
		if n > 0 && (s.x.odd[id] != nil || s.y.odd[id] != nil) {
			n = -1 // infinities and NaN give NaN
		}
		v, null := math.NaN(), false
		if n >= 0 {
			v, null = s.result(s, id, n)
		}
		if null {
			out.AppendNull()
		} else {
			out.AppendFloat(v)
		}
	}
	return nil
}

func (s *regression) Reset(id int32) {
	for _, a := range s.accs() {
		a.reset(id)
	}
}

func (s *regression) Encode(id int32, dst []byte) []byte {
	for _, a := range s.accs() {
		dst = a.encode(id, dst)
	}
	return dst
}

func (s *regression) Decode(id int32, src []byte) ([]byte, error) {
	s.Reset(id)
	return s.merge(id, src, 1)
}

func (s *regression) Bytes() int64 {
	total := int64(0)
	for _, a := range s.accs() {
		total += a.bytes()
	}
	return total
}

// The sums of squared and multiplied deviations, times n.
func (s *regression) sxx(g int32, n int64) *big.Int {
	return deviation(n, s.x.exact(g), s.x.exact(g), s.xx.exact(g))
}
func (s *regression) syy(g int32, n int64) *big.Int {
	return deviation(n, s.y.exact(g), s.y.exact(g), s.yy.exact(g))
}
func (s *regression) sxy(g int32, n int64) *big.Int {
	return deviation(n, s.x.exact(g), s.y.exact(g), s.xy.exact(g))
}

// bigRatio is a / b, rounded.
func bigRatio(a, b *big.Int) float64 {
	f := new(big.Float).SetPrec(128).SetInt(a)
	out, _ := f.Quo(f, new(big.Float).SetPrec(128).SetInt(b)).Float64()
	return out
}

func mulBig(a, b *big.Int) *big.Int { return new(big.Int).Mul(a, b) }

// regressions lists covariance, correlation and linear regression.
func regressions() []*Def {
	enc := []types.T{bytesT}
	f8 := types.Float8
	var out []*Def
	add := func(name, doc string, f func(s *regression, g int32, n int64) (float64, bool)) {
		out = append(out, def(name, []types.ID{f8, f8}, f8, enc, func([]types.T) State { return &regression{result: f} }, doc))
	}
	add("covar_pop", "Population covariance", func(s *regression, g int32, n int64) (float64, bool) {
		if n < 1 {
			return 0, true
		}
		return ratio(s.sxy(g, n), n*n, 2*minExp), false
	})
	add("covar_samp", "Sample covariance", func(s *regression, g int32, n int64) (float64, bool) {
		if n < 2 {
			return 0, true
		}
		return ratio(s.sxy(g, n), n*(n-1), 2*minExp), false
	})
	add("corr", "Correlation coefficient", func(s *regression, g int32, n int64) (float64, bool) {
		sxx, syy := s.sxx(g, n), s.syy(g, n)
		if n < 1 || sxx.Sign() == 0 || syy.Sign() == 0 {
			return 0, true
		}
		sxy := s.sxy(g, n)
		r := math.Sqrt(bigRatio(mulBig(sxy, sxy), mulBig(sxx, syy)))
		return math.Copysign(r, float64(sxy.Sign())), false
	})
	add("regr_avgx", "Average of x", func(s *regression, g int32, n int64) (float64, bool) {
		return s.x.sum(g) / float64(max(n, 1)), n < 1
	})
	add("regr_avgy", "Average of y", func(s *regression, g int32, n int64) (float64, bool) {
		return s.y.sum(g) / float64(max(n, 1)), n < 1
	})
	add("regr_sxx", "Sum of squared deviations of x", func(s *regression, g int32, n int64) (float64, bool) {
		return ratio(s.sxx(g, n), max(n, 1), 2*minExp), n < 1
	})
	add("regr_syy", "Sum of squared deviations of y", func(s *regression, g int32, n int64) (float64, bool) {
		return ratio(s.syy(g, n), max(n, 1), 2*minExp), n < 1
	})
	add("regr_sxy", "Sum of multiplied deviations", func(s *regression, g int32, n int64) (float64, bool) {
		return ratio(s.sxy(g, n), max(n, 1), 2*minExp), n < 1
	})
	add("regr_slope", "Slope of the fitted line", func(s *regression, g int32, n int64) (float64, bool) {
		sxx := s.sxx(g, n)
		if n < 1 || sxx.Sign() == 0 {
			return 0, true
		}
		return bigRatio(s.sxy(g, n), sxx), false
	})
	add("regr_intercept", "y of the fitted line at x = 0", func(s *regression, g int32, n int64) (float64, bool) {
		sxx := s.sxx(g, n)
		if n < 1 || sxx.Sign() == 0 {
			return 0, true
		}
		// (sum(y)*sxx - sum(x)*sxy) / (n*sxx)
		num := mulBig(s.y.exact(g), sxx)
		num.Sub(num, mulBig(s.x.exact(g), s.sxy(g, n)))
		f := new(big.Float).SetPrec(128).SetInt(num)
		f.Quo(f, new(big.Float).SetPrec(128).SetInt(mulBig(big.NewInt(n), sxx)))
		v, _ := f.SetMantExp(f, minExp).Float64()
		return v, false
	})
	add("regr_r2", "Square of the correlation coefficient", func(s *regression, g int32, n int64) (float64, bool) {
		sxx, syy := s.sxx(g, n), s.syy(g, n)
		switch {
		case n < 1 || sxx.Sign() == 0:
			return 0, true
		case syy.Sign() == 0:
			return 1, false
		}
		sxy := s.sxy(g, n)
		return bigRatio(mulBig(sxy, sxy), mulBig(sxx, syy)), false
	})
	count := def("regr_count", []types.ID{f8, f8}, types.Int8, enc, func([]types.T) State { return &pairCount{} }, "Number of rows with both arguments")
	count.Partial = func([]types.T) []types.T { return []types.T{int8T} }
	return append(out, count)
}

// pairCount is regr_count.
type pairCount struct{ countState }

func (s *pairCount) Update(groups []int32, args []vec.Vec, weights []stream.Op, sel []int32, n int) error {
	eachRow(&args[0], weights, sel, n, func(i int, w int64) {
		if !args[1].Null(i) {
			s.n[groups[i]] += w
		}
	})
	return nil
}
