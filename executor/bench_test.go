package executor

import (
	"context"
	"testing"
	"time"

	"streamdb/checkpoint"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// BenchmarkBarrierLatency is the time from Submit to a visible epoch in an idle
// graph: table -> view at parallelism 2 -> view.
func BenchmarkBarrierLatency(b *testing.B) {
	r := newRig(b, memStore(b), func(o *checkpoint.Options, _ *GraphOptions) { o.CheckpointInterval = time.Hour })
	defer r.close()
	r.coord.Start()
	f := newFeed()
	r.start(tablePlan(1, f, 20))
	r.start(viewPlan(2, 1, 21, 2))
	r.start(viewPlan(3, 2, 22, 1))
	b.ResetTimer()
	for range b.N {
		r.flush()
	}
}

// BenchmarkEdge is one hop of full batches between two goroutines.
func BenchmarkEdge(b *testing.B) {
	batch := stream.NewBatch(stream.BatchRows, []vec.Vec{vec.Ints(make([]int64, stream.BatchRows))}, nil)
	wakeup := make(chan struct{}, 1)
	e := newEdge(wakeup)
	b.ReportAllocs()
	go func() {
		for range b.N {
			e.send(context.Background(), nil, stream.Message{Batch: batch})
		}
		e.close()
	}()
	for {
		_, ok, ended := e.receive()
		if ended {
			break
		}
		if !ok {
			<-wakeup
		}
	}
	b.ReportMetric(float64(b.N)*stream.BatchRows/b.Elapsed().Seconds()/1e6, "Mrows/s")
}

// BenchmarkHashSplit spreads full batches of two integer columns over 2 instances.
func BenchmarkHashSplit(b *testing.B) {
	schema := types.Schema{{Type: types.Of(types.Int8)}, {Type: types.Of(types.Int8)}}
	keys, vals := make([]int64, stream.BatchRows), make([]int64, stream.BatchRows)
	for i := range keys {
		keys[i] = int64(i * 7919)
	}
	batch := stream.NewBatch(stream.BatchRows, []vec.Vec{vec.Ints(keys), vec.Ints(vals)}, nil)
	edges := []*Edge{newEdge(make(chan struct{}, 1)), newEdge(make(chan struct{}, 1))}
	out := newOutput(Distribution{Kind: Hash, Cols: []int{0}}, schema, edges)
	b.ReportAllocs()
	for range b.N {
		if err := out.batch(context.Background(), stream.Message{Batch: batch}); err != nil {
			b.Fatal(err)
		}
		for _, e := range edges {
			e.receive()
		}
	}
	b.ReportMetric(float64(b.N)*stream.BatchRows/b.Elapsed().Seconds()/1e6, "Mrows/s")
}
