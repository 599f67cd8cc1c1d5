package engine_test

import (
	"fmt"
	"slices"
	"strings"
)

// from is a FROM item with its columns as the query names them.
func (g *lawGen) from(depth int) (string, []lawCol) {
	if depth > 0 && g.one(8) {
		sql, cols := g.query(depth - 1)
		a := g.name("q")
		return "(" + sql + ") " + a, lawQualify(a, cols)
	}
	r := lawPick(g, g.rels...)
	a := g.name("a")
	if at := lawOf(r.cols, lawTime); r.table && len(at) > 0 && g.one(5) {
		cols := append(slices.Clone(r.cols), lawCol{"window_start", lawTime}, lawCol{"window_end", lawTime})
		if g.one(2) {
			return fmt.Sprintf("tumble(%s, %s, interval '10 minutes') %s", r.name, at[0].name, a), lawQualify(a, cols)
		}
		return fmt.Sprintf("hop(%s, %s, interval '10 minutes', interval '20 minutes') %s", r.name, at[0].name, a), lawQualify(a, cols)
	}
	return r.name + " " + a, lawQualify(a, r.cols)
}

func lawQualify(alias string, cols []lawCol) []lawCol {
	out := make([]lawCol, len(cols))
	for i, c := range cols {
		out[i] = lawCol{alias + "." + c.name, c.t}
	}
	return out
}

// equal is an equality between a column of each side, of one type.
func (g *lawGen) equal(a, b []lawCol) string {
	for _, i := range g.Perm(len(a)) {
		same := lawOf(b, a[i].t)
		if len(same) == 0 || a[i].t == lawBool {
			continue
		}
		return a[i].name + lawPick(g, " = ", " = ", " = ", " = ", " is not distinct from ") + lawPick(g, same...).name
	}
	return g.converted(a, lawInt) + " = " + g.converted(b, lawInt)
}

// source is a FROM clause of one to three items.
func (g *lawGen) source(depth int) (string, []lawCol) {
	sql, cols := g.from(depth)
	most := lawPick(g, 0, 0, 1, 1, 2)
	if g.big {
		most = min(most, 1)
	}
	for n := most; n > 0; n-- {
		right, rc := g.from(depth)
		on := g.equal(cols, rc)
		if g.one(8) {
			on += " and " + g.equal(cols, rc)
		}
		both := append(slices.Clone(cols), rc...)
		if g.one(4) {
			on += " and " + g.pred(both, 1)
		}
		if g.one(10) && !g.big {
			on = g.pred(both, 1)
			if g.one(3) {
				on = g.expr(cols, lawInt, 0) + lawPick(g, " < ", " >= ") + g.expr(rc, lawInt, 0)
			}
		}
		if g.one(20) && !g.big {
			sql, cols = sql+" cross join "+right, both
			continue
		}
		sql += " " + lawPick(g, "join", "join", "left join", "right join", "full join") + " " + right + " on " + on
		cols = both
	}
	return sql, cols
}

// where is a WHERE clause, or nothing.
func (g *lawGen) where(cols []lawCol, depth int) string {
	if g.one(2) {
		return ""
	}
	p := g.pred(cols, lawPick(g, 0, 1, 2))
	if timed, ok := g.timed(cols); ok {
		p = timed
	} else if depth > 0 && g.one(3) {
		p = g.subqueryPred(cols, depth)
		switch g.IntN(6) {
		case 0:
			p = "not (" + p + ")"
		case 1:
			p += " or " + g.pred(cols, 1)
		case 2:
			p += " and " + g.subqueryPred(cols, depth)
		case 3:
			p += " or " + g.subqueryPred(cols, depth)
		case 4:
			p += " and " + g.pred(cols, 1)
		}
	}
	return " where " + p
}

