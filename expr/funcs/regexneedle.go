package funcs

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"
)

// regex is a compiled pattern that looks first for a literal that every match
// contains: most texts that do not match are without it, and in the others what
// lies well before it need not be tried as the beginning of a match.
type regex struct {
	*regexp.Regexp
	needle string      // "": none is known
	before int         // a match begins at most so many bytes before its needle; -1: that is not known
	plain  *plainRegex // nil: it is not as simple
}

func newRegex(re *regexp.Regexp) *regex {
	r := &regex{Regexp: re, before: -1}
	tree, err := syntax.Parse(re.String(), syntax.Perl)
	if err != nil || tree.Op != syntax.OpConcat {
		return r
	}
	before := 0
	for _, part := range tree.Sub {
		if part.Op == syntax.OpLiteral && part.Flags&syntax.FoldCase == 0 && len(string(part.Rune)) > len(r.needle) {
			r.needle, r.before = string(part.Rune), before
		}
		if n := longest(part); n < 0 || before < 0 {
			before = -1
		} else {
			before += n
		}
	}
	if r.needle != "" {
		r.plain = newPlain(tree, r.needle)
	}
	return r
}

// longest is an upper bound of the bytes that a part of a pattern matches; -1 if
// there is none.
func longest(p *syntax.Regexp) int {
	switch p.Op {
	case syntax.OpEmptyMatch, syntax.OpNoMatch, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return 0
	case syntax.OpLiteral:
		return utf8.UTFMax * len(p.Rune)
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return utf8.UTFMax
	case syntax.OpCapture, syntax.OpQuest:
		return longest(p.Sub[0])
	case syntax.OpRepeat:
		if n := longest(p.Sub[0]); n >= 0 && p.Max >= 0 {
			return n * p.Max
		}
	case syntax.OpConcat, syntax.OpAlternate:
		total := 0
		for _, sub := range p.Sub {
			n := longest(sub)
			if n < 0 {
				return -1
			}
			if p.Op == syntax.OpAlternate {
				total = max(total, n)
			} else {
				total += n
			}
		}
		return total
	}
	return -1
}

// from is where the search for the first match has to begin; -1: there is none.
// One character before the earliest beginning stays in front, which conditions like
// \b look at; as no match begins with it, it is never taken for the text's first.
func (r *regex) from(s string) int {
	if r.needle == "" {
		return 0
	}
	at := strings.Index(s, r.needle)
	if at < 0 || r.before < 0 {
		return min(at, 0)
	}
	at = max(0, at-r.before-utf8.UTFMax)
	for at > 0 && !utf8.RuneStart(s[at]) {
		at--
	}
	return at
}

// MatchString is that of regexp.Regexp.
func (r *regex) MatchString(s string) bool {
	if r.plain != nil {
		return r.FindStringSubmatchIndex(s) != nil
	}
	at := r.from(s)
	return at >= 0 && r.Regexp.MatchString(s[at:])
}

// FindStringSubmatchIndex is that of regexp.Regexp.
func (r *regex) FindStringSubmatchIndex(s string) []int { return r.find(s, nil) }

// find is FindStringSubmatchIndex that may write its result to m.
func (r *regex) find(s string, m []int) []int {
	if r.plain != nil {
		m = slices.Grow(m[:0], 2*r.plain.groups+2)[:2*r.plain.groups+2]
		if !r.plain.match(s, m) {
			return nil
		}
		return m
	}
	at := r.from(s)
	if at < 0 {
		return nil
	}
	m = r.Regexp.FindStringSubmatchIndex(s[at:])
	for i := range m {
		if m[i] >= 0 {
			m[i] += at
		}
	}
	return m
}
