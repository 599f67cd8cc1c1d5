package logical

import "streamdb/expr"

// Exprs lists the expressions of the node itself.
func Exprs(n Node) []expr.Expr {
	switch n := n.(type) {
	case *Values:
		var out []expr.Expr
		for _, r := range n.Rows {
			out = append(out, r...)
		}
		return out
	case *Filter:
		return n.Conds
	case *Project:
		out := make([]expr.Expr, len(n.Items))
		for i, it := range n.Items {
			out[i] = it.E
		}
		return out
	case *Join:
		return n.On
	case *LookupJoin:
		return n.On
	case *Apply:
		return n.On
	case *Watermark:
		return []expr.Expr{n.E}
	case *Limit:
		var out []expr.Expr
		for _, e := range []expr.Expr{n.Limit, n.Offset} {
			if e != nil {
				out = append(out, e)
			}
		}
		return out
	case *ProjectSet:
		var out []expr.Expr
		for _, c := range n.Calls {
			out = append(out, c.Args...)
		}
		return out
	}
	return nil
}

// Free is the set of columns that the tree reads but does not provide: its
// references to outer queries.
func Free(n Node) Set {
	var free Set
	var have Set
	for _, in := range n.Inputs() {
		free.AddSet(Free(in))
		have.AddSet(OutSet(in))
	}
	free.AddSet(Cols(Exprs(n)...))
	if a, ok := n.(*Apply); ok {
		have.AddSet(OutSet(a.R))
	}
	switch n := n.(type) { // columns named outside of expressions
	case *Agg:
		free.AddSet(SetOf(n.Keys...))
		for _, a := range n.Aggs {
			free.AddSet(SetOf(a.Args...))
		}
	}
	return free.Minus(have)
}

// MapTree rebuilds the tree bottom-up through fn.
func MapTree(n Node, fn func(Node) Node) Node {
	ins := n.Inputs()
	if len(ins) > 0 {
		changed := false
		out := make([]Node, len(ins))
		for i, in := range ins {
			out[i] = MapTree(in, fn)
			changed = changed || out[i] != in
		}
		if changed {
			n = n.with(out)
		}
	}
	return fn(n)
}

// WalkTree calls fn for n and all nodes below, parents first.
func WalkTree(n Node, fn func(Node)) {
	fn(n)
	for _, in := range n.Inputs() {
		WalkTree(in, fn)
	}
}

// Copy duplicates the tree with fresh identities for all columns it makes.
// The map says which old column became which new one; references to outer
// queries stay.
func Copy(m *Meta, n Node) (Node, map[ColID]ColID) {
	ids := map[ColID]ColID{}
	out := copyNode(m, n, ids)
	return out, ids
}

func copyNode(m *Meta, n Node, ids map[ColID]ColID) Node {
	ins := make([]Node, len(n.Inputs()))
	for i, in := range n.Inputs() {
		ins[i] = copyNode(m, in, ids)
	}
	fresh := func(id ColID) ColID {
		if id == 0 {
			return 0
		}
		c, ok := ids[id]
		if !ok {
			c = m.Like(id)
			ids[id] = c
		}
		return c
	}
	freshAll := func(in []ColID) []ColID {
		out := make([]ColID, len(in))
		for i, id := range in {
			out[i] = fresh(id)
		}
		return out
	}
	c := n.with(ins)
	switch n := n.(type) {
	case *Scan:
		return &Scan{n.Obj, freshAll(n.Cols), n.Idx}
	case *SourceScan:
		return &SourceScan{n.Obj, freshAll(n.Cols), n.Idx}
	case *Virtual:
		return &Virtual{n.Schema, n.Name, freshAll(n.Cols), n.Idx}
	case *Common:
		return &Common{n.Of, freshAll(n.Cols)}
	case *Values:
		rows := make([][]expr.Expr, len(n.Rows))
		for i, r := range n.Rows {
			rows[i] = renameAll(m, r, ids)
		}
		return &Values{rows, freshAll(n.Cols)}
	case *Project:
		p := c.(*Project)
		p.Items = make([]Item, len(n.Items))
		for i, it := range n.Items {
			e := Rename(m, it.E, ids)
			p.Items[i] = Item{fresh(it.Col), e}
		}
		return p
	case *Agg:
		a := c.(*Agg)
		a.Keys = renameIDs(n.Keys, ids)
		a.Aggs = make([]AggItem, len(n.Aggs))
		for i, it := range n.Aggs {
			it.Args = renameIDs(it.Args, ids)
			it.Filter = renameID(it.Filter, ids)
			it.OrderBy = renameKeys(it.OrderBy, ids)
			it.Col = fresh(it.Col)
			a.Aggs[i] = it
		}
		return a
	case *Union:
		u := c.(*Union)
		u.InCols = make([][]ColID, len(n.InCols))
		for i, in := range n.InCols {
			u.InCols[i] = renameIDs(in, ids)
		}
		u.Cols = freshAll(n.Cols)
		return u
	case *Window:
		w := c.(*Window)
		w.rename(ids)
		for i := range w.Calls {
			w.Calls[i].Col = fresh(w.Calls[i].Col)
		}
		return w
	case *Hop:
		h := c.(*Hop)
		h.Time, h.Start, h.End = renameID(n.Time, ids), fresh(n.Start), fresh(n.End)
		return h
	case *Session:
		s := c.(*Session)
		s.Time, s.Partition = renameID(n.Time, ids), renameIDs(n.Partition, ids)
		s.Start, s.End = fresh(n.Start), fresh(n.End)
		return s
	case *ProjectSet:
		p := c.(*ProjectSet)
		p.Calls = make([]SetCall, len(n.Calls))
		for i, call := range n.Calls {
			p.Calls[i] = SetCall{fresh(call.Col), call.Func, renameAll(m, call.Args, ids)}
		}
		p.Ordinality = fresh(n.Ordinality)
		return p
	}
	return RenameNode(m, c, ids)
}

