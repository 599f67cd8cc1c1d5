package parse

import (
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"streamdb/internal/sqlerr"
)

// lexer cuts the input into tokens as Postgres's scan.l does.
type lexer struct {
	src  string
	i    int
	toks []token
}

// lex gives the tokens of src, the last of them end. It appends to buf[:0].
func lex(src string, buf []token) ([]token, error) {
	if len(src) >= math.MaxInt32 {
		return nil, sqlerr.New(sqlerr.ProgramLimitExceeded, "statement text is too long: %d bytes, the limit is %d", len(src), math.MaxInt32-1)
	}
	if err := checkUTF8(src); err != nil {
		return nil, err
	}
	x := lexer{src: src, toks: buf[:0]}
	for {
		if err := x.space(); err != nil {
			return nil, err
		}
		if x.i >= len(src) {
			x.add(end, "", x.i, x.i)
			return x.toks, nil
		}
		if err := x.token(); err != nil {
			return nil, err
		}
	}
}

// checkUTF8 refuses what no text value could hold.
func checkUTF8(s string) error {
	if utf8.ValidString(s) {
		if i := strings.IndexByte(s, 0); i >= 0 {
			return sqlerr.New(sqlerr.CharacterNotInRepertoire, `invalid byte sequence for encoding "UTF8": 0x00`).At(charPos(s, i))
		}
		return nil
	}
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			return sqlerr.New(sqlerr.CharacterNotInRepertoire, `invalid byte sequence for encoding "UTF8": 0x%02x`, s[i]).At(charPos(s, i))
		}
		i += n
	}
	return nil
}

// charPos turns a byte offset into Postgres's 1-based character position.
func charPos(s string, off int) int {
	return utf8.RuneCountInString(s[:min(off, len(s))]) + 1
}

func (x *lexer) add(k kind, val string, pos, stop int) {
	if n := len(x.toks); n == cap(x.toks) {
		x.toks = slices.Grow(x.toks, max(n, 32)) // doubles: append grows large slices by less
	}
	x.toks = append(x.toks, token{k, int32(pos), int32(stop), val})
	x.i = stop
}

// fail makes an error that names the text from pos to stop.
func (x *lexer) fail(code, msg string, pos, stop int) error {
	near := x.src[pos:stop]
	if len(near) > maxNear {
		n := maxNear
		for !utf8.RuneStart(near[n]) {
			n--
		}
		near = near[:n]
	}
	return sqlerr.New(code, `%s at or near "%s"`, msg, near).At(charPos(x.src, pos))
}

// maxNear bounds the text that an error quotes, in bytes.
const maxNear = 200

// space skips white space and comments.
func (x *lexer) space() error {
	for x.i < len(x.src) {
		switch c := x.src[x.i]; {
		case isSpace(c):
			x.i++
		case c == '-' && x.has("--"):
			n := strings.IndexByte(x.src[x.i:], '\n')
			if n < 0 {
				n = len(x.src) - x.i
			}
			x.i += n
		case c == '/' && x.has("/*"):
			if err := x.comment(); err != nil {
				return err
			}
		default:
			return nil
		}
	}
	return nil
}

// comment skips a comment; comments nest.
func (x *lexer) comment() error {
	start, depth := x.i, 0
	for x.i+1 < len(x.src) {
		switch {
		case x.has("/*"):
			depth++
			x.i += 2
		case x.has("*/"):
			depth--
			x.i += 2
			if depth == 0 {
				return nil
			}
		default:
			x.i++
		}
	}
	return x.fail(sqlerr.SyntaxError, "unterminated /* comment", start, len(x.src))
}

func (x *lexer) has(prefix string) bool { return strings.HasPrefix(x.src[x.i:], prefix) }

// peek is the byte n places ahead, 0 behind the end.
func (x *lexer) peek(n int) byte {
	if x.i+n < len(x.src) {
		return x.src[x.i+n]
	}
	return 0
}

func (x *lexer) token() error {
	c := x.src[x.i]
	next := x.peek(1)
	switch {
	case c == '\'':
		return x.stringConst(0, false)
	case next == '\'' && (c == 'e' || c == 'E'):
		return x.stringConst(1, true)
	case next == '\'' && (c == 'n' || c == 'N'):
		return x.stringConst(1, false)
	case next == '\'' && strings.IndexByte("bBxX", c) >= 0:
		return x.bitConst()
	case next == '&' && (c == 'u' || c == 'U') && (x.peek(2) == '\'' || x.peek(2) == '"'):
		return x.unicodeConst()
	case c == '"':
		return x.quotedIdent()
	case isIdentStart(c):
		x.word()
		return nil
	case c == '$':
		return x.dollar()
	case isDigit(c) || c == '.' && isDigit(next):
		return x.number()
	case strings.IndexByte("()[]{},;.:", c) >= 0:
		n := 1
		if x.has("::") || x.has(":=") || x.has("..") {
			n = 2
		}
		x.add(punct, x.src[x.i:x.i+n], x.i, x.i+n)
		return nil
	case isOperator(c):
		x.operator()
		return nil
	}
	_, n := utf8.DecodeRuneInString(x.src[x.i:])
	return x.fail(sqlerr.SyntaxError, "syntax error", x.i, x.i+n)
}

func (x *lexer) word() {
	j := x.i
	for j < len(x.src) && isIdentPart(x.src[j]) {
		j++
	}
	x.add(word, fold(x.src[x.i:j]), x.i, j)
}

// fold turns ASCII letters to lower case.
func fold(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] >= 'A' && s[i] <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if b[i] >= 'A' && b[i] <= 'Z' {
					b[i] |= 0x20
				}
			}
			return string(b)
		}
	}
	return s
}

// operator reads the longest operator. It ends before a comment, and a longer
// one does not end in + or - unless it holds a character that no standard
// operator has.
func (x *lexer) operator() {
	j := x.i
	for j < len(x.src) && isOperator(x.src[j]) {
		if rest := x.src[j:]; j > x.i && (strings.HasPrefix(rest, "--") || strings.HasPrefix(rest, "/*")) {
			break
		}
		j++
	}
	for j-x.i > 1 && (x.src[j-1] == '+' || x.src[j-1] == '-') && !strings.ContainsAny(x.src[x.i:j], "~!@#%^&|`?") {
		j--
	}
	switch v := x.src[x.i:j]; v {
	case "=>":
		x.add(punct, v, x.i, j)
	case "!=":
		x.add(operator, "<>", x.i, j)
	default:
		x.add(operator, v, x.i, j)
	}
}

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isHex(c byte) bool { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }

func isIdentStart(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' || c >= 0x80 }

func isIdentPart(c byte) bool { return isIdentStart(c) || isDigit(c) || c == '$' }

func isOperator(c byte) bool { return strings.IndexByte("+-*/<>=~!@#%^&|`?", c) >= 0 }
