package engine_test

import (
	"fmt"
	"strings"
)

// lawSwitches turn parts of the planner off, for streamdb alone: a plan must
// not change what a view holds.
var lawSwitches = []string{"enable_share_plan", "enable_join_ordering", "enable_rewrites", "enable_two_phase_agg", "force_two_phase_agg"}

// planned now and then creates the views that follow with another planner.
func (g *lawGen) planned() []lawStep {
	if !g.one(4) {
		return nil
	}
	return []lawStep{{local: fmt.Sprintf("set %s = %s", lawPick(g, lawSwitches...), lawPick(g, "on", "off"))}}
}

// shared is a query that reads one query several times: a self join of it, of
// parts of it with conditions of their own, or with an aggregate over it.
func (g *lawGen) shared(depth int) (string, []lawCol) {
	inner, cols := g.query(depth - 1)
	if depth <= 0 {
		inner, cols = g.aggregate(0)
	}
	w, a, b := g.name("w"), g.name("a"), g.name("b")
	hint := lawPick(g, "", "", "materialized ", "not materialized ")
	ac, bc := lawQualify(a, cols), lawQualify(b, cols)
	from := fmt.Sprintf("%s %s", w, a)
	switch g.IntN(4) {
	case 0:
		from += fmt.Sprintf(" join %s %s on %s", w, b, g.equal(ac, bc))
	case 1:
		from += fmt.Sprintf(" %s join (select * from %s where %s) %s on %s", lawPick(g, "left", "full", "right"), w, g.pred(cols, 1), b, g.equal(ac, bc))
	case 2:
		return fmt.Sprintf("with %s as %s(%s) select * from %s where %s union all select * from %s", w, hint, inner, w, g.pred(cols, 1), w), cols
	default:
		k := lawPick(g, cols...)
		item, t := g.agg(cols)
		from += fmt.Sprintf(" join (select %s as k, %s as x from %s group by 1) %s on %s.%s = %s.k", k.name, item, w, b, a, k.name, b)
		bc = []lawCol{{b + ".x", t}}
	}
	both := append(append([]lawCol(nil), ac...), bc...)
	list, out := g.selectList(both, g.wanted(), 1)
	return strings.Join([]string{"with", w, "as " + hint + "(" + inner + ") select", list, "from", from}, " ") + g.where(both, 0), out
}
