package funcs

import (
	"math"
	"time"

	"streamdb/expr"
	"streamdb/expr/casts"
	"streamdb/expr/kernel"
	"streamdb/internal/sqlerr"
	"streamdb/types"
)

func infinite(x int64) bool { return x == math.MaxInt64 || x == math.MinInt64 }

// dateArithmetic lists the operators over dates, times and intervals.
func dateArithmetic() []*expr.Def {
	negate := func(f func(x int64, v types.Span) (int64, error)) func(x int64, v types.Span) (int64, error) {
		return func(x int64, v types.Span) (int64, error) {
			n, err := v.Neg()
			if err != nil {
				return 0, err
			}
			return f(x, n)
		}
	}
	flip := func(f func(x int64, v types.Span) (int64, error)) evalFn {
		return kernel.E2(func(v types.Span, x int64) (int64, error) { return f(x, v) })
	}
	return []*expr.Def{
		op2("+", tDate, tI4, tDate, kernel.E2(dateAdd), "Days later"),
		op2("+", tI4, tDate, tDate, kernel.E2(func(n, d int64) (int64, error) { return dateAdd(d, n) }), "Days later"),
		op2("-", tDate, tI4, tDate, kernel.E2(func(d, n int64) (int64, error) { return dateAdd(d, -n) }), "Days earlier"),
		op2("-", tDate, tDate, tI4, kernel.E2(dateDiff), "Days between"),
		op2("+", tDate, tIv, tTS, kernel.E2(dateAddSpan), "Later time"),
		op2("+", tIv, tDate, tTS, flip(dateAddSpan), "Later time"),
		op2("-", tDate, tIv, tTS, kernel.E2(negate(dateAddSpan)), "Earlier time"),
		op2("+", tDate, tTime, tTS, kernel.E2(dateAddTime), "Time of a day"),
		op2("+", tTime, tDate, tTS, kernel.E2(func(t, d int64) (int64, error) { return dateAddTime(d, t) }), "Time of a day"),
		op2("+", tTS, tIv, tTS, kernel.E2(addSpan), "Later time"),
		op2("+", tIv, tTS, tTS, flip(addSpan), "Later time"),
		op2("-", tTS, tIv, tTS, kernel.E2(negate(addSpan)), "Earlier time"),
		op2("-", tTS, tTS, tIv, kernel.E2(timestampDiff), "Time between, in days and less"),
		stable(op2("+", tTZ, tIv, tTZ, addZoned(false, false), "Later instant")),
		stable(op2("+", tIv, tTZ, tTZ, addZoned(false, true), "Later instant")),
		stable(op2("-", tTZ, tIv, tTZ, addZoned(true, false), "Earlier instant")),
		op2("-", tTZ, tTZ, tIv, kernel.E2(timestampDiff), "Time between, in days and less"),
		op2("+", tTime, tIv, tTime, kernel.U2(timeAdd), "Later time of day"),
		op2("+", tIv, tTime, tTime, kernel.U2(func(v types.Span, t int64) int64 { return timeAdd(t, v) }), "Later time of day"),
		op2("-", tTime, tIv, tTime, kernel.U2(func(t int64, v types.Span) int64 { return casts.FloorMod(t-v.Micros%usPerDay, usPerDay) }), "Earlier time of day"),
		op2("-", tTime, tTime, tIv, kernel.U2(func(a, b int64) types.Span { return types.Span{Micros: a - b} }), "Time between"),
		op2("+", tIv, tIv, tIv, kernel.E2(types.Span.Add), "Sum"),
		op2("-", tIv, tIv, tIv, kernel.E2(types.Span.Sub), "Difference"),
		op1("-", tIv, tIv, kernel.E1(types.Span.Neg), "Negation"),
		op2("*", tIv, tF8, tIv, kernel.E2(types.Span.Mul), "Multiple"),
		op2("*", tF8, tIv, tIv, kernel.E2(func(f float64, v types.Span) (types.Span, error) { return v.Mul(f) }), "Multiple"),
		op2("/", tIv, tF8, tIv, kernel.E2(types.Span.Div), "Fraction"),
	}
}

