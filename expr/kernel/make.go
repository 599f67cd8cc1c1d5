package kernel

import (
	"streamdb/expr"
	"streamdb/types"
	"streamdb/vec"
)

// The makers below differ in the number of arguments and in what the function
// over values needs: U is a plain function, E may fail (or return Null), M makes
// the function once per batch from the call's context (time zone, caches).

// M0 makes a function without arguments; it is called for every row.
func M0[R any](mk func(c *expr.CallCtx) func() (R, error)) Fn {
	return func(c *expr.CallCtx, _ []vec.Vec) (vec.Vec, error) {
		f := mk(c)
		return run(c, func(int) (R, error) { return f() })
	}
}

// M1 makes a function of 1 argument from a maker called once per batch.
func M1[A, R any](mk func(c *expr.CallCtx) func(A) (R, error)) Fn {
	return func(ctx *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
		fn := mk(ctx)
		a := Reader[A](&args[0])
		return run(ctx, func(i int) (R, error) { return fn(a(i)) })
	}
}

// E1 makes a function of 1 argument that may fail.
func E1[A, R any](fn func(A) (R, error)) Fn {
	return M1(func(*expr.CallCtx) func(A) (R, error) { return fn })
}

// U1 makes a function of 1 argument that cannot fail.
func U1[A, R any](fn func(A) R) Fn {
	return E1(func(a A) (R, error) { return fn(a), nil })
}

// M2 makes a function of 2 arguments from a maker called once per batch.
func M2[A, B, R any](mk func(c *expr.CallCtx) func(A, B) (R, error)) Fn {
	return func(ctx *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
		fn := mk(ctx)
		a := Reader[A](&args[0])
		b := Reader[B](&args[1])
		return run(ctx, func(i int) (R, error) { return fn(a(i), b(i)) })
	}
}

// E2 makes a function of 2 arguments that may fail.
func E2[A, B, R any](fn func(A, B) (R, error)) Fn {
	return M2(func(*expr.CallCtx) func(A, B) (R, error) { return fn })
}

// U2 makes a function of 2 arguments that cannot fail.
func U2[A, B, R any](fn func(A, B) R) Fn {
	return E2(func(a A, b B) (R, error) { return fn(a, b), nil })
}

// M3 makes a function of 3 arguments from a maker called once per batch.
func M3[A, B, C, R any](mk func(c *expr.CallCtx) func(A, B, C) (R, error)) Fn {
	return func(ctx *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
		fn := mk(ctx)
		a := Reader[A](&args[0])
		b := Reader[B](&args[1])
		c := Reader[C](&args[2])
		return run(ctx, func(i int) (R, error) { return fn(a(i), b(i), c(i)) })
	}
}

// E3 makes a function of 3 arguments that may fail.
func E3[A, B, C, R any](fn func(A, B, C) (R, error)) Fn {
	return M3(func(*expr.CallCtx) func(A, B, C) (R, error) { return fn })
}

// U3 makes a function of 3 arguments that cannot fail.
func U3[A, B, C, R any](fn func(A, B, C) R) Fn {
	return E3(func(a A, b B, c C) (R, error) { return fn(a, b, c), nil })
}

// M4 makes a function of 4 arguments from a maker called once per batch.
func M4[A, B, C, D, R any](mk func(c *expr.CallCtx) func(A, B, C, D) (R, error)) Fn {
	return func(ctx *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
		fn := mk(ctx)
		a := Reader[A](&args[0])
		b := Reader[B](&args[1])
		c := Reader[C](&args[2])
		d := Reader[D](&args[3])
		return run(ctx, func(i int) (R, error) { return fn(a(i), b(i), c(i), d(i)) })
	}
}

// E4 makes a function of 4 arguments that may fail.
func E4[A, B, C, D, R any](fn func(A, B, C, D) (R, error)) Fn {
	return M4(func(*expr.CallCtx) func(A, B, C, D) (R, error) { return fn })
}

