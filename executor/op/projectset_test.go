package op

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"streamdb/executor"
	"streamdb/executor/optest"
	"streamdb/expr"
	"streamdb/internal/sqlerr"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// lit is a literal of a type: "int4:3", "int4[]:{1,2}", "text:NULL".
func lit(t testing.TB, text string) expr.Expr {
	t.Helper()
	typ, val, _ := strings.Cut(text, ":")
	s := optest.Schema(t, "x "+typ)
	if val == "NULL" {
		return expr.Null(s[0].Type)
	}
	d, err := types.ParseText(s[0].Type, val, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &expr.Const{Value: d, T: s[0].Type}
}

// TestSetFuncs compares with what Postgres 15 gives for the same calls.
func TestSetFuncs(t *testing.T) {
	rec := func(value types.ID) types.T {
		return types.T{ID: types.Record, Fields: []types.Field{{Name: "key", Type: types.Of(types.Text)}, {Name: "value", Type: types.Of(value)}}}
	}
	text := types.Of(types.Text)
	for _, c := range []struct {
		fn   string
		ret  types.T
		args []string
		want string // values joined by |, or the error
	}{
		{"generate_series", types.Of(types.Int4), []string{"int4:1", "int4:5", "int4:2"}, "1|3|5"},
		{"generate_series", types.Of(types.Int8), []string{"int8:5", "int8:1", "int8:-2"}, "5|3|1"},
		{"generate_series", types.Of(types.Int8), []string{"int8:9223372036854775806", "int8:9223372036854775807"}, "9223372036854775806|9223372036854775807"},
		{"generate_series", types.Of(types.Int8), []string{"int8:1", "int8:NULL"}, ""},
		{"generate_series", types.Of(types.Numeric), []string{"numeric:1.1", "numeric:2", "numeric:0.3"}, "1.1|1.4|1.7|2.0"},
		{"generate_series", types.Of(types.Timestamp), []string{"timestamp:2024-01-31", "timestamp:2024-04-30", "interval:1 month"},
			"2024-01-31 00:00:00|2024-02-29 00:00:00|2024-03-29 00:00:00|2024-04-29 00:00:00"},
		{"generate_series", types.Of(types.TimestampTZ), []string{"timestamptz:2024-03-09 12:00-05", "timestamptz:2024-03-12", "interval:1 day"},
			"2024-03-09 17:00:00+00|2024-03-10 17:00:00+00|2024-03-11 17:00:00+00"},
		{"generate_series", types.Of(types.Int4), []string{"int4:1", "int4:2", "int4:0"}, "22023 step size cannot equal zero"},
		{"generate_series", types.Of(types.Numeric), []string{"numeric:1", "numeric:2", "numeric:NaN"}, "22023 step size cannot be NaN"},
		{"unnest", types.Of(types.Int4), []string{"int4[]:{{1,2},{3,NULL}}"}, "1|2|3|NULL"},
		{"unnest", text, []string{"text[]:{}"}, ""},
		{"generate_subscripts", types.Of(types.Int4), []string{"int4[]:{{1,2,3},{3,4,5}}", "int4:2"}, "1|2|3"},
		{"generate_subscripts", types.Of(types.Int4), []string{"int4[]:{1,2}", "int4:2"}, ""},
		{"jsonb_array_elements", types.Of(types.Jsonb), []string{`jsonb:[1, "a", null, {"b": [2]}]`}, `1|"a"|null|{"b": [2]}`},
		{"jsonb_array_elements_text", text, []string{`jsonb:[1, "a\"b", null, {"b": [2]}]`}, `1|a"b|NULL|{"b": [2]}`},
		{"jsonb_array_elements", types.Of(types.Jsonb), []string{`jsonb:{"a":1}`}, "22023 cannot extract elements from an object"},
		{"jsonb_array_elements", types.Of(types.Jsonb), []string{`jsonb:3`}, "22023 cannot extract elements from a scalar"},
		{"jsonb_object_keys", text, []string{`jsonb:{"b":1,"a":{}}`}, "a|b"},
		{"jsonb_object_keys", text, []string{`jsonb:[1]`}, "22023 cannot call jsonb_object_keys on an array"},
		{"jsonb_object_keys", text, []string{`jsonb:1`}, "22023 cannot call jsonb_object_keys on a scalar"},
		{"jsonb_each", rec(types.Jsonb), []string{`jsonb:{"b":1,"a":"x"}`}, `(a,"""x""")|(b,1)`},
		{"jsonb_each_text", rec(types.Text), []string{`jsonb:{"b":null,"a":"x"}`}, `(a,x)|(b,)`},
		{"jsonb_each", rec(types.Jsonb), []string{`jsonb:[]`}, "22023 cannot call jsonb_each on a non-object"},
		{"string_to_table", text, []string{"text:a,b,,c", "text:,", "text:"}, "a|b|NULL|c"},
		{"string_to_table", text, []string{"text:aéb", "text:NULL"}, "a|é|b"},
		{"string_to_table", text, []string{"text:abc", "text:"}, "abc"},
		{"string_to_table", text, []string{"text:", "text:x"}, ""},
		{"regexp_split_to_table", text, []string{"text:hello world", `text:\s*`}, "h|e|l|l|o|w|o|r|l|d"},
		{"regexp_split_to_table", text, []string{"text:aXbxc", "text:x", "text:i"}, "a|b|c"},
		{"regexp_split_to_table", text, []string{"text:abc", "text:x", "text:g"}, `22023 regexp_split_to_table() does not support the "global" option`},
		{"regexp_matches", types.ArrayOf(text), []string{"text:foobarbequebaz", "text:ba.", "text:g"}, "{bar}|{baz}"},
		{"regexp_matches", types.ArrayOf(text), []string{"text:foobarbequebaz", "text:(b[^b]+)(z)?(b[^b]+)"}, "{bar,NULL,beque}"},
		{"regexp_matches", types.ArrayOf(text), []string{"text:a", "text:a", "text:y"}, `22023 invalid regular expression option: "y"`},
	} {
		call := SetCall{Func: c.fn, T: c.ret}
		for _, a := range c.args {
			call.Args = append(call.Args, lit(t, a))
		}
		got := runSet(t, call)
		if got != c.want {
			t.Errorf("%s(%s): got %s, want %s", c.fn, strings.Join(c.args, ", "), got, c.want)
		}
	}
}

func runSet(t testing.TB, call SetCall) string {
	in := optest.Schema(t, "k int8")
	out := types.Schema{in[0], {Name: "v", Type: call.T}}
	rows, err := optest.Bounded(t, []types.Schema{in}, func(ins []executor.Spec) executor.Spec {
		return &ProjectSet{In: ins[0], Calls: []SetCall{call}, Out: out}
	}, [][]optest.Row{{{types.IntDatum(1)}}}, 1)
	if err != nil {
		e := sqlerr.From(err)
		return e.Code + " " + e.Msg
	}
	var vals []string
	for _, r := range rows {
		if r[1].Null {
			vals = append(vals, "NULL")
		} else {
			vals = append(vals, types.Format(call.T, r[1], nil))
		}
	}
	return strings.Join(vals, "|")
}

// TestProjectSet checks lock step, ordinality and retraction.
func TestProjectSet(t *testing.T) {
	s := optest.Schema(t, "a int8, b int8")
	int8T := types.Of(types.Int8)
	out := append(append(types.Schema{}, s...), types.Column{Type: int8T}, types.Column{Type: int8T}, types.Column{Type: int8T})
	optest.Check(t, optest.Law{
		Schemas: []types.Schema{s},
		Build: func(in []executor.Spec) executor.Spec {
			series := func(i int) SetCall {
				return SetCall{Func: "generate_series", T: int8T, Args: []expr.Expr{intConst(1), col(s, i)}}
			}
			return &ProjectSet{In: in[0], Calls: []SetCall{series(0), series(1)}, Ordinality: true, Out: out}
		},
		Gen: []func(*rapid.T) optest.Row{func(t *rapid.T) optest.Row { return optest.Row{genInt(t, 4), genInt(t, 4)} }},
		Oracle: func(in [][]optest.Row) (rows []optest.Row) {
			for _, r := range in[0] {
				for k := int64(1); ; k++ {
					vals := optest.Row{types.IntDatum(k), types.IntDatum(k)}
					for j := range vals {
						if r[j].Null || r[j].I < k {
							vals[j] = types.NullDatum
						}
					}
					if vals[0].Null && vals[1].Null {
						break
					}
					rows = append(rows, optest.Row{r[0], r[1], vals[0], vals[1], types.IntDatum(k)})
				}
			}
			return rows
		},
	})
}

// TestProjectSetLong has sets around the length of a batch, beside others that are
// shorter or as long.
func TestProjectSetLong(t *testing.T) {
	int8T := types.Of(types.Int8)
	in := optest.Schema(t, "k int8, n int8")
	out := append(append(types.Schema{}, in...), types.Column{Type: int8T}, types.Column{Type: int8T}, types.Column{Type: int8T})
	for _, n := range []int64{1, 4095, 4096, 4097, 8192, 20000} {
		short := lit(t, "int8[]:{7,8,9}")
		rows, err := optest.Bounded(t, []types.Schema{in}, func(ins []executor.Spec) executor.Spec {
			return &ProjectSet{In: ins[0], Ordinality: true, Out: out, Calls: []SetCall{
				{Func: "unnest", T: int8T, Args: []expr.Expr{short}},
				{Func: "generate_series", T: int8T, Args: []expr.Expr{intConst(1), col(in, 1)}},
			}}
		}, [][]optest.Row{{{types.IntDatum(1), types.IntDatum(2)}, {types.IntDatum(2), types.IntDatum(n)}, {types.IntDatum(3), types.IntDatum(4)}}}, 3)
		if err != nil {
			t.Fatal(err)
		}
		k := 0
		for row, n := range []int64{2, n, 4} {
			for i := int64(1); i <= max(n, 3); i++ {
				want := optest.Row{types.IntDatum(int64(row) + 1), types.IntDatum(n), types.NullDatum, types.NullDatum, types.IntDatum(i)}
				if i <= 3 {
					want[2] = types.IntDatum(6 + i)
				}
				if i <= n {
					want[3] = types.IntDatum(i)
				}
				if k >= len(rows) || fmt.Sprint(rows[k]) != fmt.Sprint(want) {
					t.Fatalf("n %d, row %d: got %v, want %v", n, k, rows[min(k, len(rows)-1)], want)
				}
				k++
			}
		}
		if k != len(rows) {
			t.Fatalf("n %d: %d rows, want %d", n, len(rows), k)
		}
	}
}

// TestProjectSetWithoutEnd: a LIMIT takes the first of a set that would fill any
// memory; a view refuses it.
func TestProjectSetWithoutEnd(t *testing.T) {
	int8T := types.Of(types.Int8)
	in := optest.Schema(t, "k int8")
	endless := func(in executor.Spec) executor.Spec {
		return &ProjectSet{In: in, Out: types.Schema{in.Schema()[0], {Name: "v", Type: int8T}},
			Calls: []SetCall{{Func: "generate_series", T: int8T, Args: []expr.Expr{intConst(1), intConst(1_000_000_000_000)}}}}
	}
	rows, err := optest.Bounded(t, []types.Schema{in}, func(ins []executor.Spec) executor.Spec {
		return &Limit{In: endless(ins[0]), Limit: 3, Offset: 10_000}
	}, [][]optest.Row{{{types.IntDatum(1)}}}, 1)
	if err != nil || len(rows) != 3 || rows[0][1].I != 10_001 {
		t.Fatalf("got %v, %v", rows, err)
	}
	old := setRowsMax
	setRowsMax = 50_000
	defer func() { setRowsMax = old }()
	op, err := endless(&optest.Rows{Cols: in}).Open(&executor.OpenCtx{Context: t.Context()})
	if err != nil {
		t.Fatal(err)
	}
	made := &countRows{}
	err = op.Process(&executor.Ctx{Context: t.Context(), Expr: &expr.Ctx{}}, 0, stream.NewBatch(1, []vec.Vec{vec.Ints([]int64{1})}, nil), made)
	e := sqlerr.From(err)
	if err == nil || e.Code != sqlerr.ProgramLimitExceeded || !strings.Contains(e.Msg, "generate_series") || made.rows > 60_000 || made.most > stream.BatchRows {
		t.Fatalf("after %d rows in batches of up to %d: %v", made.rows, made.most, err)
	}
}

// countRows is an Emitter that only counts.
type countRows struct {
	rows, most int // rows, and those of the largest batch
	bytes      int // of the largest batch
}

func (c *countRows) Emit(b *stream.Batch) error {
	c.rows += b.Rows()
	c.most, c.bytes = max(c.most, b.Rows()), max(c.bytes, b.Bytes())
	return nil
}

func (c *countRows) EmitWatermark(stream.Watermark) error { return nil }
