package parse

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"streamdb/internal/sqlerr"
)

// stringConst reads a string constant whose quote stands skip bytes ahead, with
// the pieces that follow it on further lines.
func (x *lexer) stringConst(skip int, escapes bool) error {
	start := x.i
	v, j, err := x.quotedRun(start, start+skip, escapes)
	if err != nil {
		return err
	}
	for {
		k := x.continuation(j)
		if k < 0 {
			break
		}
		more, e, err := x.quotedRun(start, k, escapes)
		if err != nil {
			return err
		}
		v, j = v+more, e
	}
	if escapes && !utf8.ValidString(v) || strings.IndexByte(v, 0) >= 0 {
		return sqlerr.New(sqlerr.CharacterNotInRepertoire, `invalid byte sequence for encoding "UTF8"`).At(charPos(x.src, start))
	}
	x.add(str, v, start, j)
	return nil
}

// continuation gives the place of the quote that continues a constant ending at
// j (there must be a line break between them), or -1.
func (x *lexer) continuation(j int) int {
	newline := false
	for j < len(x.src) && isSpace(x.src[j]) {
		newline = newline || x.src[j] == '\n' || x.src[j] == '\r'
		j++
	}
	if newline && j < len(x.src) && x.src[j] == '\'' {
		return j
	}
	return -1
}

// quotedRun decodes what stands between the quote at j and its partner, and gives
// the offset behind it. The value shares the input's memory if nothing in it had
// to be decoded, and is copied once otherwise. start is where the token began, for
// errors.
func (x *lexer) quotedRun(start, j int, escapes bool) (string, int, error) {
	q, stops := x.src[j], string(x.src[j])
	if escapes {
		stops += `\`
	}
	closing, plain := closingQuote(x.src, j, stops)
	if closing < 0 {
		what := "unterminated quoted string"
		if q == '"' {
			what = "unterminated quoted identifier"
		}
		return "", 0, x.fail(sqlerr.SyntaxError, what, start, len(x.src))
	}
	if plain {
		return x.src[j+1 : closing], closing + 1, nil
	}
	var b strings.Builder
	b.Grow(closing - j)
	for k := j + 1; k < closing; {
		n := indexAny(x.src[k:closing], stops)
		if n < 0 {
			n = closing - k
		}
		b.WriteString(x.src[k : k+n])
		if k += n; k >= closing {
			break
		}
		if x.src[k] == q { // a doubled quote
			b.WriteByte(q)
			k += 2
			continue
		}
		var err error
		if k, err = x.escape(&b, k); err != nil {
			return "", 0, err
		}
	}
	return b.String(), closing + 1, nil
}

// closingQuote gives the place of the quote that closes the one at j, or -1;
// plain says that nothing between them has to be decoded.
func closingQuote(s string, j int, stops string) (closing int, plain bool) {
	plain = true
	for k := j + 1; k < len(s); k += 2 {
		n := indexAny(s[k:], stops)
		if n < 0 {
			break
		}
		k += n
		if s[k] == s[j] && (k+1 >= len(s) || s[k+1] != s[j]) {
			return k, plain
		}
		plain = false
	}
	return -1, plain
}

// indexAny is strings.IndexAny for one or two ASCII bytes, fast for one.
func indexAny(s, stops string) int {
	if len(stops) == 1 {
		return strings.IndexByte(s, stops[0])
	}
	return strings.IndexAny(s, stops)
}

var simpleEscapes = map[byte]byte{'n': '\n', 't': '\t', 'r': '\r', 'b': '\b', 'f': '\f'}

// escape decodes the backslash escape at k into b and gives the offset behind it.
func (x *lexer) escape(b *strings.Builder, k int) (int, error) {
	c := x.src[k+1]
	if r, ok := simpleEscapes[c]; ok {
		b.WriteByte(r)
		return k + 2, nil
	}
	switch {
	case c == 'x' && isHex(x.peekAt(k+2)):
		v, j := x.radix(k+2, 2, 16)
		b.WriteByte(byte(v))
		return j, nil
	case c >= '0' && c <= '7':
		v, j := x.radix(k+1, 3, 8)
		b.WriteByte(byte(v))
		return j, nil
	case c == 'u' || c == 'U':
		n := 4
		if c == 'U' {
			n = 8
		}
		v, j := x.radix(k+2, n, 16)
		if j != k+2+n {
			return 0, sqlerr.New(sqlerr.InvalidEscapeSequence, "invalid Unicode escape").
				WithHint(`Unicode escapes must be \uXXXX or \UXXXXXXXX.`).At(charPos(x.src, k))
		}
		return x.rune(b, v, k, j)
	}
	_, n := utf8.DecodeRuneInString(x.src[k+1:])
	b.WriteString(x.src[k+1 : k+1+n])
	return k + 1 + n, nil
}

func (x *lexer) peekAt(i int) byte {
	if i < len(x.src) {
		return x.src[i]
	}
	return 0
}

// rune writes the code point v of the escape at k; a high surrogate takes the
// low one from the escape that follows at j.
func (x *lexer) rune(b *strings.Builder, v uint32, k, j int) (int, error) {
	r := rune(v)
	if utf16.IsSurrogate(r) && strings.HasPrefix(x.src[j:], `\u`) {
		low, e := x.radix(j+2, 4, 16)
		r, j = utf16.DecodeRune(r, rune(low)), e
		if r == utf8.RuneError {
			r = -1
		}
	}
	if r <= 0 || !utf8.ValidRune(r) {
		return 0, sqlerr.New(sqlerr.SyntaxError, "invalid Unicode escape value").At(charPos(x.src, k))
	}
	b.WriteRune(r)
	return j, nil
}

// radix reads up to n digits at j.
func (x *lexer) radix(j, n, base int) (uint32, int) {
	e := j
	for e < len(x.src) && e-j < n && isHex(x.src[e]) && (base == 16 || x.src[e] >= '0' && x.src[e] <= '7') {
		e++
	}
	v, err := strconv.ParseUint(x.src[j:e], base, 32)
	if err != nil {
		return 0, e
	}
	return uint32(v), e
}

// bitConst reads B'..' or X'..'.
func (x *lexer) bitConst() error {
	v, j, err := x.quotedRun(x.i, x.i+1, false)
	if err != nil {
		return err
	}
	for k := 0; k < len(v); k++ {
		if c := x.src[x.i] | 0x20; c == 'b' && v[k] != '0' && v[k] != '1' {
			return sqlerr.New(sqlerr.InvalidTextRepresentation, `"%c" is not a valid binary digit`, v[k]).At(charPos(x.src, x.i))
		} else if c == 'x' && !isHex(v[k]) {
			return sqlerr.New(sqlerr.InvalidTextRepresentation, `"%c" is not a valid hexadecimal digit`, v[k]).At(charPos(x.src, x.i))
		}
	}
	x.add(bits, string(x.src[x.i]|0x20)+v, x.i, j)
	return nil
}

func (x *lexer) quotedIdent() error {
	start := x.i
	v, j, err := x.quotedRun(start, start, false)
	if err != nil {
		return err
	}
	if v == "" {
		return x.fail(sqlerr.SyntaxError, "zero-length delimited identifier", start, j)
	}
	x.add(quoted, v, start, j)
	return nil
}

// unicodeConst reads U&'..' or U&"..", with UESCAPE.
func (x *lexer) unicodeConst() error {
	start, q := x.i, x.src[x.i+2]
	v, j, err := x.quotedRun(start, start+2, false)
	if err != nil {
		return err
	}
	x.i = j
	if err := x.space(); err != nil {
		return err
	}
	esc := byte('\\')
	if len(x.src) >= x.i+7 && strings.EqualFold(x.src[x.i:x.i+7], "uescape") {
		x.i += 7
		if err := x.space(); err != nil {
			return err
		}
		c := x.peek(1)
		if x.peek(0) != '\'' || x.peek(2) != '\'' || isHex(c) || isSpace(c) || strings.IndexByte(`+'"`, c) >= 0 || c >= 0x80 {
			return x.fail(sqlerr.SyntaxError, "invalid Unicode escape character", x.i, min(x.i+3, len(x.src)))
		}
		esc, j = c, x.i+3
	}
	v, err = x.unicodeEscapes(v, esc, start)
	if err != nil {
		return err
	}
	k := str
	if q == '"' {
		k = quoted
		if v == "" {
			return x.fail(sqlerr.SyntaxError, "zero-length delimited identifier", start, j)
		}
	}
	x.add(k, v, start, j)
	return nil
}

