package op

import (
	"testing"

	"pgregory.net/rapid"

	"streamdb/executor"
	"streamdb/executor/optest"
	"streamdb/expr"
	"streamdb/stream"
	"streamdb/types"
)

// TestIndexScan: a scan by equalities and a range gives the rows that they let
// through, from a copy under another key, with and without a look-up.
func TestIndexScan(t *testing.T) {
	schema := optest.Schema(t, "a int4, b int4, id int8")
	base := RowTable{Def: TableRef{ID: 50, Name: "t"}, Cols: schema, Key: []SortKey{{Col: 2}}, Dist: []int{2}}
	rapid.Check(t, func(rt *rapid.T) {
		desc, first := rapid.Bool().Draw(rt, "desc"), rapid.Bool().Draw(rt, "nulls first")
		index := RowTable{Def: TableRef{ID: 51, Name: "i"}, Cols: schema,
			Key: []SortKey{{Col: 0}, {Col: 1, Desc: desc, NullsFirst: first}, {Col: 2}}, Dist: rapid.SampledFrom([][]int{nil, {0}, {0, 1}}).Draw(rt, "dist")}
		h := optest.New(t, []types.Schema{schema}, func(in []executor.Spec) executor.Spec {
			return &Materialize{In: &Materialize{In: in[0], Table: base}, Table: index}
		}, optest.Options{})
		defer h.Close()
		value := func(name string) types.Datum {
			if n := rapid.IntRange(-1, 4).Draw(rt, name); n >= 0 {
				return types.IntDatum(int64(n))
			}
			return types.NullDatum
		}
		var rows []optest.Row
		var changes []optest.Change
		for id := range rapid.IntRange(0, 60).Draw(rt, "rows") {
			r := optest.Row{value("a"), value("b"), types.IntDatum(int64(id))}
			rows = append(rows, r)
			changes = append(changes, optest.Change{Op: stream.Insert, Row: r})
		}
		if len(changes) > 0 {
			h.Push(0, changes)
		}
		h.Barrier()

		s := &IndexScan{Name: "i", Table: index, Cols: []int{2, 1}, Out: types.Schema{schema[2], schema[1]}}
		if rapid.Bool().Draw(rt, "look-up") {
			s.Base, s.BaseKey = base, []int{2}
		}
		constant := func(d types.Datum) expr.Expr { return &expr.Const{Value: d, T: types.Of(types.Int4)} }
		var in []types.Datum
		eq := rapid.Bool().Draw(rt, "eq")
		if eq {
			s.Eq = make([][]expr.Expr, 1)
			for range rapid.IntRange(0, 3).Draw(rt, "in") {
				in = append(in, value("value"))
				s.Eq[0] = append(s.Eq[0], constant(in[len(in)-1]))
			}
		}
		bound := func(name string) (IndexBound, types.Datum) {
			if !rapid.Bool().Draw(rt, name) {
				return IndexBound{}, types.Datum{}
			}
			d := value("bound")
			return IndexBound{E: constant(d), Incl: rapid.Bool().Draw(rt, "inclusive")}, d
		}
		var low, high types.Datum
		s.Low, low = bound("low")
		s.High, high = bound("high")
		ranged := 0 // the column of the range
		if eq {
			ranged = 1
		}
		within := func(d types.Datum) bool {
			if s.Low.E == nil && s.High.E == nil {
				return true
			}
			switch {
			case s.Low.E != nil && (low.Null || d.I < low.I || d.I == low.I && !s.Low.Incl):
				return false
			case s.High.E != nil && (high.Null || d.I > high.I || d.I == high.I && !s.High.Incl):
				return false
			}
			return !d.Null
		}
		want, atLeast := optest.Net{}, optest.Net{}
		for _, r := range rows {
			match := !eq
			for _, d := range in {
				match = match || !d.Null && d == r[0]
			}
			if !match {
				continue
			}
			text := optest.Text(s.Out, optest.Row{r[2], r[1]})
			if within(r[ranged]) {
				want.Add(text, 1)
				atLeast.Add(text, 1)
			} else if r[ranged].Null {
				atLeast.Add(text, 1) // NULLs may come with an open end
			}
		}
		got := scanned(t, h, s)
		for row := range want {
			if got[row] != 1 {
				rt.Fatalf("%s is missing from\n%s", row, got)
			}
		}
		for row, n := range got {
			if n != 1 || atLeast[row] != 1 {
				rt.Fatalf("%s should not be in\n%s", row, got)
			}
		}
	})
}

// scanned is the net result of a bounded run over the harness's store.
func scanned(t testing.TB, h *optest.Harness, s executor.Spec) optest.Net {
	t.Helper()
	net := optest.Net{}
	tmpl := executor.OpenCtx{Snapshot: h.Snapshot, Expr: &expr.Ctx{}, Memory: executor.NewAccountant(0)}
	err := executor.RunBounded(t.Context(), tmpl, s, func(b *stream.Batch) error {
		for _, c := range optest.Changes(b) {
			net.Add(optest.Text(s.Schema(), c.Row), int64(c.Op))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return net
}
