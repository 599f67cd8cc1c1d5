package casts

import (
	"streamdb/expr"
	"streamdb/expr/kernel"
	"streamdb/types"
	"streamdb/vec"
)

// numberCasts lists the casts between booleans and numbers.
func numberCasts() []*expr.Def {
	i2, i4, i8, f4, f8, num := types.Int2, types.Int4, types.Int8, types.Float4, types.Float8, types.Numeric
	implicit, assign, explicit := expr.CastImplicit, expr.CastAssignment, expr.CastExplicit
	out := []*expr.Def{
		total(cast(i2, i4, implicit, identity)), total(cast(i2, i8, implicit, identity)), total(cast(i4, i8, implicit, identity)),
		cast(i4, i2, assign, narrow(i2)), cast(i8, i2, assign, narrow(i2)), cast(i8, i4, assign, narrow(i4)),
		total(cast(f4, f8, implicit, identity)),
		cast(f8, f4, assign, kernel.E1(types.ToFloat4)),
		cast(types.Bool, i4, explicit, kernel.U1(func(b bool) int64 {
			if b {
				return 1
			}
			return 0
		})),
		cast(i4, types.Bool, explicit, kernel.U1(func(i int64) bool { return i != 0 })),
	}
	for _, i := range []types.ID{i2, i4, i8} {
		out = append(out,
			total(cast(i, f4, implicit, intToFloat(true))),
			total(cast(i, f8, implicit, intToFloat(false))),
			cast(f4, i, assign, floatToInt(i)), cast(f8, i, assign, floatToInt(i)),
			cast(i, num, implicit, kernel.U1(types.DecimalOfInt)),
			cast(num, i, assign, kernel.E1(func(d types.Decimal) (int64, error) { return d.ToInt(i) })))
	}
	return append(out,
		cast(f4, num, assign, kernel.U1(func(f float64) types.Decimal { return types.DecimalOfFloat(types.Float4, f) })),
		cast(f8, num, assign, kernel.U1(func(f float64) types.Decimal { return types.DecimalOfFloat(types.Float8, f) })),
		cast(num, f4, implicit, kernel.E1(func(d types.Decimal) (float64, error) { return d.ToFloat(types.Float4) })),
		cast(num, f8, implicit, kernel.E1(func(d types.Decimal) (float64, error) { return d.ToFloat(types.Float8) })))
}

// narrow checks that integers are in the range of a smaller type.
func narrow(to types.ID) kernel.Fn {
	lo, hi := types.IntRange(to)
	return func(c *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
		x, m := args[0].I64, args[0].Mask()
		for k := range c.Rows() {
			if v := x[c.Row(k)&m]; v < lo || v > hi {
				return vec.Vec{}, types.ErrIntRange(to)
			}
		}
		return args[0], nil
	}
}

func intToFloat(single bool) kernel.Fn {
	return func(c *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
		out := make([]float64, c.N)
		x, m := args[0].I64, args[0].Mask()
		for k := range c.Rows() {
			i := c.Row(k)
			if single {
				out[i] = float64(float32(x[i&m]))
			} else {
				out[i] = float64(x[i&m])
			}
		}
		return vec.Floats(out), nil
	}
}

func floatToInt(to types.ID) kernel.Fn {
	return kernel.E1(func(f float64) (int64, error) { return types.FloatToInt(to, f) })
}
