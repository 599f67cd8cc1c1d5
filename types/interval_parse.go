package types

import (
	"math"
	"strconv"
	"strings"
)

// Units of an interval.
const (
	uMicrosecond = iota + 1
	uMillisecond
	uSecond
	uMinute
	uHour
	uDay
	uWeek
	uMonth
	uQuarter
	uYear
	uDecade
	uCentury
	uMillennium
	uAgo
)

var intervalUnits = map[string]int{
	"ago": uAgo,
	"us":  uMicrosecond, "usec": uMicrosecond, "usecs": uMicrosecond, "usecond": uMicrosecond, "useconds": uMicrosecond, "microsecond": uMicrosecond, "microseconds": uMicrosecond, "microsecon": uMicrosecond,
	"ms": uMillisecond, "msec": uMillisecond, "msecs": uMillisecond, "msecond": uMillisecond, "mseconds": uMillisecond, "millisecond": uMillisecond, "milliseconds": uMillisecond, "millisecon": uMillisecond,
	"s": uSecond, "sec": uSecond, "secs": uSecond, "second": uSecond, "seconds": uSecond,
	"m": uMinute, "min": uMinute, "mins": uMinute, "minute": uMinute, "minutes": uMinute,
	"h": uHour, "hr": uHour, "hrs": uHour, "hour": uHour, "hours": uHour,
	"d": uDay, "day": uDay, "days": uDay,
	"w": uWeek, "week": uWeek, "weeks": uWeek,
	"mon": uMonth, "mons": uMonth, "month": uMonth, "months": uMonth,
	"y": uYear, "yr": uYear, "yrs": uYear, "year": uYear, "years": uYear,
	"dec": uDecade, "decs": uDecade, "decade": uDecade, "decades": uDecade,
	"c": uCentury, "cent": uCentury, "century": uCentury, "centuries": uCentury,
	"mil": uMillennium, "mils": uMillennium, "millennia": uMillennium, "millennium": uMillennium,
}

// ParseInterval reads an interval in any of Postgres's notations. Errors: 22007, 22015.
func ParseInterval(s string, env *Env) (Span, error) { return ParseIntervalMod(s, 0, env) }

// ParseIntervalMod reads an interval whose type has modifiers: they tell the
// unit of a bare number (interval '5' day) and are applied to the result.
func ParseIntervalMod(s string, mod int32, env *Env) (Span, error) {
	bits, _ := intervalRange(mod)
	d := intervalDecoder{env: env.orDefault(), bits: bits}
	e := dtBadFormat
	if fields, ok := scanDateTime(s); ok && len(fields) > 0 {
		e = d.run(fields)
	}
	if e == dtBadFormat {
		d = intervalDecoder{env: d.env, bits: bits}
		e = d.iso(trimSpace(s))
	}
	if e == dtOK {
		var v Span
		if v, e = d.result(); e == dtOK {
			return v.ApplyMod(mod), nil
		}
	}
	if d.beyond {
		return Span{}, ErrIntervalRange()
	}
	if e == dtFieldOverflow {
		e = dtIntervalOverflow
	}
	return Span{}, dateTimeError(e, s, "interval")
}

// intervalDecoder follows Postgres's DecodeInterval: fields from right to left,
// a unit before (in that order) its number.
type intervalDecoder struct {
	env      *Env
	bits     int
	months   int64
	days     int64
	micros   int64
	overflow bool
	beyond   bool // years that fit 32 bits as such, but not as months
}

func (d *intervalDecoder) result() (Span, dtErr) {
	if !d.overflow && d.months != int64(int32(d.months)) {
		d.beyond = true
	}
	if d.overflow || d.beyond || d.days != int64(int32(d.days)) {
		return Span{}, dtIntervalOverflow
	}
	return Span{int32(d.months), int32(d.days), d.micros}, dtOK
}

func (d *intervalDecoder) addMicros(n, unit int64) {
	p, ok := MulInt64(n, unit)
	s, ok2 := AddInt64(d.micros, p)
	if !ok || !ok2 {
		d.overflow = true
		return
	}
	d.micros = s
}

func (d *intervalDecoder) addDays(n, unit int64) {
	p, ok := MulInt64(n, unit)
	d.days += p
	if !ok || p != int64(int32(p)) {
		d.overflow = true
	}
}

func (d *intervalDecoder) addMonths(n, unit int64) {
	p, ok := MulInt64(n, unit)
	d.months += p
	if !ok || n != int64(int32(n)) {
		d.overflow = true
	}
}

// fractMicros adds a fraction of a unit, rounded half to even.
func (d *intervalDecoder) fractMicros(f float64, unit int64) {
	whole := int64(f * float64(unit))
	rest := f*float64(unit) - float64(whole)
	if rest > 0.5 {
		whole++
	} else if rest < -0.5 {
		whole--
	}
	d.addMicros(whole, 1)
}

