package op

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"streamdb/executor"
	"streamdb/executor/optest"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// compareBy orders rows as an ORDER BY does.
func compareBy(s types.Schema, keys []SortKey, a, b optest.Row) int {
	for _, k := range keys {
		x, y := a[k.Col], b[k.Col]
		if x.Null || y.Null {
			if x.Null && y.Null {
				continue
			}
			if x.Null == k.NullsFirst {
				return -1
			}
			return 1
		}
		c := types.Compare(s[k.Col].Type, x, y)
		if k.Desc {
			c = -c
		}
		if c != 0 {
			return c
		}
	}
	return 0
}

func topNOracle(s types.Schema, spec *TopN) func(in [][]optest.Row) []optest.Row {
	return func(in [][]optest.Row) []optest.Row {
		groups := map[string][]optest.Row{}
		for _, r := range in[0] {
			g := ""
			for _, c := range spec.Group {
				g += fmt.Sprint(r[c], "|")
			}
			groups[g] = append(groups[g], r)
		}
		full := slices.Clone(spec.Keys)
		for _, c := range spec.RowKey {
			full = append(full, SortKey{Col: c})
		}
		var out []optest.Row
		for _, rows := range groups {
			slices.SortFunc(rows, func(a, b optest.Row) int { return compareBy(s, full, a, b) })
			if spec.Dense {
				rank := int64(0)
				for i, r := range rows {
					if i == 0 || compareBy(s, spec.Keys, rows[i-1], r) != 0 {
						rank++
					}
					if rank > spec.Offset && rank <= spec.Offset+spec.Limit {
						out = append(out, r)
					}
				}
				continue
			}
			from := min(int(spec.Offset), len(rows))
			to := len(rows)
			if spec.Limit >= 0 && spec.Limit < noLimit {
				to = min(int(spec.Offset+spec.Limit), len(rows))
			}
			if spec.WithTies && to > 0 && spec.Limit > 0 {
				for to < len(rows) && compareBy(s, spec.Keys, rows[to-1], rows[to]) == 0 {
					to++
				}
			}
			for k := from; k < to; k++ {
				row := rows[k]
				if spec.Out != nil {
					row = append(slices.Clone(row), types.IntDatum(int64(k+1)))
				}
				out = append(out, row)
			}
		}
		return out
	}
}

// numbered is a schema with row numbers.
func numbered(s types.Schema) types.Schema {
	return append(slices.Clone(s), types.Column{Name: "n", Type: types.Of(types.Int8)})
}

func TestTopN(t *testing.T) {
	defer func(n int) { topNSlack = n }(topNSlack)
	topNSlack = 0
	schema := optest.Schema(t, "id int8, g int8, x int8, s text")
	for _, c := range []TopN{
		{Limit: 1, Group: []int{1}},
		{Limit: 3, Offset: 1},
		{Limit: 2, Offset: 2, Group: []int{1}, WithTies: true},
		{Limit: 1, WithTies: true},
		{Limit: -1, Offset: 2},
		{Limit: math.MaxInt64 / 4, Offset: 3},
		{Limit: 0, Group: []int{1}},
		{Limit: 3, Group: []int{1}, AppendOnly: true},
		{Limit: 2, WithTies: true, AppendOnly: true},
		{Limit: 1, Group: []int{1}, WithTies: true, AppendOnly: true},
		{Limit: 1, Group: []int{1}, AppendOnly: true},
		{Limit: 4, Group: []int{1}, AppendOnly: true, Out: numbered(schema)},
		{Limit: 2, AppendOnly: true, Out: numbered(schema)},
		{Limit: 2, Group: []int{1}, WithTies: true, Dense: true},
		{Limit: 1, Offset: 1, Group: []int{1}, WithTies: true, Dense: true},
		{Limit: 2, WithTies: true, Dense: true},
		{Limit: 0, Offset: 1, WithTies: true, Dense: true},
		{Limit: 2, Group: []int{1}, WithTies: true, Dense: true, AppendOnly: true},
		{Limit: 1, Offset: 1, WithTies: true, Dense: true, AppendOnly: true},
	} {
		for _, desc := range []bool{false, true} {
			spec := c
			spec.Keys = []SortKey{{Col: 2, Desc: desc, NullsFirst: desc}, {Col: 3}}
			spec.RowKey = []int{0}
			if c.WithTies {
				spec.Keys = spec.Keys[:1]
			}
			spec.Rows = TableRef{ID: 100, Name: "rows"}
			t.Run(fmt.Sprintf("limit=%d,offset=%d,ties=%v,dense=%v,append=%v,numbers=%v,desc=%v", c.Limit, c.Offset, c.WithTies, c.Dense, c.AppendOnly, c.Out != nil, desc), func(t *testing.T) {
				optest.Check(t, optest.Law{
					Schemas: []types.Schema{schema},
					Build: func(in []executor.Spec) executor.Spec {
						s := spec
						s.In = in[0]
						return &s
					},
					Gen: []func(*rapid.T) optest.Row{func(t *rapid.T) optest.Row {
						return optest.Row{types.IntDatum(int64(rapid.IntRange(0, 40).Draw(t, "id"))), genInt(t, 2), genInt(t, 4), genText(t)}
					}},
					Keys:       [][]int{{0}},
					Changes:    30,
					AppendOnly: []bool{c.AppendOnly},
					Oracle:     topNOracle(schema, &spec),
					NoBounded:  !c.Dense, // ties are broken by arrival there
				})
			})
		}
	}
}

