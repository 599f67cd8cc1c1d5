package op

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"streamdb/expr"
	"streamdb/internal/sqlerr"
	"streamdb/types"
	"streamdb/vec"
)

// setFunc is one set-returning function.
type setFunc struct {
	name string
	// notStrict functions are called with NULL arguments too; of the others a NULL
	// argument makes the empty set.
	notStrict bool
	// eval appends the whole set of row i, which is about as long as the arguments.
	eval func(c *setCtx, args []vec.Vec, i int, out *vec.Builder) (rows int, err error)
	// series is in the place of eval for sets that may have any length.
	series func(c *setCtx, args []vec.Vec, i int) (series, error)
}

// setCtx is what one evaluation sees.
type setCtx struct {
	expr  *expr.Ctx
	args  []types.T
	t     types.T // of the value
	cache regexpCache
}

// setFuncs lists the set-returning functions that ProjectSet knows, by name;
// overloads are told apart by the types of the arguments.
var setFuncs = []setFunc{
	{name: "generate_series", series: generateSeries},
	{name: "generate_subscripts", eval: generateSubscripts},
	{name: "unnest", eval: unnest},
	{name: "_pg_expandarray", eval: expandArray},
	{name: "pg_options_to_table", eval: optionsToTable},
	{name: "pg_get_keywords", eval: keywords},
	{name: "jsonb_array_elements", eval: jsonbElements},
	{name: "jsonb_array_elements_text", eval: jsonbElementsText},
	{name: "jsonb_object_keys", eval: jsonbKeys},
	{name: "jsonb_each", eval: jsonbEach},
	{name: "jsonb_each_text", eval: jsonbEach},
	{name: "string_to_table", notStrict: true, eval: stringToTable},
	{name: "regexp_split_to_table", eval: regexpSplit},
	{name: "regexp_matches", eval: regexpMatches},
	{name: "pg_partition_ancestors", eval: func(*setCtx, []vec.Vec, int, *vec.Builder) (int, error) { return 0, nil }},
}

func setFuncNamed(name string) *setFunc {
	for i := range setFuncs {
		if setFuncs[i].name == name {
			return &setFuncs[i]
		}
	}
	return nil
}

// appendElem appends an array element or record field as the value of a set.
func appendElem(out *vec.Builder, d types.Datum) { out.AppendDatum(d) }

func unnest(c *setCtx, args []vec.Vec, i int, out *vec.Builder) (int, error) {
	elem, _ := c.args[0].ElemType()
	a := types.DecodeArray(elem, args[0].Bytes(i))
	for _, d := range a.Elems {
		appendElem(out, d)
	}
	return len(a.Elems), nil
}

// expandArray gives records of element and position.
func expandArray(c *setCtx, args []vec.Vec, i int, out *vec.Builder) (int, error) {
	elem, _ := c.args[0].ElemType()
	a := types.DecodeArray(elem, args[0].Bytes(i))
	for k, d := range a.Elems {
		appendElem(out, types.EncodeRecord(c.t, []types.Datum{d, types.IntDatum(int64(k + 1))}))
	}
	return len(a.Elems), nil
}

// optionsToTable gives records of name and value for texts name=value.
func optionsToTable(c *setCtx, args []vec.Vec, i int, out *vec.Builder) (int, error) {
	n := 0
	for _, d := range types.DecodeArray(types.Of(types.Text), args[0].Bytes(i)).Elems {
		if d.Null {
			continue
		}
		name, value, found := strings.Cut(d.S, "=")
		v := types.NullDatum
		if found {
			v = types.BytesDatum(value)
		}
		appendElem(out, types.EncodeRecord(c.t, []types.Datum{types.BytesDatum(name), v}))
		n++
	}
	return n, nil
}

// keywords gives records of pg_get_keywords for the reserved words that the
// planner passes.
func keywords(c *setCtx, args []vec.Vec, i int, out *vec.Builder) (int, error) {
	words := types.DecodeArray(types.Of(types.Text), args[0].Bytes(i)).Elems
	for _, w := range words {
		appendElem(out, types.EncodeRecord(c.t, []types.Datum{w, types.BytesDatum("R"), types.BytesDatum("reserved")}))
	}
	return len(words), nil
}

func generateSubscripts(c *setCtx, args []vec.Vec, i int, out *vec.Builder) (int, error) {
	elem, _ := c.args[0].ElemType()
	a := types.DecodeArray(elem, args[0].Bytes(i))
	dim := intOf(&args[1], i)
	if dim < 1 || dim > int64(len(a.Dims)) {
		return 0, nil
	}
	n := a.Dims[dim-1]
	reverse := len(args) > 2 && args[2].Bool[i&args[2].Mask()]
	for k := 1; k <= n; k++ {
		if reverse {
			out.AppendInt(int64(n + 1 - k))
		} else {
			out.AppendInt(int64(k))
		}
	}
	return n, nil
}

