package op

import (
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"streamdb/executor"
	"streamdb/executor/optest"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// exchange splits what it gets by the hash of the columns dist among operators,
// as executor does between tasks, but in one goroutine.
type exchange struct {
	to    []executor.Operator
	dist  []int
	types []types.T
	nodes []storage.VNode
	sels  [][]int32
	rows  int
}

func (e *exchange) Emit(b *stream.Batch) error {
	n := b.Rows()
	e.rows += n
	e.nodes = executor.VNodes(b.Cols(), e.dist, e.types, n, e.nodes)
	for t := range e.sels {
		e.sels[t] = e.sels[t][:0]
	}
	for i, v := range e.nodes {
		t := int(v) * len(e.to) / storage.NumVNodes
		e.sels[t] = append(e.sels[t], int32(i))
	}
	for t, sel := range e.sels {
		if len(sel) > 0 {
			if err := e.to[t].Process(nil, 0, b.Take(sel), nil); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *exchange) EmitWatermark(stream.Watermark) error { return nil }

// BenchmarkTwoPhase compares rows that go to their groups over an exchange as
// they are with those that a PartialAgg combined before; CPU alone, in one
// goroutine, in epochs of half a million rows. sent is what crosses, per row.
func BenchmarkTwoPhase(b *testing.B) {
	s := optest.Schema(b, "k int8, x int8, n numeric, t text")
	lists := map[string][]AggCall{
		"count": {aggCall(b, s, "count")},
		"sums":  {aggCall(b, s, "count"), aggCall(b, s, "sum", 1), aggCall(b, s, "max", 1)},
		"exact": {aggCall(b, s, "avg", 2)},
	}
	for _, groups := range []int64{10, 1000, 20_000, 50_000, 100_000, 1 << 40} {
		batches := benchBatches(groups)
		for _, name := range []string{"count", "sums", "exact"} {
			for _, keys := range [][]int{{0}, {3}} {
				for _, mode := range []PartialMode{"", PartialAdaptive, PartialAlways} {
					text := mode
					if mode == "" {
						text = "one-phase"
					}
					b.Run(fmt.Sprintf("groups=%d/%s/key=%s/%s", groups, name, s[keys[0]].Name, text), func(b *testing.B) {
						benchPhases(b, s, aggSpec(s, keys, lists[name], true), mode, batches)
					})
				}
			}
		}
	}
}

func benchBatches(groups int64) (out []*stream.Batch) {
	seed := uint64(1)
	for range 122 * 4 {
		ks, xs := make([]int64, stream.BatchRows), make([]int64, stream.BatchRows)
		ns, ts := vec.NewBuilder(types.LBytes, stream.BatchRows), vec.NewBuilder(types.LBytes, stream.BatchRows)
		for i := range ks {
			seed = seed*6364136223846793005 + 1442695040888963407
			ks[i], xs[i] = int64(seed>>16)%groups, int64(seed>>40)
			ns.AppendDatum(types.DecimalOfInt(xs[i]).Datum())
			ts.AppendString(fmt.Sprintf("key-%d", ks[i]))
		}
		out = append(out, stream.NewBatch(len(ks), []vec.Vec{vec.Ints(ks), vec.Ints(xs), ns.Vec(), ts.Vec()}, nil))
	}
	return out
}

func benchPhases(b *testing.B, s types.Schema, whole *HashAgg, mode PartialMode, batches []*stream.Batch) {
	partial, final := partialSpecs(b, s, whole, mode)
	partial.In = &optest.Rows{Cols: s}
	final.In = partial
	if mode == "" { // over the columns that it needs alone
		final.In, final.Partials = &optest.Rows{Cols: partial.Out[:len(partial.Keys)+len(partial.Raw)]}, false
	}
	open := func(s executor.Spec) executor.Operator {
		op, err := s.Open(&executor.OpenCtx{Bounded: true})
		if err != nil {
			b.Fatal(err)
		}
		return op
	}
	sent := 0
	before := cpuTime()
	for b.Loop() {
		x := &exchange{sels: make([][]int32, 2), dist: []int{0}, types: schemaTypes(final.In.Schema())}
		x.to = []executor.Operator{open(final), open(final)}
		var first *partialAgg
		if mode != "" {
			first = open(partial).(*partialAgg)
		}
		for i, batch := range batches {
			var err error
			if first == nil {
				cols := pick(nil, batch.Cols(), append(slices.Clone(partial.Keys), partial.Raw...))
				err = x.Emit(stream.NewBatch(batch.Rows(), cols, nil))
			} else if err = first.Process(nil, 0, batch, x); err == nil && i%122 == 121 {
				err = first.Barrier(nil, stream.Barrier{}, x)
			}
			if err != nil {
				b.Fatal(err)
			}
		}
		sent = x.rows
	}
	rows := float64(len(batches) * stream.BatchRows)
	b.ReportMetric(float64((cpuTime()-before).Nanoseconds())/rows/float64(b.N), "cpu-ns/row")
	b.ReportMetric(float64(sent)/rows, "sent/row")
	b.ReportMetric(0, "ns/op")
}

// cpuTime is what the process has used: others use the machine, too.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
