package rule

import (
	"streamdb/expr"
	"streamdb/planner/logical"
)

// dropUnused removes a LEFT JOIN of which only the left side is used, where a left
// row meets one right row at most: it neither drops nor repeats left rows. The
// same of a RIGHT JOIN.
func dropUnused(n logical.Node) logical.Node { return dropUnusedBut(n, logical.OutSet(n)) }

// dropUnusedBut does it below n, of which only the columns of need are used.
func dropUnusedBut(n logical.Node, need logical.Set) logical.Node {
	if j, ok := n.(*logical.Join); ok {
		switch l, r := logical.OutSet(j.L), logical.OutSet(j.R); {
		case j.Kind == logical.Left && !need.Meets(r) && meetsOne(j.On, uniqueKey(j.R), l):
			return dropUnusedBut(j.L, need)
		case j.Kind == logical.Right && !need.Meets(l) && meetsOne(j.On, uniqueKey(j.L), r):
			return dropUnusedBut(j.R, need)
		}
	}
	ins := n.Inputs()
	if len(ins) == 0 {
		return n
	}
	out := make([]logical.Node, len(ins))
	changed := false
	for i, in := range ins {
		out[i] = dropUnusedBut(in, needOf(n, i, need))
		changed = changed || out[i] != in
	}
	if !changed {
		return n
	}
	return logical.WithInputs(n, out)
}

// needOf is what n reads or passes on of the columns of its input i, if only those
// of need are used above it.
func needOf(n logical.Node, i int, need logical.Set) logical.Set {
	switch n := n.(type) {
	case *logical.Project:
		var es []expr.Expr
		for _, it := range n.Items {
			if need.Has(it.Col) || expr.VolatilityOf(it.E) == expr.VolatileFn {
				es = append(es, it.E)
			}
		}
		return logical.Cols(es...)
	case *logical.Filter:
		return need.Union(logical.Cols(n.Conds...))
	case *logical.Watermark:
		return need.Union(logical.Cols(n.E)).Union(logical.SetOf(n.Col))
	case *logical.Hop:
		return need.Union(logical.SetOf(n.Time))
	case *logical.Join:
		return need.Union(logical.Cols(n.On...))
	case *logical.Sort:
		return need.Union(sortCols(n.Keys))
	case *logical.Limit:
		return need.Union(sortCols(n.Keys)).Union(logical.SetOf(n.Group...))
	case *logical.Agg:
		below := logical.SetOf(n.Keys...)
		for _, it := range n.Aggs {
			below.AddSet(logical.SetOf(it.Args...).Union(sortCols(it.OrderBy)))
			if it.Filter != 0 {
				below.Add(it.Filter)
			}
		}
		return below
	case *logical.Union:
		var below logical.Set
		for k, id := range n.Cols {
			if need.Has(id) {
				below.Add(n.InCols[i][k])
			}
		}
		return below
	}
	return logical.OutSet(n.Inputs()[i])
}

func sortCols(keys []logical.SortKey) logical.Set {
	var s logical.Set
	for _, k := range keys {
		s.Add(k.Col)
	}
	return s
}
