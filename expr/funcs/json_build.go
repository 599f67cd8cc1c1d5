package funcs

import (
	"math"

	"streamdb/expr"
	"streamdb/expr/kernel"
	"streamdb/internal/sqlerr"
	"streamdb/types"
)

// AppendJsonb appends a value of type t as jsonb, as to_jsonb does: numbers and
// booleans as such, jsonb itself, arrays and rows by their parts, timestamps in
// ISO form with T, everything else as a string of its text form.
func AppendJsonb(dst []byte, t types.T, d types.Datum, env *types.Env) []byte {
	if d.Null {
		return append(dst, "null"...)
	}
	switch t.ID {
	case types.Jsonb:
		return append(dst, d.S...)
	case types.Bool:
		if d.I != 0 {
			return append(dst, "true"...)
		}
		return append(dst, "false"...)
	case types.Int2, types.Int4, types.Int8:
		return types.AppendText(dst, t, d, env)
	case types.Numeric:
		if x := types.DecodeDecimal(kernel.Bytes(d.S)); x.IsFinite() {
			return x.Append(dst)
		}
	case types.Float4, types.Float8:
		if !math.IsNaN(d.F) && !math.IsInf(d.F, 0) {
			x := types.AppendFloat(nil, t.ID, d.F, nil)
			out, err := types.AppendJsonb(dst, string(x)) // 1e+30 is written out
			if err == nil {
				return out
			}
		}
	case types.Array, types.Int2Vector, types.OIDVector:
		elem, _ := t.ElemType()
		a := types.DecodeArray(elem, kernel.Bytes(d.S))
		if len(a.Dims) == 0 {
			return append(dst, "[]"...)
		}
		dst, _ = appendJsonDims(dst, elem, a.Dims, a.Elems, env)
		return dst
	case types.Record:
		vals := types.DecodeRecord(t, kernel.Bytes(d.S))
		pairs := make([]types.JsonPair, len(vals))
		for i, v := range vals {
			pairs[i] = types.JsonPair{Key: fieldName(t, i), Value: AppendJsonb(nil, t.Fields[i].Type, v, env)}
		}
		return types.AppendJsonObject(dst, pairs)
	case types.Timestamp, types.TimestampTZ, types.Date:
		return types.AppendJsonString(dst, jsonTime(t, d, env))
	}
	return types.AppendJsonString(dst, string(types.AppendText(nil, t, d, env)))
}

// jsonTime is the ISO 8601 form of a date or timestamp, whatever DateStyle says.
func jsonTime(t types.T, d types.Datum, env *types.Env) string {
	iso := types.Env{}
	if env != nil {
		iso.TimeZone = env.TimeZone
	}
	b := types.AppendText(nil, t, d, &iso)
	for i, c := range b {
		if c == ' ' {
			b[i] = 'T'
			break
		}
	}
	if t.ID == types.TimestampTZ && len(b) > 3 && (b[len(b)-3] == '+' || b[len(b)-3] == '-') {
		b = append(b, ":00"...)
	}
	return string(b)
}

func fieldName(t types.T, i int) string {
	if n := t.Fields[i].Name; n != "" {
		return n
	}
	return "f" + itoa(i+1)
}

func appendJsonDims(dst []byte, elem types.T, dims []int, elems []types.Datum, env *types.Env) ([]byte, []types.Datum) {
	dst = append(dst, '[')
	for i := range dims[0] {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		if len(dims) > 1 {
			dst, elems = appendJsonDims(dst, elem, dims[1:], elems, env)
			continue
		}
		dst = AppendJsonb(dst, elem, elems[0], env)
		elems = elems[1:]
	}
	return append(dst, ']'), elems
}

// JsonKey is the text of a value used as an object's key. Errors: 22023.
func JsonKey(t types.T, d types.Datum, env *types.Env) (string, error) {
	if d.Null {
		return "", sqlerr.New(sqlerr.InvalidParameterValue, "field name must not be null")
	}
	switch t.ID {
	case types.Array, types.Record, types.Jsonb:
		return "", sqlerr.New(sqlerr.InvalidParameterValue, "key value must be scalar, not array, composite, or json")
	case types.Bool:
		if d.I != 0 {
			return "true", nil
		}
		return "false", nil
	}
	return string(types.AppendText(nil, t, d, env)), nil
}

// jsonBuilders lists the functions that make jsonb from SQL values.
func jsonBuilders() []*expr.Def {
	build := func(name string, obj bool, doc string) []*expr.Def {
		mk := kernel.Rows(func(c *expr.CallCtx) func([]types.Datum) (string, error) {
			env := c.TextEnv()
			return func(args []types.Datum) (string, error) {
				if obj {
					return buildObject(c, args, env)
				}
				vals := make([][]byte, len(args))
				for i, a := range args {
					vals[i] = AppendJsonb(nil, c.Args[i], a, env)
				}
				return string(types.AppendJsonArray(nil, vals)), nil
			}
		})
		none := stable(notStrict(fn(name, ids{}, tJson, mk, doc)))
		some := stable(notStrict(fn(name, ids{tAny}, tJson, mk, doc)))
		some.Variadic = true
		return []*expr.Def{none, some}
	}
	toJson := stable(fn("to_jsonb", ids{tAny}, tJson, kernel.M1(func(c *expr.CallCtx) func(types.Datum) (string, error) {
		env := c.TextEnv()
		return func(d types.Datum) (string, error) { return string(AppendJsonb(nil, c.Args[0], d, env)), nil }
	}), "Value as jsonb"))
	out := append(build("jsonb_build_array", false, "JSON array of the arguments"), build("jsonb_build_object", true, "JSON object of alternating names and values")...)
	out = append(out, build("json_build_array", false, "JSON array of the arguments")...)
	out = append(out, build("json_build_object", true, "JSON object of alternating names and values")...)
	out = append(out, aliases(toJson, "to_json")...)
	return append(out,
		stable(fn("row_to_json", ids{tRec}, tJson, toJson.Eval, "Row as a JSON object")),
		stable(fn("array_to_json", ids{tArr}, tJson, toJson.Eval, "Array as a JSON array")))
}

func buildObject(c *expr.CallCtx, args []types.Datum, env *types.Env) (string, error) {
	if len(args)%2 != 0 {
		return "", sqlerr.New(sqlerr.InvalidParameterValue, "argument list must have even number of elements").
			WithHint("The arguments of jsonb_build_object() must consist of alternating keys and values.")
	}
	pairs := make([]types.JsonPair, 0, len(args)/2)
	for i := 0; i < len(args); i += 2 {
		if args[i].Null {
			return "", sqlerr.New(sqlerr.InvalidParameterValue, "argument %d: key must not be null", i+1)
		}
		key, err := JsonKey(c.Args[i], args[i], env)
		if err != nil {
			return "", err
		}
		pairs = append(pairs, types.JsonPair{Key: key, Value: AppendJsonb(nil, c.Args[i+1], args[i+1], env)})
	}
	return string(types.AppendJsonObject(nil, pairs)), nil
}
