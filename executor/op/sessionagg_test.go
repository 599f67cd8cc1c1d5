package op

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"streamdb/executor"
	"streamdb/executor/optest"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// sessionAggSpec is select partition, window_start, window_end, calls .. over rows
// whose first column is the time.
func sessionAggSpec(t testing.TB, s types.Schema, partition []int, gap int64, calls []AggCall) SessionAgg {
	t.Helper()
	x := SessionAgg{Partition: partition, Gap: gap, Aggs: calls, Dist: partition, Sessions: TableRef{ID: 100}, Closed: TableRef{ID: 50}}
	for i, c := range partition {
		x.Keys, x.Out = append(x.Keys, i), append(x.Out, s[c])
	}
	x.Keys = append(x.Keys, len(partition)+1, len(partition)) // the end first
	x.Out = append(x.Out, optest.Schema(t, "window_end timestamp, window_start timestamp")...)
	for i, c := range calls {
		x.Out = append(x.Out, types.Column{Name: fmt.Sprint("a", i), Type: c.T})
	}
	return x
}

// sessionAggOracle groups what sessionsOf gives.
func sessionAggOracle(t testing.TB, s types.Schema, x *SessionAgg, rows []optest.Row) []optest.Row {
	wide := append(slices.Clone(s), optest.Schema(t, "window_start timestamp, window_end timestamp")...)
	keys := append(slices.Clone(x.Partition), len(s)+1, len(s))
	h := aggSpec(wide, keys, x.Aggs, true)
	return aggOracle(t, wide, h)([][]optest.Row{sessionsOf(s, x.Partition, x.Gap, rows)})
}

func sessionCalls(t testing.TB, s types.Schema) []AggCall {
	calls := []AggCall{aggCall(t, s, "count"), aggCall(t, s, "sum", 2), aggCall(t, s, "min", 2), aggCall(t, s, "avg", 2), aggCall(t, s, "count", 0)}
	if len(s) > 4 {
		for i := 1; i < 4; i++ {
			calls[i].Filter = 4
		}
	}
	return calls
}

// crowded makes closed sessions leave in the midst of epochs, and epochs end early
// when memory is short.
func crowded(t *testing.T) {
	crowd, spill := crowdAtLeast, spillRows
	crowdAtLeast, spillRows = 2, 3
	t.Cleanup(func() { crowdAtLeast, spillRows = crowd, spill })
}

// TestSessionAgg: rows come in any order: sessions grow at both ends and are joined.
func TestSessionAgg(t *testing.T) {
	crowded(t)
	for _, c := range []struct {
		typ, key  string
		partition []int
		gap       int64
	}{{"timestamp", "text", []int{1}, 4}, {"timestamp", "text", nil, 3}, {"date", "int8", []int{1, 4}, 2 * usPerDay}, {"timestamp", "numeric", []int{1}, 5}} {
		t.Run(fmt.Sprint(c.typ, c.key, c.partition), func(t *testing.T) {
			s := optest.Schema(t, "t "+c.typ+", k "+c.key+", v int8, id int8, f bool")
			spec := sessionAggSpec(t, s, c.partition, c.gap, sessionCalls(t, s))
			optest.Check(t, optest.Law{
				Schemas: []types.Schema{s}, Keys: [][]int{{3}}, AppendOnly: []bool{true}, NoBounded: true,
				Build: func(in []executor.Spec) executor.Spec {
					x := spec
					x.In = in[0]
					return &x
				},
				Gen: []func(*rapid.T) optest.Row{func(rt *rapid.T) optest.Row {
					r := optest.Row{types.IntDatum(rapid.Int64Range(-25, 25).Draw(rt, "t")), types.NullDatum,
						types.IntDatum(rapid.Int64Range(-1, 3).Draw(rt, "v")), types.IntDatum(rapid.Int64Range(1, 60).Draw(rt, "id")),
						types.BoolDatum(rapid.Bool().Draw(rt, "f"))}
					if rapid.IntRange(0, 15).Draw(rt, "null") == 0 {
						r[0] = types.NullDatum
					}
					switch k := rapid.IntRange(0, 2).Draw(rt, "k"); {
					case k == 0:
					case c.key == "text":
						r[1] = types.BytesDatum(fmt.Sprint("a\x00", k))
					case c.key == "numeric":
						r[1] = optest.Value(t, s[1].Type, fmt.Sprint(k))
					default:
						r[1] = types.IntDatum(int64(k))
					}
					return r
				}},
				Oracle: func(in [][]optest.Row) []optest.Row { return sessionAggOracle(t, s, &spec, in[0]) },
			})
		})
	}
}