func dateAdd(d, n int64) (int64, error) {
	if infinite(d) {
		return d, nil
	}
	if r := d + n; types.DateInRange(r) {
		return r, nil
	}
	return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "date out of range")
}

func dateDiff(a, b int64) (int64, error) {
	if infinite(a) || infinite(b) {
		return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "cannot subtract infinite dates")
	}
	return a - b, nil
}

func dateAddSpan(d int64, v types.Span) (int64, error) {
	us, err := casts.DateToTimestamp(d)
	if err != nil {
		return 0, err
	}
	return addSpan(us, v)
}

func dateAddTime(d, t int64) (int64, error) {
	us, err := casts.DateToTimestamp(d)
	if err != nil || infinite(us) {
		return us, err
	}
	return checkTimestamp(us + t)
}

func checkTimestamp(us int64) (int64, error) {
	if !types.TimestampInRange(us) {
		return 0, types.ErrTimestampRange()
	}
	return us, nil
}

// addSpan adds months (the day is cut to the month's length), then days, then time.
func addSpan(us int64, v types.Span) (int64, error) {
	if infinite(us) {
		return us, nil
	}
	if v.Months != 0 {
		tod := casts.FloorMod(us, usPerDay)
		days, ok := addMonths((us-tod)/usPerDay, int64(v.Months))
		if !ok {
			return 0, types.ErrTimestampRange()
		}
		us = days*usPerDay + tod
	}
	us, ok := types.AddInt64(us, int64(v.Days)*usPerDay)
	if ok {
		us, ok = types.AddInt64(us, v.Micros)
	}
	if !ok {
		return 0, types.ErrTimestampRange()
	}
	return checkTimestamp(us)
}

// addMonths adds months to a day; ok is false far outside the range of timestamps.
func addMonths(days, months int64) (int64, bool) {
	y, m, d := types.CivilFromDays(days)
	m += months - 1
	y += (m - casts.FloorMod(m, 12)) / 12
	m = casts.FloorMod(m, 12) + 1
	if y < -5000 || y > 300000 {
		return 0, false
	}
	first := types.DaysFromCivil(y, m, 1)
	length := types.DaysFromCivil(y, m+1, 1) - first
	return first + min(d, length) - 1, true
}

// addZoned adds months and days in the session's local time, and the time as
// time that passes.
func addZoned(negate, swapped bool) evalFn {
	mk := func(c *expr.CallCtx) func(us int64, v types.Span) (int64, error) {
		loc := location(c)
		return func(us int64, v types.Span) (int64, error) {
			if negate {
				var err error
				if v, err = v.Neg(); err != nil {
					return 0, err
				}
			}
			return addSpanTZ(us, v, loc)
		}
	}
	if swapped {
		return kernel.M2(func(c *expr.CallCtx) func(types.Span, int64) (int64, error) {
			f := mk(c)
			return func(v types.Span, us int64) (int64, error) { return f(us, v) }
		})
	}
	return kernel.M2(mk)
}

func addSpanTZ(us int64, v types.Span, loc *time.Location) (int64, error) {
	if infinite(us) {
		return us, nil
	}
	if v.Months != 0 || v.Days != 0 {
		local, err := addSpan(utcToLocal(us, loc), types.Span{Months: v.Months, Days: v.Days})
		if err != nil {
			return 0, err
		}
		us = localToUTC(local, loc)
	}
	return addSpan(us, types.Span{Micros: v.Micros})
}

// timestampDiff gives whole days and the rest; there is no difference of infinities.
func timestampDiff(a, b int64) (types.Span, error) {
	if infinite(a) || infinite(b) {
		return types.Span{}, sqlerr.New(sqlerr.DatetimeFieldOverflow, "cannot subtract infinite timestamps")
	}
	us, ok := types.AddInt64(a, -b)
	if !ok {
		return types.Span{}, sqlerr.New(sqlerr.DatetimeFieldOverflow, "interval out of range")
	}
	return types.Span{Days: int32(us / usPerDay), Micros: us % usPerDay}, nil
}

func timeAdd(t int64, v types.Span) int64 {
	return casts.FloorMod(t+v.Micros%usPerDay, usPerDay)
}
