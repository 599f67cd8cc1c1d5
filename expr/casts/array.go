package casts

import (
	"streamdb/expr"
	"streamdb/expr/kernel"
	"streamdb/internal/sqlerr"
	"streamdb/types"
	"streamdb/vec"
)

// arrayCasts lists the casts of arrays and rows, element by element (the element
// casts follow from the call's types), and of the catalog's vectors.
func arrayCasts() []*expr.Def {
	array := cast(types.Array, types.Array, expr.CastImplicit, castElements)
	session := cast(types.Array, types.Array, expr.CastImplicit, castElements)
	session.Name, session.Doc = arrayStableName, "Conversion of every element, by the session's settings"
	record := cast(types.Record, types.Record, expr.CastImplicit, castFields)
	array.Name, array.Doc = arrayName, "Conversion of every element"
	record.Name, record.Doc = recordName, "Conversion of every field"
	return []*expr.Def{
		array, stable(session), stable(record),
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
	o := kernel.NewOut(types.LBytes, c.N)
	from, _ := c.Args[0].ElemType()
	to, _ := c.T.ElemType()
	for k := range c.Rows() {
		i := c.Row(k)
		a := types.DecodeArray(from, args[0].Bytes(i))
		var err error
		for j, e := range a.Elems {
			if a.Elems[j], err = castDatum(c, e, from, to); err != nil {
				return vec.Vec{}, err
			}
		}
		o.End(i, types.AppendArray(o.Begin(i), to, a))
	}
	return o.Vec(), nil
}

func castFields(c *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
	o := kernel.NewOut(types.LBytes, c.N)
	from, to := c.Args[0].Fields, c.T.Fields
	for k := range c.Rows() {
		i := c.Row(k)
		vals := types.DecodeRecord(c.Args[0], args[0].Bytes(i))
		if len(vals) != len(to) {
			return vec.Vec{}, errNoCast(c.Args[0], c.T)
		}
		var err error
		for j, v := range vals {
			if vals[j], err = castDatum(c, v, from[j].Type, to[j].Type); err != nil {
				return vec.Vec{}, err
			}
		}
		o.SetDatum(i, types.EncodeRecord(c.T, vals))
	}
	return o.Vec(), nil
}

func errNoCast(from, to types.T) error {
	return sqlerr.New(sqlerr.CannotCoerce, "cannot cast type %s to %s", from, to)
}
