package funcs_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"streamdb/expr"
	"streamdb/expr/casts"
	"streamdb/expr/funcs"
	"streamdb/internal/sqlerr"
	"streamdb/types"
	"streamdb/vec"
)

// samples are values in text form for every type a function may take.
var samples = map[types.ID][]string{
	types.Bool:         {"t", "f"},
	types.Int2:         {"0", "1", "-1", "3", "32767", "-32768"},
	types.Int4:         {"0", "1", "-7", "2", "5", "2147483647", "-2147483648"},
	types.Int8:         {"0", "1", "-1", "3", "9223372036854775807", "-9223372036854775808", "12345"},
	types.Numeric:      {"0", "1.5", "1.50", "-2", "100", "0.001", "NaN", "Infinity"},
	types.Float4:       {"0", "1.5", "-0.1", "3e38", "NaN", "Infinity"},
	types.Float8:       {"0", "0.5", "-1", "2", "1e300", "NaN", "Infinity", "-0"},
	types.Text:         {"", "a", "ABC", "äb", "a%", "x,y", "day", "UTC", "1", "(", "hex"},
	types.Bpchar:       {"a", "a  ", "b"},
	types.Bytea:        {"", "abc", "\\x00ff"},
	types.Name:         {"public", "a"},
	types.Char:         {"r", ""},
	types.Date:         {"2024-01-31", "infinity", "1999-12-31", "0044-03-15 BC"},
	types.Time:         {"00:00", "12:34:56.789", "24:00"},
	types.Timestamp:    {"2024-03-10 02:30", "infinity", "-infinity", "1969-12-31 23:59:59.999999"},
	types.TimestampTZ:  {"2024-03-10 07:30+00", "2020-02-02 02:02+02", "infinity"},
	types.Interval:     {"1 day", "24 hours", "-1 mon", "1 year 2 mons 3 days 04:05:06.7", "0"},
	types.OID:          {"0", "25", "4294967295"},
	types.Jsonb:        {"1", "1.0", `{"a": 1, "b": [1, "x"]}`, "[]", "null", `"s"`, "true"},
	types.Regclass:     {"1259", "0"},
	types.Regtype:      {"25"},
	types.Regproc:      {"12"},
	types.Regnamespace: {"11"},
	types.Int2Vector:   {"1 2", ""},
	types.OIDVector:    {"23 25", ""},
	types.Unknown:      {"a", "1"},
	types.Void:         {""},
}

func sampleType(d *expr.Def, i int) types.T {
	t := d.ArgType(i)
	switch {
	case t.ID == types.Array && t.Elem == nil:
		return types.ArrayOf(types.Of(types.Int4))
	case t.ID == types.Record:
		return types.T{ID: types.Record, Fields: []types.Field{{Name: "f1", Type: types.Of(types.Int4)}, {Name: "f2", Type: types.Of(types.Text)}}}
	case t.ID == types.Unknown && !isCast(d):
		return types.Of(types.Int4)
	}
	return t
}

func isCast(d *expr.Def) bool { return d.Kind >= expr.CastImplicit }

