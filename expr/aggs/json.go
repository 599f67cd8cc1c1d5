package aggs

import (
	"streamdb/expr"
	"streamdb/expr/funcs"
	"streamdb/types"
	"streamdb/vec"
)

func jsonbAgg(ctx *expr.Ctx, args []types.T, cols []vec.Vec, n int) (types.Datum, error) {
	if n == 0 {
		return types.NullDatum, nil
	}
	env := ctx.TextEnv()
	vals := make([][]byte, n)
	for i := range n {
		vals[i] = funcs.AppendJsonb(nil, args[0], cols[0].Datum(i), env)
	}
	return types.BytesDatum(string(types.AppendJsonArray(nil, vals))), nil
}

func jsonbObjectAgg(ctx *expr.Ctx, args []types.T, cols []vec.Vec, n int) (types.Datum, error) {
	if n == 0 {
		return types.NullDatum, nil
	}
	env := ctx.TextEnv()
	pairs := make([]types.JsonPair, n)
	for i := range n {
		key, err := funcs.JsonKey(args[0], cols[0].Datum(i), env)
		if err != nil {
			return types.NullDatum, err
		}
		pairs[i] = types.JsonPair{Key: key, Value: funcs.AppendJsonb(nil, args[1], cols[1].Datum(i), env)}
	}
	return types.BytesDatum(string(types.AppendJsonObject(nil, pairs))), nil
}
