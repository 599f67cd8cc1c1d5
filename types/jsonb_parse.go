package types

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"streamdb/internal/sqlerr"
)

// ParseJsonb reads JSON text into the byte form of jsonb. Errors: 22P02 with
// Postgres's detail, 22P05, 22003, 54001.
func ParseJsonb(s string) ([]byte, error) {
	return AppendJsonb(make([]byte, 0, len(s)+len(s)/8), s)
}

// AppendJsonb appends the byte form of jsonb for a JSON text.
func AppendJsonb(dst []byte, s string) ([]byte, error) {
	p := jsonParser{s: s, dst: dst}
	if err := checkText(s); err != nil {
		return nil, err
	}
	if err := p.value(0); err != nil {
		return nil, err
	}
	p.space()
	if p.i < len(s) {
		return nil, p.unexpected("Expected end of input, but found \"%s\".")
	}
	return p.dst, nil
}

// maxJSONDepth bounds nesting: recursion must not exhaust memory.
const maxJSONDepth = 6000

type jsonParser struct {
	s   string
	i   int
	dst []byte
}

func jsonError(format string, args ...any) error {
	return sqlerr.New(sqlerr.InvalidTextRepresentation, "invalid input syntax for type json").WithDetail("%s", fmt.Sprintf(format, args...))
}

func (p *jsonParser) space() {
	for p.i < len(p.s) {
		switch p.s[p.i] {
		case ' ', '\t', '\n', '\r':
			p.i++
		default:
			return
		}
	}
}

// token is the text of the token at the current place, for messages; valid is
// false when it is none of JSON's.
func (p *jsonParser) token() (text string, valid bool) {
	c := p.s[p.i]
	switch {
	case strings.IndexByte("{}[],:", c) >= 0:
		return p.s[p.i : p.i+1], true
	case c == '"':
		q := *p
		q.dst = nil
		if _, _, err := q.str(nil); err != nil {
			return "", true
		}
		return p.s[p.i:q.i], true
	case c == '-' || isDigit(c):
		j := p.i + 1
		for j < len(p.s) && (jsonWordByte(p.s[j]) || p.s[j] == '.' || p.s[j] == '+' || p.s[j] == '-') {
			j++
		}
		return p.s[p.i:j], validJSONNumber(p.s[p.i:j])
	}
	j := p.i
	for j < len(p.s) && jsonWordByte(p.s[j]) {
		j++
	}
	if j == p.i {
		j++
	}
	w := p.s[p.i:j]
	return w, w == "true" || w == "false" || w == "null"
}

func jsonWordByte(c byte) bool { return isAlnum(c) || c == '_' || c >= 0x80 }

// unexpected is the error for the token here, which is not what format expects.
func (p *jsonParser) unexpected(format string) error {
	if p.i >= len(p.s) {
		return jsonError("The input string ended unexpectedly.")
	}
	if p.s[p.i] == '"' {
		q := *p
		if _, _, err := q.str(nil); err != nil {
			return err
		}
	}
	t, valid := p.token()
	if !valid {
		return jsonError("Token \"%s\" is invalid.", t)
	}
	return jsonError(format, t)
}

func (p *jsonParser) value(depth int) error {
	if depth > maxJSONDepth {
		return sqlerr.New(sqlerr.StatementTooComplex, "stack depth limit exceeded")
	}
	p.space()
	if p.i >= len(p.s) {
		return jsonError("The input string ended unexpectedly.")
	}
	switch c := p.s[p.i]; {
	case c == '{':
		return p.object(depth)
	case c == '[':
		return p.array(depth)
	case c == '"':
		start := len(p.dst)
		buf, plain, err := p.str(nil)
		if err != nil {
			return err
		}
		if plain != "" || buf == nil {
			p.dst = append(append(append(p.dst[:start], '"'), plain...), '"')
		} else {
			p.dst = AppendJsonString(p.dst[:start], stringOf(buf))
		}
		return nil
	case c == '-' || isDigit(c):
		return p.number()
	}
	t, valid := p.token()
	if !valid {
		return jsonError("Token \"%s\" is invalid.", t)
	}
	if t[0] != 't' && t[0] != 'f' && t[0] != 'n' {
		return jsonError("Expected JSON value, but found \"%s\".", t)
	}
	p.dst = append(p.dst, t...)
	p.i += len(t)
	return nil
}

