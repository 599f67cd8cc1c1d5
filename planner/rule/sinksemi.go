package rule

import (
	"slices"

	"streamdb/expr"
	"streamdb/planner/logical"
)

// sinkSemi moves a semi or anti join, which is a filter on its left rows, below
// an inner join on the left to the side whose columns it reads, if that side is
// estimated to have fewer rows than the join: the join then has less to do (TPC-H
// q18). Where nothing is known it stays.
func (p *pusher) sinkSemi(j *logical.Join) logical.Node {
	below, ok := j.L.(*logical.Join)
	if !ok || below.Kind != logical.Inner || p.stats.KeepOrder || p.stats.Rows == nil {
		return j
	}
	if slices.ContainsFunc(j.On, func(e expr.Expr) bool { return expr.VolatilityOf(e) == expr.VolatileFn }) {
		return j
	}
	reads := logical.Cols(j.On...).Intersect(logical.OutSet(below))
	if reads.Empty() {
		return j
	}
	est := &estimator{p.stats, map[logical.Node]float64{}, map[logical.ColID]columnValues{}}
	for _, leaf := range innerLeaves(below) {
		est.learn(leaf)
	}
	for _, side := range []*logical.Node{&below.L, &below.R} {
		if !reads.Subset(logical.OutSet(*side)) || est.rows(*side) >= est.rows(below) {
			continue
		}
		semi := *j
		semi.L = *side
		c := *below
		if side == &below.L {
			c.L = p.sinkSemi(&semi)
		} else {
			c.R = p.sinkSemi(&semi)
		}
		return &c
	}
	return j
}

// innerLeaves are the inputs of a tree of inner joins.
func innerLeaves(n logical.Node) []logical.Node {
	if j, ok := n.(*logical.Join); ok && j.Kind == logical.Inner {
		return append(innerLeaves(j.L), innerLeaves(j.R)...)
	}
	return []logical.Node{n}
}
