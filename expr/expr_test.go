package expr_test

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"streamdb/expr"
	"streamdb/expr/exprtest"
	"streamdb/expr/funcs"
	"streamdb/internal/sqlerr"
	"streamdb/types"
	"streamdb/vec"
)

var testTypes = []types.T{types.Of(types.Int8), types.Of(types.Int8), types.Of(types.Bool), types.Of(types.Text), types.Of(types.Float8)}

func parse(t interface{ Fatal(...any) }, sql string) expr.Expr {
	e, err := exprtest.Parse(nil, sql, testTypes...)
	if err != nil {
		t.Fatal(sql, err)
	}
	return e
}

// drawCols draws a batch of the test types with NULLs.
func drawCols(t *rapid.T, n int) ([]vec.Vec, [][]types.Datum) {
	cols, data := make([]vec.Vec, len(testTypes)), make([][]types.Datum, len(testTypes))
	for k, ty := range testTypes {
		b := vec.NewBuilder(ty.Layout(), n)
		for range n {
			d := types.NullDatum
			if rapid.IntRange(0, 4).Draw(t, "null") != 0 {
				switch ty.Layout() {
				case types.LBool:
					d = types.BoolDatum(rapid.Bool().Draw(t, "b"))
				case types.LInt64:
					d = types.IntDatum(rapid.Int64Range(-3, 3).Draw(t, "i"))
				case types.LFloat64:
					d = types.FloatDatum(float64(rapid.IntRange(-2, 2).Draw(t, "f")))
				default:
					d = types.BytesDatum(rapid.SampledFrom([]string{"", "a", "ab"}).Draw(t, "s"))
				}
			}
			b.AppendDatum(d)
			data[k] = append(data[k], d)
		}
		cols[k] = b.Vec()
	}
	return cols, data
}

var trees = []string{
	"c0 < 1", "1 >= c0", "c0 = c1", "c0 <> 2", "c3 = 'a'", "c3 <> 'a'", "c4 > 0.5::float8", "c2", "not c2", "c2 is null",
	"c0 < 1 and c1 > 0", "c0 < 1 or c1 > 0", "c2 and c0 = 1 and c3 = 'a'", "c2 or c0 = 1 or null", "c2 and null", "false or c2",
	"c1 <> 0 and 6 / c1 > 2", "c1 = 0 or 6 / c1 > 2",
	"case when c1 = 0 then 0 else 6 / c1 end > 1", "case when c0 > 0 then c3 when c2 then 'x' end = 'x'",
	"coalesce(c0, c1, 7) = 7", "coalesce(c3, 'n') = 'n'", "case c0 when 1 then c1 when 2 then c0 end is null",
	"nullif(c0, c1) is null", "c0 is distinct from c1", "c3 like 'a%'", "c0 = any(array[1, 2])",
}

// TestRowAtATime: a batch, with any selection, gives what its rows give alone;
// folding and the stored form change nothing; Filter keeps the rows that are TRUE.
func TestRowAtATime(t *testing.T) {
	for _, sql := range trees {
		e := parse(t, sql)
		t.Run(sql, func(t *testing.T) { rapid.Check(t, func(t *rapid.T) { checkTree(t, e) }) })
	}
	in := expr.NewIn(&expr.Col{Index: 0, T: testTypes[0]}, []types.Datum{types.IntDatum(1), types.IntDatum(-2), types.NullDatum}, true)
	t.Run("in", func(t *testing.T) { rapid.Check(t, func(t *rapid.T) { checkTree(t, in) }) })
	text := expr.NewIn(&expr.Col{Index: 3, T: testTypes[3]}, []types.Datum{types.BytesDatum("a"), types.BytesDatum("")}, false)
	t.Run("in text", func(t *testing.T) { rapid.Check(t, func(t *rapid.T) { checkTree(t, text) }) })
}

