package bind

import (
	"math"
	"slices"
	"strings"

	"streamdb/expr"
	"streamdb/expr/casts"
	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"
	"streamdb/types"
)

// is binds IS [NOT] NULL, TRUE, FALSE and UNKNOWN.
func (c *exprCtx) is(e *ast.Is) (expr.Expr, error) {
	name := map[ast.IsTest]string{ast.IsNull: "is_null", ast.IsUnknown: "is_unknown", ast.IsTrue: "is_true", ast.IsFalse: "is_false"}[e.Test]
	if name == "" {
		return nil, c.b.unsupported(e, "IS JSON and the like")
	}
	x, err := c.bind(e.Expr)
	if err != nil {
		return nil, err
	}
	if e.Test == ast.IsNull {
		if x, err = c.b.known(x, e); err != nil {
			return nil, err
		}
	} else if x, err = c.b.boolean(x, strings.ToUpper(strings.ReplaceAll(name, "_", " ")), e); err != nil {
		return nil, err
	}
	if e.Not {
		name = strings.Replace(name, "is_", "is_not_", 1)
	}
	return c.b.applyOp(e, name, x)
}

// like binds LIKE, ILIKE and SIMILAR TO.
func (c *exprCtx) like(e *ast.Like) (expr.Expr, error) {
	x, err := c.bind(e.Expr)
	if err != nil {
		return nil, err
	}
	p, err := c.bind(e.Pattern)
	if err != nil {
		return nil, err
	}
	var esc expr.Expr
	if e.Escape != nil {
		if esc, err = c.bind(e.Escape); err != nil {
			return nil, err
		}
	}
	op := "~~"
	switch e.Kind {
	case ast.LikeILike:
		op = "~~*"
	case ast.LikeSimilar:
		args := []expr.Expr{p}
		if esc != nil {
			args = append(args, esc)
		}
		if p, err = c.b.applyFunc(e, "similar_to_escape", args...); err != nil {
			return nil, err
		}
		op, esc = "~", nil
	}
	if esc != nil {
		if p, err = c.b.applyFunc(e, "like_escape", p, esc); err != nil {
			return nil, err
		}
	}
	if e.Not {
		op = "!" + op
	}
	return c.b.applyOp(e, op, x, p)
}

// in binds x [NOT] IN (list) and, as a value, x [NOT] IN (query).
func (c *exprCtx) in(e *ast.In) (expr.Expr, error) {
	if e.Query != nil {
		return c.inQuery(e, e.Expr, "=", false, e.Query, e.Not)
	}
	if row, ok := e.Expr.(*ast.RowExpr); ok {
		return c.rowIn(e, row)
	}
	args, err := c.binds(append([]ast.Expr{e.Expr}, e.List...))
	if err != nil {
		return nil, err
	}
	if x, ok, err := c.inList(args, e); ok || err != nil {
		return x, err
	}
	var ors []expr.Expr
	for _, v := range args[1:] {
		eq, err := c.b.applyOp(e, "=", args[0], v)
		if err != nil {
			return nil, err
		}
		ors = append(ors, eq)
	}
	out := expr.Expr(&expr.Or{Args: ors})
	if len(ors) == 1 {
		out = ors[0]
	}
	if e.Not {
		return c.b.not(out)
	}
	return out, nil
}

// inList makes the node for constants when all of the list has one type with x.
func (c *exprCtx) inList(args []expr.Expr, e *ast.In) (expr.Expr, bool, error) {
	for _, a := range args[1:] {
		if _, ok := a.(*expr.Const); !ok {
			return nil, false, nil
		}
	}
	t := args[0].Type()
	if isUnknown(t) || t.ID == types.Record {
		return nil, false, nil
	}
	common, err := c.b.commonType("IN", args, e)
	if err != nil || !common.SameKind(t) {
		return nil, false, nil // operators decide, and name the fault
	}
	vals := make([]types.Datum, len(args)-1)
	for i, a := range args[1:] {
		x, err := c.b.coerce(a, bare(t), casts.Implicit, e)
		if err != nil {
			return nil, false, err
		}
		k, ok := expr.Fold(x).(*expr.Const)
		if !ok {
			return nil, false, nil
		}
		vals[i] = k.Value
	}
	return expr.NewIn(args[0], vals, e.Not), true, nil
}