// fractDays adds a fraction of days, its own fraction as time.
func (d *intervalDecoder) fractDays(f float64, scale int64) {
	f *= float64(scale)
	whole := int64(f)
	d.days += whole
	d.fractMicros(f-float64(whole), Day)
}

func (d *intervalDecoder) fractYears(f float64, scale int64) {
	d.months += roundEven(f * float64(scale) * 12)
}

// unit adds n and the fraction f of a unit.
func (d *intervalDecoder) unit(u int, n int64, f float64) {
	switch u {
	case uMicrosecond:
		d.addMicros(n, 1)
		d.fractMicros(f, 1)
	case uMillisecond:
		d.addMicros(n, 1000)
		d.fractMicros(f, 1000)
	case uSecond:
		d.addMicros(n, Second)
		d.fractMicros(f, Second)
	case uMinute:
		d.addMicros(n, Minute)
		d.fractMicros(f, Minute)
	case uHour:
		d.addMicros(n, Hour)
		d.fractMicros(f, Hour)
	case uDay:
		d.addDays(n, 1)
		d.fractMicros(f, Day)
	case uWeek:
		d.addDays(n, 7)
		d.fractDays(f, 7)
	case uMonth:
		d.addMonths(n, 1)
		d.fractDays(f, 30)
	case uYear:
		d.addMonths(n, 12)
		d.fractYears(f, 1)
	case uDecade:
		d.addMonths(n, 120)
		d.fractYears(f, 10)
	case uCentury:
		d.addMonths(n, 1200)
		d.fractYears(f, 100)
	case uMillennium:
		d.addMonths(n, 12000)
		d.fractYears(f, 1000)
	}
}

// defaultUnit is the unit of a bare number at the right end.
func (d *intervalDecoder) defaultUnit() int {
	switch d.bits {
	case rYear:
		return uYear
	case rMonth, rYear | rMonth:
		return uMonth
	case rDay:
		return uDay
	case rHour, rDay | rHour:
		return uHour
	case rMinute, rHour | rMinute, rDay | rHour | rMinute:
		return uMinute
	}
	return uSecond
}

func (d *intervalDecoder) run(fields []dtField) dtErr {
	unit, ago := 0, false
	seen := 0
	// In sql_standard style a leading minus without other signs covers all fields.
	if d.env.IntervalStyle == IntervalSQLStandard && fields[0].text[0] == '-' {
		more := false
		for _, f := range fields[1:] {
			if f.text[0] == '-' || f.text[0] == '+' {
				more = true
			}
		}
		if !more {
			for i := 1; i < len(fields); i++ {
				if isDigit(fields[i].text[0]) {
					fields[i].text = "-" + fields[i].text
					if fields[i].kind != fTime {
						fields[i].kind = fTZ
					}
				}
			}
		}
	}
	mark := func(u int) dtErr {
		if seen&(1<<u) != 0 {
			return dtBadFormat
		}
		seen |= 1 << u
		return dtOK
	}
	for i := len(fields) - 1; i >= 0; i-- {
		f := fields[i]
		switch f.kind {
		case fTime, fTZ, fNumber, fDate:
			if strings.IndexByte(f.text, ':') >= 0 {
				if e := d.clock(f.text); e != dtOK {
					return e
				}
				if seen&(1<<uHour|1<<uMinute|1<<uSecond) != 0 {
					return dtBadFormat
				}
				seen |= 1<<uHour | 1<<uMinute | 1<<uSecond
				unit = uDay
				continue
			}
			if unit == 0 {
				unit = d.defaultUnit()
			}
			used, e := d.number(f.text, &unit)
			if e != dtOK {
				return e
			}
			if e := mark(used); e != dtOK {
				return e
			}
		default:
			u, ok := intervalUnits[f.text]
			if !ok {
				return dtBadFormat
			}
			if u == uAgo {
				ago = true
				continue
			}
			unit = u
		}
	}
	if seen == 0 {
		return dtBadFormat
	}
	if ago {
		d.months, d.days, d.micros = -d.months, -d.days, -d.micros
	}
	return dtOK
}

// clock adds [+-]hh:mm[:ss[.f]].
func (d *intervalDecoder) clock(s string) dtErr {
	neg := s[0] == '-'
	h, m, us, e := decodeClock(strings.TrimLeft(s, "+-"), d.bits == rMinute|rSecond)
	if e != dtOK {
		return e
	}
	if m > 59 && h != 0 || us > Minute {
		return dtFieldOverflow
	}
	sign := int64(1)
	if neg {
		sign = -1
	}
	d.addMicros(sign*h, Hour)
	d.addMicros(sign*m, Minute)
	d.addMicros(sign*us, 1)
	return dtOK
}

