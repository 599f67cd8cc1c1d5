package rule

import (
	"slices"

	"streamdb/expr"
	"streamdb/planner/logical"
)

// pull takes the conditions that read columns of outer out of n and returns
// them beside a tree without correlation. The tree provides the columns that the
// conditions read. ok is false when that cannot be done.
func (d *decorrelator) pull(n logical.Node, outer logical.Set) (out logical.Node, conds []expr.Expr, ok bool) {
	if !correlated(n, outer) {
		return n, nil, true
	}
	own := func(es []expr.Expr) (stay, leave []expr.Expr) {
		for _, e := range es {
			if logical.Cols(e).Meets(outer) {
				leave = append(leave, e)
			} else {
				stay = append(stay, e)
			}
		}
		return stay, leave
	}
	switch n := n.(type) {
	case *logical.Filter:
		in, conds, ok := d.pull(n.In, outer)
		if !ok {
			return nil, nil, false
		}
		stay, leave := own(n.Conds)
		return filter(in, stay), append(conds, leave...), true
	case *logical.Sort:
		return d.pull(n.In, outer)
	case *logical.Project:
		in, conds, ok := d.pull(n.In, outer)
		if !ok || logical.Cols(logical.Exprs(n)...).Meets(outer) {
			return nil, nil, false
		}
		items := slices.Clone(n.Items)
		for _, id := range logical.Cols(conds...).Minus(outer).IDs() {
			if !slices.ContainsFunc(items, func(it logical.Item) bool { return it.Col == id }) {
				items = append(items, logical.Item{Col: id, E: d.m.Ref(id)})
			}
		}
		return &logical.Project{In: in, Items: items}, conds, true
	case *logical.Join:
		return d.pullJoin(n, outer, own)
	case *logical.Agg:
		if n.Scalar {
			return nil, nil, false
		}
		in, conds, ok := d.pull(n.In, outer)
		if !ok {
			return nil, nil, false
		}
		keys := slices.Clone(n.Keys)
		for _, c := range conds {
			cols := logical.Cols(c).Minus(outer)
			if cols.Subset(logical.SetOf(n.Keys...)) {
				continue
			}
			if _, eq := innerSide(c, outer); !eq {
				return nil, nil, false
			}
			for _, id := range cols.IDs() {
				if !slices.Contains(keys, id) {
					keys = append(keys, id)
				}
			}
		}
		// An equality on an expression of several columns does not fix each of them.
		for _, c := range conds {
			if inner, eq := innerSide(c, outer); eq {
				if _, col := inner.(*expr.Col); !col && !logical.Cols(inner).Subset(logical.SetOf(n.Keys...)) {
					return nil, nil, false
				}
			}
		}
		return &logical.Agg{In: in, Keys: keys, Aggs: n.Aggs}, conds, true
	case *logical.ProjectSet:
		if logical.Cols(logical.Exprs(n)...).Meets(outer) || n.Ordinality != 0 {
			return nil, nil, false
		}
		in, conds, ok := d.pull(n.In, outer)
		if !ok {
			return nil, nil, false
		}
		return logical.WithInputs(n, []logical.Node{in}), conds, true
	case *logical.Hop:
		in, conds, ok := d.pull(n.In, outer)
		if !ok {
			return nil, nil, false
		}
		return logical.WithInputs(n, []logical.Node{in}), conds, true
	}
	return nil, nil, false
}

func (d *decorrelator) pullJoin(n *logical.Join, outer logical.Set, own func([]expr.Expr) (stay, leave []expr.Expr)) (logical.Node, []expr.Expr, bool) {
	if n.Kind == logical.Full || n.Kind == logical.Right && correlated(n.L, outer) || n.Kind != logical.Inner && n.Kind != logical.Right && correlated(n.R, outer) {
		return nil, nil, false
	}
	stay, leave := own(n.On)
	if len(leave) > 0 && n.Kind != logical.Inner {
		return nil, nil, false
	}
	l, lc, ok := d.pull(n.L, outer)
	if !ok {
		return nil, nil, false
	}
	r, rc, ok := d.pull(n.R, outer)
	if !ok {
		return nil, nil, false
	}
	return &logical.Join{Kind: n.Kind, L: l, R: r, On: stay}, slices.Concat(leave, lc, rc), true
}

// innerSide recognises an equality between an expression of outer columns and
// one of inner columns, and returns the latter.
func innerSide(c expr.Expr, outer logical.Set) (expr.Expr, bool) {
	call, ok := c.(*expr.Call)
	if !ok || len(call.Args) != 2 || call.Def.Name != "=" && call.Def.Name != "is_not_distinct_from" {
		return nil, false
	}
	for i, a := range call.Args {
		b := call.Args[1-i]
		ac, bc := logical.Cols(a), logical.Cols(b)
		if ac.Subset(outer) && !bc.Meets(outer) && !bc.Empty() {
			return b, true
		}
	}
	return nil, false
}

