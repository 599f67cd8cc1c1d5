package op

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"streamdb/executor/optest"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// TestHashAggShrinks: results do not depend on which values and groups have left
// memory, where a group has more values than memory and more than are read at once.
func TestHashAggShrinks(t *testing.T) {
	defer func(n, m int32) { extremeCache, extremeLeast = n, m }(extremeCache, extremeLeast)
	extremeCache, extremeLeast = 12, 4
	s := optest.Schema(t, "g int8, x int8")
	distinct, sum := aggCall(t, s, "count", 1), aggCall(t, s, "sum", 1)
	distinct.Distinct, sum.Distinct = true, true
	for name, calls := range map[string][]AggCall{
		"extremes": {aggCall(t, s, "min", 1), aggCall(t, s, "max", 1)},
		"distinct": {distinct, sum, aggCall(t, s, "count")},
		"both":     {aggCall(t, s, "max", 1), distinct, aggCall(t, s, "array_agg", 1)},
	} {
		for _, keys := range [][]int{{}, {0}} {
			t.Run(fmt.Sprintf("%s/keys=%v", name, keys), func(t *testing.T) {
				spec := aggSpec(s, keys, calls, false)
				optest.Check(t, optest.Law{
					Schemas: []types.Schema{s},
					Build:   buildAgg(spec),
					Gen: []func(*rapid.T) optest.Row{func(t *rapid.T) optest.Row {
						return optest.Row{genInt(t, 4), genInt(t, 200)}
					}},
					Changes:   200,
					Oracle:    aggOracle(t, s, spec),
					NoBounded: name == "both",
				})
			})
		}
	}
}

// TestHashAggTrims: with memory for a part of the values of 100 groups no group
// leaves, memory keeps to its limit, and min and max follow when the values in memory
// are taken back again and again.
func TestHashAggTrims(t *testing.T) {
	s := optest.Schema(t, "g int8, x int8")
	distinct := aggCall(t, s, "count", 1)
	distinct.Distinct = true
	spec := aggSpec(s, []int{0}, []AggCall{aggCall(t, s, "min", 1), aggCall(t, s, "max", 1), distinct}, false)
	const groups, values, limit = 100, 400, 2 << 20 // all of them take 8 MB
	caches := &Caches{}
	h := optest.New(t, []types.Schema{s}, buildAgg(spec), optest.Options{Evict: true, Limit: limit, Env: &Env{Caches: caches}})
	push := func(from, to int64, op stream.Op) {
		var g, x []int64
		for k := range groups {
			for v := from; v < to; v++ {
				g, x = append(g, int64(k)), append(x, v)
			}
		}
		for len(g) > 0 {
			n := min(len(g), stream.BatchRows)
			if err := h.PushBatch(0, stream.NewBatch(n, []vec.Vec{vec.Ints(g[:n]), vec.Ints(x[:n])}, slices.Repeat([]stream.Op{op}, n))); err != nil {
				t.Fatal(err)
			}
			g, x = g[n:], x[n:]
		}
	}
	check := func(from, to int64) {
		t.Helper()
		h.Barrier()
		if used := h.Memory(); used > limit {
			t.Fatalf("values %d to %d: %d bytes in memory", from, to, used)
		}
		want := optest.Net{}
		for k := range groups {
			want.Add(fmt.Sprintf("%d %d %d %d", k, from, to-1, to-from), 1)
		}
		if got := h.Sum().String(); got != want.String() {
			t.Fatalf("values %d to %d: got\n%s\nwant\n%s", from, to, got, want)
		}
	}
	for to := int64(0); to < values; to += 50 {
		push(to, to+50, stream.Insert)
		check(0, to+50)
	}
	for from := int64(0); from < values-30; from += 30 {
		push(from, from+30, stream.Delete)
		check(from+30, values)
	}
	if left := cacheStat(t, caches).Evicted.Load(); left > 0 {
		t.Errorf("%d groups have left memory", left)
	}
}
