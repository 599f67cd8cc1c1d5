package funcs

import (
	"strconv"
	"strings"
	"unicode"

	"streamdb/types"
)

// dateField is what to_char prints of a timestamp or an interval.
type dateField struct {
	year, month, day             int64
	hour, minute, second, micros int64
	days                         int64 // since 1970-01-01
	interval                     bool
	zone                         string // abbreviation; "" without a zone
	offset                       int    // seconds east
}

func fieldsOfTimestamp(us int64, zone string, offset int) dateField {
	day := types.TimestampToDate(us)
	f := dateField{days: day, zone: zone, offset: offset}
	f.year, f.month, f.day = types.CivilFromDays(day)
	f.setTime(types.TimeOfDay(us))
	return f
}

func fieldsOfSpan(v types.Span) dateField {
	f := dateField{interval: true, year: int64(v.Months) / 12, month: int64(v.Months) % 12, day: int64(v.Days)}
	f.setTime(v.Micros)
	return f
}

func (f *dateField) setTime(us int64) {
	f.hour, us = us/types.Hour, us%types.Hour
	f.minute, us = us/types.Minute, us%types.Minute
	f.second, f.micros = us/types.Second, us%types.Second
}

// datePattern is one piece of a date format: a keyword with its modifiers, or literal text.
type datePattern struct {
	key    string // "" for text
	text   string
	fill   bool // FM
	th, TH bool
}

// dateKeys are the keywords, those that are beginnings of others later.
var dateKeys = strings.Fields(`A.D. a.d. A.M. a.m. AD ad AM am B.C. b.c. BC bc CC cc DAY Day day DDD ddd DD dd DY Dy dy D d
	FF1 FF2 FF3 FF4 FF5 FF6 ff1 ff2 ff3 ff4 ff5 ff6 HH24 hh24 HH12 hh12 HH hh IDDD iddd ID id IW iw IYYY iyyy IYY iyy IY iy I i J j
	MI mi MM mm MONTH Month month MON Mon mon MS ms OF P.M. p.m. PM pm Q q RM rm SSSSS sssss SSSS ssss SS ss TZH TZM TZ tz US us
	WW ww W w Y,YYY y,yyy YYYY yyyy YYY yyy YY yy Y y`)

// parseDateFormat splits a format.
func parseDateFormat(s string) []datePattern {
	var out []datePattern
	text := func(t string) {
		if n := len(out); n > 0 && out[n-1].key == "" {
			out[n-1].text += t
			return
		}
		out = append(out, datePattern{text: t})
	}
next:
	for s != "" {
		if s[0] == '"' {
			s = s[1:]
			for s != "" && s[0] != '"' {
				if s[0] == '\\' && len(s) > 1 {
					s = s[1:]
				}
				text(s[:1])
				s = s[1:]
			}
			s = strings.TrimPrefix(s, `"`)
			continue
		}
		fill := false
		rest := s
		for {
			if len(rest) >= 2 && (rest[:2] == "FM" || rest[:2] == "fm") {
				fill, rest = true, rest[2:]
			} else if len(rest) >= 2 && (rest[:2] == "TM" || rest[:2] == "tm" || rest[:2] == "FX" || rest[:2] == "fx") {
				rest = rest[2:]
			} else {
				break
			}
		}
		for _, k := range dateKeys {
			if strings.HasPrefix(rest, k) {
				p := datePattern{key: k, fill: fill}
				s = rest[len(k):]
				if strings.HasPrefix(s, "TH") {
					p.TH, s = true, s[2:]
				} else if strings.HasPrefix(s, "th") {
					p.th, s = true, s[2:]
				}
				out = append(out, p)
				continue next
			}
		}
		if len(rest) < len(s) { // modifiers of nothing
			s = rest
			continue
		}
		if strings.HasPrefix(s, `\"`) {
			s = s[1:]
		}
		text(s[:1])
		s = s[1:]
	}
	return out
}

var monthNames = strings.Fields("January February March April May June July August September October November December")

var dayNames = strings.Fields("Sunday Monday Tuesday Wednesday Thursday Friday Saturday")

