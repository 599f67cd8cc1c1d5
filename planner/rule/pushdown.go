package rule

import (
	"slices"

	"streamdb/expr"
	"streamdb/planner/logical"
)

// pushDown moves every condition as far down as it is still right, turns outer
// joins into inner ones where a condition drops the padded rows, and orders
// inner joins so that each has a condition.
func pushDown(m *logical.Meta, n logical.Node, stats Stats) logical.Node {
	p := &pusher{m: m, stats: stats}
	return p.node(n, nil)
}

type pusher struct {
	m     *logical.Meta
	stats Stats
}

// node pushes conds, which read columns of n's output (or of outer queries), into n.
func (p *pusher) node(n logical.Node, conds []expr.Expr) logical.Node {
	switch n := n.(type) {
	case *logical.Filter:
		return p.node(n.In, append(slices.Clone(n.Conds), conds...))
	case *logical.Project:
		return p.project(n, conds)
	case *logical.Join:
		return p.join(n, conds)
	case *logical.LookupJoin:
		return p.lookup(n, conds)
	case *logical.Agg:
		down, stay := split(conds, logical.SetOf(n.Keys...))
		if len(n.Keys) == 0 {
			down, stay = nil, conds
		}
		c := *n
		c.In = p.node(n.In, down)
		return filter(&c, stay)
	case *logical.Union:
		c := *n
		c.Ins = slices.Clone(n.Ins)
		for i := range c.Ins {
			to := map[logical.ColID]logical.ColID{}
			for k, id := range n.Cols {
				to[id] = n.InCols[i][k]
			}
			branch := make([]expr.Expr, len(conds))
			for k, e := range conds {
				branch[k] = logical.Rename(p.m, e, to)
			}
			c.Ins[i] = p.node(n.Ins[i], branch)
		}
		return &c
	case *logical.Limit:
		down, stay := split(conds, logical.SetOf(n.Group...))
		if len(n.Group) == 0 {
			down, stay = nil, conds
		}
		c := *n
		c.In = p.node(n.In, down)
		return filter(&c, stay)
	case *logical.Window:
		return p.window(n, conds)
	case *logical.Sort:
		return &logical.Sort{In: p.node(n.In, conds), Keys: n.Keys}
	case *logical.Session: // conditions on other columns would take rows out of sessions
		down, stay := split(conds, logical.SetOf(n.Partition...))
		if len(n.Partition) == 0 {
			down, stay = nil, conds
		}
		return filter(logical.WithInputs(n, []logical.Node{p.node(n.In, down)}), stay)
	case *logical.Hop, *logical.ProjectSet:
		in := n.Inputs()[0]
		down, stay := split(conds, logical.OutSet(in))
		if s, ok := n.(*logical.ProjectSet); ok && s.Ordinality != 0 && len(down) > 0 && !logical.IsOneRow(in) {
			down, stay = nil, conds
		}
		return filter(logical.WithInputs(n, []logical.Node{p.node(in, down)}), stay)
	}
	ins := n.Inputs()
	if len(ins) > 0 {
		out := make([]logical.Node, len(ins))
		for i, in := range ins {
			out[i] = p.node(in, nil)
		}
		n = logical.WithInputs(n, out)
	}
	return filter(n, conds)
}

// split separates the conditions that read nothing but cols. Volatile ones stay.
func split(conds []expr.Expr, cols logical.Set) (down, stay []expr.Expr) {
	for _, c := range conds {
		if logical.Cols(c).Subset(cols) && expr.VolatilityOf(c) != expr.VolatileFn {
			down = append(down, c)
		} else {
			stay = append(stay, c)
		}
	}
	return down, stay
}

