package bind

import (
	"slices"

	"streamdb/expr"
	"streamdb/internal/sqlerr"
	"streamdb/planner/logical"
	"streamdb/sql/ast"
	"streamdb/types"
)

// selectItem is an element of the select list or of ORDER BY, being bound.
type selectItem struct {
	name string
	e    expr.Expr
	at   ast.Node
	id   logical.ColID // once projected
}

// selectStmt binds SELECT with the ORDER BY, LIMIT and OFFSET of q.
func (b *Binder) selectStmt(sel *ast.Select, q *ast.Query, parent *scope, env *cteEnv) (*Rel, error) {
	node, sc, err := b.from(sel.From, parent, env)
	if err != nil {
		return nil, err
	}
	if sel.Where != nil {
		if node, err = b.filter(node, b.exprCtx(sc, "WHERE"), sel.Where); err != nil {
			return nil, err
		}
	}
	targets, err := b.expandStars(sel.Targets, sc)
	if err != nil {
		return nil, err
	}
	s := &selecting{b: b, sel: sel, sc: sc, targets: targets, input: logical.OutSet(node)}
	s.aggs = newAggregates(b.exprCtx(sc, "an aggregate"))
	s.aggs.input = s.input
	s.c = b.exprCtx(sc, "SELECT")
	s.c.aggs, s.c.sets, s.c.subs = s.aggs, true, new([]logical.Node)
	if s.c.windows, err = b.newWindows(sel.Windows); err != nil {
		return nil, err
	}
	s.nvis = len(targets)
	if s.sets, err = s.groupBy(); err != nil {
		return nil, err
	}
	s.aggs.grouped = map[string]bool{}
	for _, k := range s.keys {
		s.aggs.grouped[logical.Key(k.e)] = true
	}
	sc.owner = s.c
	err = s.bindItems(q.OrderBy)
	sc.owner = nil
	if err != nil {
		return nil, err
	}
	if node, err = s.group(node); err != nil {
		return nil, err
	}
	if node, err = s.c.windows.attach(node); err != nil {
		return nil, err
	}
	if node, err = s.c.attach(node); err != nil {
		return nil, err
	}
	rel := s.project(node)
	keys, err := s.distinct(rel, q.OrderBy)
	if err != nil {
		return nil, err
	}
	return b.finish(rel, keys, q, parent)
}

// filter puts a condition over a node.
func (b *Binder) filter(node logical.Node, c *exprCtx, cond ast.Expr) (logical.Node, error) {
	first, rest, err := c.conditions(cond)
	if err != nil {
		return nil, err
	}
	if len(first) > 0 {
		node = &logical.Filter{In: node, Conds: first}
	}
	if node, err = c.attach(node); err != nil {
		return nil, err
	}
	if len(rest) > 0 {
		node = &logical.Filter{In: node, Conds: rest}
	}
	return node, nil
}

// target is an element of the select list after * has been written out: an
// expression, or a column found already.
type target struct {
	name string
	e    ast.Expr
	col  logical.ColID
	at   ast.Node
}

// expandStars writes out * and t.*.
func (b *Binder) expandStars(ts []*ast.Target, sc *scope) ([]target, error) {
	var out []target
	for _, t := range ts {
		star, ok := t.Expr.(*ast.Star)
		if !ok {
			name := t.Alias
			if name == "" {
				name = columnName(t.Expr)
			}
			out = append(out, target{name: name, e: t.Expr, at: t.Expr})
			continue
		}
		cols, err := b.star(star, sc)
		if err != nil {
			return nil, err
		}
		for _, c := range cols {
			b.used.Add(c.id)
			out = append(out, target{name: c.name, col: c.id, at: star})
		}
	}
	return out, nil
}

