package bind

import (
	"slices"

	"streamdb/expr"
	"streamdb/internal/sqlerr"
	"streamdb/planner/logical"
	"streamdb/sql/ast"
	"streamdb/types"
)

// groupingSets is GROUP BY with GROUPING SETS, ROLLUP or CUBE: each set lists
// positions in the keys.
type groupingSets struct {
	sets  [][]int
	calls []groupingCall
}

// groupingCall is GROUPING(a, b): a bit per argument, set where it is not grouped by.
type groupingCall struct {
	col  logical.ColID
	args []expr.Expr
	at   ast.Node
}

// grouping binds a call of GROUPING.
func (c *exprCtx) grouping(e *ast.FuncCall) (expr.Expr, error) {
	if c.aggs == nil {
		return nil, c.b.errAt(e, sqlerr.GroupingError, "grouping operations are not allowed in %s", c.clause)
	}
	args, err := c.aggs.in.binds(e.Args)
	if err != nil {
		return nil, err
	}
	if c.aggs.sets == nil {
		c.aggs.sets = &groupingSets{}
	}
	id := c.b.Meta.New("grouping", types.Of(types.Int4))
	c.aggs.sets.calls = append(c.aggs.sets.calls, groupingCall{id, args, e})
	return c.b.Meta.Ref(id), nil
}

// group adds the aggregation, if there is one, and HAVING. Afterwards the items
// refer to its output.
func (s *selecting) group(node logical.Node) (logical.Node, error) {
	sel, b := s.sel, s.b
	if len(sel.GroupBy) == 0 && sel.Having == nil && len(s.aggs.items) == 0 && s.aggs.sets == nil {
		return node, nil
	}
	sets := s.sets
	if s.aggs.sets == nil {
		s.aggs.sets = &groupingSets{}
	}
	if sets != nil {
		s.aggs.sets.sets = sets
	}
	s.replaceKeys()
	agg := &logical.Agg{Scalar: len(s.keys) == 0 && sets == nil}
	for _, k := range s.keys {
		if !slices.Contains(agg.Keys, k.id) {
			agg.Keys = append(agg.Keys, k.id)
		}
	}
	for _, it := range s.aggs.items {
		agg.Aggs = append(agg.Aggs, it.AggItem)
	}
	err := s.checkGrouped(agg, sets != nil)
	if err != nil {
		return nil, err
	}
	if node, err = s.aggs.in.attach(node); err != nil {
		return nil, err
	}
	if len(s.aggs.exprs) > 0 {
		node = &logical.Project{In: node, Items: append(logical.Pass(b.Meta, dedupe(node.Out())), s.aggs.exprs...)}
	}
	agg.In = node
	node = agg
	if sets != nil || len(s.aggs.sets.calls) > 0 {
		if node, err = s.expandSets(agg, sets); err != nil {
			return nil, err
		}
	}
	if len(s.having) > 0 {
		node = &logical.Filter{In: node, Conds: s.having}
	}
	if len(s.after) > 0 { // needs subqueries: they come first
		for _, f := range s.pending {
			if node, err = f(node); err != nil {
				return nil, err
			}
		}
		node = &logical.Filter{In: node, Conds: s.after}
	}
	return node, nil
}

// groupBy binds the GROUP BY list. sets is nil without grouping sets.
func (s *selecting) groupBy() (sets [][]int, err error) {
	sets = [][]int{{}}
	special := false
	for _, g := range s.sel.GroupBy {
		var alt [][]int
		if gs, ok := g.(*ast.GroupingSet); ok {
			special = true
			if alt, err = s.groupingSet(gs); err != nil {
				return nil, err
			}
		} else {
			k, err := s.groupExpr(g)
			if err != nil {
				return nil, err
			}
			alt = [][]int{{k}}
		}
		var product [][]int
		for _, a := range sets {
			for _, c := range alt {
				product = append(product, append(slices.Clone(a), c...))
			}
		}
		if sets = product; len(sets) > 4096 {
			return nil, s.b.errAt(g, sqlerr.StatementTooComplex, "too many grouping sets present (maximum 4096)")
		}
	}
	if !special {
		return nil, nil
	}
	return sets, nil
}

