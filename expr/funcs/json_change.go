package funcs

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"streamdb/expr/kernel"
	"streamdb/internal/sqlerr"
	"streamdb/types"
)

func pairsOf(b []byte) []types.JsonPair {
	var out []types.JsonPair
	types.JsonbEach(b, func(k string, v []byte) bool {
		out = append(out, types.JsonPair{Key: strings.Clone(k), Value: v})
		return true
	})
	return out
}

func elemsOf(b []byte) [][]byte {
	if types.JsonbKind(b) != types.JsonArray {
		return [][]byte{b}
	}
	var out [][]byte
	types.JsonbElems(b, func(v []byte) bool {
		out = append(out, v)
		return true
	})
	return out
}

// jsonConcat merges objects; anything else is joined as arrays, scalars and
// objects counting as arrays of one.
func jsonConcat(x, y string) string {
	a, b := kernel.Bytes(x), kernel.Bytes(y)
	if types.JsonbKind(a) == types.JsonObject && types.JsonbKind(b) == types.JsonObject {
		return string(types.AppendJsonObject(nil, append(pairsOf(a), pairsOf(b)...)))
	}
	return string(types.AppendJsonArray(nil, append(elemsOf(a), elemsOf(b)...)))
}

func errDeleteScalar() error {
	return sqlerr.New(sqlerr.InvalidParameterValue, "cannot delete from scalar")
}

// jsonDelete removes keys from an object and equal strings from an array.
func jsonDelete(s string, keys []string) (string, error) {
	b := kernel.Bytes(s)
	switch types.JsonbKind(b) {
	case types.JsonObject:
		pairs := slices.DeleteFunc(pairsOf(b), func(p types.JsonPair) bool { return slices.Contains(keys, p.Key) })
		return string(types.AppendJsonObject(nil, pairs)), nil
	case types.JsonArray:
		elems := slices.DeleteFunc(elemsOf(b), func(v []byte) bool {
			return slices.ContainsFunc(keys, func(k string) bool { return bytes.Equal(v, types.AppendJsonString(nil, k)) })
		})
		return string(types.AppendJsonArray(nil, elems)), nil
	}
	return "", errDeleteScalar()
}

func jsonDeleteIndex(s string, i int64) (string, error) {
	b := kernel.Bytes(s)
	switch types.JsonbKind(b) {
	case types.JsonObject:
		return "", sqlerr.New(sqlerr.InvalidParameterValue, "cannot delete from object using integer index")
	case types.JsonArray:
		elems := elemsOf(b)
		if i < 0 {
			i += int64(len(elems))
		}
		if i < 0 || i >= int64(len(elems)) {
			return s, nil
		}
		return string(types.AppendJsonArray(nil, slices.Delete(elems, int(i), int(i)+1))), nil
	}
	return "", errDeleteScalar()
}

func jsonDeletePath(s, path string) (string, error) {
	b := kernel.Bytes(s)
	if k := types.JsonbKind(b); k != types.JsonArray && k != types.JsonObject {
		return "", sqlerr.New(sqlerr.InvalidParameterValue, "cannot delete path in scalar")
	}
	return changePath(s, path, func(old []byte, exists bool) ([]byte, bool) { return nil, false })
}

// jsonSet is jsonb_set.
func jsonSet(s, path, value string, create bool) (string, error) {
	b := kernel.Bytes(s)
	if k := types.JsonbKind(b); k != types.JsonArray && k != types.JsonObject {
		return "", sqlerr.New(sqlerr.InvalidParameterValue, "cannot set path in scalar")
	}
	return changePath(s, path, func(old []byte, exists bool) ([]byte, bool) {
		if !exists && !create {
			return nil, false
		}
		return kernel.Bytes(value), true
	})
}

// changePath rewrites the part at a path: f gets the old part and returns the
// new one, or false for none.
func changePath(s, path string, f func(old []byte, exists bool) ([]byte, bool)) (string, error) {
	steps := types.DecodeArray(types.Of(tText), kernel.Bytes(path)).Elems
	if len(steps) == 0 {
		return s, nil
	}
	for i, e := range steps {
		if e.Null {
			return "", sqlerr.New(sqlerr.NullValueNotAllowed, "path element at position %d is null", i+1)
		}
	}
	out, err := changeAt(kernel.Bytes(s), steps, 1, f)
	return string(out), err
}

