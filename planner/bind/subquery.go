package bind

import (
	"strings"

	"streamdb/expr"
	"streamdb/internal/sqlerr"
	"streamdb/planner/logical"
	"streamdb/sql/ast"
	"streamdb/types"
)

// sub binds a query inside an expression; cols is 1 where it must have one column.
func (c *exprCtx) sub(q *ast.Query, cols int, n ast.Node) (*Rel, error) {
	if c.noSubs {
		return nil, c.b.errAt(n, sqlerr.FeatureNotSupported, "cannot use subquery in %s", c.clause)
	}
	rel, err := c.b.query(q, c.sc, c.sc.env())
	if err != nil {
		return nil, err
	}
	if cols == 1 && len(rel.Cols) != 1 {
		return nil, c.b.errAt(n, sqlerr.SyntaxError, "subquery must return only one column")
	}
	return rel, nil
}

// env are the CTEs visible in a scope.
func (s *scope) env() *cteEnv {
	for ; s != nil; s = s.parent {
		if s.ctes != nil {
			return s.ctes
		}
	}
	return nil
}

// apply puts a subquery on the input of the expression.
func (c *exprCtx) apply(kind logical.JoinKind, r logical.Node, on []expr.Expr, scalar bool) {
	if c.subs != nil {
		*c.subs = append(*c.subs, r)
	}
	c.later(func(n logical.Node) (logical.Node, error) {
		return &logical.Apply{Kind: kind, L: n, R: r, On: on, Scalar: scalar}, nil
	})
}

// subquery binds a subquery as a value.
func (c *exprCtx) subquery(e ast.Expr) (expr.Expr, error) {
	b := c.b
	switch e := e.(type) {
	case *ast.Subquery:
		rel, err := c.sub(e.Query, 1, e)
		if err != nil {
			return nil, err
		}
		c.apply(logical.Left, rel.Root, nil, true)
		return b.Meta.Ref(rel.Cols[0].ID), nil
	case *ast.Exists:
		rel, err := c.sub(e.Query, 0, e)
		if err != nil {
			return nil, err
		}
		n, err := c.count(rel.Root, nil, e)
		if err != nil {
			return nil, err
		}
		return b.positive(n, e)
	case *ast.ArraySubquery:
		rel, err := c.sub(e.Query, 1, e)
		if err != nil {
			return nil, err
		}
		col := rel.Cols[0].ID
		t := b.Meta.Cols[col].Type
		def, wanted, err := b.resolveAgg(e, "array_agg", t)
		if err != nil {
			return nil, err
		}
		out := b.Meta.New("array", def.ResultType(wanted))
		c.apply(logical.Left, &logical.Agg{In: rel.Root, Scalar: true, Aggs: []logical.AggItem{
			{Col: out, Def: def.Key(), Args: []logical.ColID{col}, OrderBy: rel.Order}}}, nil, false)
		empty, err := b.arrayOf(nil, t, e)
		if err != nil {
			return nil, err
		}
		return &expr.Coalesce{Args: []expr.Expr{b.Meta.Ref(out), empty}, T: b.Meta.Cols[out].Type}, nil
	}
	return nil, b.unsupported(e, "this subquery")
}

// count is the number of rows of r for which cond is TRUE, as a column of a
// scalar subquery.
func (c *exprCtx) count(r logical.Node, cond expr.Expr, n ast.Node) (expr.Expr, error) {
	def, _, err := c.b.resolveAgg(n, "count")
	if err != nil {
		return nil, err
	}
	if cond != nil {
		r = &logical.Filter{In: r, Conds: expr.Conjuncts(cond)}
	}
	out := c.b.Meta.New("count", types.Of(types.Int8))
	c.apply(logical.Left, &logical.Agg{In: r, Scalar: true, Aggs: []logical.AggItem{{Col: out, Def: def.Key(), Zero: true}}}, nil, false)
	return c.b.Meta.Ref(out), nil
}

func (b *Binder) positive(x expr.Expr, n ast.Node) (expr.Expr, error) {
	return b.applyOp(n, ">", x, &expr.Const{Value: types.IntDatum(0), T: types.Of(types.Int4)})
}

// left binds the left operand of IN, ANY and ALL: a value or a row.
func (c *exprCtx) left(e ast.Expr) ([]expr.Expr, error) {
	if row, ok := e.(*ast.RowExpr); ok {
		return c.binds(row.Items)
	}
	x, err := c.bind(e)
	return []expr.Expr{x}, err
}