func checkTree(t *rapid.T, e expr.Expr) {
	n := rapid.IntRange(1, 20).Draw(t, "rows")
	cols, data := drawCols(t, n)
	ctx := &expr.Ctx{}
	stored, err := expr.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	back, err := funcs.Unmarshal(stored)
	if err != nil || !expr.Equal(back, e) || back.String() != e.String() {
		t.Fatalf("stored form: %v, %v", back, err)
	}
	want := make([]types.Datum, n)
	for i := range n {
		consts := make([]expr.Expr, len(cols))
		for k := range cols {
			consts[k] = &expr.Const{Value: data[k][i], T: testTypes[k]}
		}
		row := expr.Substitute(e, consts)
		if want[i], err = expr.EvalRow(ctx, row); err != nil {
			t.Fatal(err)
		}
		folded := expr.Fold(row)
		if c, ok := folded.(*expr.Const); !ok || !reflect.DeepEqual(norm(c.Value), norm(want[i])) {
			t.Fatalf("row %d folds to %v, want %v", i, folded, want[i])
		}
	}
	var sel, trues []int32
	all := rapid.Bool().Draw(t, "all")
	for i := range n {
		if all || rapid.Bool().Draw(t, "sel") {
			sel = append(sel, int32(i))
			if !want[i].Null && want[i].Bool() {
				trues = append(trues, int32(i))
			}
		}
	}
	arg := sel
	if all {
		arg = nil
	} else if arg == nil {
		arg = []int32{}
	}
	for _, x := range []expr.Expr{e, back, expr.Fold(e)} {
		v, err := x.Eval(ctx, cols, arg, n)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range sel {
			if got := v.Datum(int(i)); norm(got) != norm(want[i]) {
				t.Fatalf("row %d: got %v, want %v", i, got, want[i])
			}
		}
		got, err := expr.FilterSel(ctx, x, cols, arg, n, nil)
		if err != nil || len(got) != len(trues) || len(got) > 0 && !reflect.DeepEqual(got, trues) {
			t.Fatalf("filter: %v %v, want %v", got, err, trues)
		}
	}
}

func norm(d types.Datum) types.Datum {
	if d.Null {
		return types.NullDatum
	}
	return d
}

// TestErrorsOnlyWhereNeeded: division by zero is raised for rows that need the value.
func TestErrorsOnlyWhereNeeded(t *testing.T) {
	cols := []vec.Vec{vec.Ints([]int64{0, 2}), vec.Ints([]int64{0, 3}), vec.Bools([]bool{true, true}), vec.Strings("a", "b"), vec.Floats([]float64{0, 0})}
	e := parse(t, "6 / c0 = 3")
	if _, err := e.Eval(&expr.Ctx{}, cols, nil, 2); sqlerr.Code(err) != sqlerr.DivisionByZero {
		t.Fatal(err)
	}
	if _, err := e.Eval(&expr.Ctx{}, cols, []int32{1}, 2); err != nil {
		t.Fatal(err)
	}
}

func TestPrint(t *testing.T) {
	for sql, want := range map[string]string{
		"c0 + 1 < c1":                         "(($0 + 1) < $1)",
		"c3 like 'a''b' and not c2":           "(($3 ~~ 'a''b') AND (NOT $2))",
		"c3::varchar(3)":                      "$3::character varying(3)",
		"case when c2 then 1 else 2 end":      "CASE WHEN $2 THEN 1 ELSE 2 END",
		"c0 is null or c0 is distinct from 1": "(($0 IS NULL) OR ($0 IS DISTINCT FROM 1))",
		"coalesce(c3, upper('x'))":            "COALESCE($3, 'X')",
	} {
		if got := expr.Fold(parse(t, sql)).String(); got != want {
			t.Errorf("%s prints as %s, want %s", sql, got, want)
		}
	}
}

func TestWalk(t *testing.T) {
	e := parse(t, "case when c2 then c0 + c1 else c0 end")
	if got := expr.Cols(e); !reflect.DeepEqual(got, []int{0, 1, 2}) {
		t.Fatal(got)
	}
	if got := expr.Cols(expr.Shift(e, 1, 10)); !reflect.DeepEqual(got, []int{0, 11, 12}) {
		t.Fatal(got)
	}
	if got := expr.Remap(e, []int{5, 1, 0}).String(); got != "CASE WHEN $0 THEN ($5 + $1) ELSE $5 END" {
		t.Fatal(got)
	}
	if expr.Equal(e, expr.Shift(e, 0, 1)) || !expr.Equal(e, expr.Shift(e, 0, 0)) {
		t.Fatal("Equal")
	}
	if expr.VolatilityOf(parse(t, "random() < 1")) != expr.VolatileFn || expr.VolatilityOf(parse(t, "now() is null")) != expr.Stable {
		t.Fatal("VolatilityOf")
	}
	if n := len(expr.Conjuncts(parse(t, "c2 and c0 = 1 and (c1 = 1 and c2)"))); n != 4 {
		t.Fatal(n)
	}
}

func TestUnmarshalUnknown(t *testing.T) {
	for s, code := range map[string]string{
		`{"k":"call","f":"nope()->any"}`: sqlerr.FeatureNotSupported, `{"k":"nope"}`: sqlerr.FeatureNotSupported,
		`{`: sqlerr.DataCorrupted, `{"k":"in"}`: sqlerr.DataCorrupted, `{"k":"const"}`: sqlerr.DataCorrupted,
	} {
		if _, err := funcs.Unmarshal([]byte(s)); sqlerr.Code(err) != code {
			t.Errorf("%s: %v", s, err)
		}
	}
}
