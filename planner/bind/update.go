package bind

import (
	"slices"

	"streamdb/catalog"
	"streamdb/expr"
	"streamdb/expr/casts"
	"streamdb/internal/sqlerr"
	"streamdb/planner/logical"
	"streamdb/sql/ast"
	"streamdb/types"
)

// assignments binds SET: new values by position in the table.
func (b *Binder) assignments(o *catalog.Object, set []*ast.Assignment, c *exprCtx) (map[int]expr.Expr, error) {
	out := map[int]expr.Expr{}
	put := func(t *ast.TargetColumn, value func(col catalog.Column) (expr.Expr, error)) error {
		if len(t.Indirection) > 0 {
			return b.unsupported(t, "assignment to a part of a column")
		}
		i := colIndex(o, t.Name)
		if i < 0 {
			return b.errAt(t, sqlerr.UndefinedColumn, "column \"%s\" of relation \"%s\" does not exist", t.Name, o.Name)
		}
		if _, twice := out[i]; twice {
			return b.errAt(t, sqlerr.SyntaxError, "multiple assignments to same column \"%s\"", t.Name)
		}
		x, err := value(o.Cols[i])
		if err != nil {
			return err
		}
		if x == nil {
			if x, err = b.defaultOf(o, i); err != nil {
				return err
			}
		}
		out[i] = x
		return nil
	}
	for _, a := range set {
		values, err := b.multiValues(a, c)
		if err != nil {
			return nil, err
		}
		for k, t := range a.Columns {
			err := put(t, func(col catalog.Column) (expr.Expr, error) { return values(k, col) })
			if err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// multiValues gives value k of an assignment: of the one value, of a row, or of
// a subquery's columns.
func (b *Binder) multiValues(a *ast.Assignment, c *exprCtx) (func(k int, col catalog.Column) (expr.Expr, error), error) {
	if !a.Multi || len(a.Columns) == 1 {
		value := a.Value
		if row, ok := value.(*ast.RowExpr); ok && a.Multi && len(row.Items) == 1 {
			value = row.Items[0]
		}
		return func(_ int, col catalog.Column) (expr.Expr, error) { return b.assign(c, value, col) }, nil
	}
	switch v := a.Value.(type) {
	case *ast.RowExpr:
		if len(v.Items) != len(a.Columns) {
			return nil, b.errAt(a, sqlerr.SyntaxError, "number of columns does not match number of values")
		}
		return func(k int, col catalog.Column) (expr.Expr, error) { return b.assign(c, v.Items[k], col) }, nil
	case *ast.Subquery:
		rel, err := c.sub(v.Query, 0, v)
		if err != nil {
			return nil, err
		}
		if len(rel.Cols) != len(a.Columns) {
			return nil, b.errAt(a, sqlerr.SyntaxError, "number of columns does not match number of values")
		}
		c.apply(logical.Left, rel.Root, nil, true)
		return func(k int, col catalog.Column) (expr.Expr, error) {
			x := b.Meta.Ref(rel.Cols[k].ID)
			if err := b.checkAssign(x.T, col, v); err != nil {
				return nil, err
			}
			return b.coerce(x, col.Type, casts.Assignment, v)
		}, nil
	}
	return nil, b.errAt(a, sqlerr.FeatureNotSupported, "source for a multiple-column UPDATE item must be a sub-SELECT or ROW() expression")
}

// rowsOf binds the table of UPDATE or DELETE with its FROM or USING and WHERE:
// the node, the table's columns, and the scope.
func (b *Binder) rowsOf(o *catalog.Object, as string, from []ast.TableExpr, where ast.Expr, env *cteEnv, at ast.Node) (logical.Node, []logical.ColID, *scope, error) {
	node, cols, rel, err := b.object(o, at)
	if err != nil {
		return nil, nil, nil, err
	}
	var ids []logical.ColID
	for _, c := range cols {
		ids = append(ids, c.id)
	}
	if as == "" {
		rel.schema = o.Schema
	}
	_, sc, err := b.aliased(node, cols, rel, alias(as, o), "", nil, at)
	if err != nil {
		return nil, nil, nil, err
	}
	sc.ctes = env
	if len(from) > 0 {
		other, osc, err := b.from(from, nil, env)
		if err != nil {
			return nil, nil, nil, err
		}
		if err := b.merge(sc, osc, at); err != nil {
			return nil, nil, nil, err
		}
		node = joinOrApply(logical.Inner, node, other, nil)
	}
	if where != nil {
		if node, err = b.filter(node, b.exprCtx(sc, "WHERE"), where); err != nil {
			return nil, nil, nil, err
		}
	}
	return node, ids, sc, nil
}

// oncePerRow keeps one row for each row of the table: UPDATE and DELETE with FROM
// may find several partners for one.
func oncePerRow(o *catalog.Object, n logical.Node, ids []logical.ColID) logical.Node {
	var key []logical.ColID
	for _, k := range o.Rows.Key {
		key = append(key, ids[k.Col])
	}
	return &logical.Limit{In: n, Group: key, Limit: intConst(1, types.Of(types.Int8))}
}

// Update binds UPDATE: a query for the old row, then the new row, of all columns.
func (b *Binder) Update(s *ast.Update) (*catalog.Object, *Rel, *Returning, error) {
	o, err := b.target(s.Table, "UPDATE")
	if err != nil {
		return nil, nil, nil, err
	}
	env, err := b.with(s.With, nil, nil)
	if err != nil {
		return nil, nil, nil, err
	}
	node, ids, sc, err := b.rowsOf(o, s.Alias, s.From, s.Where, env, s.Table)
	if err != nil {
		return nil, nil, nil, err
	}
	if len(s.From) > 0 {
		node = oncePerRow(o, node, ids)
	}
	c := b.exprCtx(sc, "UPDATE")
	set, err := b.assignments(o, s.Set, c)
	if err != nil {
		return nil, nil, nil, err
	}
	if node, err = c.attach(node); err != nil {
		return nil, nil, nil, err
	}
	p := &logical.Project{In: node, Items: logical.Pass(b.Meta, dedupe(node.Out()))}
	byCol := map[int]logical.ColID{}
	for i := range o.Cols {
		byCol[i] = ids[i]
		if x, ok := set[i]; ok {
			byCol[i] = b.Meta.New(o.Cols[i].Name, o.Cols[i].Type)
			p.Items = append(p.Items, logical.Item{Col: byCol[i], E: x})
		}
	}
	rel := &Rel{Root: p}
	if slices.ContainsFunc(o.Cols, func(c catalog.Column) bool { return c.Generated != "" }) {
		if rel.Root, err = b.generate(o, p, byCol); err != nil {
			return nil, nil, nil, err
		}
	}
	for i, c := range o.Cols {
		rel.Cols = append(rel.Cols, OutCol{c.Name, ids[i]})
	}
	for i, c := range o.Cols {
		rel.Cols = append(rel.Cols, OutCol{c.Name, byCol[i]})
	}
	ret, err := b.returning(o, s.Returning, alias(s.Alias, o))
	return o, rel, ret, err
}

// Delete binds DELETE: a query for the rows to delete, all columns.
func (b *Binder) Delete(s *ast.Delete) (*catalog.Object, *Rel, *Returning, error) {
	o, err := b.target(s.Table, "DELETE")
	if err != nil {
		return nil, nil, nil, err
	}
	env, err := b.with(s.With, nil, nil)
	if err != nil {
		return nil, nil, nil, err
	}
	node, ids, _, err := b.rowsOf(o, s.Alias, s.Using, s.Where, env, s.Table)
	if err != nil {
		return nil, nil, nil, err
	}
	if len(s.Using) > 0 {
		node = oncePerRow(o, node, ids)
	}
	rel := &Rel{Root: node}
	for i, c := range o.Cols {
		rel.Cols = append(rel.Cols, OutCol{c.Name, ids[i]})
	}
	ret, err := b.returning(o, s.Returning, alias(s.Alias, o))
	return o, rel, ret, err
}
