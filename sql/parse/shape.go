package parse

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Shape is a query or DML statement with the literals taken out whose values do
// not decide what it means. Two statements of one shape have the same tree but for
// the values of these literals.
type Shape struct {
	// Key tells shapes apart: tokens, and kinds of literals. White space, comments
	// and the case of keywords do not matter. It is valid until the next call.
	Key      []byte
	Literals []Literal // those taken out, in order
	Params   int       // highest $n

	src         string
	start, stop int
}

// LiteralKind is the type that a literal has by itself.
type LiteralKind uint8

// The kinds of literals.
const (
	LiteralInt4    LiteralKind = iota
	LiteralInt8                // beyond int4
	LiteralNumeric             // with a point, or beyond int8
	LiteralString              // of no type
)

// Literal is a literal of a statement.
type Literal struct {
	Kind LiteralKind
	Text string // a string decoded, a number as Go writes it

	pos, end int32
}

const (
	maxShapeTokens   = 512
	maxShapeLiterals = 64
)

// Shape gives the shape of a single statement. ok false: the text has none (other
// kinds of statements, several, errors), or is so long that it will not come again.
func (p *Parser) Shape(sql string) (s Shape, ok bool) {
	if len(sql) > 16*maxShapeTokens {
		return s, false
	}
	toks, err := p.lex(sql)
	if err != nil {
		return s, false
	}
	n := len(toks) - 1 // without the end
	for n > 0 && toks[n-1].isPunct(";") {
		n--
	}
	if n == 0 || n > maxShapeTokens || !shaped(toks[0]) {
		return s, false
	}
	s = Shape{Key: p.shape[:0], src: sql, start: int(toks[0].pos), stop: int(toks[n-1].end)}
	x := shaper{toks: toks[:n+1]}
	for i := range n {
		t := &toks[i]
		switch {
		case t.kind == punct && t.val == ";" || t.kind == word && t.val == "on" && i > 0 && toks[i-1].isWord("distinct"):
			return s, false
		case t.kind == param:
			number, _ := strconv.Atoi(t.val)
			s.Params = max(s.Params, number)
		}
		if lit, is := x.literal(i); is {
			s.Literals = append(s.Literals, lit)
			s.Key = append(s.Key, 0x80|byte(lit.Kind))
			continue
		}
		if t.kind == str && relative(t.val) {
			return s, false
		}
		s.Key = append(s.Key, byte(t.kind))
		s.Key = append(s.Key, t.val...)
		s.Key = append(s.Key, 0) // no token holds one
	}
	p.shape = s.Key
	return s, len(s.Literals) <= maxShapeLiterals
}

// shaped tells queries and DML by their first token.
func shaped(t token) bool {
	if t.kind != word {
		return false
	}
	switch t.val {
	case "select", "insert", "update", "delete", "with", "values":
		return true
	}
	return false
}

// relative says that a string may be read as a time that passes: 'now', 'today'.
func relative(s string) bool {
	for _, w := range []string{"now", "today", "tomorrow", "yesterday"} {
		for i := 0; i+len(w) <= len(s); i++ {
			if strings.EqualFold(s[i:i+len(w)], w) {
				return true
			}
		}
	}
	return false
}

// shaper goes through the tokens of a statement.
type shaper struct {
	toks  []token
	open  []bool // per open parenthesis: it holds modifiers of a type
	lists []int  // depths at which the list of an ORDER BY or GROUP BY is read
}

// literal says whether token i is a literal that can be taken out: not one that
// stands for a column (ORDER BY 1), belongs to a type (numeric(10, 2), DATE '..') or
// counts rows.
func (x *shaper) literal(i int) (lit Literal, ok bool) {
	t := &x.toks[i]
	switch t.kind {
	case punct:
		x.punct(i)
		return lit, false
	case word:
		x.word(i)
		return lit, false
	case number, str:
	default:
		return lit, false
	}
	if i == 0 || len(x.open) > 0 && x.open[len(x.open)-1] {
		return lit, false
	}
	prev, next := &x.toks[i-1], &x.toks[i+1]
	if prev.kind == word && ownsLiteral(prev.val) || next.isWord("preceding") || next.isWord("following") {
		return lit, false
	}
	if len(x.lists) > 0 && (prev.isWord("by") || prev.isPunct(",") || prev.isPunct("(")) {
		return lit, false
	}
	lit = Literal{Kind: LiteralString, Text: t.val, pos: t.pos, end: t.end}
	if t.kind == str {
		return lit, true
	}
	if prev.isOp("-") && (t.val == "2147483648" || t.val == "9223372036854775808") {
		return lit, false // with its sign it is of a smaller type
	}
	lit.Kind, ok = numberKind(t.val)
	return lit, ok
}

// numberKind is the kind of a number; not of one with an exponent, or a long one.
func numberKind(s string) (LiteralKind, bool) {
	if len(s) > 40 {
		return 0, false
	}
	for i := range len(s) {
		if !isDigit(s[i]) {
			return LiteralNumeric, !strings.ContainsAny(s, "eE")
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	switch {
	case err != nil:
		return LiteralNumeric, true
	case int64(int32(n)) == n:
		return LiteralInt4, true
	}
	return LiteralInt8, true
}

func (x *shaper) punct(i int) {
	switch t := &x.toks[i]; t.val {
	case "(":
		x.open = append(x.open, i > 0 && x.toks[i-1].kind == word && takesModifiers(x.toks[i-1].val))
	case ")":
		if n := len(x.open); n > 0 {
			x.open = x.open[:n-1]
			for n := len(x.lists); n > 0 && x.lists[n-1] > len(x.open); n-- {
				x.lists = x.lists[:n-1]
			}
		}
	}
}

func (x *shaper) word(i int) {
	switch x.toks[i].val {
	case "by":
		x.lists = append(x.lists, len(x.open))
	case "having", "limit", "offset", "fetch", "union", "intersect", "except", "returning":
		if n := len(x.lists); n > 0 && x.lists[n-1] == len(x.open) {
			x.lists = slices.DeleteFunc(x.lists, func(depth int) bool { return depth == len(x.open) })
		}
	}
}

// ownsLiteral says that a literal behind the word belongs to it.
func ownsLiteral(w string) bool {
	switch w {
	case "interval", "date", "time", "timestamp", "timestamptz", "timetz", "zone", "precision",
		"limit", "offset", "first", "next", "only", "uescape", "type", "collate", "as":
		return true
	}
	return false
}

// takesModifiers says that the word may be a type with modifiers in parentheses.
func takesModifiers(w string) bool {
	switch w {
	case "numeric", "decimal", "dec", "varchar", "char", "character", "varying", "bpchar", "bit", "time", "timestamp",
		"timestamptz", "timetz", "interval", "float", "second", "vector":
		return true
	}
	return false
}

// Statement is the statement without its tree.
func (s *Shape) Statement() Statement {
	return Statement{Text: s.src[s.start:s.stop], Start: s.start, Params: s.Params, chars: utf8.RuneCountInString(s.src[:s.start])}
}

// Lifted is the text with parameters in place of the literals, numbered behind
// the statement's own.
func (s *Shape) Lifted() string {
	var b strings.Builder
	at := s.start
	for i, l := range s.Literals {
		b.WriteString(s.src[at:l.pos])
		b.WriteString(" $")
		b.WriteString(strconv.Itoa(s.Params + i + 1))
		b.WriteByte(' ')
		at = int(l.end)
	}
	b.WriteString(s.src[at:s.stop])
	return b.String()
}
