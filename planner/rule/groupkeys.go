package rule

import (
	"streamdb/expr"
	"streamdb/planner/logical"
	"streamdb/types"
)

// groupKeys removes keys of a GROUP BY that others determine: those that conditions
// make equal to another key, or to a constant. They are computed above it. One
// key stays: without any there would be a group of no rows. Columns of times stay
// too, as a watermark on them may close groups.
func groupKeys(m *logical.Meta, n logical.Node) logical.Node {
	a, ok := n.(*logical.Agg)
	if !ok || len(a.Keys) < 2 {
		return n
	}
	known := &equals{same: map[logical.ColID]logical.ColID{}, value: map[logical.ColID]*expr.Const{}}
	known.learn(a.In)
	var keys []logical.ColID
	var gone []logical.Item
	first := map[logical.ColID]logical.ColID{} // the key that stays of those that are equal
	for i, k := range a.Keys {
		root := known.root(k)
		other, again := first[root]
		last := len(keys) == 0 && i == len(a.Keys)-1
		switch c := known.value[root]; {
		case timed(m.Cols[k].Type.ID):
			keys = append(keys, k)
		case again:
			gone = append(gone, logical.Item{Col: k, E: m.Ref(other)})
		case c != nil && c.T.Equal(m.Cols[k].Type) && !last:
			gone = append(gone, logical.Item{Col: k, E: c})
		default:
			keys = append(keys, k)
			first[root] = k
		}
	}
	if len(gone) == 0 {
		return n
	}
	c := *a
	c.Keys = keys
	items := logical.Pass(m, c.Out())
	return &logical.Project{In: &c, Items: append(items, gone...)}
}

// timed says that columns of the type may have watermarks.
func timed(id types.ID) bool {
	return id == types.Timestamp || id == types.TimestampTZ || id == types.Date
}

// equals is what holds for every row of a plan: columns that are equal, as a
// forest, and columns (roots of it) that are constant.
type equals struct {
	same  map[logical.ColID]logical.ColID
	value map[logical.ColID]*expr.Const
}

func (e *equals) root(id logical.ColID) logical.ColID {
	for {
		up, ok := e.same[id]
		if !ok {
			return id
		}
		id = up
	}
}

func (e *equals) join(a, b logical.ColID) {
	if a, b = e.root(a), e.root(b); a != b {
		e.same[a] = b
		if c := e.value[a]; c != nil {
			e.value[b] = c
		}
	}
}

// learn takes in the conditions that the rows of n have passed.
func (e *equals) learn(n logical.Node) {
	switch n := n.(type) {
	case *logical.Filter:
		e.conds(n.Conds)
		e.learn(n.In)
	case *logical.Join:
		switch n.Kind {
		case logical.Inner:
			e.conds(n.On)
			e.learn(n.L)
			e.learn(n.R)
		case logical.Left, logical.Semi, logical.Anti:
			e.learn(n.L)
		case logical.Right:
			e.learn(n.R)
		}
	case *logical.Project:
		for _, it := range n.Items {
			if c, ok := it.E.(*expr.Col); ok && c.Index != it.Col {
				e.join(it.Col, c.Index)
			}
		}
		e.learn(n.In)
	case *logical.Agg:
		e.learn(n.In) // holds of the keys, and of no other column that is seen
	case *logical.Sort:
		e.learn(n.In)
	case *logical.Limit:
		e.learn(n.In)
	}
}

func (e *equals) conds(conds []expr.Expr) {
	for _, c := range conds {
		if a, b, ok := equalCols(c); ok {
			e.join(a, b)
			continue
		}
		call, ok := c.(*expr.Call)
		if !ok || call.Def.Name != "=" || len(call.Args) != 2 {
			continue
		}
		for i, x := range call.Args {
			col, isCol := x.(*expr.Col)
			v, isConst := call.Args[1-i].(*expr.Const)
			if isCol && isConst && !v.Value.Null && v.T.ID == col.T.ID && exact(col, &expr.Col{T: col.T}) {
				e.value[e.root(col.Index)] = v
			}
		}
	}
}
