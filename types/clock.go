package types

import (
	"strconv"
	"strings"
)

// decodeClock splits hh:mm[:ss[.f]]. With msOnly two fields are minutes and
// seconds (interval minute to second); so they are when the second has a fraction.
func decodeClock(s string, msOnly bool) (h, m, us int64, e dtErr) {
	parts := strings.SplitN(s, ":", 4)
	if len(parts) < 2 || len(parts) > 3 {
		return 0, 0, 0, dtBadFormat
	}
	num := func(x string) int64 {
		if x == "" {
			return 0
		}
		for i := range len(x) {
			if !isDigit(x[i]) {
				e = dtBadFormat
				return 0
			}
		}
		v, err := strconv.ParseInt(x, 10, 64)
		if err != nil || v > 1<<42 { // more hours than any interval holds
			e = max(e, dtFieldOverflow)
			return 0
		}
		return v
	}
	seconds := func(x string) int64 {
		i := strings.IndexByte(x, '.')
		if i < 0 {
			return num(x) * Second
		}
		frac, ok := parseFractionMicros(x[i+1:])
		if !ok {
			e = dtBadFormat
		}
		return num(x[:i])*Second + frac
	}
	if len(parts) == 3 {
		return num(parts[0]), num(parts[1]), seconds(parts[2]), e
	}
	if msOnly || strings.IndexByte(parts[1], '.') >= 0 {
		return 0, num(parts[0]), seconds(parts[1]), e
	}
	return num(parts[0]), num(parts[1]), 0, e
}

// parseFractionMicros reads the digits after a point as microseconds, rounded half to even
// as C's rint does on the exact decimal.
func parseFractionMicros(s string) (int64, bool) {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return 0, false
		}
	}
	if len(s) <= 6 {
		v := int64(0)
		for i := range 6 {
			v *= 10
			if i < len(s) {
				v += int64(s[i] - '0')
			}
		}
		return v, true
	}
	f, err := strconv.ParseFloat("0."+s, 64)
	if err != nil {
		return 0, false
	}
	return roundEven(f * 1e6), true
}

// decodeOffset reads a numeric zone in seconds east of UTC.
func decodeOffset(s string) (int64, dtErr) {
	if s == "" || s[0] != '+' && s[0] != '-' {
		return 0, dtBadFormat
	}
	body := s[1:]
	var h, m, sec int64
	if strings.IndexByte(body, ':') >= 0 {
		parts := strings.Split(body, ":")
		if len(parts) > 3 {
			return 0, dtBadFormat
		}
		vals := [3]int64{}
		for i, p := range parts {
			v, err := strconv.ParseInt(p, 10, 32)
			if err != nil || p[0] == '-' || p[0] == '+' {
				return 0, dtBadFormat
			}
			vals[i] = v
		}
		h, m, sec = vals[0], vals[1], vals[2]
	} else {
		v, err := strconv.ParseInt(body, 10, 64)
		if err != nil || body[0] == '-' {
			return 0, dtBadFormat
		}
		switch {
		case len(body) > 4 && len(body) <= 6:
			h, m, sec = v/10000, v/100%100, v%100
		case len(body) > 2:
			h, m = v/100, v%100
		default:
			h = v
		}
	}
	if h > 15 || m > 59 || sec > 59 {
		return 0, dtZoneOverflow
	}
	off := h*3600 + m*60 + sec
	if s[0] == '-' {
		off = -off
	}
	return off, dtOK
}
