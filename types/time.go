package types

import "streamdb/internal/sqlerr"

// AppendTime appends a time of day as HH:MM:SS[.ffffff] without trailing zeros.
func AppendTime(dst []byte, us int64) []byte {
	sec := us / Second
	frac := us - sec*Second
	h, m, s := sec/3600, sec/60%60, sec%60
	dst = append(dst, byte('0'+h/10), byte('0'+h%10), ':', byte('0'+m/10), byte('0'+m%10), ':', byte('0'+s/10), byte('0'+s%10))
	if frac != 0 {
		dst = appendFraction(dst, frac)
	}
	return dst
}

// appendFraction appends . and the digits of 0 < frac < 1 second, trailing zeros cut.
func appendFraction(dst []byte, frac int64) []byte {
	var buf [7]byte
	buf[0] = '.'
	for i := 6; i >= 1; i-- {
		buf[i] = byte('0' + frac%10)
		frac /= 10
	}
	n := 7
	for buf[n-1] == '0' {
		n--
	}
	return append(dst, buf[:n]...)
}

// ParseTime reads a time of day in microseconds, 0 .. 24 h. Errors: 22007, 22008.
func ParseTime(s string, env *Env) (int64, error) {
	if us, n := scanISOTime(s); n == len(s) && n > 0 {
		return us, nil
	}
	p, err := decodeTimeOnly(s, env)
	if err != nil {
		return 0, err
	}
	return p.tod, nil
}

// scanISOTime reads a leading HH:MM:SS[.f{1,6}]; n is 0 if there is none.
func scanISOTime(s string) (us int64, n int) {
	if len(s) < 8 || s[2] != ':' || s[5] != ':' {
		return 0, 0
	}
	h, ok1 := digits2(s, 0)
	m, ok2 := digits2(s, 3)
	sec, ok3 := digits2(s, 6)
	if !(ok1 && ok2 && ok3) || h > 23 || m > 59 || sec > 59 {
		return 0, 0
	}
	us = ((h*60+m)*60 + sec) * Second
	if len(s) == 8 || s[8] != '.' {
		return us, 8
	}
	i, unit := 9, Second/10
	for ; i < len(s) && s[i]-'0' <= 9; i++ {
		if i > 14 {
			return 0, 0 // more digits than microseconds: rounded by the general parser
		}
		us += int64(s[i]-'0') * unit
		unit /= 10
	}
	if i == 9 {
		return 0, 0
	}
	return us, i
}

var pow10Micros = [7]int64{1_000_000, 100_000, 10_000, 1000, 100, 10, 1}

// roundMicros rounds to the precision of a type's Mod (0: none), half away from zero.
func roundMicros(us int64, mod int32) int64 {
	if mod <= 0 || mod > 6 {
		return us
	}
	unit := pow10Micros[mod-1]
	if us < 0 {
		return -((-us + unit/2) / unit * unit)
	}
	return (us + unit/2) / unit * unit
}

// roundTimestamp is roundMicros for timestamps: infinities stay. Postgres counts
// from 2000-01-01 and rounds half away from there.
func roundTimestamp(us int64, mod int32) int64 {
	if us == PosInfinity || us == NegInfinity {
		return us
	}
	return roundMicros(us-pgEpoch, mod) + pgEpoch
}

// ErrTimeRange is error 22008, "time out of range".
func ErrTimeRange() error {
	return sqlerr.New(sqlerr.DatetimeFieldOverflow, "time out of range")
}