func sample(t *testing.T, r *rand.Rand, ty types.T) types.Datum {
	if r.IntN(6) == 0 {
		return types.NullDatum
	}
	switch {
	case ty.ID == types.Record:
		return types.EncodeRecord(ty, []types.Datum{types.IntDatum(int64(r.IntN(3))), types.BytesDatum("x")})
	case ty.ID == types.Array:
		var elems []types.Datum
		for range r.IntN(4) {
			elems = append(elems, sample(t, r, *ty.Elem))
		}
		return types.OneDim(elems).Datum(*ty.Elem)
	}
	pool := samples[ty.ID]
	if len(pool) == 0 {
		t.Fatalf("no samples of %s", ty)
	}
	d, err := types.ParseText(ty, pool[r.IntN(len(pool))], nil)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestDefs: for every function, operator and cast, a batch gives what its rows
// give one by one, with any selection and with constants for columns; keys
// are unique and calls survive the stored form.
func TestDefs(t *testing.T) {
	seen := map[string]bool{}
	for _, d := range append(append([]*expr.Def{}, funcs.All()...), casts.All()...) {
		key := d.Key()
		if seen[key] {
			t.Errorf("two Defs have the key %s", key)
		}
		seen[key] = true
		if d.Doc == "" {
			t.Errorf("%s has no doc line", key)
		}
		if d.Volatile == expr.VolatileFn || d.Name == "field" {
			continue
		}
		t.Run(key, func(t *testing.T) { checkDef(t, d) })
	}
}

func checkDef(t *testing.T, d *expr.Def) {
	const rows = 24
	r := rand.New(rand.NewPCG(1, 2))
	n := len(d.Args)
	if d.Variadic {
		n++
	}
	ts := make([]types.T, n)
	data := make([][]types.Datum, n)
	cols := make([]vec.Vec, n)
	args := make([]expr.Expr, n)
	for k := range n {
		ts[k] = sampleType(d, k)
		b := vec.NewBuilder(ts[k].Layout(), rows)
		for range rows {
			x := sample(t, r, ts[k])
			data[k] = append(data[k], x)
			b.AppendDatum(x)
		}
		cols[k] = b.Vec()
		args[k] = &expr.Col{Index: k, T: ts[k]}
	}
	ret := d.ResultType(ts)
	switch {
	case ret.ID == types.Array && ret.Elem == nil:
		ret = types.ArrayOf(types.Of(types.Int4))
		if isCast(d) {
			ret = ts[0]
			if elem, ok := ts[0].ElemType(); ok {
				ret = types.ArrayOf(elem)
			}
		}
	case ret.ID == types.Record && len(ret.Fields) == 0 && isCast(d):
		ret = types.T{ID: types.Record, Fields: []types.Field{{Type: types.Of(types.Int4)}, {Type: types.Of(types.Text)}}}
	}
	call := &expr.Call{Def: d, Args: args, T: ret}
	ctx := &expr.Ctx{Now: time.Unix(1.7e9, 0), Location: time.UTC, User: "u", Database: "d"}
	want := make([]types.Datum, rows)
	fails := make([]bool, rows)
	var good []int32
	for i := range rows {
		one := &expr.Call{Def: d, T: ret}
		for k := range n {
			one.Args = append(one.Args, &expr.Const{Value: data[k][i], T: ts[k]})
		}
		x, err := expr.EvalRow(ctx, one)
		want[i], fails[i] = x, err != nil
		if err != nil {
			if sqlerr.Code(err) == sqlerr.InternalError {
				t.Fatalf("row %d: %v", i, err)
			}
			continue
		}
		good = append(good, int32(i))
	}
	stored, err := expr.Marshal(call)
	if err != nil {
		t.Fatal(err)
	}
	back, err := funcs.Unmarshal(stored)
	if err != nil || !expr.Equal(back, call) {
		t.Fatalf("stored form: %v, %v", back, err)
	}
	check := func(what string, v vec.Vec, sel []int32) {
		t.Helper()
		if v.N != rows {
			t.Fatalf("%s: result has %d rows", what, v.N)
		}
		for _, i := range sel {
			if got := v.Datum(int(i)); !equalDatum(got, want[i]) {
				t.Fatalf("%s: row %d has %v, want %v", what, i, got, want[i])
			}
		}
	}
	if len(good) == rows {
		v, err := back.Eval(ctx, cols, nil, rows)
		if err != nil {
			t.Fatal(err)
		}
		check("batch", v, good)
	}
	v, err := call.Eval(ctx, cols, good, rows)
	if err != nil {
		t.Fatalf("selection of good rows: %v", err)
	}
	check("selection", v, good)
	for k := range n { // argument k constant: rows that have the first good row's value there
		if len(good) == 0 {
			break
		}
		value := data[k][good[0]]
		mixed := &expr.Call{Def: d, T: ret, Args: append([]expr.Expr{}, args...)}
		mixed.Args[k] = &expr.Const{Value: value, T: ts[k]}
		var sel []int32
		for _, i := range good {
			if equalDatum(data[k][i], value) {
				sel = append(sel, i)
			}
		}
		v, err := mixed.Eval(ctx, cols, sel, rows)
		if err != nil {
			t.Fatalf("argument %d constant: %v", k, err)
		}
		check("constant", v, sel)
	}
	if d.Select != nil {
		checkSelect(t, ctx, call, cols, want, good, rows)
	}
	for i := range rows { // a failing row fails the batch
		if fails[i] {
			if _, err := call.Eval(ctx, cols, []int32{int32(i)}, rows); err == nil {
				t.Fatalf("row %d fails alone and not in a batch", i)
			}
		}
	}
}

func checkSelect(t *testing.T, ctx *expr.Ctx, call *expr.Call, cols []vec.Vec, want []types.Datum, good []int32, rows int) {
	got, err := expr.FilterSel(ctx, call, cols, good, rows, nil)
	if err != nil {
		t.Fatal(err)
	}
	k := 0
	for _, i := range good {
		if !want[i].Null && want[i].Bool() {
			if k >= len(got) || got[k] != i {
				t.Fatalf("filter misses row %d: %v", i, got)
			}
			k++
		}
	}
	if k != len(got) {
		t.Fatalf("filter gives too many rows: %v", got)
	}
}

func equalDatum(a, b types.Datum) bool {
	if a.Null || b.Null {
		return a.Null && b.Null
	}
	return a.I == b.I && a.S == b.S && (a.F == b.F || a.F != a.F && b.F != b.F)
}
