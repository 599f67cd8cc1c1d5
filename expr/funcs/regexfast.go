package funcs

import (
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

// plainRegex is a pattern that needs no search among alternatives: a literal, the
// needle, with at most a character or the text's beginning in front of it, and
// behind it literals and runs of characters each of which ends where the next
// thing begins. Such patterns take a field out of a URL, a path or a log line. For
// each needle there is one way to match, or none.
type plainRegex struct {
	needle string
	groups int

	// In front of the needle, any one of these; the character comes first, as the
	// leftmost match wins.
	char   *charSet // a character
	start  bool     // the beginning of the text
	none   bool     // nothing
	before int      // number of the group around it; 0: none

	after []plainStep
}

// plainStep is a part behind the needle.
type plainStep struct {
	kind  stepKind
	text  string  // of stepText
	set   charSet // of stepChar and stepRun
	least int     // characters of stepRun
	group int     // of stepOpen and stepClose
}

type stepKind uint8

const (
	stepText stepKind = iota
	stepChar
	stepRun // as many as there are
	stepOpen
	stepClose
	stepEnd // of the text
)

// charSet is a set of characters: some of ASCII, and all others or none of them.
type charSet struct {
	ascii [utf8.RuneSelf]bool
	high  bool
	but   int16 // the only character that is not in the set, of ASCII; -1: it is not as simple
}

func (c *charSet) has(b byte) bool {
	if b < utf8.RuneSelf {
		return c.ascii[b]
	}
	return c.high
}

// meets reports whether a text that begins with b may begin with one of the set.
func (c *charSet) meets(o *charSet) bool {
	for b := range c.ascii {
		if c.ascii[b] && o.ascii[b] {
			return true
		}
	}
	return c.high && o.high
}

// newPlain is the pattern in this form, nil if it does not have it.
func newPlain(tree *syntax.Regexp, needle string) *plainRegex {
	parts := []*syntax.Regexp{tree}
	if tree.Op == syntax.OpConcat {
		parts = tree.Sub
	}
	p := &plainRegex{needle: needle, groups: tree.MaxCap()}
	at := -1
	for i, part := range parts {
		if part.Op == syntax.OpLiteral && string(part.Rune) == needle {
			at = i
			break
		}
	}
	if at < 0 || at > 1 || at == 1 && !p.front(parts[0]) {
		return nil
	}
	p.none = p.none || at == 0
	if p.char != nil && strings.Trim(needle, needle[:1]) == "" {
		return nil // needles that overlap by all but a character: which one is first is not simple
	}
	for _, part := range parts[at+1:] {
		if !p.add(part) {
			return nil
		}
	}
	if !p.certain() {
		return nil
	}
	return p
}

// front takes what is in front of the needle.
func (p *plainRegex) front(part *syntax.Regexp) bool {
	if part.Op == syntax.OpCapture {
		p.before, part = part.Cap, part.Sub[0]
	}
	ways := []*syntax.Regexp{part}
	switch {
	case part.Op == syntax.OpAlternate:
		ways = part.Sub
	case part.Op == syntax.OpQuest && part.Flags&syntax.NonGreedy == 0:
		ways = []*syntax.Regexp{part.Sub[0], {Op: syntax.OpEmptyMatch}}
	}
	for _, w := range ways {
		switch w.Op {
		case syntax.OpBeginText:
			p.start = true
		case syntax.OpEmptyMatch:
			p.none = true
		default:
			set, ok := setOf(w)
			if !ok || set.high || p.char != nil {
				return false
			}
			p.char = &set
		}
	}
	return true
}

// add takes a part that is behind the needle.
func (p *plainRegex) add(part *syntax.Regexp) bool {
	switch part.Op {
	case syntax.OpEmptyMatch:
	case syntax.OpCapture:
		p.after = append(p.after, plainStep{kind: stepOpen, group: part.Cap})
		if !p.add(part.Sub[0]) {
			return false
		}
		p.after = append(p.after, plainStep{kind: stepClose, group: part.Cap})
	case syntax.OpConcat:
		for _, sub := range part.Sub {
			if !p.add(sub) {
				return false
			}
		}
	case syntax.OpEndText:
		if part.Flags&syntax.WasDollar != 0 && part.Flags&syntax.OneLine == 0 {
			return false
		}
		p.after = append(p.after, plainStep{kind: stepEnd})
	case syntax.OpStar, syntax.OpPlus:
		set, ok := setOf(part.Sub[0])
		if !ok || part.Flags&syntax.NonGreedy != 0 {
			return false
		}
		s := plainStep{kind: stepRun, set: set}
		if part.Op == syntax.OpPlus {
			s.least = 1
		}
		p.after = append(p.after, s)
	case syntax.OpLiteral:
		if part.Flags&syntax.FoldCase != 0 {
			return false
		}
		p.after = append(p.after, plainStep{kind: stepText, text: string(part.Rune)})
	default:
		set, ok := setOf(part)
		if !ok {
			return false
		}
		p.after = append(p.after, plainStep{kind: stepChar, set: set})
	}
	return true
}

// setOf is a part that matches one character.
func setOf(part *syntax.Regexp) (c charSet, ok bool) {
	ranges := part.Rune
	switch part.Op {
	case syntax.OpLiteral:
		if len(part.Rune) != 1 || part.Flags&syntax.FoldCase != 0 {
			return c, false
		}
		ranges = []rune{part.Rune[0], part.Rune[0]}
	case syntax.OpAnyChar:
		ranges = []rune{0, utf8.MaxRune}
	case syntax.OpAnyCharNotNL:
		ranges = []rune{0, '\n' - 1, '\n' + 1, utf8.MaxRune}
	case syntax.OpCharClass:
	default:
		return c, false
	}
	for i := 0; i < len(ranges); i += 2 {
		from, to := ranges[i], ranges[i+1]
		if to >= utf8.RuneSelf {
			if from > utf8.RuneSelf || to < utf8.MaxRune {
				return c, false
			}
			c.high = true
		}
		for r := from; r <= to && r < utf8.RuneSelf; r++ {
			c.ascii[r] = true
		}
	}
	c.but = -1
	missing := 0
	for b, in := range c.ascii {
		if !in {
			c.but, missing = int16(b), missing+1
		}
	}
	if missing != 1 || !c.high {
		c.but = -1
	}
	return c, true
}

// certain reports whether each run ends where what follows begins, or at the
// pattern's end, so that there is nothing to try again.
func (p *plainRegex) certain() bool {
	for i := range p.after {
		s := &p.after[i]
		if s.kind != stepRun {
			continue
		}
		next := i + 1
		for next < len(p.after) && (p.after[next].kind == stepOpen || p.after[next].kind == stepClose) {
			next++
		}
		if next == len(p.after) {
			continue
		}
		switch n := &p.after[next]; {
		case n.kind == stepEnd:
		case n.kind == stepText && !s.set.has(n.text[0]):
		case n.kind == stepChar && !s.set.meets(&n.set):
		case n.kind == stepRun && n.least > 0 && !s.set.meets(&n.set):
		default:
			return false
		}
	}
	return true
}

// match finds the first match and writes its places to m, as
// regexp.FindStringSubmatchIndex gives them: two for the whole and two for each group.
func (p *plainRegex) match(s string, m []int) bool {
	for at := 0; ; at++ {
		i := strings.Index(s[at:], p.needle)
		if i < 0 {
			return false
		}
		at += i
		from := at
		switch {
		case p.char != nil && at > 0 && p.char.has(s[at-1]):
			from--
		case p.none || p.start && at == 0:
		default:
			continue
		}
		end, ok := p.follow(s, at+len(p.needle), m)
		if !ok {
			continue
		}
		m[0], m[1] = from, end
		if p.before > 0 {
			m[2*p.before], m[2*p.before+1] = from, at
		}
		return true
	}
}

// follow matches what is behind the needle.
func (p *plainRegex) follow(s string, at int, m []int) (end int, ok bool) {
	for i := range p.after {
		switch x := &p.after[i]; x.kind {
		case stepOpen:
			m[2*x.group] = at
		case stepClose:
			m[2*x.group+1] = at
		case stepText:
			if !strings.HasPrefix(s[at:], x.text) {
				return 0, false
			}
			at += len(x.text)
		case stepChar:
			if at == len(s) || !x.set.has(s[at]) {
				return 0, false
			}
			_, n := utf8.DecodeRuneInString(s[at:])
			at += n
		case stepRun:
			n := x.set.run(s[at:])
			if n < x.least {
				return 0, false
			}
			at += n
		case stepEnd:
			if at != len(s) {
				return 0, false
			}
		}
	}
	return at, true
}

// run is the number of bytes that s begins with and that are of the set.
func (c *charSet) run(s string) int {
	if c.but >= 0 {
		if n := strings.IndexByte(s, byte(c.but)); n >= 0 {
			return n
		}
		return len(s)
	}
	for i := range len(s) {
		if !c.has(s[i]) {
			return i
		}
	}
	return len(s)
}
