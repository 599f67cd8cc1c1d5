package funcs

import (
	"math/bits"

	"streamdb/expr"
	"streamdb/internal/sqlerr"
	"streamdb/types"
	"streamdb/vec"
)

var (
	intTypes   = []types.ID{types.Int2, types.Int4, types.Int8}
	floatTypes = []types.ID{types.Float4, types.Float8}
)

type evalFn = func(*expr.CallCtx, []vec.Vec) (vec.Vec, error)

// op1 and op2 make the Defs of operators.
func op1(name string, a, ret types.ID, eval evalFn, doc string) *expr.Def {
	return &expr.Def{Name: name, Args: []types.ID{a}, Ret: ret, Kind: expr.Operator, Eval: eval, Doc: doc}
}

func op2(name string, a, b, ret types.ID, eval evalFn, doc string) *expr.Def {
	return &expr.Def{Name: name, Args: []types.ID{a, b}, Ret: ret, Kind: expr.Operator, Eval: eval, Doc: doc}
}

// wider is the result type of integer arithmetic.
func wider(a, b types.ID) types.ID { return max(a, b) } // Int2 < Int4 < Int8

// intArithmetic lists the operators over integers.
func intArithmetic() []*expr.Def {
	var out []*expr.Def
	for _, a := range intTypes {
		for _, b := range intTypes {
			r := wider(a, b)
			out = append(out,
				op2("+", a, b, r, intSum(r, false), "Sum"),
				op2("-", a, b, r, intSum(r, true), "Difference"),
				op2("*", a, b, r, intMul(r), "Product"),
				op2("/", a, b, r, intDiv(r), "Quotient, truncated towards zero"))
		}
		out = append(out,
			op2("%", a, a, a, intMod(), "Remainder, with the sign of the dividend"),
			total(op2("&", a, a, a, intBits('&'), "Bitwise and")),
			total(op2("|", a, a, a, intBits('|'), "Bitwise or")),
			total(op2("#", a, a, a, intBits('#'), "Bitwise exclusive or")),
			total(op2("<<", a, types.Int4, a, intShift(a, true), "Bitwise shift left")),
			total(op2(">>", a, types.Int4, a, intShift(a, false), "Bitwise shift right")),
			op1("-", a, a, intNeg(a), "Negation"),
			total(op1("+", a, a, identity, "The argument itself")),
			total(op1("~", a, a, intNot, "Bitwise not")),
			op1("@", a, a, intAbs(a), "Absolute value"))
	}
	return out
}

func total(d *expr.Def) *expr.Def { d.Total = true; return d }

// identity returns its argument.
func identity(_ *expr.CallCtx, args []vec.Vec) (vec.Vec, error) { return args[0], nil }

// outside is not 0 when r leaves the range of a narrow type, for collecting with
// OR over a batch; for 64 bits the operations have their own test.
func outside(t types.ID, r int64) int64 {
	switch t {
	case types.Int2:
		return r ^ int64(int16(r))
	case types.Int4:
		return r ^ int64(int32(r))
	}
	return 0
}

// addInto sets out = x + y for all rows and returns a value < 0 on overflow of 64 bits. A constant has one value.
func addInto(out, x, y []int64) (overflow int64) {
	n := len(out)
	switch {
	case len(y) < n: // constant
		b := y[0]
		x = x[:n]
		for i := range out {
			r := x[i] + b
			out[i] = r
			overflow |= (x[i] ^ r) & (b ^ r)
		}
	case len(x) < n:
		return addInto(out, y, x)
	default:
		x, y = x[:n], y[:n]
		for i := range out {
			r := x[i] + y[i]
			out[i] = r
			overflow |= (x[i] ^ r) & (y[i] ^ r)
		}
	}
	return overflow
}

// subInto is addInto for x - y.
func subInto(out, x, y []int64) (overflow int64) {
	n := len(out)
	switch {
	case len(y) < n:
		b := y[0]
		x = x[:n]
		for i := range out {
			r := x[i] - b
			out[i] = r
			overflow |= (x[i] ^ b) & (x[i] ^ r)
		}
	case len(x) < n:
		a := x[0]
		y = y[:n]
		for i := range out {
			r := a - y[i]
			out[i] = r
			overflow |= (a ^ y[i]) & (a ^ r)
		}
	default:
		x, y = x[:n], y[:n]
		for i := range out {
			r := x[i] - y[i]
			out[i] = r
			overflow |= (x[i] ^ y[i]) & (x[i] ^ r)
		}
	}
	return overflow
}

