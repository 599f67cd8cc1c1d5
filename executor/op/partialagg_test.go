package op

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"streamdb/executor"
	"streamdb/executor/optest"
	"streamdb/internal/sqlerr"
	"streamdb/stream"
	"streamdb/types"
)

// partialSpecs puts a PartialAgg and the HashAgg over it together; whole is what
// they compute.
func partialSpecs(t testing.TB, s types.Schema, whole *HashAgg, mode PartialMode) (*PartialAgg, *HashAgg) {
	t.Helper()
	partial := &PartialAgg{Keys: whole.Keys, Aggs: slices.Clone(whole.Aggs), Mode: mode}
	final := *whole
	final.Keys, final.Aggs, final.Partials = nil, nil, true
	place := map[int]int{}
	for k, c := range whole.Keys {
		place[c] = k
		final.Keys = append(final.Keys, k)
		partial.Out = append(partial.Out, s[c])
	}
	raw := func(c int) int {
		if _, ok := place[c]; !ok {
			place[c] = len(partial.Out)
			partial.Raw, partial.Out = append(partial.Raw, c), append(partial.Out, s[c])
		}
		return place[c]
	}
	for _, c := range whole.Aggs {
		c.Args = slices.Clone(c.Args)
		for i := range c.Args {
			c.Args[i] = raw(c.Args[i])
		}
		if c.Filter >= 0 {
			c.Filter = raw(c.Filter)
		}
		final.Aggs = append(final.Aggs, c)
	}
	for i, c := range whole.Aggs {
		cols, ok := c.PartialColumns(s)
		if !ok {
			t.Fatalf("%s has no partial form", c.Def)
		}
		for _, ct := range cols {
			final.Aggs[i].Parts = append(final.Aggs[i].Parts, len(partial.Out))
			partial.Out = append(partial.Out, types.Column{Type: ct})
		}
	}
	partial.Out = append(partial.Out, types.Column{Name: "_rows", Type: types.Of(types.Int8)})
	return partial, &final
}

func buildPartial(partial *PartialAgg, final *HashAgg) optest.Build {
	return func(in []executor.Spec) executor.Spec {
		p, f := *partial, *final
		p.In, f.In = in[0], &p
		return &f
	}
}

// reduceBy sets what reduction decides by for the time of a test.
func reduceBy(t *testing.T, rows int64, most float64, pause int64) {
	a, b, c := reductionRows, reductionMost, reductionPause
	reductionRows, reductionMost, reductionPause = rows, most, pause
	t.Cleanup(func() { reductionRows, reductionMost, reductionPause = a, b, c })
}