// subqueryPred is a condition with a subquery.
func (g *lawGen) subqueryPred(cols []lawCol, depth int) string {
	inner, ic := g.from(depth - 1)
	t := lawPick(g, lawInt, lawText, lawInt, lawBigint)
	filter := ""
	if g.one(2) {
		filter = " where " + g.pred(ic, 1)
	}
	switch g.IntN(8) {
	case 3:
		return fmt.Sprintf("%s %s (select %s from %s%s)", g.expr(cols, t, 1), lawPick(g, "= any", "<> all", "> all", "<= any"), g.expr(ic, t, 0), inner, filter)
	case 4:
		return fmt.Sprintf("(%s, %s) %sin (select %s, %s from %s%s)", g.expr(cols, t, 0), g.expr(cols, lawInt, 0), lawPick(g, "", "", "not "),
			g.expr(ic, t, 0), g.expr(ic, lawInt, 0), inner, filter)
	case 0:
		return fmt.Sprintf("%s %sin (select %s from %s%s)", g.expr(cols, t, 1), lawPick(g, "", "not "), g.expr(ic, t, 0), inner, filter)
	case 1:
		return fmt.Sprintf("%s %s (select %s(%s) from %s%s)", g.expr(cols, lawNum, 1), lawPick(g, "<", ">="),
			lawPick(g, "avg", "max", "min", "sum"), g.expr(ic, lawPick(g, lawInt, lawNum), 1), inner, filter)
	case 2:
		return fmt.Sprintf("%s %s (select count(*) from %s where %s)", g.expr(cols, lawInt, 0), lawPick(g, "<", ">=", "="), inner, g.equal(cols, ic))
	}
	on := g.equal(cols, ic)
	if g.one(3) {
		on += " and " + g.pred(append(slices.Clone(cols), ic...), 1)
	}
	return fmt.Sprintf("%sexists (select 1 from %s where %s)", lawPick(g, "", "not "), inner, on)
}

// selectList is n expressions named c0, c1 ..
func (g *lawGen) selectList(cols []lawCol, want []lawType, depth int) (string, []lawCol) {
	var items []string
	var out []lawCol
	for i, t := range want {
		out = append(out, lawCol{fmt.Sprintf("c%d", i), t})
		items = append(items, fmt.Sprintf("%s as c%d", g.expr(cols, t, depth), i))
	}
	return strings.Join(items, ", "), out
}

func (g *lawGen) wanted() []lawType {
	var ts []lawType
	for range 1 + g.IntN(4) {
		ts = append(ts, lawPick(g, lawTypes...))
	}
	return ts
}

// query is a query of any kind and its columns.
func (g *lawGen) query(depth int) (string, []lawCol) {
	if g.one(12) {
		return g.asOf(depth)
	}
	if lawWindows && g.one(2) || g.one(6) {
		return g.window(depth)
	}
	if depth > 0 && g.one(8) {
		return g.byKeys(depth)
	}
	if g.one(20) {
		return g.numbered(depth)
	}
	if g.one(20) {
		return g.ranked(depth)
	}
	if g.one(20) {
		return g.star()
	}
	switch g.IntN(19) {
	case 18:
		return g.shared(depth)
	case 15:
		return g.lateral(depth)
	case 16:
		return g.series(depth)
	case 17:
		return g.values(depth)
	case 12:
		return g.with(depth)
	case 13:
		return g.distinctOn(depth)
	case 0, 1, 2:
		return g.project(g.wanted(), depth)
	case 3, 4, 5, 6:
		return g.aggregate(depth)
	case 7:
		return g.setOp(depth)
	case 8, 9:
		return g.topN(depth)
	case 10:
		return g.scalar(depth)
	case 11:
		return g.groupingSets(depth)
	default:
		return g.groupTopN(depth)
	}
}

func (g *lawGen) project(want []lawType, depth int) (string, []lawCol) {
	src, cols := g.source(depth)
	list, out := g.selectList(cols, want, 2)
	distinct := ""
	if g.one(4) {
		distinct = "distinct "
	}
	return "select " + distinct + list + " from " + src + g.where(cols, depth), out
}