// rowIn is (a, b) IN ((1, 2), ..).
func (c *exprCtx) rowIn(e *ast.In, row *ast.RowExpr) (expr.Expr, error) {
	var ors []expr.Expr
	for _, v := range e.List {
		r, ok := v.(*ast.RowExpr)
		if !ok {
			return nil, c.b.unsupported(v, "IN of a row and a value that is not a row")
		}
		eq, err := c.rowOp(e, "=", row, r)
		if err != nil {
			return nil, err
		}
		ors = append(ors, eq)
	}
	out := expr.Expr(&expr.Or{Args: ors})
	if e.Not {
		return c.b.not(out)
	}
	return out, nil
}

func (c *exprCtx) rowCompare(e *ast.Binary, l, r *ast.RowExpr) (expr.Expr, error) {
	return c.rowOp(e, e.Op, l, r)
}

// rowOp compares rows field by field, as SQL defines it.
func (c *exprCtx) rowOp(n ast.Node, op string, l, r *ast.RowExpr) (expr.Expr, error) {
	if len(l.Items) != len(r.Items) {
		return nil, c.b.errAt(n, sqlerr.SyntaxError, "unequal number of entries in row expressions")
	}
	ls, err := c.binds(l.Items)
	if err != nil {
		return nil, err
	}
	rs, err := c.binds(r.Items)
	if err != nil {
		return nil, err
	}
	return c.b.rowsOp(n, op, ls, rs)
}

func (b *Binder) rowsOp(n ast.Node, op string, ls, rs []expr.Expr) (expr.Expr, error) {
	each := func(op string, i int) (expr.Expr, error) { return b.applyOp(n, op, ls[i], rs[i]) }
	switch op {
	case "=", "<>", "!=":
		var parts []expr.Expr
		for i := range ls {
			x, err := each(op, i)
			if err != nil {
				return nil, err
			}
			parts = append(parts, x)
		}
		if len(parts) == 1 {
			return parts[0], nil
		}
		if op == "=" {
			return &expr.And{Args: parts}, nil
		}
		return &expr.Or{Args: parts}, nil
	case "<", "<=", ">", ">=":
		last := len(ls) - 1
		out, err := each(op, last)
		if err != nil {
			return nil, err
		}
		for i := last - 1; i >= 0; i-- { // a < b OR a = b AND (rest)
			lt, err := each(op[:1], i)
			if err != nil {
				return nil, err
			}
			eq, err := each("=", i)
			if err != nil {
				return nil, err
			}
			out = &expr.Or{Args: []expr.Expr{lt, &expr.And{Args: []expr.Expr{eq, out}}}}
		}
		return out, nil
	}
	return nil, b.unsupported(n, "the operator %s on rows", op)
}

// anyAll binds x op ANY|ALL (array or query).
func (c *exprCtx) anyAll(e *ast.AnyAll) (expr.Expr, error) {
	if e.Query != nil {
		return c.inQuery(e, e.Expr, e.Op, e.All, e.Query, false)
	}
	args, err := c.binds([]ast.Expr{e.Expr, e.Array})
	if err != nil {
		return nil, err
	}
	return c.b.applyAnyAll(e, e.Op, e.All, args[0], args[1])
}

// array binds ARRAY[..]; brackets inside make further dimensions.
func (c *exprCtx) array(e *ast.ArrayExpr) (expr.Expr, error) {
	args, err := c.binds(e.Items)
	if err != nil {
		return nil, err
	}
	if len(args) == 0 {
		return nil, c.b.errAt(e, sqlerr.IndeterminateDatatype, "cannot determine type of empty array").
			WithHint("Explicitly cast to the desired type, for example ARRAY[]::integer[].")
	}
	args, t, err := c.b.common("ARRAY", args, e)
	if err != nil {
		return nil, err
	}
	return c.b.arrayOf(args, t, e)
}

