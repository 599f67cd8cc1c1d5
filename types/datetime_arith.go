package types

import (
	"math"
	"time"

	"streamdb/internal/sqlerr"
)

// isInf reports whether a date or timestamp is an infinity.
func isInf(v int64) bool { return v == PosInfinity || v == NegInfinity }

// DateToTimestamp is midnight of a day. Error 22008 beyond the range of timestamps.
func DateToTimestamp(days int64) (int64, error) {
	if isInf(days) {
		return days, nil
	}
	if days < minDate || days >= endTimestampDays {
		return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "date out of range for timestamp")
	}
	return days * Day, nil
}

// TimestampToDate is the day of a timestamp.
func TimestampToDate(us int64) int64 {
	if isInf(us) {
		return us
	}
	day, _ := splitDay(us)
	return day
}

// TimeOfDay is the time of day of a timestamp that is not infinite.
func TimeOfDay(us int64) int64 {
	_, tod := splitDay(us)
	return tod
}

// addMonths moves a local time by months, cutting the day to the month's length.
func addMonths(us int64, months int32) int64 {
	day, tod := splitDay(us)
	y, m, d := CivilFromDays(day)
	m += int64(months) - 1
	y += floorDiv(m, 12)
	m = floorMod(m, 12) + 1
	return DaysFromCivil(y, m, min(d, daysInMonth(y, m)))*Day + tod
}

// TimestampAdd adds an interval: months, then days, then time. Error 22008.
func TimestampAdd(us int64, v Span) (int64, error) {
	if isInf(us) {
		return us, nil
	}
	if v.Months != 0 {
		// A month's step stays below 2^31 * 31 days: check before it can overflow.
		if day := us/Day + int64(v.Months)*31; day > endTimestampDays+62 && v.Months > 0 && int64(v.Months) > 12*300000 {
			return 0, ErrTimestampRange()
		} else if v.Months < -12*300000 {
			return 0, ErrTimestampRange()
		}
		moved := addMonths(us, v.Months)
		if v.Months > 0 && moved < us || !TimestampInRange(moved) {
			return 0, ErrTimestampRange()
		}
		us = moved
	}
	if v.Days != 0 {
		d, ok := MulInt64(int64(v.Days), Day)
		s, ok2 := AddInt64(us, d)
		if !ok || !ok2 {
			return 0, ErrTimestampRange()
		}
		us = s
	}
	s, ok := AddInt64(us, v.Micros)
	if !ok || isInf(s) || !TimestampInRange(s) {
		return 0, ErrTimestampRange()
	}
	return s, nil
}

// TimestampTZAdd adds an interval to an instant: months and days by the clock
// of the zone, so that a day may have 23 or 25 hours. Error 22008.
func TimestampTZAdd(us int64, v Span, loc *time.Location) (int64, error) {
	if isInf(us) || loc == nil || loc == time.UTC || v.Months == 0 && v.Days == 0 {
		return TimestampAdd(us, v)
	}
	for _, step := range []Span{{Months: v.Months}, {Days: v.Days}} {
		if step == (Span{}) {
			continue
		}
		local, err := TimestampAdd(UTCToLocal(loc, us), step)
		if err != nil {
			return 0, err
		}
		us = LocalToUTC(loc, local)
	}
	return TimestampAdd(us, Span{Micros: v.Micros})
}

// TimestampSub is the time between two timestamps in days and time. Error 22008 for infinities.
func TimestampSub(a, b int64) (Span, error) {
	if isInf(a) || isInf(b) {
		return Span{}, sqlerr.New(sqlerr.DatetimeFieldOverflow, "cannot subtract infinite timestamps")
	}
	d := a - b
	if (d < a) != (b > 0) {
		return Span{}, ErrIntervalRange()
	}
	return Span{Micros: d}.JustifyHours()
}

// DateSub is the number of days between two dates. Error 22008 for infinities.
func DateSub(a, b int64) (int64, error) {
	if isInf(a) || isInf(b) {
		return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "cannot subtract infinite dates")
	}
	return a - b, nil
}

// DateAdd moves a date by days. Error 22008.
func DateAdd(days, n int64) (int64, error) {
	if isInf(days) {
		return days, nil
	}
	d := days + n
	if !DateInRange(d) {
		return 0, ErrDateRange()
	}
	return d, nil
}

// TimeAdd moves a time of day around the clock by an interval's time.
func TimeAdd(us int64, v Span) int64 { return floorMod(us+v.Micros%Day, Day) }