var romanMonths = strings.Fields("I II III IV V VI VII VIII IX X XI XII")

// formatDate prints the fields.
func formatDate(pats []datePattern, f dateField) (string, error) {
	var b strings.Builder
	for _, p := range pats {
		if p.key == "" {
			b.WriteString(p.text)
			continue
		}
		s, err := p.print(f)
		if err != nil {
			return "", err
		}
		if p.th || p.TH {
			s += ordinal(s, p.TH)
		}
		b.WriteString(s)
	}
	return b.String(), nil
}

// ordinal is st, nd, rd or th.
func ordinal(s string, upper bool) string {
	end := "th"
	if n := len(s); n > 0 && !(n > 1 && s[n-2] == '1') {
		switch s[n-1] {
		case '1':
			end = "st"
		case '2':
			end = "nd"
		case '3':
			end = "rd"
		}
	}
	if upper {
		return strings.ToUpper(end)
	}
	return end
}

// num prints a number with leading zeros unless FM; a minus comes first and
// widens the field.
func (p datePattern) num(n int64, width int) string {
	if p.fill {
		return strconv.FormatInt(n, 10)
	}
	s := strconv.FormatInt(max(n, -n), 10)
	for len(s) < width {
		s = "0" + s
	}
	if n < 0 {
		s = "-" + s
	}
	return s
}

// name prints a name in the case of its keyword, filled up to nine columns unless FM.
func (p datePattern) name(s string, width int) string {
	switch {
	case unicode.IsLower(rune(p.key[0])):
		s = strings.ToLower(s)
	case unicode.IsUpper(rune(p.key[1])):
		s = strings.ToUpper(s)
	}
	if !p.fill {
		s += strings.Repeat(" ", max(0, width-len(s)))
	}
	return s
}

// choose picks the first for even, by the case of the keyword.
func (p datePattern) choose(second bool, a, b string) string {
	if second {
		a = b
	}
	if strings.Contains(p.key, ".") {
		a = a[:1] + "." + a[1:] + "."
	}
	if unicode.IsLower(rune(p.key[0])) {
		return strings.ToLower(a)
	}
	return a
}

func (p datePattern) print(f dateField) (string, error) {
	key := strings.ToUpper(p.key)
	year := f.year
	if !f.interval && year <= 0 {
		year = 1 - year // as BC counts
	}
	hour12 := f.hour % 12
	if hour12 == 0 {
		hour12 = 12
	}
	isoDow := func() int64 { return floorMod64(f.days+3, 7) + 1 }
	doy := f.days - types.DaysFromCivil(f.year, 1, 1) + 1
	switch key {
	case "A.M.", "P.M.", "AM", "PM":
		return p.choose(f.hour%24 >= 12, "AM", "PM"), nil
	case "HH", "HH12":
		return p.num(hour12, 2), nil
	case "HH24":
		return p.num(f.hour, 2), nil
	case "MI":
		return p.num(f.minute, 2), nil
	case "SS":
		return p.num(f.second, 2), nil
	case "MS", "FF3":
		return p.frac(f.micros/1000, 3), nil
	case "US", "FF6":
		return p.frac(f.micros, 6), nil
	case "FF1", "FF2", "FF4", "FF5":
		digits := int(key[2] - '0')
		n := f.micros
		for range 6 - digits {
			n /= 10
		}
		return p.frac(n, digits), nil
	case "SSSS", "SSSSS":
		return strconv.FormatInt(f.hour*3600+f.minute*60+f.second, 10), nil
	case "TZ", "TZH", "TZM", "OF":
		return p.zone(f)
	}
	if f.interval {
		return p.printInterval(f, key)
	}
	switch key {
	case "A.D.", "B.C.", "AD", "BC":
		return p.choose(f.year <= 0, "AD", "BC"), nil
	case "MONTH":
		return p.name(monthNames[f.month-1], 9), nil
	case "MON":
		return p.name(monthNames[f.month-1][:3], 0), nil
	case "MM":
		return p.num(f.month, 2), nil
	case "DAY":
		return p.name(dayNames[isoDow()%7], 9), nil
	case "DY":
		return p.name(dayNames[isoDow()%7][:3], 0), nil
	case "DDD":
		return p.num(doy, 3), nil
	case "IDDD":
		_, week := isoYearWeek(f.days)
		return p.num((week-1)*7+isoDow(), 3), nil
	case "DD":
		return p.num(f.day, 2), nil
	case "D":
		return strconv.FormatInt(isoDow()%7+1, 10), nil
	case "ID":
		return strconv.FormatInt(isoDow(), 10), nil
	case "WW":
		return p.num((doy-1)/7+1, 2), nil
	case "IW":
		_, week := isoYearWeek(f.days)
		return p.num(week, 2), nil
	case "W":
		return strconv.FormatInt((f.day-1)/7+1, 10), nil
	case "Q":
		return strconv.FormatInt((f.month-1)/3+1, 10), nil
	case "CC":
		c := (year + 99) / 100
		if f.year <= 0 {
			c = -c
		}
		return p.num(c, 2), nil
	case "J":
		return strconv.FormatInt(f.days+2440588, 10), nil
	case "RM":
		return p.name(romanMonths[f.month-1], 4), nil
	}
	if key[0] == 'I' {
		if year, _ = isoYearWeek(f.days); year <= 0 {
			year = 1 - year
		}
	}
	return p.year(year, key), nil
}

