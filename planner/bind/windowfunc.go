package bind

import (
	"streamdb/expr"
	"streamdb/expr/casts"
	"streamdb/expr/funcs"
	"streamdb/internal/sqlerr"
	"streamdb/planner/logical"
	"streamdb/sql/ast"
	"streamdb/types"
)

// windowFuncs are the functions that need OVER, with their overloads, and those
// that with OVER are not the aggregates of the same name.
var windowFuncs = func() map[string][]*expr.Def {
	m := map[string][]*expr.Def{}
	add := func(name string, ret types.ID, args ...types.ID) {
		d := &expr.Def{Name: name, Args: args, Ret: ret}
		if ret == types.Unknown {
			d.Poly = true
			d.RetOf = func(ts []types.T) types.T { return bare(ts[0]) }
		}
		m[name] = append(m[name], d)
	}
	for _, n := range []string{"row_number", "rank", "dense_rank"} {
		add(n, types.Int8)
	}
	add("percent_rank", types.Float8)
	add("cume_dist", types.Float8)
	add("ntile", types.Int4, types.Int4)
	for _, n := range []string{"lag", "lead"} {
		add(n, types.Unknown, types.Unknown)
		add(n, types.Unknown, types.Unknown, types.Int4)
		add(n, types.Unknown, types.Unknown, types.Int4, types.Unknown)
	}
	add("first_value", types.Unknown, types.Unknown)
	add("last_value", types.Unknown, types.Unknown)
	add("nth_value", types.Unknown, types.Unknown, types.Int4)
	return m
}()

// needsOver reports whether a name means nothing but a window function.
func needsOver(name string) bool {
	return windowFuncs[name] != nil && name != "first_value" && name != "last_value"
}

// takesNulls are the functions that know IGNORE NULLS.
var takesNulls = map[string]bool{"lag": true, "lead": true, "first_value": true, "last_value": true, "nth_value": true}

// windowFunc binds the arguments of a window function that is no aggregate.
func (c *exprCtx) windowFunc(w *windowCall, e *ast.FuncCall, name string) (types.T, error) {
	b := c.b
	if e.Filter != nil {
		return types.T{}, b.errAt(e, sqlerr.FeatureNotSupported, "FILTER is not implemented for non-aggregate window functions")
	}
	if e.Star {
		return types.T{}, b.errAt(e, sqlerr.UndefinedFunction, "function %s() does not exist", name)
	}
	w.Func, w.IgnoreNulls = name, e.Nulls == ast.NullsIgnore
	if w.IgnoreNulls && !takesNulls[name] {
		return types.T{}, b.unsupported(e, "IGNORE NULLS for %s", name)
	}
	args, err := c.binds(e.Args)
	if err != nil {
		return types.T{}, err
	}
	sig, wanted, err := funcs.ResolveAmong(name, windowFuncs[name], typesOf(args))
	if err != nil {
		return types.T{}, b.place(e, err)
	}
	for i := range args {
		if args[i], err = b.coerce(args[i], wanted[i], casts.Implicit, e); err != nil {
			return types.T{}, err
		}
		if args[i], err = b.known(args[i], e); err != nil {
			return types.T{}, err
		}
	}
	t := sig.ResultType(typesOf(args))
	if name != "lag" && name != "lead" {
		w.args = args
		return t, nil
	}
	w.args = args[:1]
	w.shift = &expr.Const{Value: types.IntDatum(1), T: types.Of(types.Int4)}
	if len(args) > 1 {
		w.shift = args[1]
	}
	if len(args) > 2 {
		w.deflt = args[2]
	}
	return t, nil
}

// key tells calls apart that are written differently.
func (w *windowCall) key() string {
	k := w.Func + "|" + w.Agg + "|" + w.spec.key() + "|" + w.frame.key()
	if w.IgnoreNulls {
		k += "|nulls"
	}
	for _, e := range append([]expr.Expr{w.filter, w.shift, w.deflt}, w.args...) {
		k += "|"
		if e != nil {
			k += logical.Key(e)
		}
	}
	return k
}

// key is equal for windows that one operator computes.
func (s *windowSpec) key() string {
	k := ""
	for _, p := range s.partition {
		k += logical.Key(p) + ","
	}
	k += ";"
	for _, o := range s.order {
		k += logical.Key(o.e)
		if o.by.Desc {
			k += " desc"
		}
		if o.by.NullsFirst {
			k += " nulls first"
		}
		k += ","
	}
	return k
}