// checkNarrow reports whether any of the results leaves the type's range.
func checkNarrow(t types.ID, out []int64) bool {
	var bad int64
	switch t {
	case types.Int2:
		for _, r := range out {
			bad |= r ^ int64(int16(r))
		}
	case types.Int4:
		for _, r := range out {
			bad |= r ^ int64(int32(r))
		}
	}
	return bad != 0
}

// intSum makes + and -.
func intSum(t types.ID, minus bool) evalFn {
	return func(c *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
		out := make([]int64, c.N)
		x, y := args[0].I64, args[1].I64
		if c.Sel == nil && !(args[0].Const && args[1].Const) {
			var overflow int64
			if minus {
				overflow = subInto(out, x, y)
			} else {
				overflow = addInto(out, x, y)
			}
			if overflow < 0 || checkNarrow(t, out) {
				return vec.Vec{}, types.ErrIntRange(t)
			}
			return vec.Ints(out), nil
		}
		mx, my := args[0].Mask(), args[1].Mask()
		var overflow, bad int64
		for k := range c.Rows() {
			i := c.Row(k)
			a, b := x[i&mx], y[i&my]
			var r int64
			if minus {
				r = a - b
				overflow |= (a ^ b) & (a ^ r)
			} else {
				r = a + b
				overflow |= (a ^ r) & (b ^ r)
			}
			out[i] = r
			bad |= outside(t, r)
		}
		if overflow < 0 || bad != 0 {
			return vec.Vec{}, types.ErrIntRange(t)
		}
		return vec.Ints(out), nil
	}
}

func intMul(t types.ID) evalFn {
	return func(c *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
		out := make([]int64, c.N)
		x, y, mx, my := args[0].I64, args[1].I64, args[0].Mask(), args[1].Mask()
		var bad int64
		if t != types.Int8 { // the product of two narrow values fits 64 bits
			for k := range c.Rows() {
				i := c.Row(k)
				out[i] = x[i&mx] * y[i&my]
				bad |= outside(t, out[i])
			}
		} else {
			for k := range c.Rows() {
				i := c.Row(k)
				a, b := x[i&mx], y[i&my]
				r := a * b
				out[i] = r
				if uint64(a+1<<31)>>32 == 0 && uint64(b+1<<31)>>32 == 0 {
					continue // both fit 32 bits
				}
				if mulOverflows(a, b) {
					bad = 1
				}
			}
		}
		if bad != 0 {
			return vec.Vec{}, types.ErrIntRange(t)
		}
		return vec.Ints(out), nil
	}
}

// mulOverflows reports whether a*b is outside the range of int64: the high half
// of the 128-bit product must be the sign of the low half.
func mulOverflows(a, b int64) bool {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	hi -= uint64(a>>63) & uint64(b)
	hi -= uint64(b>>63) & uint64(a)
	return int64(hi) != int64(lo)>>63
}

func errDivisionByZero() error { return sqlerr.New(sqlerr.DivisionByZero, "division by zero") }

func intDiv(t types.ID) evalFn {
	lo, hi := types.IntRange(t)
	return func(c *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
		out := make([]int64, c.N)
		if by, ok := constantDivisor(c, args); ok {
			for i, a := range args[0].I64[:c.N] {
				if a >= 0 {
					out[i] = int64(by.quotient(uint64(a)))
				} else {
					out[i] = a / int64(by.by)
				}
			}
			return vec.Ints(out), nil
		}
		x, y, mx, my := args[0].I64, args[1].I64, args[0].Mask(), args[1].Mask()
		for k := range c.Rows() {
			i := c.Row(k)
			a, b := x[i&mx], y[i&my]
			if b == 0 {
				return vec.Vec{}, errDivisionByZero()
			}
			if b == -1 && a == lo {
				return vec.Vec{}, types.ErrIntRange(t)
			}
			r := a / b
			if r > hi { // smallint: -32768 / -1 is caught above, nothing else can leave the range
				return vec.Vec{}, types.ErrIntRange(t)
			}
			out[i] = r
		}
		return vec.Ints(out), nil
	}
}

