package rule

import (
	"streamdb/expr"
	"streamdb/internal/sqlerr"
	"streamdb/planner/logical"
	"streamdb/types"
)

// decorrelate removes every Apply, innermost first. An Apply evaluates its right
// side R for each row of its left side L; the columns of L that R reads are its
// correlation. In order:
//
//  1. no correlation: a join
//  2. R is a chain of unary nodes over the one-row table: the chain moves onto L
//  3. R gives exactly one row from a Project or Filter over it: that moves above
//  4. the correlation is in conditions that can be pulled up to become the join
//     condition; equalities also through aggregates, which then group by them
//  5. else R is evaluated for the distinct values of the correlation columns
//     (Neumann and Kemper, "Unnesting Arbitrary Queries", BTW 2015) and joined to L
func decorrelate(m *logical.Meta, n logical.Node) (logical.Node, error) {
	d := &decorrelator{m: m}
	out := d.tree(n)
	return out, d.err
}

type decorrelator struct {
	m   *logical.Meta
	err error
}

func (d *decorrelator) tree(n logical.Node) logical.Node {
	return logical.MapTree(n, func(n logical.Node) logical.Node {
		if a, ok := n.(*logical.Apply); ok && d.err == nil {
			return d.apply(a)
		}
		return n
	})
}

func (d *decorrelator) fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

// correlated reports whether n reads columns of outer.
func correlated(n logical.Node, outer logical.Set) bool { return logical.Free(n).Meets(outer) }

func (d *decorrelator) apply(a *logical.Apply) logical.Node {
	outer := logical.OutSet(a.L)
	rows := rowsOf(a.R)
	if a.Scalar && rows != exactlyOne && rows != atMostOne {
		return d.scalar(a, outer)
	}
	if !correlated(a.R, outer) {
		return plainJoin(a, rows)
	}
	if n, ok := d.inline(a); ok {
		return n
	}
	if rows == exactlyOne || a.Kind == logical.Inner {
		if n, ok := d.pullOneRow(a, outer); ok {
			return n
		}
	}
	if agg, ok := a.R.(*logical.Agg); ok && agg.Scalar {
		return d.scalarAgg(a, agg, outer)
	}
	if f, ok := a.R.(*logical.Filter); ok { // HAVING over a scalar aggregate
		if agg, ok := f.In.(*logical.Agg); ok && agg.Scalar {
			return d.having(a, f, agg, outer)
		}
	}
	if r, conds, ok := d.pull(a.R, outer); ok {
		return &logical.Join{Kind: a.Kind, L: a.L, R: r, On: append(append([]expr.Expr(nil), a.On...), conds...)}
	}
	return d.viaDomain(a, outer)
}

// plainJoin is an Apply without correlation.
func plainJoin(a *logical.Apply, rows rowCount) logical.Node {
	kind := a.Kind
	if kind == logical.Left && rows == exactlyOne && len(a.On) == 0 {
		kind = logical.Inner
	}
	return &logical.Join{Kind: kind, L: a.L, R: a.R, On: a.On}
}

// scalar makes sure that a scalar subquery gives at most one row per outer row.
func (d *decorrelator) scalar(a *logical.Apply, outer logical.Set) logical.Node {
	if !correlated(a.R, outer) {
		return &logical.Join{Kind: logical.Inner, L: a.L, R: &logical.SingleRow{In: a.R}}
	}
	c := *a
	c.Scalar = false
	if r, conds, ok := d.pull(a.R, outer); ok {
		if uniqueBy(r, conds, outer) {
			return &logical.Join{Kind: logical.Left, L: a.L, R: r, On: append(append([]expr.Expr(nil), a.On...), conds...)}
		}
		// One row per value of the columns compared with, or an error.
		if r, keys, conds, ok := d.equalities(r, conds, outer); ok {
			one, err := d.onlyRow(r, keys)
			if err != nil {
				d.fail(err)
				return a
			}
			return &logical.Join{Kind: logical.Left, L: a.L, R: one, On: append(append([]expr.Expr(nil), a.On...), conds...)}
		}
	}
	dom, ids := d.domain(a.L, a.R, outer)
	r := d.push(a.R, dom, ids)
	keys := values(ids)
	one, err := d.onlyRow(r, keys)
	if err != nil {
		d.fail(err)
		return a
	}
	return d.joinDomain(&c, one, ids)
}

// rowCount is what is known of the number of rows of a node.
type rowCount uint8

const (
	anyNumber rowCount = iota
	atMostOne
	exactlyOne
)

