package types

import (
	"streamdb/internal/sqlerr"
)

// The byte form of a record is that of its fields' values: NULL flag, bitmap and
// values as in an array (see array.go), each field by its own layout. The number
// of fields is in the type.

// EncodeRecord makes a record of the type from its fields' values.
func EncodeRecord(t T, vals []Datum) Datum {
	return Datum{S: string(appendValues(nil, vals, t.fieldType))}
}

// DecodeRecord returns the fields' values; byte forms are parts of b.
func DecodeRecord(t T, b []byte) []Datum {
	if len(t.Fields) == 0 {
		return nil
	}
	return decodeValues(b, len(t.Fields), t.fieldType)
}

func (t T) fieldType(i int) T { return t.Fields[i].Type }

// appendRecord prints (1,"a b",).
func appendRecord(dst []byte, t T, b []byte, env *Env) []byte {
	dst = append(dst, '(')
	for i, d := range DecodeRecord(t, b) {
		if i > 0 {
			dst = append(dst, ',')
		}
		if d.Null {
			continue
		}
		start := len(dst)
		dst = AppendText(dst, t.Fields[i].Type, d, env)
		if needsRecordQuotes(dst[start:]) {
			text := string(dst[start:])
			dst = append(dst[:start], '"')
			for k := range len(text) {
				if text[k] == '"' || text[k] == '\\' {
					dst = append(dst, text[k])
				}
				dst = append(dst, text[k])
			}
			dst = append(dst, '"')
		}
	}
	return append(dst, ')')
}

func needsRecordQuotes(b []byte) bool {
	for _, c := range b {
		if c == '"' || c == '\\' || c == '(' || c == ')' || c == ',' || isSpace(c) {
			return true
		}
	}
	return len(b) == 0
}

// parseRecord reads (1,"a b",) for a record whose fields are known.
func parseRecord(t T, s string, env *Env) (Datum, error) {
	if len(t.Fields) == 0 {
		return Datum{}, sqlerr.New(sqlerr.FeatureNotSupported, "input of anonymous composite types is not implemented")
	}
	fail := func(detail string) error {
		return sqlerr.New(sqlerr.InvalidTextRepresentation, "malformed record literal: \"%s\"", s).WithDetail("%s", detail)
	}
	x := trimSpace(s)
	if x == "" || x[0] != '(' {
		return Datum{}, fail("Missing left parenthesis.")
	}
	vals := make([]Datum, 0, len(t.Fields))
	for i := 1; ; i++ {
		if len(vals) == len(t.Fields) {
			return Datum{}, fail("Too many columns.")
		}
		var text []byte
		null, quoted := true, false
		for ; ; i++ {
			if i >= len(x) {
				return Datum{}, fail("Unexpected end of input.")
			}
			c := x[i]
			if !quoted && (c == ',' || c == ')') {
				break
			}
			null = false
			switch {
			case c == '\\':
				if i++; i >= len(x) {
					return Datum{}, fail("Unexpected end of input.")
				}
				text = append(text, x[i])
			case c == '"' && quoted && i+1 < len(x) && x[i+1] == '"':
				text = append(text, '"')
				i++
			case c == '"':
				quoted = !quoted
			default:
				text = append(text, c)
			}
		}
		d := NullDatum
		if !null {
			var err error
			if d, err = ParseText(t.Fields[len(vals)].Type, string(text), env); err != nil {
				return Datum{}, err
			}
		}
		vals = append(vals, d)
		if x[i] == ')' {
			if i+1 < len(x) {
				return Datum{}, fail("Junk after right parenthesis.")
			}
			break
		}
	}
	if len(vals) < len(t.Fields) {
		return Datum{}, fail("Too few columns.")
	}
	return EncodeRecord(t, vals), nil
}

// appendKeyRecord appends the keys of the fields, NULLs last.
func appendKeyRecord(dst []byte, t T, b []byte) []byte {
	for i, d := range DecodeRecord(t, b) {
		dst = AppendKey(dst, t.Fields[i].Type, d, false, false)
	}
	return dst
}

func decodeKeyRecord(t T, b []byte) (Datum, []byte, error) {
	vals := make([]Datum, len(t.Fields))
	for i := range vals {
		d, rest, err := DecodeKey(t.Fields[i].Type, b)
		if err != nil {
			return Datum{}, nil, err
		}
		vals[i], b = d, rest
	}
	return EncodeRecord(t, vals), b, nil
}
