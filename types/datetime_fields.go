package types

import (
	"strings"
	"time"

	"streamdb/internal/sqlerr"
)

// Unit is a field of extract and date_trunc.
type Unit uint8

// The units.
const (
	UnitUnknown Unit = iota
	UnitMicroseconds
	UnitMilliseconds
	UnitSecond
	UnitMinute
	UnitHour
	UnitDay
	UnitWeek
	UnitMonth
	UnitQuarter
	UnitYear
	UnitDecade
	UnitCentury
	UnitMillennium
	UnitEpoch
	UnitJulian
	UnitDow
	UnitIsoDow
	UnitDoy
	UnitIsoYear
	UnitTimezone
	UnitTimezoneHour
	UnitTimezoneMinute
)

var units = func() map[string]Unit {
	m := map[string]Unit{
		"epoch": UnitEpoch, "julian": UnitJulian, "jd": UnitJulian, "dow": UnitDow, "isodow": UnitIsoDow, "doy": UnitDoy, "isoyear": UnitIsoYear,
		"qtr": UnitQuarter, "quarter": UnitQuarter, "quarters": UnitQuarter,
		"timezone": UnitTimezone, "timezone_hour": UnitTimezoneHour, "timezone_h": UnitTimezoneHour,
		"timezone_minute": UnitTimezoneMinute, "timezone_m": UnitTimezoneMinute,
	}
	of := [...]Unit{
		uMicrosecond: UnitMicroseconds, uMillisecond: UnitMilliseconds, uSecond: UnitSecond, uMinute: UnitMinute, uHour: UnitHour,
		uDay: UnitDay, uWeek: UnitWeek, uMonth: UnitMonth, uQuarter: UnitQuarter, uYear: UnitYear, uDecade: UnitDecade,
		uCentury: UnitCentury, uMillennium: UnitMillennium, uAgo: UnitUnknown,
	}
	for name, u := range intervalUnits {
		if of[u] != UnitUnknown {
			m[name] = of[u]
		}
	}
	return m
}()

// ParseUnit finds a unit by any of its names, in any case; UnitUnknown if there is none.
func ParseUnit(name string) Unit { return units[strings.ToLower(name)] }

// ErrUnit is Postgres's error for a unit that a type does not have: 22023 when
// nobody has it, else 0A000.
func ErrUnit(name string, t T) error {
	if ParseUnit(name) == UnitUnknown {
		return sqlerr.New(sqlerr.InvalidParameterValue, "unit \"%s\" not recognized for type %s", name, t)
	}
	return sqlerr.New(sqlerr.FeatureNotSupported, "unit \"%s\" not supported for type %s", name, t)
}

// yearNumber is the year as people number it: there is no year 0.
func yearNumber(y int64) int64 {
	if y <= 0 {
		return y - 1
	}
	return y
}

// decadeOf, centuryOf and millenniumOf number periods; century 1 starts in year 1.
func decadeOf(y int64) int64 { return floorDiv(y, 10) }

func centuryOf(y int64) int64 {
	if y > 0 {
		return (y + 99) / 100
	}
	return -((99 - (y - 1)) / 100)
}

func millenniumOf(y int64) int64 {
	if y > 0 {
		return (y + 999) / 1000
	}
	return -((999 - (y - 1)) / 1000)
}

// isoWeek is the ISO 8601 year and week of a day.
func isoWeek(day int64) (year, week int64) {
	thursday := day - floorMod(day+3, 7) + 3 // 1970-01-01 was a Thursday
	year, _, _ = CivilFromDays(thursday)
	return year, (thursday-DaysFromCivil(year, 1, 1))/7 + 1
}

// part is extract from a local time; ok is false for units it does not have.
func part(u Unit, local int64) (d Decimal, ok bool) {
	day, tod := splitDay(local)
	switch u {
	case UnitMicroseconds:
		return DecimalOfInt(tod % Minute), true
	case UnitMilliseconds:
		return DecimalOfScaled(tod%Minute, 3), true
	case UnitSecond:
		return DecimalOfScaled(tod%Minute, 6), true
	case UnitMinute:
		return DecimalOfInt(tod / Minute % 60), true
	case UnitHour:
		return DecimalOfInt(tod / Hour), true
	case UnitEpoch:
		return DecimalOfScaled(local, 6), true
	case UnitJulian:
		// Postgres adds the quotient to the day's number even when it is 0.
		frac, _ := DecimalOfInt(tod).Div(DecimalOfInt(Day))
		j, _ := DecimalOfInt(day + 2440588).Add(frac)
		return j, true
	}
	n, ok := datePart(u, day)
	return DecimalOfInt(n), ok
}

