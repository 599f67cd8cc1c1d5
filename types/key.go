package types

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/big"
	"slices"

	"streamdb/internal/sqlerr"
)

// Order-preserving keys: bytes.Compare of two keys is the SQL order of the
// values, and values that are equal in SQL have the same key (numeric 1.0 and
// 1.00, interval 1 day and 24 hours, -0.0 and 0.0, character 'a' and 'a  ').
// Grouping, DISTINCT, joins and primary keys use them; they are on disk for ever.
//
//	marker   1 byte: 0x00 NULL sorted first, 0x01 a value, 0x02 NULL sorted last
//	bool     1 byte
//	ints     8 bytes big-endian, sign bit flipped
//	floats   8 bytes big-endian, all bits flipped if negative, else the sign bit; one NaN, no -0
//	strings  bytes with 0x00 as 0x00 0xff, then 0x00 0x01
//	numeric  class (1 -Infinity, 2 negative, 3 zero, 4 positive, 5 Infinity, 6 NaN); for
//	         2 and 4 the number of digits before the point + 2^23 in 3 bytes, pairs of
//	         digits + 1, 0x00; all bits flipped if negative
//	interval days (months as 30) and microseconds within the day, as two ints
//	jsonb    see appendJsonKey
//	arrays   per element 0x01 and its key, or 0x02 for NULL; 0x00; dimensions
//	records  per field like a column, NULLs last
//
// Descending keys have all bits after the marker flipped.
const (
	KeyNullFirst byte = 0x00
	KeyValue     byte = 0x01
	KeyNullLast  byte = 0x02
)

// AppendKey appends the key of a value or NULL.
func AppendKey(dst []byte, t T, d Datum, desc, nullsFirst bool) []byte {
	if d.Null {
		return AppendKeyNull(dst, nullsFirst)
	}
	switch t.Layout() {
	case LBool:
		return AppendKeyBool(dst, d.I != 0, desc)
	case LInt64:
		return AppendKeyInt(dst, d.I, desc)
	case LFloat64:
		return AppendKeyFloat(dst, d.F, desc)
	default:
		return AppendKeyBytes(dst, t, bytesOf(d.S), desc)
	}
}

// AppendKeyNull appends the key of NULL.
func AppendKeyNull(dst []byte, nullsFirst bool) []byte {
	if nullsFirst {
		return append(dst, KeyNullFirst)
	}
	return append(dst, KeyNullLast)
}

// AppendKeyBool appends the key of a boolean that is not NULL.
func AppendKeyBool(dst []byte, b, desc bool) []byte {
	x := byte(0)
	if b {
		x = 1
	}
	if desc {
		x = ^x
	}
	return append(dst, KeyValue, x)
}

// AppendKeyInt appends the key of a value of layout LInt64.
func AppendKeyInt(dst []byte, i int64, desc bool) []byte {
	u := uint64(i) ^ 1<<63
	if desc {
		u = ^u
	}
	return binary.BigEndian.AppendUint64(append(dst, KeyValue), u)
}

// AppendKeyFloat appends the key of a float.
func AppendKeyFloat(dst []byte, f float64, desc bool) []byte {
	u := FloatKeyBits(f)
	if desc {
		u = ^u
	}
	return binary.BigEndian.AppendUint64(append(dst, KeyValue), u)
}

// FloatKeyBits maps floats to integers in SQL order: one NaN, the largest, and one zero.
func FloatKeyBits(f float64) uint64 {
	if f != f {
		return math.MaxUint64
	}
	u := math.Float64bits(f + 0) // -0 + 0 = 0
	if u>>63 != 0 {
		return ^u
	}
	return u | 1<<63
}

// AppendKeyBytes appends the key of a value of layout LBytes.
func AppendKeyBytes(dst []byte, t T, b []byte, desc bool) []byte {
	dst = append(dst, KeyValue)
	start := len(dst)
	dst = appendKeyBody(dst, t, b)
	if desc {
		for i := start; i < len(dst); i++ {
			dst[i] = ^dst[i]
		}
	}
	return dst
}

