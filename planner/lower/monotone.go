package lower

import (
	"slices"
	"strings"

	"streamdb/expr"
	"streamdb/planner/logical"
	"streamdb/types"
)

// rising is the one column that e reads, if e never falls when that column's
// value rises: then a watermark on the column gives one on e (see op.Calc).
// Functions that go by the time zone are read as in a job, where it is UTC: in
// a zone with summer time the local time of later instants can be earlier.
func rising(e expr.Expr) (col logical.ColID, ok bool) {
	switch e := e.(type) {
	case *expr.Col:
		return e.Index, timeOrInt(e.T)
	case *expr.Call:
		k := -1
		for i, a := range e.Args {
			if c, ok := a.(*expr.Const); ok {
				if c.Value.Null {
					return 0, false
				}
				continue
			}
			if k >= 0 {
				return 0, false
			}
			k = i
		}
		if k < 0 || !risesWith(e, k) {
			return 0, false
		}
		return rising(e.Args[k])
	}
	return 0, false
}

func timeOrInt(t types.T) bool {
	switch t.ID {
	case types.Date, types.Timestamp, types.TimestampTZ:
		return true
	}
	return t.IsInteger()
}

// risesWith reports whether a call whose other arguments are constants never
// falls when argument k rises.
func risesWith(c *expr.Call, k int) bool {
	if !timeOrInt(c.T) || !timeOrInt(c.Args[k].Type()) {
		return false
	}
	other := func(i int) types.Datum { return c.Args[i].(*expr.Const).Value }
	switch c.Def.Name {
	case "cast":
		return true
	case "+", "-":
		return len(c.Args) == 2 && (c.Def.Name == "+" || k == 0) && steady(c.Args[1-k].Type(), other(1-k))
	case "date_trunc":
		return k == 1 && len(c.Args) == 2
	case "date_bin":
		return k == 1 && steady(c.Args[0].Type(), other(0))
	case "timezone":
		if k != 1 {
			return false
		}
		return c.Args[0].Type().ID == types.Interval || slices.Contains([]string{"utc", "gmt", "etc/utc", "z", "zulu"}, strings.ToLower(other(0).S))
	}
	return false
}

// steady reports whether adding the value keeps the order of times: months do
// not, as the 30th and the 31st may become the same day.
func steady(t types.T, d types.Datum) bool {
	if t.ID == types.Interval {
		return types.DecodeInterval([]byte(d.S)).Months == 0
	}
	return timeOrInt(t) || t.ID == types.Time
}

// marked reports whether a column computed by e has watermarks when those of
// marks have.
func (l *lowerer) marked(e expr.Expr, marks logical.Set) bool {
	col, ok := rising(e)
	return ok && marks.Has(col)
}

// risingExprs are the positions of computed columns that rise with a column.
func risingExprs(es []expr.Expr) []int {
	var out []int
	for i, e := range es {
		if _, plain := e.(*expr.Col); plain {
			continue
		}
		if _, ok := rising(e); ok {
			out = append(out, i)
		}
	}
	return out
}
