package rule

import (
	"maps"
	"slices"

	"streamdb/expr"
	"streamdb/expr/aggs"
	"streamdb/expr/funcs"
	"streamdb/internal/sqlerr"
	"streamdb/planner/logical"
	"streamdb/types"
)

func sortedKeys(m map[logical.ColID]logical.ColID) []logical.ColID {
	return slices.Sorted(maps.Keys(m))
}

// domain is the set of distinct values of the outer columns that r reads, as
// fresh columns: ids maps the outer ones to them.
func (d *decorrelator) domain(l, r logical.Node, outer logical.Set) (logical.Node, map[logical.ColID]logical.ColID) {
	free := logical.Free(r).Intersect(outer).IDs()
	in, all := logical.Copy(d.m, l)
	ids := map[logical.ColID]logical.ColID{}
	var keys []logical.ColID
	for _, id := range free {
		ids[id] = all[id]
		keys = append(keys, all[id])
	}
	return &logical.Agg{In: pass(d.m, in, keys), Keys: keys}, ids
}

// copyDomain is a second instance of a domain.
func (d *decorrelator) copyDomain(dom logical.Node, ids map[logical.ColID]logical.ColID) (logical.Node, map[logical.ColID]logical.ColID) {
	in, all := logical.Copy(d.m, dom)
	out := map[logical.ColID]logical.ColID{}
	for from, to := range ids {
		out[from] = all[to]
	}
	return in, out
}

// same are the conditions that two instances of a domain (or a domain and the
// outer columns themselves) agree.
func (d *decorrelator) same(a, b map[logical.ColID]logical.ColID) []expr.Expr {
	var conds []expr.Expr
	for _, from := range sortedKeys(a) {
		conds = append(conds, d.op("is_not_distinct_from", d.m.Ref(a[from]), d.m.Ref(b[from])))
	}
	return conds
}

func (d *decorrelator) op(name string, args ...expr.Expr) expr.Expr {
	e, err := funcs.BindOperator(nil, name, args...)
	if err != nil {
		d.fail(err)
		return expr.Bool(false)
	}
	return e
}

// joinDomain joins an Apply's left side to its right side evaluated over the domain.
func (d *decorrelator) joinDomain(a *logical.Apply, r logical.Node, ids map[logical.ColID]logical.ColID) logical.Node {
	self := map[logical.ColID]logical.ColID{}
	for from := range ids {
		self[from] = from
	}
	return &logical.Join{Kind: a.Kind, L: a.L, R: r, On: append(slices.Clone(a.On), d.same(self, ids)...)}
}

// viaDomain is the general method.
func (d *decorrelator) viaDomain(a *logical.Apply, outer logical.Set) logical.Node {
	dom, ids := d.domain(a.L, a.R, outer)
	return d.joinDomain(a, d.push(a.R, dom, ids), ids)
}

// push evaluates n for every row of the domain: the result has the columns of n
// and those of the domain, and does not read outer columns any more.
func (d *decorrelator) push(n logical.Node, dom logical.Node, ids map[logical.ColID]logical.ColID) logical.Node {
	outer := logical.SetOf(sortedKeys(ids)...)
	if !correlated(n, outer) {
		return &logical.Join{Kind: logical.Inner, L: dom, R: n}
	}
	rename := func(e expr.Expr) expr.Expr { return logical.Rename(d.m, e, ids) }
	renames := func(es []expr.Expr) []expr.Expr {
		out := make([]expr.Expr, len(es))
		for i, e := range es {
			out[i] = rename(e)
		}
		return out
	}
	keys := values(ids)
	switch n := n.(type) {
	case *logical.Values:
		if logical.IsOneRow(n) {
			return dom
		}
		var u logical.Union
		for _, row := range n.Rows {
			in, own := d.copyDomain(dom, ids)
			p := &logical.Project{In: in}
			var cols []logical.ColID
			for i, e := range row {
				id := d.m.Like(n.Cols[i])
				p.Items = append(p.Items, logical.Item{Col: id, E: logical.Rename(d.m, e, own)})
				cols = append(cols, id)
			}
			p.Items = append(p.Items, logical.Pass(d.m, values(own))...)
			u.Ins, u.InCols = append(u.Ins, p), append(u.InCols, append(cols, values(own)...))
		}
		u.Cols = append(slices.Clone(n.Cols), keys...)
		return &u
	case *logical.Filter:
		return &logical.Filter{In: d.push(n.In, dom, ids), Conds: renames(n.Conds)}
	case *logical.Project:
		items := slices.Clone(n.Items)
		for i := range items {
			items[i].E = rename(items[i].E)
		}
		return &logical.Project{In: d.push(n.In, dom, ids), Items: append(items, logical.Pass(d.m, keys)...)}
	case *logical.Sort:
		return d.push(n.In, dom, ids)
	case *logical.Limit:
		c := *n
		c.In, c.Group = d.push(n.In, dom, ids), append(slices.Clone(n.Group), keys...)
		return &c
	case *logical.Window:
		c := *n
		c.In, c.Partition = d.push(n.In, dom, ids), append(slices.Clone(n.Partition), keys...)
		return &c
	case *logical.Agg:
		if !n.Scalar {
			return &logical.Agg{In: d.push(n.In, dom, ids), Keys: append(slices.Clone(n.Keys), keys...), Aggs: n.Aggs}
		}
		inner, own := d.copyDomain(dom, ids)
		as, items := d.orZero(n.Aggs)
		g := &logical.Agg{In: d.push(n.In, inner, own), Keys: values(own), Aggs: as}
		j := &logical.Join{Kind: logical.Left, L: dom, R: g, On: d.same(ids, own)}
		return &logical.Project{In: j, Items: append(items, logical.Pass(d.m, keys)...)}
	case *logical.ProjectSet:
		c := *n
		c.In = d.push(n.In, dom, ids)
		c.Calls = slices.Clone(n.Calls)
		for i := range c.Calls {
			c.Calls[i].Args = renames(c.Calls[i].Args)
		}
		return &c
	case *logical.Session:
		c := *n
		c.In, c.Partition = d.push(n.In, dom, ids), append(slices.Clone(n.Partition), keys...)
		return &c
	case *logical.Hop:
		c := *n
		c.In = d.push(n.In, dom, ids)
		return &c
	case *logical.Union:
		u := &logical.Union{Cols: append(slices.Clone(n.Cols), keys...)}
		for i, in := range n.Ins {
			inDom, own := d.copyDomain(dom, ids)
			u.Ins = append(u.Ins, d.push(in, inDom, own))
			u.InCols = append(u.InCols, append(slices.Clone(n.InCols[i]), values(own)...))
		}
		return u
	case *logical.Join:
		return d.pushJoin(n, dom, ids, outer, renames)
	case *logical.SingleRow:
		one, err := d.onlyRow(d.push(n.In, dom, ids), keys)
		if err != nil {
			d.fail(err)
		}
		return one
	}
	d.fail(sqlerr.Unsupported("this form of correlated subquery"))
	return n
}