// project pushes conditions through by writing its expressions into them.
func (p *pusher) project(n *logical.Project, conds []expr.Expr) logical.Node {
	by := map[logical.ColID]expr.Expr{}
	var vary logical.Set
	for _, it := range n.Items {
		if c, ok := it.E.(*expr.Col); !ok || c.Index != it.Col {
			by[it.Col] = it.E
		}
		if expr.VolatilityOf(it.E) == expr.VolatileFn {
			vary.Add(it.Col)
		}
	}
	var down, stay []expr.Expr
	for _, c := range conds {
		if logical.Cols(c).Meets(vary) {
			stay = append(stay, c)
		} else {
			down = append(down, logical.Substitute(c, by))
		}
	}
	return filter(&logical.Project{In: p.node(n.In, down), Items: n.Items}, stay)
}

func (p *pusher) join(n *logical.Join, conds []expr.Expr) logical.Node {
	lset, rset := logical.OutSet(n.L), logical.OutSet(n.R)
	kind := simplify(n.Kind, conds, lset, rset)
	if kind == logical.Inner {
		return p.inner(n, conds)
	}
	var toL, toR, on, above []expr.Expr
	for _, c := range conds {
		cols := logical.Cols(c)
		switch {
		case kind != logical.Full && kind != logical.Right && cols.Subset(lset):
			toL = append(toL, c)
		case kind == logical.Right && cols.Subset(rset):
			toR = append(toR, c)
		default:
			above = append(above, c)
		}
	}
	for _, c := range n.On {
		cols := logical.Cols(c)
		switch {
		case (kind == logical.Left || kind == logical.Semi || kind == logical.Anti) && cols.Subset(rset):
			toR = append(toR, c)
		case (kind == logical.Right || kind == logical.Semi) && cols.Subset(lset):
			toL = append(toL, c)
		default:
			on = append(on, c)
		}
	}
	if kind == logical.Left || kind == logical.Semi || kind == logical.Anti {
		// What holds for the left rows that count holds for those that they meet.
		given := slices.Concat(toL, on)
		if f, ok := n.L.(*logical.Filter); ok {
			given = append(given, f.Conds...)
		}
		for _, c := range transitive(p.m, given)[len(given):] {
			if logical.Cols(c).Subset(rset) {
				toR = append(toR, c)
			}
		}
	}
	j := &logical.Join{Kind: kind, L: p.node(n.L, toL), R: p.node(n.R, toR), On: factorOr(on)}
	if kind == logical.Anti {
		j.On = decided(j)
		if n := notIn(p.m, j); n != nil {
			return filter(n, above)
		}
	}
	if kind == logical.Semi || kind == logical.Anti {
		if n := semiRange(p.m, j); n != nil {
			return filter(n, above)
		}
		return filter(p.sinkSemi(j), above)
	}
	return filter(j, above)
}

// simplify turns an outer join into a narrower one when a condition above it is
// not TRUE for rows padded with NULLs.
func simplify(k logical.JoinKind, conds []expr.Expr, lset, rset logical.Set) logical.JoinKind {
	dropsL, dropsR := false, false // rows padded on the left, on the right
	for _, c := range conds {
		dropsL = dropsL || rejectsNull(c, lset)
		dropsR = dropsR || rejectsNull(c, rset)
	}
	switch {
	case k == logical.Left && dropsR, k == logical.Right && dropsL, k == logical.Full && dropsL && dropsR:
		return logical.Inner
	case k == logical.Full && dropsL:
		return logical.Left
	case k == logical.Full && dropsR:
		return logical.Right
	}
	return k
}

// rejectsNull reports whether the condition is certainly not TRUE when all of
// cols are NULL.
func rejectsNull(e expr.Expr, cols logical.Set) bool {
	switch e := e.(type) {
	case *expr.And:
		return slices.ContainsFunc(e.Args, func(a expr.Expr) bool { return rejectsNull(a, cols) })
	case *expr.Or:
		return !slices.ContainsFunc(e.Args, func(a expr.Expr) bool { return !rejectsNull(a, cols) })
	case *expr.Call:
		switch e.Def.Name {
		case "is_not_null", "is_true", "is_false":
			return nullIf(e.Args[0], cols)
		}
		return nullIf(e, cols)
	case *expr.In:
		return nullIf(e.Arg, cols)
	case *expr.Col:
		return cols.Has(e.Index)
	}
	return false
}

