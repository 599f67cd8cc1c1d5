package types

import (
	"strconv"
	"strings"

	"streamdb/internal/sqlerr"
)

// dateField handles words with - / or . inside: a date, or a zone's name, or
// hhmmss-zz after the date.
func (d *dtDecoder) dateField(s string) dtErr {
	if d.prefix == 'j' {
		d.prefix = 0
		i := strings.IndexAny(s, "-")
		if i < 0 {
			return dtBadFormat
		}
		n, err := strconv.ParseInt(s[:i], 10, 64)
		if err != nil {
			return dtBadFormat
		}
		d.year, d.m, d.d = CivilFromDays(n - 2440588)
		if e := d.set(mDate); e != dtOK {
			return e
		}
		return d.offsetField(s[i:])
	}
	if d.mask&mDate == mDate || d.prefix != 0 {
		if isDigit(s[0]) || d.prefix != 0 {
			if d.prefix != 0 && d.prefix != 't' {
				return dtBadFormat
			}
			d.prefix = 0
			i := strings.IndexByte(s, '-')
			if i < 0 {
				return dtBadFormat
			}
			if e := d.offsetField(s[i:]); e != dtOK {
				return e
			}
			return d.runTogether(s[:i])
		}
		return d.zoneName(s)
	}
	if isAlpha(s[0]) && strings.IndexByte(s, '/') >= 0 {
		if _, ok := dtWords[strings.FieldsFunc(s, func(r rune) bool { return r == '/' })[0]]; !ok {
			return d.zoneName(s)
		}
	}
	return d.date(s)
}

// zoneName handles a full zone name.
func (d *dtDecoder) zoneName(s string) dtErr {
	loc, err := LoadZone(s)
	if err != nil {
		d.zoneErr = sqlerr.New(sqlerr.InvalidParameterValue, "time zone \"%s\" not recognized", s)
		return dtBadFormat
	}
	d.p.zone = loc
	return d.set(mTZ)
}

// date decodes fields joined by delimiters, e.g. 2024-01-02 or 2-jan-2024.
func (d *dtDecoder) date(s string) dtErr {
	parts := splitDate(s)
	if len(parts) == 0 || len(parts) > 3 {
		return dtBadFormat
	}
	// A month's name takes its place first.
	rest := parts[:0:0]
	for _, p := range parts {
		if isAlpha(p[0]) {
			w, ok := dtWords[p]
			if !ok {
				return dtBadFormat
			}
			if w.kind == wIgnore {
				continue
			}
			if w.kind != wMonth || d.mask&mMonth != 0 {
				return dtBadFormat
			}
			d.m, d.textMonth = int64(w.value), true
			d.mask |= mMonth
			continue
		}
		rest = append(rest, p)
	}
	for _, p := range rest {
		if d.mask&mDate == mDate {
			return dtBadFormat
		}
		if e := d.number(p); e != dtOK {
			return e
		}
	}
	if d.mask&^(mDoy|mTZ) != mDate { // nothing but a zone may stand before
		return dtBadFormat
	}
	return dtOK
}

// splitDate cuts at everything that is not a letter or digit, and between digits and letters.
func splitDate(s string) []string {
	var out []string
	for i := 0; i < len(s); {
		switch {
		case isDigit(s[i]):
			j := i
			for j < len(s) && isDigit(s[j]) {
				j++
			}
			out = append(out, s[i:j])
			i = j
		case isAlpha(s[i]):
			j := i
			for j < len(s) && isAlpha(s[j]) {
				j++
			}
			out = append(out, s[i:j])
			i = j
		default:
			i++
		}
	}
	return out
}

// timeField decodes hh:mm[:ss[.f]] and mm:ss.f.
func (d *dtDecoder) timeField(s string) dtErr {
	if e := d.set(mTime); e != dtOK {
		return e
	}
	h, m, us, e := decodeClock(s, false)
	if e != dtOK {
		return e
	}
	d.hour, d.min, d.usec = h, m, us
	if m > 59 || us >= Minute+Second { // second 60, and its fraction, runs into the next minute
		return dtFieldOverflow
	}
	return dtOK
}

// offsetField decodes +hh[:mm[:ss]], +hhmm, +hhmmss.
func (d *dtDecoder) offsetField(s string) dtErr {
	// After a zone's abbreviation (GMT+3) Postgres refuses a second zone.
	off, e := decodeOffset(s)
	if e != dtOK {
		return e
	}
	d.p.hasOffset, d.p.offset = true, off
	return d.set(mTZ)
}

