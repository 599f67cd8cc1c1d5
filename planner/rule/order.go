package rule

import (
	"math"
	"slices"

	"streamdb/catalog"
	"streamdb/expr"
	"streamdb/planner/logical"
	"streamdb/types"
)

// Stats is what is known of the data when a query is planned.
type Stats struct {
	// Rows estimates the rows of a stored relation; 0: it is empty or unknown.
	// nil: nothing is known.
	Rows func(o *catalog.Object) int64
	// KeepOrder joins in the order of the query.
	KeepOrder bool
	// NoRewrites leaves out the rewrites that choose other operators.
	NoRewrites bool
}

const (
	rowsOfSource  = 1e6 // a source has no end
	rowsUnknown   = 1e3 // an empty table may be filled: all of them are alike
	ordersFactor  = 0.5 // an order has to be so much better than the query's own
	orderedLeaves = 3   // fewer leave nothing to choose
)

// estimator guesses numbers of rows. It is as simple as it can be and still
// tell a filtered dimension from a fact table: selectivities by kinds of
// conditions, keys for joins.
type estimator struct {
	stats Stats
	seen  map[logical.Node]float64
	// values are those of the columns of the leaves of the cluster that is being ordered.
	values map[logical.ColID]columnValues
}

// rows is the estimated number of rows of a node.
func (e *estimator) rows(n logical.Node) float64 {
	if r, ok := e.seen[n]; ok {
		return r
	}
	r := math.Max(e.compute(n), 1)
	e.seen[n] = r
	return r
}

func (e *estimator) compute(n logical.Node) float64 {
	switch n := n.(type) {
	case *logical.Scan:
		if e.stats.Rows != nil {
			if r := e.stats.Rows(n.Obj); r > 0 {
				return float64(r)
			}
		}
		return rowsUnknown
	case *logical.SourceScan:
		return rowsOfSource
	case *logical.Values:
		return float64(len(n.Rows))
	case *logical.Common:
		return e.rows(n.Of.Root)
	case *logical.Filter:
		return e.rows(n.In) * selectivity(n.Conds, uniqueKey(n.In))
	case *logical.Agg:
		if n.Scalar || len(n.Keys) == 0 {
			return 1
		}
		return math.Max(1, e.rows(n.In)/3)
	case *logical.Limit:
		if c, ok := n.Limit.(*expr.Const); ok && !c.Value.Null && len(n.Group) == 0 {
			return math.Min(float64(c.Value.I), e.rows(n.In))
		}
		return e.rows(n.In) / 3
	case *logical.SingleRow:
		return 1
	case *logical.Union:
		sum := 0.0
		for _, in := range n.Ins {
			sum += e.rows(in)
		}
		return sum
	case *logical.Join:
		l, r := e.rows(n.L), e.rows(n.R)
		switch n.Kind {
		case logical.Semi, logical.Anti:
			return l / 2
		}
		return math.Max(e.joined(l, r, n.L, n.R, n.On), map[logical.JoinKind]float64{logical.Left: l, logical.Right: r, logical.Full: l + r}[n.Kind])
	}
	most := 1.0
	for _, in := range n.Inputs() {
		most = math.Max(most, e.rows(in))
	}
	return most
}

// joined estimates an inner join of l and r rows: each equality leaves one pair
// in as many as there are different values.
func (e *estimator) joined(l, r float64, ln, rn logical.Node, on []expr.Expr) float64 {
	out := l * r
	lset, rset := logical.OutSet(ln), logical.OutSet(rn)
	var rest []expr.Expr
	for _, c := range on {
		call, ok := c.(*expr.Call)
		if !ok || len(call.Args) != 2 || call.Def.Name != "=" && call.Def.Name != "is_not_distinct_from" {
			rest = append(rest, c)
			continue
		}
		for i, a := range call.Args {
			b := call.Args[1-i]
			if ac, bc := logical.Cols(a), logical.Cols(b); !ac.Empty() && !bc.Empty() && ac.Subset(lset) && bc.Subset(rset) {
				out /= e.different(a, b, math.Min(l, r))
				break
			}
		}
	}
	return math.Max(1, out*selectivity(rest, nil))
}

// different is the number of values that two columns have in common: that of the
// one that is a key, as the other refers to it.
func (e *estimator) different(a, b expr.Expr, rows float64) float64 {
	most, key := math.Sqrt(rows), false
	for _, x := range []expr.Expr{a, b} {
		c, ok := x.(*expr.Col)
		if !ok {
			continue
		}
		d := e.values[c.Index]
		if d.n == 0 || key && !d.key {
			continue
		}
		if d.key && !key {
			most, key = d.n, true
			continue
		}
		most = math.Max(most, d.n)
	}
	return math.Max(1, most)
}

// columnValues is the number of different values of a column.
type columnValues struct {
	n   float64
	key bool // alone, it is unique
}

// learn estimates the different values of the columns of a leaf of a cluster.
func (e *estimator) learn(leaf logical.Node) {
	key := uniqueKey(leaf)
	base := e.base(leaf)
	for _, id := range leaf.Out() {
		switch {
		case len(key) == 1 && key[0] == id:
			e.values[id] = columnValues{base, true}
		case slices.Contains(key, id):
			e.values[id] = columnValues{math.Pow(base, 1/float64(len(key))), false}
		default:
			e.values[id] = columnValues{math.Sqrt(base), false}
		}
	}
}

