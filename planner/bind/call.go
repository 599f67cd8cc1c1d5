package bind

import (
	"slices"

	"streamdb/expr"
	"streamdb/expr/aggs"
	"streamdb/expr/casts"
	"streamdb/internal/sqlerr"
	"streamdb/planner/logical"
	"streamdb/sql/ast"
	"streamdb/types"
)

// call binds a function call by what kind of function its name is.
func (c *exprCtx) call(e *ast.FuncCall) (expr.Expr, error) {
	b := c.b
	name := e.Name.Base()
	if s := e.Name.Schema(); s != "" && s != "pg_catalog" && s != "public" && s != "information_schema" {
		return nil, b.errAt(e, sqlerr.UndefinedFunction, "function %s does not exist", e.Name)
	}
	if e.Over != nil {
		return c.window(e, name)
	}
	if len(e.WithinGroup) > 0 && slices.Contains(hypotheticalSets, name) {
		return c.hypothetical(e, name)
	}
	if needsOver(name) {
		return nil, b.errAt(e, sqlerr.WrongObjectType, "window function %s requires an OVER clause", name)
	}
	if e.Aggregate {
		return nil, b.unsupported(e, "AGGREGATE:")
	}
	if aggs.ByName(name) != nil {
		return c.aggregate(e, name)
	}
	if e.Distinct || e.Star || len(e.OrderBy) > 0 || len(e.WithinGroup) > 0 {
		what := map[bool]string{true: "DISTINCT", false: "ORDER BY"}[e.Distinct]
		if e.Star {
			what = "(*)"
		}
		if len(e.WithinGroup) > 0 {
			what = "WITHIN GROUP"
		}
		return nil, b.errAt(e, sqlerr.WrongObjectType, "%s specified, but %s is not an aggregate function", what, name)
	}
	if e.Filter != nil {
		return nil, b.errAt(e, sqlerr.WrongObjectType, "FILTER specified, but %s is not an aggregate function", name)
	}
	for _, a := range e.Args {
		if _, ok := a.(*ast.NamedArg); ok {
			return nil, b.unsupported(a, "a named argument")
		}
	}
	switch name {
	case "coalesce":
		return c.coalesce(e)
	case "nullif":
		return c.nullif(e)
	case "grouping":
		return c.grouping(e)
	}
	if isSetFunc(name) {
		return c.setCall(e, name)
	}
	if e.Variadic {
		return c.variadic(e, name)
	}
	args, err := c.binds(e.Args)
	if err != nil {
		return nil, err
	}
	if t, ok := types.Lookup(name); ok && len(args) == 1 && isUnknown(args[0].Type()) {
		if _, isConst := args[0].(*expr.Const); isConst { // date('2024-01-01')
			return b.coerce(args[0], t, casts.Explicit, e)
		}
	}
	if name == "pg_typeof" && len(args) == 1 && isUnknown(args[0].Type()) {
		return b.coerce(&expr.Const{Value: types.BytesDatum("unknown")}, types.Of(types.Regtype), casts.Explicit, e)
	}
	x, err := b.applyFunc(e, name, args...)
	if call, ok := x.(*expr.Call); ok && err == nil && !call.Def.Poly && call.Def.Elem == 0 {
		for i, a := range args { // anyarray, as opposed to anycompatiblearray
			if i < len(call.Def.Args) && call.Def.Args[i] == types.Array && isUnknown(a.Type()) {
				return nil, b.errAt(e, sqlerr.DatatypeMismatch, "could not determine polymorphic type because input has type unknown")
			}
		}
	}
	return x, err
}

func (c *exprCtx) coalesce(e *ast.FuncCall) (expr.Expr, error) {
	args, err := c.binds(e.Args)
	if err != nil {
		return nil, err
	}
	args, t, err := c.b.common("COALESCE", args, e)
	if err != nil {
		return nil, err
	}
	return &expr.Coalesce{Args: args, T: t}, nil
}

