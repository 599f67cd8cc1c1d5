package types

import (
	"strconv"
	"unsafe"

	"streamdb/internal/sqlerr"
)

// bytesOf views a string's bytes without a copy. They must not be written to.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// stringOf views bytes as a string without a copy. They must not change while it lives.
func stringOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// errSyntax is Postgres's error for text that is no value of the type.
func errSyntax(name, s string) error {
	return sqlerr.New(sqlerr.InvalidTextRepresentation, "invalid input syntax for type %s: \"%s\"", name, s)
}

// ParseText reads a value of type t from its text form, as Postgres's input
// function does, and enforces t's modifiers (too long a varchar is error 22001;
// see ApplyMod for casts, which truncate). env may be nil. Errors carry
// Postgres's SQLSTATE and wording.
func ParseText(t T, s string, env *Env) (Datum, error) {
	switch t.ID {
	case Bool:
		b, ok := ParseBool(s)
		if !ok {
			return Datum{}, errSyntax("boolean", s)
		}
		return BoolDatum(b), nil
	case Int2, Int4, Int8:
		i, err := ParseInt(t.ID, s)
		return Datum{I: i}, err
	case OID:
		i, err := parseOID(s)
		return Datum{I: i}, err
	case Regclass, Regtype, Regproc, Regnamespace:
		i, err := parseReg(t, s, env)
		return Datum{I: i}, err
	case Float4, Float8:
		f, err := ParseFloat(t.ID, s)
		return Datum{F: f}, err
	case Numeric:
		d, err := ParseDecimal(s)
		if err != nil {
			return Datum{}, err
		}
		if d, err = d.ApplyMod(t); err != nil {
			return Datum{}, err
		}
		return d.Datum(), nil
	case Text, Bpchar, Unknown:
		if err := checkText(s); err != nil {
			return Datum{}, err
		}
		if t.Mod > 0 || t.ID == Bpchar {
			return applyLength(t, s, false)
		}
		return Datum{S: s}, nil
	case Name:
		return Datum{S: truncateName(s)}, checkText(s)
	case Char:
		return Datum{S: parseChar(s)}, nil
	case Bytea:
		b, err := ParseBytea(s)
		return Datum{S: stringOf(b)}, err
	case Date:
		i, err := ParseDate(s, env)
		return Datum{I: i}, err
	case Time:
		i, err := ParseTime(s, env)
		return Datum{I: roundMicros(i, t.Mod)}, err
	case Timestamp:
		i, err := ParseTimestamp(s, env)
		if err == nil {
			i = roundTimestamp(i, t.Mod)
		}
		return Datum{I: i}, err
	case TimestampTZ:
		i, err := ParseTimestampTZ(s, env)
		if err == nil {
			i = roundTimestamp(i, t.Mod)
		}
		return Datum{I: i}, err
	case Interval:
		v, err := ParseIntervalMod(s, t.Mod, env)
		if err != nil {
			return Datum{}, err
		}
		return v.Datum(), nil
	case Jsonb:
		b, err := ParseJsonb(s)
		return Datum{S: stringOf(b)}, err
	case Array:
		return parseArray(t, s, env)
	case Int2Vector, OIDVector:
		return parseVector(t, s)
	case Record:
		return parseRecord(t, s, env)
	case Void:
		return Datum{}, nil
	}
	return Datum{}, sqlerr.Unsupported("input of type %s", t)
}

// AppendText appends the text form of a value that is not NULL, as Postgres's
// output function prints it under env (nil: defaults).
func AppendText(dst []byte, t T, d Datum, env *Env) []byte {
	switch t.Layout() {
	case LBool:
		return AppendBool(dst, d.I != 0)
	case LInt64:
		return AppendTextInt(dst, t, d.I, env)
	case LFloat64:
		return AppendFloat(dst, t.ID, d.F, env)
	default:
		return AppendTextBytes(dst, t, bytesOf(d.S), env)
	}
}

// Format is AppendText to a string; "NULL" for NULL. For EXPLAIN, messages, tests.
func Format(t T, d Datum, env *Env) string {
	if d.Null {
		return "NULL"
	}
	return string(AppendText(nil, t, d, env))
}

// AppendTextInt is AppendText for the types of layout LInt64.
func AppendTextInt(dst []byte, t T, i int64, env *Env) []byte {
	switch t.ID {
	case Date:
		return AppendDate(dst, i, env)
	case Time:
		return AppendTime(dst, i)
	case Timestamp:
		return AppendTimestamp(dst, i, env)
	case TimestampTZ:
		return AppendTimestampTZ(dst, i, env)
	case Regclass, Regtype, Regproc, Regnamespace:
		return appendReg(dst, t, i, env)
	}
	return strconv.AppendInt(dst, i, 10)
}

// AppendTextBytes is AppendText for the types of layout LBytes; b is the byte form.
func AppendTextBytes(dst []byte, t T, b []byte, env *Env) []byte {
	switch t.ID {
	case Numeric:
		return AppendNumeric(dst, b)
	case Bytea:
		return AppendBytea(dst, b, env)
	case Interval:
		return AppendInterval(dst, DecodeInterval(b), env)
	case Array:
		return appendArray(dst, t, b, env)
	case Int2Vector, OIDVector:
		return appendVector(dst, t, b)
	case Record:
		return appendRecord(dst, t, b, env)
	case Void:
		return dst
	}
	return append(dst, b...) // text forms, and jsonb which is its own text
}