// RenameNode replaces columns in what the node itself reads (not its inputs).
// It is meant for nodes that make no columns.
func RenameNode(m *Meta, n Node, ids map[ColID]ColID) Node {
	c := n.with(n.Inputs())
	switch n := c.(type) {
	case *Filter:
		n.Conds = renameAll(m, n.Conds, ids)
	case *Join:
		n.On = renameAll(m, n.On, ids)
	case *LookupJoin:
		n.On = renameAll(m, n.On, ids)
	case *Apply:
		n.On = renameAll(m, n.On, ids)
	case *Watermark:
		n.Col, n.E = renameID(n.Col, ids), Rename(m, n.E, ids)
	case *Sort:
		n.Keys = renameKeys(n.Keys, ids)
	case *Window:
		n.rename(ids)
	case *Limit:
		n.Keys, n.Group = renameKeys(n.Keys, ids), renameIDs(n.Group, ids)
	}
	return c
}

func renameID(id ColID, ids map[ColID]ColID) ColID {
	if n, ok := ids[id]; ok {
		return n
	}
	return id
}

func renameIDs(in []ColID, ids map[ColID]ColID) []ColID {
	out := make([]ColID, len(in))
	for i, id := range in {
		out[i] = renameID(id, ids)
	}
	return out
}

func renameKeys(in []SortKey, ids map[ColID]ColID) []SortKey {
	out := append([]SortKey(nil), in...)
	for i := range out {
		out[i].Col = renameID(out[i].Col, ids)
	}
	return out
}

// Rename replaces columns by other columns in an expression.
func Rename(m *Meta, e expr.Expr, ids map[ColID]ColID) expr.Expr {
	if e == nil || len(ids) == 0 {
		return e
	}
	return expr.Rewrite(e, func(e expr.Expr) expr.Expr {
		if c, ok := e.(*expr.Col); ok {
			if n, ok := ids[c.Index]; ok {
				return m.Ref(n)
			}
		}
		return e
	})
}

func renameAll(m *Meta, es []expr.Expr, ids map[ColID]ColID) []expr.Expr {
	out := make([]expr.Expr, len(es))
	for i, e := range es {
		out[i] = Rename(m, e, ids)
	}
	return out
}

// Pass are the items that pass columns on as they are.
func Pass(m *Meta, ids []ColID) []Item {
	items := make([]Item, len(ids))
	for i, id := range ids {
		items[i] = Item{id, m.Ref(id)}
	}
	return items
}

// MapExprs returns a copy of the node with each of its own expressions replaced.
func MapExprs(n Node, fn func(expr.Expr) expr.Expr) Node {
	if len(Exprs(n)) == 0 {
		return n
	}
	all := func(es []expr.Expr) []expr.Expr {
		out := make([]expr.Expr, len(es))
		for i, e := range es {
			out[i] = fn(e)
		}
		return out
	}
	c := n.with(n.Inputs())
	switch c := c.(type) {
	case *Values:
		rows := make([][]expr.Expr, len(c.Rows))
		for i, r := range c.Rows {
			rows[i] = all(r)
		}
		return &Values{Rows: rows, Cols: c.Cols}
	case *Filter:
		c.Conds = all(c.Conds)
	case *Project:
		items := append([]Item(nil), c.Items...)
		for i := range items {
			items[i].E = fn(items[i].E)
		}
		c.Items = items
	case *Join:
		c.On = all(c.On)
	case *LookupJoin:
		c.On = all(c.On)
	case *Apply:
		c.On = all(c.On)
	case *Watermark:
		c.E = fn(c.E)
	case *Limit:
		if c.Limit != nil {
			c.Limit = fn(c.Limit)
		}
		if c.Offset != nil {
			c.Offset = fn(c.Offset)
		}
	case *ProjectSet:
		calls := append([]SetCall(nil), c.Calls...)
		for i := range calls {
			calls[i].Args = all(calls[i].Args)
		}
		c.Calls = calls
	}
	return c
}
