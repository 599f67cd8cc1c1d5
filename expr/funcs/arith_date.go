package funcs

import (
	"math"

	"streamdb/expr"
	"streamdb/expr/kernel"
	"streamdb/types"
)

func infinite(x int64) bool { return x == math.MaxInt64 || x == math.MinInt64 }

type span = types.Span

// dateArithmetic lists the operators over dates, times and intervals; the
// arithmetic itself is in package types.
func dateArithmetic() []*expr.Def {
	flip := func(f func(x int64, v span) (int64, error)) evalFn {
		return kernel.E2(func(v span, x int64) (int64, error) { return f(x, v) })
	}
	return []*expr.Def{
		op2("+", tDate, tI4, tDate, kernel.E2(types.DateAdd), "Days later"),
		op2("+", tI4, tDate, tDate, kernel.E2(func(n, d int64) (int64, error) { return types.DateAdd(d, n) }), "Days later"),
		op2("-", tDate, tI4, tDate, kernel.E2(func(d, n int64) (int64, error) { return types.DateAdd(d, -n) }), "Days earlier"),
		op2("-", tDate, tDate, tI4, kernel.E2(types.DateSub), "Days between"),
		op2("+", tDate, tIv, tTS, kernel.E2(dateAddSpan), "Later time"),
		op2("+", tIv, tDate, tTS, flip(dateAddSpan), "Later time"),
		op2("-", tDate, tIv, tTS, kernel.E2(negated(dateAddSpan)), "Earlier time"),
		op2("+", tDate, tTime, tTS, kernel.E2(dateAddTime), "Time of a day"),
		op2("+", tTime, tDate, tTS, kernel.E2(func(t, d int64) (int64, error) { return dateAddTime(d, t) }), "Time of a day"),
		op2("+", tTS, tIv, tTS, shifted(1, false, kernel.E2(types.TimestampAdd)), "Later time"),
		op2("+", tIv, tTS, tTS, flip(types.TimestampAdd), "Later time"),
		op2("-", tTS, tIv, tTS, shifted(-1, false, kernel.E2(negated(types.TimestampAdd))), "Earlier time"),
		op2("-", tTS, tTS, tIv, kernel.E2(types.TimestampSub), "Time between, in days and less"),
		stable(op2("+", tTZ, tIv, tTZ, shifted(1, true, addZoned(false, false)), "Later instant")),
		stable(op2("+", tIv, tTZ, tTZ, addZoned(false, true), "Later instant")),
		stable(op2("-", tTZ, tIv, tTZ, shifted(-1, true, addZoned(true, false)), "Earlier instant")),
		op2("-", tTZ, tTZ, tIv, kernel.E2(types.TimestampSub), "Time between, in days and less"),
		op2("+", tTime, tIv, tTime, kernel.U2(types.TimeAdd), "Later time of day"),
		op2("+", tIv, tTime, tTime, kernel.U2(func(v span, t int64) int64 { return types.TimeAdd(t, v) }), "Later time of day"),
		op2("-", tTime, tIv, tTime, kernel.U2(func(t int64, v span) int64 { return types.TimeAdd(t, span{Micros: -(v.Micros % types.Day)}) }), "Earlier time of day"),
		op2("-", tTime, tTime, tIv, kernel.U2(func(a, b int64) span { return span{Micros: a - b} }), "Time between"),
		op2("+", tIv, tIv, tIv, kernel.E2(span.Add), "Sum"),
		op2("-", tIv, tIv, tIv, kernel.E2(span.Sub), "Difference"),
		op1("-", tIv, tIv, kernel.E1(span.Neg), "Negation"),
		op2("*", tIv, tF8, tIv, kernel.E2(span.Mul), "Multiple"),
		op2("*", tF8, tIv, tIv, kernel.E2(func(f float64, v span) (span, error) { return v.Mul(f) }), "Multiple"),
		op2("/", tIv, tF8, tIv, kernel.E2(span.Div), "Fraction"),
	}
}

func negated(f func(int64, span) (int64, error)) func(int64, span) (int64, error) {
	return func(x int64, v span) (int64, error) {
		n, err := v.Neg()
		if err != nil {
			return 0, err
		}
		return f(x, n)
	}
}

func dateAddSpan(d int64, v span) (int64, error) {
	us, err := types.DateToTimestamp(d)
	if err != nil {
		return 0, err
	}
	return types.TimestampAdd(us, v)
}

func dateAddTime(d, t int64) (int64, error) {
	us, err := types.DateToTimestamp(d)
	if err != nil || infinite(us) {
		return us, err
	}
	if us += t; !types.TimestampInRange(us) {
		return 0, types.ErrTimestampRange()
	}
	return us, nil
}

// addZoned adds months and days in the session's local time, and the time as
// time that passes.
func addZoned(negate, swapped bool) evalFn {
	mk := func(c *expr.CallCtx) func(us int64, v span) (int64, error) {
		loc := location(c)
		add := func(us int64, v span) (int64, error) { return types.TimestampTZAdd(us, v, loc) }
		if negate {
			return negated(add)
		}
		return add
	}
	if swapped {
		return kernel.M2(func(c *expr.CallCtx) func(span, int64) (int64, error) {
			f := mk(c)
			return func(v span, us int64) (int64, error) { return f(us, v) }
		})
	}
	return kernel.M2(mk)
}
