package funcs

import (
	"strings"

	"streamdb/expr"
	"streamdb/expr/kernel"
	"streamdb/internal/sqlerr"
	"streamdb/types"
	"streamdb/vec"
)

type arrayValue = types.ArrayValue

// elemOf is the element type of an array argument.
func elemOf(c *expr.CallCtx, i int) types.T {
	t, _ := c.Args[i].ElemType()
	return t
}

func firstType(a []types.T) types.T { return a[0] }

// arr makes a strict function whose first argument is an array of any element
// type; f is made once per batch with that type.
func arr[R any](name string, args ids, ret id, mk func(elem types.T) func(a arrayValue, rest []types.Datum) (R, error), doc string) *expr.Def {
	return fn(name, args, ret, kernel.Rows(func(c *expr.CallCtx) func([]types.Datum) (R, error) {
		elem := elemOf(c, 0)
		f := mk(elem)
		return func(row []types.Datum) (R, error) {
			return f(types.DecodeArray(elem, kernel.Bytes(row[0].S)), row[1:])
		}
	}), doc)
}

func poly(d *expr.Def) *expr.Def { d.Poly = true; return d }

func retFirst(d *expr.Def) *expr.Def { d.RetOf = firstType; return d }

// arrayFuncs lists the constructor, subscripts and sizes of arrays.
func arrayFuncs() []*expr.Def {
	dim := func(name string, f func(n int64) int64, doc string) *expr.Def {
		return arr(name, ids{tArr, tI4}, tI4, func(types.T) func(arrayValue, []types.Datum) (int64, error) {
			return func(a arrayValue, rest []types.Datum) (int64, error) {
				if d := rest[0].I; d >= 1 && d <= int64(len(a.Dims)) {
					return f(int64(a.Dims[d-1])), nil
				}
				return 0, kernel.Null
			}
		}, doc)
	}
	size := func(n int64) int64 { return n }
	construct := &expr.Def{Name: "array", Args: ids{tAny}, Variadic: true, Poly: true, NotStrict: true, Ret: tArr,
		RetOf: arrayType, Eval: kernel.Rows(makeArray), Doc: "Array of the arguments; arrays become one array of one more dimension"}
	empty := &expr.Def{Name: "array", Args: ids{}, NotStrict: true, Ret: tArr,
		RetOf: func([]types.T) types.T { return types.ArrayOf(types.Of(tText)) }, Eval: kernel.Rows(makeArray), Doc: "Empty array; the planner sets its type"}
	sub := notStrict(fn("subscript", ids{tArr, tI4}, tAny, kernel.Rows(subscript), "Element of an array; a[i][j] has two subscripts"))
	sub.Variadic, sub.RetOf, sub.Fuse = true, elemType, fuseSubscript
	slice := retFirst(fn("slice", ids{tArr, tI4, tI4}, tArr, kernel.Rows(arraySlice), "Part of an array: a first and a last position for each dimension"))
	slice.Variadic = true
	json := fn("subscript", ids{tJson, tAny}, tJson, kernel.Rows(jsonSubscript), "Part of a JSON value")
	json.Variadic = true
	return []*expr.Def{
		construct, empty, sub, json,
		dim("array_length", size, "Length of a dimension"),
		dim("array_upper", size, "Upper bound of a dimension"),
		dim("array_lower", func(int64) int64 { return 1 }, "Lower bound of a dimension"),
		arr("cardinality", ids{tArr}, tI4, func(types.T) func(arrayValue, []types.Datum) (int64, error) {
			return func(a arrayValue, _ []types.Datum) (int64, error) { return int64(len(a.Elems)), nil }
		}, "Number of elements"),
		arr("array_ndims", ids{tArr}, tI4, func(types.T) func(arrayValue, []types.Datum) (int64, error) {
			return func(a arrayValue, _ []types.Datum) (int64, error) {
				if len(a.Dims) == 0 {
					return 0, kernel.Null
				}
				return int64(len(a.Dims)), nil
			}
		}, "Number of dimensions"),
		arr("array_dims", ids{tArr}, tText, func(types.T) func(arrayValue, []types.Datum) (string, error) {
			return func(a arrayValue, _ []types.Datum) (string, error) {
				if len(a.Dims) == 0 {
					return "", kernel.Null
				}
				s := ""
				for _, d := range a.Dims {
					s += "[1:" + itoa(d) + "]"
				}
				return s, nil
			}
		}, "Bounds of the dimensions as text"),
		slice,
	}
}

