package funcs

import (
	"slices"

	"streamdb/expr"
	"streamdb/expr/kernel"
	"streamdb/internal/sqlerr"
	"streamdb/types"
)

// arrayOrderFuncs lists the functions over an array as a list of values. Of
// those, array_sort and array_reverse are Postgres 18's; array_min, array_max,
// array_distinct and array_join are those of other stream databases.
func arrayOrderFuncs() []*expr.Def {
	extreme := func(name string, sign int, doc string) *expr.Def {
		d := arr(name, ids{tArr}, tAny, func(elem types.T) func(arrayValue, []types.Datum) (types.Datum, error) {
			return func(a arrayValue, _ []types.Datum) (types.Datum, error) {
				best := types.NullDatum
				for _, x := range a.Elems {
					if !x.Null && (best.Null || sign*types.Compare(elem, x, best) > 0) {
						best = x
					}
				}
				return best, nil
			}
		}, doc)
		d.RetOf = elemType
		return d
	}
	join := stable(arr("array_join", ids{tArr, tText}, tText, arrayToString, "Elements joined by a separator"))
	joinNull := stable(notStrict(fn("array_join", ids{tArr, tText, tText}, tText, kernel.Rows(arrayToStringNull), "Elements joined by a separator, NULLs replaced")))
	fill := notStrict(fn("array_fill", ids{tAny, tArr}, tArr, kernel.Rows(arrayFill), "Array of one value, with the given lengths"))
	fill.RetOf = func(args []types.T) types.T { return arrayType(args) }
	return []*expr.Def{
		retFirst(arr("array_sort", ids{tArr}, tArr, arraySort, "Elements in ascending order, NULLs last")),
		retFirst(arr("array_reverse", ids{tArr}, tArr, arrayReverse, "Elements in reverse order")),
		retFirst(arr("array_distinct", ids{tArr}, tArr, arrayDistinct, "Each element once, where it is first")),
		extreme("array_max", 1, "Greatest element that is not NULL"),
		extreme("array_min", -1, "Least element that is not NULL"),
		join, joinNull, fill,
	}
}

// rowsOf splits an array at its first dimension.
func rowsOf(a arrayValue) [][]types.Datum {
	if len(a.Dims) == 0 || a.Dims[0] == 0 {
		return nil
	}
	width := len(a.Elems) / a.Dims[0]
	out := make([][]types.Datum, 0, a.Dims[0])
	for i := 0; i < len(a.Elems); i += width {
		out = append(out, a.Elems[i:i+width])
	}
	return out
}

func compareNullsLast(elem types.T, a, b types.Datum) int {
	switch {
	case a.Null && b.Null:
		return 0
	case a.Null:
		return 1
	case b.Null:
		return -1
	}
	return types.Compare(elem, a, b)
}

func arraySort(elem types.T) func(arrayValue, []types.Datum) (types.Datum, error) {
	return func(a arrayValue, _ []types.Datum) (types.Datum, error) {
		rows := rowsOf(a)
		slices.SortStableFunc(rows, func(x, y []types.Datum) int {
			return slices.CompareFunc(x, y, func(p, q types.Datum) int { return compareNullsLast(elem, p, q) })
		})
		return arrayValue{Dims: a.Dims, Elems: slices.Concat(rows...)}.Datum(elem), nil
	}
}

func arrayReverse(elem types.T) func(arrayValue, []types.Datum) (types.Datum, error) {
	return func(a arrayValue, _ []types.Datum) (types.Datum, error) {
		rows := rowsOf(a)
		slices.Reverse(rows)
		return arrayValue{Dims: a.Dims, Elems: slices.Concat(rows...)}.Datum(elem), nil
	}
}

func arrayDistinct(elem types.T) func(arrayValue, []types.Datum) (types.Datum, error) {
	return func(a arrayValue, _ []types.Datum) (types.Datum, error) {
		if len(a.Dims) > 1 {
			return types.NullDatum, sqlerr.Unsupported("array_distinct of a multidimensional array")
		}
		order := make([]int, len(a.Elems))
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(i, j int) int { return compareNullsLast(elem, a.Elems[i], a.Elems[j]) })
		first := make([]bool, len(a.Elems))
		for k, i := range order {
			first[i] = k == 0 || compareNullsLast(elem, a.Elems[order[k-1]], a.Elems[i]) != 0
		}
		var out []types.Datum
		for i, x := range a.Elems {
			if first[i] {
				out = append(out, x)
			}
		}
		return types.OneDim(out).Datum(elem), nil
	}
}

// arrayFillMax is Postgres's limit to the elements of an array.
const arrayFillMax = 134217727

func arrayFill(c *expr.CallCtx) func([]types.Datum) (types.Datum, error) {
	elem, lengths := c.Args[0], elemOf(c, 1)
	return func(r []types.Datum) (types.Datum, error) {
		if r[1].Null {
			return r[1], sqlerr.New("22004", "dimension array or low bound array cannot be null")
		}
		if lengths.ID != tI4 && lengths.ID != types.Int2 {
			return r[1], sqlerr.New("42883", "function array_fill(%s, %s[]) does not exist", elem, lengths)
		}
		var out arrayValue
		dims, n := types.DecodeArray(lengths, kernel.Bytes(r[1].S)), int64(1)
		for _, d := range dims.Elems {
			if d.Null {
				return d, sqlerr.New("22004", "dimension values cannot be null")
			}
			n *= d.I
			if d.I < 0 || n > arrayFillMax {
				return d, sqlerr.New("54000", "array size exceeds the maximum allowed (%d)", arrayFillMax)
			}
			out.Dims = append(out.Dims, int(d.I))
		}
		if n == 0 || len(out.Dims) == 0 {
			return arrayValue{}.Datum(elem), nil
		}
		out.Elems = slices.Repeat([]types.Datum{r[0]}, int(n))
		return out.Datum(elem), nil
	}
}
