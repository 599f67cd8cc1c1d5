package bind

import (
	"streamdb/expr"
	"streamdb/expr/aggs"
	"streamdb/expr/casts"
	"streamdb/internal/sqlerr"
	"streamdb/planner/logical"
	"streamdb/sql/ast"
	"streamdb/types"
)

// windows collects the window calls of one SELECT. They are computed over the
// rows after grouping and HAVING, before set-returning functions and DISTINCT.
type windows struct {
	b     *Binder
	defs  map[string]*ast.WindowSpec // the WINDOW clause, written out
	calls []*windowCall
	ids   map[string]logical.ColID // of the calls, by their text: equal ones share a column
	// pending are the subqueries in the calls' expressions.
	pending []func(logical.Node) (logical.Node, error)
}

// windowCall is a call with its expressions, which become columns once grouping
// has been bound.
type windowCall struct {
	logical.WindowCall
	spec                 windowSpec
	args                 []expr.Expr
	filter, shift, deflt expr.Expr
	frame                boundFrame
	at                   ast.Node
}

// windowSpec is a bound PARTITION BY and ORDER BY.
type windowSpec struct {
	partition []expr.Expr
	order     []windowKey
}

type windowKey struct {
	e  expr.Expr
	by logical.SortKey // without its column
}

// newWindows reads the WINDOW clause. A definition may extend one before it.
func (b *Binder) newWindows(defs []*ast.WindowDef) (*windows, error) {
	w := &windows{b: b, defs: map[string]*ast.WindowSpec{}, ids: map[string]logical.ColID{}}
	for _, d := range defs {
		if w.defs[d.Name] != nil {
			return nil, b.errAt(d, sqlerr.WindowingError, "window \"%s\" is already defined", d.Name)
		}
		spec, err := w.resolve(d.Spec)
		if err != nil {
			return nil, err
		}
		w.defs[d.Name] = spec
	}
	return w, nil
}

// resolve writes out a window that names or extends another.
func (w *windows) resolve(o *ast.WindowSpec) (*ast.WindowSpec, error) {
	b := w.b
	name := o.Name + o.Base
	if name == "" {
		return o, nil
	}
	base := w.defs[name]
	if base == nil {
		return nil, b.errAt(o, sqlerr.UndefinedObject, "window \"%s\" does not exist", name)
	}
	if o.Name != "" {
		return base, nil
	}
	out := *o
	out.Base = ""
	if len(o.PartitionBy) > 0 {
		return nil, b.errAt(o, sqlerr.WindowingError, "cannot override PARTITION BY clause of window \"%s\"", name)
	}
	if len(o.OrderBy) > 0 && len(base.OrderBy) > 0 {
		return nil, b.errAt(o, sqlerr.WindowingError, "cannot override ORDER BY clause of window \"%s\"", name)
	}
	if base.Frame != nil {
		err := b.errAt(o, sqlerr.WindowingError, "cannot copy window \"%s\" because it has a frame clause", name)
		if len(o.OrderBy) == 0 && o.Frame == nil {
			return nil, err.WithHint("Omit the parentheses in this OVER clause.")
		}
		return nil, err
	}
	out.PartitionBy = base.PartitionBy
	if len(base.OrderBy) > 0 {
		out.OrderBy = base.OrderBy
	}
	return &out, nil
}

// inner is where the expressions of a window call stand: they see what the
// select list sees, but no window calls and no set-returning functions.
func (c *exprCtx) inner() *exprCtx {
	in := *c
	in.inWindow, in.sets, in.pending, in.clause = true, false, &c.windows.pending, "window function calls"
	return &in
}

// window binds a call with OVER.
func (c *exprCtx) window(e *ast.FuncCall, name string) (expr.Expr, error) {
	b := c.b
	switch {
	case c.inAgg:
		return nil, b.errAt(e, sqlerr.GroupingError, "aggregate function calls cannot contain window function calls")
	case c.inWindow:
		return nil, b.errAt(e, sqlerr.WindowingError, "window function calls cannot be nested")
	case c.windows == nil:
		return nil, b.errAt(e, sqlerr.WindowingError, "window functions are not allowed in %s", c.clause)
	case e.Distinct:
		return nil, b.errAt(e, sqlerr.FeatureNotSupported, "DISTINCT is not implemented for window functions")
	case len(e.OrderBy) > 0:
		return nil, b.errAt(e, sqlerr.FeatureNotSupported, "aggregate ORDER BY is not implemented for window functions")
	case len(e.WithinGroup) > 0:
		return nil, b.errAt(e, sqlerr.FeatureNotSupported, "OVER is not supported for ordered-set aggregate %s", name)
	case e.Variadic || e.Aggregate:
		return nil, b.unsupported(e, "this form of the window function %s", name)
	}
	spec, err := c.windows.resolve(e.Over)
	if err != nil {
		return nil, err
	}
	in := c.inner()
	w := &windowCall{at: e}
	var t types.T
	if _, ok := windowFuncs[name]; ok {
		t, err = in.windowFunc(w, e, name)
	} else if aggs.ByName(name) != nil {
		t, err = in.windowAgg(w, e, name)
	} else {
		plain := *e
		plain.Over = nil
		if _, err = in.call(&plain); err == nil {
			err = b.errAt(e, sqlerr.WrongObjectType, "OVER specified, but %s is not a window function nor an aggregate function", name)
		}
	}
	if err != nil {
		return nil, err
	}
	if w.spec, err = in.windowSpec(spec); err != nil {
		return nil, err
	}
	if w.frame, err = in.frame(spec, w.spec); err != nil {
		return nil, err
	}
	return c.windows.add(w, name, t), nil
}

