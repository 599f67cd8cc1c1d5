package funcs

import (
	"strings"

	"streamdb/expr"
	"streamdb/expr/casts"
	"streamdb/internal/sqlerr"
	"streamdb/types"
)

// Resolve finds the function that a call by name with arguments of the given
// types means, by Postgres's rules (manual, section 10.3): exact match, implicit
// casts, preferred types, categories; Unknown is an untyped literal. wanted are
// the types that the arguments must be coerced to before the call; the result
// type is Def.ResultType(wanted). A type's name with one argument is a cast.
// Errors: 42883 (none fits), 42725 (several do).
func Resolve(name string, args []types.T) (d *expr.Def, wanted []types.T, err error) {
	d, wanted, err = ResolveAmong(name, ByName(name), args)
	if err != nil && len(args) == 1 {
		if t, ok := types.Lookup(name); ok && t.ID != types.Bpchar {
			if c, ok := casts.Find(args[0], t, casts.Explicit); ok {
				return c, []types.T{args[0]}, nil
			}
		}
	}
	return d, wanted, err
}

// ResolveAmong is Resolve among given overloads; name is for errors.
func ResolveAmong(name string, defs []*expr.Def, args []types.T) (d *expr.Def, wanted []types.T, err error) {
	d, many := choose(viable(defs, args), args)
	if d != nil {
		return d, wantedTypes(d, args), nil
	}
	if many {
		return nil, nil, sqlerr.New(sqlerr.AmbiguousFunction, "function %s is not unique", signature(name, args)).
			WithHint("Could not choose a best candidate function. You might need to add explicit type casts.")
	}
	return nil, nil, sqlerr.New(sqlerr.UndefinedFunction, "function %s does not exist", signature(name, args)).
		WithHint("No function matches the given name and argument types. You might need to add explicit type casts.")
}

// ResolveOperator is Resolve for an operator with one (prefix) or two arguments
// (manual, section 10.2).
func ResolveOperator(op string, args []types.T) (d *expr.Def, wanted []types.T, err error) {
	if op == "!=" {
		op = "<>"
	}
	named := OperatorsByName(op)
	if len(args) == 2 && (args[0].ID == types.Unknown) != (args[1].ID == types.Unknown) {
		known := args[0]
		if known.ID == types.Unknown {
			known = args[1]
		}
		same := []types.T{known, known}
		if d := exact(viable(named, same), same); d != nil {
			return d, wantedTypes(d, same), nil
		}
	}
	d, many := choose(viable(named, args), args)
	if d != nil {
		return d, wantedTypes(d, args), nil
	}
	desc := op + " " + typeName(args[0])
	if len(args) == 2 {
		desc = typeName(args[0]) + " " + op + " " + typeName(args[1])
	}
	if many {
		return nil, nil, sqlerr.New(sqlerr.AmbiguousFunction, "operator is not unique: %s", desc).
			WithHint("Could not choose a best candidate operator. You might need to add explicit type casts.")
	}
	return nil, nil, sqlerr.New(sqlerr.UndefinedFunction, "operator does not exist: %s", desc).
		WithHint("No operator matches the given name and argument types. You might need to add explicit type casts.")
}

// Bind resolves a function call and casts its arguments. ctx is the environment
// for reading literals; nil: the defaults.
func Bind(ctx *expr.Ctx, name string, args []expr.Expr) (expr.Expr, error) {
	d, wanted, err := Resolve(name, typesOf(args))
	if err != nil {
		return nil, err
	}
	if d.Kind >= expr.CastImplicit {
		t, _ := types.Lookup(name)
		return casts.Coerce(ctx, args[0], t, casts.Explicit)
	}
	return Apply(ctx, d, args, wanted)
}

// BindOperator resolves an operator and casts its arguments.
func BindOperator(ctx *expr.Ctx, op string, args ...expr.Expr) (expr.Expr, error) {
	d, wanted, err := ResolveOperator(op, typesOf(args))
	if err != nil {
		return nil, err
	}
	return Apply(ctx, d, args, wanted)
}

// Apply casts the arguments to the wanted types and makes the call.
func Apply(ctx *expr.Ctx, d *expr.Def, args []expr.Expr, wanted []types.T) (expr.Expr, error) {
	out := make([]expr.Expr, len(args))
	for i, a := range args {
		e, err := casts.Coerce(ctx, a, wanted[i], casts.Implicit)
		if err != nil {
			return nil, err
		}
		out[i] = e
	}
	return &expr.Call{Def: d, Args: out, T: d.ResultType(typesOf(out))}, nil
}

