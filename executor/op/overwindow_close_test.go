package op

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"streamdb/executor"
	"streamdb/executor/optest"
	"streamdb/stream"
	"streamdb/types"
)

// TestOverWindowAllRead: that all rows have been read closes no partition, and is
// passed on behind the rows, whether partitions are in memory or not.
func TestOverWindowAllRead(t *testing.T) {
	s := optest.Schema(t, "t int8, k text, v int8, id int8")
	call := windowCallOf(WindowCall{Func: "lag", Args: []int{2}, Shift: 1})
	for name, closed := range map[string]TableRef{"open": {}, "closing": {ID: 101}} {
		for _, evict := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				h := optest.New(t, []types.Schema{s}, func(in []executor.Spec) executor.Spec {
					return &OverWindow{In: in[0], Partition: []int{0}, Keys: []SortKey{{Col: 2}}, RowKey: []int{3}, Calls: []WindowCall{call},
						Rows: TableRef{ID: 100}, Closed: closed, Out: append(slices.Clone(s), types.Column{Name: "c", Type: call.T})}
				}, optest.Options{Evict: evict})
				h.PushText(0, "1 a 1 1\n1 b 5 2\nNULL a 7 3")
				h.Watermark(0, stream.AllRead, 1<<62)
				if len(h.Watermarks) > 0 {
					t.Fatal("it passed before the rows")
				}
				h.Barrier()
				h.Barrier() // what did not change leaves memory
				if want := []stream.Watermark{{Column: stream.AllRead, Time: 1 << 62}}; !slices.Equal(h.Watermarks, want) {
					t.Fatalf("watermarks %v, want %v", h.Watermarks, want)
				}
				if n := h.StateRows(TableRef{ID: 100}); n != 3 {
					t.Fatalf("%d rows in state, want 3", n)
				}
				h.PushText(0, "1 c 3 4")
				h.Barrier()
				want := optest.NetOf(h.Schema(), []optest.Row{
					{types.IntDatum(1), types.BytesDatum("a"), types.IntDatum(1), types.IntDatum(1), types.NullDatum},
					{types.IntDatum(1), types.BytesDatum("c"), types.IntDatum(3), types.IntDatum(4), types.IntDatum(1)},
					{types.IntDatum(1), types.BytesDatum("b"), types.IntDatum(5), types.IntDatum(2), types.IntDatum(3)},
					{types.NullDatum, types.BytesDatum("a"), types.IntDatum(7), types.IntDatum(3), types.NullDatum},
				})
				if got := h.Sum(); got.String() != want.String() {
					t.Fatalf("got:\n%s\nwant:\n%s", got, want)
				}
			})
		}
	}
}

// winCloseLaw is a law of windows in the order of x, the column of windowSchema
// with watermarks.
func winCloseLaw(t *testing.T, spec *OverWindow) closeLaw {
	schema := optest.Schema(t, windowSchema)
	row := func(t *rapid.T, x types.Datum) optest.Row {
		r := genWindowRow(t)
		r[2], r[5], r[6] = x, types.NullDatum, types.NullDatum
		if !x.Null {
			r[5], r[6] = types.IntDatum(x.I-2), types.IntDatum(x.I+1)
		}
		return r
	}
	return closeLaw{schema: schema, time: 2, key: 0,
		gen: func(t *rapid.T, low int64) optest.Row {
			if rapid.IntRange(0, 12).Draw(t, "null") == 0 {
				return row(t, types.NullDatum)
			}
			return row(t, types.IntDatum(max(low, 0)+rapid.Int64Range(1, 9).Draw(t, "x")))
		},
		late: func(t *rapid.T, high int64) optest.Row {
			return row(t, types.IntDatum(high-rapid.Int64Range(0, 5).Draw(t, "x")))
		},
		build: func(in []executor.Spec) executor.Spec {
			s := *spec
			if s.In = in[0]; s.Final {
				s.In = &EmitOnClose{In: in[0], Time: 2, RowKey: append([]int{0}, s.Partition...), Rows: TableRef{ID: 200}, Closed: TableRef{ID: 201}, Dist: s.Partition}
			}
			return &s
		}}
}

// orderedWindow draws a window by x; ahead: its calls look ahead by rows or groups
// at the most.
func orderedWindow(n int, schema types.Schema, want func(*OverWindow) bool) *OverWindow {
	return rapid.Custom(func(t *rapid.T) *OverWindow {
		for {
			s := &OverWindow{RowKey: []int{0}, Rows: TableRef{ID: 100}, Keys: []SortKey{{Col: 2}}, Out: slices.Clone(schema)}
			s.Partition = [][]int{nil, {1}, {4}, {8, 4}}[rapid.IntRange(0, 3).Draw(t, "partition")]
			one := rapid.Bool().Draw(t, "one key")
			if !one {
				s.Keys = append(s.Keys, SortKey{Col: 4, Desc: true})
			}
			for range rapid.IntRange(1, 2).Draw(t, "calls") {
				c := genWindowCall(t, one)
				s.Calls = append(s.Calls, c)
				s.Out = append(s.Out, types.Column{Name: fmt.Sprint("c", len(s.Calls)), Type: c.T})
			}
			if want(s) {
				return s
			}
		}
	}).Example(n)
}

