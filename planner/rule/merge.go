package rule

import (
	"streamdb/expr"
	"streamdb/planner/logical"
)

// mergeProjects writes a Project into the one above it, and into the one-row
// table below it, where no expression is computed twice for it.
func mergeProjects(m *logical.Meta, n logical.Node) logical.Node {
	return logical.MapTree(n, func(n logical.Node) logical.Node {
		p, ok := n.(*logical.Project)
		if !ok {
			return n
		}
		switch in := p.In.(type) {
		case *logical.Project:
			if by, ok := mergeable(p, in); ok {
				items := make([]logical.Item, len(p.Items))
				for i, it := range p.Items {
					items[i] = logical.Item{Col: it.Col, E: logical.Substitute(it.E, by)}
				}
				return &logical.Project{In: in.In, Items: items}
			}
		case *logical.Values:
			if logical.IsOneRow(in) {
				v := &logical.Values{Rows: [][]expr.Expr{nil}}
				for _, it := range p.Items {
					v.Cols, v.Rows[0] = append(v.Cols, it.Col), append(v.Rows[0], it.E)
				}
				return v
			}
		}
		return n
	})
}

// mergeable reports whether below's expressions may be written into above: those
// that are work are used once at most.
func mergeable(above, below *logical.Project) (map[logical.ColID]expr.Expr, bool) {
	by := map[logical.ColID]expr.Expr{}
	work := map[logical.ColID]int{}
	for _, it := range below.Items {
		if c, ok := it.E.(*expr.Col); ok && c.Index == it.Col {
			continue
		}
		by[it.Col] = it.E
		switch it.E.(type) {
		case *expr.Col, *expr.Const, *expr.Param:
		default:
			work[it.Col] = 0
			if expr.VolatilityOf(it.E) == expr.VolatileFn {
				return nil, false
			}
		}
	}
	for _, it := range above.Items {
		once := true
		expr.Walk(it.E, func(e expr.Expr) bool {
			if c, ok := e.(*expr.Col); ok {
				if n, isWork := work[c.Index]; isWork {
					work[c.Index] = n + 1
					once = once && n == 0
				}
			}
			return true
		})
		if !once {
			return nil, false
		}
	}
	return by, true
}
