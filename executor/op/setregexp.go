package op

import (
	"regexp"
	"strings"

	"streamdb/internal/sqlerr"
	"streamdb/types"
	"streamdb/vec"
)

// regexpCache keeps the pattern that was compiled last: patterns are nearly
// always constants.
type regexpCache struct {
	pattern, flags string
	re             *regexp.Regexp
	global         bool
}

// compile compiles the pattern and flags at row i.
func (c *regexpCache) compile(name string, args []vec.Vec, i int) (re *regexp.Regexp, global bool, err error) {
	pattern, flags := stringOf(args[1].Bytes(i)), ""
	if len(args) > 2 {
		flags = stringOf(args[2].Bytes(i))
	}
	if c.re != nil && c.pattern == pattern && c.flags == flags {
		return c.re, c.global, nil
	}
	global = strings.Contains(flags, "g")
	if global && name == "regexp_split_to_table" {
		return nil, false, sqlerr.New(sqlerr.InvalidParameterValue, "%s() does not support the \"global\" option", name)
	}
	re, err = compileRegexp(pattern, strings.ReplaceAll(flags, "g", ""))
	if err != nil {
		return nil, false, err
	}
	*c = regexpCache{strings.Clone(pattern), strings.Clone(flags), re, global}
	return re, global, nil
}

// compileRegexp translates a Postgres advanced regular expression, whose dot
// matches a newline unless flag n or p says otherwise.
func compileRegexp(pattern, flags string) (*regexp.Regexp, error) {
	mode := "s"
	for _, f := range flags {
		switch f {
		case 'i':
			mode += "i"
		case 'c', 's', 't', 'e':
		case 'n', 'm':
			mode = strings.ReplaceAll(mode, "s", "") + "m"
		case 'p':
			mode = strings.ReplaceAll(mode, "s", "")
		case 'w':
			mode += "m"
		case 'q':
			pattern = regexp.QuoteMeta(pattern)
		case 'x':
			return nil, sqlerr.Unsupported("regular expression flag \"x\"")
		default:
			return nil, sqlerr.New(sqlerr.InvalidParameterValue, "invalid regular expression option: \"%c\"", f)
		}
	}
	var b strings.Builder
	for k := 0; k < len(pattern); k++ {
		if pattern[k] != '\\' || k+1 == len(pattern) {
			b.WriteByte(pattern[k])
			continue
		}
		k++
		switch pattern[k] {
		case 'y', 'm', 'M', '<', '>':
			b.WriteString(`\b`)
		case 'Y':
			b.WriteString(`\B`)
		case 'Z':
			b.WriteString(`\z`)
		default:
			b.WriteByte('\\')
			b.WriteByte(pattern[k])
		}
	}
	text := b.String()
	if mode != "" {
		text = "(?" + mode + ")" + text
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, sqlerr.Wrap(sqlerr.InvalidRegularExpression, err, "invalid regular expression: %q", pattern)
	}
	return re, nil
}

// regexpMatches gives per match (the first only, without flag g) the array of
// its groups, or of the whole match when there are none.
func regexpMatches(c *setCtx, args []vec.Vec, i int, out *vec.Builder) (int, error) {
	re, global, err := c.cache.compile("regexp_matches", args, i)
	if err != nil {
		return 0, err
	}
	limit := 1
	if global {
		limit = -1
	}
	s := args[0].Bytes(i)
	matches := re.FindAllSubmatchIndex(s, limit)
	for _, m := range matches {
		if len(m) > 2 {
			m = m[2:]
		}
		groups := make([]types.Datum, len(m)/2)
		for k := range groups {
			if m[2*k] < 0 {
				groups[k] = types.NullDatum
			} else {
				groups[k] = types.BytesDatum(string(s[m[2*k]:m[2*k+1]]))
			}
		}
		out.AppendDatum(types.OneDim(groups).Datum(types.Of(types.Text)))
	}
	return len(matches), nil
}

// regexpSplit gives the text between matches. Empty matches at either end, or
// right after another match, do not split.
func regexpSplit(c *setCtx, args []vec.Vec, i int, out *vec.Builder) (int, error) {
	re, _, err := c.cache.compile("regexp_split_to_table", args, i)
	if err != nil {
		return 0, err
	}
	s := args[0].Bytes(i)
	n, from := 0, 0
	for _, m := range re.FindAllIndex(s, -1) {
		if m[0] == m[1] && (m[0] == from || m[0] == len(s)) {
			continue
		}
		out.AppendBytes(s[from:m[0]])
		from = m[1]
		n++
	}
	out.AppendBytes(s[from:])
	return n + 1, nil
}
