package types

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The byte form of jsonb is its text as Postgres prints it: keys ordered by
// length and then bytes, the last of equal keys kept, ", " and ": " between
// things, numbers as numeric prints them, strings with the fewest escapes. So
// output is a copy, and equal values mostly have equal bytes (1.0 and 1.00 are
// equal and differ: compare with Compare or by key).

// JsonKind is what jsonb_typeof tells.
type JsonKind uint8

// The kinds of JSON values.
const (
	JsonNull JsonKind = iota
	JsonString
	JsonNumber
	JsonBool
	JsonArray
	JsonObject
)

var jsonKindNames = [...]string{"null", "string", "number", "boolean", "array", "object"}

// String is the name that jsonb_typeof returns.
func (k JsonKind) String() string { return jsonKindNames[k] }

// JsonbKind tells the kind of a jsonb value from its first byte.
func JsonbKind(b []byte) JsonKind {
	switch b[0] {
	case '{':
		return JsonObject
	case '[':
		return JsonArray
	case '"':
		return JsonString
	case 't', 'f':
		return JsonBool
	case 'n':
		return JsonNull
	}
	return JsonNumber
}

// JsonbEach calls fn with each key and value of an object, in order, until it
// returns false. key is decoded and valid during the call; value is a part of b.
func JsonbEach(b []byte, fn func(key string, value []byte) bool) {
	if len(b) == 0 || b[0] != '{' {
		return
	}
	var scratch []byte
	for i := 1; i < len(b) && b[i] != '}'; {
		if b[i] == ',' {
			i += 2
		}
		end := jsonSkip(b, i)
		key := b[i+1 : end-1]
		if bytes.IndexByte(key, '\\') >= 0 {
			scratch = jsonUnescape(scratch[:0], key)
			key = scratch
		}
		i = end + 2
		end = jsonSkip(b, i)
		if !fn(stringOf(key), b[i:end]) {
			return
		}
		i = end
	}
}

// JsonbElems calls fn with each element of an array until it returns false.
func JsonbElems(b []byte, fn func(value []byte) bool) {
	if len(b) == 0 || b[0] != '[' {
		return
	}
	for i := 1; i < len(b) && b[i] != ']'; {
		if b[i] == ',' {
			i += 2
		}
		end := jsonSkip(b, i)
		if !fn(b[i:end]) {
			return
		}
		i = end
	}
}

// JsonbField is the value under a key of an object (the operator ->), a part of b.
func JsonbField(b []byte, key string) (value []byte, ok bool) {
	JsonbEach(b, func(k string, v []byte) bool {
		if k == key {
			value, ok = v, true
			return false
		}
		return len(k) <= len(key) // keys are ordered by length
	})
	return value, ok
}

// JsonbIndex is an element of an array (the operator ->), negative numbers
// counting from the end. As in Postgres, a scalar counts as an array of itself.
func JsonbIndex(b []byte, i int64) (value []byte, ok bool) {
	switch JsonbKind(b) {
	case JsonObject:
		return nil, false
	case JsonArray:
	default:
		return b, i == 0 || i == -1
	}
	if i < 0 {
		i += int64(JsonbLen(b))
		if i < 0 {
			return nil, false
		}
	}
	JsonbElems(b, func(v []byte) bool {
		if i == 0 {
			value, ok = v, true
			return false
		}
		i--
		return true
	})
	return value, ok
}

// JsonbLen is the number of elements of an array or of keys of an object.
func JsonbLen(b []byte) int {
	n := 0
	JsonbElems(b, func([]byte) bool { n++; return true })
	JsonbEach(b, func(string, []byte) bool { n++; return true })
	return n
}

// JsonbAppendText appends what ->> gives: strings without quotes and escapes,
// all else as it is. null is true for JSON's null, which becomes SQL's NULL.
func JsonbAppendText(dst, b []byte) (out []byte, null bool) {
	switch b[0] {
	case 'n':
		return dst, true
	case '"':
		return jsonUnescape(dst, b[1:len(b)-1]), false
	}
	return append(dst, b...), false
}

