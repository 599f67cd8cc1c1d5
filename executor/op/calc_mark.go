package op

import (
	"math"

	"streamdb/executor"
	"streamdb/expr"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// risingColumn is the column that an expression of Calc.Rising reads.
func risingColumn(e expr.Expr) int {
	col := -1
	expr.Walk(e, func(x expr.Expr) bool {
		if c, ok := x.(*expr.Col); ok {
			col = c.Index
		}
		return true
	})
	return col
}

// Watermark passes on columns that are carried over, and through expressions
// that rise with their column: later values of the column are at least t+1, so
// later values of e are at least e(t+1).
func (c *calc) Watermark(ctx *executor.Ctx, _ int, w stream.Watermark, out executor.Emitter) error {
	if c.spec.Exprs == nil || w.Column == stream.AllRead {
		return out.EmitWatermark(w)
	}
	for j, e := range c.spec.Exprs {
		if col, ok := e.(*expr.Col); ok && col.Index == w.Column {
			if err := out.EmitWatermark(stream.Watermark{Column: j, Time: w.Time}); err != nil {
				return err
			}
		}
	}
	for k, j := range c.spec.Rising {
		if c.risesOf[k] != w.Column {
			continue
		}
		if t, ok := c.markOf(ctx, c.spec.Exprs[j], w); ok {
			if err := out.EmitWatermark(stream.Watermark{Column: j, Time: t}); err != nil {
				return err
			}
		}
	}
	return nil
}

// markOf is the watermark on a column computed by e. There is none where e has
// no finite value.
func (c *calc) markOf(ctx *executor.Ctx, e expr.Expr, w stream.Watermark) (int64, bool) {
	if w.Time == math.MaxInt64 || w.Time == math.MinInt64 {
		return 0, false
	}
	in := c.spec.In.Schema()
	cols := make([]vec.Vec, len(in))
	for i := range in {
		d := types.NullDatum
		if i == w.Column {
			d = types.IntDatum(w.Time + 1)
		}
		one := vec.ConstOf(in[i].Type.Layout(), d, 1)
		cols[i] = one.Dense()
	}
	v, err := e.Eval(ctx.Expr, cols, nil, 1)
	if err != nil || v.Null(0) || v.Layout != types.LInt64 {
		return 0, false
	}
	t := v.I64[0]
	if t == math.MaxInt64 || t == math.MinInt64 {
		return 0, false
	}
	return t - 1, true
}
