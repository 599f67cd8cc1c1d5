package op

import (
	"math"

	"streamdb/expr"
	"streamdb/expr/funcs"
	"streamdb/internal/sqlerr"
	"streamdb/types"
	"streamdb/vec"
)

// generateSeries covers generate_series(start, stop [, step]) over integers,
// numerics and timestamps.
func generateSeries(c *setCtx, args []vec.Vec, i int, out *vec.Builder) (int, error) {
	switch c.t.ID {
	case types.Int4, types.Int8:
		step := int64(1)
		if len(args) > 2 {
			step = intOf(&args[2], i)
		}
		return intSeries(c, intOf(&args[0], i), intOf(&args[1], i), step, out)
	case types.Numeric:
		return numericSeries(c, args, i, out)
	case types.Timestamp, types.TimestampTZ:
		return timeSeries(c, args, i, out)
	}
	return 0, sqlerr.Unsupported("generate_series over %s", c.t)
}

func errZeroStep() error {
	return sqlerr.New(sqlerr.InvalidParameterValue, "step size cannot equal zero")
}

// cancelEvery is how many values of a series pass between looks at cancellation.
const cancelEvery = 1 << 16

func (c *setCtx) cancelled(n int) error {
	if n%cancelEvery == cancelEvery-1 && c.expr != nil && c.expr.Cancelled != nil && c.expr.Cancelled() {
		return sqlerr.New(sqlerr.QueryCanceled, "canceling statement due to user request")
	}
	return nil
}

func intSeries(c *setCtx, from, to, step int64, out *vec.Builder) (n int, err error) {
	if step == 0 {
		return 0, errZeroStep()
	}
	for x := from; step > 0 && x <= to || step < 0 && x >= to; {
		out.AppendInt(x)
		n++
		if err := c.cancelled(n); err != nil {
			return n, err
		}
		if step > 0 && x > math.MaxInt64-step || step < 0 && x < math.MinInt64-step {
			break
		}
		x += step
	}
	return n, nil
}

func numericSeries(c *setCtx, args []vec.Vec, i int, out *vec.Builder) (n int, err error) {
	x, to := types.DecodeDecimal(args[0].Bytes(i)), types.DecodeDecimal(args[1].Bytes(i))
	step := types.DecimalOfInt(1)
	if len(args) > 2 {
		step = types.DecodeDecimal(args[2].Bytes(i))
	}
	for k, d := range []types.Decimal{x, to, step} {
		name := [...]string{"start value", "stop value", "step size"}[k]
		if d.IsNaN() {
			return 0, sqlerr.New(sqlerr.InvalidParameterValue, "%s cannot be NaN", name)
		}
		if d.IsInf() {
			return 0, sqlerr.New(sqlerr.InvalidParameterValue, "%s cannot be infinity", name)
		}
	}
	if step.IsZero() {
		return 0, errZeroStep()
	}
	var buf []byte
	for x.Cmp(to)*step.Sign() <= 0 {
		buf = types.AppendDecimal(buf[:0], x)
		out.AppendBytes(buf)
		n++
		if err := c.cancelled(n); err != nil {
			return n, err
		}
		if x, err = x.Add(step); err != nil {
			return n, err
		}
	}
	return n, nil
}

func timeSeries(c *setCtx, args []vec.Vec, i int, out *vec.Builder) (n int, err error) {
	x, to := intOf(&args[0], i), intOf(&args[1], i)
	step := types.DecodeInterval(args[2].Bytes(i))
	sign := step.Cmp(types.Span{})
	if sign == 0 {
		return 0, errZeroStep()
	}
	next, err := addInterval(c.t)
	if err != nil {
		return 0, err
	}
	for sign > 0 && x <= to || sign < 0 && x >= to {
		out.AppendInt(x)
		n++
		if err := c.cancelled(n); err != nil {
			return n, err
		}
		y, err := next(c.expr, x, args[2], i)
		if err != nil || y == x { // an infinite start never moves
			return n, err
		}
		x = y
	}
	return n, nil
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
