package casts

import (
	"streamdb/expr"
	"streamdb/expr/kernel"
	"streamdb/internal/sqlerr"
	"streamdb/types"
)

// jsonCasts lists the casts of jsonb to scalars.
func jsonCasts() []*expr.Def {
	out := []*expr.Def{cast(types.Jsonb, types.Bool, expr.CastExplicit, kernel.E1(func(s string) (bool, error) {
		if types.JsonbKind(kernel.Bytes(s)) != types.JsonBool {
			return false, errJsonCast(s, types.Of(types.Bool))
		}
		return s == "true", nil
	}))}
	number := func(to types.ID) func(s string) (types.Decimal, error) {
		return func(s string) (types.Decimal, error) {
			if types.JsonbKind(kernel.Bytes(s)) != types.JsonNumber {
				return types.Decimal{}, errJsonCast(s, types.Of(to))
			}
			return types.ParseDecimal(s)
		}
	}
	out = append(out, cast(types.Jsonb, types.Numeric, expr.CastExplicit, kernel.E1(number(types.Numeric))))
	for _, to := range []types.ID{types.Int2, types.Int4, types.Int8} {
		out = append(out, cast(types.Jsonb, to, expr.CastExplicit, kernel.E1(func(s string) (int64, error) {
			d, err := number(to)(s)
			if err != nil {
				return 0, err
			}
			return d.ToInt(to)
		})))
	}
	for _, to := range []types.ID{types.Float4, types.Float8} {
		out = append(out, cast(types.Jsonb, to, expr.CastExplicit, kernel.E1(func(s string) (float64, error) {
			d, err := number(to)(s)
			if err != nil {
				return 0, err
			}
			return d.ToFloat(to)
		})))
	}
	return out
}

func errJsonCast(s string, to types.T) error {
	kind := types.JsonbKind(kernel.Bytes(s)).String()
	if kind == "number" {
		kind = "numeric"
	}
	if kind == "array" || kind == "object" {
		kind = "array or object"
	}
	return sqlerr.New(sqlerr.InvalidParameterValue, "cannot cast jsonb %s to type %s", kind, to)
}