// arrayType is the type of ARRAY[..]: arrays nest into the same type.
func arrayType(args []types.T) types.T {
	if args[0].ID == types.Array {
		return args[0]
	}
	return types.ArrayOf(args[0])
}

func elemType(args []types.T) types.T {
	t, _ := args[0].ElemType()
	return t
}

func makeArray(c *expr.CallCtx) func([]types.Datum) (types.Datum, error) {
	elem, _ := c.T.ElemType()
	if len(c.Args) == 0 || c.Args[0].ID != types.Array {
		return func(row []types.Datum) (types.Datum, error) { return types.OneDim(row).Datum(elem), nil }
	}
	return func(row []types.Datum) (types.Datum, error) {
		out := arrayValue{}
		for i, d := range row {
			a := arrayValue{}
			if !d.Null {
				a = types.DecodeArray(elem, kernel.Bytes(d.S))
			}
			if i == 0 {
				out.Dims = append([]int{len(row)}, a.Dims...)
			}
			if !sameDims(out.Dims[1:], a.Dims) {
				return types.NullDatum, sqlerr.New("2202E", "multidimensional arrays must have array expressions with matching dimensions")
			}
			out.Elems = append(out.Elems, a.Elems...)
		}
		if len(out.Elems) == 0 {
			out.Dims = nil
		}
		return out.Datum(elem), nil
	}
}

