package engine_test

import (
	"fmt"
	"slices"
	"strings"
)

// byKeys is a query that the planner can save work on by keys and equalities: rows
// that have the extreme of their group, unused joins, DISTINCT over groups, keys
// of GROUP BY that are equal to others.
func (g *lawGen) byKeys(depth int) (string, []lawCol) {
	rel, cols := lawPick(g, g.rels...), []lawCol(nil)
	sql, name := "", rel.name
	if cols = rel.cols; g.one(3) { // of a query
		sql, cols = g.query(depth - 1)
		name = g.name("w")
		sql = "with " + name + " as (" + sql + ") "
	}
	a, b := g.name("a"), g.name("b")
	ac := lawQualify(a, cols)
	k := lawPick(g, cols...).name
	switch g.IntN(5) {
	case 0, 1: // rows with the extreme of their group
		values := slices.DeleteFunc(slices.Clone(cols), func(c lawCol) bool { return c.t == lawBool })
		if len(values) == 0 {
			break
		}
		v, f := lawPick(g, values...), lawPick(g, "min", "max")
		bc := []lawCol{{b + ".m", v.t}}
		list, out := g.selectList(append(slices.Clone(ac), bc...), g.wanted(), 1)
		switch g.IntN(3) {
		case 0:
			return fmt.Sprintf("%sselect %s from %s %s join (select %s as k, %s(%s) as m from %s group by 1) %s on %s.%s = %s.k and %s.%s = %s.m",
				sql, list, name, a, k, f, v.name, name, b, a, k, b, a, v.name, b), out
		case 1:
			list, out = g.selectList(ac, g.wanted(), 1)
			return fmt.Sprintf("%sselect %s from %s %s where (%s.%s, %s.%s) in (select %s, %s(%s) from %s group by 1)",
				sql, list, name, a, a, k, a, v.name, k, f, v.name, name), out
		}
		list, out = g.selectList(ac, g.wanted(), 1)
		return fmt.Sprintf("%sselect %s from %s %s where %s.%s = (select %s(%s.%s) from %s %s where %s.%s = %s.%s)",
			sql, list, name, a, a, v.name, f, b, v.name, name, b, b, k, a, k), out
	case 2: // an unused join with groups
		r, rc := g.from(0)
		rk := lawPick(g, rc...)
		list, out := g.selectList(ac, g.wanted(), 1)
		return fmt.Sprintf("%sselect %s from %s %s left join (select %s as k, count(*) as n from %s group by 1) %s on %s = %s.k",
			sql, list, name, a, rk.name, r, b, g.expr(ac, rk.t, 0), b), out
	case 3: // DISTINCT over groups
		item, t := g.agg(ac)
		return fmt.Sprintf("%sselect distinct %s.%s as c0, %s as c1 from %s %s group by %s.%s", sql, a, k, item, name, a, a, k),
			[]lawCol{{"c0", lawOfName(cols, k)}, {"c1", t}}
	}
	bc := lawQualify(b, rel.cols)
	x, y := lawPick(g, ac...), lawCol{}
	if same := lawOf(bc, x.t); len(same) > 0 {
		y = lawPick(g, same...)
	} else {
		return g.aggregate(depth)
	}
	item, t := g.agg(append(slices.Clone(ac), bc...))
	keys := []string{x.name, y.name, lawPick(g, bc...).name}
	g.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	where := ""
	if g.one(3) {
		c := lawPick(g, bc...)
		where = " where " + c.name + " = " + g.constant(c.t)
		keys = append(keys, c.name)
	}
	return fmt.Sprintf("%sselect %s as c0, %s as c1 from %s %s %s %s %s on %s = %s%s group by %s", sql, x.name, item, name, a,
		lawPick(g, "join", "join", "left join", "full join"), rel.name, b, x.name, y.name, where, strings.Join(keys, ", ")), []lawCol{{"c0", x.t}, {"c1", t}}
}

func lawOfName(cols []lawCol, name string) lawType {
	for _, c := range cols {
		if c.name == name {
			return c.t
		}
	}
	return lawText
}
