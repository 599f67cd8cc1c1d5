package types

import (
	"encoding/binary"
	"math"
	"strconv"

	"streamdb/internal/sqlerr"
)

// Span is the decoded form of an interval: months, days and microseconds are
// kept apart, as in Postgres.
//
// The byte form in columns is 16 bytes, little-endian: int32 months, int32
// days, int64 microseconds.
type Span struct {
	Months int32
	Days   int32
	Micros int64
}

// IntervalLen is the length of an interval's byte form.
const IntervalLen = 16

// DecodeInterval reads the byte form.
func DecodeInterval(b []byte) Span {
	_ = b[15]
	return Span{int32(binary.LittleEndian.Uint32(b)), int32(binary.LittleEndian.Uint32(b[4:])), int64(binary.LittleEndian.Uint64(b[8:]))}
}

// AppendSpan appends the byte form.
func AppendSpan(dst []byte, v Span) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(v.Months))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(v.Days))
	return binary.LittleEndian.AppendUint64(dst, uint64(v.Micros))
}

// Datum returns the interval as a value.
func (v Span) Datum() Datum { return Datum{S: string(AppendSpan(nil, v))} }

// ErrIntervalRange is error 22008, "interval out of range".
func ErrIntervalRange() error {
	return sqlerr.New(sqlerr.DatetimeFieldOverflow, "interval out of range")
}

// normal returns the interval in days of 24 hours and months of 30 days: days
// and the rest in [0, 1 day). Intervals are equal when these are.
func (v Span) normal() (days, micros int64) {
	d, us := splitDay(v.Micros)
	return int64(v.Months)*30 + int64(v.Days) + d, us
}

// Cmp compares as Postgres: a month is 30 days, a day 24 hours.
func (v Span) Cmp(o Span) int {
	d1, u1 := v.normal()
	d2, u2 := o.normal()
	if d1 != d2 {
		return cmpInt(d1, d2)
	}
	return cmpInt(u1, u2)
}