// U4 makes a function of 4 arguments that cannot fail.
func U4[A, B, C, D, R any](fn func(A, B, C, D) R) Fn {
	return E4(func(a A, b B, c C, d D) (R, error) { return fn(a, b, c, d), nil })
}

// M5 makes a function of 5 arguments from a maker called once per batch.
func M5[A, B, C, D, E, R any](mk func(c *expr.CallCtx) func(A, B, C, D, E) (R, error)) Fn {
	return func(ctx *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
		fn := mk(ctx)
		a := Reader[A](&args[0])
		b := Reader[B](&args[1])
		c := Reader[C](&args[2])
		d := Reader[D](&args[3])
		e := Reader[E](&args[4])
		return run(ctx, func(i int) (R, error) { return fn(a(i), b(i), c(i), d(i), e(i)) })
	}
}

// E5 makes a function of 5 arguments that may fail.
func E5[A, B, C, D, E, R any](fn func(A, B, C, D, E) (R, error)) Fn {
	return M5(func(*expr.CallCtx) func(A, B, C, D, E) (R, error) { return fn })
}

// M6 makes a function of 6 arguments from a maker called once per batch.
func M6[A, B, C, D, E, F, R any](mk func(c *expr.CallCtx) func(A, B, C, D, E, F) (R, error)) Fn {
	return func(ctx *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
		fn := mk(ctx)
		a := Reader[A](&args[0])
		b := Reader[B](&args[1])
		c := Reader[C](&args[2])
		d := Reader[D](&args[3])
		e := Reader[E](&args[4])
		f := Reader[F](&args[5])
		return run(ctx, func(i int) (R, error) { return fn(a(i), b(i), c(i), d(i), e(i), f(i)) })
	}
}

// E6 makes a function of 6 arguments that may fail.
func E6[A, B, C, D, E, F, R any](fn func(A, B, C, D, E, F) (R, error)) Fn {
	return M6(func(*expr.CallCtx) func(A, B, C, D, E, F) (R, error) { return fn })
}

// M7 makes a function of 7 arguments from a maker called once per batch.
func M7[A, B, C, D, E, F, G, R any](mk func(c *expr.CallCtx) func(A, B, C, D, E, F, G) (R, error)) Fn {
	return func(ctx *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
		fn := mk(ctx)
		a := Reader[A](&args[0])
		b := Reader[B](&args[1])
		c := Reader[C](&args[2])
		d := Reader[D](&args[3])
		e := Reader[E](&args[4])
		f := Reader[F](&args[5])
		g := Reader[G](&args[6])
		return run(ctx, func(i int) (R, error) { return fn(a(i), b(i), c(i), d(i), e(i), f(i), g(i)) })
	}
}

// E7 makes a function of 7 arguments that may fail.
func E7[A, B, C, D, E, F, G, R any](fn func(A, B, C, D, E, F, G) (R, error)) Fn {
	return M7(func(*expr.CallCtx) func(A, B, C, D, E, F, G) (R, error) { return fn })
}

// Rows makes a function over all its arguments at once, as Datums (views: byte
// forms are not copied), for functions of any number of arguments. The slice is
// reused from row to row.
func Rows[R any](mk func(c *expr.CallCtx) func(args []types.Datum) (R, error)) Fn {
	return func(c *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
		fn := mk(c)
		row := make([]types.Datum, len(args))
		return run(c, func(i int) (R, error) {
			for k := range args {
				row[k] = View(&args[k], i)
			}
			return fn(row)
		})
	}
}

// Append1 makes a function of one byte form that appends its result to dst.
func Append1(fn func(dst []byte, a string) ([]byte, error)) Fn {
	return func(c *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
		o := NewOut(c.T.Layout(), c.N)
		for k := range c.Rows() {
			i := c.Row(k)
			buf, err := fn(o.Begin(i), String(args[0].Bytes(i)))
			if err == Null {
				o.SetNull(i)
				continue
			}
			if err != nil {
				return vec.Vec{}, err
			}
			o.End(i, buf)
		}
		return o.Vec(), nil
	}
}
