package expr

import (
	"slices"

	"streamdb/types"
)

// Children returns the direct arguments of a node, in a slice of its own.
func Children(e Expr) []Expr {
	switch e := e.(type) {
	case *Call:
		return slices.Clone(e.Args)
	case *And:
		return slices.Clone(e.Args)
	case *Or:
		return slices.Clone(e.Args)
	case *Coalesce:
		return slices.Clone(e.Args)
	case *In:
		return []Expr{e.Arg}
	case *Case:
		out := append(slices.Clone(e.Whens), e.Thens...)
		if e.Else != nil {
			out = append(out, e.Else)
		}
		return out
	}
	return nil
}

// withChildren is a copy of the node with other arguments, in Children's order.
func withChildren(e Expr, args []Expr) Expr {
	switch e := e.(type) {
	case *Call:
		return &Call{Def: e.Def, Args: args, T: e.T}
	case *And:
		return &And{Args: args}
	case *Or:
		return &Or{Args: args}
	case *Coalesce:
		return &Coalesce{Args: args, T: e.T}
	case *In:
		return NewIn(args[0], e.List, e.Not)
	case *Case:
		n := len(e.Whens)
		out := &Case{Whens: args[:n:n], Thens: args[n : 2*n : 2*n], T: e.T}
		if e.Else != nil {
			out.Else = args[2*n]
		}
		return out
	}
	return e
}

// Walk calls f for e and everything below it, parents first. When f returns
// false the node's arguments are not visited.
func Walk(e Expr, f func(Expr) bool) {
	if e == nil || !f(e) {
		return
	}
	for _, a := range Children(e) {
		Walk(a, f)
	}
}

// Rewrite replaces nodes bottom-up: f gets each node with its arguments already
// rewritten and returns it or another one. Unchanged subtrees are shared.
func Rewrite(e Expr, f func(Expr) Expr) Expr {
	if e == nil {
		return nil
	}
	args := Children(e)
	changed := false
	for i, a := range args {
		args[i] = Rewrite(a, f)
		changed = changed || args[i] != a
	}
	if changed {
		e = withChildren(e, args)
	}
	return f(e)
}

// Cols returns the column indexes that the expressions read, ascending, each once.
func Cols(es ...Expr) []int {
	var out []int
	for _, e := range es {
		Walk(e, func(x Expr) bool {
			if c, ok := x.(*Col); ok {
				out = append(out, c.Index)
			}
			return true
		})
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Remap replaces column i by column mapping[i]. Every column that e reads must
// have a mapping >= 0.
func Remap(e Expr, mapping []int) Expr {
	return Rewrite(e, func(x Expr) Expr {
		if c, ok := x.(*Col); ok && mapping[c.Index] != c.Index {
			return &Col{Index: mapping[c.Index], T: c.T}
		}
		return x
	})
}

// Shift adds by to the index of every column from index from on.
func Shift(e Expr, from, by int) Expr {
	return Rewrite(e, func(x Expr) Expr {
		if c, ok := x.(*Col); ok && c.Index >= from && by != 0 {
			return &Col{Index: c.Index + by, T: c.T}
		}
		return x
	})
}

// Substitute replaces column i by cols[i].
func Substitute(e Expr, cols []Expr) Expr {
	return Rewrite(e, func(x Expr) Expr {
		if c, ok := x.(*Col); ok {
			return cols[c.Index]
		}
		return x
	})
}

// Equal reports whether two expressions have the same structure, types included.
func Equal(a, b Expr) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	if a == b {
		return true
	}
	switch x := a.(type) {
	case *Col:
		y, ok := b.(*Col)
		return ok && x.Index == y.Index && x.T.Equal(y.T)
	case *Const:
		y, ok := b.(*Const)
		return ok && sameDatum(x.Value, y.Value) && x.T.Equal(y.T)
	case *Param:
		y, ok := b.(*Param)
		return ok && x.Index == y.Index && x.T.Equal(y.T)
	case *Call:
		y, ok := b.(*Call)
		return ok && x.Def == y.Def && x.T.Equal(y.T) && equalAll(x.Args, y.Args)
	case *And:
		y, ok := b.(*And)
		return ok && equalAll(x.Args, y.Args)
	case *Or:
		y, ok := b.(*Or)
		return ok && equalAll(x.Args, y.Args)
	case *Coalesce:
		y, ok := b.(*Coalesce)
		return ok && equalAll(x.Args, y.Args) && x.T.Equal(y.T)
	case *Case:
		y, ok := b.(*Case)
		return ok && equalAll(x.Whens, y.Whens) && equalAll(x.Thens, y.Thens) && Equal(x.Else, y.Else) && x.T.Equal(y.T)
	case *In:
		y, ok := b.(*In)
		return ok && x.Not == y.Not && Equal(x.Arg, y.Arg) && slices.EqualFunc(x.List, y.List, sameDatum)
	}
	return false
}

func equalAll(a, b []Expr) bool { return slices.EqualFunc(a, b, Equal) }

// sameDatum is equality of representation: NaN is itself, 1.0 is not 1.00.
func sameDatum(a, b types.Datum) bool {
	if a.Null || b.Null {
		return a.Null && b.Null
	}
	return a.I == b.I && (a.F == b.F || a.F != a.F && b.F != b.F) && a.S == b.S
}

// IsConst reports whether e is a literal.
func IsConst(e Expr) bool {
	_, ok := e.(*Const)
	return ok
}

// IsNull reports whether e is the literal NULL.
func IsNull(e Expr) bool {
	c, ok := e.(*Const)
	return ok && c.Value.Null
}

// VolatilityOf is the highest volatility of the functions in e. Parameters
// count as Stable.
func VolatilityOf(e Expr) Volatility {
	v := Immutable
	Walk(e, func(x Expr) bool {
		switch x := x.(type) {
		case *Call:
			v = max(v, x.Def.Volatile)
		case *Param:
			v = max(v, Stable)
		}
		return true
	})
	return v
}

// Conjuncts splits nested ANDs into a flat list. nil gives an empty list.
func Conjuncts(e Expr) []Expr {
	switch e := e.(type) {
	case nil:
		return nil
	case *And:
		var out []Expr
		for _, a := range e.Args {
			out = append(out, Conjuncts(a)...)
		}
		return out
	}
	return []Expr{e}
}

// AndOf is the inverse of Conjuncts: nil for none, the expression itself for one.
func AndOf(es []Expr) Expr {
	switch len(es) {
	case 0:
		return nil
	case 1:
		return es[0]
	}
	return &And{Args: es}
}