// constantDivisor is the one number above 1 that all rows are divided by, if they are
// to be divided.
func constantDivisor(c *expr.CallCtx, args []vec.Vec) (divisor, bool) {
	if c.Sel != nil || args[0].Const || !args[1].Const || args[1].I64[0] <= 1 {
		return divisor{}, false
	}
	return divisorOf(uint64(args[1].I64[0])), true
}

func intMod() evalFn {
	return func(c *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
		out := make([]int64, c.N)
		if by, ok := constantDivisor(c, args); ok {
			for i, a := range args[0].I64[:c.N] {
				if a >= 0 {
					out[i] = int64(by.remainder(uint64(a)))
				} else {
					out[i] = a % int64(by.by)
				}
			}
			return vec.Ints(out), nil
		}
		x, y, mx, my := args[0].I64, args[1].I64, args[0].Mask(), args[1].Mask()
		for k := range c.Rows() {
			i := c.Row(k)
			b := y[i&my]
			if b == 0 {
				return vec.Vec{}, errDivisionByZero()
			}
			if b != -1 { // x % -1 is 0 also for the lowest value
				out[i] = x[i&mx] % b
			}
		}
		return vec.Ints(out), nil
	}
}

func intBits(op byte) evalFn {
	return func(c *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
		out := make([]int64, c.N)
		x, y, mx, my := args[0].I64, args[1].I64, args[0].Mask(), args[1].Mask()
		for k := range c.Rows() {
			i := c.Row(k)
			a, b := x[i&mx], y[i&my]
			switch op {
			case '&':
				out[i] = a & b
			case '|':
				out[i] = a | b
			default:
				out[i] = a ^ b
			}
		}
		return vec.Ints(out), nil
	}
}

// intShift shifts as the machine Postgres runs on does: the count is taken
// modulo the width (32 for smallint, which C promotes), the result cut to it.
func intShift(t types.ID, left bool) evalFn {
	return func(c *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
		out := make([]int64, c.N)
		x, y, mx, my := args[0].I64, args[1].I64, args[0].Mask(), args[1].Mask()
		for k := range c.Rows() {
			i := c.Row(k)
			a, by := x[i&mx], uint(y[i&my])
			switch {
			case t == types.Int8 && left:
				out[i] = a << (by & 63)
			case t == types.Int8:
				out[i] = a >> (by & 63)
			case left:
				a = int64(int32(a) << (by & 31))
				if t == types.Int2 {
					a = int64(int16(a))
				}
				out[i] = a
			default:
				out[i] = int64(int32(a) >> (by & 31))
			}
		}
		return vec.Ints(out), nil
	}
}

func intNot(c *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
	out := make([]int64, c.N)
	x, m := args[0].I64, args[0].Mask()
	for k := range c.Rows() {
		i := c.Row(k)
		out[i] = ^x[i&m]
	}
	return vec.Ints(out), nil
}

func intNeg(t types.ID) evalFn {
	lo, _ := types.IntRange(t)
	return func(c *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
		out := make([]int64, c.N)
		x, m := args[0].I64, args[0].Mask()
		for k := range c.Rows() {
			i := c.Row(k)
			if x[i&m] == lo {
				return vec.Vec{}, types.ErrIntRange(t)
			}
			out[i] = -x[i&m]
		}
		return vec.Ints(out), nil
	}
}

func intAbs(t types.ID) evalFn {
	lo, _ := types.IntRange(t)
	return func(c *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
		out := make([]int64, c.N)
		x, m := args[0].I64, args[0].Mask()
		for k := range c.Rows() {
			i := c.Row(k)
			a := x[i&m]
			if a == lo {
				return vec.Vec{}, types.ErrIntRange(t)
			}
			if a < 0 {
				a = -a
			}
			out[i] = a
		}
		return vec.Ints(out), nil
	}
}