func changeAt(b []byte, steps []types.Datum, depth int, f func([]byte, bool) ([]byte, bool)) ([]byte, error) {
	key, last := steps[0].S, len(steps) == 1
	apply := func(old []byte, exists bool) (v []byte, keep bool, err error) {
		if last {
			v, keep = f(old, exists)
			return v, keep, nil
		}
		if !exists {
			return nil, false, nil
		}
		v, err = changeAt(old, steps[1:], depth+1, f)
		return v, true, err
	}
	switch types.JsonbKind(b) {
	case types.JsonObject:
		pairs := pairsOf(b)
		at := slices.IndexFunc(pairs, func(p types.JsonPair) bool { return p.Key == key })
		var old []byte
		if at >= 0 {
			old = pairs[at].Value
		}
		v, keep, err := apply(old, at >= 0)
		switch {
		case err != nil:
			return nil, err
		case keep && at >= 0:
			pairs[at].Value = v
		case keep:
			pairs = append(pairs, types.JsonPair{Key: key, Value: v})
		case at >= 0:
			pairs = slices.Delete(pairs, at, at+1)
		}
		return types.AppendJsonObject(nil, pairs), nil
	case types.JsonArray:
		i, err := strconv.ParseInt(key, 10, 32)
		if err != nil {
			return nil, sqlerr.New(sqlerr.InvalidTextRepresentation, "path element at position %d is not an integer: \"%s\"", depth, key)
		}
		elems := elemsOf(b)
		n := int64(len(elems))
		if i < 0 {
			i += n
		}
		exists := i >= 0 && i < n
		var old []byte
		if exists {
			old = elems[i]
		}
		v, keep, err := apply(old, exists)
		switch {
		case err != nil:
			return nil, err
		case keep && exists:
			elems[i] = v
		case keep && i < 0:
			elems = append([][]byte{v}, elems...)
		case keep:
			elems = append(elems, v)
		case exists:
			elems = slices.Delete(elems, int(i), int(i)+1)
		}
		return types.AppendJsonArray(nil, elems), nil
	}
	return b, nil
}

func stripNulls(dst, b []byte) []byte {
	switch types.JsonbKind(b) {
	case types.JsonObject:
		pairs := slices.DeleteFunc(pairsOf(b), func(p types.JsonPair) bool { return types.JsonbKind(p.Value) == types.JsonNull })
		for i := range pairs {
			pairs[i].Value = stripNulls(nil, pairs[i].Value)
		}
		return types.AppendJsonObject(dst, pairs)
	case types.JsonArray:
		elems := elemsOf(b)
		for i := range elems {
			elems[i] = stripNulls(nil, elems[i])
		}
		return types.AppendJsonArray(dst, elems)
	}
	return append(dst, b...)
}

func jsonPretty(s string) string {
	return string(appendPretty(nil, kernel.Bytes(s), 0))
}

func appendPretty(dst, b []byte, depth int) []byte {
	kind := types.JsonbKind(b)
	if kind != types.JsonObject && kind != types.JsonArray {
		return append(dst, b...)
	}
	indent := func(n int) {
		dst = append(dst, '\n')
		dst = append(dst, strings.Repeat(" ", 4*n)...)
	}
	dst = append(dst, b[0])
	first := true
	item := func() {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		indent(depth + 1)
	}
	if kind == types.JsonObject {
		types.JsonbEach(b, func(k string, v []byte) bool {
			item()
			dst = append(types.AppendJsonString(dst, k), ": "...)
			dst = appendPretty(dst, v, depth+1)
			return true
		})
	} else {
		types.JsonbElems(b, func(v []byte) bool {
			item()
			dst = appendPretty(dst, v, depth+1)
			return true
		})
	}
	indent(depth)
	return append(dst, b[len(b)-1])
}
