package expr

import (
	"streamdb/types"
	"streamdb/vec"
)

// Type is boolean.
func (e *And) Type() types.T { return types.Of(types.Bool) }

// Type is boolean.
func (e *Or) Type() types.T { return types.Of(types.Bool) }

// Eval evaluates an argument only for rows that no earlier one made FALSE.
func (e *And) Eval(ctx *Ctx, in []vec.Vec, sel []int32, n int) (vec.Vec, error) {
	return junction(ctx, e.Args, in, sel, n, false)
}

// Eval evaluates an argument only for rows that no earlier one made TRUE.
func (e *Or) Eval(ctx *Ctx, in []vec.Vec, sel []int32, n int) (vec.Vec, error) {
	return junction(ctx, e.Args, in, sel, n, true)
}

// junction is AND (decides=false) and OR (decides=true): a row is decided by the
// first argument that has the deciding value, NULL if none has and one is NULL,
// else the opposite value.
func junction(ctx *Ctx, args []Expr, in []vec.Vec, sel []int32, n int, decides bool) (vec.Vec, error) {
	if len(args) == 0 || n == 0 {
		return vec.ConstOf(types.LBool, types.BoolDatum(!decides), n), nil
	}
	out := make([]bool, n)
	if !decides {
		for i := range out {
			out[i] = true
		}
	}
	var nulls []byte // bit set: some argument was NULL
	open := sel      // rows not decided yet
	for k, a := range args {
		if open != nil && len(open) == 0 {
			break
		}
		v, err := a.Eval(ctx, in, open, n)
		if err != nil {
			return vec.Vec{}, err
		}
		if v.Const && !v.Null(0) {
			if v.Bool[0] != decides {
				continue
			}
			fillRows(out, open, decides)
			open = []int32{}
			break
		}
		last := k == len(args)-1
		if v.Valid != nil && nulls == nil {
			nulls = make([]byte, (n+7)>>3)
		}
		open = decideRows(&v, open, out, nulls, decides, last, n)
	}
	res := vec.Bools(out)
	if nulls != nil {
		for i := range n { // a decided row is not NULL whatever the others were
			if out[i] == decides {
				nulls[i>>3] &^= 1 << (i & 7)
			}
		}
		for i := range nulls {
			nulls[i] = ^nulls[i]
		}
		res.Valid = nulls
	}
	return res, nil
}

func fillRows(out []bool, sel []int32, x bool) {
	if sel == nil {
		for i := range out {
			out[i] = x
		}
		return
	}
	for _, i := range sel {
		out[i] = x
	}
}

// decideRows marks the rows of open that v decides and returns the others.
func decideRows(v *vec.Vec, open []int32, out []bool, nulls []byte, decides, last bool, n int) []int32 {
	m := v.Mask()
	if v.Valid == nil && last { // nothing follows: no list of open rows needed
		if open == nil {
			for i := range n {
				out[i] = v.Bool[i&m]
			}
			return []int32{}
		}
		for _, i := range open {
			out[i] = v.Bool[int(i)&m]
		}
		return []int32{}
	}
	rows := n
	if open != nil {
		rows = len(open)
	}
	next := make([]int32, rows)
	kept := 0
	for k := range rows {
		i := k
		if open != nil {
			i = int(open[k])
		}
		next[kept] = int32(i)
		if v.Valid != nil && v.Null(i) {
			nulls[i>>3] |= 1 << (i & 7)
			kept++
			continue
		}
		if v.Bool[i&m] == decides {
			out[i] = decides
		} else {
			kept++
		}
	}
	return next[:kept]
}
