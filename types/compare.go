package types

import "bytes"

// Compare orders two values of type t that are not NULL, as Postgres does under
// the C collation: text by bytes, float and numeric NaN biggest and equal to
// itself, -0 = 0, intervals by their length in days of 24 hours and months of 30
// days, character without its padding.
func Compare(t T, a, b Datum) int {
	switch t.Layout() {
	case LBool, LInt64:
		return cmpInt(a.I, b.I)
	case LFloat64:
		return CompareFloat(a.F, b.F)
	default:
		return CompareBytes(t, bytesOf(a.S), bytesOf(b.S))
	}
}

// CompareBytes is Compare for the types of layout LBytes.
func CompareBytes(t T, a, b []byte) int {
	switch t.ID {
	case Numeric:
		return DecodeDecimal(a).Cmp(DecodeDecimal(b))
	case Interval:
		return DecodeInterval(a).Cmp(DecodeInterval(b))
	case Jsonb:
		return CompareJsonb(a, b)
	case Bpchar:
		return bytes.Compare(trimBpchar(a), trimBpchar(b))
	case Array, Int2Vector, OIDVector, Record:
		if bytes.Equal(a, b) {
			return 0
		}
		return bytes.Compare(appendKeyBody(nil, t, a), appendKeyBody(nil, t, b))
	}
	return bytes.Compare(a, b)
}

// PlainBytes reports whether values of an LBytes type are equal in SQL exactly
// when their byte forms are: text and bytea. For the others, and for nothing
// else, equality and hashing must go through the key.
func (t T) PlainBytes() bool {
	switch t.ID {
	case Numeric, Interval, Jsonb, Bpchar, Array, Int2Vector, OIDVector, Record:
		return false
	}
	return true
}

// Equal reports whether two values that are not NULL are equal in SQL.
func Equal(t T, a, b Datum) bool { return Compare(t, a, b) == 0 }