// nullIf reports whether e is certainly NULL when all of cols are NULL.
func nullIf(e expr.Expr, cols logical.Set) bool {
	switch e := e.(type) {
	case *expr.Col:
		return cols.Has(e.Index)
	case *expr.Call:
		if !e.Def.NotStrict {
			return slices.ContainsFunc(e.Args, func(a expr.Expr) bool { return nullIf(a, cols) })
		}
	case *expr.In:
		return nullIf(e.Arg, cols)
	}
	return false
}

// inner takes a tree of inner joins apart and joins its leaves again, each to
// those before it that it has a condition with; without one the order stays.
func (p *pusher) inner(n *logical.Join, conds []expr.Expr) logical.Node {
	var leaves []logical.Node
	all := slices.Clone(conds)
	var flatten func(n logical.Node)
	flatten = func(n logical.Node) {
		switch x := n.(type) {
		case *logical.Join:
			if x.Kind == logical.Inner {
				flatten(x.L)
				flatten(x.R)
				all = append(all, x.On...)
				return
			}
			// An outer join that a condition makes inner joins in.
			if k := simplify(x.Kind, all, logical.OutSet(x.L), logical.OutSet(x.R)); k == logical.Inner {
				flatten(&logical.Join{Kind: k, L: x.L, R: x.R, On: x.On})
				return
			}
		case *logical.Filter:
			if j, ok := x.In.(*logical.Join); ok && j.Kind == logical.Inner {
				all = append(all, x.Conds...)
				flatten(j)
				return
			}
		}
		leaves = append(leaves, n)
	}
	flatten(&logical.Join{Kind: logical.Inner, L: n.L, R: n.R, On: n.On})
	all = transitive(p.m, factorOr(all))
	sets := make([]logical.Set, len(leaves))
	for i, l := range leaves {
		sets[i] = logical.OutSet(l)
	}
	// Conditions on one leaf go into it.
	var rest []expr.Expr
	own := make([][]expr.Expr, len(leaves))
next:
	for _, c := range all {
		cols := logical.Cols(c)
		if expr.VolatilityOf(c) != expr.VolatileFn && !cols.Empty() {
			for i := range leaves {
				if cols.Subset(sets[i]) {
					own[i] = append(own[i], c)
					continue next
				}
			}
		}
		rest = append(rest, c)
	}
	for i := range leaves {
		for _, c := range rest {
			if part := orParts(c, sets[i]); part != nil {
				own[i] = append(own[i], part)
			}
		}
		leaves[i] = p.node(leaves[i], own[i])
	}
	order, est := p.order(leaves, sets, rest)
	have, tree := sets[order[0]].Clone(), leaves[order[0]]
	for _, i := range order[1:] {
		have.AddSet(sets[i])
		var on []expr.Expr
		on, rest = split(rest, have)
		j := &logical.Join{Kind: logical.Inner, L: tree, R: leaves[i], On: on}
		if est != nil && est.rows(leaves[i]) > est.rows(tree) { // a SELECT keeps the right side in memory
			j.L, j.R = j.R, j.L
		}
		tree = j
	}
	return filter(tree, rest)
}

// nextLeaf is the first unused leaf that an equality connects with what is
// joined already, else that any condition connects, else the first.
func nextLeaf(used []bool, sets []logical.Set, have logical.Set, conds []expr.Expr) int {
	first, connected := -1, -1
	for i := range used {
		if used[i] {
			continue
		}
		if first < 0 {
			first = i
		}
		both := have.Union(sets[i])
		for _, c := range conds {
			cols := logical.Cols(c)
			if !cols.Meets(sets[i]) || !cols.Meets(have) || !cols.Subset(both) {
				continue
			}
			if call, ok := c.(*expr.Call); ok && call.Def.Name == "=" {
				return i
			}
			if connected < 0 {
				connected = i
			}
		}
	}
	if connected >= 0 {
		return connected
	}
	return first
}