func callsText(s *OverWindow, schema types.Schema) string {
	texts := make([]string, len(s.Calls))
	for i := range s.Calls {
		texts[i] = s.Calls[i].explain(schema)
	}
	return strings.Join(texts, ", ")
}

// TestOverWindowFinal: of windows that look ahead by rows or groups what is final
// comes out, once, and what nobody looks at any more leaves the state.
func TestOverWindowFinal(t *testing.T) {
	defer func(n, m int) { winCheckRows, winPageRows = n, m }(winCheckRows, winPageRows)
	winCheckRows = 3
	schema := optest.Schema(t, windowSchema)
	for n := range 24 {
		spec := orderedWindow(n, schema, func(s *OverWindow) bool { return s.FillsFrames() && !s.PassesOrder() })
		spec.Final, spec.Forget = true, spec.Forgets()
		t.Run(fmt.Sprintf("%d %s", n, callsText(spec, schema)), func(t *testing.T) {
			winPageRows = []int{2, 1024}[n%2]
			o := &windowOracle{t, schema, spec}
			law := winCloseLaw(t, spec)
			law.final, law.quiet = true, true
			law.oracle = func(rows []optest.Row, mark int64) []optest.Row {
				var out []optest.Row
				for _, part := range o.parts(closed(rows, 2, mark)) {
					out = append(out, o.results(part)[:o.final(part)]...)
				}
				return out
			}
			law.left = func(h *optest.Harness, rows []optest.Row, mark int64) error {
				want := 0
				for _, part := range o.parts(closed(rows, 2, mark)) {
					want += len(part) - o.behind(part, o.final(part))
				}
				if n := h.StateRows(TableRef{ID: 100}); n != want {
					return fmt.Errorf("%d rows in state, want %d", n, want)
				}
				return nil
			}
			law.check(t)
		})
	}
}

// final is how many rows of a partition, all of which are complete, have as many
// behind them as their frames reach.
func (o *windowOracle) final(part []optest.Row) int {
	n := len(part)
	for i := range part {
		for k := range o.spec.Calls {
			rows, groups := 0, 0
			switch c := &o.spec.Calls[k]; {
			case c.Func == "lead":
				rows = int(c.Shift)
			case c.Func == "lag":
				rows = -int(c.Shift)
			case c.framed() && c.Frame.End.Kind == Following && c.Frame.Mode == RowsFrame:
				rows = int(c.Frame.End.N)
			case c.framed() && c.Frame.End.Kind == Following && c.Frame.Mode == GroupsFrame:
				groups = int(c.Frame.End.N)
			}
			if i+rows >= len(part) || o.group(part, i)+groups > o.group(part, len(part)-1) {
				n = min(n, i)
			}
		}
	}
	return n
}

// behind is how many rows of a partition nobody looks at from row from on.
func (o *windowOracle) behind(part []optest.Row, from int) int {
	if !o.spec.Forget || len(part) == 0 {
		return 0
	}
	n := from
	for k := range o.spec.Calls {
		c := &o.spec.Calls[k]
		switch {
		case c.Func == "lag":
			n = min(n, from-max(0, int(c.Shift)))
		case c.Func == "lead":
			n = min(n, from-max(0, -int(c.Shift)))
		case c.Func == "last_value" && c.Frame.Start.Kind == UnboundedPreceding:
		default:
			for j := n - 1; j >= 0; j-- {
				start := c.Frame // the frame up to the row itself, whatever it excludes
				start.End, start.Exclude = FrameBound{Kind: UnboundedFollowing}, ExcludeNoOthers
				if o.inFrame(&start, part, from, j) {
					n = j
				}
			}
		}
	}
	return max(0, n)
}

// TestOverWindowForget: results are those of all rows, whatever has left the
// state by the watermark on the order.
func TestOverWindowForget(t *testing.T) {
	defer func(n, m int) { winCheckRows, winPageRows = n, m }(winCheckRows, winPageRows)
	winCheckRows = 3
	schema := optest.Schema(t, windowSchema)
	for n := range 24 {
		spec := orderedWindow(n, schema, func(s *OverWindow) bool { return s.Forgets() })
		spec.Forget, spec.Closed, spec.Behind, spec.Ahead = true, TableRef{ID: 101}, 2, 1
		t.Run(fmt.Sprintf("%d %s", n, callsText(spec, schema)), func(t *testing.T) {
			winPageRows = []int{2, 1024}[n%2]
			o := &windowOracle{t, schema, spec}
			law := winCloseLaw(t, spec)
			law.oracle = func(rows []optest.Row, _ int64) []optest.Row { return o.rows([][]optest.Row{rows}) }
			law.quiet = !spec.PassesOrder()
			law.check(t)
		})
	}
}