func (d *decorrelator) pushJoin(n *logical.Join, dom logical.Node, ids map[logical.ColID]logical.ColID, outer logical.Set, renames func([]expr.Expr) []expr.Expr) logical.Node {
	on := renames(n.On)
	lc, rc := correlated(n.L, outer), correlated(n.R, outer)
	switch {
	case n.Kind == logical.Inner && !rc:
		return &logical.Join{Kind: n.Kind, L: d.push(n.L, dom, ids), R: n.R, On: on}
	case n.Kind == logical.Inner && !lc:
		return &logical.Join{Kind: n.Kind, L: n.L, R: d.push(n.R, dom, ids), On: on}
	case n.Kind == logical.Full:
		d.fail(sqlerr.Unsupported("a FULL JOIN in a correlated subquery"))
		return n
	case n.Kind == logical.Right:
		return d.pushJoin(&logical.Join{Kind: logical.Left, L: n.R, R: n.L, On: n.On}, dom, ids, outer, renames)
	case !rc:
		return &logical.Join{Kind: n.Kind, L: d.push(n.L, dom, ids), R: n.R, On: on}
	}
	// Both sides are evaluated for the domain's values, and must be for the same ones.
	other, own := d.copyDomain(dom, ids)
	return &logical.Join{Kind: n.Kind, L: d.push(n.L, dom, ids), R: d.push(n.R, other, own), On: append(on, d.same(ids, own)...)}
}

// onlyRow makes sure that there is one row at most for each value of keys: its
// other columns come from the first row; a second one is error 21000.
func (d *decorrelator) onlyRow(n logical.Node, keys []logical.ColID) (logical.Node, error) {
	if key := uniqueKey(n); key != nil && logical.SetOf(key...).Subset(logical.SetOf(keys...)) {
		return n, nil
	}
	count, _, _, err := aggs.Resolve("count", nil)
	if err != nil {
		return nil, err
	}
	rows := d.m.New("rows", types.Of(types.Int8))
	g := &logical.Agg{In: n, Keys: keys, Aggs: []logical.AggItem{{Col: rows, Def: count.Key(), Zero: true}}}
	ok, err := funcs.Bind(nil, "single_row", []expr.Expr{d.m.Ref(rows)})
	if err != nil {
		return nil, err
	}
	items := logical.Pass(d.m, keys)
	for _, id := range n.Out() {
		if slices.Contains(keys, id) || slices.ContainsFunc(items, func(it logical.Item) bool { return it.Col == id }) {
			continue
		}
		t := d.m.Cols[id].Type
		all, wanted, _, err := aggs.Resolve("array_agg", []types.T{t})
		if err != nil {
			return nil, err
		}
		list := d.m.New("all", all.ResultType(wanted))
		g.Aggs = append(g.Aggs, logical.AggItem{Col: list, Def: all.Key(), Args: []logical.ColID{id}})
		first, err := funcs.Bind(nil, "subscript", []expr.Expr{d.m.Ref(list), &expr.Const{Value: types.IntDatum(1), T: types.Of(types.Int4)}})
		if err != nil {
			return nil, err
		}
		items = append(items, logical.Item{Col: id, E: &expr.Case{Whens: []expr.Expr{ok}, Thens: []expr.Expr{first}, T: t}})
	}
	return &logical.Project{In: g, Items: items}, nil
}
