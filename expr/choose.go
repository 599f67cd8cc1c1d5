package expr

import (
	"streamdb/types"
	"streamdb/vec"
)

// Type is the common type of the branches.
func (e *Case) Type() types.T { return e.T }

// Type is the common type of the arguments.
func (e *Coalesce) Type() types.T { return e.T }

// Eval evaluates each condition for the rows that no earlier one took, and each
// branch for the rows its condition took.
func (e *Case) Eval(ctx *Ctx, in []vec.Vec, sel []int32, n int) (vec.Vec, error) {
	return e.from(ctx, &chooser{layout: e.T.Layout(), n: n}, 0, in, sel)
}

// from is Eval for the rows that are open, from a condition on.
func (e *Case) from(ctx *Ctx, c *chooser, first int, in []vec.Vec, open []int32) (vec.Vec, error) {
	n := c.n
	for k := first; k < len(e.Whens); k++ {
		if c.none(open) {
			break
		}
		cond, err := e.Whens[k].Eval(ctx, in, open, n)
		if err != nil {
			return vec.Vec{}, err
		}
		if cond.Const {
			if cond.Null(0) || !cond.Bool[0] {
				continue
			}
			return c.rest(ctx, e.Thens[k], in, open)
		}
		yes, no := splitTrue(&cond, open, n)
		if err := c.branch(ctx, e.Thens[k], in, yes); err != nil {
			return vec.Vec{}, err
		}
		open = no
	}
	if c.none(open) {
		return c.result(), nil
	}
	if e.Else == nil {
		return c.rest(ctx, Null(e.T), in, open)
	}
	return c.rest(ctx, e.Else, in, open)
}

// Eval evaluates each argument for the rows where the earlier ones were NULL.
func (e *Coalesce) Eval(ctx *Ctx, in []vec.Vec, sel []int32, n int) (vec.Vec, error) {
	c := chooser{layout: e.T.Layout(), n: n}
	open := sel
	for k, a := range e.Args {
		if c.none(open) {
			break
		}
		if k == len(e.Args)-1 {
			return c.rest(ctx, a, in, open)
		}
		v, err := a.Eval(ctx, in, open, n)
		if err != nil {
			return vec.Vec{}, err
		}
		if v.Const && v.Null(0) {
			continue
		}
		if v.Valid == nil || v.Const {
			return c.restVec(v, open), nil
		}
		have, not := splitNotNull(&v, open, n)
		c.add(v, have)
		open = not
	}
	return c.result(), nil
}

// chooser assembles a column from rows of several columns: which[i] is the
// number of the column that row i comes from, plus one; 0: NULL.
type chooser struct {
	layout types.Layout
	n      int
	which  []uint16
	vecs   []vec.Vec
}

// none reports whether no row is left to choose for.
func (c *chooser) none(open []int32) bool { return c.n == 0 || open != nil && len(open) == 0 }

// branch evaluates e for the rows and takes them from it.
func (c *chooser) branch(ctx *Ctx, e Expr, in []vec.Vec, rows []int32) error {
	if len(rows) == 0 {
		return nil
	}
	v, err := e.Eval(ctx, in, rows, c.n)
	if err != nil {
		return err
	}
	c.add(v, rows)
	return nil
}

func (c *chooser) add(v vec.Vec, rows []int32) {
	if c.which == nil {
		c.which = make([]uint16, c.n)
	}
	c.vecs = append(c.vecs, v)
	id := uint16(len(c.vecs))
	for _, i := range rows {
		c.which[i] = id
	}
}

// rest takes all open rows from e and returns the result. When nothing was
// chosen before, that is e's own column.
func (c *chooser) rest(ctx *Ctx, e Expr, in []vec.Vec, open []int32) (vec.Vec, error) {
	v, err := e.Eval(ctx, in, open, c.n)
	if err != nil {
		return vec.Vec{}, err
	}
	return c.restVec(v, open), nil
}

