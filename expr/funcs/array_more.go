package funcs

import (
	"strings"
	"unicode/utf8"

	"streamdb/expr"
	"streamdb/expr/kernel"
	"streamdb/internal/sqlerr"
	"streamdb/types"
)

// arrayMoreFuncs lists the functions that build and search arrays.
func arrayMoreFuncs() []*expr.Def {
	textArr := func(d *expr.Def) *expr.Def { d.Elem = tText; return d }
	app := notStrict(poly(retArray(fn("array_append", ids{tArr, tAny}, tArr, kernel.Rows(arrayAppend(false)), "Element added at the end"), 0)))
	pre := notStrict(poly(retArray(fn("array_prepend", ids{tAny, tArr}, tArr, kernel.Rows(arrayAppend(true)), "Element added at the start"), 1)))
	cat := notStrict(poly(retArray(fn("array_cat", ids{tArr, tArr}, tArr, kernel.Rows(arrayCat), "Arrays joined"), 0)))
	operator := func(d *expr.Def) *expr.Def {
		o := *d
		o.Name, o.Kind = "||", expr.Operator
		return &o
	}
	rel := func(name string, f func(t types.T, a, b []types.Datum) bool, doc string) *expr.Def {
		return poly(op2(name, tArr, tArr, tBool, kernel.Rows(func(c *expr.CallCtx) func([]types.Datum) (bool, error) {
			elem := elemOf(c, 0)
			return func(r []types.Datum) (bool, error) {
				a, b := types.DecodeArray(elem, kernel.Bytes(r[0].S)), types.DecodeArray(elem, kernel.Bytes(r[1].S))
				return f(elem, a.Elems, b.Elems), nil
			}
		}), doc))
	}
	positions := notStrict(poly(fn("array_positions", ids{tArr, tAny}, tArr, kernel.Rows(arrayPositions), "Positions of a value")))
	positions.RetOf = func([]types.T) types.T { return types.ArrayOf(types.Of(tI4)) }
	pos3 := notStrict(poly(&expr.Def{Name: "array_position", Args: ids{tArr, tAny, tI4}, Ret: tI4, Eval: kernel.Rows(arrayPosition), Doc: "Position of a value from a position on"}))
	out := []*expr.Def{
		app, pre, cat, operator(app), operator(pre), operator(cat),
		rel("@>", contains, "Whether the first array contains every element of the second"),
		rel("<@", func(t types.T, a, b []types.Datum) bool { return contains(t, b, a) }, "Whether every element of the first array is in the second"),
		rel("&&", overlap, "Whether the arrays have an element in common"),
		notStrict(poly(fn("array_position", ids{tArr, tAny}, tI4, kernel.Rows(arrayPosition), "Position of a value"))), pos3, positions,
		notStrict(poly(retFirst(fn("array_remove", ids{tArr, tAny}, tArr, kernel.Rows(arrayReplace), "Without the elements equal to a value")))),
		notStrict(poly(retFirst(fn("array_replace", ids{tArr, tAny, tAny}, tArr, kernel.Rows(arrayReplace), "Elements equal to a value replaced")))),
		retFirst(arr("trim_array", ids{tArr, tI4}, tArr, trimArray, "Without the last n elements")),
		stable(arr("array_to_string", ids{tArr, tText}, tText, arrayToString, "Elements joined by a separator")),
		stable(notStrict(fn("array_to_string", ids{tArr, tText, tText}, tText, kernel.Rows(arrayToStringNull), "Elements joined by a separator, NULLs replaced"))),
		textArr(notStrict(fn("string_to_array", ids{tText, tText}, tArr, kernel.Rows(stringToArray), "Text split at a separator"))),
		textArr(notStrict(fn("string_to_array", ids{tText, tText, tText}, tArr, kernel.Rows(stringToArray), "Text split at a separator, a given text being NULL"))),
	}
	return append(append(out, quantified()...), recordFuncs()...)
}

func retArray(d *expr.Def, i int) *expr.Def {
	d.RetOf = func(a []types.T) types.T { return a[i] }
	return d
}

