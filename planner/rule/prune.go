package rule

import (
	"streamdb/expr"
	"streamdb/planner/logical"
)

// prune removes what can give no rows: a condition that is never TRUE, joins and
// branches of a UNION of which one side is empty, LIMIT 0. What is left of an
// empty plan is a list of no rows. Conditions that are always TRUE go as well.
func prune(m *logical.Meta, n logical.Node) logical.Node {
	p := &pruner{m}
	return logical.MapTree(n, p.node)
}

type pruner struct{ m *logical.Meta }

// none is a plan without rows in place of n.
func none(n logical.Node) logical.Node { return &logical.Values{Cols: n.Out()} }

// empty recognises a plan without rows.
func empty(n logical.Node) bool {
	v, ok := n.(*logical.Values)
	return ok && len(v.Rows) == 0
}

// never reports whether one of the conditions is certainly not TRUE; always
// drops those that certainly are.
func never(conds []expr.Expr) bool {
	for _, c := range conds {
		if v, ok := c.(*expr.Const); ok && (v.Value.Null || !v.Value.Bool()) {
			return true
		}
	}
	return false
}

func always(conds []expr.Expr) []expr.Expr {
	var rest []expr.Expr
	for _, c := range conds {
		if v, ok := c.(*expr.Const); ok && !v.Value.Null && v.Value.Bool() {
			continue
		}
		rest = append(rest, c)
	}
	return rest
}

func (p *pruner) node(n logical.Node) logical.Node {
	switch n := n.(type) {
	case *logical.Filter:
		if never(n.Conds) || empty(n.In) {
			return none(n)
		}
		return filter(n.In, always(n.Conds))
	case *logical.Project, *logical.Sort, *logical.Hop, *logical.ProjectSet, *logical.Window, *logical.Watermark:
		if empty(n.Inputs()[0]) {
			return none(n)
		}
	case *logical.Limit:
		c, ok := n.Limit.(*expr.Const)
		if empty(n.In) || ok && !c.Value.Null && c.Value.I == 0 {
			return none(n)
		}
	case *logical.Agg:
		if empty(n.In) && !n.Scalar {
			return none(n)
		}
	case *logical.LookupJoin:
		if empty(n.L) || n.Kind == logical.Inner && empty(n.R) {
			return none(n)
		}
	case *logical.Join:
		return p.join(n)
	case *logical.Union:
		return p.union(n)
	}
	return n
}

func (p *pruner) join(n *logical.Join) logical.Node {
	no := never(n.On)
	l, r := empty(n.L), empty(n.R)
	switch n.Kind {
	case logical.Inner, logical.Semi:
		if no || l || r {
			return none(n)
		}
	case logical.Anti:
		if l {
			return none(n)
		}
		if no || r {
			return n.L
		}
	case logical.Left:
		if l {
			return none(n)
		}
		if no || r {
			return p.padded(n.L, n.R)
		}
	case logical.Right:
		if r {
			return none(n)
		}
		if no || l {
			return p.padded(n.R, n.L)
		}
	case logical.Full:
		switch {
		case l && r:
			return none(n)
		case r:
			return p.padded(n.L, n.R)
		case l:
			return p.padded(n.R, n.L)
		}
	}
	if len(n.On) > 0 && !no {
		c := *n
		c.On = always(n.On)
		return &c
	}
	return n
}

// padded is n with NULLs for the columns of a side that has no rows.
func (p *pruner) padded(n, missing logical.Node) logical.Node {
	items := logical.Pass(p.m, n.Out())
	for _, id := range missing.Out() {
		items = append(items, logical.Item{Col: id, E: expr.Null(p.m.Cols[id].Type)})
	}
	return &logical.Project{In: n, Items: items}
}

func (p *pruner) union(n *logical.Union) logical.Node {
	u := &logical.Union{Cols: n.Cols}
	for i, in := range n.Ins {
		if !empty(in) {
			u.Ins, u.InCols = append(u.Ins, in), append(u.InCols, n.InCols[i])
		}
	}
	switch len(u.Ins) {
	case len(n.Ins):
		return n
	case 0:
		return none(n)
	case 1:
		pr := &logical.Project{In: u.Ins[0]}
		for i, id := range n.Cols {
			pr.Items = append(pr.Items, logical.Item{Col: id, E: p.m.Ref(u.InCols[0][i])})
		}
		return pr
	}
	return u
}