func appendKeyBody(dst []byte, t T, b []byte) []byte {
	switch t.ID {
	case Numeric:
		return appendKeyDecimal(dst, DecodeDecimal(b))
	case Interval:
		days, us := DecodeInterval(b).normal()
		dst = binary.BigEndian.AppendUint64(dst, uint64(days)^1<<63)
		return binary.BigEndian.AppendUint64(dst, uint64(us)^1<<63)
	case Jsonb:
		return appendJsonKey(dst, b, true)
	case Bpchar:
		return appendKeyString(dst, trimBpchar(b))
	case Array, Int2Vector, OIDVector:
		return appendKeyArray(dst, t, b)
	case Record:
		return appendKeyRecord(dst, t, b)
	case Void:
		return dst
	}
	return appendKeyString(dst, b)
}

// appendKeyString escapes and terminates a byte string.
func appendKeyString(dst, b []byte) []byte {
	for {
		i := bytes.IndexByte(b, 0)
		if i < 0 {
			dst = append(dst, b...)
			return append(dst, 0x00, 0x01)
		}
		dst = append(dst, b[:i]...)
		dst = append(dst, 0x00, 0xff)
		b = b[i+1:]
	}
}

// appendKeyDecimal appends the key of a numeric, without its display scale.
func appendKeyDecimal(dst []byte, d Decimal) []byte {
	switch {
	case d.form == formNaN:
		return append(dst, 6)
	case d.form == formPosInf:
		return append(dst, 5)
	case d.form == formNegInf:
		return append(dst, 1)
	case d.IsZero():
		return append(dst, 3)
	}
	start := len(dst)
	var buf [48]byte
	plain := d
	plain.scale, plain.form = 0, formPos
	text := plain.Append(buf[:0])
	exp := uint32(len(text)-int(d.scale)) + 1<<23
	dst = append(dst, 4, byte(exp>>16), byte(exp>>8), byte(exp))
	text = bytes.TrimRight(text, "0")
	for i := 0; i < len(text); i += 2 {
		pair := (text[i] - '0') * 10
		if i+1 < len(text) {
			pair += text[i+1] - '0'
		}
		dst = append(dst, pair+1)
	}
	dst = append(dst, 0)
	if d.form == formNeg {
		dst[start] = 2
		for i := start + 1; i < len(dst); i++ {
			dst[i] = ^dst[i]
		}
	}
	return dst
}

// errKey reports a key that does not decode.
func errKey() error { return sqlerr.New(sqlerr.DataCorrupted, "malformed key") }

// DecodeKey reads the ascending key at the front of b and returns what follows
// it. The value is equal in SQL to the one encoded, not always identical:
// numeric comes back without zeros at the end (1.50 as 1.5), interval as days and
// time, character without padding, and array elements and the numbers in jsonb
// likewise. Where the exact form matters, store the value beside the key.
func DecodeKey(t T, b []byte) (Datum, []byte, error) { return decodeKey(t, b, false) }

// DecodeKeyDesc is DecodeKey for descending keys.
func DecodeKeyDesc(t T, b []byte) (Datum, []byte, error) { return decodeKey(t, b, true) }

func decodeKey(t T, b []byte, desc bool) (d Datum, rest []byte, err error) {
	if len(b) == 0 {
		return d, nil, errKey()
	}
	switch b[0] {
	case KeyNullFirst, KeyNullLast:
		return NullDatum, b[1:], nil
	case KeyValue:
	default:
		return d, nil, errKey()
	}
	body := b[1:]
	if desc {
		body = slices.Clone(body)
		for i := range body {
			body[i] = ^body[i]
		}
	}
	d, rest, err = decodeKeyBody(t, body)
	if err != nil {
		return d, nil, err
	}
	return d, b[len(b)-len(rest):], nil
}

