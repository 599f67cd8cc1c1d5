package logical

import (
	"slices"

	"streamdb/expr"
)

// CommonQuery is a query that is computed once, however many places read it: a
// common table expression that is MATERIALIZED or would give other rows each time.
// It reads nothing of an outer query, and no condition of its readers moves into it.
type CommonQuery struct {
	Name string
	Root Node
	Cols []ColID // of Root, each once
	// Varies: computed again it would give other rows.
	Varies bool
	// Optimized says that Root is as the rules made it.
	Optimized bool
}

// Common reads a CommonQuery: a leaf, whose columns are the query's under
// identities of their own.
type Common struct {
	Of   *CommonQuery
	Cols []ColID
}

// Inputs is nil: it is a leaf.
func (n *Common) Inputs() []Node { return nil }

// Out is the query's columns.
func (n *Common) Out() []ColID { return n.Cols }

func (n *Common) with([]Node) Node { c := *n; return &c }

// CommonQueries lists what a tree reads by Common, directly or through others:
// each after those that it reads itself.
func CommonQueries(n Node) []*CommonQuery {
	var out []*CommonQuery
	var find func(n Node)
	find = func(n Node) {
		if c, ok := n.(*Common); ok && !slices.Contains(out, c.Of) {
			find(c.Of.Root)
			out = append(out, c.Of)
		}
		for _, in := range n.Inputs() {
			find(in)
		}
	}
	find(n)
	return out
}

// Varies reports whether a tree would give other rows each time it is computed.
func Varies(n Node) bool {
	varies := false
	WalkTree(n, func(n Node) {
		for _, e := range Exprs(n) {
			varies = varies || expr.VolatilityOf(e) == expr.VolatileFn
		}
	})
	return varies
}
