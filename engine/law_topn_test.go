package engine_test

import (
	"fmt"
	"slices"
	"strings"
)

// ranked takes the rows of the first ranks by one or two columns, of which many
// rows have the same. Peers have the same rank, so that there is one answer.
func (g *lawGen) ranked(depth int) (string, []lawCol) {
	sql, out := g.project(append(g.wanted(), lawInt, lawInt), depth)
	var all []string
	for _, c := range out {
		all = append(all, c.name)
	}
	var order []string
	for _, k := range g.Perm(len(out))[:1+g.IntN(2)] {
		order = append(order, out[k].name+lawPick(g, "", "", " desc", " nulls first", " desc nulls last"))
	}
	over := "order by " + strings.Join(order, ", ")
	if !g.one(3) {
		over = "partition by " + lawPick(g, all...) + " " + over
	}
	list, out := slices.Clone(all), slices.Clone(out)
	if g.one(3) {
		list = append(list, fmt.Sprintf("rk as c%d", len(out)))
		out = append(out, lawCol{fmt.Sprintf("c%d", len(out)), lawBigint})
	}
	k := 1 + g.IntN(3)
	cond := lawPick(g, fmt.Sprintf("rk <= %d", k), fmt.Sprintf("rk < %d", k+1), fmt.Sprintf("rk = %d", k), fmt.Sprintf("rk between %d and %d", k, k+1))
	return fmt.Sprintf("select %s from (select *, %s() over (%s) as rk from (%s) x) y where %s",
		strings.Join(list, ", "), lawPick(g, "dense_rank", "dense_rank", "rank"), over, sql, cond), out
}