// year prints the last digits of a year, as many as the keyword has.
func (p datePattern) year(year int64, key string) string {
	if key == "Y,YYY" {
		return strconv.FormatInt(year/1000, 10) + "," + datePattern{}.num(year%1000, 3)
	}
	switch len(key) { // IYYY has as many digits as YYYY
	case 4:
		return p.num(year, 4)
	case 3:
		return p.num(year%1000, 3)
	case 2:
		return p.num(year%100, 2)
	}
	return p.num(year%10, 1)
}

func (p datePattern) printInterval(f dateField, key string) (string, error) {
	switch key {
	case "MM":
		return p.num(f.month, 2), nil
	case "DD":
		return p.num(f.day, 2), nil
	case "DDD":
		return p.num(f.year*360+f.month*30+f.day, 3), nil
	case "YYYY", "YYY", "YY", "Y", "Y,YYY":
		return p.year(f.year, key), nil
	case "Q":
		if f.month == 0 {
			return "", nil
		}
		return strconv.FormatInt((f.month-1)/3+1, 10), nil
	case "CC":
		return p.num(f.year/100, 2), nil
	case "J":
		return strconv.FormatInt(f.year*365+f.month*30+f.day, 10), nil
	case "RM":
		if f.month == 0 {
			return "", nil
		}
		return p.name(romanMonths[(f.month+11)%12], 4), nil
	}
	return "", errIntervalFormat()
}

func (p datePattern) frac(n int64, digits int) string { return datePattern{}.num(n, digits) }

func (p datePattern) zone(f dateField) (string, error) {
	if f.interval {
		return "", errIntervalFormat()
	}
	off, sign := f.offset, "+"
	if off < 0 {
		off, sign = -off, "-"
	}
	switch p.key {
	case "TZ":
		return f.zone, nil
	case "tz":
		return strings.ToLower(f.zone), nil
	case "TZH":
		return sign + datePattern{}.num(int64(off/3600), 2), nil
	case "TZM":
		return datePattern{}.num(int64(off/60%60), 2), nil
	}
	s := sign + datePattern{}.num(int64(off/3600), 2)
	if m := off / 60 % 60; m != 0 {
		s += ":" + datePattern{}.num(int64(m), 2)
	}
	return s, nil
}

func floorMod64(a, b int64) int64 {
	m := a % b
	if m < 0 {
		m += b
	}
	return m
}

// isoYearWeek is the ISO 8601 year and week of a day.
func isoYearWeek(day int64) (year, week int64) {
	thursday := day - floorMod64(day+3, 7) + 3
	year, _, _ = types.CivilFromDays(thursday)
	return year, (thursday-types.DaysFromCivil(year, 1, 1))/7 + 1
}