// validJSONNumber checks the grammar of JSON's numbers.
func validJSONNumber(t string) bool {
	if t != "" && t[0] == '-' {
		t = t[1:]
	}
	digits := func() int {
		n := 0
		for n < len(t) && isDigit(t[n]) {
			n++
		}
		t = t[n:]
		return n
	}
	zero := t != "" && t[0] == '0'
	if n := digits(); n == 0 || zero && n > 1 {
		return false
	}
	if t != "" && t[0] == '.' {
		t = t[1:]
		if digits() == 0 {
			return false
		}
	}
	if t != "" && t[0]|0x20 == 'e' {
		t = t[1:]
		if t != "" && (t[0] == '+' || t[0] == '-') {
			t = t[1:]
		}
		if digits() == 0 {
			return false
		}
	}
	return t == ""
}

func (p *jsonParser) number() error {
	t, valid := p.token()
	if !valid {
		return jsonError("Token \"%s\" is invalid.", t)
	}
	p.i += len(t)
	if strings.IndexByte(t, 'e') < 0 && strings.IndexByte(t, 'E') < 0 && t[0] != '-' && len(t) < 1000 {
		p.dst = append(p.dst, t...) // numeric prints it the same
		return nil
	}
	d, err := ParseDecimal(t)
	if err != nil {
		return err
	}
	p.dst = d.Append(p.dst)
	return nil
}

// str reads a string. plain is its content when it needs no escapes at all (buf
// is nil then, or the content is empty); otherwise buf is the decoded content.
func (p *jsonParser) str(scratch []byte) (buf []byte, plain string, err error) {
	s := p.s
	start := p.i + 1
	i := start
	for i < len(s) && s[i] != '"' && s[i] != '\\' && s[i] >= 0x20 {
		i++
	}
	if i < len(s) && s[i] == '"' {
		p.i = i + 1
		return nil, s[start:i], nil
	}
	buf = append(scratch, s[start:i]...)
	for {
		if i >= len(s) {
			// Postgres names the whole rest as a bad token.
			return nil, "", jsonError("Token \"%s\" is invalid.", s[start-1:])
		}
		c := s[i]
		switch {
		case c == '"':
			p.i = i + 1
			return buf, "", nil
		case c < 0x20:
			return nil, "", jsonError("Character with value 0x%02x must be escaped.", c)
		case c != '\\':
			buf = append(buf, c)
			i++
			continue
		}
		if i+1 >= len(s) {
			return nil, "", jsonError("Token \"%s\" is invalid.", s[start-1:])
		}
		i++
		switch s[i] {
		case '"', '\\', '/':
			buf = append(buf, s[i])
		case 'b':
			buf = append(buf, '\b')
		case 'f':
			buf = append(buf, '\f')
		case 'n':
			buf = append(buf, '\n')
		case 'r':
			buf = append(buf, '\r')
		case 't':
			buf = append(buf, '\t')
		case 'u':
			r, n, err := jsonUnicode(s[i+1:])
			if err != nil {
				return nil, "", err
			}
			buf = utf8.AppendRune(buf, r)
			i += n
		default:
			_, w := utf8.DecodeRuneInString(s[i:])
			return nil, "", jsonError("Escape sequence \"\\%s\" is invalid.", s[i:i+w])
		}
		i++
	}
}

// jsonUnicode reads the digits after \u and, for a surrogate, its second half;
// n is the number of bytes read.
func jsonUnicode(s string) (r rune, n int, err error) {
	four := func(s string) (rune, error) {
		v := rune(0)
		for k := range 4 {
			if k >= len(s) || hexVal(s[k]) > 15 {
				return 0, jsonError("\"\\u\" must be followed by four hexadecimal digits.")
			}
			v = v<<4 | rune(hexVal(s[k]))
		}
		return v, nil
	}
	r, err = four(s)
	switch {
	case err != nil:
		return 0, 0, err
	case r == 0:
		return 0, 0, sqlerr.New(sqlerr.UntranslatableCharacter, "unsupported Unicode escape sequence").WithDetail("\\u0000 cannot be converted to text.")
	case r >= 0xdc00 && r < 0xe000:
		return 0, 0, jsonError("Unicode low surrogate must follow a high surrogate.")
	case r < 0xd800 || r >= 0xe000:
		return r, 4, nil
	}
	if len(s) < 6 || s[4] != '\\' || s[5] != 'u' {
		return 0, 0, jsonError("Unicode low surrogate must follow a high surrogate.")
	}
	lo, err := four(s[6:])
	switch {
	case err != nil:
		return 0, 0, err
	case lo >= 0xd800 && lo < 0xdc00:
		return 0, 0, jsonError("Unicode high surrogate must not follow a high surrogate.")
	case lo < 0xdc00 || lo >= 0xe000:
		return 0, 0, jsonError("Unicode low surrogate must follow a high surrogate.")
	}
	return (r-0xd800)<<10 + (lo - 0xdc00) + 0x10000, 10, nil
}