func arrayAppend(front bool) func(c *expr.CallCtx) func([]types.Datum) (types.Datum, error) {
	return func(c *expr.CallCtx) func([]types.Datum) (types.Datum, error) {
		elem, _ := c.T.ElemType()
		return func(r []types.Datum) (types.Datum, error) {
			list, x := r[0], r[1]
			if front {
				list, x = x, list
			}
			var a arrayValue
			if !list.Null {
				a = types.DecodeArray(elem, kernel.Bytes(list.S))
			}
			if len(a.Dims) > 1 {
				return x, sqlerr.New("22000", "argument must be empty or one-dimensional array")
			}
			if front {
				return types.OneDim(append([]types.Datum{x}, a.Elems...)).Datum(elem), nil
			}
			return types.OneDim(append(a.Elems, x)).Datum(elem), nil
		}
	}
}

func arrayCat(c *expr.CallCtx) func([]types.Datum) (types.Datum, error) {
	elem, _ := c.T.ElemType()
	return func(r []types.Datum) (types.Datum, error) {
		switch {
		case r[0].Null:
			return r[1], nil
		case r[1].Null:
			return r[0], nil
		}
		a, b := types.DecodeArray(elem, kernel.Bytes(r[0].S)), types.DecodeArray(elem, kernel.Bytes(r[1].S))
		switch {
		case len(a.Dims) == 0:
			return r[1], nil
		case len(b.Dims) == 0:
			return r[0], nil
		}
		dims := append([]int{}, a.Dims...)
		switch {
		case len(a.Dims) == len(b.Dims) && sameDims(a.Dims[1:], b.Dims[1:]):
			dims[0] += b.Dims[0]
		case len(a.Dims) == len(b.Dims)+1 && sameDims(a.Dims[1:], b.Dims):
			dims[0]++
		case len(b.Dims) == len(a.Dims)+1 && sameDims(b.Dims[1:], a.Dims):
			dims = append([]int{}, b.Dims...)
			dims[0]++
		default:
			return r[0], sqlerr.New("2202E", "cannot concatenate incompatible arrays")
		}
		return arrayValue{Dims: dims, Elems: append(a.Elems, b.Elems...)}.Datum(elem), nil
	}
}

// contains ignores NULLs in b's favour of Postgres: a NULL is contained in nothing.
func contains(t types.T, a, b []types.Datum) bool {
	for _, x := range b {
		if !member(t, a, x) {
			return false
		}
	}
	return true
}

func overlap(t types.T, a, b []types.Datum) bool {
	for _, x := range b {
		if member(t, a, x) {
			return true
		}
	}
	return false
}

func member(t types.T, list []types.Datum, x types.Datum) bool {
	if x.Null {
		return false
	}
	for _, e := range list {
		if !e.Null && types.Compare(t, e, x) == 0 {
			return true
		}
	}
	return false
}

// same is equality that treats NULLs as equal.
func same(t types.T, a, b types.Datum) bool {
	if a.Null || b.Null {
		return a.Null && b.Null
	}
	return types.Compare(t, a, b) == 0
}

func errOneDim(what string) error {
	return sqlerr.Unsupported("%s in multidimensional arrays", what)
}

func arrayPosition(c *expr.CallCtx) func([]types.Datum) (int64, error) {
	elem := elemOf(c, 0)
	return func(r []types.Datum) (int64, error) {
		if r[0].Null {
			return 0, kernel.Null
		}
		a := types.DecodeArray(elem, kernel.Bytes(r[0].S))
		if len(a.Dims) > 1 {
			return 0, errOneDim("searching for elements")
		}
		from := int64(1)
		if len(r) > 2 {
			if r[2].Null {
				return 0, sqlerr.New(sqlerr.NullValueNotAllowed, "initial position must not be null")
			}
			from = max(r[2].I, 1)
		}
		for i := from - 1; i < int64(len(a.Elems)); i++ {
			if same(elem, a.Elems[i], r[1]) {
				return i + 1, nil
			}
		}
		return 0, kernel.Null
	}
}

