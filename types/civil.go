package types

import (
	"math"
	"time"
)

// Microseconds in the units of time.
const (
	Second int64 = 1_000_000
	Minute       = 60 * Second
	Hour         = 60 * Minute
	Day          = 24 * Hour
)

// The infinities of date, timestamp and timestamptz.
const (
	PosInfinity int64 = math.MaxInt64
	NegInfinity int64 = math.MinInt64
)

// DaysFromCivil is the number of days from 1970-01-01 to a day of the proleptic
// Gregorian calendar; year 0 is 1 BC, months may be outside 1..12.
// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
func DaysFromCivil(y, m, d int64) int64 {
	if m < 1 || m > 12 {
		y += floorDiv(m-1, 12)
		m = floorMod(m-1, 12) + 1
	}
	if m <= 2 {
		y--
		m += 12
	}
	era := floorDiv(y, 400)
	yoe := y - era*400
	doy := (153*(m-3)+2)/5 + d - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return era*146097 + doe - 719468
}

// CivilFromDays is the inverse of DaysFromCivil.
func CivilFromDays(z int64) (y, m, d int64) {
	z += 719468
	era := floorDiv(z, 146097)
	doe := uint32(z - era*146097)
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	y = int64(yoe) + era*400
	d = int64(doy - (153*mp+2)/5 + 1)
	if mp < 10 {
		return y, int64(mp + 3), d
	}
	return y + 1, int64(mp - 9), d
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

func floorMod(a, b int64) int64 { return a - floorDiv(a, b)*b }

// splitDay splits a timestamp into its day and the time of day.
func splitDay(us int64) (day, tod int64) {
	day = us / Day
	tod = us - day*Day
	if tod < 0 {
		day--
		tod += Day
	}
	return day, tod
}

func isLeap(y int64) bool { return y%4 == 0 && (y%100 != 0 || y%400 == 0) }

var monthDays = [13]int64{0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

// daysInMonth is the length of a month.
func daysInMonth(y, m int64) int64 {
	if m == 2 && isLeap(y) {
		return 29
	}
	return monthDays[m]
}

// zoneOffset is the offset of a zone from UTC in microseconds at an instant.
func zoneOffset(loc *time.Location, us int64) int64 {
	if loc == nil || loc == time.UTC {
		return 0
	}
	_, off := time.Unix(floorDiv(us, Second), 0).In(loc).Zone()
	return int64(off) * Second
}

// LocalToUTC turns a local time into an instant. A time that a clock change
// skips is read with the offset before the change, one that occurs twice with the
// offset after it (Postgres's DetermineTimeZoneOffset).
func LocalToUTC(loc *time.Location, local int64) int64 {
	if loc == nil || loc == time.UTC {
		return local
	}
	before := zoneOffset(loc, local-Day)
	after := zoneOffset(loc, local+Day)
	if before == after {
		return local - before
	}
	beforeOK := zoneOffset(loc, local-before) == before
	afterOK := zoneOffset(loc, local-after) == after
	if afterOK || !beforeOK && before > after {
		return local - after
	}
	return local - before
}

// UTCToLocal is the local time of an instant, as a timestamp without time zone.
func UTCToLocal(loc *time.Location, us int64) int64 { return us + zoneOffset(loc, us) }
