package aggs

import (
	"streamdb/expr"
	"streamdb/internal/sqlerr"
	"streamdb/types"
	"streamdb/vec"
)

// multi makes a Def whose result comes from the group's rows.
func multi(name string, args []types.ID, ret types.ID, final func(ctx *expr.Ctx, args []types.T, cols []vec.Vec, n int) (types.Datum, error), doc string) *Def {
	return &Def{Def: expr.Def{Name: name, Args: args, Ret: ret, Doc: doc}, NeedsMultiset: true, Ordered: true, Final: final}
}

// collections lists the aggregates that gather values in order.
func collections() []*Def {
	any1 := []types.ID{types.Unknown}
	arrayOf := func(args []types.T) types.T { return types.ArrayOf(args[0]) }
	same := func(args []types.T) types.T { return args[0] }
	agg := multi("array_agg", any1, types.Array, arrayAgg, "Array of the values, NULLs included")
	agg.NotStrict, agg.RetOf, agg.NonArray = true, arrayOf, true
	nested := multi("array_agg", []types.ID{types.Array}, types.Array, arrayAggNested, "Array of one more dimension")
	nested.NotStrict, nested.RetOf = true, same
	first := multi("first_value", any1, types.Unknown, nth(true), "Value of the first row")
	last := multi("last_value", any1, types.Unknown, nth(false), "Value of the last row")
	first.NotStrict, first.RetOf, last.NotStrict, last.RetOf = true, same, true, same
	str := multi("string_agg", []types.ID{types.Text, types.Text}, types.Text, stringAgg, "Values joined by a separator")
	bin := multi("string_agg", []types.ID{types.Bytea, types.Bytea}, types.Bytea, stringAgg, "Values joined by a separator")
	str.NotStrict, bin.NotStrict = true, true // a NULL separator counts as empty
	ja := multi("jsonb_agg", any1, types.Jsonb, jsonbAgg, "JSON array of the values")
	jo := multi("jsonb_object_agg", []types.ID{types.Unknown, types.Unknown}, types.Jsonb, jsonbObjectAgg, "JSON object of names and values")
	ja.NotStrict, jo.NotStrict, ja.Volatile, jo.Volatile = true, true, expr.Stable, expr.Stable
	approx := multi("approx_count_distinct", any1, types.Int8, countDistinct, "Number of different values (exact)")
	approx.Ordered = false
	return []*Def{agg, nested, first, last, str, bin, ja, jo, approx}
}

func arrayAgg(_ *expr.Ctx, args []types.T, cols []vec.Vec, n int) (types.Datum, error) {
	if n == 0 {
		return types.NullDatum, nil
	}
	elems := make([]types.Datum, n)
	for i := range n {
		elems[i] = cols[0].Datum(i)
	}
	return types.OneDim(elems).Datum(args[0]), nil
}

// arrayAggNested joins arrays of equal dimensions into one of one more.
func arrayAggNested(_ *expr.Ctx, args []types.T, cols []vec.Vec, n int) (types.Datum, error) {
	if n == 0 {
		return types.NullDatum, nil
	}
	elem, _ := args[0].ElemType()
	var out types.ArrayValue
	for i := range n {
		if cols[0].Null(i) {
			return types.NullDatum, sqlerr.New(sqlerr.NullValueNotAllowed, "cannot accumulate null arrays")
		}
		a := types.DecodeArray(elem, cols[0].Bytes(i))
		switch {
		case len(a.Dims) == 0:
			return types.NullDatum, sqlerr.New("2202E", "cannot accumulate empty arrays")
		case i == 0:
			out.Dims = append([]int{n}, a.Dims...)
		case !sameDims(out.Dims[1:], a.Dims):
			return types.NullDatum, sqlerr.New("2202E", "cannot accumulate arrays of different dimensionality")
		}
		out.Elems = append(out.Elems, a.Elems...)
	}
	return out.Datum(elem), nil
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

func nth(first bool) func(*expr.Ctx, []types.T, []vec.Vec, int) (types.Datum, error) {
	return func(_ *expr.Ctx, _ []types.T, cols []vec.Vec, n int) (types.Datum, error) {
		switch {
		case n == 0:
			return types.NullDatum, nil
		case first:
			return cols[0].Datum(0), nil
		}
		return cols[0].Datum(n - 1), nil
	}
}

// stringAgg joins values that are not NULL; each value but the first is preceded
// by its own row's separator.
func stringAgg(_ *expr.Ctx, _ []types.T, cols []vec.Vec, n int) (types.Datum, error) {
	var out []byte
	any := false
	for i := range n {
		if cols[0].Null(i) {
			continue
		}
		if any && !cols[1].Null(i) {
			out = append(out, cols[1].Bytes(i)...)
		}
		any = true
		out = append(out, cols[0].Bytes(i)...)
	}
	if !any {
		return types.NullDatum, nil
	}
	return types.BytesDatum(string(out)), nil
}

func countDistinct(_ *expr.Ctx, args []types.T, cols []vec.Vec, n int) (types.Datum, error) {
	seen := map[string]struct{}{}
	var key []byte
	for i := range n {
		if !cols[0].Null(i) {
			key = types.AppendKey(key[:0], args[0], cols[0].Datum(i), false, false)
			seen[string(key)] = struct{}{}
		}
	}
	return types.IntDatum(int64(len(seen))), nil
}
