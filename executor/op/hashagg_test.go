package op

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"streamdb/executor"
	"streamdb/executor/optest"
	"streamdb/expr"
	"streamdb/expr/aggs"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// aggCall resolves a call for tests: name over columns of s.
func aggCall(t testing.TB, s types.Schema, name string, args ...int) AggCall {
	t.Helper()
	def, wanted, ok, err := aggs.Resolve(name, colTypes(s, args))
	if err != nil || !ok {
		t.Fatalf("aggregate %s: %v", name, err)
	}
	if name == "count" && len(args) == 0 {
		for _, d := range aggs.ByName("count") {
			if d.IsCountStar() {
				def = d
			}
		}
	}
	return AggCall{Def: def.Key(), Args: args, Filter: -1, T: def.ResultType(wanted)}
}

// aggOracle computes the rows of a HashAgg naively.
func aggOracle(t testing.TB, s types.Schema, spec *HashAgg) func(in [][]optest.Row) []optest.Row {
	ctx := &expr.Ctx{}
	return func(in [][]optest.Row) []optest.Row {
		groups := map[string][]optest.Row{}
		if len(spec.Keys) == 0 {
			groups[""] = nil
		}
		for _, r := range in[0] {
			var key []byte
			for _, k := range spec.Keys {
				key = types.AppendKey(key, s[k].Type, r[k], false, false)
			}
			groups[string(key)] = append(groups[string(key)], r)
		}
		var out []optest.Row
		for _, rows := range groups {
			var res optest.Row
			for _, k := range spec.Keys {
				res = append(res, rows[0][k])
			}
			for i := range spec.Aggs {
				d, err := naiveAgg(ctx, s, &spec.Aggs[i], rows)
				if err != nil {
					t.Fatal(err)
				}
				res = append(res, d)
			}
			out = append(out, res)
		}
		return out
	}
}

func naiveAgg(ctx *expr.Ctx, s types.Schema, call *AggCall, rows []optest.Row) (types.Datum, error) {
	def, ts, err := call.find(s)
	if err != nil {
		return types.NullDatum, err
	}
	order := slices.Clone(call.OrderBy)
	for _, c := range call.Args {
		order = append(order, SortKey{Col: c})
	}
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b optest.Row) int { return compareBy(s, order, a, b) })
	args := make([]*vec.Builder, len(call.Args))
	for j, c := range call.Args {
		args[j] = vec.NewBuilder(s[c].Type.Layout(), 0)
	}
	n := 0
	var last optest.Row
	for _, r := range rows {
		null := false
		for _, c := range call.Args {
			null = null || r[c].Null
		}
		if call.Filter >= 0 && (r[call.Filter].Null || !r[call.Filter].Bool()) || null && !def.NotStrict ||
			call.Distinct && last != nil && compareBy(s, order, last, r) == 0 {
			continue
		}
		last = r
		for j, c := range call.Args {
			args[j].AppendDatum(r[c])
		}
		n++
	}
	cols := make([]vec.Vec, len(args))
	for j := range cols {
		cols[j] = args[j].Vec()
	}
	return def.FinalOf(ctx, ts, cols, n)
}

// aggSpec puts a HashAgg together; Out and state tables follow from the calls.
func aggSpec(s types.Schema, keys []int, calls []AggCall, appendOnly bool) *HashAgg {
	calls = slices.Clone(calls)
	ShareDistinct(calls, appendOnly)
	h := &HashAgg{Keys: keys, Aggs: calls, AppendOnly: appendOnly, WindowKey: -1, Groups: TableRef{ID: 100, Name: "agg"}}
	for _, k := range keys {
		h.Out = append(h.Out, s[k])
	}
	for i := range calls {
		h.Out = append(h.Out, types.Column{Name: fmt.Sprint("agg", i), Type: calls[i].T})
		ref := TableRef{}
		if calls[i].NeedsMultiset(appendOnly) {
			ref = TableRef{ID: h.Groups.ID + 1 + storage.TableID(i), Name: "values"}
		}
		h.Multisets = append(h.Multisets, ref)
	}
	return h
}

func buildAgg(spec *HashAgg) optest.Build {
	return func(in []executor.Spec) executor.Spec {
		s := *spec
		s.In = in[0]
		return &s
	}
}

// threeValues is what a condition may be.
var threeValues = []types.Datum{types.BoolDatum(true), types.BoolDatum(false), types.NullDatum}