// number adds a number with the unit that stood to its right.
func (d *intervalDecoder) number(s string, unit *int) (used int, e dtErr) {
	neg := s[0] == '-'
	i := 0
	if s[0] == '-' || s[0] == '+' {
		i = 1
	}
	j := i
	for j < len(s) && isDigit(s[j]) {
		j++
	}
	val := int64(0)
	if j > i {
		v, err := strconv.ParseInt(s[i:j], 10, 64)
		if err != nil {
			return 0, dtFieldOverflow
		}
		val = v
	} else if j >= len(s) || s[j] != '.' {
		return 0, dtBadFormat
	}
	frac := 0.0
	u := *unit
	switch {
	case j < len(s) && s[j] == '-': // years-months
		months, err := strconv.ParseInt(s[j+1:], 10, 32)
		if err != nil {
			return 0, dtBadFormat
		}
		if months < 0 || months >= 12 {
			return 0, dtFieldOverflow
		}
		v, ok := MulInt64(val, 12)
		if !ok {
			return 0, dtFieldOverflow
		}
		val = v + months
		u = uMonth
		*unit = uMonth
	case j < len(s) && s[j] == '.':
		if j+1 < len(s) {
			f, err := strconv.ParseFloat("0."+s[j+1:], 64)
			if err != nil || !isDigit(s[j+1]) {
				return 0, dtBadFormat
			}
			frac = f
		}
	case j < len(s):
		return 0, dtBadFormat
	}
	if neg {
		val, frac = -val, -frac
	}
	d.unit(u, val, frac)
	if u == uHour {
		*unit = uDay // for a number further left: '1 2:03' or '1 2 hours'
	}
	return u, dtOK
}

// iso decodes ISO 8601: P1Y2M3DT4H5M6S and P0001-02-03T04:05:06.
func (d *intervalDecoder) iso(s string) dtErr {
	if len(s) < 2 || s[0] != 'P' {
		return dtBadFormat
	}
	s = s[1:]
	date, found := true, false
	for s != "" {
		if s[0] == 'T' {
			date, found = false, true
			s = s[1:]
			continue
		}
		i := 0
		if s[0] == '-' || s[0] == '+' {
			i++
		}
		for i < len(s) && (isDigit(s[i]) || s[i] == '.') {
			i++
		}
		if i == 0 {
			return dtBadFormat
		}
		f, err := strconv.ParseFloat(s[:i], 64)
		if err != nil {
			return dtBadFormat
		}
		whole, frac := math.Modf(f)
		if math.Abs(whole) >= 1<<63 {
			return dtFieldOverflow
		}
		if whole > math.MaxInt32 || whole < math.MinInt32 {
			if date {
				return dtIntervalOverflow
			}
		}
		n := int64(whole)
		found = true
		if i == len(s) || s[i] == 'T' || s[i] == '-' && date || s[i] == ':' && !date {
			return d.isoAlternative(s, date)
		}
		u := s[i]
		s = s[i+1:]
		if date {
			switch u {
			case 'Y':
				d.unit(uYear, n, frac)
			case 'M':
				d.unit(uMonth, n, frac)
			case 'W':
				d.unit(uWeek, n, frac)
			case 'D':
				d.unit(uDay, n, frac)
			default:
				return dtBadFormat
			}
			continue
		}
		switch u {
		case 'H':
			d.unit(uHour, n, frac)
		case 'M':
			d.unit(uMinute, n, frac)
		case 'S':
			d.unit(uSecond, n, frac)
		default:
			return dtBadFormat
		}
	}
	if !found {
		return dtBadFormat
	}
	return dtOK
}

// isoAlternative decodes y[-m[-d]][Th[:m[:s]]] and the forms yyyymmdd, hhmmss.
func (d *intervalDecoder) isoAlternative(s string, date bool) dtErr {
	datePart, timePart := s, ""
	if !date {
		datePart, timePart = "", s
	} else if i := strings.IndexByte(s, 'T'); i >= 0 {
		datePart, timePart = s[:i], s[i+1:]
	}
	add := func(part string, sep string, units [3]int, widths [3]int) dtErr {
		if part == "" {
			return dtOK
		}
		neg := part[0] == '-'
		body := strings.TrimLeft(part, "+-")
		var fields []string
		if !strings.Contains(body, sep) && len(body) == widths[0]+widths[1]+widths[2] {
			fields = []string{body[:widths[0]], body[widths[0] : widths[0]+widths[1]], body[widths[0]+widths[1]:]}
		} else {
			fields = strings.SplitN(body, sep, 3)
		}
		for i, x := range fields {
			f, err := strconv.ParseFloat(x, 64)
			if err != nil || x == "" || !isDigit(x[len(x)-1]) {
				return dtBadFormat
			}
			if neg && i == 0 {
				f = -f
			}
			whole, frac := math.Modf(f)
			d.unit(units[i], int64(whole), frac)
		}
		return dtOK
	}
	if e := add(datePart, "-", [3]int{uYear, uMonth, uDay}, [3]int{4, 2, 2}); e != dtOK {
		return e
	}
	return add(timePart, ":", [3]int{uHour, uMinute, uSecond}, [3]int{2, 2, 2})
}