// base is the number of rows of a leaf before its conditions.
func (e *estimator) base(n logical.Node) float64 {
	for {
		switch x := n.(type) {
		case *logical.Filter:
			n = x.In
		case *logical.Project:
			n = x.In
		default:
			return e.rows(n)
		}
	}
}

// selectivity is the part of the rows that conditions let pass. unique: columns
// of which equal values come once.
func selectivity(conds []expr.Expr, unique []logical.ColID) float64 {
	s := 1.0
	var fixed logical.Set
	for _, c := range conds {
		switch c := c.(type) {
		case *expr.Call:
			switch c.Def.Name {
			case "=", "is_not_distinct_from":
				s *= 0.05
				if id, ok := simpleCond(c); ok {
					fixed.Add(id)
				}
			case "<>", "is_not_null":
				s *= 0.9
			default:
				s *= 1.0 / 3
			}
		case *expr.In:
			s *= math.Min(0.5, 0.05*float64(len(c.List)))
		case *expr.Or:
			s *= math.Min(0.5, 0.1*float64(len(c.Args)))
		default:
			s *= 1.0 / 3
		}
	}
	if len(unique) > 0 && logical.SetOf(unique...).Subset(fixed) {
		return 1e-9 // one row
	}
	return s
}

// order is the order in which the leaves of a cluster of inner joins are joined:
// that of the query, or one that is estimated to make far fewer rows on the way.
// It starts with the smallest leaf and goes on with the one that gives the
// fewest rows, of those that an equality connects, if there are any. The
// estimator is nil if nothing was estimated.
func (p *pusher) order(leaves []logical.Node, sets []logical.Set, conds []expr.Expr) ([]int, *estimator) {
	if p.stats.KeepOrder || len(leaves) < orderedLeaves {
		query, _ := p.walk(leaves, sets, conds, 0, nil)
		return query, nil
	}
	est := &estimator{p.stats, map[logical.Node]float64{}, map[logical.ColID]columnValues{}}
	for _, l := range leaves {
		est.learn(l)
	}
	best, cost := p.walk(leaves, sets, conds, 0, est)
	bestCost := cost * ordersFactor
	for first := range leaves {
		if !linked(first, sets, conds) { // such as a scalar subquery: it comes last
			continue
		}
		if o, cost := p.greedy(leaves, sets, conds, first, est); cost < bestCost {
			best, bestCost = o, cost
		}
	}
	return best, est
}

// walk takes the leaves in the order of the query, connected ones first, and
// adds up the rows of the joins on the way.
func (p *pusher) walk(leaves []logical.Node, sets []logical.Set, conds []expr.Expr, first int, est *estimator) ([]int, float64) {
	return p.take(leaves, sets, conds, first, est, func(used []bool, have logical.Set, _ func(int) float64) int {
		return nextLeaf(used, sets, have, conds)
	})
}

func (p *pusher) greedy(leaves []logical.Node, sets []logical.Set, conds []expr.Expr, first int, est *estimator) ([]int, float64) {
	return p.take(leaves, sets, conds, first, est, func(used []bool, have logical.Set, rows func(int) float64) int {
		next, least, first := -1, math.Inf(1), false
		for i := range leaves {
			if used[i] {
				continue
			}
			link := connects(conds, have, sets[i])
			r := rows(i)
			if next < 0 || link && !first || link == first && r < least {
				next, least, first = i, r, link
			}
		}
		return next
	})
}

func (p *pusher) take(leaves []logical.Node, sets []logical.Set, conds []expr.Expr, first int, est *estimator,
	pick func(used []bool, have logical.Set, rows func(int) float64) int) (out []int, cost float64) {
	used := make([]bool, len(leaves))
	used[first] = true
	out = []int{first}
	have := sets[first].Clone()
	tree := leaves[first]
	size := 0.0
	if est != nil {
		size = est.rows(tree)
	}
	join := func(i int) (*logical.Join, float64) {
		on, _ := split(conds, have.Union(sets[i]))
		on = slices.DeleteFunc(on, func(c expr.Expr) bool { return !logical.Cols(c).Meets(sets[i]) })
		j := &logical.Join{Kind: logical.Inner, L: tree, R: leaves[i], On: on}
		return j, est.joined(size, est.rows(leaves[i]), tree, leaves[i], on)
	}
	for len(out) < len(leaves) {
		i := pick(used, have, func(i int) float64 { _, r := join(i); return r })
		if est != nil {
			j, r := join(i)
			tree, size = j, r
			est.seen[tree] = r
			cost += r
		}
		used[i] = true
		have.AddSet(sets[i])
		out = append(out, i)
	}
	return out, cost
}

// linked reports whether an equality joins the leaf to any other.
func linked(leaf int, sets []logical.Set, conds []expr.Expr) bool {
	for i := range sets {
		if i != leaf && connects(conds, sets[i], sets[leaf]) {
			return true
		}
	}
	return false
}

// connects reports whether an equality joins a leaf to what is joined already.
func connects(conds []expr.Expr, have, leaf logical.Set) bool {
	both := have.Union(leaf)
	for _, c := range conds {
		call, ok := c.(*expr.Call)
		if !ok || call.Def.Name != "=" && call.Def.Name != "is_not_distinct_from" {
			continue
		}
		if cols := logical.Cols(c); cols.Meets(leaf) && cols.Meets(have) && cols.Subset(both) {
			return true
		}
	}
	return false
}

// rawText says that equal values of the type have one form.
func rawText(id types.ID) bool {
	switch id {
	case types.Text, types.Bytea, types.Bool, types.Date, types.Timestamp, types.TimestampTZ:
		return true
	}
	return false
}