func (c *exprCtx) typedArray(e *ast.ArrayExpr, elem types.T) (expr.Expr, error) {
	args := make([]expr.Expr, len(e.Items))
	for i, it := range e.Items {
		var x expr.Expr
		var err error
		if inner, ok := it.(*ast.ArrayExpr); ok {
			x, err = c.typedArray(inner, elem)
		} else if x, err = c.bind(it); err == nil {
			x, err = c.b.coerce(x, elem, casts.Explicit, it)
		}
		if err != nil {
			return nil, err
		}
		args[i] = x
	}
	if len(args) > 0 && args[0].Type().ID == types.Array {
		elem = args[0].Type()
	}
	return c.b.arrayOf(args, elem, e)
}

func (c *exprCtx) row(e *ast.RowExpr) (expr.Expr, error) {
	args, err := c.binds(e.Items)
	if err != nil {
		return nil, err
	}
	t := types.T{ID: types.Record}
	for i := range args {
		if args[i], err = c.b.known(args[i], e); err != nil {
			return nil, err
		}
		t.Fields = append(t.Fields, types.Field{Name: "f" + itoa(i+1), Type: args[i].Type()})
	}
	return c.b.makeRow(args, t, e)
}

func (c *exprCtx) field(e *ast.FieldSelect) (expr.Expr, error) {
	if e.Star {
		return nil, c.b.unsupported(e, "(row).*")
	}
	x, err := c.bind(e.Expr)
	if err != nil {
		return nil, err
	}
	return c.b.makeField(x, e.Field, e)
}

// subscript binds a[i], a[i][j] (one call over all subscripts) and a[i:j].
func (c *exprCtx) subscript(e *ast.Subscript) (expr.Expr, error) {
	var parts []*ast.Subscript
	slice := false
	base := ast.Expr(e)
	for {
		s, ok := base.(*ast.Subscript)
		if !ok {
			break
		}
		parts = append(parts, s)
		slice = slice || s.Slice
		base = s.Expr
	}
	slices.Reverse(parts)
	if slice {
		return c.slice(e, parts, base)
	}
	x, err := c.bind(base)
	if err != nil {
		return nil, err
	}
	args := []expr.Expr{x}
	t := x.Type()
	if _, ok := t.ElemType(); !ok && t.ID != types.Jsonb {
		return nil, c.b.errAt(e, sqlerr.DatatypeMismatch, "cannot subscript type %s because it does not support subscripting", bare(t))
	}
	for _, p := range parts {
		y, err := c.bind(p.Index)
		if err != nil {
			return nil, err
		}
		if t.ID != types.Jsonb {
			if y, err = c.b.coerce(y, types.Of(types.Int4), casts.Assignment, e); err != nil {
				return nil, err
			}
		}
		args = append(args, y)
	}
	return c.b.applyFunc(e, subscriptFunc, args...)
}

// slice binds x[a:b]..[c:d]. Beside a slice, [n] means [1:n].
func (c *exprCtx) slice(e *ast.Subscript, parts []*ast.Subscript, base ast.Expr) (expr.Expr, error) {
	x, err := c.bind(base)
	if err != nil {
		return nil, err
	}
	if _, ok := x.Type().ElemType(); !ok {
		return nil, c.b.errAt(e, sqlerr.DatatypeMismatch, "cannot subscript type %s because it does not support subscripting", bare(x.Type()))
	}
	int4 := types.Of(types.Int4)
	args := []expr.Expr{x}
	for _, p := range parts {
		low, high := p.Low, p.High
		if !p.Slice {
			low, high = nil, p.Index
		}
		lo, hi := expr.Expr(intConst(1, int4)), expr.Expr(intConst(math.MaxInt32, int4))
		for _, bound := range []struct {
			from ast.Expr
			to   *expr.Expr
		}{{low, &lo}, {high, &hi}} {
			if bound.from == nil {
				continue
			}
			y, err := c.bind(bound.from)
			if err != nil {
				return nil, err
			}
			if *bound.to, err = c.b.coerce(y, int4, casts.Assignment, e); err != nil {
				return nil, err
			}
		}
		args = append(args, lo, hi)
	}
	return c.b.applyFunc(e, sliceFunc, args...)
}