// jsonSkip returns the end of the value that begins at b[i], in normalised text.
func jsonSkip(b []byte, i int) int {
	switch b[i] {
	case '"':
		for i++; b[i] != '"'; i++ {
			if b[i] == '\\' {
				i++
			}
		}
		return i + 1
	case '{', '[':
		depth := 0
		for ; ; i++ {
			switch b[i] {
			case '"':
				i = jsonSkip(b, i) - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
	}
	for i < len(b) && b[i] != ',' && b[i] != ']' && b[i] != '}' {
		i++
	}
	return i
}

// jsonUnescape decodes the inside of a normalised string.
func jsonUnescape(dst, s []byte) []byte {
	for {
		i := bytes.IndexByte(s, '\\')
		if i < 0 {
			return append(dst, s...)
		}
		dst = append(dst, s[:i]...)
		c := s[i+1]
		s = s[i+2:]
		switch c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u': // only \u00XX occurs in normalised text
			v := rune(0)
			for _, h := range s[:4] {
				v = v<<4 | rune(hexVal(h))
			}
			dst = utf8.AppendRune(dst, v)
			s = s[4:]
		default:
			dst = append(dst, c)
		}
	}
}

func hexVal(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}

// AppendJsonString appends s as a JSON string with Postgres's escapes.
func AppendJsonString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	from := 0
	for i := range len(s) {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\f':
			dst = append(dst, '\\', 'f')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(append(dst, s[from:]...), '"')
}

// JsonPair is a key and a normalised value.
type JsonPair struct {
	Key   string
	Value []byte
}

// cmpJsonKey is the order of keys in an object.
func cmpJsonKey(a, b string) int {
	if len(a) != len(b) {
		return cmp.Compare(len(a), len(b))
	}
	return strings.Compare(a, b)
}

// AppendJsonObject appends an object made of pairs, which it reorders; the last
// of equal keys wins.
func AppendJsonObject(dst []byte, pairs []JsonPair) []byte {
	slices.SortStableFunc(pairs, func(a, b JsonPair) int { return cmpJsonKey(a.Key, b.Key) })
	dst = append(dst, '{')
	first := true
	for i := range pairs {
		if i+1 < len(pairs) && pairs[i+1].Key == pairs[i].Key {
			continue
		}
		if !first {
			dst = append(dst, ", "...)
		}
		first = false
		dst = AppendJsonString(dst, pairs[i].Key)
		dst = append(dst, ": "...)
		dst = append(dst, pairs[i].Value...)
	}
	return append(dst, '}')
}

// AppendJsonArray appends an array of normalised values.
func AppendJsonArray(dst []byte, values [][]byte) []byte {
	dst = append(dst, '[')
	for i, v := range values {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(dst, v...)
	}
	return append(dst, ']')
}

// appendJsonKey appends the key of a jsonb value: a byte for its kind, in the
// order null < string < number < boolean < array < object
// (arrays and objects then by their number of members); 0 is left for the empty array at the top, which
// Postgres sorts below everything.
func appendJsonKey(dst, b []byte, top bool) []byte {
	switch JsonbKind(b) {
	case JsonNull:
		return append(dst, 1)
	case JsonString:
		dst = append(dst, 2)
		s := b[1 : len(b)-1]
		if bytes.IndexByte(s, '\\') >= 0 {
			s = jsonUnescape(nil, s)
		}
		return appendKeyString(dst, s)
	case JsonNumber:
		d, _ := ParseDecimal(stringOf(b))
		return appendKeyDecimal(append(dst, 3), d)
	case JsonBool:
		if b[0] == 't' {
			return append(dst, 4, 1)
		}
		return append(dst, 4, 0)
	case JsonArray:
		n := JsonbLen(b)
		if n == 0 && top {
			return append(dst, 0)
		}
		dst = appendKeyCount(append(dst, 5), n)
		JsonbElems(b, func(v []byte) bool { dst = appendJsonKey(dst, v, false); return true })
		return dst
	}
	dst = appendKeyCount(append(dst, 6), JsonbLen(b))
	JsonbEach(b, func(k string, v []byte) bool {
		dst = appendKeyString(append(dst, 2), bytesOf(k))
		dst = appendJsonKey(dst, v, false)
		return true
	})
	return dst
}

// decodeJsonKey appends the value of the key at the front of b.
func decodeJsonKey(dst, b []byte) (text, rest []byte, ok bool) {
	if len(b) == 0 {
		return nil, nil, false
	}
	kind := b[0]
	switch b = b[1:]; kind {
	case 0:
		return append(dst, "[]"...), b, true
	case 1:
		return append(dst, "null"...), b, true
	case 2:
		s, rest, ok := decodeKeyString(b)
		return AppendJsonString(dst, string(s)), rest, ok
	case 3:
		d, rest, ok := decodeKeyDecimal(b)
		return append(dst, d.String()...), rest, ok
	case 4:
		if len(b) == 0 {
			return nil, nil, false
		}
		return strconv.AppendBool(dst, b[0] != 0), b[1:], true
	case 5, 6:
		return decodeJsonMembers(dst, b, kind == 6)
	}
	return nil, nil, false
}

// decodeJsonMembers is decodeJsonKey for an array or object behind its kind.
func decodeJsonMembers(dst, b []byte, object bool) (text, rest []byte, ok bool) {
	if len(b) < 4 {
		return nil, nil, false
	}
	n := binary.BigEndian.Uint32(b)
	b = b[4:]
	ends := "[]"
	if object {
		ends = "{}"
	}
	dst = append(dst, ends[0])
	for i := range n {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		if object {
			if dst, b, ok = decodeJsonKey(dst, b); !ok { // the name, a string
				return nil, nil, false
			}
			dst = append(dst, ": "...)
		}
		if dst, b, ok = decodeJsonKey(dst, b); !ok {
			return nil, nil, false
		}
	}
	return append(dst, ends[1]), b, true
}

// CompareJsonb orders jsonb values as Postgres does, strings by bytes.
func CompareJsonb(a, b []byte) int {
	if bytes.Equal(a, b) {
		return 0
	}
	var x, y [128]byte
	return bytes.Compare(appendJsonKey(x[:0], a, true), appendJsonKey(y[:0], b, true))
}

func appendKeyCount(dst []byte, n int) []byte {
	return append(dst, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
}
