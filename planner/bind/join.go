package bind

import (
	"streamdb/expr"
	"streamdb/internal/sqlerr"
	"streamdb/planner/logical"
	"streamdb/sql/ast"
)

// join binds JOIN in its forms.
func (b *Binder) join(j *ast.Join, left *scope, env *cteEnv) (logical.Node, *scope, error) {
	right, mode, lookup, err := b.lookupMode(j)
	if err != nil {
		return nil, nil, err
	}
	ln, ls, err := b.table(j.Left, left, env)
	if err != nil {
		return nil, nil, err
	}
	visible := &scope{parent: left.parent, ctes: env}
	visible.add(left)
	visible.add(ls)
	rn, rs, err := b.table(right, visible, env)
	if err != nil {
		return nil, nil, err
	}
	sc := &scope{parent: left.parent, ctes: env}
	sc.add(ls)
	if err := b.merge(sc, rs, j); err != nil {
		return nil, nil, err
	}
	kind := map[ast.JoinKind]logical.JoinKind{ast.InnerJoin: logical.Inner, ast.CrossJoin: logical.Inner,
		ast.LeftJoin: logical.Left, ast.RightJoin: logical.Right, ast.FullJoin: logical.Full}[j.Kind]
	lateral := logical.Free(rn).Meets(logical.OutSet(ln))
	if lateral && (kind == logical.Right || kind == logical.Full) {
		return nil, nil, b.errAt(j.Right, sqlerr.InvalidColumnReference, "invalid reference to FROM-clause entry: the combining JOIN type must be INNER or LEFT for a LATERAL reference")
	}
	using := j.Using
	if j.Natural {
		using = commonNames(ls, rs)
	}
	var node logical.Node
	switch {
	case len(using) > 0:
		node, sc, err = b.joinUsing(j, kind, ln, rn, ls, rs, using)
	case j.On != nil:
		node, err = b.joinOn(j, kind, ln, rn, sc)
	default:
		node = joinOrApply(kind, ln, rn, nil)
	}
	if err == nil && lookup {
		node, err = b.lookupJoin(node, mode, j)
	}
	if err != nil {
		return nil, nil, err
	}
	sc.parent, sc.ctes = left.parent, env
	if j.Alias != nil && j.Alias.Name != "" {
		cols := append([]scopeCol(nil), sc.cols...)
		return b.aliased(node, cols, relation{}, "", "", j.Alias, j)
	}
	return node, sc, nil
}

func (b *Binder) joinOn(j *ast.Join, kind logical.JoinKind, l, r logical.Node, sc *scope) (logical.Node, error) {
	c := b.exprCtx(sc, "JOIN/ON")
	if kind == logical.Inner {
		first, rest, err := c.conditions(j.On)
		if err != nil {
			return nil, err
		}
		n, err := c.attach(joinOrApply(kind, l, r, first))
		if err == nil && len(rest) > 0 {
			n = &logical.Filter{In: n, Conds: rest}
		}
		return n, err
	}
	on, err := c.cond(j.On, "JOIN/ON")
	if err != nil {
		return nil, err
	}
	if len(*c.pending) > 0 { // subqueries are evaluated beside the side that may be padded
		switch kind {
		case logical.Right:
			kind, l, r = logical.Left, r, l
		case logical.Full:
			return nil, b.unsupported(j.On, "a subquery in the condition of a FULL JOIN")
		}
		if r, err = c.attach(r); err != nil {
			return nil, err
		}
	}
	return joinOrApply(kind, l, r, expr.Conjuncts(on)), nil
}

func commonNames(l, r *scope) []string {
	var out []string
	for _, a := range l.cols {
		if a.hidden {
			continue
		}
		for _, c := range r.cols {
			if !c.hidden && a.name == c.name {
				out = append(out, a.name)
				break
			}
		}
	}
	return out
}

// joinUsing joins on columns of equal name, which appear once in the result.
func (b *Binder) joinUsing(j *ast.Join, kind logical.JoinKind, ln, rn logical.Node, ls, rs *scope, using []string) (logical.Node, *scope, error) {
	find := func(s *scope, name, side string) (int, error) {
		found := -1
		for i, c := range s.cols {
			if c.name == name && !c.hidden {
				if found >= 0 {
					return 0, b.errAt(j, sqlerr.AmbiguousColumn, "common column name \"%s\" appears more than once in %s table", name, side)
				}
				found = i
			}
		}
		if found < 0 {
			return 0, b.errAt(j, sqlerr.UndefinedColumn, "column \"%s\" specified in USING clause does not exist in %s table", name, side)
		}
		return found, nil
	}
	sc := &scope{}
	var merged []scopeCol
	var on []expr.Expr
	var items []logical.Item
	lcols, rcols := append([]scopeCol(nil), ls.cols...), append([]scopeCol(nil), rs.cols...)
	for _, name := range using {
		li, err := find(&scope{cols: ls.cols}, name, "left")
		if err != nil {
			return nil, nil, err
		}
		ri, err := find(&scope{cols: rs.cols}, name, "right")
		if err != nil {
			return nil, nil, err
		}
		x, y := b.Meta.Ref(lcols[li].id), b.Meta.Ref(rcols[ri].id)
		b.used.Add(x.Index)
		b.used.Add(y.Index)
		eq, err := b.applyOp(j, "=", x, y)
		if err != nil {
			return nil, nil, err
		}
		on = append(on, eq)
		m := scopeCol{name: name, id: x.Index, rel: j.UsingAlias}
		switch kind {
		case logical.Right:
			m.id = y.Index
		case logical.Full:
			args, t, err := b.common("JOIN/USING", []expr.Expr{x, y}, j)
			if err != nil {
				return nil, nil, err
			}
			m.id = b.Meta.New(name, t)
			items = append(items, logical.Item{Col: m.id, E: &expr.Coalesce{Args: args, T: t}})
		}
		merged = append(merged, m)
		lcols[li].hidden, rcols[ri].hidden = true, true
	}
	node := joinOrApply(kind, ln, rn, on)
	if len(items) > 0 {
		node = &logical.Project{In: node, Items: append(logical.Pass(b.Meta, node.Out()), items...)}
	}
	sc.cols = append(append(merged, lcols...), rcols...)
	sc.rels = append(append(sc.rels, ls.rels...), rs.rels...)
	return node, sc, nil
}
