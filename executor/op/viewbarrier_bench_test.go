package op

import (
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"

	"streamdb/executor"
	"streamdb/executor/optest"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// BenchmarkViewBarrier measures what a checkpoint of a view over an aggregate costs,
// in nanoseconds per dirty row (each group is two of them): rows, which is taking in
// as many rows as it takes to touch nearly all groups; barrier, which is results and
// sealing in the task, and the commit behind it, without compactions; these are the
// least of all epochs, as the machine may be busy. cpu is all that the process has
// used, compactions included.
func BenchmarkViewBarrier(b *testing.B) {
	const groups, rows = 49_000, 200_000
	s := optest.Schema(b, "k int8, v int8")
	h := optest.New(b, []types.Schema{s}, func(in []executor.Spec) executor.Spec {
		agg := aggSpec(s, []int{0}, []AggCall{aggCall(b, s, "count"), aggCall(b, s, "sum", 1)}, true)
		agg.In = in[0]
		return &Materialize{In: agg, Table: RowTable{Def: TableRef{ID: 50, Name: "rows"}, Cols: agg.Out, Key: []SortKey{{Col: 0}}, Dist: []int{0}}}
	}, optest.Options{Discard: true, Dir: b.TempDir()})
	rng := rand.New(rand.NewPCG(1, 1))
	var took, barrier []time.Duration
	var in []*stream.Batch
	for range rows / stream.BatchRows {
		ks, vs := make([]int64, stream.BatchRows), make([]int64, stream.BatchRows)
		for i := range ks {
			ks[i], vs[i] = rng.Int64N(groups), rng.Int64N(1_000_000)
		}
		in = append(in, stream.NewBatch(len(ks), []vec.Vec{vec.Ints(ks), vec.Ints(vs)}, nil))
	}
	epochs, cpu := 0, processTime()
	for b.Loop() {
		epochs++
		begun := time.Now()
		for _, batch := range in {
			if err := h.PushBatch(0, batch); err != nil {
				b.Fatal(err)
			}
		}
		pushed := time.Now()
		h.Barrier()
		took, barrier = append(took, pushed.Sub(begun)), append(barrier, time.Since(pushed))
	}
	const dirty = 2 * groups
	b.ReportMetric(float64(slices.Min(took))/dirty, "rows-ns/dirty")
	b.ReportMetric(float64(slices.Min(barrier))/dirty, "barrier-ns/dirty")
	b.ReportMetric(float64(processTime()-cpu)/dirty/float64(epochs), "cpu-ns/dirty")
}

// processTime is what this process has used of the processors.
func processTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