// groupingSet lists the sets of one ROLLUP, CUBE or GROUPING SETS.
func (s *selecting) groupingSet(g *ast.GroupingSet) ([][]int, error) {
	var parts [][]int // the columns of each item
	var nested [][][]int
	for _, it := range g.Items {
		if inner, ok := it.(*ast.GroupingSet); ok {
			sets, err := s.groupingSet(inner)
			if err != nil {
				return nil, err
			}
			parts, nested = append(parts, nil), append(nested, sets)
			continue
		}
		items := []ast.Expr{it}
		if row, ok := it.(*ast.RowExpr); ok {
			items = row.Items
		}
		var cols []int
		for _, x := range items {
			k, err := s.groupExpr(x)
			if err != nil {
				return nil, err
			}
			cols = append(cols, k)
		}
		parts, nested = append(parts, cols), append(nested, nil)
	}
	var out [][]int
	switch g.Kind {
	case ast.GroupingEmpty:
		return [][]int{{}}, nil
	case ast.GroupingSets:
		for i, p := range parts {
			if nested[i] != nil {
				out = append(out, nested[i]...)
			} else {
				out = append(out, p)
			}
		}
	case ast.GroupingRollup:
		for n := len(parts); n >= 0; n-- {
			out = append(out, slices.Concat(parts[:n]...))
		}
	case ast.GroupingCube:
		if len(parts) > 12 {
			return nil, s.b.errAt(g, sqlerr.StatementTooComplex, "CUBE is limited to 12 elements")
		}
		for mask := 1<<len(parts) - 1; mask >= 0; mask-- {
			set := []int{}
			for i, p := range parts {
				if mask&(1<<(len(parts)-1-i)) != 0 {
					set = append(set, p...)
				}
			}
			out = append(out, set)
		}
	}
	return out, nil
}

// groupExpr binds one expression of GROUP BY and returns its position in keys.
func (s *selecting) groupExpr(g ast.Expr) (int, error) {
	b := s.b
	e, err := s.bindGroup(g)
	if err != nil {
		return 0, err
	}
	if e, err = b.known(e, g); err != nil {
		return 0, err
	}
	key := logical.Key(e)
	for i, k := range s.keys {
		if logical.Key(k.e) == key {
			return i, nil
		}
	}
	id := s.aggs.column(e, columnName(g))
	s.keys = append(s.keys, groupKey{id, e})
	s.noteSubquery(g, id)
	return len(s.keys) - 1, nil
}

// noteSubquery remembers a key that contains a subquery by its text: bound a
// second time, in the select list, it would be another subquery.
func (s *selecting) noteSubquery(g ast.Expr, id logical.ColID) {
	switch x := g.(type) {
	case *ast.NumberLit:
		if i, err := s.b.ordinal(x, "GROUP BY", s.nvis); err == nil && s.targets[i].e != nil {
			g = s.targets[i].e
		}
	case *ast.ColumnRef:
		for _, t := range s.targets {
			if len(x.Parts) == 1 && t.name == x.Parts[0] && t.e != nil {
				g = t.e
			}
		}
	}
	found := false
	ast.Walk(g, func(n ast.Node) bool {
		switch n.(type) {
		case *ast.Query:
			found = true
		}
		return !found
	})
	if !found {
		return
	}
	if s.c.grouped == nil {
		s.c.grouped = map[string]logical.ColID{}
	}
	s.c.grouped[ast.String(g)] = id
}

