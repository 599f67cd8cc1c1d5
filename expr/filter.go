package expr

import (
	"streamdb/vec"
)

// Filter returns the rows for which pred is TRUE, ascending. The list is always
// explicit: all n rows when every row passes, empty (not nil) when none does.
func Filter(ctx *Ctx, pred Expr, in []vec.Vec, n int) ([]int32, error) {
	return FilterSel(ctx, pred, in, nil, n, nil)
}

// FilterSel is Filter over the rows of sel (nil: all n). The result is written
// to buf when that has the capacity; buf must not share memory with sel. The
// arguments of an AND are applied one after the other to an ever smaller
// selection; comparisons fill the selection without a column of booleans.
func FilterSel(ctx *Ctx, pred Expr, in []vec.Vec, sel []int32, n int, buf []int32) ([]int32, error) {
	rows := n
	if sel != nil {
		rows = len(sel)
	}
	if cap(buf) < rows {
		buf = make([]int32, rows)
	}
	buf = buf[:0]
	if rows == 0 {
		return buf, nil
	}
	switch p := pred.(type) {
	case *And:
		return filterAnd(ctx, p, in, sel, n, buf)
	case *Call:
		if p.Def.Select != nil {
			return filterSelect(ctx, p, in, sel, n, buf)
		}
	}
	v, err := pred.Eval(ctx, in, sel, n)
	if err != nil {
		return nil, err
	}
	return appendTrue(buf, &v, sel, n), nil
}

func filterAnd(ctx *Ctx, p *And, in []vec.Vec, sel []int32, n int, buf []int32) ([]int32, error) {
	var other []int32
	for k, a := range p.Args {
		out, err := FilterSel(ctx, a, in, sel, n, buf)
		if err != nil {
			return nil, err
		}
		if len(out) == 0 || k == len(p.Args)-1 {
			return out, nil
		}
		if other == nil {
			other = make([]int32, len(out))
		}
		sel, buf, other = out, other, out // the next argument writes to the other buffer
	}
	return appendRows(buf, sel, n), nil // AND of nothing is TRUE
}

// filterSelect uses the function's own selection loop and then drops NULLs.
func filterSelect(ctx *Ctx, p *Call, in []vec.Vec, sel []int32, n int, buf []int32) ([]int32, error) {
	args, cc, allConst, err := p.evalArgs(ctx, in, sel, n)
	if err != nil {
		return nil, err
	}
	valid, constNull := combineValid(args, n)
	if constNull {
		return buf, nil
	}
	if allConst {
		cc.Sel, cc.N = sel, n
	}
	out := p.Def.Select(&cc, args, buf)
	if valid == nil {
		return out, nil
	}
	k := 0
	for _, i := range out {
		out[k] = i
		k += int(valid[i>>3] >> (i & 7) & 1)
	}
	return out[:k], nil
}

func appendRows(dst, sel []int32, n int) []int32 {
	if sel != nil {
		return append(dst, sel...)
	}
	for i := range n {
		dst = append(dst, int32(i))
	}
	return dst
}

// appendTrue appends the rows of sel (nil: all n) where the boolean column is TRUE.
func appendTrue(dst []int32, v *vec.Vec, sel []int32, n int) []int32 {
	if v.Const {
		if v.Null(0) || !v.Bool[0] {
			return dst
		}
		return appendRows(dst, sel, n)
	}
	rows := n
	if sel != nil {
		rows = len(sel)
	}
	start := len(dst)
	dst = dst[:start+rows]
	k := start
	if sel == nil {
		for i, b := range v.Bool[:n] {
			dst[k] = int32(i)
			k += bit(b)
		}
	} else {
		for _, i := range sel {
			dst[k] = i
			k += bit(v.Bool[i])
		}
	}
	dst = dst[:k]
	if v.Valid != nil {
		k = start
		for _, i := range dst[start:] {
			dst[k] = i
			k += int(v.Valid[i>>3] >> (i & 7) & 1)
		}
		dst = dst[:k]
	}
	return dst
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}
