package types

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"

	"streamdb/internal/sqlerr"
)

// The byte form of an array:
//
//	1 byte            number of dimensions; 0: the empty array, and nothing follows
//	4 bytes each      their lengths, little-endian (lower bounds are always 1)
//	1 byte            1 if there are NULLs, else 0
//	(n+7)/8 bytes     only with NULLs: bit set = not NULL
//	elements          those that are not NULL, in row-major order: 1 byte for
//	                  booleans, 8 little-endian for integers and floats, uvarint length
//	                  and bytes for the rest
//
// int2vector and oidvector have the same form. Equal arrays have equal bytes if
// their elements have.

// ArrayValue is a decoded array; for cold paths.
type ArrayValue struct {
	Dims  []int // lengths; empty for the empty array
	Elems []Datum
}

// OneDim makes a one-dimensional array (the empty one if there are no elements).
func OneDim(elems []Datum) ArrayValue {
	if len(elems) == 0 {
		return ArrayValue{}
	}
	return ArrayValue{Dims: []int{len(elems)}, Elems: elems}
}

// AppendArray appends the byte form of an array over elem.
func AppendArray(dst []byte, elem T, a ArrayValue) []byte {
	if len(a.Elems) == 0 {
		return append(dst, 0)
	}
	dst = append(dst, byte(len(a.Dims)))
	for _, n := range a.Dims {
		dst = binary.LittleEndian.AppendUint32(dst, uint32(n))
	}
	return appendValues(dst, a.Elems, func(int) T { return elem })
}

// Datum returns the array as a value.
func (a ArrayValue) Datum(elem T) Datum { return Datum{S: string(AppendArray(nil, elem, a))} }

// appendValues appends the NULL flag, the bitmap and the values.
func appendValues(dst []byte, vals []Datum, typ func(i int) T) []byte {
	nulls := false
	for i := range vals {
		nulls = nulls || vals[i].Null
	}
	if nulls {
		dst = append(dst, 1)
		at := len(dst)
		dst = append(dst, make([]byte, (len(vals)+7)/8)...)
		for i := range vals {
			if !vals[i].Null {
				dst[at+i>>3] |= 1 << (i & 7)
			}
		}
	} else {
		dst = append(dst, 0)
	}
	for i := range vals {
		d := &vals[i]
		if d.Null {
			continue
		}
		switch typ(i).Layout() {
		case LBool:
			dst = append(dst, byte(d.I))
		case LInt64:
			dst = binary.LittleEndian.AppendUint64(dst, uint64(d.I))
		case LFloat64:
			dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(d.F))
		default:
			dst = binary.AppendUvarint(dst, uint64(len(d.S)))
			dst = append(dst, d.S...)
		}
	}
	return dst
}

// decodeValues reads n values; their byte forms are parts of b.
func decodeValues(b []byte, n int, typ func(i int) T) []Datum {
	vals := make([]Datum, n)
	bitmap := b[1:]
	nulls := b[0] == 1
	b = b[1:]
	if nulls {
		b = b[(n+7)/8:]
	}
	for i := range vals {
		if nulls && bitmap[i>>3]&(1<<(i&7)) == 0 {
			vals[i].Null = true
			continue
		}
		switch typ(i).Layout() {
		case LBool:
			vals[i].I = int64(b[0])
			b = b[1:]
		case LInt64:
			vals[i].I = int64(binary.LittleEndian.Uint64(b))
			b = b[8:]
		case LFloat64:
			vals[i].F = math.Float64frombits(binary.LittleEndian.Uint64(b))
			b = b[8:]
		default:
			k, w := binary.Uvarint(b)
			vals[i].S = stringOf(b[w : w+int(k)])
			b = b[w+int(k):]
		}
	}
	return vals
}

// DecodeArray reads the byte form. Byte forms of elements are parts of b.
func DecodeArray(elem T, b []byte) ArrayValue {
	if len(b) == 0 || b[0] == 0 {
		return ArrayValue{}
	}
	nd := int(b[0])
	a := ArrayValue{Dims: make([]int, nd)}
	n := 1
	for i := range a.Dims {
		a.Dims[i] = int(binary.LittleEndian.Uint32(b[1+4*i:]))
		n *= a.Dims[i]
	}
	a.Elems = decodeValues(b[1+4*nd:], n, func(int) T { return elem })
	return a
}

// ArrayLen is the number of elements of an array's byte form.
func ArrayLen(b []byte) int {
	if len(b) == 0 || b[0] == 0 {
		return 0
	}
	n := 1
	for i := range int(b[0]) {
		n *= int(binary.LittleEndian.Uint32(b[1+4*i:]))
	}
	return n
}

// elemOf is the element type of any type with array layout.
func elemOf(t T) T {
	elem, _ := t.ElemType()
	return elem
}