// TestPartialAgg: a PartialAgg below a HashAgg changes nothing, whether it
// combines rows, passes them on or does both in turn.
func TestPartialAgg(t *testing.T) {
	s := optest.Schema(t, "g int8, x int4, y numeric, f float8, b bool, h text, v interval")
	star := aggCall(t, s, "count")
	filtered, byKey := aggCall(t, s, "sum", 2), aggCall(t, s, "avg", 1)
	filtered.Filter, byKey.Filter = 4, 4
	lists := map[string][]AggCall{
		"rows":     {},
		"count":    {star},
		"sums":     {star, aggCall(t, s, "sum", 1), aggCall(t, s, "avg", 2), aggCall(t, s, "sum", 3), aggCall(t, s, "sum", 6)},
		"filtered": {filtered, byKey, aggCall(t, s, "count", 4)},
		"spread":   {aggCall(t, s, "var_pop", 2), aggCall(t, s, "stddev_samp", 3), aggCall(t, s, "bit_xor", 1), aggCall(t, s, "bool_or", 4)},
		"extremes": {aggCall(t, s, "min", 1), aggCall(t, s, "max", 5), aggCall(t, s, "min", 2), star},
	}
	gen := func(t *rapid.T) optest.Row {
		return optest.Row{genInt(t, 2), genInt(t, 4), types.DecimalOfInt(int64(rapid.IntRange(0, 2).Draw(t, "y"))).Datum(),
			types.FloatDatum(rapid.SampledFrom([]float64{0.1, 1e18, -1e18, 3}).Draw(t, "f")), types.BoolDatum(rapid.Bool().Draw(t, "b")),
			types.BytesDatum(rapid.SampledFrom([]string{"", "a", "bb"}).Draw(t, "h")), spanDatum(int64(rapid.IntRange(-2, 2).Draw(t, "v")))}
	}
	for name, calls := range lists {
		for _, keys := range [][]int{{0}, {4}, {5, 0}, {2}} {
			for _, mode := range []PartialMode{PartialAdaptive, PartialAlways} {
				appendOnly := name == "extremes"
				whole := aggSpec(s, keys, calls, appendOnly)
				partial, final := partialSpecs(t, s, whole, mode)
				t.Run(fmt.Sprintf("%s/keys=%v/%s", name, keys, mode), func(t *testing.T) {
					reduceBy(t, 3, 0.6, 1)
					optest.Check(t, optest.Law{
						Schemas: []types.Schema{s}, Build: buildPartial(partial, final),
						Gen: []func(*rapid.T) optest.Row{gen}, Changes: 20,
						AppendOnly: []bool{appendOnly}, Oracle: aggOracle(t, s, whole),
					})
				})
			}
		}
	}
}

func spanDatum(days int64) types.Datum {
	return types.BytesDatum(string(types.AppendSpan(nil, types.Span{Days: int32(days), Micros: days})))
}

// TestPartialAggEmits shows what crosses the exchange: groups while that makes
// fewer rows, then rows as they are, and groups again.
func TestPartialAggEmits(t *testing.T) {
	s := optest.Schema(t, "g int8, x int4")
	whole := aggSpec(s, []int{0}, []AggCall{aggCall(t, s, "count", 1), aggCall(t, s, "sum", 1)}, false)
	partial, _ := partialSpecs(t, s, whole, PartialAdaptive)
	reduceBy(t, 4, 0.5, 2)
	h := optest.New(t, []types.Schema{s}, func(in []executor.Spec) executor.Spec {
		p := *partial
		p.In = in[0]
		return &p
	}, optest.Options{})
	defer h.Close()
	for i, step := range []struct{ push, want string }{
		{"+ 1 5\n+ 1 6\n+ 1 7\n- 1 5", "+ 1 NULL 2 0 13 2 2"},
		{"+ 1 5\n+ 2 6\n+ 3 NULL\n- 1 6", "+ 1 NULL 0 -1 -1 0 0\n+ 2 NULL 1 0 6 1 1\n+ 3 NULL 0 0 0 0 1"}, // 3 groups of 4 rows: too many
		{"+ 1 5\n+ 1 6\n+ 1 7\n- 1 5", "+ 1 6 NULL NULL NULL NULL NULL\n+ 1 7 NULL NULL NULL NULL NULL"},
		{"+ 1 5\n+ 1 6\n+ 1 7\n- 1 5", "+ 1 6 NULL NULL NULL NULL NULL\n+ 1 7 NULL NULL NULL NULL NULL"},
		{"+ 1 5\n+ 1 6\n+ 1 7\n- 1 5", "+ 1 NULL 2 0 13 2 2"}, // it looks again
	} {
		h.PushText(0, step.push)
		if got := h.Barrier().String(); got != step.want {
			t.Fatalf("step %d: got\n%s\nwant\n%s", i, got, step.want)
		}
	}
}

