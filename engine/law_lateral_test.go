package engine_test

import (
	"fmt"
	"slices"
	"strings"
)

// lateral joins each row with a query over it: its first rows in an order, an
// aggregate, or a set-returning function of its columns.
func (g *lawGen) lateral(depth int) (string, []lawCol) {
	src, cols := g.from(depth - 1)
	inner, ic := g.from(0)
	a := g.name("l")
	var sub string
	var sc []lawCol
	switch g.IntN(4) {
	case 0:
		item, t := g.agg(ic)
		sub, sc = fmt.Sprintf("select %s as x from %s where %s", item, inner, g.equal(cols, ic)), []lawCol{{a + ".x", t}}
	case 1:
		t := lawPick(g, lawTypes...)
		sub, sc = fmt.Sprintf("select %s as x from %s where %s", g.expr(ic, t, 1), inner, g.equal(cols, ic)), []lawCol{{a + ".x", t}}
	default:
		t := lawPick(g, lawInt, lawText, lawTime, lawBigint)
		x := g.expr(ic, t, 1)
		sub = fmt.Sprintf("select %s as x from %s where %s order by 1 %s limit %d", x, inner, g.equal(cols, ic), lawPick(g, "", "desc", "desc nulls last"), 1+g.IntN(2))
		sc = []lawCol{{a + ".x", t}}
	}
	list, out := g.selectList(append(slices.Clone(cols), sc...), g.wanted(), 1)
	list += fmt.Sprintf(", %s as c%d", sc[0].name, len(out))
	out = append(out, lawCol{fmt.Sprintf("c%d", len(out)), sc[0].t})
	join := lawPick(g, "cross join lateral (%s) %s", "left join lateral (%s) %s on true", "join lateral (%s) %s on true")
	return "select " + list + " from " + src + " " + fmt.Sprintf(join, sub, a) + g.where(cols, 0), out
}

// series calls a set-returning function, in FROM or in the select list.
func (g *lawGen) series(depth int) (string, []lawCol) {
	src, cols := g.from(depth - 1)
	n := fmt.Sprintf("(%s) %% 4", g.expr(cols, lawInt, 0))
	list, out := g.selectList(cols, g.wanted(), 1)
	c := fmt.Sprintf("c%d", len(out))
	add := func(t lawType) []lawCol { return append(out, lawCol{c, t}) }
	switch g.IntN(6) {
	case 0:
		return fmt.Sprintf("select %s, generate_series(1, %s) as %s from %s", list, n, c, src) + g.where(cols, 0), add(lawInt)
	case 1:
		return fmt.Sprintf("select %s, s.i as %s from %s cross join lateral generate_series(0, %s) as s(i)", list, c, src, n) + g.where(cols, 0), add(lawInt)
	case 2:
		return fmt.Sprintf("select %s, unnest(string_to_array(%s, 'b')) as %s from %s", list, g.expr(cols, lawText, 1), c, src) + g.where(cols, 0), add(lawText)
	case 3:
		return fmt.Sprintf("select %s, u.x as %s from %s left join lateral unnest(array[%s, %s]) as u(x) on true", list, c, src,
			g.expr(cols, lawInt, 1), g.expr(cols, lawInt, 0)) + g.where(cols, 0), add(lawInt)
	case 4:
		return fmt.Sprintf("select %s, (u.n * 10)::int as %s from %s cross join lateral unnest(array[%s, %s]) with ordinality as u(x, n)", list, c, src,
			g.expr(cols, lawText, 1), g.constant(lawText)) + g.where(cols, 0), add(lawInt)
	}
	return fmt.Sprintf("select %s, regexp_split_to_table(%s, '[ab]') as %s from %s", list, g.expr(cols, lawText, 1), c, src) + g.where(cols, 0), add(lawText)
}

// values joins with a list of rows of constants.
func (g *lawGen) values(depth int) (string, []lawCol) {
	src, cols := g.from(depth - 1)
	a := g.name("k")
	ts := []lawType{lawInt, lawPick(g, lawTypes...)}
	var rows []string
	for range 1 + g.IntN(4) {
		rows = append(rows, fmt.Sprintf("(%s, %s)", g.constant(ts[0]), g.constant(ts[1])))
	}
	vc := []lawCol{{a + ".x", ts[0]}, {a + ".y", ts[1]}}
	list, out := g.selectList(append(slices.Clone(cols), vc...), g.wanted(), 1)
	return fmt.Sprintf("select %s from %s %s (values %s) as %s(x, y) on %s", list, src, lawPick(g, "join", "left join", "full join"), strings.Join(rows, ", "), a, g.equal(cols, vc)), out
}
