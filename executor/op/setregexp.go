package op

import (
	"regexp"
	"strings"

	"streamdb/expr/funcs"
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
	re, err = funcs.CompileRegex(strings.Clone(pattern), strings.Clone(flags))
	if err != nil {
		return nil, false, err
	}
	*c = regexpCache{strings.Clone(pattern), strings.Clone(flags), re, global}
	return re, global, nil
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
