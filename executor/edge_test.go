package executor

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

func TestEdgeIsBounded(t *testing.T) {
	wakeup := make(chan struct{}, 1)
	e := newEdge(wakeup)
	full := func(m stream.Message) bool {
		size := 0
		if m.Batch != nil {
			size = m.Batch.Bytes()
		}
		return !e.offer(m, size)
	}
	for i := range edgeMessages {
		if full(stream.Message{Batch: ints("1 2")}) {
			t.Fatalf("full after %d small batches", i)
		}
	}
	if !full(stream.Message{Batch: ints("1")}) {
		t.Error("not bounded in messages")
	}
	if full(stream.Message{Barrier: &stream.Barrier{Epoch: 1}}) || full(stream.Message{Barrier: &stream.Barrier{Epoch: 2}}) {
		t.Error("a barrier must always fit")
	}
	m, _, _ := e.receive()
	if m.Batch.Rows() != 2*edgeMessages {
		t.Errorf("small batches came one by one: %d rows", m.Batch.Rows())
	}
	for n := stream.Epoch(1); n <= 2; n++ {
		if m, ok, _ := e.receive(); !ok || m.Barrier.Epoch != n {
			t.Errorf("barrier %d: %+v", n, m)
		}
	}
	wide := stream.NewBatch(1, []vec.Vec{vec.Strings(strings.Repeat("x", edgeBytes/2+1))}, nil)
	if full(stream.Message{Batch: wide}) {
		t.Error("an empty edge takes any batch")
	}
	if !full(stream.Message{Batch: wide}) {
		t.Error("not bounded in bytes")
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	why := errors.New("why")
	time.AfterFunc(5*time.Millisecond, func() { cancel(why) })
	if err := e.send(ctx, nil, stream.Message{Batch: wide}); !errors.Is(err, why) {
		t.Errorf("send after cancel: %v", err)
	}
	sent := make(chan error)
	go func() { sent <- e.send(context.Background(), nil, stream.Message{Batch: wide}) }()
	time.Sleep(2 * time.Millisecond)
	e.detach()
	if err := <-sent; err != nil {
		t.Errorf("send to a detached edge: %v", err)
	}
	if n, bytes := e.queued(); n != 0 || bytes != 0 {
		t.Errorf("a detached edge holds %d messages", n)
	}
}

func TestWatermarksCoalesce(t *testing.T) {
	e := newEdge(make(chan struct{}, 1))
	for i := range 100 {
		if !e.offer(stream.Message{Watermark: &stream.Watermark{Column: i % 2 / 2, Time: int64(i)}}, 0) {
			t.Fatal("watermarks filled the edge")
		}
	}
	m, ok, _ := e.receive()
	if !ok || m.Watermark.Time != 99 {
		t.Errorf("got %+v", m)
	}
	if _, ok, _ := e.receive(); ok {
		t.Error("more than one watermark is left")
	}
}

// TestHashExchangeSplitsByVNode: every row goes to the owner of its vnode, and
// only there; NULLs, text and constants included.
func TestHashExchangeSplitsByVNode(t *testing.T) {
	schema := types.Schema{{Type: types.Of(types.Int8)}, {Type: types.Of(types.Text)}, {Type: types.Of(types.Bool)}}
	ts := []types.T{schema[0].Type, schema[1].Type, schema[2].Type}
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 2, 3, 7, 256} {
		edges := make([]*Edge, n)
		for i := range edges {
			edges[i] = newEdge(make(chan struct{}, 1))
		}
		out := newOutput(Distribution{Kind: Hash, Cols: []int{1, 0}}, schema, edges)
		rows := 300
		a, b := vec.NewBuilder(types.LInt64, rows), vec.NewBuilder(types.LBytes, rows)
		ops := make([]stream.Op, rows)
		count := map[string]int{}
		for i := range rows {
			ops[i] = stream.Op(1 - 2*rng.IntN(2))
			if x := rng.IntN(20); x == 0 {
				a.AppendNull()
			} else {
				a.AppendInt(int64(x))
			}
			if x := rng.IntN(20); x == 0 {
				b.AppendNull()
			} else {
				b.AppendString(fmt.Sprint("text ", x))
			}
		}
		batch := stream.NewBatch(rows, []vec.Vec{a.Vec(), b.Vec(), vec.ConstOf(types.LBool, types.BoolDatum(true), rows)}, ops)
		for i := range rows {
			count[fmt.Sprint(batch.Cols()[0].Datum(i), batch.Cols()[1].Datum(i), batch.Op(i))]++
		}
		if err := out.batch(context.Background(), stream.Message{Batch: batch}); err != nil {
			t.Fatal(err)
		}
		sets := storage.SplitVNodes(n)
		for i, e := range edges {
			m, ok, _ := e.receive()
			if !ok {
				continue
			}
			cols := m.Batch.Cols()
			for k, v := range VNodes(cols, []int{1, 0}, ts, m.Batch.Rows(), nil) {
				if n > 1 && !sets[i].Contains(v) {
					t.Fatalf("%d instances: vnode %d came to instance %d", n, v, i)
				}
				count[fmt.Sprint(cols[0].Datum(k), cols[1].Datum(k), m.Batch.Op(k))]--
				if d := cols[2].Datum(k); d.Null || !d.Bool() {
					t.Fatal("the constant column was lost")
				}
			}
		}
		for row, c := range count {
			if c != 0 {
				t.Errorf("%d instances: row %s is off by %d", n, row, c)
			}
		}
	}
}

