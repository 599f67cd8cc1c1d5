package rule

import (
	"slices"

	"streamdb/expr"
	"streamdb/planner/logical"
)

// decided simplifies the conditions of NOT IN, (x = y) IS NOT FALSE, to x = y
// where neither side can be NULL: that is an equality to join by.
func decided(j *logical.Join) []expr.Expr {
	out := slices.Clone(j.On)
	for i, c := range out {
		call, ok := c.(*expr.Call)
		if !ok || call.Def.Name != "is_not_false" {
			continue
		}
		cmp, ok := call.Args[0].(*expr.Call)
		if !ok || cmp.Def.NotStrict || cmp.Def.Name != "=" {
			continue
		}
		sure := true
		for _, a := range cmp.Args {
			sure = sure && (neverNull(a, j.L) || neverNull(a, j.R))
		}
		if sure {
			out[i] = cmp
		}
	}
	return out
}

// neverNull reports whether the expression, over columns of n, is certainly not NULL.
func neverNull(e expr.Expr, n logical.Node) bool {
	switch e := e.(type) {
	case *expr.Const:
		return !e.Value.Null
	case *expr.Col:
		return notNull(n, e.Index)
	}
	return false
}

// notNull reports whether a column of n is certainly not NULL.
func notNull(n logical.Node, id logical.ColID) bool {
	switch n := n.(type) {
	case *logical.Scan:
		p := slices.Index(n.Cols, id)
		return p >= 0 && n.Obj.Cols[n.Idx[p]].NotNull
	case *logical.Filter:
		for _, c := range n.Conds {
			if rejectsNull(c, logical.SetOf(id)) {
				return true
			}
		}
		return notNull(n.In, id)
	case *logical.Project:
		for _, it := range n.Items {
			if it.Col == id {
				return neverNull(it.E, n.In)
			}
		}
	case *logical.Join:
		switch n.Kind {
		case logical.Inner:
			return notNull(n.L, id) || notNull(n.R, id)
		case logical.Left, logical.Semi, logical.Anti:
			return notNull(n.L, id)
		case logical.Right:
			return notNull(n.R, id)
		}
	case *logical.LookupJoin:
		return notNull(n.L, id) || n.Kind == logical.Inner && notNull(n.R, id)
	case *logical.Agg:
		if slices.Contains(n.Keys, id) {
			return notNull(n.In, id)
		}
		for _, it := range n.Aggs {
			if it.Col == id {
				return it.Zero
			}
		}
	case *logical.Sort:
		return notNull(n.In, id)
	case *logical.Limit:
		return notNull(n.In, id)
	case *logical.ProjectSet:
		return notNull(n.In, id)
	case *logical.Session:
		return id == n.Start || id == n.End || id == n.Time || notNull(n.In, id)
	case *logical.Hop:
		return id == n.Start || id == n.End || notNull(n.In, id)
	}
	return false
}
