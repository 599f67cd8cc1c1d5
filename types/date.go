package types

import (
	"streamdb/internal/sqlerr"
)

// The range of dates: 4713-01-01 BC (julian day 0 less a bit) to 5874897-12-31.
const (
	minDate int64 = -2440588             // julian day 0
	maxDate int64 = 2147483493 - 2440588 // 5874897-12-31
)

// DateInRange reports whether a day number is a date that Postgres can hold.
func DateInRange(days int64) bool {
	return days >= minDate && days <= maxDate || days == PosInfinity || days == NegInfinity
}

// ErrDateRange is error 22008, "date out of range".
func ErrDateRange() error {
	return sqlerr.New(sqlerr.DatetimeFieldOverflow, "date out of range")
}

// AppendDate appends a date in env's DateStyle.
func AppendDate(dst []byte, days int64, env *Env) []byte {
	switch days {
	case PosInfinity:
		return append(dst, "infinity"...)
	case NegInfinity:
		return append(dst, "-infinity"...)
	}
	y, m, d := CivilFromDays(days)
	bc := y <= 0
	if bc {
		y = 1 - y
	}
	dst = appendCivil(dst, y, m, d, env)
	if bc {
		dst = append(dst, " BC"...)
	}
	return dst
}

// appendCivil appends year, month and day in the order of the style.
func appendCivil(dst []byte, y, m, d int64, env *Env) []byte {
	env = env.orDefault()
	switch env.DateStyle {
	case DateISO:
		dst = appendYear(dst, y)
		dst = append(dst, '-', byte('0'+m/10), byte('0'+m%10), '-', byte('0'+d/10), byte('0'+d%10))
		return dst
	case DateGerman:
		dst = append(append2(append(append2(dst, d), '.'), m), '.')
		return appendYear(dst, y)
	}
	sep := byte('/')
	if env.DateStyle == DatePostgres {
		sep = '-'
	}
	a, b := m, d
	if env.DateOrder == OrderDMY {
		a, b = d, m
	}
	dst = append(append2(append(append2(dst, a), sep), b), sep)
	return appendYear(dst, y)
}

// append2 appends two digits.
func append2(dst []byte, n int64) []byte { return append(dst, byte('0'+n/10), byte('0'+n%10)) }

// appendYear appends a year with at least four digits.
func appendYear(dst []byte, y int64) []byte {
	if y < 10000 {
		return append(dst, byte('0'+y/1000), byte('0'+y/100%10), byte('0'+y/10%10), byte('0'+y%10))
	}
	var buf [20]byte
	i := len(buf)
	for ; y > 0; y /= 10 {
		i--
		buf[i] = byte('0' + y%10)
	}
	return append(dst, buf[i:]...)
}

// ParseDate reads a date as days since 1970-01-01. Errors: 22007, 22008.
func ParseDate(s string, env *Env) (int64, error) {
	if days, n := scanISODate(s); n == len(s) && n > 0 {
		return days, nil
	}
	p, err := decodeDateTime(s, env, "date")
	if err != nil {
		return 0, err
	}
	switch p.special {
	case specialPosInf:
		return PosInfinity, nil
	case specialNegInf:
		return NegInfinity, nil
	case specialEpoch:
		return 0, nil
	}
	days := DaysFromCivil(p.year, p.month, p.day)
	if !DateInRange(days) {
		return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "date out of range: \"%s\"", s)
	}
	return days, nil
}

// scanISODate reads a leading YYYY-MM-DD that is a valid day; n is 0 if there is none.
func scanISODate(s string) (days int64, n int) {
	if len(s) < 10 || s[4] != '-' || s[7] != '-' {
		return 0, 0
	}
	y1, ok1 := digits2(s, 0)
	y2, ok2 := digits2(s, 2)
	m, ok3 := digits2(s, 5)
	d, ok4 := digits2(s, 8)
	y := y1*100 + y2
	if !(ok1 && ok2 && ok3 && ok4) || y == 0 || m < 1 || m > 12 || d < 1 || d > daysInMonth(y, m) {
		return 0, 0
	}
	return DaysFromCivil(y, m, d), 10
}

// digits2 reads two digits at s[i:].
func digits2(s string, i int) (int64, bool) {
	a, b := s[i]-'0', s[i+1]-'0'
	return int64(a)*10 + int64(b), a <= 9 && b <= 9
}