func sameDims(a, b []int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func subscript(c *expr.CallCtx) func([]types.Datum) (types.Datum, error) {
	elem := elemOf(c, 0)
	zeroBased := c.Args[0].ID == types.Int2Vector || c.Args[0].ID == types.OIDVector
	return func(row []types.Datum) (types.Datum, error) {
		for _, d := range row {
			if d.Null {
				return types.NullDatum, nil
			}
		}
		a := types.DecodeArray(elem, kernel.Bytes(row[0].S))
		if len(a.Dims) != len(row)-1 {
			return types.NullDatum, nil
		}
		at := 0
		for k, n := range a.Dims {
			i := row[k+1].I
			if zeroBased {
				i++
			}
			if i < 1 || i > int64(n) {
				return types.NullDatum, nil
			}
			at = at*n + int(i-1)
		}
		return a.Elems[at], nil
	}
}

// arraySlice keeps the part of an array between two bounds in each of the first
// dimensions, and the others whole. More bounds than dimensions give nothing.
func arraySlice(c *expr.CallCtx) func([]types.Datum) (types.Datum, error) {
	elem := elemOf(c, 0)
	return func(row []types.Datum) (types.Datum, error) {
		a := types.DecodeArray(elem, kernel.Bytes(row[0].S))
		bounds := row[1:]
		if len(bounds) > 2*len(a.Dims) {
			return arrayValue{}.Datum(elem), nil
		}
		for d := 0; 2*d < len(bounds); d++ {
			lo, hi := max(1, bounds[2*d].I), min(int64(a.Dims[d]), bounds[2*d+1].I)
			if lo > hi {
				return arrayValue{}.Datum(elem), nil
			}
			a = cut(a, d, int(lo), int(hi))
		}
		return a.Datum(elem), nil
	}
}

// cut keeps positions lo to hi, from 1 on, of dimension d.
func cut(a arrayValue, d, lo, hi int) arrayValue {
	inner := 1
	for _, n := range a.Dims[d+1:] {
		inner *= n
	}
	block := a.Dims[d] * inner
	var elems []types.Datum
	for at := 0; at < len(a.Elems); at += block {
		elems = append(elems, a.Elems[at+(lo-1)*inner:at+hi*inner]...)
	}
	dims := append([]int{}, a.Dims...)
	dims[d] = hi - lo + 1
	return arrayValue{Dims: dims, Elems: elems}
}

// quantified lists x op ANY (array) and x op ALL (array) for the comparisons and
// pattern matches, named "= any", "~~ all" and so on.
func quantified() []*expr.Def {
	var out []*expr.Def
	for op := opEQ; op <= opGE; op++ {
		for _, all := range []bool{false, true} {
			name := cmpNames[op] + " any"
			if all {
				name = cmpNames[op] + " all"
			}
			out = append(out, poly(&expr.Def{Name: name, Args: ids{tAny, tArr}, Ret: tBool, Kind: expr.Operator, NotStrict: true,
				Eval: quantify(all, func(t types.T) func(a, b types.Datum) (bool, error) {
					return func(a, b types.Datum) (bool, error) { return op.holds(types.Compare(t, a, b)), nil }
				}), Doc: "Comparison with the elements of an array"}))
		}
	}
	for _, m := range []struct {
		name       string
		fold, want bool
	}{{"~~", false, true}, {"!~~", false, false}, {"~~*", true, true}, {"!~~*", true, false}} {
		out = append(out, quantifiedMatch(m.name, func() func(s, p string) (bool, error) {
			var c likeCache
			return func(s, p string) (bool, error) {
				ok, err := c.match(s, p, m.fold)
				return ok == m.want, err
			}
		})...)
	}
	for _, m := range []struct {
		name, flags string
		want        bool
	}{{"~", "", true}, {"!~", "", false}, {"~*", "i", true}, {"!~*", "i", false}} {
		out = append(out, quantifiedMatch(m.name, func() func(s, p string) (bool, error) {
			var c regexCache
			return func(s, p string) (bool, error) {
				re, err := c.get(p, m.flags)
				if err != nil {
					return false, err
				}
				return re.MatchString(s) == m.want, nil
			}
		})...)
	}
	return out
}

func quantifiedMatch(op string, mk func() func(s, p string) (bool, error)) []*expr.Def {
	var out []*expr.Def
	for _, all := range []bool{false, true} {
		name := op + " any"
		if all {
			name = op + " all"
		}
		out = append(out, &expr.Def{Name: name, Args: ids{tText, tArr}, Elem: tText, Ret: tBool, Kind: expr.Operator, NotStrict: true,
			Eval: quantify(all, func(types.T) func(a, b types.Datum) (bool, error) {
				f := mk()
				return func(a, b types.Datum) (bool, error) { return f(a.S, b.S) }
			}), Doc: "Match with the elements of an array"})
	}
	return out
}

// quantify is three-valued: ANY is TRUE if any comparison is, else NULL if any
// is, else FALSE; ALL the other way round. A constant array is decoded once.
func quantify(all bool, mk func(t types.T) func(a, b types.Datum) (bool, error)) evalFn {
	return func(c *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
		o := kernel.NewOut(types.LBool, c.N)
		elem := elemOf(c, 1)
		f := mk(elem)
		var fixed arrayValue
		if args[1].Const && !args[1].Null(0) {
			fixed = types.DecodeArray(elem, args[1].Bytes(0))
		}
		for k := range c.Rows() {
			i := c.Row(k)
			if args[1].Null(i) {
				o.SetNull(i)
				continue
			}
			a := fixed
			if !args[1].Const {
				a = types.DecodeArray(elem, args[1].Bytes(i))
			}
			x := kernel.View(&args[0], i)
			null, decided := false, false
			for _, e := range a.Elems {
				if x.Null || e.Null {
					null = true
					continue
				}
				ok, err := f(x, e)
				if err != nil {
					return vec.Vec{}, err
				}
				if ok != all {
					decided = true
					break
				}
			}
			switch {
			case decided:
				o.SetDatum(i, types.BoolDatum(!all))
			case null:
				o.SetNull(i)
			default:
				o.SetDatum(i, types.BoolDatum(all))
			}
		}
		return o.Vec(), nil
	}
}

func joinArray(elem types.T, elems []types.Datum, sep string, null types.Datum, env *types.Env) string {
	var b strings.Builder
	first := true
	for _, e := range elems {
		if e.Null && null.Null {
			continue
		}
		if !first {
			b.WriteString(sep)
		}
		first = false
		if e.Null {
			b.WriteString(null.S)
		} else {
			b.Write(types.AppendText(nil, elem, e, env))
		}
	}
	return b.String()
}
