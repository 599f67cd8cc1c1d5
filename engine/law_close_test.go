package engine_test

import (
	"fmt"
	"strings"
)

// ahead makes the query of windows in event time that look ahead by rows or
// groups, some also by time, and the query of what is final of them.
func (x *eventLaw) ahead(v *eventView, from, where string) {
	part := lawPick(x.lawGen, "", "partition by k ", "partition by k ", "partition by k, v ", "partition by id % 2 ")
	rows, groups, seconds := 0, 0, 0
	bound := func(n int) string { return lawPick(x.lawGen, "current row", fmt.Sprintf("%d preceding", n)) }
	call := func(c, over string, args ...any) string { return fmt.Sprintf(c, args...) + " over (" + over + ")" }
	byRow, byTime := part+"order by ts, id", part+"order by ts"
	var calls []string
	for range 1 + x.IntN(3) {
		n := 1 + x.IntN(3)
		switch x.IntN(9) {
		case 0, 1, 2:
			rows = max(rows, n)
			calls = append(calls, call(lawPick(x.lawGen, "lead(v, %d)", "lead(id, %d, -1)", "lag(id, -%d)"), byRow, n))
		case 3, 4:
			rows = max(rows, n)
			calls = append(calls, call(lawPick(x.lawGen, "sum(v)", "array_agg(id)", "max(v) filter (where v <> 1)", "last_value(id)"),
				fmt.Sprintf("%s rows between %s and %d following", byRow, bound(1+x.IntN(3)), n)))
		case 5:
			rows = max(rows, n)
			calls = append(calls, call("count(*)", fmt.Sprintf("%s rows between unbounded preceding and %d following", byRow, n)))
		case 6:
			groups = max(groups, n)
			calls = append(calls, call(lawPick(x.lawGen, "sum(v)", "count(*)", "min(id)"),
				fmt.Sprintf("%s groups between %s and %d following", byTime, bound(1+x.IntN(2)), n)))
		case 7:
			calls = append(calls, call(lawPick(x.lawGen, "lag(id)", "row_number()"), lawPick(x.lawGen, byRow, "partition by v order by ts, id")))
		default:
			groups = max(groups, n)
			far := lawPick(x.lawGen, 20, 100)
			seconds = max(seconds, far)
			calls = append(calls,
				call("sum(v)", fmt.Sprintf("%s groups between %s and %d following", byTime, bound(1), n)),
				call("sum(id)", fmt.Sprintf("%s range between '30 seconds' preceding and '%d seconds' following", byTime, far)))
		}
	}
	for i := range calls {
		calls[i] += fmt.Sprintf(" as c%d", i)
	}
	if rows+groups == 0 {
		rows = 1
		calls = append(calls, call("lead(v)", byRow)+" as c")
	}
	if seconds > 0 && rows > 0 { // the order by ts, id is another window: no watermark comes through two that wait
		seconds, groups = 0, 0
		calls = keep(calls, func(c string) bool { return !strings.Contains(c, " groups ") && !strings.Contains(c, " range ") })
	} else if rows > 0 && groups > 0 {
		groups = 0
		calls = keep(calls, func(c string) bool { return !strings.Contains(c, " groups ") })
	}
	cols := make([]string, len(calls))
	for i, c := range calls {
		_, cols[i], _ = strings.Cut(c, " as ")
	}
	list := strings.Join(calls, ", ")
	v.query = fmt.Sprintf("select id, ts, %s from %s%s", list, from, where)
	v.final = fmt.Sprintf("select id, ts, %s from (select q.*, m, count(*) filter (where ts < m) over (%s rows between 1 following and unbounded following) as rows_after, "+
		"max(place) filter (where ts < m) over (%s) - place as groups_after from (select id, ts, k, v, dense_rank() over (%s) as place, %s from %s%s) q, "+
		"(select MARK - interval '%d seconds' as m) t) u where ts < m and rows_after >= %d and groups_after >= %d",
		strings.Join(cols, ", "), byRow, part, byTime, list, from, where, seconds, rows, groups)
}

func keep(list []string, f func(string) bool) (out []string) {
	for _, s := range list {
		if f(s) {
			out = append(out, s)
		}
	}
	return out
}