func rowsOf(n logical.Node) rowCount {
	switch n := n.(type) {
	case *logical.Values:
		if len(n.Rows) == 1 {
			return exactlyOne
		}
	case *logical.Common:
		return rowsOf(n.Of.Root)
	case *logical.Agg:
		if n.Scalar {
			return exactlyOne
		}
	case *logical.SingleRow:
		return exactlyOne
	case *logical.Project:
		return rowsOf(n.In)
	case *logical.Sort:
		return rowsOf(n.In)
	case *logical.Filter:
		if rowsOf(n.In) != anyNumber {
			return atMostOne
		}
	case *logical.Limit:
		if rowsOf(n.In) != anyNumber {
			return atMostOne
		}
		if c, ok := n.Limit.(*expr.Const); ok && len(n.Group) == 0 && !n.WithTies && !c.Value.Null && c.Value.I <= 1 {
			return atMostOne
		}
	case *logical.Join:
		if n.Kind == logical.Inner && len(n.On) == 0 && rowsOf(n.L) == exactlyOne && rowsOf(n.R) == exactlyOne {
			return exactlyOne
		}
		if n.Kind == logical.Left && rowsOf(n.L) == exactlyOne && rowsOf(n.R) != anyNumber {
			return exactlyOne
		}
	}
	return anyNumber
}

// inline moves a chain over the one-row table onto L: Apply(L, f(OneRow)) is f(L).
func (d *decorrelator) inline(a *logical.Apply) (logical.Node, bool) {
	if len(a.On) > 0 || a.Kind != logical.Inner && !(a.Kind == logical.Left && rowsOf(a.R) == exactlyOne) {
		return nil, false
	}
	return d.chain(a.R, a.L)
}

func (d *decorrelator) chain(n, leaf logical.Node) (logical.Node, bool) {
	switch n := n.(type) {
	case *logical.Values:
		if logical.IsOneRow(n) {
			return leaf, true
		}
		if len(n.Rows) == 1 {
			items := logical.Pass(d.m, leaf.Out())
			for i, id := range n.Cols {
				items = append(items, logical.Item{Col: id, E: n.Rows[0][i]})
			}
			return &logical.Project{In: leaf, Items: items}, true
		}
	case *logical.Project:
		in, ok := d.chain(n.In, leaf)
		if !ok {
			return nil, false
		}
		return &logical.Project{In: in, Items: append(logical.Pass(d.m, leaf.Out()), n.Items...)}, true
	case *logical.Filter:
		if in, ok := d.chain(n.In, leaf); ok {
			return &logical.Filter{In: in, Conds: n.Conds}, true
		}
	case *logical.ProjectSet:
		if n.Ordinality != 0 && !logical.IsOneRow(n.In) {
			return nil, false
		}
		if in, ok := d.chain(n.In, leaf); ok {
			c := *n
			c.In = in
			return &c, true
		}
	case *logical.Join: // a scalar join inside the chain
		if n.Kind == logical.Inner || n.Kind == logical.Left {
			if in, ok := d.chain(n.L, leaf); ok && !logical.Free(n.R).Meets(logical.OutSet(leaf)) {
				return &logical.Join{Kind: n.Kind, L: in, R: n.R, On: n.On}, true
			}
		}
	}
	return nil, false
}

// pullOneRow moves a Project (or, for Inner, a Filter) from the top of R above
// the Apply: the rest of R is then one node less.
func (d *decorrelator) pullOneRow(a *logical.Apply, outer logical.Set) (logical.Node, bool) {
	if len(a.On) > 0 || a.Kind != logical.Inner && a.Kind != logical.Left {
		return nil, false
	}
	switch r := a.R.(type) {
	case *logical.Project:
		below := d.apply(&logical.Apply{Kind: a.Kind, L: a.L, R: r.In})
		var own []logical.Item
		for _, it := range r.Items {
			if !outer.Has(it.Col) {
				own = append(own, it)
			}
		}
		return &logical.Project{In: below, Items: append(logical.Pass(d.m, a.L.Out()), own...)}, true
	case *logical.Filter:
		if a.Kind == logical.Inner {
			below := d.apply(&logical.Apply{Kind: a.Kind, L: a.L, R: r.In})
			return &logical.Filter{In: below, Conds: r.Conds}, true
		}
	}
	return nil, false
}

