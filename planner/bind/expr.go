package bind

import (
	"strconv"
	"strings"

	"streamdb/expr"
	"streamdb/expr/casts"
	"streamdb/internal/sqlerr"
	"streamdb/planner/logical"
	"streamdb/sql/ast"
	"streamdb/types"
)

// exprCtx is where an expression stands: what it may name and contain.
type exprCtx struct {
	b        *Binder
	sc       *scope
	clause   string // "WHERE", for messages
	aggs     *aggregates
	inAgg    bool                     // among an aggregate's arguments
	windows  *windows                 // where window calls go; nil: not allowed
	inWindow bool                     // among a window call's arguments
	sets     bool                     // set-returning functions are allowed
	noSubs   bool                     // subqueries are not allowed
	subs     *[]logical.Node          // the subqueries met, if wanted
	grouped  map[string]logical.ColID // keys of GROUP BY that contain subqueries, by their text
	// pending are the nodes to put on the expression's input before it can be
	// evaluated: subqueries and set-returning functions, innermost first.
	pending *[]func(logical.Node) (logical.Node, error)
	setCols *logical.Set // made by set-returning functions
}

func (b *Binder) exprCtx(sc *scope, clause string) *exprCtx {
	return &exprCtx{b: b, sc: sc, clause: clause, pending: new([]func(logical.Node) (logical.Node, error)), setCols: &logical.Set{}}
}

// attach puts what the expressions need on their input.
func (c *exprCtx) attach(n logical.Node) (logical.Node, error) {
	for _, f := range *c.pending {
		var err error
		if n, err = f(n); err != nil {
			return nil, err
		}
	}
	*c.pending = nil
	return n, nil
}

func (c *exprCtx) later(f func(logical.Node) (logical.Node, error)) {
	*c.pending = append(*c.pending, f)
}

