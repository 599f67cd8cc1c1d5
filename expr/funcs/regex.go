package funcs

import (
	"regexp"
	"strings"
	"sync"

	"streamdb/expr"
	"streamdb/expr/kernel"
	"streamdb/internal/sqlerr"
	"streamdb/types"
)

// regexKey names a compiled pattern.
type regexKey struct {
	pattern, flags string
}

// regexes caches compiled patterns for the process; it is emptied when full.
var regexes struct {
	sync.Mutex
	m map[regexKey]*regex
}

const regexesMax = 512

// regexCache remembers the last pattern of one evaluation before asking the shared cache.
type regexCache struct {
	key regexKey
	re  *regex
}

// at is get for a search that begins at a byte of the text: after its beginning
// ^ and \A match no more.
func (c *regexCache) at(pattern, flags string, from int) (*regex, error) {
	if from > 0 {
		flags += string(flagInner)
	}
	return c.get(pattern, flags)
}

func (c *regexCache) get(pattern, flags string) (*regex, error) {
	if c.re != nil && c.key.pattern == pattern && c.key.flags == flags {
		return c.re, nil
	}
	key := regexKey{strings.Clone(pattern), strings.Clone(flags)}
	regexes.Lock()
	re := regexes.m[key]
	regexes.Unlock()
	if re == nil {
		compiled, err := CompileRegex(key.pattern, key.flags)
		if err != nil {
			return nil, err
		}
		re = newRegex(compiled)
		regexes.Lock()
		if regexes.m == nil || len(regexes.m) >= regexesMax {
			regexes.m = map[regexKey]*regex{}
		}
		regexes.m[key] = re
		regexes.Unlock()
	}
	c.key, c.re = key, re
	return re, nil
}

const (
	flagInner    = '\x01' // among the flags: see regexCache.at
	neverMatches = `[^\x00-\x{10FFFF}]`
)

// CompileRegex translates Postgres's advanced regular expressions to Go's
// syntax. By default . matches newlines and ^ $ only the ends; without
// non-greedy quantifiers the longest match wins, as POSIX has it. Back references
// and look-around have no counterpart: 0A000.
func CompileRegex(pattern, flags string) (*regexp.Regexp, error) {
	mode := "s"
	fold, literal, expanded, inner := false, false, false, false
	for _, f := range flags {
		switch f {
		case flagInner:
			inner = true
		case 'i':
			fold = true
		case 'c':
			fold = false
		case 's', 't', 'e', 'g', 'b':
		case 'n', 'm':
			mode = "m"
		case 'p':
			mode = ""
		case 'w':
			mode = "sm"
		case 'q':
			literal = true
		case 'x':
			expanded = true
		default:
			return nil, sqlerr.New(sqlerr.InvalidParameterValue, "invalid regular expression option: \"%c\"", f)
		}
	}
	if fold {
		mode += "i"
	}
	if rest, ok := strings.CutPrefix(pattern, "***="); ok {
		pattern, literal = rest, true
	}
	pattern = strings.TrimPrefix(pattern, "***:")
	lazy := false
	if literal {
		pattern = regexp.QuoteMeta(pattern)
	} else {
		var err error
		if pattern, lazy, err = translateRegex(pattern, expanded, inner && !strings.Contains(mode, "m")); err != nil {
			return nil, err
		}
	}
	if mode != "" {
		pattern = "(?" + mode + ")" + pattern
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, sqlerr.Wrap(sqlerr.InvalidRegularExpression, err, "invalid regular expression: %s", regexErrorText(err))
	}
	if !lazy {
		re.Longest()
	}
	return re, nil
}

// regexErrorText names the fault as Postgres does where it has a name for it.
func regexErrorText(err error) string {
	s := err.Error()
	switch {
	case strings.Contains(s, "missing closing )"), strings.Contains(s, "unexpected )"):
		return "parentheses () not balanced"
	case strings.Contains(s, "missing closing ]"):
		return "brackets [] not balanced"
	case strings.Contains(s, "missing argument to repetition"), strings.Contains(s, "invalid nested repetition"):
		return "quantifier operand invalid"
	case strings.Contains(s, "invalid repeat count"):
		return "invalid repetition count(s)"
	case strings.Contains(s, "invalid character class range"):
		return "invalid character range"
	case strings.Contains(s, "trailing backslash"), strings.Contains(s, "invalid escape"):
		return "invalid escape \\ sequence"
	}
	return strings.TrimPrefix(s, "error parsing regexp: ")
}