// TestTopNRefill drives a group far beyond the rows kept in memory and back.
func TestTopNRefill(t *testing.T) {
	schema := optest.Schema(t, "id int8, x int8")
	spec := TopN{Keys: []SortKey{{Col: 1}}, RowKey: []int{0}, Limit: 2, Rows: TableRef{ID: 100}}
	h := optest.New(t, []types.Schema{schema}, func(in []executor.Spec) executor.Spec {
		spec.In = in[0]
		return &spec
	}, optest.Options{})
	for i := range 200 {
		h.PushText(0, fmt.Sprintf("+ %d %d", i, (i*37)%200))
		h.Barrier()
	}
	for i := range 198 {
		x := i // delete in order of x, so that the window moves every time
		for id := range 200 {
			if (id*37)%200 == x {
				h.PushText(0, fmt.Sprintf("- %d %d", id, x))
			}
		}
		if i == 100 {
			h.Barrier()
			h.Restart()
			continue
		}
		h.Barrier()
	}
	rows := []string{}
	for r := range h.Sum() {
		rows = append(rows, r)
	}
	slices.SortFunc(rows, cmp.Compare)
	if len(rows) != 2 || h.StateRows(spec.Rows) != 2 {
		t.Fatalf("rows %v, %d in state", rows, h.StateRows(spec.Rows))
	}
}

func TestTopNWatermark(t *testing.T) {
	schema := optest.Schema(t, "id int8, w int8")
	spec := TopN{Keys: []SortKey{{Col: 0}}, Group: []int{1}, RowKey: []int{0}, Limit: 1, Rows: TableRef{ID: 100}}
	h := optest.New(t, []types.Schema{schema}, func(in []executor.Spec) executor.Spec {
		spec.In = in[0]
		return &spec
	}, optest.Options{})
	h.PushText(0, "+ 1 10")
	h.Watermark(0, 1, 10)
	h.Watermark(0, 0, 99) // the first sort key: later rows stand behind it
	if len(h.Watermarks) > 0 {
		t.Fatalf("watermark %v before the rows below it", h.Watermarks)
	}
	h.Barrier()
	h.Barrier()
	if want := []stream.Watermark{{Column: 1, Time: 10}, {Column: 0, Time: 99}}; !slices.Equal(h.Watermarks, want) {
		t.Fatalf("watermarks %v, want %v", h.Watermarks, want)
	}
}

func BenchmarkTopN(b *testing.B) {
	s := optest.Schema(b, "id int8, g int8, x int8")
	for _, appendOnly := range []bool{true, false} {
		b.Run(fmt.Sprintf("10 of 1000 groups/append=%v", appendOnly), func(b *testing.B) {
			spec := TopN{Keys: []SortKey{{Col: 2, Desc: true}}, Group: []int{1}, RowKey: []int{0}, Limit: 10, AppendOnly: appendOnly, Rows: TableRef{ID: 100}}
			h := optest.New(b, []types.Schema{s}, func(in []executor.Spec) executor.Spec {
				spec.In = in[0]
				return &spec
			}, optest.Options{Discard: true})
			rng := rand.New(rand.NewPCG(1, 2))
			rows := 0
			b.ResetTimer()
			for i := 0; b.Loop(); i++ {
				b.StopTimer()
				cols := [3][]int64{}
				for k := range stream.BatchRows {
					cols[0] = append(cols[0], int64(rows+k))
					cols[1] = append(cols[1], rng.Int64N(1000))
					cols[2] = append(cols[2], rng.Int64N(1e9))
				}
				batch := stream.NewBatch(stream.BatchRows, []vec.Vec{vec.Ints(cols[0]), vec.Ints(cols[1]), vec.Ints(cols[2])}, nil)
				b.StartTimer()
				if err := h.PushBatch(0, batch); err != nil {
					b.Fatal(err)
				}
				if rows += stream.BatchRows; i%16 == 15 {
					h.Barrier()
				}
			}
			b.ReportMetric(float64(rows)/b.Elapsed().Seconds()/1e6, "Mrows/s")
		})
	}
}