func (c *exprCtx) binds(es []ast.Expr) ([]expr.Expr, error) {
	out := make([]expr.Expr, len(es))
	for i, e := range es {
		var err error
		if out[i], err = c.bind(e); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// bind gives the expression a type; untyped literals and parameters may stay Unknown.
func (c *exprCtx) bind(e ast.Expr) (expr.Expr, error) {
	b := c.b
	if len(c.grouped) > 0 {
		if id, ok := c.grouped[ast.String(e)]; ok {
			return b.Meta.Ref(id), nil
		}
	}
	switch e := e.(type) {
	case *ast.ColumnRef:
		return c.column(e)
	case *ast.NumberLit:
		return number(e.Text), nil
	case *ast.StringLit:
		lit := &expr.Const{Value: types.BytesDatum(e.Value)}
		b.lits[lit] = e.At()
		return lit, nil
	case *ast.BoolLit:
		return expr.Bool(e.Value), nil
	case *ast.NullLit:
		return expr.Null(types.T{}), nil
	case *ast.BitLit:
		return nil, b.unsupported(e, "type bit")
	case *ast.TypedLit:
		t, err := b.TypeOf(e.Type)
		if err != nil {
			return nil, err
		}
		if t.ID == types.Interval { // the fields say what a bare number means
			d, err := types.ParseText(t, e.Value, b.ctx.Env)
			return &expr.Const{Value: d, T: t}, b.place(e, err)
		}
		return b.coerce(&expr.Const{Value: types.BytesDatum(e.Value)}, t, casts.Explicit, e)
	case *ast.Param:
		return c.param(e)
	case *ast.Default:
		return nil, b.errAt(e, sqlerr.SyntaxError, "DEFAULT is not allowed in this context")
	case *ast.Unary:
		return c.unary(e)
	case *ast.Binary:
		return c.binary(e)
	case *ast.Is:
		return c.is(e)
	case *ast.IsDistinct:
		if e.Not {
			return c.operator(e, "is_not_distinct_from", e.Left, e.Right)
		}
		return c.operator(e, "is_distinct_from", e.Left, e.Right)
	case *ast.Like:
		return c.like(e)
	case *ast.Between:
		return c.between(e)
	case *ast.In:
		return c.in(e)
	case *ast.AnyAll:
		return c.anyAll(e)
	case *ast.Exists, *ast.Subquery, *ast.ArraySubquery:
		return c.subquery(e)
	case *ast.ArrayExpr:
		return c.array(e)
	case *ast.RowExpr:
		return c.row(e)
	case *ast.Case:
		return c.caseExpr(e)
	case *ast.Cast:
		return c.cast(e)
	case *ast.Collate:
		return c.collate(e)
	case *ast.AtTimeZone:
		if e.Zone == nil {
			return nil, b.unsupported(e, "AT LOCAL")
		}
		return c.function(e, "timezone", e.Zone, e.Expr)
	case *ast.Subscript:
		return c.subscript(e)
	case *ast.FuncCall:
		return c.call(e)
	case *ast.Star:
		if len(e.Qualifier) > 0 && len(e.Except) == 0 {
			if r := c.sc.relOf(e.Qualifier...); r != nil { // f(t.*): the whole row of table t
				return c.wholeRow(r, e)
			}
		}
		return nil, b.errAt(e, sqlerr.SyntaxError, "* is not allowed in this context")
	case *ast.FieldSelect:
		return c.field(e)
	case *ast.MapExpr:
		return nil, b.unsupported(e, "MAP")
	case *ast.Lambda:
		return nil, b.unsupported(e, "a lambda")
	case *ast.NamedArg:
		return nil, b.unsupported(e, "a named argument")
	case *ast.GroupingSet:
		return nil, b.errAt(e, sqlerr.SyntaxError, "grouping sets are not allowed in %s", c.clause)
	}
	return nil, sqlerr.Unsupported("expression %T", e)
}

// wholeRow is the record of a relation's columns.
func (c *exprCtx) wholeRow(r *relation, e ast.Node) (expr.Expr, error) {
	args := make([]expr.Expr, len(r.cols))
	t := types.T{ID: types.Record}
	for i, id := range r.cols {
		c.b.used.Add(id)
		args[i] = c.b.Meta.Ref(id)
		t.Fields = append(t.Fields, types.Field{Name: c.b.Meta.Cols[id].Name, Type: args[i].Type()})
	}
	return c.b.makeRow(args, t, e)
}

func (c *exprCtx) column(e *ast.ColumnRef) (expr.Expr, error) {
	col, err := c.b.lookup(c.sc, e)
	if err == nil {
		return col, nil
	}
	if len(e.Parts) == 1 { // t: the whole row of table t
		if r := c.sc.relOf(e.Parts[0]); r != nil && sqlerr.Code(err) == sqlerr.UndefinedColumn {
			return c.wholeRow(r, e)
		}
	}
	if len(e.Parts) > 1 && sqlerr.Code(err) == sqlerr.UndefinedTable { // composite.field
		inner := &ast.ColumnRef{Pos: e.Pos, Parts: e.Parts[:len(e.Parts)-1]}
		if col, err2 := c.b.lookup(c.sc, inner); err2 == nil && col.T.ID == types.Record {
			return c.b.makeField(col, e.Parts[len(e.Parts)-1], e)
		}
	}
	return nil, err
}

// number types a numeric literal as Postgres: integer, bigint, else numeric.
func number(text string) expr.Expr {
	if !strings.ContainsAny(text, ".eE") {
		if i, err := strconv.ParseInt(text, 10, 64); err == nil {
			t := types.Of(types.Int8)
			if int64(int32(i)) == i {
				t = types.Of(types.Int4)
			}
			return &expr.Const{Value: types.IntDatum(i), T: t}
		}
	}
	t := types.Of(types.Numeric)
	d, err := types.ParseText(t, text, nil)
	if err != nil {
		return &expr.Const{Value: types.BytesDatum(text)}
	}
	return &expr.Const{Value: d, T: t}
}

func (c *exprCtx) param(e *ast.Param) (expr.Expr, error) {
	if c.b.ctx.Job {
		return nil, c.b.errAt(e, sqlerr.UndefinedParameter, "there is no parameter $%d", e.N)
	}
	if e.N < 1 || e.N > 65535 {
		return nil, c.b.errAt(e, sqlerr.UndefinedParameter, "there is no parameter $%d", e.N)
	}
	for len(c.b.ctx.ParamTypes) < e.N {
		c.b.ctx.ParamTypes = append(c.b.ctx.ParamTypes, types.T{})
	}
	return &expr.Param{Index: e.N - 1, T: c.b.ctx.ParamTypes[e.N-1]}, nil
}

func (c *exprCtx) unary(e *ast.Unary) (expr.Expr, error) {
	switch strings.ToUpper(e.Op) {
	case "NOT":
		x, err := c.cond(e.Expr, "NOT")
		if err != nil {
			return nil, err
		}
		return c.b.not(x)
	case "-":
		if n, ok := e.Expr.(*ast.NumberLit); ok {
			return number("-" + n.Text), nil
		}
	case "+":
		if n, ok := e.Expr.(*ast.NumberLit); ok {
			return number(n.Text), nil
		}
	}
	return c.operator(e, e.Op, e.Expr)
}

func (c *exprCtx) cond(e ast.Expr, clause string) (expr.Expr, error) {
	x, err := c.bind(e)
	if err != nil {
		return nil, err
	}
	return c.b.boolean(x, clause, e)
}

func (c *exprCtx) binary(e *ast.Binary) (expr.Expr, error) {
	switch op := strings.ToUpper(e.Op); op {
	case "AND", "OR":
		// Chains lean to the left: walk down without recursion.
		var parts []ast.Expr
		var cur ast.Expr = e
		for {
			bin, ok := cur.(*ast.Binary)
			if !ok || strings.ToUpper(bin.Op) != op {
				parts = append(parts, cur)
				break
			}
			parts = append(parts, bin.Right)
			cur = bin.Left
		}
		args := make([]expr.Expr, len(parts))
		for i, p := range parts {
			x, err := c.cond(p, op)
			if err != nil {
				return nil, err
			}
			args[len(parts)-1-i] = x
		}
		if op == "AND" {
			return &expr.And{Args: args}, nil
		}
		return &expr.Or{Args: args}, nil
	case "OVERLAPS":
		return nil, c.b.unsupported(e, "OVERLAPS")
	}
	if l, ok := e.Left.(*ast.RowExpr); ok {
		if r, ok := e.Right.(*ast.RowExpr); ok {
			return c.rowCompare(e, l, r)
		}
		if r, ok := e.Right.(*ast.Subquery); ok {
			return c.rowSubquery(e, l, r)
		}
	}
	return c.operator(e, e.Op, e.Left, e.Right)
}

// operator binds the operands and applies an operator by its Postgres name.
func (c *exprCtx) operator(n ast.Node, op string, operands ...ast.Expr) (expr.Expr, error) {
	args, err := c.binds(operands)
	if err != nil {
		return nil, err
	}
	return c.b.applyOp(n, op, args...)
}

// function binds the arguments and applies a function by name.
func (c *exprCtx) function(n ast.Node, name string, operands ...ast.Expr) (expr.Expr, error) {
	args, err := c.binds(operands)
	if err != nil {
		return nil, err
	}
	return c.b.applyFunc(n, name, args...)
}

func (c *exprCtx) between(e *ast.Between) (expr.Expr, error) {
	xs, err := c.binds([]ast.Expr{e.Expr, e.Low, e.High})
	if err != nil {
		return nil, err
	}
	one := func(lo, hi expr.Expr) (expr.Expr, error) {
		ge, err := c.b.applyOp(e, ">=", xs[0], lo)
		if err != nil {
			return nil, err
		}
		le, err := c.b.applyOp(e, "<=", xs[0], hi)
		if err != nil {
			return nil, err
		}
		return &expr.And{Args: []expr.Expr{ge, le}}, nil
	}
	out, err := one(xs[1], xs[2])
	if err != nil {
		return nil, err
	}
	if e.Symmetric {
		other, err := one(xs[2], xs[1])
		if err != nil {
			return nil, err
		}
		out = &expr.Or{Args: []expr.Expr{out, other}}
	}
	if e.Not {
		return c.b.not(out)
	}
	return out, nil
}

func (c *exprCtx) caseExpr(e *ast.Case) (expr.Expr, error) {
	out := &expr.Case{}
	var operand expr.Expr
	if e.Operand != nil {
		var err error
		if operand, err = c.bindKnown(e.Operand, e.Operand); err != nil {
			return nil, err
		}
	}
	var results []expr.Expr
	if e.Else != nil {
		x, err := c.bind(e.Else)
		if err != nil {
			return nil, err
		}
		results = append(results, x)
	}
	for _, w := range e.Whens {
		var cond expr.Expr
		var err error
		if operand != nil {
			v, err := c.bind(w.Cond)
			if err != nil {
				return nil, err
			}
			if cond, err = c.b.applyOp(w, "=", operand, v); err != nil {
				return nil, err
			}
		} else if cond, err = c.cond(w.Cond, "CASE/WHEN"); err != nil {
			return nil, err
		}
		x, err := c.bind(w.Result)
		if err != nil {
			return nil, err
		}
		out.Whens = append(out.Whens, cond)
		results = append(results, x)
	}
	results, t, err := c.b.common("CASE", results, e)
	if err != nil {
		return nil, err
	}
	out.T = t
	if e.Else != nil {
		out.Else, results = results[0], results[1:]
	}
	out.Thens = results
	return out, nil
}

func (c *exprCtx) cast(e *ast.Cast) (expr.Expr, error) {
	if e.Try {
		return nil, c.b.unsupported(e, "TRY_CAST")
	}
	t, err := c.b.TypeOf(e.Type)
	if err != nil {
		return nil, err
	}
	if a, ok := e.Expr.(*ast.ArrayExpr); ok && t.ID == types.Array && t.Elem != nil {
		return c.typedArray(a, *t.Elem)
	}
	x, err := c.bind(e.Expr)
	if err != nil {
		return nil, err
	}
	return c.b.coerce(x, t, casts.Explicit, e)
}

func (c *exprCtx) collate(e *ast.Collate) (expr.Expr, error) {
	switch e.Collation.Base() {
	case "default", "C", "POSIX", "ucs_basic":
	default:
		return nil, c.b.unsupported(e, "collation \"%s\"", e.Collation.Base())
	}
	x, err := c.bindKnown(e.Expr, e)
	if err != nil {
		return nil, err
	}
	if !x.Type().IsString() {
		return nil, c.b.errAt(e, sqlerr.DatatypeMismatch, "collations are not supported by type %s", bare(x.Type()))
	}
	return x, nil
}
