package funcs

import (
	"math"
	"time"

	"streamdb/expr"
	"streamdb/expr/kernel"
	"streamdb/internal/sqlerr"
	"streamdb/types"
)

// nowMicros is the statement's (or epoch's) time.
func nowMicros(c *expr.CallCtx) int64 {
	if c.Ctx == nil || c.Now.IsZero() {
		return time.Now().UnixMicro()
	}
	return c.Now.UnixMicro()
}

// dateFuncs lists the clock, constructors and conversions.
func dateFuncs() []*expr.Def {
	now := func(f func(us int64, loc *time.Location) int64) evalFn {
		return kernel.M0(func(c *expr.CallCtx) func() (int64, error) {
			us := f(nowMicros(c), location(c))
			return func() (int64, error) { return us, nil }
		})
	}
	instant := now(func(us int64, _ *time.Location) int64 { return us })
	clock := kernel.M0(func(*expr.CallCtx) func() (int64, error) {
		return func() (int64, error) { return time.Now().UnixMicro(), nil }
	})
	out := []*expr.Def{
		stable(fn("current_date", ids{}, tDate, now(func(us int64, loc *time.Location) int64 { return types.TimestampToDate(utcToLocal(us, loc)) }), "Today")),
		stable(fn("localtimestamp", ids{}, tTS, now(utcToLocal), "Now, in local time")),
		stable(fn("localtime", ids{}, tTime, now(func(us int64, loc *time.Location) int64 { return types.TimeOfDay(utcToLocal(us, loc)) }), "Time of day, in local time")),
		volatile(fn("clock_timestamp", ids{}, tTZ, clock, "Now, by the clock")),
		volatile(fn("timeofday", ids{}, tText, kernel.M0(func(c *expr.CallCtx) func() (string, error) {
			return func() (string, error) {
				return time.Now().In(location(c)).Format("Mon Jan 02 15:04:05.000000 2006 MST"), nil
			}
		}), "Now, by the clock, as text")),
		fn("make_date", ids{tI4, tI4, tI4}, tDate, kernel.E3(types.MakeDate), "Date from year, month and day"),
		fn("make_time", ids{tI4, tI4, tF8}, tTime, kernel.E3(types.MakeTime), "Time from hour, minute and second"),
		fn("make_timestamp", ids{tI4, tI4, tI4, tI4, tI4, tF8}, tTS, kernel.E6(types.MakeTimestamp), "Timestamp from its parts"),
		stable(fn("make_timestamptz", ids{tI4, tI4, tI4, tI4, tI4, tF8}, tTZ, kernel.M6(func(c *expr.CallCtx) func(y, mo, d, h, mi int64, s float64) (int64, error) {
			loc := location(c)
			return func(y, mo, d, h, mi int64, s float64) (int64, error) {
				us, err := types.MakeTimestamp(y, mo, d, h, mi, s)
				return localToUTC(us, loc), err
			}
		}), "Instant from the parts of a local time")),
		stable(fn("make_timestamptz", ids{tI4, tI4, tI4, tI4, tI4, tF8, tText}, tTZ, kernel.E7(func(y, mo, d, h, mi int64, s float64, zone string) (int64, error) {
			loc, err := types.LoadZone(zone)
			if err != nil {
				return 0, err
			}
			us, err := types.MakeTimestamp(y, mo, d, h, mi, s)
			return localToUTC(us, loc), err
		}), "Instant from the parts of a local time in a zone")),
		fn("to_timestamp", ids{tF8}, tTZ, kernel.E1(fromEpoch), "Instant from seconds since 1970-01-01"),
		fn("justify_days", ids{tIv}, tIv, kernel.E1(span.JustifyDays), "30 days as a month"),
		fn("justify_hours", ids{tIv}, tIv, kernel.E1(span.JustifyHours), "24 hours as a day"),
		fn("justify_interval", ids{tIv}, tIv, kernel.E1(span.JustifyInterval), "Both, with one sign"),
		fn("isfinite", ids{tIv}, tBool, kernel.U1(func(span) bool { return true }), "Whether the value is not infinite"),
		fn("date_bin", ids{tIv, tTS, tTS}, tTS, kernel.E3(types.DateBin), "Start of the bin that holds a timestamp"),
		fn("date_bin", ids{tIv, tTZ, tTZ}, tTZ, kernel.E3(types.DateBin), "Start of the bin that holds an instant"),
	}
	for _, t := range []id{tDate, tTS, tTZ} {
		out = append(out, fn("isfinite", ids{t}, tBool, kernel.U1(func(x int64) bool { return !infinite(x) }), "Whether the value is not infinite"))
	}
	out = append(out, makeIntervals()...)
	for _, name := range []string{"now", "current_timestamp", "transaction_timestamp", "statement_timestamp"} {
		out = append(out, stable(fn(name, ids{}, tTZ, instant, "Start of the transaction; in a job the time of the epoch")))
	}
	// Volatile, so that it is taken once, when the row comes in, and not again where it is read.
	out = append(out, volatile(fn("proctime", ids{}, tTZ, instant, "When the row came in: for generated columns")))
	return append(append(out, ageFuncs()...), zoneFuncs()...)
}

// makeIntervals lists make_interval with its trailing arguments left out.
func makeIntervals() []*expr.Def {
	var out []*expr.Def
	all := ids{tI4, tI4, tI4, tI4, tI4, tI4, tF8}
	for n := range len(all) + 1 {
		eval := kernel.Rows(func(*expr.CallCtx) func([]types.Datum) (span, error) {
			return func(a []types.Datum) (span, error) {
				var p [6]int64
				secs := 0.0
				for i, d := range a {
					if i < 6 {
						p[i] = d.I
					} else {
						secs = d.F
					}
				}
				return types.MakeInterval(p[0], p[1], p[2], p[3], p[4], p[5], secs)
			}
		})
		out = append(out, fn("make_interval", all[:n:n], tIv, eval, "Interval from years, months, weeks, days, hours, minutes, seconds"))
	}
	return out
}