// scalarAgg is a correlated aggregate without GROUP BY: exactly one row for each
// outer row. It becomes an outer join with the aggregate grouped by what it is
// compared with; where that has no group, count is 0 and the others are NULL.
func (d *decorrelator) scalarAgg(a *logical.Apply, agg *logical.Agg, outer logical.Set) logical.Node {
	switch a.Kind {
	case logical.Semi, logical.Anti:
		inner := &logical.Apply{Kind: logical.Inner, L: a.L, R: agg}
		below := d.apply(inner)
		if a.Kind == logical.Anti && len(a.On) == 0 {
			return &logical.Filter{In: pass(d.m, below, a.L.Out()), Conds: []expr.Expr{expr.Bool(false)}}
		}
		if a.Kind == logical.Semi {
			return pass(d.m, filter(below, a.On), a.L.Out())
		}
		d.fail(sqlerr.Unsupported("NOT IN over a correlated aggregate"))
		return a
	}
	if len(a.On) > 0 {
		d.fail(sqlerr.Unsupported("a condition on a lateral aggregate in an outer join"))
		return a
	}
	aggs, items := d.orZero(agg.Aggs)
	items = append(logical.Pass(d.m, a.L.Out()), items...)
	if in, conds, ok := d.pull(agg.In, outer); ok {
		if in, keys, conds, ok := d.equalities(in, conds, outer); ok {
			g := &logical.Agg{In: in, Keys: keys, Aggs: aggs}
			return &logical.Project{In: &logical.Join{Kind: logical.Left, L: a.L, R: g, On: conds}, Items: items}
		}
	}
	dom, ids := d.domain(a.L, agg.In, outer)
	g := &logical.Agg{In: d.push(agg.In, dom, ids), Keys: values(ids), Aggs: aggs}
	return &logical.Project{In: d.joinDomain(&logical.Apply{Kind: logical.Left, L: a.L}, g, ids), Items: items}
}

// orZero gives counts their value for no rows: the aggregates get new columns,
// which the items turn into the old ones after an outer join.
func (d *decorrelator) orZero(in []logical.AggItem) (aggs []logical.AggItem, items []logical.Item) {
	for _, it := range in {
		old := it.Col
		it.Col = d.m.Like(old)
		aggs = append(aggs, it)
		var e expr.Expr = d.m.Ref(it.Col)
		if it.Zero {
			t := e.Type()
			e = &expr.Coalesce{Args: []expr.Expr{e, &expr.Const{T: t}}, T: t}
		}
		items = append(items, logical.Item{Col: old, E: e})
	}
	return aggs, items
}

// having is a correlated aggregate with HAVING: at most one row for each outer row.
func (d *decorrelator) having(a *logical.Apply, f *logical.Filter, agg *logical.Agg, outer logical.Set) logical.Node {
	conds := append(append([]expr.Expr(nil), f.Conds...), a.On...)
	switch a.Kind {
	case logical.Inner:
		return filter(d.apply(&logical.Apply{Kind: logical.Inner, L: a.L, R: agg}), conds)
	case logical.Semi:
		return pass(d.m, filter(d.apply(&logical.Apply{Kind: logical.Inner, L: a.L, R: agg}), conds), a.L.Out())
	case logical.Anti:
		below := d.apply(&logical.Apply{Kind: logical.Inner, L: a.L, R: agg})
		yes := &expr.Case{Whens: []expr.Expr{expr.AndOf(conds)}, Thens: []expr.Expr{expr.Bool(false)}, Else: expr.Bool(true), T: types.Of(types.Bool)}
		return pass(d.m, filter(below, []expr.Expr{yes}), a.L.Out())
	}
	// The outer row stays; its values are NULL where HAVING fails.
	inner := &logical.Agg{In: agg.In, Scalar: true}
	fresh := map[logical.ColID]logical.ColID{}
	for _, it := range agg.Aggs {
		fresh[it.Col] = d.m.Like(it.Col)
		it.Col = fresh[it.Col]
		inner.Aggs = append(inner.Aggs, it)
	}
	below := d.apply(&logical.Apply{Kind: logical.Inner, L: a.L, R: inner})
	cond := logical.Rename(d.m, expr.AndOf(conds), fresh)
	items := logical.Pass(d.m, a.L.Out())
	for _, it := range agg.Aggs {
		t := d.m.Cols[it.Col].Type
		items = append(items, logical.Item{Col: it.Col, E: &expr.Case{Whens: []expr.Expr{cond}, Thens: []expr.Expr{d.m.Ref(fresh[it.Col])}, Else: expr.Null(t), T: t}})
	}
	return &logical.Project{In: below, Items: items}
}

func filter(n logical.Node, conds []expr.Expr) logical.Node {
	if len(conds) == 0 {
		return n
	}
	return &logical.Filter{In: n, Conds: conds}
}

func pass(m *logical.Meta, n logical.Node, ids []logical.ColID) logical.Node {
	return &logical.Project{In: n, Items: logical.Pass(m, ids)}
}

func values(ids map[logical.ColID]logical.ColID) []logical.ColID {
	var out []logical.ColID
	for _, from := range sortedKeys(ids) {
		out = append(out, ids[from])
	}
	return out
}