// TestOverWindowForgetStays: the state of windows by the order of a watermark stays
// about as large as what a row to come looks at, also of partitions to which none
// comes, and of those that were evicted or read by another run.
func TestOverWindowForgetStays(t *testing.T) {
	schema := optest.Schema(t, "id int8, g int8, x int8, lo int8")
	near := WindowFrame{Mode: RangeFrame, Start: FrameBound{Kind: Preceding, Col: 3}, End: FrameBound{Kind: CurrentRow}}
	lag := windowCallOf(WindowCall{Func: "lag", Args: []int{0}, Shift: 2})
	sum := windowCallOf(WindowCall{Agg: "sum(bigint)->numeric", Args: []int{0}, T: types.Of(types.Numeric), Frame: near})
	for name, c := range map[string]struct {
		call WindowCall
		most int // of rows at the end, all of them behind the watermark, in 400 partitions
	}{"lag": {lag, 800}, "range": {sum, 200}} {
		for _, evict := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " evict=", evict), func(t *testing.T) {
				h := optest.New(t, []types.Schema{schema}, func(in []executor.Spec) executor.Spec {
					return &OverWindow{In: in[0], Partition: []int{1}, Keys: []SortKey{{Col: 2}}, RowKey: []int{0}, Calls: []WindowCall{c.call},
						Rows: TableRef{ID: 100}, Closed: TableRef{ID: 101}, Forget: true, Behind: 10,
						Out: append(slices.Clone(schema), types.Column{Name: "c", Type: c.call.T})}
				}, optest.Options{Evict: evict, Discard: true})
				id, peak := int64(0), 0
				for epoch := range int64(200) {
					var cs []optest.Change
					for range 20 { // to 20 partitions that nothing else comes to
						id++
						x := epoch*10 + id%10
						cs = append(cs, optest.Change{Op: stream.Insert, Row: optest.Row{types.IntDatum(id), types.IntDatum(epoch/10*20 + id%20), types.IntDatum(x), types.IntDatum(x - 10)}})
					}
					h.Push(0, cs)
					h.Watermark(0, 2, epoch*10-30)
					h.Barrier()
					if epoch%37 == 0 {
						h.Restart()
					}
					peak = max(peak, h.StateRows(TableRef{ID: 100}))
				}
				if end := h.StateRows(TableRef{ID: 100}); end > 2*c.most+100 || peak > 2*c.most+200 {
					t.Fatalf("%d rows in state at the end, %d at the peak; of %d only %d are looked at", end, peak, id, c.most)
				}
			})
		}
	}
}

// TestOverWindowForgetNothing: a look at a partition that has left memory, and to
// which changes come that sum to nothing, reads that partition alone.
func TestOverWindowForgetNothing(t *testing.T) {
	schema := optest.Schema(t, "id int8, g int8, x int8")
	lag := windowCallOf(WindowCall{Func: "lag", Args: []int{0}, Shift: 1})
	h := optest.New(t, []types.Schema{schema}, func(in []executor.Spec) executor.Spec {
		return &OverWindow{In: in[0], Partition: []int{1}, Dist: []int{}, Keys: []SortKey{{Col: 2}}, RowKey: []int{0}, Calls: []WindowCall{lag},
			Rows: TableRef{ID: 100}, Closed: TableRef{ID: 101}, Forget: true, Out: append(slices.Clone(schema), types.Column{Name: "c", Type: lag.T})}
	}, optest.Options{})
	for g := range 4 { // all in one vnode
		h.PushText(0, fmt.Sprintf("%d %d 1\n%d %d 2", 2*g, g, 2*g+1, g))
	}
	h.Watermark(0, 2, 0)
	h.Barrier()
	h.Restart()
	h.PushText(0, "100 1 9\n- 100 1 9\n101 1 9\n- 101 1 9\n102 1 9\n- 102 1 9\n103 2 9\n- 103 2 9")
	h.Watermark(0, 2, 5)
	h.Barrier()
	for range 300 { // a turn through the vnodes
		h.PushText(0, "100 1 9\n- 100 1 9")
		h.Barrier()
	}
	if n := h.StateRows(TableRef{ID: 100}); n != 4 {
		t.Fatalf("%d rows in state, want the last one of each partition", n)
	}
	h.PushText(0, "10 0 9\n11 1 9\n12 2 9\n13 3 9")
	net := h.Barrier()
	for _, want := range []string{"10 0 9 1", "11 1 9 3", "12 2 9 5", "13 3 9 7"} {
		if net[want] != 1 {
			t.Fatalf("no %q in\n%s", want, net)
		}
	}
}