// numberField decodes a bare number by its length and by what is still missing.
func (d *dtDecoder) numberField(s string) dtErr {
	if d.prefix != 0 {
		unit := d.prefix
		d.prefix = 0
		switch unit {
		case 'j':
			whole, frac, _ := strings.Cut(s, ".")
			n, err := strconv.ParseInt(whole, 10, 64)
			if err != nil {
				return dtFieldOverflow
			}
			d.year, d.m, d.d = CivilFromDays(n - 2440588)
			if e := d.set(mDate); e != dtOK {
				return e
			}
			if frac != "" {
				f, err := strconv.ParseFloat("0."+frac, 64)
				if err != nil {
					return dtBadFormat
				}
				us := int64(f * float64(Day))
				d.hour, d.min, d.usec = us/Hour, us/Minute%60, us%Minute
				return d.set(mTime)
			}
			return dtOK
		case 't':
			return d.runTogether(s)
		case 'y', 'm', 'd', 'h', 'n', 's':
			return d.unitNumber(unit, s)
		}
		return dtBadFormat
	}
	dot := strings.IndexByte(s, '.')
	switch {
	case dot >= 0 && d.mask&mDate == 0:
		return d.date(s)
	case dot > 2:
		return d.runTogether(s)
	case dot < 0 && len(s) > 4 || dot > 4:
		return d.runTogether(s)
	}
	return d.number(s)
}

// unitNumber is a number with a letter before it: y2024m01d02.
func (d *dtDecoder) unitNumber(unit byte, s string) dtErr {
	whole, frac, _ := strings.Cut(s, ".")
	n, err := strconv.ParseInt(whole, 10, 32)
	if err != nil {
		return dtFieldOverflow
	}
	switch unit {
	case 'y':
		d.year = n
		return d.set(mYear)
	case 'm':
		d.m = n
		return d.set(mMonth)
	case 'd':
		d.d = n
		return d.set(mDay)
	case 'h':
		d.hour = n
	case 'n':
		d.min = n
	case 's':
		us, _ := parseFractionMicros(frac)
		d.usec = n*Second + us
	}
	d.mask |= mTime
	return dtOK
}

// runTogether decodes yyyymmdd, yymmdd, hhmmss[.f] and hhmm.
func (d *dtDecoder) runTogether(s string) dtErr {
	whole, frac, hasFrac := strings.Cut(s, ".")
	us := int64(0)
	if hasFrac {
		f, ok := parseFractionMicros(frac)
		if !ok {
			return dtBadFormat
		}
		us = f
	}
	for i := range len(whole) {
		if !isDigit(whole[i]) {
			return dtBadFormat
		}
	}
	num := func(x string) int64 { v, _ := strconv.ParseInt(x, 10, 64); return v }
	if !hasFrac && d.mask&mDate != mDate && len(whole) >= 6 {
		n := len(whole)
		d.d, d.m, d.year = num(whole[n-2:]), num(whole[n-4:n-2]), num(whole[:n-4])
		d.is2digits = n-4 == 2
		if n > 14 {
			return dtFieldOverflow
		}
		return d.set(mDate)
	}
	if d.mask&mTime != 0 {
		return dtBadFormat
	}
	switch len(whole) {
	case 6:
		d.hour, d.min, d.usec = num(whole[:2]), num(whole[2:4]), num(whole[4:])*Second+us
	case 4:
		if hasFrac {
			return dtBadFormat
		}
		d.hour, d.min, d.usec = num(whole[:2]), num(whole[2:]), 0
	default:
		return dtBadFormat
	}
	d.mask |= mTime
	if d.min > 59 || d.usec > Minute {
		return dtFieldOverflow
	}
	return dtOK
}

