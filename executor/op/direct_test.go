package op

import (
	"testing"

	"pgregory.net/rapid"

	"streamdb/executor"
	"streamdb/executor/optest"
	"streamdb/expr"
	"streamdb/expr/exprtest"
	"streamdb/types"
)

// TestDirect: what runs without operators gives what the operators give: a row
// by its key, or a row of expressions, under conditions and expressions.
func TestDirect(t *testing.T) {
	schema := optest.Schema(t, "a int4, b int4, s text")
	table := RowTable{Def: TableRef{ID: 50, Name: "t"}, Cols: schema, Key: []SortKey{{Col: 0}, {Col: 1, Desc: true}}, Dist: []int{1}}
	h := optest.New(t, []types.Schema{schema}, func(in []executor.Spec) executor.Spec {
		return &Materialize{In: in[0], Table: table}
	}, optest.Options{})
	defer h.Close()
	h.PushText(0, "+ 1 1 one\n+ 1 2 two\n+ 2 1 ~\n+ 3 0 zero")
	h.Barrier()

	out := types.Schema{schema[2], schema[0], schema[1]}
	number := func(rt *rapid.T, name string) expr.Expr {
		e := &expr.Const{T: types.Of(types.Int4), Value: types.NullDatum}
		if n := rapid.IntRange(-1, 3).Draw(rt, name); n >= 0 {
			e.Value = types.IntDatum(int64(n))
		}
		return e
	}
	rapid.Check(t, func(rt *rapid.T) {
		x, y := number(rt, "x"), number(rt, "y")
		var spec executor.Spec = &TableScan{Name: "t", Table: table, Cols: []int{2, 0, 1}, Point: []expr.Expr{x, y}, Out: out}
		if rapid.Bool().Draw(rt, "values") {
			spec = &Values{Rows: [][]expr.Expr{{expr.Null(schema[2].Type), x, y}, {expr.Null(schema[2].Type), y, x}}, Out: out}
		}
		for range rapid.IntRange(0, 2).Draw(rt, "calcs") {
			c := &Calc{In: spec}
			if rapid.Bool().Draw(rt, "where") {
				c.Where = parsed(t, rapid.SampledFrom([]string{"c1 > c2", "c0 is null", "c1 <= 2", "c1 = 1", "c2 = 1 and c1 = 2", "c2 = 2 and c1 = 1 and c0 is not null"}).Draw(rt, "condition"), out)
			}
			if rapid.Bool().Draw(rt, "exprs") {
				c.Out = out
				for _, e := range rapid.SampledFrom([][]string{{"c0", "c2", "c1"}, {"c0", "c1 + 1", "7"}}).Draw(rt, "list") {
					c.Exprs = append(c.Exprs, parsed(t, e, out))
				}
			}
			spec = c
		}
		d := DirectOf(&executor.Plan{Fragments: []executor.Fragment{{Root: spec, Parallelism: 1}}})
		if d == nil {
			rt.Fatal("no direct plan")
		}
		snapshot := h.Snapshot()
		defer snapshot.Close()
		b, err := d.Run(&expr.Ctx{}, snapshot)
		if err != nil {
			rt.Fatal(err)
		}
		got := optest.Net{}
		if b != nil {
			for _, c := range optest.Changes(b) {
				got.Add(optest.Text(out, c.Row), int64(c.Op))
			}
		}
		if want := scanned(t, h, spec); got.String() != want.String() {
			rt.Fatalf("got\n%s\nwant\n%s", got, want)
		}
	})
}

// TestNotDirect: what may run long, or reads more than a row, needs operators.
func TestNotDirect(t *testing.T) {
	schema := optest.Schema(t, "a int4, b int4")
	table := RowTable{Def: TableRef{ID: 50, Name: "t"}, Cols: schema, Key: []SortKey{{Col: 0}, {Col: 1}}}
	one := expr.Expr(&expr.Const{T: types.Of(types.Int4), Value: types.IntDatum(1)})
	row := []expr.Expr{parsed(t, "random()", nil)}
	for _, spec := range []executor.Spec{
		&TableScan{Table: table, Cols: []int{0}, Out: schema[:1]},
		&TableScan{Table: table, Cols: []int{0}, Point: []expr.Expr{one}, Out: schema[:1]},
		&Values{Rows: [][]expr.Expr{row}, Out: types.Schema{{Name: "r", Type: types.Of(types.Float8)}}},
		&Values{Rows: make([][]expr.Expr, directRows+1)},
	} {
		if d := DirectOf(&executor.Plan{Fragments: []executor.Fragment{{Root: spec}}}); d != nil {
			t.Errorf("%s %s is direct", spec.Kind(), spec.Explain())
		}
	}
}

// parsed reads an expression over columns c0, c1 ..
func parsed(t testing.TB, text string, cols types.Schema) expr.Expr {
	t.Helper()
	e, err := exprtest.Parse(&expr.Ctx{}, text, schemaTypes(cols)...)
	if err != nil {
		t.Fatal(err)
	}
	return e
}