// bindGroup resolves an ordinal, an input column, an output name or an expression.
func (s *selecting) bindGroup(g ast.Expr) (expr.Expr, error) {
	b := s.b
	in := *s.aggs.in
	in.clause, in.inAgg, in.aggs = "GROUP BY", false, nil
	switch x := g.(type) {
	case *ast.NumberLit:
		i, err := b.ordinal(x, "GROUP BY", s.nvis)
		if err != nil {
			return nil, err
		}
		return s.inputTarget(i, &in)
	case *ast.StringLit:
		return nil, b.errAt(g, sqlerr.SyntaxError, "non-integer constant in GROUP BY")
	case *ast.ColumnRef:
		if len(x.Parts) == 1 {
			own := &scope{cols: s.sc.cols, rels: s.sc.rels}
			if c, err := b.lookup(own, x); err == nil {
				return c, nil
			} else if sqlerr.Code(err) == sqlerr.AmbiguousColumn {
				return nil, err
			}
			for i, t := range s.targets {
				if t.name == x.Parts[0] {
					return s.inputTarget(i, &in)
				}
			}
		}
	}
	return in.bind(g)
}

// inputTarget binds a target again, over the rows before grouping.
func (s *selecting) inputTarget(i int, in *exprCtx) (expr.Expr, error) {
	t := s.targets[i]
	if t.e == nil {
		return s.b.Meta.Ref(t.col), nil
	}
	return in.bind(t.e)
}

// replaceKeys replaces what is grouped by, in the items and HAVING, by the key columns.
func (s *selecting) replaceKeys() {
	byKey := map[string]logical.ColID{}
	for _, k := range s.keys {
		byKey[logical.Key(k.e)] = k.id
	}
	replace := func(e expr.Expr) expr.Expr { return s.replaceIn(e, byKey) }
	for i := range s.items {
		s.items[i].e = replace(s.items[i].e)
	}
	for i := range s.having {
		s.having[i] = replace(s.having[i])
	}
	for i := range s.after {
		s.after[i] = replace(s.after[i])
	}
	s.c.windows.each(func(e *expr.Expr) { *e = replace(*e) })
}

func (s *selecting) replaceIn(e expr.Expr, byKey map[string]logical.ColID) expr.Expr {
	// Rewrite goes bottom-up, so an inner key may be replaced before an outer one
	// is recognised: try the whole first.
	if id, ok := byKey[logical.Key(e)]; ok {
		if c, isCol := e.(*expr.Col); isCol && c.Index == id {
			return e
		}
		return s.b.Meta.Ref(id)
	}
	return expr.Rewrite(e, func(x expr.Expr) expr.Expr {
		if _, ok := x.(*expr.Const); ok {
			return x
		}
		if id, ok := byKey[logical.Key(x)]; ok {
			if c, isCol := x.(*expr.Col); isCol && c.Index == id {
				return x
			}
			return s.b.Meta.Ref(id)
		}
		return x
	})
}

// checkGrouped refuses columns that are neither grouped by nor aggregated, but
// for those that a grouped primary key determines: they become keys too.
func (s *selecting) checkGrouped(agg *logical.Agg, sets bool) error {
	b := s.b
	ok := logical.SetOf(agg.Keys...)
	for _, it := range agg.Aggs {
		ok.Add(it.Col)
	}
	check := func(id logical.ColID) bool {
		if ok.Has(id) || !s.input.Has(id) {
			return true
		}
		if sets {
			return false
		}
		for _, r := range s.sc.rels {
			if len(r.pk) > 0 && slices.Contains(r.cols, id) && logical.SetOf(r.pk...).Subset(ok) {
				ok.Add(id)
				agg.Keys = append(agg.Keys, id)
				return true
			}
		}
		return false
	}
	var err error
	visit := func(e expr.Expr) {
		expr.Walk(e, func(x expr.Expr) bool {
			if c, isCol := x.(*expr.Col); isCol && err == nil && !check(c.Index) {
				ge := sqlerr.New(sqlerr.GroupingError, "column \"%s\" must appear in the GROUP BY clause or be used in an aggregate function", s.colName(c.Index))
				if off, ok := b.where[c]; ok {
					ge.At(b.charPos(off))
				}
				err = ge
			}
			return err == nil
		})
	}
	for _, it := range s.items {
		visit(it.e)
	}
	s.c.windows.each(func(e *expr.Expr) { visit(*e) })
	for _, e := range append(slices.Clone(s.having), s.after...) {
		visit(e)
	}
	if err != nil {
		return err
	}
	for _, sub := range *s.c.subs {
		for _, id := range logical.Free(sub).IDs() {
			if !check(id) {
				return sqlerr.New(sqlerr.GroupingError, "subquery uses ungrouped column \"%s\" from outer query", s.colName(id))
			}
		}
	}
	return nil
}

