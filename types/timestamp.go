package types

import (
	"time"

	"streamdb/internal/sqlerr"
)

// pgEpoch is 2000-01-01, from which Postgres's binary formats count.
const (
	pgEpochDays int64 = 10957
	pgEpoch           = pgEpochDays * Day
)

// The range of timestamps: from 4714-11-24 BC up to, excluding, 294247-01-10.
// Postgres, which counts from 2000, ends 30 years later.
const (
	minTimestamp     = minDate * Day
	endTimestampDays = 106751991
	endTimestamp     = endTimestampDays * Day
)

// TimestampInRange reports whether us is a timestamp in range; infinities are.
func TimestampInRange(us int64) bool {
	return us >= minTimestamp && us < endTimestamp || us == PosInfinity || us == NegInfinity
}

// ErrTimestampRange is error 22008, "timestamp out of range".
func ErrTimestampRange() error {
	return sqlerr.New(sqlerr.DatetimeFieldOverflow, "timestamp out of range")
}

// AppendTimestamp appends a timestamp without time zone in env's DateStyle.
func AppendTimestamp(dst []byte, us int64, env *Env) []byte {
	if us == PosInfinity || us == NegInfinity {
		return AppendDate(dst, us, env)
	}
	return appendStamp(dst, us, 0, "", false, env)
}

// AppendTimestampTZ appends an instant as local time in env's zone, with its offset.
func AppendTimestampTZ(dst []byte, us int64, env *Env) []byte {
	if us == PosInfinity || us == NegInfinity {
		return AppendDate(dst, us, env)
	}
	loc := env.location()
	if loc == time.UTC {
		return appendStamp(dst, us, 0, "UTC", true, env)
	}
	abbrev, off := time.Unix(floorDiv(us, Second), 0).In(loc).Zone()
	return appendStamp(dst, us+int64(off)*Second, off, abbrev, true, env)
}

var (
	dayNames   = [7]string{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"}
	monthNames = [13]string{"", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"}
)

// appendStamp appends a local time and, with tz, its zone.
func appendStamp(dst []byte, local int64, off int, abbrev string, tz bool, env *Env) []byte {
	env = env.orDefault()
	day, tod := splitDay(local)
	y, m, d := CivilFromDays(day)
	bc := y <= 0
	if bc {
		y = 1 - y
	}
	if env.DateStyle == DatePostgres {
		dst = append(dst, dayNames[floorMod(day+4, 7)]...)
		dst = append(dst, ' ')
		if env.DateOrder == OrderDMY {
			dst = append(append2(dst, d), ' ')
			dst = append(dst, monthNames[m]...)
		} else {
			dst = append(dst, monthNames[m]...)
			dst = append2(append(dst, ' '), d)
		}
		dst = AppendTime(append(dst, ' '), tod)
		dst = appendYear(append(dst, ' '), y)
	} else {
		dst = appendCivil(dst, y, m, d, env)
		dst = AppendTime(append(dst, ' '), tod)
	}
	if tz {
		if env.DateStyle == DateISO || abbrev == "" {
			dst = appendOffset(dst, off)
		} else {
			dst = append(dst, ' ')
			dst = append(dst, abbrev...)
		}
	}
	if bc {
		dst = append(dst, " BC"...)
	}
	return dst
}

// appendOffset appends +HH[:MM[:SS]].
func appendOffset(dst []byte, off int) []byte {
	sign := byte('+')
	if off < 0 {
		sign, off = '-', -off
	}
	dst = append2(append(dst, sign), int64(off/3600))
	if off%3600 != 0 {
		dst = append2(append(dst, ':'), int64(off/60%60))
		if off%60 != 0 {
			dst = append2(append(dst, ':'), int64(off%60))
		}
	}
	return dst
}

// ParseTimestamp reads a timestamp without time zone, in microseconds since
// 1970-01-01; a zone in the text is ignored. Errors: 22007, 22008.
func ParseTimestamp(s string, env *Env) (int64, error) {
	if us, n := scanISOTimestamp(s); n == len(s) && n > 0 {
		return us, nil
	}
	p, err := decodeDateTime(s, env, "timestamp")
	if err != nil {
		return 0, err
	}
	if us, ok := p.specialStamp(); ok {
		return us, nil
	}
	us, ok := stampOf(p)
	if !ok || !TimestampInRange(us) {
		return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "timestamp out of range: \"%s\"", s)
	}
	return us, nil
}

// ParseTimestampTZ reads an instant; text without a zone is local to env's
// zone. Errors: 22007, 22008, 22009.
func ParseTimestampTZ(s string, env *Env) (int64, error) {
	if us, n := scanISOTimestamp(s); n > 0 {
		if n == len(s) && env.location() == time.UTC {
			return us, nil
		}
		if off, ok := scanISOOffset(s[n:]); ok {
			return us - off*Second, nil
		}
	}
	p, err := decodeDateTime(s, env, "timestamp with time zone")
	if err != nil {
		return 0, err
	}
	if us, ok := p.specialStamp(); ok {
		return us, nil
	}
	us, ok := stampOf(p)
	if ok {
		switch {
		case p.hasOffset:
			us -= p.offset * Second
		case p.zone != nil:
			us = LocalToUTC(p.zone, us)
		default:
			us = LocalToUTC(env.location(), us)
		}
	}
	if !ok || !TimestampInRange(us) {
		return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "timestamp out of range: \"%s\"", s)
	}
	return us, nil
}

// stampOf joins the parsed date and time; ok is false when they are out of range.
func stampOf(p *dateTimeParts) (us int64, ok bool) {
	days := DaysFromCivil(p.year, p.month, p.day)
	if days < minDate-1 || days >= endTimestampDays {
		return 0, false
	}
	return days*Day + p.tod, true
}

// scanISOTimestamp reads a leading YYYY-MM-DD[( |T)HH:MM:SS[.f]]; n is 0 if there is none.
func scanISOTimestamp(s string) (us int64, n int) {
	days, n := scanISODate(s)
	if n == 0 {
		return 0, 0
	}
	if len(s) == n {
		return days * Day, n
	}
	if s[n] != ' ' && s[n] != 'T' {
		return 0, 0
	}
	tod, k := scanISOTime(s[n+1:])
	if k == 0 {
		return 0, 0
	}
	return days*Day + tod, n + 1 + k
}

// scanISOOffset reads Z, +HH, +HHMM or +HH:MM, the whole of s, in seconds.
func scanISOOffset(s string) (sec int64, ok bool) {
	if s == "Z" {
		return 0, true
	}
	if len(s) < 3 || s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	h, ok1 := digits2(s, 1)
	m, ok2 := int64(0), true
	switch {
	case len(s) == 3:
	case len(s) == 5:
		m, ok2 = digits2(s, 3)
	case len(s) == 6 && s[3] == ':':
		m, ok2 = digits2(s, 4)
	default:
		return 0, false
	}
	if !ok1 || !ok2 || h > 14 || m > 59 {
		return 0, false
	}
	sec = h*3600 + m*60
	if s[0] == '-' {
		sec = -sec
	}
	return sec, true
}