func typesOf(es []expr.Expr) []types.T {
	ts := make([]types.T, len(es))
	for i, e := range es {
		ts[i] = e.Type()
	}
	return ts
}

func typeName(t types.T) string { t.Mod = 0; return t.String() }

func signature(name string, args []types.T) string {
	parts := make([]string, len(args))
	for i, a := range args {
		parts[i] = typeName(a)
	}
	return name + "(" + strings.Join(parts, ", ") + ")"
}

// viable keeps the candidates whose arguments the given types can be coerced to.
func viable(defs []*expr.Def, args []types.T) []*expr.Def {
	var out []*expr.Def
	for _, d := range defs {
		if len(args) != len(d.Args) && !(d.Variadic && len(args) >= len(d.Args)) {
			continue
		}
		ok := true
		for i, a := range args {
			if !accepts(d, i, a) {
				ok = false
				break
			}
		}
		if ok && d.Poly {
			_, ok = polyType(d, args)
		}
		if ok {
			out = append(out, d)
		}
	}
	return out
}

// accepts reports whether argument i of d can take a value of type a.
func accepts(d *expr.Def, i int, a types.T) bool {
	want := d.ArgType(i)
	switch {
	case a.ID == types.Unknown:
		return true
	case want.ID == types.Unknown:
		return !(d.NonArray && isArray(a))
	case want.ID == types.Array && want.Elem == nil:
		return isArray(a)
	case want.ID == types.Record:
		return a.ID == types.Record
	}
	return casts.CanCoerce(a, want, casts.Implicit)
}

func isArray(t types.T) bool {
	return t.ID == types.Array || t.ID == types.OIDVector || t.ID == types.Int2Vector
}

// isExact reports whether argument i of d is declared with type a itself.
func isExact(d *expr.Def, i int, a types.T) bool {
	want := d.ArgType(i)
	return want.ID != types.Unknown && want.ID == a.ID && (want.ID != types.Array || want.Elem != nil && want.SameKind(a))
}

func exact(cands []*expr.Def, args []types.T) *expr.Def {
next:
	for _, d := range cands {
		for i, a := range args {
			if !isExact(d, i, a) {
				continue next
			}
		}
		return d
	}
	return nil
}

// wantedTypes are the types that the arguments of a call of d are coerced to.
func wantedTypes(d *expr.Def, args []types.T) []types.T {
	out := make([]types.T, len(args))
	var elem types.T
	if d.Poly {
		elem, _ = polyType(d, args)
	}
	for i, a := range args {
		want := d.ArgType(i)
		switch {
		case want.ID == types.Record && a.ID == types.Record:
			want = a
		case d.Poly && want.ID == types.Unknown:
			want = elem
		case d.Poly && want.ID == types.Array && want.Elem == nil:
			want = types.ArrayOf(elem)
		case want.ID == types.Unknown && a.ID == types.Unknown:
			want = types.Of(types.Text)
		case want.ID == types.Unknown:
			want = a
		case want.ID == types.Array && want.Elem == nil:
			want = a
			if a.ID != types.Array {
				want = types.ArrayOf(types.Of(types.Text))
				if elem, ok := a.ElemType(); ok {
					want = types.ArrayOf(elem)
				}
			}
		}
		if a.SameKind(want) {
			want = a
		}
		out[i] = want
	}
	return out
}

// polyType is the common type of the polymorphic arguments of d, array
// arguments counting with their elements.
func polyType(d *expr.Def, args []types.T) (types.T, bool) {
	var ts []types.T
	for i, a := range args {
		switch want := d.ArgType(i); {
		case want.ID == types.Unknown:
			ts = append(ts, a)
		case want.ID == types.Array && want.Elem == nil:
			if elem, ok := a.ElemType(); ok {
				ts = append(ts, elem)
			}
		}
	}
	if len(ts) == 0 {
		return types.Of(types.Text), true
	}
	t, err := CommonType(ts)
	if err != nil {
		return t, false
	}
	for _, a := range ts {
		if !casts.CanCoerce(a, t, casts.Implicit) {
			return t, false
		}
	}
	return t, true
}
