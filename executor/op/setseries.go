package op

import (
	"math"

	"streamdb/expr"
	"streamdb/expr/funcs"
	"streamdb/internal/sqlerr"
	"streamdb/types"
	"streamdb/vec"
)

// series is a set under way, whose length has nothing to do with that of the arguments.
type series interface {
	// next appends at most n values to out. Fewer: the set is at its end.
	next(out *vec.Builder, n int) (int, error)
}

// generateSeries covers generate_series(start, stop [, step]) over integers,
// numerics and timestamps.
func generateSeries(c *setCtx, args []vec.Vec, i int) (series, error) {
	switch c.t.ID {
	case types.Int4, types.Int8:
		s := &intSeries{at: intOf(&args[0], i), to: intOf(&args[1], i), step: 1}
		if len(args) > 2 {
			s.step = intOf(&args[2], i)
		}
		if s.step == 0 {
			return nil, errZeroStep()
		}
		return s, nil
	case types.Numeric:
		return newNumericSeries(args, i)
	case types.Timestamp, types.TimestampTZ:
		return newTimeSeries(c, args, i)
	}
	return nil, sqlerr.Unsupported("generate_series over %s", c.t)
}

func errZeroStep() error {
	return sqlerr.New(sqlerr.InvalidParameterValue, "step size cannot equal zero")
}

type intSeries struct {
	at, to, step int64
	ended        bool // the next value is out of range
}

func (s *intSeries) next(out *vec.Builder, n int) (int, error) {
	made := 0
	for made < n && !s.ended && (s.step > 0 && s.at <= s.to || s.step < 0 && s.at >= s.to) {
		out.AppendInt(s.at)
		made++
		if s.step > 0 && s.at > math.MaxInt64-s.step || s.step < 0 && s.at < math.MinInt64-s.step {
			s.ended = true
			break
		}
		s.at += s.step
	}
	return made, nil
}

type numericSeries struct {
	at, to, step types.Decimal
	buf          []byte
}

func newNumericSeries(args []vec.Vec, i int) (series, error) {
	s := &numericSeries{types.DecodeDecimal(args[0].Bytes(i)), types.DecodeDecimal(args[1].Bytes(i)), types.DecimalOfInt(1), nil}
	if len(args) > 2 {
		s.step = types.DecodeDecimal(args[2].Bytes(i))
	}
	for k, d := range []types.Decimal{s.at, s.to, s.step} {
		name := [...]string{"start value", "stop value", "step size"}[k]
		if d.IsNaN() {
			return nil, sqlerr.New(sqlerr.InvalidParameterValue, "%s cannot be NaN", name)
		}
		if d.IsInf() {
			return nil, sqlerr.New(sqlerr.InvalidParameterValue, "%s cannot be infinity", name)
		}
	}
	if s.step.IsZero() {
		return nil, errZeroStep()
	}
	return s, nil
}

func (s *numericSeries) next(out *vec.Builder, n int) (int, error) {
	made := 0
	for made < n && s.at.Cmp(s.to)*s.step.Sign() <= 0 {
		s.buf = types.AppendDecimal(s.buf[:0], s.at)
		out.AppendBytes(s.buf)
		made++
		var err error
		if s.at, err = s.at.Add(s.step); err != nil {
			return made, err
		}
	}
	return made, nil
}

type timeSeries struct {
	at, to int64
	sign   int
	after  func(ctx *expr.Ctx, us int64, step vec.Vec, i int) (int64, error)
	ctx    *expr.Ctx
	step   vec.Vec
	row    int
	ended  bool
}

func newTimeSeries(c *setCtx, args []vec.Vec, i int) (series, error) {
	s := &timeSeries{at: intOf(&args[0], i), to: intOf(&args[1], i), ctx: c.expr, step: args[2], row: i}
	if s.sign = types.DecodeInterval(args[2].Bytes(i)).Cmp(types.Span{}); s.sign == 0 {
		return nil, errZeroStep()
	}
	var err error
	s.after, err = addInterval(c.t)
	return s, err
}

func (s *timeSeries) next(out *vec.Builder, n int) (int, error) {
	made := 0
	for made < n && !s.ended && (s.sign > 0 && s.at <= s.to || s.sign < 0 && s.at >= s.to) {
		out.AppendInt(s.at)
		made++
		at, err := s.after(s.ctx, s.at, s.step, s.row)
		if err != nil {
			return made, err
		}
		s.ended = at == s.at // an infinite start never moves
		s.at = at
	}
	return made, nil
}

// addInterval is the operator + of a timestamp type and an interval.
func addInterval(t types.T) (func(ctx *expr.Ctx, us int64, step vec.Vec, i int) (int64, error), error) {
	ts := []types.T{types.Of(t.ID), types.Of(types.Interval)}
	def, _, err := funcs.ResolveOperator("+", ts)
	if err != nil {
		return nil, err
	}
	call := &expr.Call{Def: def, T: t, Args: []expr.Expr{&expr.Col{Index: 0, T: ts[0]}, &expr.Col{Index: 1, T: ts[1]}}}
	return func(ctx *expr.Ctx, us int64, step vec.Vec, i int) (int64, error) {
		one := step.Gather([]int32{int32(i)})
		v, err := call.Eval(ctx, []vec.Vec{vec.Ints([]int64{us}), one}, nil, 1)
		if err != nil {
			return 0, err
		}
		return v.I64[0], nil
	}, nil
}