func (b *Binder) star(star *ast.Star, sc *scope) ([]scopeCol, error) {
	var except logical.Set
	for _, e := range star.Except {
		c, err := b.lookup(sc, e)
		if err != nil {
			return nil, err
		}
		except.Add(c.Index)
	}
	var out []scopeCol
	if len(star.Qualifier) == 0 {
		if len(sc.rels) == 0 {
			return nil, b.errAt(star, sqlerr.SyntaxError, "SELECT * with no tables specified is not valid")
		}
		for _, c := range sc.cols {
			if !c.hidden && !except.Has(c.id) {
				out = append(out, c)
			}
		}
		return out, nil
	}
	name := star.Qualifier[len(star.Qualifier)-1]
	for s := sc; s != nil; s = s.parent {
		if len(star.Qualifier) == 1 && s.sameName(name) {
			return nil, b.errAt(star, sqlerr.AmbiguousAlias, "table reference \"%s\" is ambiguous", name)
		}
		for _, r := range s.rels {
			if r.name != name || len(star.Qualifier) > 1 && r.schema != star.Qualifier[len(star.Qualifier)-2] {
				continue
			}
			for _, c := range s.cols {
				if c.rel == name && slices.Contains(r.cols, c.id) && !except.Has(c.id) {
					out = append(out, c)
				}
			}
			return out, nil
		}
	}
	return nil, b.errAt(star, sqlerr.UndefinedTable, "missing FROM-clause entry for table \"%s\"", name)
}

// selecting is the binding of one SELECT.
type selecting struct {
	b       *Binder
	sel     *ast.Select
	sc      *scope
	c       *exprCtx // of the select list: over the rows after grouping
	aggs    *aggregates
	targets []target
	input   logical.Set // columns before grouping
	items   []selectItem
	nvis    int   // items that are targets; DISTINCT ON and ORDER BY expressions follow
	orders  []int // item of each ORDER BY key
	ons     []int // item of each DISTINCT ON expression
	having  []expr.Expr
	after   []expr.Expr                                // conditions of HAVING that need pending nodes
	pending []func(logical.Node) (logical.Node, error) // those nodes
	keys    []groupKey
	sets    [][]int // of the keys; nil without grouping sets
}

// groupKey is an expression of GROUP BY.
type groupKey struct {
	id logical.ColID
	e  expr.Expr
}

func (s *selecting) bindTarget(t target) (expr.Expr, error) {
	if t.e == nil {
		return s.b.Meta.Ref(t.col), nil
	}
	return s.c.bind(t.e)
}

// bindItems binds the select list, HAVING, DISTINCT ON and ORDER BY.
func (s *selecting) bindItems(orderBy []*ast.OrderItem) error {
	b := s.b
	for _, t := range s.targets {
		e, err := s.bindTarget(t)
		if err != nil {
			return err
		}
		if t.e == nil {
			b.where[e.(*expr.Col)] = t.at.At()
		}
		s.items = append(s.items, selectItem{name: t.name, e: e, at: t.at})
	}
	s.nvis = len(s.items)
	if s.sel.Having != nil {
		h := *s.c
		h.clause, h.sets, h.windows, h.pending = "HAVING", false, nil, &s.pending
		var err error
		if s.having, s.after, err = h.conditions(s.sel.Having); err != nil {
			return err
		}
	}
	for _, on := range s.sel.DistinctOn {
		i, err := s.outputItem(on, "SELECT DISTINCT ON")
		if err != nil {
			return err
		}
		s.ons = append(s.ons, i)
	}
	for _, o := range orderBy {
		i, err := s.outputItem(o.Expr, "ORDER BY")
		if err != nil {
			return err
		}
		s.orders = append(s.orders, i)
	}
	for _, d := range s.sel.Windows { // also those that no call uses
		in, w := s.c.inner(), s.c.windows.defs[d.Name]
		spec, err := in.windowSpec(w)
		if err != nil {
			return err
		}
		if _, err = in.frame(w, spec); err != nil {
			return err
		}
	}
	return nil
}

