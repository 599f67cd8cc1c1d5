package rule

import "streamdb/planner/logical"

// distinct removes a DISTINCT (an Agg without aggregates) of rows that are
// different already: a unique key of its input is among its keys.
func distinct(m *logical.Meta, n logical.Node) logical.Node {
	a, ok := n.(*logical.Agg)
	if !ok || len(a.Aggs) > 0 || a.Scalar || len(a.Keys) == 0 {
		return n
	}
	key := uniqueKey(a.In)
	if len(key) == 0 || !logical.SetOf(key...).Subset(logical.SetOf(a.Keys...)) {
		return n
	}
	return pass(m, a.In, a.Keys)
}