func decodeKeyBody(t T, b []byte) (Datum, []byte, error) {
	fixed := func() (uint64, bool) {
		if len(b) < 8 {
			return 0, false
		}
		u := binary.BigEndian.Uint64(b)
		b = b[8:]
		return u, true
	}
	switch t.Layout() {
	case LBool:
		if len(b) == 0 {
			return Datum{}, nil, errKey()
		}
		return BoolDatum(b[0] != 0), b[1:], nil
	case LInt64:
		u, ok := fixed()
		if !ok {
			return Datum{}, nil, errKey()
		}
		return Datum{I: int64(u ^ 1<<63)}, b, nil
	case LFloat64:
		u, ok := fixed()
		if !ok {
			return Datum{}, nil, errKey()
		}
		switch {
		case u == math.MaxUint64:
			return Datum{F: math.NaN()}, b, nil
		case u>>63 != 0:
			return Datum{F: math.Float64frombits(u &^ (1 << 63))}, b, nil
		}
		return Datum{F: math.Float64frombits(^u)}, b, nil
	}
	switch t.ID {
	case Numeric:
		d, rest, ok := decodeKeyDecimal(b)
		if !ok {
			return Datum{}, nil, errKey()
		}
		return d.Datum(), rest, nil
	case Interval:
		days, ok1 := fixed()
		us, ok2 := fixed()
		if !ok1 || !ok2 {
			return Datum{}, nil, errKey()
		}
		return spanOfNormal(int64(days^1<<63), int64(us^1<<63)).Datum(), b, nil
	case Jsonb:
		text, rest, ok := decodeJsonKey(nil, b)
		if !ok {
			return Datum{}, nil, errKey()
		}
		return BytesDatum(string(text)), rest, nil
	case Array, Int2Vector, OIDVector:
		return decodeKeyArray(t, b)
	case Record:
		return decodeKeyRecord(t, b)
	case Void:
		return Datum{}, b, nil
	}
	s, rest, ok := decodeKeyString(b)
	if !ok {
		return Datum{}, nil, errKey()
	}
	if t.ID == Bpchar {
		d, err := applyLength(t, string(s), false)
		return d, rest, err
	}
	return Datum{S: string(s)}, rest, nil
}

// spanOfNormal puts days beyond 32 bits into months.
func spanOfNormal(days, us int64) Span {
	months := int64(0)
	if days != int64(int32(days)) {
		months = days / 30
		days %= 30
	}
	return Span{int32(months), int32(days), us}
}

func decodeKeyString(b []byte) (s, rest []byte, ok bool) {
	for {
		i := bytes.IndexByte(b, 0)
		if i < 0 || i+1 >= len(b) {
			return nil, nil, false
		}
		s = append(s, b[:i]...)
		c := b[i+1]
		b = b[i+2:]
		switch c {
		case 0x01:
			return s, b, true
		case 0xff:
			s = append(s, 0)
		default:
			return nil, nil, false
		}
	}
}

func decodeKeyDecimal(b []byte) (d Decimal, rest []byte, ok bool) {
	if len(b) == 0 {
		return d, nil, false
	}
	switch b[0] {
	case 1:
		return DecimalNegInf, b[1:], true
	case 3:
		return Decimal{}, b[1:], true
	case 5:
		return DecimalInf, b[1:], true
	case 6:
		return DecimalNaN, b[1:], true
	case 2, 4:
	default:
		return d, nil, false
	}
	neg := b[0] == 2
	flip := byte(0)
	if neg {
		flip = 0xff
	}
	b = b[1:]
	if len(b) < 4 {
		return d, nil, false
	}
	exp := int(b[0]^flip)<<16 | int(b[1]^flip)<<8 | int(b[2]^flip) - 1<<23
	b = b[3:]
	var text []byte
	for {
		if len(b) == 0 {
			return d, nil, false
		}
		c := b[0] ^ flip
		b = b[1:]
		if c == 0 {
			break
		}
		if c > 100 {
			return d, nil, false
		}
		text = append(text, '0'+(c-1)/10, '0'+(c-1)%10)
	}
	text = bytes.TrimRight(text, "0")
	z, good := new(big.Int).SetString(string(text), 10)
	if !good {
		return d, nil, false
	}
	scale := len(text) - exp
	d = ofBig(neg, z, max(scale, 0))
	if scale < 0 {
		d = d.scaleUp(-scale)
	}
	return d, b, true
}
