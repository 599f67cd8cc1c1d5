package funcs

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"streamdb/expr"
	"streamdb/expr/kernel"
	"streamdb/internal/sqlerr"
	"streamdb/types"
	"streamdb/vec"
)

// patternFuncs lists LIKE and ILIKE, under the names of their operators, and the
// functions behind ESCAPE and SIMILAR TO: x LIKE p ESCAPE e is x ~~ like_escape(p, e),
// x SIMILAR TO p is x ~ similar_to_escape(p).
func patternFuncs() []*expr.Def {
	var out []*expr.Def
	for _, o := range []struct {
		name       string
		fold, want bool
		doc        string
	}{
		{"~~", false, true, "LIKE"}, {"!~~", false, false, "NOT LIKE"},
		{"~~*", true, true, "ILIKE"}, {"!~~*", true, false, "NOT ILIKE"},
	} {
		for _, t := range []id{tText, types.Bpchar, tName} {
			out = append(out, op2(o.name, t, tText, tBool, likeEval(o.fold, o.want), o.doc))
		}
		if !o.fold {
			out = append(out, op2(o.name, tByte, tByte, tBool, likeEval(false, o.want), o.doc))
		}
	}
	like := kernel.M2(func(*expr.CallCtx) func(string, string) (bool, error) {
		var c likeCache
		return func(s, p string) (bool, error) { return c.match(s, p, false) }
	})
	return append(out,
		fn("like", ids{tText, tText}, tBool, like, "LIKE"),
		fn("like_escape", ids{tText, tText}, tText, kernel.E2(likeEscape), "LIKE pattern with another escape character"),
		fn("similar_to_escape", ids{tText}, tText, kernel.E1(func(p string) (string, error) { return similarToRegex(p, `\`) }), "SIMILAR TO pattern as a regular expression"),
		fn("similar_to_escape", ids{tText, tText}, tText, kernel.E2(similarToRegex), "SIMILAR TO pattern as a regular expression"))
}

func likeEval(fold, want bool) evalFn {
	return func(c *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
		out := make([]bool, c.N)
		var cache likeCache
		fixed := args[1].Const
		if fixed {
			cache.set(kernel.String(args[1].Bytes(0)), fold)
		}
		for k := range c.Rows() {
			i := c.Row(k)
			if !fixed {
				cache.set(kernel.String(args[1].Bytes(i)), fold)
			}
			m, err := cache.test(kernel.String(args[0].Bytes(i)), fold)
			if err != nil {
				return vec.Vec{}, err
			}
			out[i] = m == want
		}
		return vec.Bools(out), nil
	}
}

// likeCache keeps the last pattern's compiled form: patterns are mostly constant.
type likeCache struct {
	pattern string
	kind    likeKind
	lit     string
	parts   []string // likeParts: what is between the %, from end to end
	folded  string
	ready   bool
}

type likeKind uint8

const (
	likeGeneral  likeKind = iota
	likeExact             // abc
	likePrefix            // abc%
	likeSuffix            // %abc
	likeContains          // %abc%
	likeParts             // abc%def%ghi, also with % at the ends
)

func (c *likeCache) match(s, pattern string, fold bool) (bool, error) {
	c.set(pattern, fold)
	return c.test(s, fold)
}

// set compiles a pattern unless it is the one that is set.
func (c *likeCache) set(pattern string, fold bool) {
	if c.ready && c.pattern == pattern {
		return
	}
	c.ready, c.pattern = true, strings.Clone(pattern)
	c.folded = c.pattern
	if fold {
		c.folded = foldCase(c.pattern)
	}
	c.kind, c.lit = classifyLike(c.folded)
	if c.kind == likeParts {
		c.parts = strings.Split(c.folded, "%")
	}
}

// test matches s with the pattern that is set.
func (c *likeCache) test(s string, fold bool) (bool, error) {
	if fold {
		s = foldCase(s)
	}
	switch c.kind {
	case likeExact:
		return s == c.lit, nil
	case likePrefix:
		return strings.HasPrefix(s, c.lit), nil
	case likeSuffix:
		return strings.HasSuffix(s, c.lit), nil
	case likeContains:
		return strings.Contains(s, c.lit), nil
	case likeParts:
		return matchParts(s, c.parts), nil
	}
	return likeMatch(s, c.folded)
}

// matchParts reports whether s begins with the first part, ends with the last one,
// and has the others between them in order: each is best taken where it comes first.
func matchParts(s string, parts []string) bool {
	last := len(parts) - 1
	if !strings.HasPrefix(s, parts[0]) {
		return false
	}
	s = s[len(parts[0]):]
	for _, part := range parts[1:last] {
		at := strings.Index(s, part)
		if at < 0 {
			return false
		}
		s = s[at+len(part):]
	}
	return strings.HasSuffix(s, parts[last])
}

func foldCase(s string) string {
	for i := range len(s) {
		if c := s[i]; c >= utf8.RuneSelf || 'A' <= c && c <= 'Z' {
			return strings.Map(unicode.ToLower, s)
		}
	}
	return s
}

// classifyLike recognises patterns whose only wildcards are %, and the simple ones
// of these.
func classifyLike(p string) (likeKind, string) {
	head := strings.HasPrefix(p, "%")
	mid := strings.TrimLeft(p, "%")
	tail := strings.HasSuffix(mid, "%") || head && mid == ""
	mid = strings.TrimRight(mid, "%")
	switch {
	case strings.ContainsAny(mid, `_\`):
		return likeGeneral, ""
	case strings.Contains(mid, "%"):
		return likeParts, ""
	}
	switch {
	case head && tail:
		return likeContains, mid
	case head:
		return likeSuffix, mid
	case tail:
		return likePrefix, mid
	}
	return likeExact, mid
}

func errLikeEscape() error {
	return sqlerr.New(sqlerr.InvalidEscapeSequence, "LIKE pattern must not end with escape character")
}

// likeMatch matches with backtracking to the last % only, which suffices.
func likeMatch(s, p string) (bool, error) {
	si, pi := 0, 0
	starP, starS := -1, 0
	for si < len(s) {
		if pi < len(p) {
			switch p[pi] {
			case '%':
				starP, starS = pi, si
				pi++
				continue
			case '_':
				_, size := utf8.DecodeRuneInString(s[si:])
				si += size
				pi++
				continue
			case '\\':
				if pi+1 >= len(p) {
					return false, errLikeEscape()
				}
				if p[pi+1] == s[si] {
					pi += 2
					si++
					continue
				}
			default:
				if p[pi] == s[si] {
					pi++
					si++
					continue
				}
			}
		}
		if starP < 0 {
			return false, nil
		}
		_, size := utf8.DecodeRuneInString(s[starS:])
		starS += size
		si, pi = starS, starP+1
	}
	for pi < len(p) && p[pi] == '%' {
		pi++
	}
	return pi == len(p), nil
}

func errEscapeString() error {
	return sqlerr.New(sqlerr.InvalidEscapeSequence, "invalid escape string").WithHint("Escape string must be empty or one character.")
}

// likeEscape rewrites a pattern so that backslash is its escape character.
func likeEscape(p, esc string) (string, error) {
	if types.Runes(esc) > 1 {
		return "", errEscapeString()
	}
	if esc == `\` {
		return p, nil
	}
	var b strings.Builder
	for i := 0; i < len(p); {
		switch {
		case esc != "" && strings.HasPrefix(p[i:], esc):
			b.WriteByte('\\')
			i += len(esc)
			if i < len(p) {
				_, size := utf8.DecodeRuneInString(p[i:])
				b.WriteString(p[i : i+size])
				i += size
			}
		case p[i] == '\\':
			b.WriteString(`\\`)
			i++
		default:
			b.WriteByte(p[i])
			i++
		}
	}
	return b.String(), nil
}

// similarToRegex turns an SQL regular expression into a Postgres one, anchored. An
// escaped double quote parts the pattern, for SUBSTRING: x SIMILAR p ignores it.
func similarToRegex(p, esc string) (string, error) {
	if types.Runes(esc) > 1 {
		return "", errEscapeString()
	}
	var b strings.Builder
	b.WriteString("^(?:")
	inClass, separators := false, 0
	for i := 0; i < len(p); {
		_, size := utf8.DecodeRuneInString(p[i:])
		c := p[i : i+size]
		i += size
		switch {
		case esc != "" && c == esc && i < len(p) && p[i] == '"' && !inClass:
			if separators++; separators > 2 {
				return "", sqlerr.New("2200C", "SQL regular expression may not contain more than two escape-double-quote separators")
			}
			b.WriteString(")(?:")
			i++
		case esc != "" && c == esc && i < len(p):
			_, n := utf8.DecodeRuneInString(p[i:])
			b.WriteString(`\` + p[i:i+n])
			i += n
		case inClass:
			if c == `\` {
				b.WriteByte('\\')
			}
			b.WriteString(c)
			inClass = c != "]"
		case c == "[":
			inClass = true
			b.WriteString(c)
		case c == "%":
			b.WriteString(".*")
		case c == "_":
			b.WriteString(".")
		case c == "(":
			b.WriteString("(?:")
		case c == `\` || c == "." || c == "^" || c == "$":
			b.WriteString(`\` + c)
		default:
			b.WriteString(c)
		}
	}
	b.WriteString(")$")
	return b.String(), nil
}
