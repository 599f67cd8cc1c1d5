package funcs

import (
	"strconv"
	"strings"
	"time"

	"streamdb/internal/sqlerr"
	"streamdb/types"
)

func errIntervalFormat() error {
	return sqlerr.New(sqlerr.InvalidDatetimeFormat, "invalid format specification for an interval value").
		WithHint("Intervals are not tied to specific calendar dates.")
}

// parsedDate collects what to_timestamp and to_date read.
type parsedDate struct {
	year, month, day, doy    int64
	hour, minute, second, us int64
	julian                   int64
	hasYear, bc, pm, am, h12 bool
	offset                   int
	hasZone                  bool
}

func errParse(value, key string) error {
	return sqlerr.New(sqlerr.InvalidDatetimeFormat, "invalid value \"%s\" for \"%s\"", value, key)
}

// readDate reads s by the format.
func readDate(pats []datePattern, s string) (parsedDate, error) {
	d := parsedDate{month: 1, day: 1}
	for i, p := range pats {
		if p.key == "" {
			s = skipText(p.text, s)
			continue
		}
		for s != "" && (s[0] == ' ' || s[0] == '\t') {
			s = s[1:]
		}
		if s == "" {
			break
		}
		fixed := i+1 < len(pats) && pats[i+1].key != "" // the next keyword follows at once
		rest, err := d.read(p, s, fixed)
		if err != nil {
			return d, err
		}
		s = rest
		if p.th || p.TH {
			if len(s) >= 2 {
				s = s[2:]
			}
		}
	}
	return d, nil
}

// skipText passes the format's separators: any separators match each other.
func skipText(text, s string) string {
	for i := range len(text) {
		if s == "" {
			return s
		}
		c := text[i]
		if isSeparator(c) {
			for s != "" && s[0] == ' ' {
				s = s[1:]
			}
			if s != "" && isSeparator(s[0]) && !(s[0] == '-' || s[0] == '+') {
				s = s[1:]
			} else if s != "" && s[0] == '-' && c != ' ' {
				s = s[1:]
			}
			continue
		}
		s = s[1:]
	}
	return s
}