func (c *chooser) restVec(v vec.Vec, open []int32) vec.Vec {
	if len(c.vecs) == 0 {
		return v
	}
	if open == nil {
		open = make([]int32, c.n)
		for i := range open {
			open[i] = int32(i)
		}
	}
	c.add(v, open)
	return c.result()
}

func (c *chooser) result() vec.Vec {
	if len(c.vecs) == 0 {
		return nullVec(c.layout, c.n)
	}
	out := vec.Vec{Layout: c.layout, N: c.n, Valid: c.valid()}
	switch c.layout {
	case types.LBool:
		out.Bool = choose(c, func(v *vec.Vec) []bool { return v.Bool })
	case types.LInt64:
		out.I64 = choose(c, func(v *vec.Vec) []int64 { return v.I64 })
	case types.LFloat64:
		out.F64 = choose(c, func(v *vec.Vec) []float64 { return v.F64 })
	default:
		out.Off, out.Data = c.texts()
	}
	return out
}

// texts is the result of byte forms.
func (c *chooser) texts() (off []int32, data []byte) {
	mask := make([]int, len(c.vecs))
	for k := range c.vecs {
		mask[k] = c.vecs[k].Mask()
	}
	off = make([]int32, c.n+1)
	size := int32(0)
	for i, w := range c.which {
		if w != 0 {
			if v, j := &c.vecs[w-1], i&mask[w-1]; v.Valid == nil || !v.Null(j) {
				size += v.Off[j+1] - v.Off[j]
			}
		}
		off[i+1] = size
	}
	data = make([]byte, int(size)+vec.ShortText)
	for i, w := range c.which {
		if off[i] < off[i+1] {
			v, j := &c.vecs[w-1], i&mask[w-1]
			vec.CopyText(data, int(off[i]), v.Data, int(v.Off[j]), int(v.Off[j+1]))
		}
	}
	return off, data[:size]
}

func choose[T any](c *chooser, values func(*vec.Vec) []T) []T {
	out := make([]T, c.n)
	src := make([][]T, len(c.vecs))
	mask := make([]int, len(c.vecs))
	for k := range c.vecs {
		src[k], mask[k] = values(&c.vecs[k]), c.vecs[k].Mask()
	}
	for i, w := range c.which {
		if w != 0 {
			out[i] = src[w-1][i&mask[w-1]]
		}
	}
	return out
}

// valid is the result's bitmap; nil when every chosen column is without NULLs
// and every row was chosen.
func (c *chooser) valid() []byte {
	need := false
	for k := range c.vecs {
		need = need || c.vecs[k].Valid != nil
	}
	for _, w := range c.which {
		if w == 0 {
			need = true
			break
		}
	}
	if !need {
		return nil
	}
	bits := make([]byte, (c.n+7)>>3)
	for i, w := range c.which {
		if w != 0 && !c.vecs[w-1].Null(i) {
			bits[i>>3] |= 1 << (i & 7)
		}
	}
	return bits
}

// splitTrue parts the rows of sel (nil: all n) into those where cond is TRUE and the others.
func splitTrue(cond *vec.Vec, sel []int32, n int) (yes, no []int32) {
	rows := n
	if sel != nil {
		rows = len(sel)
	}
	yes, no = make([]int32, rows), make([]int32, rows)
	a, b := 0, 0
	for k := range rows {
		i := k
		if sel != nil {
			i = int(sel[k])
		}
		yes[a], no[b] = int32(i), int32(i)
		if cond.Bool[i] && !cond.Null(i) {
			a++
		} else {
			b++
		}
	}
	return yes[:a], no[:b]
}

// splitNotNull parts the rows of sel (nil: all n) into those where v has a value and the others.
func splitNotNull(v *vec.Vec, sel []int32, n int) (have, not []int32) {
	rows := n
	if sel != nil {
		rows = len(sel)
	}
	have, not = make([]int32, rows), make([]int32, rows)
	a, b := 0, 0
	for k := range rows {
		i := k
		if sel != nil {
			i = int(sel[k])
		}
		have[a], not[b] = int32(i), int32(i)
		if v.Null(i) {
			b++
		} else {
			a++
		}
	}
	return have[:a], not[:b]
}