// Age is a - b in years, months, days and time, as a person counts. Infinities are error 22008.
func Age(a, b int64) (Span, error) {
	if isInf(a) || isInf(b) {
		return Span{}, ErrTimestampRange()
	}
	sign := int64(1)
	if a < b {
		a, b, sign = b, a, -1
	}
	d1, t1 := splitDay(a)
	d2, t2 := splitDay(b)
	y1, m1, day1 := CivilFromDays(d1)
	y2, m2, day2 := CivilFromDays(d2)
	us, days, months := t1-t2, day1-day2, (y1-y2)*12+m1-m2
	if us < 0 {
		us += Day
		days--
	}
	for days < 0 {
		// Postgres counts by the month of its second argument's place: the earlier one.
		days += daysInMonth(y2, m2)
		months--
	}
	return Span{int32(sign * months), int32(sign * days), sign * us}, nil
}

// AgeTZ is Age of two instants as local times of a zone.
func AgeTZ(a, b int64, loc *time.Location) (Span, error) {
	if isInf(a) || isInf(b) {
		return Span{}, ErrTimestampRange()
	}
	return Age(UTCToLocal(loc, a), UTCToLocal(loc, b))
}

// DateBin is the start of the stride-long bin, counted from origin, that holds
// us. Errors: 0A000 for months in the stride, 22008.
func DateBin(stride Span, us, origin int64) (int64, error) {
	if isInf(us) {
		return us, nil
	}
	if isInf(origin) {
		return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "origin out of range")
	}
	if stride.Months != 0 {
		return 0, sqlerr.New(sqlerr.FeatureNotSupported, "timestamps cannot be binned into intervals containing months or years")
	}
	step, ok := MulInt64(int64(stride.Days), Day)
	step, ok2 := AddInt64(step, stride.Micros)
	if !ok || !ok2 {
		return 0, ErrIntervalRange()
	}
	if step <= 0 {
		return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "stride must be greater than zero")
	}
	diff := us - origin
	if (diff < us) != (origin > 0) {
		return 0, ErrIntervalRange()
	}
	out := us - floorMod(diff, step)
	if !TimestampInRange(out) {
		return 0, ErrTimestampRange()
	}
	return out, nil
}

// MakeDate is make_date; negative years are BC. Error 22008.
func MakeDate(year, month, day int64) (int64, error) {
	y := year
	if y < 0 {
		y++
	}
	if year == 0 || month < 1 || month > 12 || day < 1 || day > daysInMonth(y, month) {
		return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "date field value out of range: %d-%02d-%02d", year, month, day)
	}
	days := DaysFromCivil(y, month, day)
	if !DateInRange(days) {
		return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "date out of range: %d-%02d-%02d", year, month, day)
	}
	return days, nil
}

// MakeTime is make_time. Error 22008.
func MakeTime(hour, minute int64, sec float64) (int64, error) {
	us := int64(math.RoundToEven(sec * 1e6))
	if sec != sec || hour < 0 || hour > 24 || minute < 0 || minute > 59 || sec < 0 || sec > 60 || hour*Hour+minute*Minute+us > Day {
		return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "time field value out of range: %d:%02d:%02g", hour, minute, sec)
	}
	return hour*Hour + minute*Minute + us, nil
}

// MakeTimestamp is make_timestamp. Error 22008.
func MakeTimestamp(year, month, day, hour, minute int64, sec float64) (int64, error) {
	d, err := MakeDate(year, month, day)
	if err != nil {
		return 0, err
	}
	t, err := MakeTime(hour, minute, sec)
	if err != nil {
		return 0, err
	}
	if d < minDate || d >= endTimestampDays {
		return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "timestamp out of range: %d-%02d-%02d %d:%02d:%02g", year, month, day, hour, minute, sec)
	}
	return d*Day + t, nil
}

// MakeInterval is make_interval. Error 22008.
func MakeInterval(years, months, weeks, days, hours, minutes int64, secs float64) (Span, error) {
	us := math.RoundToEven(secs * 1e6)
	if secs != secs || math.IsInf(secs, 0) || math.Abs(us) >= 1<<62 {
		return Span{}, ErrIntervalRange()
	}
	m, d := years*12+months, weeks*7+days
	if m != int64(int32(m)) || d != int64(int32(d)) {
		return Span{}, ErrIntervalRange()
	}
	return Span{int32(m), int32(d), hours*Hour + minutes*Minute + int64(us)}, nil
}