// nullif is CASE WHEN a = b THEN NULL ELSE a END.
func (c *exprCtx) nullif(e *ast.FuncCall) (expr.Expr, error) {
	if len(e.Args) != 2 {
		return nil, c.b.errAt(e, sqlerr.SyntaxError, "NULLIF requires two arguments")
	}
	args, err := c.binds(e.Args)
	if err != nil {
		return nil, err
	}
	eq, err := c.b.applyOp(e, "=", args[0], args[1])
	if err != nil {
		return nil, err
	}
	x, err := c.b.known(args[0], e)
	if err != nil {
		return nil, err
	}
	return &expr.Case{Whens: []expr.Expr{eq}, Thens: []expr.Expr{expr.Null(x.Type())}, Else: x, T: x.Type()}, nil
}

// variadic binds f(a, VARIADIC array) when the array is written out.
func (c *exprCtx) variadic(e *ast.FuncCall, name string) (expr.Expr, error) {
	last := e.Args[len(e.Args)-1]
	if cast, ok := last.(*ast.Cast); ok {
		last = cast.Expr
	}
	arr, ok := last.(*ast.ArrayExpr)
	if !ok {
		return nil, c.b.unsupported(e, "VARIADIC with an array that is not written out")
	}
	args, err := c.binds(append(slices.Clone(e.Args[:len(e.Args)-1]), arr.Items...))
	if err != nil {
		return nil, err
	}
	return c.b.applyFunc(e, name, args...)
}

// aggregates collects the aggregate calls of one SELECT.
type aggregates struct {
	in    *exprCtx // binds arguments: over the rows before grouping
	items []aggCall
	names map[string]logical.ColID
	input logical.Set // columns before grouping; others are of outer queries
	// Expressions that the Agg's input must compute.
	exprs []logical.Item
	keys  map[string]logical.ColID
	sets  *groupingSets
	// Keys of the expressions that are grouped by.
	grouped map[string]bool
}

type aggCall struct {
	logical.AggItem
	pos ast.Node
}

func newAggregates(in *exprCtx) *aggregates {
	in.inAgg = true
	return &aggregates{in: in, names: map[string]logical.ColID{}, keys: map[string]logical.ColID{}}
}

// column is the column of the Agg's input that holds e.
func (a *aggregates) column(e expr.Expr, name string) logical.ColID {
	if col, ok := e.(*expr.Col); ok && a.input.Has(col.Index) {
		return col.Index
	}
	key := logical.Key(e)
	if id, ok := a.keys[key]; ok {
		return id
	}
	id := a.in.b.Meta.New(name, e.Type())
	a.keys[key] = id
	a.exprs = append(a.exprs, logical.Item{Col: id, E: e})
	return id
}

// owner is the query that an aggregate belongs to: the innermost one whose
// columns its arguments read. nil: the one it stands in.
func (c *exprCtx) owner(e *ast.FuncCall) *exprCtx {
	var refs []*ast.ColumnRef
	for _, a := range e.Args {
		ast.Walk(a, func(n ast.Node) bool {
			if r, ok := n.(*ast.ColumnRef); ok {
				refs = append(refs, r)
			}
			_, sub := n.(*ast.Query)
			return !sub
		})
	}
	if len(refs) == 0 {
		return nil
	}
	for s := c.sc; s != nil; s = s.parent {
		for _, r := range refs {
			own := &scope{cols: s.cols, rels: s.rels}
			if _, err := c.b.lookup(own, r); err == nil || sqlerr.Code(err) == sqlerr.AmbiguousColumn {
				if s == c.sc {
					return nil
				}
				return s.owner
			}
		}
	}
	return nil
}