func cmpInt(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// add32 adds with overflow check.
func add32(a, b int32) (int32, bool) {
	s := int64(a) + int64(b)
	return int32(s), s == int64(int32(s))
}

// AddInt64 adds with overflow check.
func AddInt64(a, b int64) (int64, bool) {
	s := a + b
	return s, (s > a) == (b > 0)
}

// MulInt64 multiplies with overflow check.
func MulInt64(a, b int64) (int64, bool) {
	if a == 0 || b == 0 {
		return 0, true
	}
	p := a * b
	if p/b != a || a == -1 && b == math.MinInt64 || b == -1 && a == math.MinInt64 {
		return 0, false
	}
	return p, true
}

// Add adds field by field; error 22008 on overflow.
func (v Span) Add(o Span) (Span, error) {
	m, ok1 := add32(v.Months, o.Months)
	d, ok2 := add32(v.Days, o.Days)
	us, ok3 := AddInt64(v.Micros, o.Micros)
	if !ok1 || !ok2 || !ok3 {
		return Span{}, ErrIntervalRange()
	}
	return Span{m, d, us}, nil
}

// Neg negates; error 22008 on overflow.
func (v Span) Neg() (Span, error) {
	if v.Months == math.MinInt32 || v.Days == math.MinInt32 || v.Micros == math.MinInt64 {
		return Span{}, ErrIntervalRange()
	}
	return Span{-v.Months, -v.Days, -v.Micros}, nil
}

// Sub subtracts field by field; error 22008 on overflow.
func (v Span) Sub(o Span) (Span, error) {
	m, d := int64(v.Months)-int64(o.Months), int64(v.Days)-int64(o.Days)
	us := v.Micros - o.Micros
	if m != int64(int32(m)) || d != int64(int32(d)) || (us < v.Micros) != (o.Micros > 0) {
		return Span{}, ErrIntervalRange()
	}
	return Span{int32(m), int32(d), us}, nil
}

// tsRound rounds seconds to microseconds, as Postgres's TSROUND.
func tsRound(x float64) float64 { return math.RoundToEven(x*1e6) / 1e6 }

// Mul multiplies by a factor, cascading fractions of months to days and of days to time.
func (v Span) Mul(f float64) (Span, error) {
	return v.scale(float64(v.Months)*f, float64(v.Days)*f, float64(v.Micros)*f)
}

// Div divides by a factor; 22012 when it is 0.
func (v Span) Div(f float64) (Span, error) {
	if f == 0 {
		return Span{}, sqlerr.New(sqlerr.DivisionByZero, "division by zero")
	}
	return v.scale(float64(v.Months)/f, float64(v.Days)/f, float64(v.Micros)/f)
}

func (v Span) scale(months, days, micros float64) (Span, error) {
	if !fits32(months) || !fits32(days) {
		return Span{}, ErrIntervalRange()
	}
	m, d := int32(months), int32(days)
	monthDays := tsRound((months - float64(m)) * 30)
	sec := tsRound((days - float64(d) + monthDays - float64(int32(monthDays))) * 86400)
	if math.Abs(sec) >= 86400 {
		n := int32(sec / 86400)
		d += n
		sec -= float64(n) * 86400
	}
	d += int32(monthDays)
	us := math.RoundToEven(micros + sec*1e6)
	if !(us >= -9223372036854775808.0 && us < 9223372036854775808.0) {
		return Span{}, ErrIntervalRange()
	}
	return Span{m, d, int64(us)}, nil
}

func fits32(f float64) bool { return f >= math.MinInt32 && f <= math.MaxInt32 }

// JustifyHours turns 24-hour stretches into days.
func (v Span) JustifyHours() (Span, error) {
	whole := v.Micros / Day
	us := v.Micros - whole*Day
	d := int64(v.Days) + whole
	if d > 0 && us < 0 {
		us += Day
		d--
	} else if d < 0 && us > 0 {
		us -= Day
		d++
	}
	if d != int64(int32(d)) {
		return Span{}, ErrIntervalRange()
	}
	return Span{v.Months, int32(d), us}, nil
}

// JustifyDays turns 30-day stretches into months.
func (v Span) JustifyDays() (Span, error) {
	whole := v.Days / 30
	d := v.Days - whole*30
	m := int64(v.Months) + int64(whole)
	if m > 0 && d < 0 {
		d += 30
		m--
	} else if m < 0 && d > 0 {
		d -= 30
		m++
	}
	if m != int64(int32(m)) {
		return Span{}, ErrIntervalRange()
	}
	return Span{int32(m), d, v.Micros}, nil
}

// JustifyInterval does both and makes the signs agree.
func (v Span) JustifyInterval() (Span, error) {
	whole := v.Micros / Day
	us := v.Micros - whole*Day
	d := int64(v.Days) + whole
	wm := d / 30
	d -= wm * 30
	m := int64(v.Months) + wm
	if m > 0 && (d < 0 || d == 0 && us < 0) {
		d += 30
		m--
	} else if m < 0 && (d > 0 || d == 0 && us > 0) {
		d -= 30
		m++
	}
	if d > 0 && us < 0 {
		us += Day
		d--
	} else if d < 0 && us > 0 {
		us -= Day
		d++
	}
	if m != int64(int32(m)) {
		return Span{}, ErrIntervalRange()
	}
	return Span{int32(m), int32(d), us}, nil
}

// AppendInterval appends an interval in env's IntervalStyle.
func AppendInterval(dst []byte, v Span, env *Env) []byte {
	year, mon, day := int64(v.Months/12), int64(v.Months%12), int64(v.Days)
	switch env.orDefault().IntervalStyle {
	case IntervalPostgresVerbose:
		return appendIntervalVerbose(dst, year, mon, day, v.Micros)
	case IntervalSQLStandard:
		return appendIntervalSQL(dst, year, mon, day, v.Micros)
	case IntervalISO8601:
		return appendIntervalISO(dst, year, mon, day, v.Micros)
	}
	zero, before := true, false
	part := func(n int64, unit string) {
		if n == 0 {
			return
		}
		if !zero {
			dst = append(dst, ' ')
		}
		if before && n > 0 {
			dst = append(dst, '+')
		}
		dst = strconv.AppendInt(dst, n, 10)
		dst = append(append(dst, ' '), unit...)
		if n != 1 {
			dst = append(dst, 's')
		}
		before, zero = n < 0, false
	}
	part(year, "year")
	part(mon, "mon")
	part(day, "day")
	if zero || v.Micros != 0 {
		if !zero {
			dst = append(dst, ' ')
		}
		us := v.Micros
		if us < 0 {
			dst = append(dst, '-')
		} else if before {
			dst = append(dst, '+')
		}
		dst = appendClock(dst, us, true)
	}
	return dst
}

// absMicros is |us| without overflow.
func absMicros(us int64) uint64 {
	if us < 0 {
		return uint64(-us)
	}
	return uint64(us)
}

// appendClock appends [h]h:mm:ss[.f] of |us|; hours with at least two digits if pad.
func appendClock(dst []byte, micros int64, pad bool) []byte {
	us := absMicros(micros)
	h := us / uint64(Hour)
	if pad && h < 10 {
		dst = append(dst, '0')
	}
	dst = strconv.AppendUint(dst, h, 10)
	rest := int64(us % uint64(Hour))
	dst = append2(append(dst, ':'), rest/Minute)
	dst = append2(append(dst, ':'), rest%Minute/Second)
	if f := rest % Second; f != 0 {
		dst = appendFraction(dst, f)
	}
	return dst
}

// appendSeconds appends seconds without padding.
func appendSeconds(dst []byte, us int64) []byte {
	dst = strconv.AppendInt(dst, us/Second, 10)
	if f := us % Second; f != 0 {
		dst = appendFraction(dst, f)
	}
	return dst
}

func appendIntervalVerbose(dst []byte, year, mon, day, micros int64) []byte {
	dst = append(dst, '@')
	zero, before := true, false
	part := func(n int64, unit string) {
		if n == 0 {
			return
		}
		if zero {
			before = n < 0
			if n < 0 {
				n = -n
			}
		} else if before {
			n = -n
		}
		dst = strconv.AppendInt(append(dst, ' '), n, 10)
		dst = append(append(dst, ' '), unit...)
		if n != 1 {
			dst = append(dst, 's')
		}
		zero = false
	}
	part(year, "year")
	part(mon, "mon")
	part(day, "day")
	part(micros/Hour, "hour")
	part(micros%Hour/Minute, "min")
	if sec := micros % Minute; sec != 0 {
		dst = append(dst, ' ')
		if sec < 0 {
			if zero {
				before = true
			} else if !before {
				dst = append(dst, '-')
			}
			sec = -sec
		} else if before {
			dst = append(dst, '-')
		}
		dst = append(appendSeconds(dst, sec), " sec"...)
		if sec != Second {
			dst = append(dst, 's')
		}
		zero = false
	}
	if zero {
		dst = append(dst, " 0"...)
	}
	if before {
		dst = append(dst, " ago"...)
	}
	return dst
}

func appendIntervalSQL(dst []byte, year, mon, day, micros int64) []byte {
	neg := year < 0 || mon < 0 || day < 0 || micros < 0
	pos := year > 0 || mon > 0 || day > 0 || micros > 0
	ym, dt := year != 0 || mon != 0, day != 0 || micros != 0
	standard := !(neg && pos) && !(ym && dt)
	if neg && standard {
		dst = append(dst, '-')
		year, mon, day, micros = -year, -mon, -day, -micros
	}
	abs := func(n int64) int64 { return max(n, -n) }
	sign := func(neg bool) byte {
		if neg {
			return '-'
		}
		return '+'
	}
	switch {
	case !neg && !pos:
		return append(dst, '0')
	case !standard:
		dst = strconv.AppendInt(append(dst, sign(year < 0 || mon < 0)), abs(year), 10)
		dst = strconv.AppendInt(append(dst, '-'), abs(mon), 10)
		dst = strconv.AppendInt(append(dst, ' ', sign(day < 0)), abs(day), 10)
		return appendClock(append(dst, ' ', sign(micros < 0)), micros, false)
	case ym:
		dst = strconv.AppendInt(dst, year, 10)
		return strconv.AppendInt(append(dst, '-'), mon, 10)
	case day != 0:
		dst = strconv.AppendInt(dst, day, 10)
		return appendClock(append(dst, ' '), micros, false)
	}
	return appendClock(dst, micros, false)
}

func appendIntervalISO(dst []byte, year, mon, day, micros int64) []byte {
	if year == 0 && mon == 0 && day == 0 && micros == 0 {
		return append(dst, "PT0S"...)
	}
	part := func(n int64, unit byte) {
		if n != 0 {
			dst = append(strconv.AppendInt(dst, n, 10), unit)
		}
	}
	dst = append(dst, 'P')
	part(year, 'Y')
	part(mon, 'M')
	part(day, 'D')
	if micros != 0 {
		dst = append(dst, 'T')
		part(micros/Hour, 'H')
		part(micros%Hour/Minute, 'M')
		if sec := micros % Minute; sec != 0 {
			if sec < 0 {
				dst = append(dst, '-')
				sec = -sec
			}
			dst = append(appendSeconds(dst, sec), 'S')
		}
	}
	return dst
}
