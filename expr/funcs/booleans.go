package funcs

import (
	"streamdb/expr"
	"streamdb/types"
	"streamdb/vec"
)

// booleans lists NOT and the IS tests. They are Defs with names that are not
// SQL's (is_null, not ..), which the planner binds and expr prints in SQL's form.
func booleans() []*expr.Def {
	test := func(name string, ret func(x, null bool) bool, doc string) *expr.Def {
		return notStrict(&expr.Def{Name: name, Args: ids{tBool}, Ret: tBool, Kind: expr.Operator, Eval: boolTest(ret), Doc: doc})
	}
	return []*expr.Def{
		total(op1("not", tBool, tBool, boolNot, "Negation")),
		notStrict(op1("is_null", tAny, tBool, nullTest(true), "Whether the argument is NULL")),
		notStrict(op1("is_not_null", tAny, tBool, nullTest(false), "Whether the argument is not NULL")),
		test("is_true", func(x, null bool) bool { return x && !null }, "Whether the argument is TRUE"),
		test("is_not_true", func(x, null bool) bool { return !x || null }, "Whether the argument is FALSE or NULL"),
		test("is_false", func(x, null bool) bool { return !x && !null }, "Whether the argument is FALSE"),
		test("is_not_false", func(x, null bool) bool { return x || null }, "Whether the argument is TRUE or NULL"),
		test("is_unknown", func(_, null bool) bool { return null }, "Whether a boolean is NULL"),
		test("is_not_unknown", func(_, null bool) bool { return !null }, "Whether a boolean is not NULL"),
		distinct("is_distinct_from", true),
		distinct("is_not_distinct_from", false),
		{Name: "nullif", Args: ids{tAny, tAny}, Poly: true, NotStrict: true, Eval: nullIf,
			RetOf: func(a []types.T) types.T { return a[0] }, Doc: "NULL if the arguments are equal, else the first"},
	}
}

func boolNot(c *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
	out := make([]bool, c.N)
	x, m := args[0].Bool, args[0].Mask()
	for k := range c.Rows() {
		i := c.Row(k)
		out[i] = !x[i&m]
	}
	return vec.Bools(out), nil
}

// nullTest tests values; a row value IS NULL when all its fields are NULL and
// IS NOT NULL when none is.
func nullTest(want bool) evalFn {
	return func(c *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
		a := &args[0]
		if c.Args[0].ID == types.Record {
			return recordNullTest(c, a, want), nil
		}
		if a.Valid == nil {
			return vec.ConstOf(types.LBool, types.BoolDatum(!want), c.N), nil
		}
		out := make([]bool, c.N)
		for k := range c.Rows() {
			i := c.Row(k)
			out[i] = a.Null(i) == want
		}
		return vec.Bools(out), nil
	}
}

func boolTest(f func(x, null bool) bool) evalFn {
	return func(c *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
		out := make([]bool, c.N)
		a, m := &args[0], args[0].Mask()
		for k := range c.Rows() {
			i := c.Row(k)
			out[i] = f(a.Bool[i&m], a.Null(i))
		}
		return vec.Bools(out), nil
	}
}

// distinct makes IS [NOT] DISTINCT FROM over two values of one type.
func distinct(name string, want bool) *expr.Def {
	return &expr.Def{Name: name, Args: ids{tAny, tAny}, Ret: tBool, Poly: true, Kind: expr.Operator, NotStrict: true,
		Eval: func(c *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
			out := make([]bool, c.N)
			same := sameValue(c.Args[0], &args[0], &args[1])
			for k := range c.Rows() {
				i := c.Row(k)
				out[i] = same(i) != want
			}
			return vec.Bools(out), nil
		}, Doc: "Comparison that treats NULL as a value"}
}

// sameValue compares row by row; two NULLs are the same.
func sameValue(t types.T, a, b *vec.Vec) func(i int) bool {
	equal := valueEqual(t, a, b)
	return func(i int) bool {
		an, bn := a.Null(i), b.Null(i)
		if an || bn {
			return an && bn
		}
		return equal(i)
	}
}

// valueEqual compares rows that are not NULL.
func valueEqual(t types.T, a, b *vec.Vec) func(i int) bool {
	ma, mb := a.Mask(), b.Mask()
	switch t.Layout() {
	case types.LBool:
		return func(i int) bool { return a.Bool[i&ma] == b.Bool[i&mb] }
	case types.LInt64:
		return func(i int) bool { return a.I64[i&ma] == b.I64[i&mb] }
	case types.LFloat64:
		return func(i int) bool { return floatEqual(a.F64[i&ma], b.F64[i&mb]) }
	}
	switch t.ID {
	case types.Text, types.Bytea, types.Name, types.Char, types.Unknown:
		return func(i int) bool { return string(a.Bytes(i)) == string(b.Bytes(i)) }
	}
	return func(i int) bool { return types.Compare(t, a.Datum(i), b.Datum(i)) == 0 }
}

func nullIf(c *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
	a, b := &args[0], &args[1]
	equal := valueEqual(c.Args[0], a, b)
	out := *a
	if out.Const && !b.Const {
		out = out.Dense()
	}
	n := c.N
	if out.Const {
		n = 1
	}
	valid := make([]byte, (n+7)>>3)
	for k := range c.Rows() {
		i := c.Row(k)
		if !a.Null(i) && (b.Null(i) || !equal(i)) {
			valid[i>>3] |= 1 << (i & 7)
		}
	}
	out.Valid = valid
	return out, nil
}