func intOf(v *vec.Vec, i int) int64 { return v.I64[i&v.Mask()] }

// wantJsonArray refuses what has no elements.
func wantJsonArray(b []byte) error {
	switch types.JsonbKind(b) {
	case types.JsonArray:
		return nil
	case types.JsonObject:
		return sqlerr.New(sqlerr.InvalidParameterValue, "cannot extract elements from an object")
	}
	return sqlerr.New(sqlerr.InvalidParameterValue, "cannot extract elements from a scalar")
}

func jsonbElements(_ *setCtx, args []vec.Vec, i int, out *vec.Builder) (int, error) {
	b := args[0].Bytes(i)
	if err := wantJsonArray(b); err != nil {
		return 0, err
	}
	n := 0
	types.JsonbElems(b, func(v []byte) bool {
		out.AppendBytes(v)
		n++
		return true
	})
	return n, nil
}

func jsonbElementsText(_ *setCtx, args []vec.Vec, i int, out *vec.Builder) (int, error) {
	b := args[0].Bytes(i)
	if err := wantJsonArray(b); err != nil {
		return 0, err
	}
	n := 0
	var text []byte
	types.JsonbElems(b, func(v []byte) bool {
		var null bool
		if text, null = types.JsonbAppendText(text[:0], v); null {
			out.AppendNull()
		} else {
			out.AppendBytes(text)
		}
		n++
		return true
	})
	return n, nil
}

func wantJsonObject(name string, b []byte) error {
	if types.JsonbKind(b) == types.JsonObject {
		return nil
	}
	if name != "jsonb_object_keys" {
		return sqlerr.New(sqlerr.InvalidParameterValue, "cannot call %s on a non-object", name)
	}
	if types.JsonbKind(b) == types.JsonArray {
		return sqlerr.New(sqlerr.InvalidParameterValue, "cannot call %s on an array", name)
	}
	return sqlerr.New(sqlerr.InvalidParameterValue, "cannot call %s on a scalar", name)
}

func jsonbKeys(_ *setCtx, args []vec.Vec, i int, out *vec.Builder) (int, error) {
	b := args[0].Bytes(i)
	if err := wantJsonObject("jsonb_object_keys", b); err != nil {
		return 0, err
	}
	n := 0
	types.JsonbEach(b, func(key string, _ []byte) bool {
		out.AppendString(key)
		n++
		return true
	})
	return n, nil
}

// jsonbEach gives records of key and value; the type of the second field tells
// jsonb_each from jsonb_each_text.
func jsonbEach(c *setCtx, args []vec.Vec, i int, out *vec.Builder) (int, error) {
	asText := c.t.Fields[1].Type.ID == types.Text
	b := args[0].Bytes(i)
	name := "jsonb_each"
	if asText {
		name = "jsonb_each_text"
	}
	if err := wantJsonObject(name, b); err != nil {
		return 0, err
	}
	n := 0
	types.JsonbEach(b, func(key string, v []byte) bool {
		val := types.BytesDatum(string(v))
		if asText {
			text, null := types.JsonbAppendText(nil, v)
			val = types.Datum{Null: null, S: string(text)}
		}
		appendElem(out, types.EncodeRecord(c.t, []types.Datum{types.BytesDatum(key), val}))
		n++
		return true
	})
	return n, nil
}

// stringToTable splits by a delimiter: NULL splits into characters, the empty
// one not at all. Pieces equal to the third argument are NULL.
func stringToTable(_ *setCtx, args []vec.Vec, i int, out *vec.Builder) (int, error) {
	if args[0].Null(i) {
		return 0, nil
	}
	s := args[0].Bytes(i)
	if len(s) == 0 {
		return 0, nil
	}
	var null []byte
	hasNull := len(args) > 2 && !args[2].Null(i)
	if hasNull {
		null = args[2].Bytes(i)
	}
	n := 0
	piece := func(p []byte) {
		n++
		if hasNull && bytes.Equal(p, null) {
			out.AppendNull()
			return
		}
		out.AppendBytes(p)
	}
	if args[1].Null(i) {
		for len(s) > 0 {
			_, k := utf8.DecodeRune(s)
			piece(s[:k])
			s = s[k:]
		}
		return n, nil
	}
	delim := args[1].Bytes(i)
	for len(delim) > 0 {
		k := bytes.Index(s, delim)
		if k < 0 {
			break
		}
		piece(s[:k])
		s = s[k+len(delim):]
	}
	piece(s)
	return n, nil
}
