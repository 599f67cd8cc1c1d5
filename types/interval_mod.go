package types

import (
	"strconv"
	"strings"

	"streamdb/internal/sqlerr"
)

// Bits of an interval's field range, as in Postgres's typmod (high 16 bits;
// the low ones are the precision of seconds).
const (
	rMonth      = 1 << 1
	rYear       = 1 << 2
	rDay        = 1 << 3
	rHour       = 1 << 10
	rMinute     = 1 << 11
	rSecond     = 1 << 12
	rFull       = 0x7fff
	noPrecision = 0xffff
)

var intervalRanges = []struct {
	name string
	bits int
}{
	{"year", rYear}, {"month", rMonth}, {"day", rDay}, {"hour", rHour}, {"minute", rMinute}, {"second", rSecond},
	{"year to month", rYear | rMonth},
	{"day to hour", rDay | rHour}, {"day to minute", rDay | rHour | rMinute}, {"day to second", rDay | rHour | rMinute | rSecond},
	{"hour to minute", rHour | rMinute}, {"hour to second", rHour | rMinute | rSecond}, {"minute to second", rMinute | rSecond},
}

// IntervalOf is the interval type restricted to fields ("day to second", "" for
// all) with a precision of seconds (-1: none). Errors: 42601, 22023.
func IntervalOf(fields string, precision int) (T, error) {
	bits := rFull
	if fields != "" {
		bits = 0
		for _, r := range intervalRanges {
			if r.name == strings.ToLower(fields) {
				bits = r.bits
			}
		}
		if bits == 0 {
			return T{}, sqlerr.New(sqlerr.SyntaxError, "invalid interval fields \"%s\"", fields)
		}
	}
	if precision < -1 {
		return T{}, sqlerr.New(sqlerr.InvalidParameterValue, "INTERVAL(%d) precision must not be negative", precision)
	}
	prec := noPrecision
	if precision >= 0 {
		prec = min(precision, 6)
	}
	if bits == rFull && prec == noPrecision {
		return Of(Interval), nil
	}
	return T{ID: Interval, Mod: int32(bits<<16|prec) + 1}, nil
}

// intervalWithMod is WithMod for interval(p).
func intervalWithMod(t T, args []int64) (T, error) {
	if len(args) != 1 {
		return t, sqlerr.New(sqlerr.InvalidParameterValue, "invalid INTERVAL type modifier")
	}
	if args[0] < 0 {
		return t, sqlerr.New(sqlerr.InvalidParameterValue, "INTERVAL(%d) precision must not be negative", args[0])
	}
	return IntervalOf("", int(args[0]))
}

// intervalRange splits a Mod into range bits and precision (-1: none).
func intervalRange(mod int32) (bits, precision int) {
	if mod <= 0 {
		return rFull, -1
	}
	m := int(mod - 1)
	bits, precision = m>>16&rFull, m&0xffff
	if precision == noPrecision {
		precision = -1
	}
	return bits, precision
}

// intervalModString prints the modifiers as format_type does.
func intervalModString(mod int32) string {
	bits, prec := intervalRange(mod)
	out := ""
	for _, r := range intervalRanges {
		if r.bits == bits {
			out = " " + r.name
		}
	}
	if prec >= 0 {
		out += "(" + strconv.Itoa(prec) + ")"
	}
	return out
}

// ApplyMod drops the fields that the type's modifiers exclude and rounds seconds.
func (v Span) ApplyMod(mod int32) Span {
	bits, prec := intervalRange(mod)
	switch bits {
	case rFull:
	case rYear:
		v.Months, v.Days, v.Micros = v.Months/12*12, 0, 0
	case rMonth, rYear | rMonth:
		v.Days, v.Micros = 0, 0
	case rDay:
		v.Micros = 0
	case rHour, rDay | rHour:
		v.Micros = v.Micros / Hour * Hour
	case rMinute, rHour | rMinute, rDay | rHour | rMinute:
		v.Micros = v.Micros / Minute * Minute
	}
	if prec >= 0 {
		v.Micros = roundMicros(v.Micros, int32(prec)+1)
	}
	return v
}
