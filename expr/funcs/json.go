package funcs

import (
	"bytes"
	"strconv"

	"streamdb/expr"
	"streamdb/expr/kernel"
	"streamdb/internal/sqlerr"
	"streamdb/types"
)

// jsonFuncs lists the operators and functions over jsonb. Byte forms are
// normalised text, of which parts can be handed out as they are.
func jsonFuncs() []*expr.Def {
	textArr := func(d *expr.Def) *expr.Def { d.Elem = tText; return d }
	out := []*expr.Def{
		op2("->", tJson, tText, tJson, kernel.E2(jsonField), "Field of an object"),
		op2("->", tJson, tI4, tJson, kernel.E2(jsonIndex), "Element of an array, from 0; negative: from the end"),
		op2("->>", tJson, tText, tText, kernel.E2(asText(jsonField)), "Field of an object as text"),
		op2("->>", tJson, tI4, tText, kernel.E2(asText(jsonIndex)), "Element of an array as text"),
		textArr(op2("#>", tJson, tArr, tJson, kernel.E2(jsonPath), "Part at a path")),
		textArr(op2("#>>", tJson, tArr, tText, kernel.E2(asText(jsonPath)), "Part at a path as text")),
		op2("@>", tJson, tJson, tBool, kernel.U2(func(a, b string) bool { return jsonContains(kernel.Bytes(a), kernel.Bytes(b), true) }), "Whether the first value contains the second"),
		op2("<@", tJson, tJson, tBool, kernel.U2(func(a, b string) bool { return jsonContains(kernel.Bytes(b), kernel.Bytes(a), true) }), "Whether the first value is contained in the second"),
		op2("?", tJson, tText, tBool, kernel.U2(jsonExists), "Whether the text is a key or an element"),
		textArr(op2("?|", tJson, tArr, tBool, kernel.U2(func(j, a string) bool { return jsonExistsMany(j, a, false) }), "Whether any of the texts is a key or an element")),
		textArr(op2("?&", tJson, tArr, tBool, kernel.U2(func(j, a string) bool { return jsonExistsMany(j, a, true) }), "Whether all of the texts are keys or elements")),
		op2("||", tJson, tJson, tJson, kernel.U2(jsonConcat), "Objects merged, arrays joined"),
		op2("-", tJson, tText, tJson, kernel.E2(func(j, k string) (string, error) { return jsonDelete(j, []string{k}) }), "Without a key or element"),
		op2("-", tJson, tI4, tJson, kernel.E2(jsonDeleteIndex), "Without the element at a position"),
		textArr(op2("-", tJson, tArr, tJson, kernel.E2(func(j, a string) (string, error) { return jsonDelete(j, textsOf(a)) }), "Without keys or elements")),
		textArr(op2("#-", tJson, tArr, tJson, kernel.E2(jsonDeletePath), "Without the part at a path")),
		fn("jsonb_typeof", ids{tJson}, tText, kernel.U1(func(s string) string { return types.JsonbKind(kernel.Bytes(s)).String() }), "Kind of a JSON value"),
		fn("jsonb_array_length", ids{tJson}, tI4, kernel.E1(jsonArrayLength), "Number of elements"),
		fn("jsonb_array_element", ids{tJson, tI4}, tJson, kernel.E2(jsonIndex), "Element of an array"),
		fn("jsonb_array_element_text", ids{tJson, tI4}, tText, kernel.E2(asText(jsonIndex)), "Element of an array as text"),
		fn("jsonb_object_field", ids{tJson, tText}, tJson, kernel.E2(jsonField), "Field of an object"),
		fn("jsonb_object_field_text", ids{tJson, tText}, tText, kernel.E2(asText(jsonField)), "Field of an object as text"),
		fn("jsonb_exists", ids{tJson, tText}, tBool, kernel.U2(jsonExists), "Whether the text is a key or an element"),
		fn("jsonb_pretty", ids{tJson}, tText, kernel.U1(jsonPretty), "Indented text"),
		fn("jsonb_strip_nulls", ids{tJson}, tJson, kernel.U1(func(s string) string { return string(stripNulls(nil, kernel.Bytes(s))) }), "Without object fields that are null"),
		textArr(fn("jsonb_set", ids{tJson, tArr, tJson}, tJson, kernel.E3(func(j, p, v string) (string, error) { return jsonSet(j, p, v, true) }), "Part at a path replaced or added")),
		textArr(fn("jsonb_set", ids{tJson, tArr, tJson, tBool}, tJson, kernel.E4(jsonSet), "Part at a path replaced, or added if asked for")),
	}
	for _, p := range []struct {
		name string
		ret  id
	}{{"jsonb_extract_path", tJson}, {"jsonb_extract_path_text", tText}} {
		d := fn(p.name, ids{tJson, tText}, p.ret, kernel.Rows(func(*expr.CallCtx) func([]types.Datum) (string, error) {
			return func(r []types.Datum) (string, error) {
				b := kernel.Bytes(r[0].S)
				for _, k := range r[1:] {
					var ok bool
					if b, ok = jsonStep(b, k.S); !ok {
						return "", kernel.Null
					}
				}
				if p.ret == tText {
					return jsonText(string(b))
				}
				return string(b), nil
			}
		}), "Part at a path")
		d.Variadic = true
		out = append(out, d)
	}
	return append(out, jsonBuilders()...)
}