func (s *selecting) colName(id logical.ColID) string {
	for _, c := range s.sc.cols {
		if c.id == id {
			if c.rel != "" {
				return c.rel + "." + c.name
			}
			return c.name
		}
	}
	return s.b.Meta.Cols[id].Name
}

// expandSets makes grouping sets a UNION ALL of aggregations over copies of the
// input, with NULL for the keys that a set leaves out.
func (s *selecting) expandSets(agg *logical.Agg, sets [][]int) (logical.Node, error) {
	b := s.b
	if sets == nil { // GROUPING() with a plain GROUP BY
		all := []int{}
		for i := range s.keys {
			all = append(all, i)
		}
		sets = [][]int{all}
	}
	out := &logical.Union{Cols: agg.Out()}
	for _, call := range s.aggs.sets.calls {
		out.Cols = append(out.Cols, call.col)
	}
	for _, set := range sets {
		in, ids := logical.Copy(b.Meta, agg.In)
		rename := func(id logical.ColID) logical.ColID {
			if n, ok := ids[id]; ok {
				return n
			}
			return id
		}
		branch := &logical.Agg{In: in, Scalar: len(set) == 0}
		grouped := map[logical.ColID]bool{}
		for _, k := range set {
			if id := s.keys[k].id; !grouped[id] {
				grouped[id] = true
				branch.Keys = append(branch.Keys, rename(id))
			}
		}
		p := &logical.Project{}
		var cols []logical.ColID
		for _, id := range agg.Keys {
			if grouped[id] {
				p.Items = append(p.Items, logical.Item{Col: rename(id), E: b.Meta.Ref(rename(id))})
				cols = append(cols, rename(id))
				continue
			}
			null := b.Meta.New(b.Meta.Cols[id].Name, b.Meta.Cols[id].Type)
			p.Items = append(p.Items, logical.Item{Col: null, E: expr.Null(b.Meta.Cols[id].Type)})
			cols = append(cols, null)
		}
		for _, it := range agg.Aggs {
			it.Args = renameAll(it.Args, rename)
			it.Filter = rename(it.Filter)
			it.OrderBy = slices.Clone(it.OrderBy)
			for i := range it.OrderBy {
				it.OrderBy[i].Col = rename(it.OrderBy[i].Col)
			}
			it.Col = b.Meta.Like(it.Col)
			branch.Aggs = append(branch.Aggs, it)
			p.Items = append(p.Items, logical.Item{Col: it.Col, E: b.Meta.Ref(it.Col)})
			cols = append(cols, it.Col)
		}
		for _, call := range s.aggs.sets.calls {
			bits, err := s.groupingBits(call, grouped)
			if err != nil {
				return nil, err
			}
			id := b.Meta.Like(call.col)
			p.Items = append(p.Items, logical.Item{Col: id, E: intConst(bits, types.Of(types.Int4))})
			cols = append(cols, id)
		}
		p.In = branch
		out.Ins, out.InCols = append(out.Ins, p), append(out.InCols, cols)
	}
	return out, nil
}

func renameAll(ids []logical.ColID, rename func(logical.ColID) logical.ColID) []logical.ColID {
	out := make([]logical.ColID, len(ids))
	for i, id := range ids {
		out[i] = rename(id)
	}
	return out
}

func (s *selecting) groupingBits(call groupingCall, grouped map[logical.ColID]bool) (int64, error) {
	var bits int64
	for _, a := range call.args {
		found := false
		for _, k := range s.keys {
			if logical.Key(k.e) == logical.Key(a) {
				found = true
				bits <<= 1
				if !grouped[k.id] {
					bits |= 1
				}
				break
			}
		}
		if !found {
			return 0, s.b.errAt(call.at, sqlerr.GroupingError, "arguments to GROUPING must be grouping expressions of the associated query level")
		}
	}
	return bits, nil
}