// datePart is extract of the units of a day.
func datePart(u Unit, day int64) (int64, bool) {
	y, m, d := CivilFromDays(day)
	switch u {
	case UnitDay:
		return d, true
	case UnitMonth:
		return m, true
	case UnitQuarter:
		return (m-1)/3 + 1, true
	case UnitWeek:
		_, w := isoWeek(day)
		return w, true
	case UnitIsoYear:
		iy, _ := isoWeek(day)
		return yearNumber(iy), true
	case UnitYear:
		return yearNumber(y), true
	case UnitDecade:
		return decadeOf(y), true
	case UnitCentury:
		return centuryOf(y), true
	case UnitMillennium:
		return millenniumOf(y), true
	case UnitDow:
		return floorMod(day+4, 7), true
	case UnitIsoDow:
		return floorMod(day+3, 7) + 1, true
	case UnitDoy:
		return day - DaysFromCivil(y, 1, 1) + 1, true
	}
	return 0, false
}

// partOfInfinity is extract from an infinity: units that grow for ever give an
// infinity, the others NULL.
func partOfInfinity(u Unit, v int64) (d Decimal, null bool) {
	switch u {
	case UnitYear, UnitDecade, UnitCentury, UnitMillennium, UnitEpoch, UnitJulian, UnitIsoYear:
		if v == PosInfinity {
			return DecimalInf, false
		}
		return DecimalNegInf, false
	}
	return Decimal{}, true
}

// ExtractTimestamp is extract(unit from timestamp). name is the unit as written, for errors.
func ExtractTimestamp(u Unit, name string, us int64) (d Decimal, null bool, err error) {
	if u != UnitUnknown && isInf(us) {
		d, null = partOfInfinity(u, us)
		return d, null, nil
	}
	if u == UnitUnknown || u >= UnitTimezone {
		return d, false, ErrUnit(name, Of(Timestamp))
	}
	d, _ = part(u, us)
	return d, false, nil
}

// ExtractTimestampTZ is extract(unit from timestamptz) in a zone.
func ExtractTimestampTZ(u Unit, name string, us int64, loc *time.Location) (d Decimal, null bool, err error) {
	if u == UnitUnknown {
		return d, false, ErrUnit(name, Of(TimestampTZ))
	}
	if isInf(us) {
		d, null = partOfInfinity(u, us)
		return d, null, nil
	}
	off := zoneOffset(loc, us)
	switch u {
	case UnitEpoch:
		return DecimalOfScaled(us, 6), false, nil
	case UnitTimezone:
		return DecimalOfInt(off / Second), false, nil
	case UnitTimezoneHour:
		return DecimalOfInt(off / Hour), false, nil
	case UnitTimezoneMinute:
		return DecimalOfInt(off % Hour / Minute), false, nil
	}
	d, _ = part(u, us+off)
	return d, false, nil
}

// ExtractDate is extract(unit from date).
func ExtractDate(u Unit, name string, day int64) (d Decimal, null bool, err error) {
	switch u {
	case UnitUnknown, UnitMicroseconds, UnitMilliseconds, UnitSecond, UnitMinute, UnitHour, UnitTimezone, UnitTimezoneHour, UnitTimezoneMinute:
		return d, false, ErrUnit(name, Of(Date))
	}
	if isInf(day) {
		d, null = partOfInfinity(u, day)
		return d, null, nil
	}
	switch u {
	case UnitEpoch:
		return DecimalOfInt(day * 86400), false, nil
	case UnitJulian:
		return DecimalOfInt(day + 2440588), false, nil
	}
	n, _ := datePart(u, day)
	return DecimalOfInt(n), false, nil
}

// ExtractTime is extract(unit from time).
func ExtractTime(u Unit, name string, us int64) (Decimal, error) {
	switch u {
	case UnitMicroseconds, UnitMilliseconds, UnitSecond, UnitMinute:
		d, _ := part(u, us%Hour)
		return d, nil
	case UnitHour:
		return DecimalOfInt(us / Hour), nil
	case UnitEpoch:
		return DecimalOfScaled(us, 6), nil
	}
	return Decimal{}, ErrUnit(name, Of(Time))
}

// ExtractInterval is extract(unit from interval).
func ExtractInterval(u Unit, name string, v Span) (Decimal, error) {
	sub := v.Micros % Minute
	year, mon := int64(v.Months/12), int64(v.Months%12)
	n := int64(0)
	switch u {
	case UnitMicroseconds:
		n = sub
	case UnitMilliseconds:
		return DecimalOfScaled(sub, 3), nil
	case UnitSecond:
		return DecimalOfScaled(sub, 6), nil
	case UnitMinute:
		n = v.Micros / Minute % 60
	case UnitHour:
		n = v.Micros / Hour
	case UnitDay:
		n = int64(v.Days)
	case UnitMonth:
		n = mon
	case UnitQuarter:
		n = mon/3 + 1
	case UnitYear:
		n = year
	case UnitDecade:
		n = year / 10
	case UnitCentury:
		n = year / 100
	case UnitMillennium:
		n = year / 1000
	case UnitEpoch:
		// A year is 365.25 days and a month 30: in quarters of a day.
		secs := (1461*year + 120*mon + 4*int64(v.Days)) * 21600
		d, err := DecimalOfScaled(secs, 0).Add(DecimalOfScaled(v.Micros, 6))
		return d, err
	default:
		return Decimal{}, ErrUnit(name, Of(Interval))
	}
	return DecimalOfInt(n), nil
}

