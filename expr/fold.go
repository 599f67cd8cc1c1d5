package expr

// Fold evaluates what depends on literals alone and simplifies AND, OR, CASE
// and COALESCE. Only immutable functions are called; one that fails is left, so
// that the error comes when, and only if, a row needs the value.
func Fold(e Expr) Expr { return fold(&Ctx{}, e, Immutable) }

// FoldStable also calls stable functions and reads parameters, from ctx: for a
// statement that runs once, now.
func FoldStable(ctx *Ctx, e Expr) Expr { return fold(ctx, e, Stable) }

func fold(ctx *Ctx, e Expr, upto Volatility) Expr {
	return Rewrite(e, func(x Expr) Expr {
		switch x := x.(type) {
		case *Param:
			if upto >= Stable && x.Index < len(ctx.Params) {
				return &Const{Value: ctx.Params[x.Index], T: x.T}
			}
		case *Call:
			return foldCall(ctx, x, upto)
		case *In:
			if IsConst(x.Arg) {
				return evalConst(ctx, x)
			}
		case *And:
			return foldJunction(x, x.Args, false)
		case *Or:
			return foldJunction(x, x.Args, true)
		case *Case:
			return foldCase(x)
		case *Coalesce:
			return foldCoalesce(x)
		}
		return x
	})
}

func evalConst(ctx *Ctx, e Expr) Expr {
	d, err := EvalRow(ctx, e)
	if err != nil {
		return e
	}
	return &Const{Value: d, T: e.Type()}
}

func foldCall(ctx *Ctx, x *Call, upto Volatility) Expr {
	if x.Def.Volatile > upto {
		return x
	}
	for _, a := range x.Args {
		if !x.Def.NotStrict && IsNull(a) {
			return Null(x.T)
		}
	}
	for _, a := range x.Args {
		if !IsConst(a) {
			return x
		}
	}
	return evalConst(ctx, x)
}

// foldJunction flattens, drops neutral literals and gives way to a deciding one.
func foldJunction(e Expr, args []Expr, decides bool) Expr {
	var out []Expr
	changed, null := false, false
	for _, a := range args {
		if c, ok := a.(*Const); ok && !c.Value.Null {
			changed = true
			if c.Value.Bool() == decides {
				return Bool(decides) // whatever the others are, as Postgres has it
			}
			continue
		}
		if IsNull(a) { // one NULL is enough
			if null {
				changed = true
				continue
			}
			null = true
		}
		var nested []Expr
		switch a := a.(type) {
		case *And:
			if !decides {
				nested = a.Args
			}
		case *Or:
			if decides {
				nested = a.Args
			}
		}
		if nested != nil {
			out, changed = append(out, nested...), true
			continue
		}
		out = append(out, a)
	}
	switch {
	case len(out) == 0:
		return Bool(!decides)
	case len(out) == 1:
		return out[0]
	case !changed:
		return e
	case decides:
		return &Or{Args: out}
	}
	return &And{Args: out}
}

func foldCase(x *Case) Expr {
	out := &Case{Else: x.Else, T: x.T}
	for i, w := range x.Whens {
		c, ok := w.(*Const)
		if !ok {
			out.Whens, out.Thens = append(out.Whens, w), append(out.Thens, x.Thens[i])
			continue
		}
		if !c.Value.Null && c.Value.Bool() {
			out.Else = x.Thens[i]
			break
		}
	}
	switch {
	case len(out.Whens) == 0 && out.Else == nil:
		return Null(x.T)
	case len(out.Whens) == 0:
		return out.Else
	case len(out.Whens) == len(x.Whens):
		return x
	}
	return out
}

func foldCoalesce(x *Coalesce) Expr {
	var out []Expr
	for _, a := range x.Args {
		if IsNull(a) {
			continue
		}
		out = append(out, a)
		if IsConst(a) {
			break
		}
	}
	switch len(out) {
	case 0:
		return Null(x.T)
	case 1:
		return out[0]
	case len(x.Args):
		return x
	}
	return &Coalesce{Args: out, T: x.T}
}