// unicodeEscapes decodes \XXXX and \+XXXXXX in v, with esc for the backslash.
func (x *lexer) unicodeEscapes(v string, esc byte, start int) (string, error) {
	var b []byte
	y := lexer{src: v}
	for k := 0; k < len(v); {
		switch {
		case v[k] != esc:
			b = append(b, v[k])
			k++
		case k+1 < len(v) && v[k+1] == esc:
			b = append(b, esc)
			k += 2
		default:
			r, j, ok := y.unicodeEscape(k)
			if lo, e, more := y.lowSurrogate(r, j, esc); more {
				r, j = utf16.DecodeRune(r, lo), e
			}
			if !ok || r <= 0 || r == utf8.RuneError || !utf8.ValidRune(r) {
				return "", sqlerr.New(sqlerr.SyntaxError, "invalid Unicode escape").
					WithHint(`Unicode escapes must be \XXXX or \+XXXXXX.`).At(charPos(x.src, start))
			}
			b = utf8.AppendRune(b, r)
			k = j
		}
	}
	return string(b), nil
}

func (x *lexer) lowSurrogate(hi rune, j int, esc byte) (rune, int, bool) {
	if !utf16.IsSurrogate(hi) || j >= len(x.src) || x.src[j] != esc {
		return 0, 0, false
	}
	return x.unicodeEscape(j)
}

// unicodeEscape decodes the escape at k.
func (x *lexer) unicodeEscape(k int) (rune, int, bool) {
	j, n := k+1, 4
	if j < len(x.src) && x.src[j] == '+' {
		j, n = j+1, 6
	}
	v, e := x.radix(j, n, 16)
	return rune(v), e, e == j+n
}