func applyModArray(t T, d Datum, explicit bool) (Datum, error) {
	a := DecodeArray(*t.Elem, bytesOf(d.S))
	for i := range a.Elems {
		x, err := ApplyMod(*t.Elem, a.Elems[i], explicit)
		if err != nil {
			return Datum{}, err
		}
		a.Elems[i] = x
	}
	return a.Datum(*t.Elem), nil
}

// appendArray prints {1,NULL,"a b"}.
func appendArray(dst []byte, t T, b []byte, env *Env) []byte {
	elem := elemOf(t)
	a := DecodeArray(elem, b)
	if len(a.Elems) == 0 {
		return append(dst, "{}"...)
	}
	next := 0
	var level func(dim int)
	level = func(dim int) {
		dst = append(dst, '{')
		for i := range a.Dims[dim] {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dim+1 < len(a.Dims) {
				level(dim + 1)
				continue
			}
			d := a.Elems[next]
			next++
			if d.Null {
				dst = append(dst, "NULL"...)
				continue
			}
			start := len(dst)
			dst = AppendText(dst, elem, d, env)
			if needsArrayQuotes(dst[start:]) {
				text := string(dst[start:])
				dst = append(dst[:start], '"')
				for k := range len(text) {
					if text[k] == '"' || text[k] == '\\' {
						dst = append(dst, '\\')
					}
					dst = append(dst, text[k])
				}
				dst = append(dst, '"')
			}
		}
		dst = append(dst, '}')
	}
	level(0)
	return dst
}

func needsArrayQuotes(b []byte) bool {
	if len(b) == 0 || len(b) == 4 && strings.EqualFold(string(b), "null") {
		return true
	}
	for _, c := range b {
		if c == '"' || c == '\\' || c == '{' || c == '}' || c == ',' || isSpace(c) {
			return true
		}
	}
	return false
}

// arrayParser reads the text of an array.
type arrayParser struct {
	s    string
	i    int
	elem T
	env  *Env
	vals []Datum
	dims []int // -1 while unknown
}

func (p *arrayParser) fail(detail string, args ...any) error {
	return sqlerr.New(sqlerr.InvalidTextRepresentation, "malformed array literal: \"%s\"", p.s).WithDetail(detail, args...)
}

// parseArray reads {1,2,{..}}. Errors: 22P02 and those of the elements.
func parseArray(t T, s string, env *Env) (Datum, error) {
	elem := elemOf(t)
	p := &arrayParser{s: s, elem: elem, env: env}
	p.space()
	if p.i < len(s) && s[p.i] == '[' {
		if err := p.bounds(); err != nil {
			return Datum{}, err
		}
	}
	if p.i >= len(s) || s[p.i] != '{' {
		return Datum{}, p.fail("Array value must start with \"{\" or dimension information.")
	}
	if err := p.level(0); err != nil {
		return Datum{}, err
	}
	p.space()
	if p.i < len(s) {
		return Datum{}, p.fail("Junk after closing right brace.")
	}
	if len(p.vals) == 0 {
		return ArrayValue{}.Datum(elem), nil
	}
	return ArrayValue{p.dims, p.vals}.Datum(elem), nil
}

// bounds accepts [1:n].. = in front, which says what the braces say too.
func (p *arrayParser) bounds() error {
	eq := strings.IndexByte(p.s, '=')
	if eq < 0 {
		return p.fail("Missing \"=\" after array dimensions.")
	}
	for _, dim := range strings.Split(strings.Trim(trimSpace(p.s[p.i:eq]), "[]"), "][") {
		lo, _, two := strings.Cut(dim, ":")
		if n, err := strconv.Atoi(lo); err != nil || two && n != 1 {
			return sqlerr.Unsupported("an array with a lower bound other than 1")
		}
	}
	p.i = eq + 1
	p.space()
	return nil
}

func (p *arrayParser) space() {
	for p.i < len(p.s) && isSpace(p.s[p.i]) {
		p.i++
	}
}

const errSubArrays = "Multidimensional arrays must have sub-arrays with matching dimensions."