func TestConcat(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 50 {
		var parts []*stream.Batch
		var want []string
		for range 1 + rng.IntN(5) {
			n := 1 + rng.IntN(20)
			b := make([]*vec.Builder, 4)
			for l := range b {
				b[l] = vec.NewBuilder(types.Layout(l), 0)
			}
			for range n {
				for l := range b {
					d := types.Datum{Null: rng.IntN(6) == 0, I: int64(rng.IntN(2)), F: float64(rng.IntN(9)), S: strings.Repeat("s", rng.IntN(4))}
					b[l].AppendDatum(d)
				}
			}
			var cols []vec.Vec
			for _, b := range b {
				cols = append(cols, b.Vec())
			}
			var ops []stream.Op
			if rng.IntN(2) == 0 {
				ops = make([]stream.Op, n)
				for i := range ops {
					ops[i] = stream.Op(1 - 2*rng.IntN(2))
				}
			}
			whole := stream.NewBatch(n, cols, ops)
			from := rng.IntN(n)
			for c := range cols {
				cols[c] = cols[c].Slice(from, n)
			}
			if ops != nil {
				ops = ops[from:]
			}
			_ = whole
			part := stream.NewBatch(n-from, cols, ops)
			parts = append(parts, part)
			want = append(want, describe(part)...)
		}
		if got := describe(concat(parts)); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("got  %v\nwant %v", got, want)
		}
	}
}

func describe(b *stream.Batch) (out []string) {
	for i := range b.Rows() {
		s := fmt.Sprint(b.Op(i))
		for c := range b.Cols() {
			if d := b.Cols()[c].Datum(i); d.Null {
				s += " null"
			} else {
				s += fmt.Sprint(" ", d)
			}
		}
		out = append(out, s)
	}
	return out
}

// TestEdgeConcurrently: one sender, one receiver, all messages in order. Meant for -race.
func TestEdgeConcurrently(t *testing.T) {
	wakeup := make(chan struct{}, 1)
	e := newEdge(wakeup)
	const n = 5000
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range n {
			m := stream.Message{Batch: ints(fmt.Sprint(i))}
			if err := e.send(context.Background(), nil, m); err != nil {
				t.Error(err)
			}
			if i%100 == 0 {
				e.send(context.Background(), nil, stream.Message{Barrier: &stream.Barrier{Epoch: stream.Epoch(i)}})
			}
		}
		e.close()
	})
	next := int64(0)
	for {
		m, ok, ended := e.receive()
		if ended {
			break
		}
		if !ok {
			<-wakeup
			continue
		}
		if m.Batch == nil {
			if int64(m.Barrier.Epoch) != next-1 {
				t.Fatalf("barrier %d after row %d", m.Barrier.Epoch, next-1)
			}
			continue
		}
		for _, v := range m.Batch.Cols()[0].I64 {
			if v != next {
				t.Fatalf("row %d, want %d", v, next)
			}
			next++
		}
	}
	wg.Wait()
	if next != n {
		t.Errorf("%d rows of %d", next, n)
	}
}
