package engine_test

import (
	"fmt"
	"strings"
)

// indexes makes up to two indexes on a table: nothing that a query gives may
// depend on them. Postgres gets the same ones.
func (g *lawGen) indexes(r *lawRel) []lawStep {
	var steps []lawStep
	for range g.IntN(3) {
		var keys []string
		for _, i := range g.Perm(len(r.cols))[:1+g.IntN(2)] {
			keys = append(keys, r.cols[i].name+lawPick(g, "", "", " desc", " nulls first", " desc nulls last"))
		}
		if texts := lawOf(r.cols, lawText); len(texts) > 0 && g.one(6) {
			keys[0] = "upper(" + texts[0].name + ")"
		}
		include := ""
		if g.one(3) {
			include = " include (" + lawPick(g, r.cols...).name + ")"
		}
		sql := fmt.Sprintf("create index %s on %s (%s)%s", g.name("i"), r.name, strings.Join(keys, ", "), include)
		steps = append(steps, lawStep{stmts: []lawStmt{{head: sql}}})
	}
	return steps
}

// keyed is a query whose conditions an index can answer: equalities, a range or
// an IN list of plain columns of one table.
func (g *lawGen) keyed(r *lawRel) (string, []lawCol) {
	a := g.name("k")
	cols := lawQualify(a, r.cols)
	var conds []string
	for _, i := range g.Perm(len(cols))[:1+g.IntN(min(3, len(cols)))] {
		c := cols[i]
		if c.t == lawBool {
			conds = append(conds, c.name+" = "+g.constant(lawBool))
			continue
		}
		conds = append(conds, lawPick(g,
			fmt.Sprintf("%s = %s", c.name, g.value(c.t)),
			fmt.Sprintf("%s in (%s, %s, %s)", c.name, g.constant(c.t), g.constant(c.t), g.value(c.t)),
			fmt.Sprintf("%s %s %s", c.name, lawPick(g, "<", "<=", ">", ">="), g.value(c.t)),
			fmt.Sprintf("%s > %s and %s <= %s", c.name, g.constant(c.t), c.name, g.constant(c.t)),
			fmt.Sprintf("%s >= %s", g.constant(c.t), c.name)))
	}
	if texts := lawOf(cols, lawText); len(texts) > 0 && g.one(5) {
		conds = append(conds, fmt.Sprintf("upper(%s) = %s", texts[0].name, g.constant(lawText)))
	}
	var list []string
	var out []lawCol
	for i, c := range cols {
		n := fmt.Sprintf("c%d", i)
		list = append(list, c.name+" as "+n)
		out = append(out, lawCol{n, c.t})
	}
	return "select " + strings.Join(list, ", ") + " from " + r.name + " " + a + " where " + strings.Join(conds, " and "), out
}

// keyedView is a view of such a query. The view holds what the job computed, the
// query reads by an index if there is one: the law compares them.
func (g *lawGen) keyedView(tables []*lawRel) []lawStep {
	sql, cols := g.keyed(lawPick(g, tables...))
	v := &lawRel{name: g.name("v"), cols: cols, depth: 1}
	g.add(v)
	return []lawStep{{view: v.name, query: sql}}
}