// level reads one pair of braces at a depth.
func (p *arrayParser) level(depth int) error {
	if depth >= 6 {
		return sqlerr.New(sqlerr.ProgramLimitExceeded, "number of array dimensions (%d) exceeds the maximum allowed (6)", depth+1)
	}
	if len(p.dims) <= depth {
		if len(p.vals) > 0 {
			return p.fail(errSubArrays)
		}
		p.dims = append(p.dims, -1)
	}
	p.i++
	n := 0
	p.space()
	if p.i < len(p.s) && p.s[p.i] == '}' {
		if depth > 0 {
			return p.fail("Unexpected \"}\" character.")
		}
		p.i++
		return p.close(depth, 0)
	}
	for {
		p.space()
		if p.i >= len(p.s) {
			return p.fail("Unexpected end of input.")
		}
		switch p.s[p.i] {
		case '{':
			if depth+1 == len(p.dims) && n > 0 || depth+1 == len(p.dims) && p.dims[depth] >= 0 {
				return p.fail("Unexpected \"{\" character.")
			}
			if err := p.level(depth + 1); err != nil {
				return err
			}
		case '}', ',':
			return p.fail("Unexpected \"%c\" character.", p.s[p.i])
		default:
			if depth+1 != len(p.dims) {
				return p.fail(errSubArrays)
			}
			if err := p.element(); err != nil {
				return err
			}
		}
		n++
		p.space()
		if p.i >= len(p.s) {
			return p.fail("Unexpected end of input.")
		}
		c := p.s[p.i]
		p.i++
		if c == '}' {
			return p.close(depth, n)
		}
		if c != ',' {
			return p.fail("Unexpected array element.")
		}
	}
}

func (p *arrayParser) close(depth, n int) error {
	if p.dims[depth] >= 0 && p.dims[depth] != n {
		return p.fail(errSubArrays)
	}
	p.dims[depth] = n
	return nil
}

// element reads one value, quoted or bare.
func (p *arrayParser) element() error {
	var text []byte
	s := p.s
	quoted := s[p.i] == '"'
	if quoted {
		for p.i++; ; p.i++ {
			if p.i >= len(s) {
				return p.fail("Unexpected end of input.")
			}
			if s[p.i] == '"' {
				p.i++
				break
			}
			if s[p.i] == '\\' {
				if p.i++; p.i >= len(s) {
					return p.fail("Unexpected end of input.")
				}
			}
			text = append(text, s[p.i])
		}
	} else {
		keep := 0 // length up to the last byte that is not a blank
		escaped := false
		for ; p.i < len(s) && s[p.i] != ',' && s[p.i] != '}' && s[p.i] != '{' && s[p.i] != '"'; p.i++ {
			esc := s[p.i] == '\\'
			if esc {
				if p.i++; p.i >= len(s) {
					return p.fail("Unexpected end of input.")
				}
				escaped = true
			}
			text = append(text, s[p.i])
			if esc || !isSpace(s[p.i]) {
				keep = len(text)
			}
		}
		text = text[:keep]
		if p.i < len(s) && s[p.i] == '"' {
			return p.fail("Unexpected array element.")
		}
		if p.i < len(s) && s[p.i] == '{' {
			return p.fail("Unexpected \"{\" character.")
		}
		if !escaped && len(text) == 4 && strings.EqualFold(string(text), "null") {
			p.vals = append(p.vals, NullDatum)
			return nil
		}
	}
	d, err := ParseText(p.elem, string(text), p.env)
	p.vals = append(p.vals, d)
	return err
}

// parseVector reads an int2vector or oidvector: numbers with blanks between.
func parseVector(t T, s string) (Datum, error) {
	elem := elemOf(t)
	var vals []Datum
	for _, w := range strings.Fields(s) {
		d, err := ParseText(elem, w, nil)
		if err != nil {
			return Datum{}, err
		}
		vals = append(vals, d)
	}
	return OneDim(vals).Datum(elem), nil
}

func appendVector(dst []byte, t T, b []byte) []byte {
	for i, d := range DecodeArray(elemOf(t), b).Elems {
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = strconv.AppendInt(dst, d.I, 10)
	}
	return dst
}

// appendKeyArray appends the key of an array: elements first, then its shape,
// NULL elements last.
func appendKeyArray(dst []byte, t T, b []byte) []byte {
	elem := elemOf(t)
	a := DecodeArray(elem, b)
	for _, d := range a.Elems {
		dst = AppendKey(dst, elem, d, false, false)
	}
	dst = append(dst, 0, byte(len(a.Dims)))
	for _, n := range a.Dims {
		dst = appendKeyCount(dst, n)
	}
	return dst
}

func decodeKeyArray(t T, b []byte) (Datum, []byte, error) {
	elem := elemOf(t)
	var a ArrayValue
	for {
		if len(b) == 0 {
			return Datum{}, nil, errKey()
		}
		if b[0] == 0 {
			break
		}
		d, rest, err := DecodeKey(elem, b)
		if err != nil {
			return Datum{}, nil, err
		}
		a.Elems = append(a.Elems, d)
		b = rest
	}
	if len(b) < 2 || len(b) < 2+4*int(b[1]) {
		return Datum{}, nil, errKey()
	}
	nd := int(b[1])
	b = b[2:]
	for range nd {
		a.Dims = append(a.Dims, int(binary.BigEndian.Uint32(b)))
		b = b[4:]
	}
	return a.Datum(elem), b, nil
}