// number places a bare number in year, month or day: Postgres's DecodeNumber.
func (d *dtDecoder) number(s string) dtErr {
	whole := s
	if i := strings.IndexByte(s, '.'); i >= 0 {
		if i > 2 {
			return d.runTogether(s)
		}
		return dtBadFormat
	}
	val, err := strconv.ParseInt(whole, 10, 32)
	if err != nil {
		return dtFieldOverflow
	}
	n := len(whole)
	if n == 3 && d.mask&mDate == mYear && val >= 1 && val <= 366 {
		d.mask |= mDoy | mMonth | mDay
		d.m, d.d = 1, val
		return dtOK
	}
	switch d.mask & mDate {
	case 0:
		if n >= 3 || d.order == OrderYMD {
			return d.setYear(val, n)
		}
		if d.order == OrderDMY {
			d.d = val
			return d.set(mDay)
		}
		d.m = val
		return d.set(mMonth)
	case mYear:
		d.m = val
		return d.set(mMonth)
	case mMonth:
		if d.textMonth {
			if n >= 3 || d.order == OrderYMD {
				return d.setYear(val, n)
			}
			d.d = val
			return d.set(mDay)
		}
		d.d = val
		return d.set(mDay)
	case mYear | mMonth:
		if d.textMonth {
			if n >= 3 && d.is2digits {
				// The number taken for a two-digit year was the day.
				d.d = d.year
				d.mask |= mDay
				d.year, d.is2digits = val, false
				return dtOK
			}
			d.d = val
			return d.set(mDay)
		}
		d.d = val
		return d.set(mDay)
	case mDay:
		d.m = val
		return d.set(mMonth)
	case mMonth | mDay:
		return d.setYear(val, n)
	case mDate:
		// A date is complete: a bare number is a time, hh or hhmm.
		return d.runTogether(s)
	}
	return dtBadFormat
}

func (d *dtDecoder) setYear(v int64, digits int) dtErr {
	d.year, d.is2digits = v, digits <= 2
	return d.set(mYear)
}

// word handles a keyword.
func (d *dtDecoder) word(s string, i int, fields []dtField) dtErr {
	w, ok := dtWords[s]
	if !ok {
		if isAlpha(s[0]) && d.mask&mTZ == 0 {
			if loc, err := LoadZone(s); err == nil {
				d.p.zone = loc
				return d.set(mTZ)
			}
		}
		return dtBadFormat
	}
	switch w.kind {
	case wMonth:
		// A month's name after a number that was taken for the month: that was the day.
		if d.mask&mMonth != 0 && !d.textMonth && d.mask&mDay == 0 && d.m >= 1 && d.m <= 31 {
			d.d = d.m
			d.mask |= mDay
			d.mask &^= mMonth
		}
		if d.mask&mMonth != 0 {
			return dtBadFormat
		}
		d.m, d.textMonth = int64(w.value), true
		d.mask |= mMonth
	case wDay:
		return d.set(mDOW)
	case wZone:
		d.p.hasOffset, d.p.offset = true, int64(w.value)
		return d.set(mTZ)
	case wDST:
		if d.mask&mTZ == 0 || !d.p.hasOffset {
			return dtBadFormat
		}
		d.p.offset += 3600
		return d.set(mDST)
	case wAMPM:
		d.ampm = w.value + 1
		return d.set(mAMPM)
	case wEra:
		d.bc = w.value == 1
		return d.set(mEra)
	case wISOTime:
		if d.mask&mDate != mDate && i > 0 || i+1 >= len(fields) {
			return dtBadFormat
		}
		d.prefix = 't'
	case wUnit:
		if i+1 >= len(fields) {
			return dtBadFormat
		}
		d.prefix = byte(w.value)
	case wSpecial:
		return d.specialWord(w.value)
	}
	return dtOK
}

// specialWord handles now, today, epoch, infinity ..
func (d *dtDecoder) specialWord(v int) dtErr {
	switch v {
	case specialPosInf, specialNegInf, specialEpoch:
		d.p.special = v
		if d.mask&^mTZ != 0 {
			return dtBadFormat
		}
		d.mask |= mDate | mTime
		return dtOK
	case specialAllballs:
		d.hour, d.min, d.usec = 0, 0, 0
		d.p.hasOffset, d.p.offset = true, 0
		d.mask |= mTZ
		return d.set(mTime)
	}
	now := d.env.now().UnixMicro()
	loc := d.env.location()
	local := UTCToLocal(loc, now)
	day, tod := splitDay(local)
	switch v {
	case specialNow:
		d.hour, d.min, d.usec = tod/Hour, tod/Minute%60, tod%Minute
		d.p.hasOffset, d.p.offset = true, (local-now)/Second
		if d.mask&(mTime|mTZ) != 0 {
			return dtBadFormat
		}
		d.mask |= mTime | mTZ
	case specialTomorrow:
		day++
	case specialYesterday:
		day--
	}
	d.year, d.m, d.d = CivilFromDays(day)
	return d.set(mDate)
}
