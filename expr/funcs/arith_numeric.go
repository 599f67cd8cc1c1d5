package funcs

import (
	"streamdb/expr"
	"streamdb/expr/kernel"
	"streamdb/types"
	"streamdb/vec"
)

// numericArithmetic lists the operators over numeric.
func numericArithmetic() []*expr.Def {
	times := op2("*", tNum, tNum, tNum, numericOp(types.Decimal.Mul), "Product")
	times.Fuse = fuseProduct
	return []*expr.Def{
		times,
		op2("+", tNum, tNum, tNum, numericOp(types.Decimal.Add), "Sum"),
		op2("-", tNum, tNum, tNum, numericOp(types.Decimal.Sub), "Difference"),
		op2("/", tNum, tNum, tNum, numericOp(types.Decimal.Div), "Quotient"),
		op2("%", tNum, tNum, tNum, numericOp(types.Decimal.Mod), "Remainder, with the sign of the dividend"),
		op1("-", tNum, tNum, kernel.U1(types.Decimal.Neg), "Negation"),
		op1("+", tNum, tNum, identity, "The argument itself"),
		op1("@", tNum, tNum, kernel.U1(types.Decimal.Abs), "Absolute value"),
	}
}

// numericOp decodes constants once.
func numericOp(f func(a, b types.Decimal) (types.Decimal, error)) evalFn {
	return func(c *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
		o := kernel.NewOut(types.LBytes, c.N)
		a, b := decimals(&args[0]), decimals(&args[1])
		for k := range c.Rows() {
			i := c.Row(k)
			r, err := f(a(i), b(i))
			if err != nil {
				return vec.Vec{}, err
			}
			o.End(i, types.AppendDecimal(o.Begin(i), r))
		}
		return o.Vec(), nil
	}
}
