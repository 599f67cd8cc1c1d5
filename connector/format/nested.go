package format

import (
	"github.com/valyala/fastjson"

	"streamdb/internal/sqlerr"
	"streamdb/types"
)

// datumOf converts a parsed JSON value to a SQL value: arrays from arrays (of
// scalars), records from objects, the rest from their text.
func datumOf(t types.T, v *fastjson.Value) (types.Datum, error) {
	if v.Type() == fastjson.TypeNull {
		return types.NullDatum, nil
	}
	switch t.ID {
	case types.Jsonb:
		b, err := types.ParseJsonb(v.String())
		return types.BytesDatum(string(b)), err
	case types.Array:
		return arrayOf(t, v)
	case types.Record:
		o, err := v.Object()
		if err != nil {
			return types.Datum{}, sqlerr.New(sqlerr.DatatypeMismatch, "a record needs an object, not %s", v.Type())
		}
		vals := make([]types.Datum, len(t.Fields))
		for i, f := range t.Fields {
			vals[i] = types.NullDatum
			if x := o.Get(f.Name); x != nil {
				if vals[i], err = datumOf(f.Type, x); err != nil {
					return types.Datum{}, err
				}
			}
		}
		return types.EncodeRecord(t, vals), nil
	}
	switch v.Type() {
	case fastjson.TypeString:
		s := v.GetStringBytes()
		if err := validText(s); err != nil {
			return types.Datum{}, err
		}
		return types.ParseText(t, string(s), nil)
	case fastjson.TypeObject, fastjson.TypeArray:
		if t.ID != types.Text {
			return types.Datum{}, sqlerr.New(sqlerr.DatatypeMismatch, "type %s has no value %s", t, v.Type())
		}
	}
	return types.ParseText(t, v.String(), nil)
}

func arrayOf(t types.T, v *fastjson.Value) (types.Datum, error) {
	items, err := v.Array()
	if err != nil {
		return types.Datum{}, sqlerr.New(sqlerr.DatatypeMismatch, "an array needs a JSON array, not %s", v.Type())
	}
	elems := make([]types.Datum, len(items))
	for i, x := range items {
		if x.Type() == fastjson.TypeArray && t.Elem.ID != types.Jsonb {
			return types.Datum{}, sqlerr.Unsupported("a JSON array inside an array of %s", t.Elem)
		}
		if elems[i], err = datumOf(*t.Elem, x); err != nil {
			return types.Datum{}, err
		}
	}
	return types.BytesDatum(string(types.AppendArray(nil, *t.Elem, types.OneDim(elems)))), nil
}