// equalities makes the inner side of each condition a column of n, if all
// conditions are equalities: to group by them.
func (d *decorrelator) equalities(n logical.Node, conds []expr.Expr, outer logical.Set) (logical.Node, []logical.ColID, []expr.Expr, bool) {
	var keys []logical.ColID
	var extra []logical.Item
	out := slices.Clone(conds)
	for i, c := range conds {
		inner, ok := innerSide(c, outer)
		if !ok {
			return nil, nil, nil, false
		}
		col, isCol := inner.(*expr.Col)
		if !isCol {
			id := d.m.New("key", inner.Type())
			extra = append(extra, logical.Item{Col: id, E: inner})
			col = d.m.Ref(id)
			call := *c.(*expr.Call)
			call.Args = slices.Clone(call.Args)
			for k, a := range call.Args {
				if a == inner {
					call.Args[k] = col
				}
			}
			out[i] = &call
		}
		if !slices.Contains(keys, col.Index) {
			keys = append(keys, col.Index)
		}
	}
	if len(keys) == 0 {
		return nil, nil, nil, false
	}
	if len(extra) > 0 {
		n = &logical.Project{In: n, Items: append(logical.Pass(d.m, n.Out()), extra...)}
	}
	return n, keys, out, true
}

// uniqueBy reports whether the conditions, equalities with outer columns, match
// at most one row of n.
func uniqueBy(n logical.Node, conds []expr.Expr, outer logical.Set) bool {
	var fixed logical.Set
	for _, c := range conds {
		if inner, ok := innerSide(c, outer); ok {
			if col, ok := inner.(*expr.Col); ok {
				fixed.Add(col.Index)
			}
		}
	}
	key := uniqueKey(n)
	return len(key) > 0 && logical.SetOf(key...).Subset(fixed)
}

// uniqueKey is a set of columns that no two rows agree on; nil: none is known.
func uniqueKey(n logical.Node) []logical.ColID {
	switch n := n.(type) {
	case *logical.Scan:
		var key []logical.ColID
		for _, k := range n.Obj.Rows.Key {
			p := slices.Index(n.Idx, k.Col)
			if p < 0 {
				return nil
			}
			key = append(key, n.Cols[p])
		}
		return key
	case *logical.Filter:
		return uniqueKey(n.In)
	case *logical.Sort:
		return uniqueKey(n.In)
	case *logical.Limit:
		return uniqueKey(n.In)
	case *logical.Window:
		return uniqueKey(n.In)
	case *logical.Project:
		key := uniqueKey(n.In)
		if logical.SetOf(key...).Subset(logical.OutSet(n)) {
			return key
		}
	case *logical.Agg:
		return n.Keys
	case *logical.Join:
		switch n.Kind {
		case logical.Semi, logical.Anti:
			return uniqueKey(n.L)
		}
		l, r := uniqueKey(n.L), uniqueKey(n.R)
		// A row that meets one row of the other side at most keeps its own key.
		if (n.Kind == logical.Inner || n.Kind == logical.Left) && meetsOne(n.On, r, logical.OutSet(n.L)) {
			return l
		}
		if (n.Kind == logical.Inner || n.Kind == logical.Right) && meetsOne(n.On, l, logical.OutSet(n.R)) {
			return r
		}
		if n.Kind == logical.Full && !slices.ContainsFunc(l, func(id logical.ColID) bool { return notNull(n.L, id) }) &&
			!slices.ContainsFunc(r, func(id logical.ColID) bool { return notNull(n.R, id) }) {
			return nil // padded rows of both sides may look alike
		}
		if l != nil && r != nil {
			return slices.Concat(l, r)
		}
	}
	return nil
}

// meetsOne reports whether the equalities of a join condition with columns of
// other fix a unique key: a row of other then meets one row at most.
func meetsOne(on []expr.Expr, key []logical.ColID, other logical.Set) bool {
	if len(key) == 0 {
		return false
	}
	var fixed logical.Set
	for _, c := range on {
		call, ok := c.(*expr.Call)
		if !ok || call.Def.Name != "=" || len(call.Args) != 2 {
			continue
		}
		for i, a := range call.Args {
			b, isCol := call.Args[1-i].(*expr.Col)
			if cols := logical.Cols(a); isCol && !cols.Empty() && cols.Subset(other) && !other.Has(b.Index) {
				fixed.Add(b.Index)
			}
		}
	}
	return logical.SetOf(key...).Subset(fixed)
}
