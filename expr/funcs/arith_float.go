package funcs

import (
	"math"

	"streamdb/expr"
	"streamdb/types"
	"streamdb/vec"
)

// floatArithmetic lists the operators over real and double precision. Mixed
// arithmetic is done in double precision; two reals are rounded to real.
func floatArithmetic() []*expr.Def {
	var out []*expr.Def
	for _, a := range floatTypes {
		for _, b := range floatTypes {
			r := max(a, b)
			out = append(out,
				op2("+", a, b, r, floatOp('+', r), "Sum"),
				op2("-", a, b, r, floatOp('-', r), "Difference"),
				op2("*", a, b, r, floatOp('*', r), "Product"),
				op2("/", a, b, r, floatOp('/', r), "Quotient"))
		}
		out = append(out,
			total(op1("-", a, a, floatUnary(func(x float64) float64 { return -x }), "Negation")),
			total(op1("+", a, a, identity, "The argument itself")),
			total(op1("@", a, a, floatUnary(math.Abs), "Absolute value")))
	}
	return out
}

func floatUnary(f func(float64) float64) evalFn {
	return func(c *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
		out := make([]float64, c.N)
		x, m := args[0].F64, args[0].Mask()
		for k := range c.Rows() {
			i := c.Row(k)
			out[i] = f(x[i&m])
		}
		return vec.Floats(out), nil
	}
}

// floatOp does one operation. A finite calculation with an infinite result is
// an overflow, a product or quotient that vanishes an underflow: 22003.
func floatOp(op byte, t types.ID) evalFn {
	return func(c *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
		out := make([]float64, c.N)
		x, y, mx, my := args[0].F64, args[1].F64, args[0].Mask(), args[1].Mask()
		for k := range c.Rows() {
			i := c.Row(k)
			a, b := x[i&mx], y[i&my]
			var r float64
			switch op {
			case '+':
				r = a + b
			case '-':
				r = a - b
			case '*':
				r = a * b
			default:
				if b == 0 && a == a {
					return vec.Vec{}, errDivisionByZero()
				}
				r = a / b
			}
			if t == types.Float4 {
				r = float64(float32(r))
			}
			if r-r != 0 && a-a == 0 && b-b == 0 { // r is infinite, both arguments are finite
				return vec.Vec{}, types.ErrFloatOverflow()
			}
			if r == 0 && (op == '*' && a != 0 && b != 0 || op == '/' && a != 0 && b-b == 0) {
				return vec.Vec{}, types.ErrFloatUnderflow()
			}
			out[i] = r
		}
		return vec.Floats(out), nil
	}
}