// agg is an aggregate call and its type.
func (g *lawGen) agg(cols []lawCol) (string, lawType) {
	e := func(t lawType) string { return g.expr(cols, t, 1) }
	if g.one(5) {
		return g.moreAgg(cols)
	}
	sql, t := "", lawBigint
	switch g.IntN(13) {
	case 0, 1:
		sql = "count(*)"
	case 2:
		sql = "count(" + e(lawPick(g, lawTypes...)) + ")"
	case 3:
		sql = "count(distinct " + e(lawPick(g, lawTypes...)) + ")"
	case 4:
		sql = "sum(" + e(lawInt) + ")"
	case 5:
		sql, t = lawPick(g, "sum(", "sum(distinct ")+e(lawPick(g, lawBigint, lawNum))+")", lawNum
	case 6:
		sql, t = "avg("+e(lawPick(g, lawInt, lawBigint, lawNum))+")", lawNum
	case 7, 8, 9:
		t = lawPick(g, lawInt, lawNum, lawText, lawTime, lawBigint)
		sql = lawPick(g, "min", "max") + "(" + e(t) + ")"
	case 10:
		sql, t = lawPick(g, "bool_and", "bool_or")+"("+e(lawBool)+")", lawBool
	case 11:
		x := e(lawText)
		sql, t = fmt.Sprintf("string_agg(%s, ',' order by %s%s)", x, x, lawPick(g, "", " desc")), lawText
	default:
		x := e(lawText)
		sql, t = fmt.Sprintf("string_agg(distinct %s, ',' order by %s)", x, x), lawText
	}
	if g.one(4) {
		sql += " filter (where " + g.pred(cols, 1) + ")"
	}
	return sql, t
}

// aggList adds aggregates to a select list.
func (g *lawGen) aggList(cols []lawCol, items []string, out []lawCol) ([]string, []lawCol) {
	for range 1 + g.IntN(3) {
		sql, t := g.agg(cols)
		out = append(out, lawCol{fmt.Sprintf("c%d", len(out)), t})
		items = append(items, fmt.Sprintf("%s as c%d", sql, len(out)-1))
	}
	return items, out
}

func (g *lawGen) aggregate(depth int) (string, []lawCol) {
	src, cols := g.source(depth)
	where := g.where(cols, depth)
	var items, keys []string
	var out []lawCol
	for i := range lawPick(g, 0, 1, 1, 1, 2) {
		t := lawPick(g, lawInt, lawText, lawBool, lawTime, lawBigint)
		k := g.expr(cols, t, lawPick(g, 0, 0, 1))
		keys = append(keys, fmt.Sprint(i+1))
		items = append(items, fmt.Sprintf("%s as c%d", k, i))
		out = append(out, lawCol{fmt.Sprintf("c%d", i), t})
	}
	items, out = g.aggList(cols, items, out)
	sql := "select " + strings.Join(items, ", ") + " from " + src + where
	if len(keys) > 0 {
		sql += " group by " + strings.Join(keys, ", ")
	}
	if g.one(5) {
		a, t := g.agg(cols)
		sql += fmt.Sprintf(" having %s %s %s", a, lawPick(g, ">", "<=", "is distinct from"), g.constant(t))
	}
	return sql, out
}

func (g *lawGen) setOp(depth int) (string, []lawCol) {
	want := g.wanted()
	a, out := g.project(want, depth-1)
	b, _ := g.project(want, depth-1)
	op := lawPick(g, "union", "union all", "except", "intersect", "union all", "except all", "intersect all")
	sql := "(" + a + ") " + op + " (" + b + ")"
	if g.one(4) {
		c, _ := g.project(want, 0)
		sql = "(" + sql + ") " + lawPick(g, "union", "union all", "except", "intersect") + " (" + c + ")"
	}
	return sql, out
}

// topN orders by all its columns: equal rows apart, its result is one.
func (g *lawGen) topN(depth int) (string, []lawCol) {
	sql, out := g.project(g.wanted(), depth)
	if g.one(3) {
		sql, out = g.aggregate(depth)
	}
	var order []string
	for _, i := range g.Perm(len(out)) {
		order = append(order, fmt.Sprintf("%d%s%s", i+1, lawPick(g, "", " desc"), lawPick(g, "", "", " nulls first", " nulls last")))
	}
	if g.one(6) {
		return sql + " order by " + order[0] + fmt.Sprintf(" fetch first %d rows with ties", 1+g.IntN(4)), out
	}
	sql += " order by " + strings.Join(order, ", ") + fmt.Sprintf(" limit %d", 2+g.IntN(6))
	if g.one(3) {
		sql += fmt.Sprintf(" offset %d", 1+g.IntN(3))
	}
	return sql, out
}

