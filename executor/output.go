package executor

import (
	"context"

	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
)

// output sends what a task produces to one consumer fragment: one edge per
// instance of it, or the one edge to its own instance for Forward.
type output struct {
	dist  Distribution
	types []types.T // of the columns
	edges []*Edge
	next  int    // the target in turn, for Random
	gauge *gauge // of the sending task

	owner  [storage.NumVNodes]uint8
	vnodes []storage.VNode // scratch
	sels   [][]int32       // scratch, by target; handed to no one
	counts []int           // scratch, by target
}

func newOutput(dist Distribution, cols types.Schema, edges []*Edge) *output {
	o := &output{dist: dist, edges: edges}
	for _, c := range cols {
		o.types = append(o.types, c.Type)
	}
	if dist.Kind == Hash && len(edges) > 1 {
		o.owner = owners(len(edges))
		o.sels = make([][]int32, len(edges))
		o.counts = make([]int, len(edges))
	}
	return o
}

// batch sends the rows where they belong. What gets the columns as they are holds
// their lease.
func (o *output) batch(ctx context.Context, m stream.Message) error {
	to := 0
	switch {
	case len(o.edges) == 1:
	case o.dist.Kind == Hash:
		return o.split(ctx, m)
	case o.dist.Kind == Random:
		o.next = (o.next + 1) % len(o.edges)
		to = o.next
	case o.dist.Kind == Broadcast:
		for range o.edges {
			m.Lease.Hold()
		}
		return o.all(ctx, m)
	}
	m.Lease.Hold()
	return o.edges[to].send(ctx, o.gauge, m)
}

// split sends each row to the owner of its vnode.
func (o *output) split(ctx context.Context, m stream.Message) error {
	b := m.Batch
	n := b.Rows()
	o.vnodes = VNodes(b.Cols(), o.dist.Cols, o.types, n, o.vnodes)
	clear(o.counts)
	for _, v := range o.vnodes {
		o.counts[o.owner[v]]++
	}
	for t, n := range o.counts {
		if cap(o.sels[t]) < n {
			o.sels[t] = make([]int32, max(n, stream.BatchRows))
		}
		o.sels[t] = o.sels[t][:n]
		o.counts[t] = 0
	}
	for i, v := range o.vnodes {
		t := o.owner[v]
		o.sels[t][o.counts[t]] = int32(i)
		o.counts[t]++
	}
	for t, sel := range o.sels {
		part := stream.Message{Batch: b}
		switch len(sel) {
		case 0:
			continue
		case n: // all rows are for one target
			part.Lease = m.Lease.Hold()
		default:
			part.Batch = b.Take(sel) // a copy
		}
		if err := o.edges[t].send(ctx, o.gauge, part); err != nil {
			return err
		}
	}
	return nil
}

// all sends a barrier or watermark, which concern every consumer.
func (o *output) all(ctx context.Context, m stream.Message) error {
	for _, e := range o.edges {
		if err := e.send(ctx, o.gauge, m); err != nil {
			return err
		}
	}
	return nil
}

// gone reports whether nobody listens any more.
func (o *output) gone() bool {
	for _, e := range o.edges {
		if !e.isDetached() {
			return false
		}
	}
	return true
}

func (o *output) close() {
	for _, e := range o.edges {
		e.close()
	}
}