func arrayPositions(c *expr.CallCtx) func([]types.Datum) (types.Datum, error) {
	elem := elemOf(c, 0)
	return func(r []types.Datum) (types.Datum, error) {
		if r[0].Null {
			return types.NullDatum, nil
		}
		a := types.DecodeArray(elem, kernel.Bytes(r[0].S))
		if len(a.Dims) > 1 {
			return types.NullDatum, errOneDim("searching for elements")
		}
		var out []types.Datum
		for i, e := range a.Elems {
			if same(elem, e, r[1]) {
				out = append(out, types.IntDatum(int64(i+1)))
			}
		}
		return types.OneDim(out).Datum(types.Of(tI4)), nil
	}
}

// arrayReplace replaces (three arguments) or removes (two) the elements equal to the second.
func arrayReplace(c *expr.CallCtx) func([]types.Datum) (types.Datum, error) {
	elem := elemOf(c, 0)
	return func(r []types.Datum) (types.Datum, error) {
		if r[0].Null {
			return r[0], nil
		}
		a := types.DecodeArray(elem, kernel.Bytes(r[0].S))
		if len(r) == 3 {
			for i, e := range a.Elems {
				if same(elem, e, r[1]) {
					a.Elems[i] = r[2]
				}
			}
			return a.Datum(elem), nil
		}
		if len(a.Dims) > 1 {
			return r[0], errOneDim("removing elements")
		}
		var out []types.Datum
		for _, e := range a.Elems {
			if !same(elem, e, r[1]) {
				out = append(out, e)
			}
		}
		return types.OneDim(out).Datum(elem), nil
	}
}

func trimArray(elem types.T) func(a arrayValue, rest []types.Datum) (types.Datum, error) {
	return func(a arrayValue, rest []types.Datum) (types.Datum, error) {
		n := int64(0)
		if len(a.Dims) > 0 {
			n = int64(a.Dims[0])
		}
		cut := rest[0].I
		if cut < 0 || cut > n {
			return types.NullDatum, sqlerr.New("2202E", "number of elements to trim must be between 0 and %d", n)
		}
		if cut == n {
			return arrayValue{}.Datum(elem), nil
		}
		step := len(a.Elems) / int(n)
		dims := append([]int{int(n - cut)}, a.Dims[1:]...)
		return arrayValue{Dims: dims, Elems: a.Elems[:int(n-cut)*step]}.Datum(elem), nil
	}
}

func arrayToString(elem types.T) func(a arrayValue, rest []types.Datum) (string, error) {
	return func(a arrayValue, rest []types.Datum) (string, error) {
		return joinArray(elem, a.Elems, rest[0].S, types.NullDatum, nil), nil
	}
}

func arrayToStringNull(c *expr.CallCtx) func([]types.Datum) (string, error) {
	elem, env := elemOf(c, 0), c.TextEnv()
	return func(r []types.Datum) (string, error) {
		if r[0].Null || r[1].Null {
			return "", kernel.Null
		}
		a := types.DecodeArray(elem, kernel.Bytes(r[0].S))
		return joinArray(elem, a.Elems, r[1].S, r[2], env), nil
	}
}

// stringToArray splits; a NULL separator splits into characters, an empty one not at all.
func stringToArray(*expr.CallCtx) func([]types.Datum) (types.Datum, error) {
	return func(r []types.Datum) (types.Datum, error) {
		if r[0].Null {
			return r[0], nil
		}
		s := r[0].S
		var parts []string
		switch {
		case s == "":
		case r[1].Null:
			for len(s) > 0 {
				_, n := utf8.DecodeRuneInString(s)
				parts = append(parts, s[:n])
				s = s[n:]
			}
		case r[1].S == "":
			parts = []string{s}
		default:
			parts = strings.Split(s, r[1].S)
		}
		elems := make([]types.Datum, len(parts))
		for i, p := range parts {
			if len(r) > 2 && !r[2].Null && p == r[2].S {
				elems[i] = types.NullDatum
			} else {
				elems[i] = types.BytesDatum(p)
			}
		}
		return textArray(elems), nil
	}
}