func (g *lawGen) groupTopN(depth int) (string, []lawCol) {
	sql, out := g.project(append(g.wanted(), lawInt), depth)
	if rest, ok := strings.CutPrefix(sql, "select distinct "); ok {
		sql = "select " + rest
	}
	var order, all []string
	for i, c := range out {
		all = append(all, c.name)
		if i > 0 {
			order = append(order, c.name+lawPick(g, "", " desc"))
		}
	}
	return fmt.Sprintf("select %s from (select *, %s() over (partition by c0 order by %s) as rn from (%s) x) y where rn <= %d",
		strings.Join(all, ", "), lawPick(g, "row_number", "row_number", "rank"), strings.Join(order, ", "), sql, 1+g.IntN(3)), out
}

// with reads one common table expression twice.
func (g *lawGen) with(depth int) (string, []lawCol) {
	sql, cols := g.query(depth - 1)
	if depth <= 0 {
		sql, cols = g.project(g.wanted(), 0)
	}
	w, a, b := g.name("w"), g.name("a"), g.name("a")
	ac, bc := lawQualify(a, cols), lawQualify(b, cols)
	both := append(ac, bc...)
	list, out := g.selectList(both, g.wanted(), 1)
	return fmt.Sprintf("with %s as (%s) select %s from %s %s %s %s %s on %s", w, sql, list, w, a, lawPick(g, "join", "left join"), w, b, g.equal(ac, bc)), out
}

// distinctOn keeps the first row of each value of the first column.
func (g *lawGen) distinctOn(depth int) (string, []lawCol) {
	src, cols := g.source(depth)
	list, out := g.selectList(cols, append(g.wanted(), lawPick(g, lawInt, lawText)), 1)
	order := []string{"1"}
	for i := 1; i < len(out); i++ {
		order = append(order, fmt.Sprint(i+1)+lawPick(g, "", " desc"))
	}
	return "select distinct on (c0) * from (select " + list + " from " + src + g.where(cols, depth) + ") d order by " + strings.Join(order, ", "), out
}

// scalar selects a scalar subquery beside columns.
func (g *lawGen) scalar(depth int) (string, []lawCol) {
	src, cols := g.from(depth)
	inner, ic := g.from(0)
	a, t := g.agg(ic)
	where := " where " + g.equal(cols, ic)
	switch g.IntN(6) {
	case 0, 1:
		where = ""
	case 2:
		where += " and " + g.pred(append(slices.Clone(cols), ic...), 1)
	case 3:
		where = " where " + g.expr(ic, lawInt, 0) + " < " + g.expr(cols, lawInt, 0)
	}
	list, out := g.selectList(cols, g.wanted(), 1)
	if g.one(3) {
		list += fmt.Sprintf(", (%s) as c%d", g.subqueryPred(cols, 1), len(out))
		out = append(out, lawCol{fmt.Sprintf("c%d", len(out)), lawBool})
	}
	out = append(out, lawCol{fmt.Sprintf("c%d", len(out)), t})
	return fmt.Sprintf("select %s, (select %s from %s%s) as c%d from %s%s", list, a, inner, where, len(out)-1, src, g.where(cols, 0)), out
}

func (g *lawGen) groupingSets(depth int) (string, []lawCol) {
	src, cols := g.from(depth)
	i, t := g.expr(cols, lawInt, 0), g.expr(cols, lawText, 0)
	if len(lawOf(cols, lawInt)) == 0 || len(lawOf(cols, lawText)) == 0 {
		return g.aggregate(depth)
	}
	items := []string{i + " as c0", t + " as c1"}
	items, out := g.aggList(cols, items, []lawCol{{"c0", lawInt}, {"c1", lawText}})
	sets := lawPick(g, "rollup (%[1]s, %[2]s)", "cube (%[1]s, %[2]s)", "grouping sets ((%[1]s), (%[2]s), ())", "grouping sets ((%[1]s, %[2]s), (%[2]s))")
	if g.one(2) {
		items = append(items, fmt.Sprintf("grouping(%s, %s) as c%d", i, t, len(out)))
		out = append(out, lawCol{fmt.Sprintf("c%d", len(out)), lawInt})
	}
	return "select " + strings.Join(items, ", ") + " from " + src + g.where(cols, 0) + " group by " + fmt.Sprintf(sets, i, t), out
}