func TestHashAgg(t *testing.T) {
	defer func(n, m int32) { extremeCache, extremeLeast = n, m }(extremeCache, extremeLeast)
	extremeCache, extremeLeast = 2, 1
	s := optest.Schema(t, "g int8, h text, x int4, y numeric, b bool, z int8, c bool")
	star := aggCall(t, s, "count")
	filtered := aggCall(t, s, "sum", 2)
	filtered.Filter = 4
	countDistinct := aggCall(t, s, "count", 2)
	countDistinct.Distinct = true
	filteredDistinct := countDistinct
	filteredDistinct.Filter = 4
	sumDistinct := aggCall(t, s, "sum", 3)
	sumDistinct.Distinct = true
	avgDistinct := aggCall(t, s, "avg", 2)
	avgDistinct.Distinct = true
	filteredSum := aggCall(t, s, "sum", 2)
	filteredSum.Distinct, filteredSum.Filter = true, 4
	arrayAgg := aggCall(t, s, "array_agg", 2)
	arrayAgg.OrderBy = []SortKey{{Col: 5, Desc: true, NullsFirst: true}}
	arrayDistinct := aggCall(t, s, "array_agg", 2)
	arrayDistinct.Distinct = true
	stringAgg := aggCall(t, s, "string_agg", 1, 1)
	otherDistinct := countDistinct
	otherDistinct.Filter = 6
	calls := map[string][]AggCall{
		"distinct rows": {},
		"plain":         {star, aggCall(t, s, "count", 2), aggCall(t, s, "sum", 2), aggCall(t, s, "avg", 3), filtered},
		"sum bigint":    {aggCall(t, s, "sum", 5), aggCall(t, s, "bool_and", 4)},
		"min max":       {aggCall(t, s, "min", 2), aggCall(t, s, "max", 2), aggCall(t, s, "max", 1)},
		"distinct":      {countDistinct, sumDistinct, filteredDistinct},
		"shared":        {countDistinct, filteredDistinct, star, avgDistinct, filteredSum, sumDistinct},
		"filters":       {filteredDistinct, otherDistinct, countDistinct, avgDistinct},
		"pinned":        {countDistinct, avgDistinct, star}, // as planned before values were shared
		"ordered":       {arrayAgg, stringAgg, star},
		"array":         {arrayDistinct},
	}
	for name, list := range calls {
		for _, keys := range [][]int{{}, {0}, {1, 0}, {3}} {
			for _, appendOnly := range []bool{false, true} {
				if len(keys) == 0 && len(list) == 0 {
					continue
				}
				spec := aggSpec(s, keys, list, appendOnly)
				if name == "pinned" {
					spec.Aggs[1].Shares, spec.Multisets[1] = 0, TableRef{ID: 102, Name: "values"}
				}
				t.Run(fmt.Sprintf("%s/keys=%v/append=%v", strings.ReplaceAll(name, " ", "_"), keys, appendOnly), func(t *testing.T) {
					optest.Check(t, optest.Law{
						Schemas: []types.Schema{s},
						Build:   buildAgg(spec),
						Gen: []func(*rapid.T) optest.Row{func(t *rapid.T) optest.Row {
							y := types.DecimalOfInt(int64(rapid.IntRange(0, 2).Draw(t, "y"))).Datum()
							return optest.Row{genInt(t, 2), types.BytesDatum(rapid.SampledFrom([]string{"", "a", "b\x00"}).Draw(t, "h")), genInt(t, 9), y,
								types.BoolDatum(rapid.Bool().Draw(t, "b")), genInt(t, 5), rapid.SampledFrom(threeValues).Draw(t, "c")}
						}},
						Changes:    30,
						AppendOnly: []bool{appendOnly},
						Oracle:     aggOracle(t, s, spec),
						NoBounded:  name == "ordered" || name == "array", // ties and no ORDER BY: order of arrival there
					})
				})
			}
		}
	}
}