// compare binds a subquery and x op its columns.
func (c *exprCtx) compare(n ast.Node, xs []expr.Expr, op string, q *ast.Query) (*Rel, expr.Expr, error) {
	rel, err := c.sub(q, 0, n)
	if err != nil {
		return nil, nil, err
	}
	if len(rel.Cols) < len(xs) {
		return nil, nil, c.b.errAt(n, sqlerr.SyntaxError, "subquery has too few columns")
	}
	if len(rel.Cols) > len(xs) {
		return nil, nil, c.b.errAt(n, sqlerr.SyntaxError, "subquery has too many columns")
	}
	ys := make([]expr.Expr, len(xs))
	for i := range xs {
		ys[i] = c.b.Meta.Ref(rel.Cols[i].ID)
	}
	on, err := c.b.rowsOpOrSingle(n, op, xs, ys)
	return rel, on, err
}

func (b *Binder) rowsOpOrSingle(n ast.Node, op string, xs, ys []expr.Expr) (expr.Expr, error) {
	if len(xs) == 1 {
		return b.applyOp(n, op, xs[0], ys[0])
	}
	return b.rowsOp(n, op, xs, ys)
}

// inQuery binds x op ANY|ALL (query), and IN, as a value with three truth values.
func (c *exprCtx) inQuery(n ast.Node, left ast.Expr, op string, all bool, q *ast.Query, not bool) (expr.Expr, error) {
	b := c.b
	xs, err := c.left(left)
	if err != nil {
		return nil, err
	}
	if all { // x op ALL q is NOT (NOT (x op y)) ANY: counted by the rows that make it false or NULL
		rel, on, err := c.compare(n, xs, op, q)
		if err != nil {
			return nil, err
		}
		isFalse, err := b.applyOp(n, "is_false", on)
		if err != nil {
			return nil, err
		}
		return c.threeWay(n, rel.Root, isFalse, xs, op, q, true, not)
	}
	rel, on, err := c.compare(n, xs, op, q)
	if err != nil {
		return nil, err
	}
	if op != "=" || len(xs) > 1 {
		return c.threeWay(n, rel.Root, on, xs, op, q, false, not)
	}
	hit, err := c.count(rel.Root, on, n)
	if err != nil {
		return nil, err
	}
	// NULL when there is no match but x is NULL, or some y is.
	again, err := c.sub(q, 1, n)
	if err != nil {
		return nil, err
	}
	star, _, err := b.resolveAgg(n, "count")
	if err != nil {
		return nil, err
	}
	y := again.Cols[0].ID
	one, _, err := b.resolveAgg(n, "count", b.Meta.Cols[y].Type)
	if err != nil {
		return nil, err
	}
	rows, vals := b.Meta.New("rows", types.Of(types.Int8)), b.Meta.New("vals", types.Of(types.Int8))
	c.apply(logical.Left, &logical.Agg{In: again.Root, Scalar: true, Aggs: []logical.AggItem{
		{Col: rows, Def: star.Key(), Zero: true}, {Col: vals, Def: one.Key(), Args: []logical.ColID{y}, Zero: true}}}, nil, false)
	isNull, err := b.applyOp(n, "is_null", xs[0])
	if err != nil {
		return nil, err
	}
	any, err := b.positive(b.Meta.Ref(rows), n)
	if err != nil {
		return nil, err
	}
	nulls, err := b.applyOp(n, ">", b.Meta.Ref(rows), b.Meta.Ref(vals))
	if err != nil {
		return nil, err
	}
	unknown := &expr.Or{Args: []expr.Expr{&expr.And{Args: []expr.Expr{isNull, any}}, nulls}}
	return b.truth(n, hit, unknown, true, not)
}

// threeWay is the general form: rows that decide, then rows that are NULL.
func (c *exprCtx) threeWay(n ast.Node, r logical.Node, decides expr.Expr, xs []expr.Expr, op string, q *ast.Query, all, not bool) (expr.Expr, error) {
	hit, err := c.count(r, decides, n)
	if err != nil {
		return nil, err
	}
	again, on, err := c.compare(n, xs, op, q)
	if err != nil {
		return nil, err
	}
	isNull, err := c.b.applyOp(n, "is_null", on)
	if err != nil {
		return nil, err
	}
	nulls, err := c.count(again.Root, isNull, n)
	if err != nil {
		return nil, err
	}
	unknown, err := c.b.positive(nulls, n)
	if err != nil {
		return nil, err
	}
	return c.b.truth(n, hit, unknown, !all, not)
}

