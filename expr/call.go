package expr

import (
	"streamdb/types"
	"streamdb/vec"
)

// Type is the result type with modifiers.
func (e *Call) Type() types.T { return e.T }

// Eval evaluates the arguments over the same selection and then the function.
// For strict functions it takes rows with a NULL argument out of the selection
// first and makes them NULL in the result. A call over constants alone runs
// once and gives a constant, unless it is volatile.
func (e *Call) Eval(ctx *Ctx, in []vec.Vec, sel []int32, n int) (vec.Vec, error) {
	if n == 0 || sel != nil && len(sel) == 0 {
		return nullVec(e.T.Layout(), n), nil
	}
	args, cc, allConst, err := e.evalArgs(ctx, in, sel, n)
	if err != nil {
		return vec.Vec{}, err
	}
	var valid []byte
	if !e.Def.NotStrict {
		var constNull bool
		valid, constNull = combineValid(args, n)
		if constNull {
			return nullVec(e.T.Layout(), n), nil
		}
		if valid != nil && !e.Def.Total {
			cc.Sel = narrow(cc.Sel, valid, n)
			if len(cc.Sel) == 0 {
				return nullVec(e.T.Layout(), n), nil
			}
		}
	}
	out, err := e.Def.Eval(&cc, args)
	if err != nil && ctx != nil && ctx.OnError != nil {
		out, err = e.without(&cc, args, err, allConst, sel, n)
	}
	if err != nil {
		return vec.Vec{}, err
	}
	if allConst {
		out.Const, out.N = true, n
		return out, nil
	}
	if valid != nil {
		out = withValid(out, valid, n)
	}
	return out, nil
}

// evalArgs evaluates the arguments and sets up the call's context.
func (e *Call) evalArgs(ctx *Ctx, in []vec.Vec, sel []int32, n int) (args []vec.Vec, cc CallCtx, allConst bool, err error) {
	args = make([]vec.Vec, len(e.Args))
	ts := make([]types.T, len(e.Args))
	allConst = e.Def.Volatile != VolatileFn
	for i, a := range e.Args {
		if args[i], err = a.Eval(ctx, in, sel, n); err != nil {
			return nil, cc, false, err
		}
		ts[i] = a.Type()
		allConst = allConst && args[i].Const
	}
	cc = CallCtx{Ctx: ctx, Sel: sel, N: n, Args: ts, T: e.T}
	if allConst {
		cc.Sel, cc.N = nil, 1
	}
	return args, cc, allConst, nil
}

// combineValid ANDs the validity of the columns. nil: no NULL in any row.
// constNull: one of them is a NULL constant.
func combineValid(args []vec.Vec, n int) (valid []byte, constNull bool) {
	owned := false
	size := (n + 7) >> 3
	for i := range args {
		a := &args[i]
		if a.Valid == nil {
			continue
		}
		if a.Const {
			if a.Valid[0]&1 == 0 {
				return nil, true
			}
			continue
		}
		switch {
		case valid == nil:
			valid = a.Valid[:size]
		case !owned:
			valid = andBits(valid, a.Valid)
			owned = true
		default:
			for k := range valid {
				valid[k] &= a.Valid[k]
			}
		}
	}
	if valid != nil && allSet(valid, n) {
		valid = nil
	}
	return valid, false
}

func andBits(a, b []byte) []byte {
	out := make([]byte, len(a))
	b = b[:len(a)]
	for k := range a {
		out[k] = a[k] & b[k]
	}
	return out
}

// allSet reports whether the first n bits are all set.
func allSet(bits []byte, n int) bool {
	for _, b := range bits[:n>>3] {
		if b != 0xff {
			return false
		}
	}
	if rest := n & 7; rest != 0 {
		m := byte(1)<<rest - 1
		return bits[n>>3]&m == m
	}
	return true
}

// narrow keeps the rows of sel (nil: all n) whose bit is set, in a new slice.
func narrow(sel []int32, valid []byte, n int) []int32 {
	if sel == nil {
		out := make([]int32, n)
		k := 0
		for i := range n {
			out[k] = int32(i)
			k += int(valid[i>>3] >> (i & 7) & 1)
		}
		return out[:k]
	}
	out := make([]int32, len(sel))
	k := 0
	for _, i := range sel {
		out[k] = i
		k += int(valid[i>>3] >> (i & 7) & 1)
	}
	return out[:k]
}

// withValid makes the rows whose bit is not set NULL.
func withValid(v vec.Vec, valid []byte, n int) vec.Vec {
	if v.Const {
		if v.Null(0) {
			return v
		}
		v = v.Dense()
	}
	if v.Valid == nil {
		v.Valid = valid
		return v
	}
	if &v.Valid[0] != &valid[0] {
		v.Valid = andBits(valid[:(n+7)>>3], v.Valid)
	}
	return v
}