// TestTwoPhaseAgg runs PartialAgg below HashAgg.
func TestTwoPhaseAgg(t *testing.T) {
	s := optest.Schema(t, "g int8, x int4, y numeric, f float8")
	calls := []AggCall{aggCall(t, s, "count"), aggCall(t, s, "sum", 1), aggCall(t, s, "avg", 2), aggCall(t, s, "sum", 3)}
	for _, keys := range [][]int{{0}, {}} {
		partial := &PartialAgg{Keys: keys, Aggs: calls}
		final := aggSpec(s, keys, nil, false)
		for _, k := range keys {
			partial.Out = append(partial.Out, s[k])
		}
		for _, c := range calls {
			cols, ok := c.PartialColumns(s)
			if !ok {
				t.Fatalf("%s has no partial form", c.Def)
			}
			m := c
			m.Merge, m.Args, m.ArgTypes = true, nil, colTypes(s, c.Args)
			for _, ct := range cols {
				m.Args = append(m.Args, len(partial.Out))
				partial.Out = append(partial.Out, types.Column{Type: ct})
			}
			final.Aggs = append(final.Aggs, m)
			final.Out = append(final.Out, types.Column{Type: c.T})
		}
		partial.Out = append(partial.Out, types.Column{Name: "rows", Type: types.Of(types.Int8)})
		for k := range final.Keys {
			final.Keys[k] = k
		}
		whole := aggSpec(s, keys, calls, false)
		t.Run(fmt.Sprint(keys), func(t *testing.T) {
			optest.Check(t, optest.Law{
				Schemas: []types.Schema{s},
				Build: func(in []executor.Spec) executor.Spec {
					p, f := *partial, *final
					p.In, f.In = in[0], &p
					return &f
				},
				Gen: []func(*rapid.T) optest.Row{func(t *rapid.T) optest.Row {
					return optest.Row{genInt(t, 2), genInt(t, 4), types.DecimalOfInt(int64(rapid.IntRange(0, 2).Draw(t, "y"))).Datum(),
						types.FloatDatum(rapid.SampledFrom([]float64{0.1, 1e18, -1e18, 3}).Draw(t, "f"))}
				}},
				Oracle: aggOracle(t, s, whole),
			})
		})
	}
}

// TestHashAggWindow drops groups behind the watermark, from memory and from the state.
func TestHashAggWindow(t *testing.T) {
	s := optest.Schema(t, "w int8, g text, x int8")
	distinct := aggCall(t, s, "count", 2)
	distinct.Distinct = true
	for _, evict := range []bool{false, true} {
		spec := aggSpec(s, []int{1, 0}, []AggCall{aggCall(t, s, "count"), distinct, aggCall(t, s, "max", 2)}, false)
		spec.WindowKey = 1
		h := optest.New(t, []types.Schema{s}, buildAgg(spec), optest.Options{Evict: evict})
		h.PushText(0, "+ 10 a 1\n+ 10 b 2\n+ 20 a 3\n+ 30 a 3\n+ NULL a 1")
		h.Barrier()
		h.Barrier()
		if n := h.StateRows(spec.Groups); n != 5 {
			t.Fatalf("%d groups in the state, want 5", n)
		}
		if evict {
			h.Restart()
		}
		h.PushText(0, "+ 20 a 4")
		h.Watermark(0, 0, 20)
		got := h.Barrier().String()
		if want := "- a 20 1 1 3\n+ a 20 2 2 4"; got != want {
			t.Fatalf("got\n%s\nwant\n%s", got, want)
		}
		if len(h.Watermarks) != 1 || h.Watermarks[0] != (stream.Watermark{Column: 1, Time: 20}) {
			t.Fatalf("watermarks %v", h.Watermarks)
		}
		for i, want := range []int{2, 0, 2, 2} { // one value in each of the two groups left
			ref := spec.Groups
			if i > 0 {
				ref = spec.Multisets[i-1]
			}
			if n := h.StateRows(ref); ref.ID != 0 && n != want {
				t.Fatalf("evict %v: table %d has %d rows, want %d", evict, ref.ID, n, want)
			}
		}
		h.Watermark(0, 0, 30)
		h.Barrier()
		if n := h.StateRows(spec.Groups); n != 1 { // the window that is NULL
			t.Fatalf("%d groups in the state, want 1", n)
		}
		h.Close()
	}
}

// TestHashAggGlobal: the group without keys exists from the first epoch on, once.
func TestHashAggGlobal(t *testing.T) {
	s := optest.Schema(t, "x int4")
	spec := aggSpec(s, nil, []AggCall{aggCall(t, s, "count"), aggCall(t, s, "sum", 0)}, false)
	h := optest.New(t, []types.Schema{s}, buildAgg(spec), optest.Options{})
	for _, step := range []struct{ push, want string }{
		{"", "+ 0 NULL"},
		{"", ""},
		{"+ 3", "- 0 NULL\n+ 1 3"},
		{"+ 4\n- 3", "- 1 3\n+ 1 4"},
		{"- 4", "+ 0 NULL\n- 1 4"},
	} {
		h.PushText(0, step.push)
		if got := h.Barrier().String(); got != step.want {
			t.Fatalf("after %q: got\n%s\nwant\n%s", step.push, got, step.want)
		}
		h.Restart()
	}
}