// TruncTimestamp is date_trunc(unit, timestamp). Errors: 22023, 0A000.
func TruncTimestamp(u Unit, name string, us int64) (int64, error) {
	out, ok := truncLocal(u, us)
	if !ok {
		return 0, errTruncUnit(u, name, Of(Timestamp))
	}
	return out, nil
}

// TruncTimestampTZ is date_trunc(unit, timestamptz) in a zone.
func TruncTimestampTZ(u Unit, name string, us int64, loc *time.Location) (int64, error) {
	if isInf(us) || loc == nil || loc == time.UTC {
		out, ok := truncLocal(u, us)
		if !ok {
			return 0, errTruncUnit(u, name, Of(TimestampTZ))
		}
		return out, nil
	}
	off := zoneOffset(loc, us)
	out, ok := truncLocal(u, us+off)
	switch {
	case !ok:
		return 0, errTruncUnit(u, name, Of(TimestampTZ))
	case u <= UnitHour:
		return out - off, nil // within the hour the clock did not change
	}
	return LocalToUTC(loc, out), nil
}

// errTruncUnit is ErrUnit for date_trunc, which knows only the units of time.
func errTruncUnit(u Unit, name string, t T) error {
	if u >= UnitEpoch && u <= UnitIsoYear {
		return sqlerr.New(sqlerr.InvalidParameterValue, "unit \"%s\" not recognized for type %s", name, t)
	}
	return ErrUnit(name, t)
}

// truncLocal cuts a local time; ok is false for units that cannot be cut to.
func truncLocal(u Unit, us int64) (out int64, ok bool) {
	if isInf(us) {
		return us, true
	}
	step := int64(0)
	switch u {
	case UnitMicroseconds:
		step = 1
	case UnitMilliseconds:
		step = 1000
	case UnitSecond:
		step = Second
	case UnitMinute:
		step = Minute
	case UnitHour:
		step = Hour
	case UnitDay:
		step = Day
	case UnitWeek, UnitMonth, UnitQuarter, UnitYear, UnitDecade, UnitCentury, UnitMillennium:
	default:
		return 0, false
	}
	if step != 0 {
		return us - floorMod(us, step), true
	}
	day, _ := splitDay(us)
	if u == UnitWeek {
		return (day - floorMod(day+3, 7)) * Day, true
	}
	y, m, _ := CivilFromDays(day)
	switch u {
	case UnitQuarter:
		m = (m-1)/3*3 + 1
	case UnitYear:
		m = 1
	case UnitDecade:
		m, y = 1, decadeOf(y)*10
	case UnitCentury:
		if c := centuryOf(y); c > 0 {
			m, y = 1, c*100-99
		} else {
			m, y = 1, c*100+1
		}
	case UnitMillennium:
		if c := millenniumOf(y); c > 0 {
			m, y = 1, c*1000-999
		} else {
			m, y = 1, c*1000+1
		}
	}
	return DaysFromCivil(y, m, 1) * Day, true
}

// TruncInterval is date_trunc(unit, interval). Errors: 22023, 0A000.
func TruncInterval(u Unit, name string, v Span) (Span, error) {
	months := func(n int32) Span { return Span{Months: v.Months / n * n} }
	switch u {
	case UnitMillennium:
		return months(12000), nil
	case UnitCentury:
		return months(1200), nil
	case UnitDecade:
		return months(120), nil
	case UnitYear:
		return months(12), nil
	case UnitQuarter:
		return months(3), nil
	case UnitMonth:
		return months(1), nil
	case UnitDay:
		v.Micros = 0
	case UnitHour:
		v.Micros -= v.Micros % Hour
	case UnitMinute:
		v.Micros -= v.Micros % Minute
	case UnitSecond:
		v.Micros -= v.Micros % Second
	case UnitMilliseconds:
		v.Micros -= v.Micros % 1000
	case UnitMicroseconds:
	case UnitWeek:
		return v, sqlerr.New(sqlerr.FeatureNotSupported, "unit \"%s\" not supported for type interval", name).
			WithDetail("Months usually have fractional weeks.")
	default:
		return v, errTruncUnit(u, name, Of(Interval))
	}
	return v, nil
}