// TestPartialAggBounds: groups beyond the bounds leave before the barrier, and
// memory does not grow with the number of keys.
func TestPartialAggBounds(t *testing.T) {
	s := optest.Schema(t, "g text, x int4")
	whole := aggSpec(s, []int{0}, []AggCall{aggCall(t, s, "sum", 1), aggCall(t, s, "max", 0)}, true)
	partial, _ := partialSpecs(t, s, whole, PartialAlways)
	h := optest.New(t, []types.Schema{s}, func(in []executor.Spec) executor.Spec {
		p := *partial
		p.In = in[0]
		return &p
	}, optest.Options{})
	defer h.Close()
	const n = 40_000
	for i := range n {
		key := strings.Repeat("k", 2000) + fmt.Sprint(i)
		h.Push(0, []optest.Change{{Op: stream.Insert, Row: optest.Row{types.BytesDatum(key), types.IntDatum(1)}}})
		if i%20_000 == 0 {
			h.Barrier()
		}
	}
	h.Barrier()
	if got := h.Peak(); got < partialBytes || got > 2*partialBytes {
		t.Fatalf("%d bytes held", got)
	}
	if got := h.Memory(); got > partialBytes {
		t.Fatalf("%d bytes held after a barrier", got)
	}
}

// TestPartialAggSpread: groups that become several rows above are worth gathering
// where fewer rows make one.
func TestPartialAggSpread(t *testing.T) {
	reduceBy(t, 10, 0.1, 2)
	for _, c := range []struct {
		spread, groups int
		passes         bool
	}{{1, 1, false}, {1, 2, true}, {3, 3, false}, {3, 4, true}, {100, 5, false}, {100, 6, true}} {
		r := reduction{spread: c.spread}
		r.flushed(10, c.groups)
		if got := r.passes(1); got != c.passes {
			t.Errorf("%d groups of 10 rows, each %d rows above: rows are passed on: %v", c.groups, c.spread, got)
		}
	}
}

// TestPartialAggLate: late rows are counted one by one also when they come as a group.
func TestPartialAggLate(t *testing.T) {
	s := optest.Schema(t, "w int8, x int4")
	whole := aggSpec(s, []int{0}, []AggCall{aggCall(t, s, "count")}, true)
	whole.WindowKey, whole.Closed = 0, TableRef{ID: 150, Name: "closed"}
	partial, final := partialSpecs(t, s, whole, PartialAlways)
	h := optest.New(t, []types.Schema{s}, buildPartial(partial, final), optest.Options{})
	defer h.Close()
	h.PushText(0, "+ 10 1\n+ 20 1\n+ 20 1")
	h.Watermark(0, 0, 10)
	if got, want := h.Barrier().String(), "+ 10 1\n+ 20 2"; got != want {
		t.Fatalf("got\n%s\nwant\n%s", got, want)
	}
	if len(h.Watermarks) != 1 || h.Watermarks[0] != (stream.Watermark{Column: 0, Time: 10}) {
		t.Fatalf("watermarks %v", h.Watermarks)
	}
	h.PushText(0, "+ 10 1\n+ 10 1\n+ 9 1\n+ 10 1\n+ 20 1")
	if got, want := h.Barrier().String(), "- 20 2\n+ 20 3"; got != want {
		t.Fatalf("got\n%s\nwant\n%s", got, want)
	}
	snap := h.Snapshot()
	defer snap.Close()
	if n, err := LateRows(snap, final.Closed); err != nil || n != 4 {
		t.Fatalf("%d late rows, %v; want 4", n, err)
	}
}

// TestPartialAggPlan: a pinned plan that merges what has no partial form is refused.
func TestPartialAggPlan(t *testing.T) {
	s := optest.Schema(t, "g int8, x int4")
	whole := aggSpec(s, []int{0}, []AggCall{aggCall(t, s, "sum", 1)}, true)
	_, final := partialSpecs(t, s, whole, PartialAlways)
	final.Aggs[0].Parts = nil
	final.In = &optest.Rows{Cols: s}
	_, err := final.Open(&executor.OpenCtx{Bounded: true})
	if sqlerr.From(err).Code != sqlerr.DataCorrupted {
		t.Fatalf("got %v", err)
	}
}
