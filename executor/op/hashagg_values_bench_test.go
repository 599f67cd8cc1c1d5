package op

import (
	"flag"
	"math/rand/v2"
	"testing"
	"time"

	"streamdb/executor/optest"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

var aggRowsLong = flag.Int("agg.rows", 0, "BenchmarkHashAggBeyondMemory: rows, instead of 200,000")

// BenchmarkHashAggBeyondMemory changes random rows of random groups, 500 a group with
// about 400 different values, under aggregates that keep values and have memory for
// about a third of them. It shows rows a second with epochs of 16 batches, and the
// time from the first of 50 rows to the end of a barrier after them.
func BenchmarkHashAggBeyondMemory(b *testing.B) {
	n := 200_000
	if *aggRowsLong > 0 {
		n = *aggRowsLong
	}
	s := optest.Schema(b, "g int8, v int8")
	distinct := aggCall(b, s, "count", 1)
	distinct.Distinct = true
	for _, c := range []struct {
		name  string
		calls []AggCall
		per   int64 // bytes a row, all values in memory
	}{
		{"extremes", []AggCall{aggCall(b, s, "count"), aggCall(b, s, "sum", 1), aggCall(b, s, "min", 1), aggCall(b, s, "max", 1)}, 120},
		{"distinct", []AggCall{aggCall(b, s, "count"), distinct}, 45},
	} {
		b.Run(c.name, func(b *testing.B) {
			caches := &Caches{}
			h := optest.New(b, []types.Schema{s}, buildAgg(aggSpec(s, []int{0}, c.calls, false)),
				optest.Options{Evict: true, Limit: int64(n) * c.per / 3, Env: &Env{Caches: caches}, Discard: true, Dir: b.TempDir()})
			w := &changingRows{h: h, rng: rand.New(rand.NewPCG(1, 2)), groups: int64(max(1, n/500)), values: make([]int64, n)}
			for from := 0; from < n; from += stream.BatchRows {
				w.push(b, from, min(stream.BatchRows, n-from), true)
				if from/stream.BatchRows%16 == 15 {
					h.Barrier()
				}
			}
			h.Barrier()
			var few []float64
			rows := 0
			var busy time.Duration
			for b.Loop() {
				begun := time.Now()
				for range 16 {
					w.push(b, -1, stream.BatchRows/2, false)
					rows += stream.BatchRows
				}
				h.Barrier()
				busy += time.Since(begun)
				for range 9 {
					begun = time.Now()
					w.push(b, -1, 25, false)
					h.Barrier()
					few = append(few, float64(time.Since(begun).Microseconds()))
				}
			}
			b.ReportMetric(float64(rows)/busy.Seconds(), "rows/s")
			b.ReportMetric(middle(few), "us/50-rows")
			b.ReportMetric(float64(h.Memory())/(1<<20), "MB")
			b.ReportMetric(float64(h.Peak())/(1<<20), "MB-peak")
			b.ReportMetric(float64(int64(n)*c.per/3)/(1<<20), "MB-limit")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// changingRows are rows (group, value) that change: row i is in group i modulo groups.
type changingRows struct {
	h      *optest.Harness
	rng    *rand.Rand
	groups int64
	values []int64
}

// push inserts n rows from row from on, or else gives n random rows other values.
func (w *changingRows) push(b *testing.B, from, n int, fresh bool) {
	var g, v []int64
	var ops []stream.Op
	for k := range n {
		i := from + k
		if !fresh {
			i = w.rng.IntN(len(w.values))
			g, v, ops = append(g, int64(i)%w.groups), append(v, w.values[i]), append(ops, stream.Delete)
		}
		w.values[i] = w.rng.Int64N(1000)
		g, v, ops = append(g, int64(i)%w.groups), append(v, w.values[i]), append(ops, stream.Insert)
	}
	if err := w.h.PushBatch(0, stream.NewBatch(len(g), []vec.Vec{vec.Ints(g), vec.Ints(v)}, ops)); err != nil {
		b.Fatal(err)
	}
}
