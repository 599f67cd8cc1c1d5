package parse

import (
	"math/big"
	"strconv"
	"strings"

	"streamdb/internal/sqlerr"
)

// dollar reads $n or a dollar-quoted string.
func (x *lexer) dollar() error {
	if isDigit(x.peek(1)) {
		return x.param()
	}
	j := x.i + 1
	if j < len(x.src) && isIdentStart(x.src[j]) {
		for j < len(x.src) && isIdentPart(x.src[j]) && x.src[j] != '$' {
			j++
		}
	}
	if j >= len(x.src) || x.src[j] != '$' {
		return x.fail(sqlerr.SyntaxError, "syntax error", x.i, x.i+1)
	}
	tag := x.src[x.i : j+1]
	n := strings.Index(x.src[j+1:], tag)
	if n < 0 {
		return x.fail(sqlerr.SyntaxError, "unterminated dollar-quoted string", x.i, len(x.src))
	}
	x.add(str, x.src[j+1:j+1+n], x.i, j+1+n+len(tag))
	return nil
}

// maxParam is the highest $n: the wire protocol counts parameters in 16 bits.
const maxParam = 65535

func (x *lexer) param() error {
	j := x.i + 1
	for j < len(x.src) && isDigit(x.src[j]) {
		j++
	}
	if err := x.noJunk(j, "parameter"); err != nil {
		return err
	}
	v := x.src[x.i+1 : j]
	if n, err := strconv.Atoi(v); err != nil || n > maxParam {
		return x.fail(sqlerr.SyntaxError, "parameter number too large", x.i, j)
	} else if n == 0 {
		return sqlerr.New(sqlerr.UndefinedParameter, "there is no parameter $0").At(charPos(x.src, x.i))
	}
	x.add(param, v, x.i, j)
	return nil
}

// number reads a number; 0x, 0o and 0b integers come out in decimal.
func (x *lexer) number() error {
	if x.peek(0) == '0' && strings.IndexByte("xXoObB", x.peek(1)) >= 0 && x.peek(1) != 0 {
		return x.basedInteger()
	}
	j := x.digits(x.i)
	if j < len(x.src) && x.src[j] == '.' && !strings.HasPrefix(x.src[j:], "..") {
		j = x.digits(j + 1)
	}
	if j < len(x.src) && x.src[j]|0x20 == 'e' {
		k := j + 1
		if k < len(x.src) && (x.src[k] == '+' || x.src[k] == '-') {
			k++
		}
		if e := x.digits(k); e > k {
			j = e
		}
	}
	if err := x.noJunk(j, "numeric literal"); err != nil {
		return err
	}
	x.add(number, strings.ReplaceAll(x.src[x.i:j], "_", ""), x.i, j)
	return nil
}

// noJunk refuses letters right behind a number.
func (x *lexer) noJunk(j int, what string) error {
	if j >= len(x.src) || !isIdentStart(x.src[j]) {
		return nil
	}
	e := j
	for e < len(x.src) && isIdentPart(x.src[e]) {
		e++
	}
	return x.fail(sqlerr.SyntaxError, "trailing junk after "+what, x.i, e)
}

// digits gives the end of the digits at j; single underscores may stand between.
func (x *lexer) digits(j int) int {
	start := j
	for j < len(x.src) && (isDigit(x.src[j]) || x.src[j] == '_' && j > start && j+1 < len(x.src) && isDigit(x.src[j+1])) {
		j++
	}
	return j
}

func (x *lexer) basedInteger() error {
	base := map[byte]int{'x': 16, 'o': 8, 'b': 2}[x.peek(1)|0x20]
	j := x.i + 2
	for j < len(x.src) && (isHex(x.src[j]) || x.src[j] == '_') {
		j++
	}
	digits := strings.ReplaceAll(x.src[x.i+2:j], "_", "")
	if len(digits) > 1000 {
		return x.fail(sqlerr.SyntaxError, "integer too long", x.i, j)
	}
	n, ok := new(big.Int).SetString(digits, base)
	if !ok {
		kinds := map[int]string{16: "hexadecimal", 8: "octal", 2: "binary"}
		return x.fail(sqlerr.SyntaxError, "invalid "+kinds[base]+" integer", x.i, j)
	}
	if err := x.noJunk(j, "numeric literal"); err != nil {
		return err
	}
	x.add(number, n.String(), x.i, j)
	return nil
}
