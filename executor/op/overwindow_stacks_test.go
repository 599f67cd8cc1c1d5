package op

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"streamdb/executor"
	"streamdb/executor/optest"
	"streamdb/types"
)

// TestOverWindowStacks: aggregates over sliding frames whose states cannot give
// rows back.
func TestOverWindowStacks(t *testing.T) {
	schema := optest.Schema(t, windowSchema)
	for _, f := range []WindowFrame{
		{Start: FrameBound{Kind: Preceding, N: 3}, End: FrameBound{Kind: Following, N: 1}},
		{Start: FrameBound{Kind: Following, N: 1}, End: FrameBound{Kind: Following, N: 4}},
		{Start: FrameBound{Kind: Preceding, N: 2}, End: FrameBound{Kind: Preceding, N: 4}},
		{Mode: GroupsFrame, Start: FrameBound{Kind: Preceding, N: 1}, End: FrameBound{Kind: CurrentRow}},
		{Mode: RangeFrame, Start: FrameBound{Kind: Preceding, Col: 5}, End: FrameBound{Kind: Following, Col: 6}},
	} {
		call := windowCallOf(WindowCall{Agg: "bit_and(bigint)->bigint", Args: []int{3}, Frame: f})
		other := call
		other.Agg, other.Filter = "bit_or(bigint)->bigint", 8
		spec := &OverWindow{Partition: []int{1}, Keys: []SortKey{{Col: 2}}, RowKey: []int{0}, Rows: TableRef{ID: 100}, Calls: []WindowCall{call, other},
			Out: append(slices.Clone(schema), types.Column{Name: "a", Type: call.T}, types.Column{Name: "b", Type: call.T})}
		t.Run(call.explain(schema), func(t *testing.T) {
			eval, err := (&OverWindow{In: &executor.Input{Cols: schema}, Calls: spec.Calls}).open()
			if err != nil || !eval.calls[0].stacks() {
				t.Fatal("states are not put together", err)
			}
			o := &windowOracle{t, schema, spec}
			optest.Check(t, optest.Law{
				Schemas: []types.Schema{schema},
				Build: func(in []executor.Spec) executor.Spec {
					s := *spec
					s.In = in[0]
					return &s
				},
				Gen: []func(*rapid.T) optest.Row{genWindowRow}, Keys: [][]int{{0}}, Changes: 30, Oracle: o.rows, NoBounded: true,
			})
		})
	}
}

// BenchmarkOverWindowStacks is bit_or over ever longer frames of one partition.
func BenchmarkOverWindowStacks(b *testing.B) {
	schema := optest.Schema(b, "id int8, x int8")
	for _, n := range []int64{10, 1000} {
		b.Run(fmt.Sprint("frame=", n), func(b *testing.B) {
			c := windowCallOf(WindowCall{Agg: "bit_or(bigint)->bigint", Args: []int{1}, Frame: WindowFrame{Start: FrameBound{Kind: Preceding, N: n}, End: FrameBound{Kind: CurrentRow}}})
			for range b.N {
				h := optest.New(b, []types.Schema{schema}, func(in []executor.Spec) executor.Spec {
					return &OverWindow{In: in[0], Keys: []SortKey{{Col: 0}}, RowKey: []int{0}, Rows: TableRef{ID: 100}, Calls: []WindowCall{c},
						Out: append(slices.Clone(schema), types.Column{Name: "c", Type: c.T})}
				}, optest.Options{Discard: true})
				cs := make([]optest.Change, 20_000)
				for i := range cs {
					cs[i] = optest.Change{Op: 1, Row: optest.Row{types.IntDatum(int64(i)), types.IntDatum(int64(i % 64))}}
				}
				h.Push(0, cs)
				h.Barrier()
			}
		})
	}
}
