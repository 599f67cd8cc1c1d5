package funcs

import (
	"streamdb/expr"
	"streamdb/expr/kernel"
	"streamdb/internal/sqlerr"
	"streamdb/types"
)

// regexNth are the arguments that regexp_instr and regexp_substr share.
type regexNth struct {
	start, n, group int64
	flags           string
}

// regexNthFuncs lists the forms of regexp_count, regexp_instr and regexp_substr
// with a start (a character's position from 1 on), a number of match, flags and
// the number of a group (0: the whole match).
func regexNthFuncs() []*expr.Def {
	out := []*expr.Def{
		fn("regexp_count", ids{tText, tText, tI4, tText}, tI4, kernel.Rows(func(*expr.CallCtx) func([]types.Datum) (int64, error) {
			var c regexCache
			return func(r []types.Datum) (int64, error) {
				re, rest, _, err := c.from("regexp_count", r, regexNth{start: r[2].I, n: 1, flags: r[3].S})
				if err != nil {
					return 0, err
				}
				return int64(len(re.FindAllStringIndex(rest, -1))), nil
			}
		}), "Number of matches from a position on"),
	}
	types4 := ids{tText, tText, tI4, tI4, tText, tI4}
	for n := 3; n <= 6; n++ {
		out = append(out, fn("regexp_substr", types4[:n], tText, kernel.Rows(func(*expr.CallCtx) func([]types.Datum) (string, error) {
			var c regexCache
			return func(r []types.Datum) (string, error) {
				a := regexNth{start: r[2].I, n: 1}
				if n > 3 {
					a.n = r[3].I
				}
				if n > 4 {
					a.flags = r[4].S
				}
				if n > 5 {
					a.group = r[5].I
				}
				rest, m, _, err := c.nth("regexp_substr", r, a)
				if err != nil {
					return "", err
				}
				if m == nil {
					return "", kernel.Null
				}
				return rest[m[0]:m[1]], nil
			}
		}), "n-th match from a position on, or a group of it"))
	}
	types7 := ids{tText, tText, tI4, tI4, tI4, tText, tI4}
	for n := 3; n <= 7; n++ {
		out = append(out, fn("regexp_instr", types7[:n], tI4, kernel.Rows(func(*expr.CallCtx) func([]types.Datum) (int64, error) {
			var c regexCache
			return func(r []types.Datum) (int64, error) {
				a, end := regexNth{start: r[2].I, n: 1}, 0
				if n > 3 {
					a.n = r[3].I
				}
				if n > 4 {
					if r[4].I != 0 && r[4].I != 1 {
						return 0, errRegexArg("endoption", r[4].I)
					}
					end = int(r[4].I)
				}
				if n > 5 {
					a.flags = r[5].S
				}
				if n > 6 {
					a.group = r[6].I
				}
				rest, m, at, err := c.nth("regexp_instr", r, a)
				if err != nil || m == nil {
					return 0, err
				}
				return int64(types.Runes(r[0].S[:at])+types.Runes(rest[:m[end]])) + 1, nil
			}
		}), "Position of the n-th match from a position on, or after it; 0: none"))
	}
	return out
}

func errRegexArg(name string, x int64) error {
	return sqlerr.New(sqlerr.InvalidParameterValue, "invalid value for parameter \"%s\": %d", name, x)
}

// from checks the arguments and returns the text from a's start on, which is
// byte at of the whole.
func (c *regexCache) from(name string, r []types.Datum, a regexNth) (re *regex, rest string, at int, err error) {
	switch {
	case a.start < 1:
		return nil, "", 0, errRegexArg("start", a.start)
	case a.n < 1:
		return nil, "", 0, errRegexArg("n", a.n)
	case a.group < 0:
		return nil, "", 0, errRegexArg("subexpr", a.group)
	}
	if err := checkNoG(name, a.flags); err != nil {
		return nil, "", 0, err
	}
	at = runeOffset(r[0].S, a.start-1)
	if re, err = c.at(r[1].S, a.flags, at); err != nil {
		return nil, "", 0, err
	}
	return re, r[0].S[at:], at, nil
}

// nth finds a match or group: its bounds in rest, nil if there is none.
func (c *regexCache) nth(name string, r []types.Datum, a regexNth) (rest string, m []int, at int, err error) {
	re, rest, at, err := c.from(name, r, a)
	if err != nil {
		return "", nil, 0, err
	}
	all := re.FindAllStringSubmatchIndex(rest, int(a.n))
	if int64(len(all)) < a.n || 2*a.group >= int64(len(all[a.n-1])) || all[a.n-1][2*a.group] < 0 {
		return rest, nil, at, nil
	}
	return rest, all[a.n-1][2*a.group : 2*a.group+2], at, nil
}