// add gives the call's column.
func (w *windows) add(call *windowCall, name string, t types.T) expr.Expr {
	key := call.key()
	id, ok := w.ids[key]
	if !ok {
		id = w.b.Meta.New(name, t)
		w.ids[key] = id
		call.Col = id
		w.calls = append(w.calls, call)
	}
	return w.b.Meta.Ref(id)
}

// windowAgg binds an aggregate with OVER.
func (c *exprCtx) windowAgg(w *windowCall, e *ast.FuncCall, name string) (types.T, error) {
	b := c.b
	if e.Star && name != "count" {
		return types.T{}, b.errAt(e, sqlerr.UndefinedFunction, "function %s() does not exist", name)
	}
	if name == "count" && len(e.Args) == 0 && !e.Star {
		return types.T{}, b.errAt(e, sqlerr.WrongObjectType, "count(*) must be used to call a parameterless aggregate function")
	}
	if e.Nulls == ast.NullsIgnore {
		return types.T{}, b.unsupported(e, "IGNORE NULLS for %s", name)
	}
	var args []expr.Expr
	var err error
	if star, ok := firstStar(e); !ok || name != "count" && len(star.Qualifier) > 0 {
		if args, err = c.binds(e.Args); err != nil {
			return types.T{}, err
		}
	}
	def, wanted, err := b.resolveAgg(e, name, typesOf(args)...)
	if err != nil {
		return types.T{}, err
	}
	if def.OrderedSet {
		return types.T{}, b.errAt(e, sqlerr.FeatureNotSupported, "OVER is not supported for ordered-set aggregate %s", name)
	}
	w.Agg, w.Zero = def.Key(), counts(name)
	for i, a := range args {
		if a, err = b.coerce(a, wanted[i], casts.Implicit, e); err != nil {
			return types.T{}, err
		}
		w.args = append(w.args, a)
	}
	if e.Filter != nil {
		if w.filter, err = c.cond(e.Filter, "FILTER"); err != nil {
			return types.T{}, err
		}
	}
	return def.ResultType(typesOf(w.args)), nil
}

// firstStar is the * of count(*) where it is written as an argument.
func firstStar(e *ast.FuncCall) (*ast.Star, bool) {
	if len(e.Args) != 1 {
		return nil, false
	}
	s, ok := e.Args[0].(*ast.Star)
	return s, ok
}

// windowSpec binds PARTITION BY and ORDER BY. A column is at most once in each.
func (c *exprCtx) windowSpec(s *ast.WindowSpec) (windowSpec, error) {
	b := c.b
	var out windowSpec
	seen := map[string]bool{}
	for _, p := range s.PartitionBy {
		x, err := c.bindKnown(p, p)
		if err != nil {
			return out, err
		}
		if key := logical.Key(x); !seen[key] {
			seen[key] = true
			out.partition = append(out.partition, x)
		}
	}
	for _, o := range s.OrderBy {
		x, err := c.bindKnown(o.Expr, o)
		if err != nil {
			return out, err
		}
		k, err := b.sortKey(o, 0)
		if err != nil {
			return out, err
		}
		out.order = append(out.order, windowKey{x, k})
	}
	return out, nil
}

// each calls f for all expressions of the calls, to replace or visit them.
func (w *windows) each(f func(e *expr.Expr)) {
	for _, c := range w.calls {
		for i := range c.spec.partition {
			f(&c.spec.partition[i])
		}
		for i := range c.spec.order {
			f(&c.spec.order[i].e)
		}
		for i := range c.args {
			f(&c.args[i])
		}
		for _, e := range []*expr.Expr{&c.filter, &c.shift, &c.deflt} {
			if *e != nil {
				f(e)
			}
		}
	}
}
