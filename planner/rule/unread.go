package rule

import (
	"streamdb/expr"
	"streamdb/planner/logical"
)

// dropUnread removes what varies from call to call and nobody reads, as a column
// AS proctime() of a source: it would be computed nowhere, but two relations with
// such a column are never the same.
func dropUnread(n logical.Node) logical.Node { return dropUnreadBut(n, logical.OutSet(n)) }

// dropUnreadBut does it in and below n, of which only the columns of need are read.
func dropUnreadBut(n logical.Node, need logical.Set) logical.Node {
	if p, ok := n.(*logical.Project); ok {
		n = readItems(p, need)
	}
	ins := n.Inputs()
	out := make([]logical.Node, len(ins))
	changed := false
	for i, in := range ins {
		out[i] = dropUnreadBut(in, needOf(n, i, need))
		changed = changed || out[i] != in
	}
	if !changed {
		return n
	}
	return logical.WithInputs(n, out)
}

// readItems is p without the items that vary and are not in need.
func readItems(p *logical.Project, need logical.Set) *logical.Project {
	var items []logical.Item
	for _, it := range p.Items {
		if need.Has(it.Col) || expr.VolatilityOf(it.E) != expr.VolatileFn {
			items = append(items, it)
		}
	}
	if len(items) == len(p.Items) {
		return p
	}
	return &logical.Project{In: p.In, Items: items}
}
