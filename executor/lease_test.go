package executor

import (
	"context"
	"testing"

	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// TestLease: memory that was lent comes back once, when all who got the columns as
// they are have let go of it, and not before; who gets a copy does not hold it.
func TestLease(t *testing.T) {
	cols := types.Schema{{Name: "k", Type: types.Of(types.Int8)}}
	for _, c := range []struct {
		name  string
		kind  DistKind
		edges int
		rows  int
		holds int // receivers that have to let go
	}{
		{"one edge", Hash, 1, 2000, 1},
		{"broadcast", Broadcast, 3, 2000, 3},
		{"random", Random, 3, 2000, 1},
		{"hash, of copies", Hash, 3, 2000, 0},
		{"hash, all to one", Hash, 3, 1, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			edges := make([]*Edge, c.edges)
			for i := range edges {
				edges[i] = newEdge(make(chan struct{}, 1))
			}
			out := newOutput(Distribution{Kind: c.kind, Cols: []int{0}}, cols, edges)
			out.gauge = &gauge{}
			back := 0
			lease := stream.NewLease(0, func() { back++ })
			ks := make([]int64, c.rows)
			for i := range ks {
				ks[i] = int64(i)
			}
			if err := out.batch(context.Background(), stream.Message{Batch: stream.NewBatch(c.rows, []vec.Vec{vec.Ints(ks)}, nil), Lease: lease}); err != nil {
				t.Fatal(err)
			}
			rows, holds := 0, 0
			var got []stream.Message
			for _, e := range edges {
				if m, ok, _ := e.receive(); ok {
					got = append(got, m)
					rows += m.Batch.Rows()
					if m.Lease != nil {
						holds++
					}
				}
			}
			if holds != c.holds || rows < c.rows {
				t.Fatalf("%d of %d messages hold the lease, want %d; %d rows", holds, len(got), c.holds, rows)
			}
			for _, m := range got {
				if back != 0 {
					t.Fatal("the memory came back too early")
				}
				m.Lease.Release()
			}
			lease.Release() // the maker's
			if back != 1 {
				t.Fatalf("the memory came back %d times", back)
			}
		})
	}
}

// TestLeaseOfSmallBatches: batches that an edge hands over as one have been copied.
func TestLeaseOfSmallBatches(t *testing.T) {
	e := newEdge(make(chan struct{}, 1))
	back := 0
	for range 3 {
		m := stream.Message{Batch: stream.NewBatch(2, []vec.Vec{vec.Ints([]int64{1, 2})}, nil), Lease: stream.NewLease(0, func() { back++ })}
		if err := e.send(context.Background(), &gauge{}, m); err != nil {
			t.Fatal(err)
		}
	}
	m, _, _ := e.receive()
	if m.Batch.Rows() != 6 || m.Lease != nil || back != 3 {
		t.Fatalf("%d rows, lease %v, %d came back", m.Batch.Rows(), m.Lease, back)
	}
}
