package types

import (
	"math"
	"strconv"

	"streamdb/internal/sqlerr"
)

// IntRange is the range of an integer type.
func IntRange(id ID) (lo, hi int64) {
	switch id {
	case Int2:
		return math.MinInt16, math.MaxInt16
	case Int4:
		return math.MinInt32, math.MaxInt32
	case OID, Regclass, Regtype, Regproc, Regnamespace:
		return 0, math.MaxUint32
	}
	return math.MinInt64, math.MaxInt64
}

// ErrIntRange is Postgres's error for arithmetic that leaves an integer type.
func ErrIntRange(id ID) error {
	return sqlerr.New(sqlerr.NumericValueOutOfRange, "%s out of range", Of(id))
}

// errValueRange is Postgres's error for text that names a number outside the type.
func errValueRange(name, s string) error {
	return sqlerr.New(sqlerr.NumericValueOutOfRange, "value \"%s\" is out of range for type %s", s, name)
}

// ParseInt reads an int2, int4 or int8. Errors: 22P02, 22003.
func ParseInt(id ID, s string) (int64, error) {
	v, syntax, overflow := scanInt(s)
	if syntax {
		return 0, errSyntax(metas[id].format, s)
	}
	if lo, hi := IntRange(id); overflow || v < lo || v > hi {
		return 0, errValueRange(metas[id].format, s)
	}
	return v, nil
}

// scanInt reads a decimal integer with blanks around it.
func scanInt(s string) (v int64, syntax, overflow bool) {
	s = trimSpace(s)
	neg := false
	if s != "" && (s[0] == '-' || s[0] == '+') {
		neg = s[0] == '-'
		s = s[1:]
	}
	if s == "" {
		return 0, true, false
	}
	// Accumulate negatively: the negative range is the larger one.
	for i := range len(s) {
		c := s[i] - '0'
		if c > 9 {
			return 0, true, false
		}
		if v < math.MinInt64/10 || v*10 < math.MinInt64+int64(c) {
			overflow = true
			continue
		}
		v = v*10 - int64(c)
	}
	if !neg {
		if v == math.MinInt64 {
			overflow = true
		}
		v = -v
	}
	return v, false, overflow
}

// parseOID reads an oid: an unsigned number, or a negative one in two's complement.
func parseOID(s string) (int64, error) {
	v, syntax, overflow := scanInt(s)
	if syntax {
		return 0, errSyntax("oid", s)
	}
	if overflow || v < math.MinInt32 || v > math.MaxUint32 {
		return 0, errValueRange("oid", s)
	}
	return int64(uint32(v)), nil
}

// parseReg reads a reg* type: a number or a name that env can resolve.
func parseReg(t T, s string, env *Env) (int64, error) {
	if s == "-" {
		return 0, nil
	}
	if v, syntax, overflow := scanInt(s); !syntax && !overflow && s != "" && s[0] >= '0' && s[0] <= '9' && v <= math.MaxUint32 {
		return v, nil
	}
	if env != nil && env.RegIn != nil {
		return env.RegIn(t, s)
	}
	if t.ID == Regtype {
		if typ, ok := Lookup(trimSpace(s)); ok {
			return int64(typ.OID()), nil
		}
		return 0, sqlerr.New(sqlerr.UndefinedObject, "type \"%s\" does not exist", s)
	}
	return 0, sqlerr.Unsupported("resolving the name \"%s\" as %s here", s, t)
}

// appendReg prints a reg* type: its name where env knows it, else the number.
func appendReg(dst []byte, t T, oid int64, env *Env) []byte {
	if oid == 0 {
		return append(dst, '-')
	}
	if env != nil && env.RegOut != nil {
		if name := env.RegOut(t, oid); name != "" {
			return append(dst, name...)
		}
	}
	if t.ID == Regtype {
		if typ, ok := OfOID(uint32(oid)); ok {
			return append(dst, typ.String()...)
		}
	}
	return strconv.AppendInt(dst, oid, 10)
}