// outputItem resolves an expression of ORDER BY or DISTINCT ON: an ordinal, an
// output name, else an expression over the input.
func (s *selecting) outputItem(e ast.Expr, clause string) (int, error) {
	b := s.b
	switch x := e.(type) {
	case *ast.NumberLit:
		return b.ordinal(x, clause, s.nvis)
	case *ast.StringLit, *ast.NullLit:
		if _, ok := x.(*ast.StringLit); ok {
			return 0, b.errAt(e, sqlerr.SyntaxError, "non-integer constant in %s", clause)
		}
	case *ast.ColumnRef:
		if len(x.Parts) == 1 {
			found := -1
			for i, it := range s.items[:s.nvis] {
				if it.name != x.Parts[0] {
					continue
				}
				if found >= 0 && logical.Key(s.items[found].e) != logical.Key(it.e) {
					return 0, b.errAt(e, sqlerr.AmbiguousColumn, "%s \"%s\" is ambiguous", clause, it.name)
				}
				if found < 0 {
					found = i
				}
			}
			if found >= 0 {
				return found, nil
			}
		}
	}
	c := *s.c
	c.clause = clause
	bound, err := c.bindKnown(e, e)
	if err != nil {
		return 0, err
	}
	key := logical.Key(bound)
	for i, it := range s.items {
		if logical.Key(it.e) == key {
			return i, nil
		}
	}
	s.items = append(s.items, selectItem{name: columnName(e), e: bound, at: e})
	return len(s.items) - 1, nil
}

// project computes the items over the node.
func (s *selecting) project(node logical.Node) *Rel {
	b := s.b
	have := logical.OutSet(node)
	p := &logical.Project{In: node}
	var passed logical.Set
	for i := range s.items {
		it := &s.items[i]
		if c, ok := it.e.(*expr.Col); ok && have.Has(c.Index) {
			it.id = c.Index
			if !passed.Has(it.id) {
				passed.Add(it.id)
				p.Items = append(p.Items, logical.Item{Col: it.id, E: it.e})
			}
			continue
		}
		it.id = b.Meta.New(it.name, it.e.Type())
		p.Items = append(p.Items, logical.Item{Col: it.id, E: it.e})
	}
	rel := &Rel{Root: p}
	for _, it := range s.items[:s.nvis] {
		rel.Cols = append(rel.Cols, OutCol{it.name, it.id})
	}
	return rel
}

// distinct adds DISTINCT or DISTINCT ON and returns the sort keys.
func (s *selecting) distinct(rel *Rel, orderBy []*ast.OrderItem) ([]logical.SortKey, error) {
	b := s.b
	for _, i := range append(append([]int(nil), s.orders...), s.ons...) { // what is sorted needs a type
		if it := &s.items[i]; isUnknown(b.Meta.Cols[it.id].Type) {
			if _, err := b.retypeLiteral(rel.Root, it.id, types.Of(types.Text), 0, it.at); err != nil {
				return nil, err
			}
			b.Meta.Cols[it.id].Type = types.Of(types.Text)
		}
	}
	var keys []logical.SortKey
	for n, o := range orderBy {
		k, err := b.sortKey(o, s.items[s.orders[n]].id)
		if err != nil {
			return nil, err
		}
		if s.sel.Distinct && s.orders[n] >= s.nvis {
			return nil, b.errAt(o.Expr, sqlerr.InvalidColumnReference, "for SELECT DISTINCT, ORDER BY expressions must appear in select list")
		}
		if !slices.ContainsFunc(keys, func(x logical.SortKey) bool { return x.Col == k.Col }) {
			keys = append(keys, k)
		}
	}
	switch {
	case s.sel.Distinct:
		ids := make([]logical.ColID, len(rel.Cols))
		for i, c := range rel.Cols {
			if isUnknown(b.Meta.Cols[c.ID].Type) {
				if err := b.retypeOut(rel, i, types.Of(types.Text), 0, s.sel); err != nil {
					return nil, err
				}
			}
			ids[i] = rel.Cols[i].ID
		}
		rel.Root = &logical.Agg{In: rel.Root, Keys: dedupe(ids)}
	case len(s.ons) > 0:
		var on []logical.ColID
		for _, i := range s.ons {
			on = append(on, s.items[i].id)
		}
		on = dedupe(on)
		for i, k := range keys {
			if i < len(on) && !slices.Contains(on, k.Col) {
				return nil, b.errAt(orderBy[0], sqlerr.InvalidColumnReference, "SELECT DISTINCT ON expressions must match initial ORDER BY expressions")
			}
		}
		var inner []logical.SortKey
		for _, k := range keys {
			if !slices.Contains(on, k.Col) {
				inner = append(inner, k)
			}
		}
		rel.Root = &logical.Limit{In: rel.Root, Group: on, Keys: inner, Limit: intConst(1, types.Of(types.Int8))}
	}
	return keys, nil
}