// TestSessionAggClosed: a watermark drops sessions, and what they were stays; late
// rows neither extend nor begin one. With EmitOnClose sessions come out whole.
func TestSessionAggClosed(t *testing.T) {
	crowded(t)
	s := optest.Schema(t, "t timestamp, k text, v int8, id int8")
	for _, emit := range []bool{false, true} {
		t.Run(fmt.Sprint("emit=", emit), func(t *testing.T) {
			spec := sessionAggSpec(t, s, []int{1}, 4, sessionCalls(t, s))
			spec.EmitOnClose = emit
			closed := func(end, mark int64) bool { return mark > minWindow && end <= mark+1 }
			law := closeLaw{schema: s, key: 3, appendOnly: true, final: emit,
				build: func(in []executor.Spec) executor.Spec {
					x := spec
					x.In = in[0]
					return &x
				},
				oracle: func(rows []optest.Row, mark int64) []optest.Row {
					out := sessionAggOracle(t, s, &spec, rows)
					if emit {
						out = slices.DeleteFunc(out, func(r optest.Row) bool { return !closed(r[1].I, mark) })
					}
					return out
				},
				left: func(h *optest.Harness, rows []optest.Row, mark int64) error {
					open := map[string]bool{}
					for _, r := range sessionsOf(s, []int{1}, 4, rows) {
						if !closed(r[5].I, mark) {
							open[r[1].S] = true
						}
					}
					if n := h.StateRows(spec.Sessions); n < len(open) || emit && n > len(open) {
						return fmt.Errorf("%d partitions in state, %d have open sessions", n, len(open))
					}
					return nil
				}}
			law.gen, law.late = timed(true)
			law.check(t)
		})
	}
}

// TestSessionAggInfinite: a time without end is a session of its own.
func TestSessionAggInfinite(t *testing.T) {
	s := optest.Schema(t, "t timestamp, k text, v int8, id int8")
	spec := sessionAggSpec(t, s, []int{1}, 10, []AggCall{aggCall(t, s, "count")})
	h := optest.New(t, []types.Schema{s}, func(in []executor.Spec) executor.Spec {
		x := spec
		x.In = in[0]
		return &x
	}, optest.Options{})
	defer h.Close()
	var rows []optest.Change
	for _, at := range []int64{math.MaxInt64, 5, math.MinInt64, 14, math.MaxInt64 - 3, math.MaxInt64, 40, math.MinInt64} {
		rows = append(rows, optest.Change{Op: stream.Insert, Row: optest.Row{types.IntDatum(at), types.BytesDatum("a"), types.IntDatum(0), types.IntDatum(int64(len(rows)))}})
	}
	h.Push(0, rows)
	h.Barrier()
	row := func(first, end, n int64) optest.Row {
		return optest.Row{types.BytesDatum("a"), types.IntDatum(end), types.IntDatum(first), types.IntDatum(n)}
	}
	want := optest.NetOf(spec.Out, []optest.Row{row(math.MinInt64, math.MinInt64, 2), row(5, 24, 2), row(40, 50, 1),
		row(math.MaxInt64-3, math.MaxInt64, 1), row(math.MaxInt64, math.MaxInt64, 2)})
	if got := h.Sum(); got.String() != want.String() {
		t.Fatalf("got\n%s\nwant\n%s", got, want)
	}
}

// TestSessionAggMemory: with watermarks, memory and state hold what is open, however
// many sessions an epoch brings; and memory keeps to its limit where all stay open.
func TestSessionAggMemory(t *testing.T) {
	s := optest.Schema(t, "t timestamp, k int8")
	spec := sessionAggSpec(t, s, []int{1}, 100, []AggCall{aggCall(t, s, "count")})
	const limit = 4 << 20
	caches := &Caches{}
	h := optest.New(t, []types.Schema{s}, func(in []executor.Spec) executor.Spec {
		x := spec
		x.In = in[0]
		return &x
	}, optest.Options{Evict: true, Limit: limit, Discard: true, Env: &Env{Caches: caches}})
	defer h.Close()
	push := func(from int64) {
		at, k := make([]int64, stream.BatchRows), make([]int64, stream.BatchRows)
		for i := range at {
			at[i] = from + int64(i)
			k[i] = at[i] / 7
		}
		if err := h.PushBatch(0, stream.NewBatch(len(k), []vec.Vec{vec.Ints(at), vec.Ints(k)}, nil)); err != nil {
			t.Fatal(err)
		}
	}
	at := int64(0)
	for range 3 {
		for range 100 {
			push(at)
			at += stream.BatchRows
			h.Watermark(0, 0, at-50)
		}
		h.Barrier()
		if used := h.Memory(); used > 1<<20 {
			t.Fatalf("%d bytes for few open sessions", used)
		}
		if n := h.StateRows(spec.Sessions); n > 30 {
			t.Fatalf("%d partitions in state", n)
		}
	}
	for range 10 { // no watermark
		for range 30 {
			push(at)
			at += stream.BatchRows
		}
		h.Barrier()
		if used := h.Memory(); used > limit {
			t.Fatalf("%d bytes in memory", used)
		}
	}
	if cacheStat(t, caches).Evicted.Load() == 0 {
		t.Fatal("nothing was evicted")
	}
	h.Watermark(0, 0, at+1000)
	h.Barrier()
	if n := h.StateRows(spec.Sessions); n > 0 {
		t.Fatalf("%d partitions in state, all are closed", n)
	}
}
