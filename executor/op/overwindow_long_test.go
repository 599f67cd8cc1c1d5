package op

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"streamdb/executor"
	"streamdb/executor/optest"
	"streamdb/stream"
	"streamdb/types"
)

// TestOverWindowLong: one partition that does not fit in memory. What is held at
// any time is far less than it, and the results are those with enough memory.
func TestOverWindowLong(t *testing.T) {
	defer func(n int) { winPageRows = n }(winPageRows)
	winPageRows = 256
	const epochs, each = 10, 2000
	schema := optest.Schema(t, "id int8, x int8, v int8, pad text")
	numeric, float := types.Of(types.Numeric), types.Of(types.Float8)
	sum := func(start, end FrameBound) WindowCall {
		return WindowCall{Agg: "sum(bigint)->numeric", Args: []int{2}, T: numeric, Frame: WindowFrame{Start: start, End: end}}
	}
	var calls []WindowCall
	out := slices.Clone(schema)
	for i, c := range []WindowCall{
		sum(FrameBound{}, FrameBound{Kind: CurrentRow}),
		sum(FrameBound{}, FrameBound{Kind: Preceding, N: 5000}),
		sum(FrameBound{Kind: Preceding, N: 3}, FrameBound{Kind: Following, N: 2}),
		sum(FrameBound{Kind: Following, N: 1}, FrameBound{Kind: UnboundedFollowing}),
		sum(FrameBound{}, FrameBound{Kind: UnboundedFollowing}),
		{Func: "percent_rank", T: float}, {Func: "dense_rank"}, {Func: "ntile", Args: []int{2}, T: types.Of(types.Int4)},
		{Func: "lag", Args: []int{2}, Shift: 3000}, {Func: "lead", Args: []int{0}, Shift: 1},
		{Func: "first_value", Args: []int{0}, Frame: WindowFrame{End: FrameBound{Kind: UnboundedFollowing}}},
		{Func: "last_value", Args: []int{0}, Frame: WindowFrame{Start: FrameBound{Kind: CurrentRow}, End: FrameBound{Kind: UnboundedFollowing}}},
	} {
		calls = append(calls, windowCallOf(c))
		out = append(out, types.Column{Name: fmt.Sprint("c", i), Type: calls[i].T})
	}
	run := func(opts optest.Options) (optest.Net, *optest.Harness) {
		h := optest.New(t, []types.Schema{schema}, func(in []executor.Spec) executor.Spec {
			return &OverWindow{In: in[0], Keys: []SortKey{{Col: 1}}, RowKey: []int{0}, Rows: TableRef{ID: 100}, Calls: calls, Out: out}
		}, opts)
		pad := types.Datum{S: strings.Repeat("x", 200)}
		change := func(id, x int64, op stream.Op) optest.Change {
			return optest.Change{Op: op, Row: optest.Row{types.IntDatum(id), types.IntDatum(x), types.IntDatum(7 + id%13), pad}}
		}
		for e := range int64(epochs) {
			cs := make([]optest.Change, each)
			for i := range cs {
				id := e*each + int64(i)
				cs[i] = change(id, id, stream.Insert)
			}
			h.Push(0, cs)
			h.Barrier()
			if e == epochs/2 {
				h.Restart()
			}
		}
		h.Push(0, []optest.Change{change(1, 1, stream.Delete), change(-1, -1, stream.Insert), change(-2, epochs*each/2, stream.Insert)})
		h.Barrier()
		return h.Sum(), h
	}
	want, all := run(optest.Options{})
	got, some := run(optest.Options{Evict: true})
	if !reflect.DeepEqual(got, want) {
		t.Fatal("a partition that does not fit in memory has other results")
	}
	if some.Peak() > all.Peak()/4 {
		t.Fatalf("%d bytes were held, of %d", some.Peak(), all.Peak())
	}
	t.Logf("peak %d of %d", some.Peak(), all.Peak())
}
