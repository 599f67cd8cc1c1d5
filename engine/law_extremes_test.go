package engine_test

import "fmt"

// extremes makes a view of the rows that have the greatest or least value of a
// window that they lie in or on the end of. It is compared with a query that
// the planner takes as it is written: a sum is no column.
func (x *eventLaw) extremes(from string) {
	size := lawPick(x.lawGen, "10 seconds", "1 minute", "5 minutes")
	key, equal := "", ""
	if x.one(3) {
		key, equal = "k, ", " and a.k = b.k"
	}
	within := fmt.Sprintf(lawPick(x.lawGen, "a.ts between b.window_end - interval '%s' and b.window_end",
		"a.ts > b.window_end - interval '%s' and a.ts <= b.window_end",
		"b.window_end - interval '%s' <= a.ts and b.window_end > a.ts",
		"a.ts >= b.window_end - interval '%s' and a.ts < b.window_end - interval '3 seconds'",
		"a.ts + interval '%[1]s' = b.window_end + interval '%[1]s'", // rows on a border alone, which stays a join
		"a.ts between b.window_start - interval '%s' and b.window_end"), size)
	if x.one(5) {
		within += " and mod(a.id, 3) <> 0"
	}
	query := fmt.Sprintf("select a.id, a.v, b.m, b.window_end from %s a join (select %swindow_start, window_end, %s(v) as m from tumble(%s, ts, interval '%s') group by %swindow_start, window_end) b on a.v%%s = b.m%s and %s",
		from, key, lawPick(x.lawGen, "max", "min"), from, size, key, equal, within)
	v := &eventView{name: x.name("x"), query: fmt.Sprintf(query, " + 0")}
	x.exec("create materialized view " + v.name + " as " + fmt.Sprintf(query, ""))
	x.views = append(x.views, v)
}