// TestHashAggEviction: under pressure memory follows what is touched, not what exists.
func TestHashAggEviction(t *testing.T) {
	s := optest.Schema(t, "g int8, x int4")
	distinct := aggCall(t, s, "count", 1)
	distinct.Distinct = true
	spec := aggSpec(s, []int{0}, []AggCall{aggCall(t, s, "sum", 1), distinct, aggCall(t, s, "max", 1)}, false)
	var used [2]int64
	for k, evict := range []bool{false, true} {
		h := optest.New(t, []types.Schema{s}, buildAgg(spec), optest.Options{Evict: evict, Discard: true})
		for epoch := range 40 {
			g, x := make([]int64, 1000), make([]int64, 1000)
			for i := range g {
				g[i], x[i] = int64(epoch*1000+i), int64(i)
			}
			if err := h.PushBatch(0, stream.NewBatch(len(g), []vec.Vec{vec.Ints(g), vec.Ints(x)}, nil)); err != nil {
				t.Fatal(err)
			}
			h.Barrier()
		}
		used[k] = h.Memory()
		h.Close()
		if left := h.Memory(); left != 0 {
			t.Errorf("%d bytes are still reported after Close", left)
		}
	}
	if used[1] > used[0]/5 {
		t.Errorf("%d bytes with eviction, %d without", used[1], used[0])
	}
}

func BenchmarkHashAgg(b *testing.B) {
	s := optest.Schema(b, "g int8, x int4")
	for _, keys := range []int64{1000, 100_000, 1_000_000} {
		for _, bounded := range []bool{true, false} {
			b.Run(fmt.Sprintf("count,sum/%d/bounded=%v", keys, bounded), func(b *testing.B) {
				spec := aggSpec(s, []int{0}, []AggCall{aggCall(b, s, "count"), aggCall(b, s, "sum", 1)}, true)
				rng := rand.New(rand.NewPCG(1, 2))
				batches := make([]*stream.Batch, 64)
				for k := range batches {
					g, x := make([]int64, stream.BatchRows), make([]int64, stream.BatchRows)
					for i := range g {
						g[i], x[i] = rng.Int64N(keys)*7919, rng.Int64N(1000)
					}
					batches[k] = stream.NewBatch(stream.BatchRows, []vec.Vec{vec.Ints(g), vec.Ints(x)}, nil)
				}
				spec.In = &executor.Input{Cols: s}
				var op executor.Operator
				rows := 0
				if bounded {
					var err error
					if op, err = spec.Open(&executor.OpenCtx{Bounded: true}); err != nil {
						b.Fatal(err)
					}
					ctx := &executor.Ctx{Expr: &expr.Ctx{}}
					b.ResetTimer()
					for i := 0; b.Loop(); i++ {
						if err := op.Process(ctx, 0, batches[i%64], nil); err != nil {
							b.Fatal(err)
						}
						rows += stream.BatchRows
					}
				} else { // a barrier every 2 M rows
					h := optest.New(b, []types.Schema{s}, buildAgg(spec), optest.Options{Discard: true})
					b.ResetTimer()
					for i := 0; b.Loop(); i++ {
						if err := h.PushBatch(0, batches[i%64]); err != nil {
							b.Fatal(err)
						}
						if rows += stream.BatchRows; i%512 == 511 {
							h.Barrier()
						}
					}
				}
				b.ReportMetric(float64(rows)/b.Elapsed().Seconds()/1e6, "Mrows/s")
			})
		}
	}
}

func BenchmarkHashAggDistinct(b *testing.B) {
	s := optest.Schema(b, "g int8, x int8")
	distinct := aggCall(b, s, "count", 1)
	distinct.Distinct = true
	spec := aggSpec(s, []int{0}, []AggCall{distinct}, true)
	spec.In = &executor.Input{Cols: s}
	op, err := spec.Open(&executor.OpenCtx{Bounded: true})
	if err != nil {
		b.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	batches := make([]*stream.Batch, 64)
	for k := range batches {
		g, x := make([]int64, stream.BatchRows), make([]int64, stream.BatchRows)
		for i := range g {
			g[i], x[i] = rng.Int64N(100), rng.Int64N(1000)
		}
		batches[k] = stream.NewBatch(stream.BatchRows, []vec.Vec{vec.Ints(g), vec.Ints(x)}, nil)
	}
	ctx := &executor.Ctx{Expr: &expr.Ctx{}}
	rows := 0
	b.ResetTimer()
	for i := 0; b.Loop(); i++ {
		if err := op.Process(ctx, 0, batches[i%64], nil); err != nil {
			b.Fatal(err)
		}
		rows += stream.BatchRows
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds()/1e6, "Mrows/s")
}