// aggregate binds a call of an aggregate function.
func (c *exprCtx) aggregate(e *ast.FuncCall, name string) (expr.Expr, error) {
	b := c.b
	if owner := c.owner(e); owner != nil && owner != c {
		return owner.aggregate(e, name)
	}
	if c.inAgg {
		return nil, b.errAt(e, sqlerr.GroupingError, "aggregate function calls cannot be nested")
	}
	if c.aggs == nil {
		return nil, b.errAt(e, sqlerr.GroupingError, "aggregate functions are not allowed in %s", c.clause)
	}
	if e.Star && name != "count" {
		return nil, b.errAt(e, sqlerr.UndefinedFunction, "function %s() does not exist", name)
	}
	if e.Variadic {
		return nil, b.unsupported(e, "VARIADIC in an aggregate")
	}
	in := c.aggs.in
	args, err := in.binds(e.Args)
	if err != nil {
		return nil, err
	}
	if name == "count" && len(e.Args) == 0 && !e.Star {
		return nil, b.errAt(e, sqlerr.WrongObjectType, "count(*) must be used to call a parameterless aggregate function")
	}
	if len(e.Args) == 1 {
		if s, ok := e.Args[0].(*ast.Star); ok && (name == "count" || len(s.Qualifier) == 0) {
			args, e.Star = nil, true
		}
	}
	for _, o := range e.WithinGroup {
		x, err := in.bind(o.Expr)
		if err != nil {
			return nil, err
		}
		args = append(args, x)
	}
	def, wanted, err := b.resolveAgg(e, name, typesOf(args)...)
	if err != nil {
		return nil, err
	}
	if def.OrderedSet != (len(e.WithinGroup) > 0) {
		if def.OrderedSet {
			return nil, b.errAt(e, sqlerr.WrongObjectType, "WITHIN GROUP is required for ordered-set aggregate %s", name)
		}
		return nil, b.errAt(e, sqlerr.WrongObjectType, "%s is not an ordered-set aggregate, so it cannot have WITHIN GROUP", name)
	}
	for _, a := range args[:len(args)-len(e.WithinGroup)] {
		if !def.OrderedSet {
			break
		}
		if err := c.groupConstant(a, e); err != nil {
			return nil, err
		}
	}
	item := logical.AggItem{Def: def.Key(), Distinct: e.Distinct, Zero: counts(name)}
	if name == "approx_count_distinct" { // exact, and kept up to date value by value
		count, _, err := b.resolveAgg(e, "count", wanted...)
		if err != nil {
			return nil, err
		}
		item.Def, item.Distinct, item.Zero = count.Key(), true, true
	}
	ts := make([]types.T, len(args))
	for i, a := range args {
		if a, err = b.coerce(a, wanted[i], casts.Implicit, e); err != nil {
			return nil, err
		}
		ts[i] = a.Type()
		item.Args = append(item.Args, c.aggs.column(a, "arg"))
	}
	if e.Filter != nil {
		f, err := in.cond(e.Filter, "FILTER")
		if err != nil {
			return nil, err
		}
		item.Filter = c.aggs.column(f, "filter")
	}
	if k := len(e.WithinGroup); k > 0 {
		for i, o := range e.WithinGroup {
			key, err := b.sortKey(o, item.Args[len(item.Args)-k+i])
			if err != nil {
				return nil, err
			}
			item.OrderBy = append(item.OrderBy, key)
		}
	}
	for _, o := range e.OrderBy {
		x, err := in.bindKnown(o.Expr, o)
		if err != nil {
			return nil, err
		}
		k, err := b.sortKey(o, c.aggs.column(x, "order"))
		if err != nil {
			return nil, err
		}
		if e.Distinct && !slices.Contains(item.Args, k.Col) {
			return nil, b.errAt(o, sqlerr.InvalidColumnReference, "in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list")
		}
		item.OrderBy = append(item.OrderBy, k)
	}
	if !def.Ordered && !def.OrderedSet {
		item.OrderBy = nil
	}
	return c.aggs.add(item, name, def.ResultType(ts), e), nil
}

// add gives the aggregate's column; equal calls share one.
func (a *aggregates) add(item logical.AggItem, name string, t types.T, n ast.Node) expr.Expr {
	key := name + logicalKey(item)
	id, ok := a.names[key]
	if !ok {
		id = a.in.b.Meta.New(name, t)
		item.Col = id
		a.names[key] = id
		a.items = append(a.items, aggCall{item, n})
	}
	return a.in.b.Meta.Ref(id)
}

func (b *Binder) sortKey(o *ast.OrderItem, col logical.ColID) (logical.SortKey, error) {
	k := logical.SortKey{Col: col, Desc: o.Desc}
	switch o.Using {
	case "", "<":
	case ">":
		k.Desc = true
	default:
		return k, b.unsupported(o, "ORDER BY USING %s", o.Using)
	}
	k.NullsFirst = k.Desc
	switch o.Nulls {
	case ast.NullsFirst:
		k.NullsFirst = true
	case ast.NullsLast:
		k.NullsFirst = false
	}
	return k, nil
}

// counts reports whether an aggregate gives 0 for no rows, and not NULL.
func counts(name string) bool { return name == "count" || name == "regr_count" }