func isSeparator(c byte) bool {
	return c > 0x20 && c < 0x7f && !(c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z') || c == ' '
}

// digits reads a number of at most width digits (any number when not fixed).
func digits(s, key string, width int, fixed bool) (n int64, rest string, err error) {
	neg := false
	t := s
	if t != "" && (t[0] == '-' || t[0] == '+') {
		neg, t = t[0] == '-', t[1:]
	}
	k := 0
	for k < len(t) && t[k] >= '0' && t[k] <= '9' && (!fixed || k < width) && k < 18 {
		k++
	}
	if k == 0 {
		show := s
		if len(show) > width {
			show = show[:width]
		}
		return 0, "", errParse(show, key)
	}
	n, _ = strconv.ParseInt(t[:k], 10, 64)
	if neg {
		n = -n
	}
	return n, t[k:], nil
}

func (d *parsedDate) read(p datePattern, s string, fixed bool) (rest string, err error) {
	key := strings.ToUpper(p.key)
	num := func(dst *int64, width int) error {
		*dst, rest, err = digits(s, p.key, width, fixed && !p.fill)
		return err
	}
	name := func(list []string, short bool) (int, error) {
		for k, n := range list {
			if short {
				n = n[:3]
			}
			if len(s) >= len(n) && strings.EqualFold(s[:len(n)], n) {
				rest = s[len(n):]
				return k, nil
			}
		}
		return 0, errParse(s[:min(len(s), 3)], p.key)
	}
	switch key {
	case "HH24":
		err = num(&d.hour, 2)
	case "HH", "HH12":
		d.h12 = true
		if err = num(&d.hour, 2); err == nil && (d.hour < 1 || d.hour > 12) {
			err = sqlerr.New(sqlerr.InvalidDatetimeFormat, "hour \"%d\" is invalid for the 12-hour clock", d.hour).
				WithHint("Use the 24-hour clock, or give an hour between 1 and 12.")
		}
	case "MI":
		err = num(&d.minute, 2)
	case "SS":
		err = num(&d.second, 2)
	case "MS", "US", "FF1", "FF2", "FF3", "FF4", "FF5", "FF6":
		width := map[string]int{"MS": 3, "US": 6}[key]
		if width == 0 {
			width = int(key[2] - '0')
		}
		var n int64
		if err = num(&n, width); err == nil {
			for k := len(s) - len(rest); k < 6; k++ {
				n *= 10
			}
			d.us = n
		}
	case "SSSS", "SSSSS":
		var n int64
		if err = num(&n, 5); err == nil {
			d.hour, d.minute, d.second = n/3600, n/60%60, n%60
		}
	case "AM", "PM", "A.M.", "P.M.":
		n := len(key)
		if len(s) < n {
			return "", errParse(s, p.key)
		}
		switch strings.ToUpper(strings.ReplaceAll(s[:n], ".", "")) {
		case "AM":
			d.am = true
		case "PM":
			d.pm = true
		default:
			return "", errParse(s[:n], p.key)
		}
		rest = s[n:]
	case "AD", "BC", "A.D.", "B.C.":
		n := min(len(key), len(s))
		d.bc = strings.EqualFold(s[:1], "B")
		rest = s[n:]
	case "YYYY", "IYYY":
		d.hasYear = true
		err = num(&d.year, 4)
	case "YYY", "YY", "Y", "IYY", "IY", "I":
		d.hasYear = true
		if err = num(&d.year, len(key)); err == nil && len(s)-len(rest) < 4 {
			switch {
			case d.year < 70:
				d.year += 2000
			case d.year < 100:
				d.year += 1900
			case d.year < 520:
				d.year += 2000
			case d.year < 1000:
				d.year += 1000
			}
		}
	case "Y,YYY":
		d.hasYear = true
		a, b, _ := strings.Cut(s, ",")
		thousands, _ := strconv.ParseInt(a, 10, 32)
		s = b
		if err = num(&d.year, 3); err == nil {
			d.year += thousands * 1000
		}
	case "MONTH", "MON":
		var k int
		if k, err = name(monthNames, key == "MON"); err != nil && key == "MONTH" {
			k, err = name(monthNames, true)
		}
		d.month = int64(k + 1)
	case "MM":
		err = num(&d.month, 2)
	case "RM":
		for k := len(romanMonths) - 1; k >= 0; k-- {
			if r := romanMonths[k]; len(s) >= len(r) && strings.EqualFold(s[:len(r)], r) && len(s)-len(rest) < len(r) {
				d.month, rest = int64(k+1), s[len(r):]
				break
			}
		}
	case "DAY", "DY":
		if _, err = name(dayNames, key == "DY"); err != nil && key == "DAY" {
			_, err = name(dayNames, true)
		}
	case "DDD":
		err = num(&d.doy, 3)
	case "DD":
		err = num(&d.day, 2)
	case "J":
		err = num(&d.julian, 7)
	case "D", "ID", "W", "Q":
		var n int64
		err = num(&n, 1)
	case "WW", "IW", "CC":
		var n int64
		err = num(&n, 2)
	case "TZH":
		var n int64
		if err = num(&n, 2); err == nil {
			d.hasZone, d.offset = true, int(n)*3600
		}
	case "TZM":
		var n int64
		if err = num(&n, 2); err == nil {
			if d.offset < 0 {
				n = -n
			}
			d.hasZone, d.offset = true, d.offset+int(n)*60
		}
	default:
		return "", sqlerr.New(sqlerr.FeatureNotSupported, "formatting field \"%s\" is only supported in to_char", p.key)
	}
	return rest, err
}

// date is the day that was read.
func (d *parsedDate) date(value string) (int64, error) {
	if d.julian != 0 {
		return d.julian - 2440588, nil
	}
	y := d.year
	if d.bc {
		y = 1 - y
	} else if y < 0 {
		y++
	} else if !d.hasYear || y == 0 {
		y = 0 // 1 BC, as Postgres has it without a year
	}
	if d.doy != 0 {
		return types.DaysFromCivil(y, 1, 1) + d.doy - 1, nil
	}
	days := types.DaysFromCivil(y, d.month, d.day)
	if d.month < 1 || d.month > 12 || d.day < 1 || days >= types.DaysFromCivil(y, d.month+1, 1) {
		return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "date/time field value out of range: \"%s\"", value)
	}
	return days, nil
}

// timestamp is the instant that was read, local to loc without a zone.
func (d *parsedDate) timestamp(value string, loc *time.Location) (int64, error) {
	days, err := d.date(value)
	if err != nil {
		return 0, err
	}
	hour := d.hour
	if d.h12 || d.pm || d.am {
		if d.pm && hour < 12 {
			hour += 12
		} else if d.am && hour == 12 || d.h12 && !d.pm && hour == 12 {
			hour = 0
		}
	}
	if hour < 0 || hour > 24 || d.minute < 0 || d.minute > 59 || d.second < 0 || d.second > 59 {
		return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "date/time field value out of range: \"%s\"", value)
	}
	us := days*types.Day + hour*types.Hour + d.minute*types.Minute + d.second*types.Second + d.us
	if d.hasZone {
		return us - int64(d.offset)*types.Second, nil
	}
	return localToUTC(us, loc), nil
}