func jsonField(s, key string) (string, error) {
	v, ok := types.JsonbField(kernel.Bytes(s), key)
	if !ok {
		return "", kernel.Null
	}
	return kernel.String(v), nil
}

func jsonIndex(s string, i int64) (string, error) {
	v, ok := types.JsonbIndex(kernel.Bytes(s), i)
	if !ok {
		return "", kernel.Null
	}
	return kernel.String(v), nil
}

// jsonText is what ->> gives: strings decoded, null as NULL.
func jsonText(s string) (string, error) {
	out, null := types.JsonbAppendText(nil, kernel.Bytes(s))
	if null {
		return "", kernel.Null
	}
	return string(out), nil
}

func asText[A any](f func(string, A) (string, error)) func(string, A) (string, error) {
	return func(s string, a A) (string, error) {
		v, err := f(s, a)
		if err != nil {
			return "", err
		}
		return jsonText(v)
	}
}

// textsOf decodes a text[]; NULL elements are left out.
func textsOf(s string) []string {
	a := types.DecodeArray(types.Of(tText), kernel.Bytes(s))
	out := make([]string, 0, len(a.Elems))
	for _, e := range a.Elems {
		if !e.Null {
			out = append(out, e.S)
		}
	}
	return out
}

// jsonStep follows one step of a path: a key, or in arrays a position.
func jsonStep(b []byte, key string) ([]byte, bool) {
	switch types.JsonbKind(b) {
	case types.JsonObject:
		return types.JsonbField(b, key)
	case types.JsonArray:
		i, err := strconv.ParseInt(key, 10, 32)
		if err != nil {
			return nil, false
		}
		return types.JsonbIndex(b, i)
	}
	return nil, false
}

func jsonPath(s, path string) (string, error) {
	b := kernel.Bytes(s)
	for _, e := range types.DecodeArray(types.Of(tText), kernel.Bytes(path)).Elems {
		var ok bool
		if e.Null {
			return "", kernel.Null
		}
		if b, ok = jsonStep(b, e.S); !ok {
			return "", kernel.Null
		}
	}
	return kernel.String(b), nil
}

func jsonSubscript(c *expr.CallCtx) func([]types.Datum) (string, error) {
	return func(r []types.Datum) (string, error) {
		b := kernel.Bytes(r[0].S)
		for k, d := range r[1:] {
			var ok bool
			if c.Args[k+1].ID == types.Text {
				b, ok = jsonStep(b, d.S)
			} else if types.JsonbKind(b) == types.JsonArray {
				b, ok = types.JsonbIndex(b, d.I)
			}
			if !ok {
				return "", kernel.Null
			}
		}
		return string(b), nil
	}
}

func jsonArrayLength(s string) (int64, error) {
	b := kernel.Bytes(s)
	switch types.JsonbKind(b) {
	case types.JsonArray:
		return int64(types.JsonbLen(b)), nil
	case types.JsonObject:
		return 0, sqlerr.New(sqlerr.InvalidParameterValue, "cannot get array length of a non-array")
	}
	return 0, sqlerr.New(sqlerr.InvalidParameterValue, "cannot get array length of a scalar")
}

func jsonExists(s, key string) bool {
	b := kernel.Bytes(s)
	switch types.JsonbKind(b) {
	case types.JsonObject:
		_, ok := types.JsonbField(b, key)
		return ok
	case types.JsonArray:
		found := false
		want := types.AppendJsonString(nil, key)
		types.JsonbElems(b, func(v []byte) bool {
			found = bytes.Equal(v, want)
			return !found
		})
		return found
	case types.JsonString:
		return bytes.Equal(b, types.AppendJsonString(nil, key))
	}
	return false
}

func jsonExistsMany(s, keys string, all bool) bool {
	for _, k := range textsOf(keys) {
		if jsonExists(s, k) != all {
			return !all
		}
	}
	return all
}

// jsonContains is containment; only at the top may an array contain a scalar.
func jsonContains(a, b []byte, top bool) bool {
	ka, kb := types.JsonbKind(a), types.JsonbKind(b)
	switch {
	case ka == types.JsonObject && kb == types.JsonObject:
		ok := true
		types.JsonbEach(b, func(key string, v []byte) bool {
			mine, has := types.JsonbField(a, key)
			ok = has && jsonContains(mine, v, false)
			return ok
		})
		return ok
	case ka == types.JsonArray && kb == types.JsonArray:
		ok := true
		types.JsonbElems(b, func(v []byte) bool {
			ok = jsonHas(a, v)
			return ok
		})
		return ok
	case ka == types.JsonArray && kb != types.JsonObject && top:
		return jsonHas(a, b)
	case ka != kb || ka == types.JsonArray || ka == types.JsonObject:
		return false
	}
	return types.CompareJsonb(a, b) == 0
}

// jsonHas reports whether the array has an element that contains v.
func jsonHas(a, v []byte) bool {
	found := false
	types.JsonbElems(a, func(e []byte) bool {
		found = jsonContains(e, v, false)
		return !found
	})
	return found
}
