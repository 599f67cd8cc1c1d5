package casts

import (
	"streamdb/expr"
	"streamdb/internal/sqlerr"
	"streamdb/types"
	"streamdb/vec"
)

// arrayCast casts arrays and recordCast rows, element by element; the element
// casts follow from the call's types.
var (
	arrayCast  = &expr.Def{Name: "cast_elements", Args: []types.ID{types.Array}, Ret: types.Array, Kind: expr.CastImplicit, Volatile: expr.Stable, Eval: castElements, Doc: "Conversion of every element"}
	recordCast = &expr.Def{Name: "cast_fields", Args: []types.ID{types.Record}, Ret: types.Record, Kind: expr.CastImplicit, Volatile: expr.Stable, Eval: castFields, Doc: "Conversion of every field"}
)

func arrayCasts() []*expr.Def {
	return []*expr.Def{
		arrayCast, recordCast,
		cast(types.Int2Vector, types.Array, expr.CastImplicit, identity),
		cast(types.OIDVector, types.Array, expr.CastImplicit, identity),
	}
}

// castDatum converts one value; NULL stays NULL.
func castDatum(c *expr.CallCtx, d types.Datum, from, to types.T) (types.Datum, error) {
	if d.Null || from.SameKind(to) {
		return d, nil
	}
	def, ok := Find(from, to, Explicit)
	if !ok {
		return d, errNoCast(from, to)
	}
	v, err := def.Eval(&expr.CallCtx{Ctx: c.Ctx, N: 1, Args: []types.T{from}, T: to}, []vec.Vec{vec.ConstOf(from.Layout(), d, 1)})
	if err != nil {
		return d, err
	}
	return v.Datum(0), nil
}

func castElements(c *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
	return vec.Vec{}, sqlerr.Unsupported("array cast")
}

func castFields(c *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
	return vec.Vec{}, sqlerr.Unsupported("record cast")
}

func errNoCast(from, to types.T) error {
	return sqlerr.New(sqlerr.CannotCoerce, "cannot cast type %s to %s", from, to)
}