// truth is: hits > 0 -> whenHit; unknown -> NULL; else NOT whenHit.
func (b *Binder) truth(n ast.Node, hits, unknown expr.Expr, whenHit, not bool) (expr.Expr, error) {
	hit, err := b.positive(hits, n)
	if err != nil {
		return nil, err
	}
	yes := whenHit != not
	bt := types.Of(types.Bool)
	return &expr.Case{Whens: []expr.Expr{hit, unknown}, Thens: []expr.Expr{expr.Bool(yes), expr.Null(bt)}, Else: expr.Bool(!yes), T: bt}, nil
}

func (c *exprCtx) rowSubquery(e *ast.Binary, l *ast.RowExpr, r *ast.Subquery) (expr.Expr, error) {
	xs, err := c.binds(l.Items)
	if err != nil {
		return nil, err
	}
	rel, on, err := c.compare(e, xs, e.Op, r.Query)
	if err != nil {
		return nil, err
	}
	c.apply(logical.Left, rel.Root, nil, true)
	return on, nil
}

// conditions binds a condition (WHERE, HAVING, ON) split at its ANDs: first is
// what can be evaluated at once, rest what needs the pending nodes. EXISTS, IN
// and ANY at the top become semi and anti joins.
func (c *exprCtx) conditions(e ast.Expr) (first, rest []expr.Expr, err error) {
	for _, part := range splitAnd(e) {
		before := len(*c.pending)
		done, err := c.semi(part, false)
		if err != nil {
			return nil, nil, err
		}
		if done {
			continue
		}
		x, err := c.cond(part, c.clause)
		if err != nil {
			return nil, nil, err
		}
		if len(*c.pending) == before {
			first = append(first, expr.Conjuncts(x)...)
		} else {
			rest = append(rest, expr.Conjuncts(x)...)
		}
	}
	return first, rest, nil
}

func splitAnd(e ast.Expr) []ast.Expr {
	var out []ast.Expr
	for {
		bin, ok := e.(*ast.Binary)
		if !ok || !strings.EqualFold(bin.Op, "and") {
			break
		}
		out = append(out, bin.Right)
		e = bin.Left
	}
	out = append(out, e)
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	if len(out) > 1 {
		var flat []ast.Expr
		for _, x := range out {
			flat = append(flat, splitAnd(x)...)
		}
		return flat
	}
	return out
}

// semi turns a condition that is a subquery test into a semi or anti join.
func (c *exprCtx) semi(e ast.Expr, not bool) (bool, error) {
	switch e := e.(type) {
	case *ast.Unary:
		if strings.EqualFold(e.Op, "not") {
			return c.semi(e.Expr, !not)
		}
	case *ast.Exists:
		rel, err := c.sub(e.Query, 0, e)
		if err != nil {
			return false, err
		}
		kind := logical.Semi
		if not {
			kind = logical.Anti
		}
		c.apply(kind, rel.Root, nil, false)
		return true, nil
	case *ast.In:
		if e.Query != nil {
			return true, c.semiCompare(e, e.Expr, "=", false, e.Query, e.Not != not)
		}
	case *ast.AnyAll:
		if e.Query != nil {
			return true, c.semiCompare(e, e.Expr, e.Op, e.All, e.Query, not)
		}
	}
	return false, nil
}

// semiCompare joins x op ANY|ALL (query), possibly negated, so that exactly the
// rows pass for which the condition is TRUE:
//
//	    x op ANY q   a row with TRUE exists                 semi on    x op y
//	NOT x op ANY q   no row with TRUE or NULL exists        anti on   (x op y) IS NOT FALSE
//	    x op ALL q   no row with FALSE or NULL exists       anti on   (x op y) IS NOT TRUE
//	NOT x op ALL q   a row with FALSE exists                semi on   (x op y) IS FALSE
func (c *exprCtx) semiCompare(n ast.Node, left ast.Expr, op string, all bool, q *ast.Query, not bool) error {
	xs, err := c.left(left)
	if err != nil {
		return err
	}
	rel, on, err := c.compare(n, xs, op, q)
	if err != nil {
		return err
	}
	kind, test := logical.Semi, ""
	switch {
	case all && not:
		test = "is_false"
	case all:
		kind, test = logical.Anti, "is_not_true"
	case not:
		kind, test = logical.Anti, "is_not_false"
	}
	if test != "" {
		if on, err = c.b.applyOp(n, test, on); err != nil {
			return err
		}
	}
	c.apply(kind, rel.Root, expr.Conjuncts(on), false)
	return nil
}