// fromEpoch rounds to microseconds; the infinities stay.
func fromEpoch(s float64) (int64, error) {
	switch {
	case math.IsInf(s, 1):
		return math.MaxInt64, nil
	case math.IsInf(s, -1):
		return math.MinInt64, nil
	case s != s:
		return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "timestamp cannot be NaN")
	}
	us := math.RoundToEven(s * 1e6)
	if math.Abs(us) >= 1<<63 || !types.TimestampInRange(int64(us)) {
		return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "timestamp out of range: \"%g\"", s)
	}
	return int64(us), nil
}

// ageFuncs lists age and OVERLAPS.
func ageFuncs() []*expr.Def {
	midnight := func(c *expr.CallCtx) int64 {
		return types.TimestampToDate(utcToLocal(nowMicros(c), location(c))) * types.Day
	}
	out := []*expr.Def{
		fn("age", ids{tTS, tTS}, tIv, kernel.E2(types.Age), "Time between, in years, months and days"),
		stable(fn("age", ids{tTZ, tTZ}, tIv, kernel.M2(func(c *expr.CallCtx) func(a, b int64) (span, error) {
			loc := location(c)
			return func(a, b int64) (span, error) { return types.AgeTZ(a, b, loc) }
		}), "Time between, in years, months and days")),
		stable(fn("age", ids{tTS}, tIv, kernel.M1(func(c *expr.CallCtx) func(a int64) (span, error) {
			today := midnight(c)
			return func(a int64) (span, error) { return types.Age(today, a) }
		}), "Time up to today")),
		stable(fn("age", ids{tTZ}, tIv, kernel.M1(func(c *expr.CallCtx) func(a int64) (span, error) {
			today, loc := midnight(c), location(c)
			return func(a int64) (span, error) {
				if infinite(a) {
					return span{}, types.ErrTimestampRange()
				}
				return types.Age(today, utcToLocal(a, loc))
			}
		}), "Time up to today")),
	}
	for _, t := range []id{tTS, tTZ, tTime} {
		out = append(out, notStrict(fn("overlaps", ids{t, t, t, t}, tBool, kernel.Rows(overlaps), "Whether two periods overlap")))
	}
	return out
}

// overlaps is SQL's OVERLAPS: a period is its two ends in any order, one of
// which may be NULL.
func overlaps(*expr.CallCtx) func([]types.Datum) (bool, error) {
	return func(a []types.Datum) (bool, error) {
		s1, e1, ok1 := period(a[0], a[1])
		s2, e2, ok2 := period(a[2], a[3])
		if !ok1 || !ok2 {
			return false, kernel.Null
		}
		// A NULL end leaves a point whose result can only be TRUE or NULL.
		switch {
		case s1.I > s2.I:
			return inside(s1, e2, e1)
		case s2.I > s1.I:
			return inside(s2, e1, e2)
		}
		if e1.Null || e2.Null {
			return false, kernel.Null
		}
		return true, nil
	}
}

// inside decides for a period [s, e) that starts later than another one, which ends at e2.
func inside(s, e2, e types.Datum) (bool, error) {
	if e2.Null {
		return false, kernel.Null
	}
	if s.I < e2.I {
		return true, nil
	}
	if e.Null {
		return false, kernel.Null
	}
	return false, nil
}

func period(a, b types.Datum) (start, end types.Datum, ok bool) {
	switch {
	case a.Null && b.Null:
		return a, b, false
	case a.Null:
		return b, a, true
	case !b.Null && a.I > b.I:
		return b, a, true
	}
	return a, b, true
}

// zoneFuncs lists timezone(zone, x), which is what AT TIME ZONE means.
func zoneFuncs() []*expr.Def {
	byName := func(f func(int64, *time.Location) int64) evalFn {
		return kernel.M2(func(*expr.CallCtx) func(string, int64) (int64, error) {
			last, loc := "", (*time.Location)(nil)
			return func(zone string, us int64) (int64, error) {
				if loc == nil || zone != last {
					l, err := types.LoadZone(zone)
					if err != nil {
						return 0, err
					}
					last, loc = string([]byte(zone)), l
				}
				return f(us, loc), nil
			}
		})
	}
	byOffset := func(f func(int64, *time.Location) int64) evalFn {
		return kernel.E2(func(v span, us int64) (int64, error) {
			if v.Months != 0 || v.Days != 0 {
				return 0, sqlerr.New(sqlerr.InvalidParameterValue, "interval time zone \"%s\" must not include months or days", string(types.AppendInterval(nil, v, nil)))
			}
			return f(us, types.ZoneOfInterval(int(v.Micros/1e6))), nil
		})
	}
	return []*expr.Def{
		fn("timezone", ids{tText, tTS}, tTZ, byName(localToUTC), "Instant of a local time in a zone"),
		fn("timezone", ids{tText, tTZ}, tTS, byName(utcToLocal), "Local time in a zone of an instant"),
		fn("timezone", ids{tIv, tTS}, tTZ, byOffset(localToUTC), "Instant of a local time at an offset"),
		fn("timezone", ids{tIv, tTZ}, tTS, byOffset(utcToLocal), "Local time at an offset of an instant"),
	}
}