func (p *jsonParser) array(depth int) error {
	p.i++
	p.dst = append(p.dst, '[')
	p.space()
	if p.i < len(p.s) && p.s[p.i] == ']' {
		p.i++
		p.dst = append(p.dst, ']')
		return nil
	}
	for {
		if err := p.value(depth + 1); err != nil {
			return err
		}
		p.space()
		if p.i < len(p.s) && p.s[p.i] == ',' {
			p.i++
			p.dst = append(p.dst, ", "...)
			continue
		}
		if p.i < len(p.s) && p.s[p.i] == ']' {
			p.i++
			p.dst = append(p.dst, ']')
			return nil
		}
		return p.unexpected("Expected \",\" or \"]\", but found \"%s\".")
	}
}

// jsonSpan is a key and value already written to dst, "key": value at [from, to).
type jsonSpan struct {
	key      string
	from, to int
}

func (p *jsonParser) object(depth int) error {
	p.i++
	start := len(p.dst)
	p.dst = append(p.dst, '{')
	p.space()
	if p.i < len(p.s) && p.s[p.i] == '}' {
		p.i++
		p.dst = append(p.dst, '}')
		return nil
	}
	var room [16]jsonSpan
	spans := room[:0]
	sorted := true
	expected := "Expected string or \"}\", but found \"%s\"."
	for {
		p.space()
		if p.i >= len(p.s) || p.s[p.i] != '"' {
			return p.unexpected(expected)
		}
		expected = "Expected string, but found \"%s\"."
		buf, key, err := p.str(nil)
		if err != nil {
			return err
		}
		if buf != nil {
			key = string(buf)
		}
		p.space()
		if p.i >= len(p.s) || p.s[p.i] != ':' {
			return p.unexpected("Expected \":\", but found \"%s\".")
		}
		p.i++
		from := len(p.dst)
		if buf == nil {
			p.dst = append(append(append(p.dst, '"'), key...), '"')
		} else {
			p.dst = AppendJsonString(p.dst, key)
		}
		p.dst = append(p.dst, ": "...)
		if err := p.value(depth + 1); err != nil {
			return err
		}
		if n := len(spans); n > 0 && cmpJsonKey(spans[n-1].key, key) >= 0 {
			sorted = false
		}
		spans = append(spans, jsonSpan{key, from, len(p.dst)})
		p.space()
		if p.i < len(p.s) && p.s[p.i] == ',' {
			p.i++
			p.dst = append(p.dst, ", "...)
			continue
		}
		if p.i < len(p.s) && p.s[p.i] == '}' {
			p.i++
			break
		}
		return p.unexpected("Expected \",\" or \"}\", but found \"%s\".")
	}
	if sorted {
		p.dst = append(p.dst, '}')
		return nil
	}
	p.reorder(start, spans)
	return nil
}

// reorder rewrites an object whose keys came out of order or twice.
func (p *jsonParser) reorder(start int, spans []jsonSpan) {
	slices.SortStableFunc(spans, func(a, b jsonSpan) int { return cmpJsonKey(a.key, b.key) })
	old := string(p.dst[start:])
	p.dst = append(p.dst[:start], '{')
	for i, x := range spans {
		if i+1 < len(spans) && spans[i+1].key == x.key {
			continue
		}
		if len(p.dst) > start+1 {
			p.dst = append(p.dst, ", "...)
		}
		p.dst = append(p.dst, old[x.from-start:x.to-start]...)
	}
	p.dst = append(p.dst, '}')
}