// translateRegex rewrites what the two syntaxes spell differently. inner: the
// text begins before what is searched, so its beginning is never met.
func translateRegex(p string, expanded, inner bool) (out string, lazy bool, err error) {
	var b strings.Builder
	inClass := 0 // position in a bracket expression: 0 outside
	for i := 0; i < len(p); i++ {
		c := p[i]
		switch {
		case inClass > 0:
			inClass++
			switch {
			case c == '[' && i+1 < len(p) && (p[i+1] == ':' || p[i+1] == '.' || p[i+1] == '='):
				end := strings.Index(p[i+2:], string(p[i+1])+"]")
				if end < 0 {
					return "", false, sqlerr.New(sqlerr.InvalidRegularExpression, "invalid regular expression: brackets [] not balanced")
				}
				if p[i+1] == ':' {
					b.WriteString(p[i : i+end+4])
				} else {
					b.WriteString(regexp.QuoteMeta(p[i+2 : i+2+end]))
				}
				i += end + 3
			case c == '[':
				b.WriteString(`\[`)
			case c == ']' && inClass > 2:
				b.WriteByte(c)
				inClass = 0
			case c == ']':
				b.WriteString(`\]`)
			default:
				b.WriteByte(c)
				if c == '^' && inClass == 2 {
					inClass = 1
				}
				if c == '\\' && i+1 < len(p) {
					i++
					b.WriteByte(p[i])
				}
			}
		case c == '[' && strings.HasPrefix(p[i:], "[[:<:]]"), c == '[' && strings.HasPrefix(p[i:], "[[:>:]]"):
			b.WriteString(`\b`)
			i += 6
		case c == '[':
			b.WriteByte(c)
			inClass = 1
		case c == '\\' && i+1 < len(p):
			i++
			switch e := p[i]; {
			case e == 'y' || e == 'm' || e == 'M':
				b.WriteString(`\b`)
			case e == 'Y':
				b.WriteString(`\B`)
			case e == 'Z':
				b.WriteString(`\z`)
			case e == 'A' && inner:
				b.WriteString(neverMatches)
			case e >= '1' && e <= '9':
				return "", false, sqlerr.Unsupported("a back reference in a regular expression")
			default:
				b.WriteByte('\\')
				b.WriteByte(e)
			}
		case c == '(' && (strings.HasPrefix(p[i:], "(?=") || strings.HasPrefix(p[i:], "(?!") || strings.HasPrefix(p[i:], "(?<")):
			return "", false, sqlerr.Unsupported("look-around in a regular expression")
		case c == '?' && i > 0 && strings.IndexByte("*+?}", p[i-1]) >= 0 && !(i > 1 && p[i-2] == '\\'):
			lazy = true
			b.WriteByte(c)
		case c == '^' && inner:
			b.WriteString(neverMatches)
		case expanded && (c == ' ' || c == '\t' || c == '\n' || c == '\r'):
		case expanded && c == '#':
			for i+1 < len(p) && p[i+1] != '\n' {
				i++
			}
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), lazy, nil
}

// regexCost is expr.Def.Cost of a search.
const regexCost = 300

// regexFuncs lists the regular expression operators and functions.
func regexFuncs() []*expr.Def {
	var out []*expr.Def
	for _, o := range []struct {
		name, flags string
		want        bool
		doc         string
	}{
		{"~", "", true, "Matches a regular expression"}, {"~*", "i", true, "Matches a regular expression, in any case"},
		{"!~", "", false, "Does not match a regular expression"}, {"!~*", "i", false, "Does not match a regular expression, in any case"},
	} {
		eval := kernel.M2(func(*expr.CallCtx) func(s, p string) (bool, error) {
			var c regexCache
			return func(s, p string) (bool, error) {
				re, err := c.get(p, o.flags)
				if err != nil {
					return false, err
				}
				return re.MatchString(s) == o.want, nil
			}
		})
		for _, t := range []id{tText, types.Bpchar, tName} {
			d := op2(o.name, t, tText, tBool, eval, o.doc)
			d.Cost = regexCost
			out = append(out, d)
		}
	}
	return append(append(out, regexMatchFuncs()...), regexReplaceFuncs()...)
}

// groupsOf are the texts of a match's groups, or the whole match if there are none.
func groupsOf(s string, m []int) []types.Datum {
	if len(m) == 2 {
		return []types.Datum{types.BytesDatum(s[m[0]:m[1]])}
	}
	out := make([]types.Datum, 0, len(m)/2-1)
	for k := 2; k < len(m); k += 2 {
		if m[k] < 0 {
			out = append(out, types.NullDatum)
		} else {
			out = append(out, types.BytesDatum(s[m[k]:m[k+1]]))
		}
	}
	return out
}

func textArray(elems []types.Datum) types.Datum { return types.OneDim(elems).Datum(types.Of(tText)) }

func checkNoG(name, flags string) error {
	if strings.Contains(flags, "g") {
		return sqlerr.New(sqlerr.InvalidParameterValue, "%s does not support the \"global\" option", name+"()")
	}
	return nil
}

// withRegex makes a function of (string, pattern[, flags]).
func withRegex[R any](name string, elem, ret id, global bool, doc string, f func(re *regex, s, flags string) (R, error)) []*expr.Def {
	two := kernel.M2(func(*expr.CallCtx) func(s, p string) (R, error) {
		var c regexCache
		return func(s, p string) (r R, err error) {
			re, err := c.get(p, "")
			if err != nil {
				return r, err
			}
			return f(re, s, "")
		}
	})
	three := kernel.M3(func(*expr.CallCtx) func(s, p, flags string) (R, error) {
		var c regexCache
		return func(s, p, flags string) (r R, err error) {
			if !global {
				if err := checkNoG(name, flags); err != nil {
					return r, err
				}
			}
			re, err := c.get(p, flags)
			if err != nil {
				return r, err
			}
			return f(re, s, flags)
		}
	})
	a, b := fn(name, ids{tText, tText}, ret, two, doc), fn(name, ids{tText, tText, tText}, ret, three, doc)
	a.Elem, b.Elem = elem, elem
	a.Cost, b.Cost = regexCost, regexCost
	return []*expr.Def{a, b}
}

func regexMatchFuncs() []*expr.Def {
	out := withRegex("regexp_match", tText, tArr, false, "Groups of the first match", func(re *regex, s, _ string) (types.Datum, error) {
		m := re.FindStringSubmatchIndex(s)
		if m == nil {
			return types.NullDatum, nil
		}
		return textArray(groupsOf(s, m)), nil
	})
	out = append(out, withRegex("regexp_like", 0, tBool, false, "Whether a regular expression matches", func(re *regex, s, _ string) (bool, error) {
		return re.MatchString(s), nil
	})...)
	out = append(out, withRegex("regexp_split_to_array", tText, tArr, false, "Text split at the matches", func(re *regex, s, _ string) (types.Datum, error) {
		var parts []types.Datum
		at := 0
		for _, m := range re.FindAllStringIndex(s, -1) {
			if m[0] == m[1] && (m[0] == 0 || m[0] >= len(s)) {
				continue
			}
			parts = append(parts, types.BytesDatum(s[at:m[0]]))
			at = m[1]
		}
		return textArray(append(parts, types.BytesDatum(s[at:]))), nil
	})...)
	count := withRegex("regexp_count", 0, tI4, false, "Number of matches", func(re *regex, s, _ string) (int64, error) {
		return int64(len(re.FindAllStringIndex(s, -1))), nil
	})
	from := kernel.M3(func(*expr.CallCtx) func(s, p string, start int64) (int64, error) {
		var c regexCache
		return func(s, p string, start int64) (int64, error) {
			if start < 1 {
				return 0, errRegexStart(start)
			}
			from := runeOffset(s, start-1)
			re, err := c.at(p, "", from)
			if err != nil {
				return 0, err
			}
			return int64(len(re.FindAllStringIndex(s[from:], -1))), nil
		}
	})
	out = append(out, count[0], fn("regexp_count", ids{tText, tText, tI4}, tI4, from, "Number of matches from a position on"))
	sub := withRegex("substring", 0, tText, false, "First match, or its first group", func(re *regex, s, _ string) (string, error) {
		m := re.FindStringSubmatchIndex(s)
		switch {
		case m == nil, len(m) > 2 && m[2] < 0:
			return "", kernel.Null
		case len(m) > 2:
			return s[m[2]:m[3]], nil
		}
		return s[m[0]:m[1]], nil
	})
	whole := withRegex("regexp_substr", 0, tText, false, "First match", func(re *regex, s, _ string) (string, error) {
		m := re.FindStringIndex(s)
		if m == nil {
			return "", kernel.Null
		}
		return s[m[0]:m[1]], nil
	})
	instr := withRegex("regexp_instr", 0, tI4, false, "Position of the first match; 0: none", func(re *regex, s, _ string) (int64, error) {
		m := re.FindStringIndex(s)
		if m == nil {
			return 0, nil
		}
		return int64(types.Runes(s[:m[0]])) + 1, nil
	})
	return append(out, sub[0], whole[0], instr[0])
}

func errRegexStart(x int64) error {
	return sqlerr.New(sqlerr.InvalidParameterValue, "invalid value for parameter \"start\": %d", x)
}

func regexReplaceFuncs() []*expr.Def {
	one := kernel.M3(func(*expr.CallCtx) func(s, p, with string) (string, error) {
		var c regexCache
		return func(s, p, with string) (string, error) {
			re, err := c.get(p, "")
			if err != nil {
				return "", err
			}
			return regexReplace(re, s, with, 0, 1), nil
		}
	})
	flagged := kernel.M4(func(*expr.CallCtx) func(s, p, with, flags string) (string, error) {
		var c regexCache
		return func(s, p, with, flags string) (string, error) {
			if flags != "" && flags[0] >= '0' && flags[0] <= '9' {
				return "", sqlerr.New(sqlerr.InvalidParameterValue, "invalid regular expression option: \"%c\"", flags[0]).
					WithHint("If you meant to use regexp_replace() with a start parameter, cast the fourth argument to integer explicitly.")
			}
			re, err := c.get(p, flags)
			if err != nil {
				return "", err
			}
			n := 1
			if strings.Contains(flags, "g") {
				n = 0
			}
			return regexReplace(re, s, with, 0, n), nil
		}
	})
	nth := func(s, p, with string, start, n int64, flags string, c *regexCache) (string, error) {
		if start < 1 {
			return "", errRegexStart(start)
		}
		if n < 0 {
			return "", sqlerr.New(sqlerr.InvalidParameterValue, "invalid value for parameter \"n\": %d", n)
		}
		from := runeOffset(s, start-1)
		re, err := c.at(p, flags, from)
		if err != nil {
			return "", err
		}
		return regexReplace(re, s, with, from, int(n)), nil
	}
	return []*expr.Def{
		fn("regexp_replace", ids{tText, tText, tText}, tText, one, "First match replaced"),
		fn("regexp_replace", ids{tText, tText, tText, tText}, tText, flagged, "First match replaced, all with flag g"),
		fn("regexp_replace", ids{tText, tText, tText, tI4}, tText, kernel.M4(func(*expr.CallCtx) func(string, string, string, int64) (string, error) {
			var c regexCache
			return func(s, p, w string, start int64) (string, error) { return nth(s, p, w, start, 1, "", &c) }
		}), "First match from a position on replaced"),
		fn("regexp_replace", ids{tText, tText, tText, tI4, tI4}, tText, kernel.M5(func(*expr.CallCtx) func(string, string, string, int64, int64) (string, error) {
			var c regexCache
			return func(s, p, w string, start, n int64) (string, error) { return nth(s, p, w, start, n, "", &c) }
		}), "n-th match from a position on replaced; 0: all"),
		fn("regexp_replace", ids{tText, tText, tText, tI4, tI4, tText}, tText, kernel.M6(func(*expr.CallCtx) func(string, string, string, int64, int64, string) (string, error) {
			var c regexCache
			return func(s, p, w string, start, n int64, f string) (string, error) { return nth(s, p, w, start, n, f, &c) }
		}), "n-th match from a position on replaced; 0: all"),
	}
}

// regexReplace replaces the n-th match (0: all) at or after byte from.
func regexReplace(re *regex, s, with string, from, n int) string {
	limit := n
	if n == 0 {
		limit = -1
	}
	var b strings.Builder
	b.WriteString(s[:from])
	rest := s[from:]
	at := 0
	for k, m := range re.FindAllStringSubmatchIndex(rest, limit) {
		if n > 0 && k != n-1 {
			continue
		}
		b.WriteString(rest[at:m[0]])
		at = m[1]
		for i := 0; i < len(with); i++ {
			if with[i] != '\\' || i+1 >= len(with) {
				b.WriteByte(with[i])
				continue
			}
			i++
			switch c := with[i]; {
			case c == '&':
				b.WriteString(rest[m[0]:m[1]])
			case c >= '1' && c <= '9':
				if g := 2 * int(c-'0'); g < len(m) && m[g] >= 0 {
					b.WriteString(rest[m[g]:m[g+1]])
				}
			case c == '\\':
				b.WriteByte('\\')
			default:
				b.WriteByte('\\')
				b.WriteByte(c)
			}
		}
	}
	b.WriteString(rest[at:])
	return b.String()
}
