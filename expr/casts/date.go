package casts

import (
	"math"
	"time"

	"streamdb/expr"
	"streamdb/expr/kernel"
	"streamdb/internal/sqlerr"
	"streamdb/types"
)

// usDay is microseconds in a day.
const usDay = 86_400_000_000

// dateCasts lists the casts between dates, times and intervals.
func dateCasts() []*expr.Def {
	date, tod, ts, tz, iv := types.Date, types.Time, types.Timestamp, types.TimestampTZ, types.Interval
	implicit, assign := expr.CastImplicit, expr.CastAssignment
	return []*expr.Def{
		cast(date, ts, implicit, kernel.E1(DateToTimestamp)),
		stable(cast(date, tz, implicit, zoned(func(d int64, loc *time.Location) (int64, error) {
			us, err := DateToTimestamp(d)
			return LocalToUTC(us, loc), err
		}))),
		cast(ts, date, assign, kernel.U1(TimestampToDate)),
		stable(cast(tz, date, assign, zoned(func(x int64, loc *time.Location) (int64, error) {
			return TimestampToDate(UTCToLocal(x, loc)), nil
		}))),
		cast(ts, tod, assign, kernel.E1(timeOfDay)),
		stable(cast(tz, tod, assign, zoned(func(x int64, loc *time.Location) (int64, error) {
			return timeOfDay(UTCToLocal(x, loc))
		}))),
		stable(cast(ts, tz, implicit, zoned(func(x int64, loc *time.Location) (int64, error) { return LocalToUTC(x, loc), nil }))),
		stable(cast(tz, ts, assign, zoned(func(x int64, loc *time.Location) (int64, error) { return UTCToLocal(x, loc), nil }))),
		cast(tod, iv, implicit, kernel.U1(func(us int64) types.Span { return types.Span{Micros: us} })),
		cast(iv, tod, assign, kernel.U1(func(v types.Span) int64 { return FloorMod(v.Micros, usDay) })),
	}
}

// zoned makes a conversion that depends on the session's time zone.
func zoned(f func(x int64, loc *time.Location) (int64, error)) kernel.Fn {
	return kernel.M1(func(c *expr.CallCtx) func(int64) (int64, error) {
		loc := Location(c.Ctx)
		return func(x int64) (int64, error) { return f(x, loc) }
	})
}

// Location is the time zone of ctx; UTC when it has none.
func Location(ctx *expr.Ctx) *time.Location {
	switch {
	case ctx == nil:
		return time.UTC
	case ctx.Location != nil:
		return ctx.Location
	case ctx.Env != nil && ctx.Env.TimeZone != nil:
		return ctx.Env.TimeZone
	}
	return time.UTC
}

func infinite(x int64) bool { return x == math.MaxInt64 || x == math.MinInt64 }

// LocalToUTC is types.LocalToUTC that leaves infinities alone.
func LocalToUTC(us int64, loc *time.Location) int64 {
	if infinite(us) || loc == time.UTC {
		return us
	}
	return types.LocalToUTC(loc, us)
}

// UTCToLocal is types.UTCToLocal that leaves infinities alone.
func UTCToLocal(us int64, loc *time.Location) int64 {
	if infinite(us) || loc == time.UTC {
		return us
	}
	return types.UTCToLocal(loc, us)
}

// DateToTimestamp is midnight of a day. Error 22008 outside the range of timestamps.
func DateToTimestamp(days int64) (int64, error) {
	if infinite(days) {
		return days, nil
	}
	if days > math.MaxInt64/usDay || days < math.MinInt64/usDay || !types.TimestampInRange(days*usDay) {
		return 0, errDateRange()
	}
	return days * usDay, nil
}

// TimestampToDate is the day that a local time is in.
func TimestampToDate(us int64) int64 {
	if infinite(us) {
		return us
	}
	return (us - FloorMod(us, usDay)) / usDay
}

// timeOfDay is NULL for infinities.
func timeOfDay(us int64) (int64, error) {
	if infinite(us) {
		return 0, kernel.Null
	}
	return FloorMod(us, usDay), nil
}

// FloorMod is the remainder with the sign of b.
func FloorMod(a, b int64) int64 {
	m := a % b
	if m < 0 {
		m += b
	}
	return m
}

func errDateRange() error {
	return sqlerr.New(sqlerr.DatetimeFieldOverflow, "date out of range for timestamp")
}
