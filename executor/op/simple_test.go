package op

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"streamdb/executor"
	"streamdb/executor/optest"
	"streamdb/expr"
	"streamdb/expr/funcs"
	"streamdb/internal/sqlerr"
	"streamdb/stream"
	"streamdb/types"
)

func col(s types.Schema, i int) expr.Expr { return &expr.Col{Index: i, T: s[i].Type} }

func intConst(x int64) expr.Expr {
	return &expr.Const{Value: types.IntDatum(x), T: types.Of(types.Int8)}
}

func operator(t testing.TB, name string, args ...expr.Expr) expr.Expr {
	t.Helper()
	e, err := funcs.BindOperator(&expr.Ctx{}, name, args...)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func schemaOf(es []expr.Expr) (s types.Schema) {
	for i, e := range es {
		s = append(s, types.Column{Name: fmt.Sprint("c", i), Type: e.Type()})
	}
	return s
}

// genSmall draws rows (int8, int8, text).
func genSmall(t *rapid.T) optest.Row { return optest.Row{genInt(t, 5), genInt(t, 3), genText(t)} }

func TestCalc(t *testing.T) {
	s := optest.Schema(t, "a int8, b int8, c text")
	where := operator(t, ">", col(s, 0), intConst(1))
	exprs := []expr.Expr{operator(t, "+", col(s, 0), col(s, 1)), col(s, 2), intConst(7), col(s, 0)}
	for _, c := range []Calc{{Where: where}, {Exprs: exprs}, {Where: where, Exprs: exprs}, {Where: expr.Bool(false), Exprs: exprs}} {
		c.Out = s
		if c.Exprs != nil {
			c.Out = schemaOf(c.Exprs)
		}
		build := func(in []executor.Spec) executor.Spec {
			x := c
			x.In = in[0]
			return &x
		}
		optest.Check(t, optest.Law{
			Schemas: []types.Schema{s}, Build: build, Gen: []func(*rapid.T) optest.Row{genSmall},
			Oracle: func(in [][]optest.Row) (out []optest.Row) {
				for _, r := range in[0] {
					if c.Where == expr.Expr(where) && (r[0].Null || r[0].I <= 1) || c.Where != nil && c.Where != expr.Expr(where) {
						continue
					}
					if c.Exprs != nil {
						sum := types.IntDatum(r[0].I + r[1].I)
						if r[0].Null || r[1].Null {
							sum = types.NullDatum
						}
						r = optest.Row{sum, r[2], types.IntDatum(7), r[0]}
					}
					out = append(out, r)
				}
				return out
			},
		})
		h := optest.New(t, []types.Schema{s}, build, optest.Options{})
		h.Watermark(0, 0, 5)
		h.Watermark(0, 1, 6)
		want := []stream.Watermark{{Column: 0, Time: 5}, {Column: 1, Time: 6}}
		if c.Exprs != nil {
			want = []stream.Watermark{{Column: 3, Time: 5}}
		}
		if !slices.Equal(h.Watermarks, want) {
			t.Errorf("watermarks %v, want %v", h.Watermarks, want)
		}
	}
}

func TestUnion(t *testing.T) {
	s := optest.Schema(t, "a int8, b int8, c text")
	build := func(in []executor.Spec) executor.Spec { return &Union{Ins: in, Out: s} }
	optest.Check(t, optest.Law{
		Schemas: []types.Schema{s, s, s}, Build: build, Gen: []func(*rapid.T) optest.Row{genSmall, genSmall, genSmall},
		Oracle: func(in [][]optest.Row) []optest.Row { return slices.Concat(in...) },
	})
	h := optest.New(t, []types.Schema{s, s}, build, optest.Options{})
	h.Watermark(0, 0, 5)
	h.Watermark(1, 0, 3)
	h.Watermark(1, 0, 2)
	h.Watermark(1, 0, 9)
	h.Watermark(1, 1, 9)
	if want := []stream.Watermark{{Column: 0, Time: 3}, {Column: 0, Time: 5}}; !slices.Equal(h.Watermarks, want) {
		t.Errorf("watermarks %v, want %v", h.Watermarks, want)
	}
}

func TestValues(t *testing.T) {
	out := optest.Schema(t, "a int8, b text")
	var rows [][]expr.Expr
	want := optest.Net{}
	for i := range 5000 { // more than one batch
		rows = append(rows, []expr.Expr{intConst(int64(i)), expr.Null(types.Of(types.Text))})
		want.Add(fmt.Sprint(i, " NULL"), 1)
	}
	build := func([]executor.Spec) executor.Spec {
		return &Values{Rows: rows, Out: out, Table: TableRef{ID: 100}}
	}
	h := optest.New(t, nil, build, optest.Options{})
	h.Poll()
	h.Restart() // before the first barrier: they come again
	h.Poll()
	h.Barrier()
	h.Restart()
	h.Poll()
	h.Barrier()
	if h.Sum().String() != want.String() {
		t.Fatalf("%d rows", len(h.Sum()))
	}
	got, err := optest.Bounded(t, nil, build, nil, 1)
	if err != nil || len(got) != len(rows) {
		t.Fatalf("bounded: %d rows, %v", len(got), err)
	}
}

func TestSingleRow(t *testing.T) {
	s := optest.Schema(t, "a int8")
	for _, null := range []bool{false, true} {
		build := func(in []executor.Spec) executor.Spec {
			return &SingleRow{In: in[0], NullOnEmpty: null, Table: TableRef{ID: 100}}
		}
		optest.Check(t, optest.Law{
			Schemas: []types.Schema{s}, Build: build,
			// One key value: the input is one row at most.
			Gen:  []func(*rapid.T) optest.Row{func(t *rapid.T) optest.Row { return optest.Row{genInt(t, 0)} }},
			Keys: [][]int{{}},
			Oracle: func(in [][]optest.Row) []optest.Row {
				if len(in[0]) == 0 && null {
					return []optest.Row{{types.NullDatum}}
				}
				return in[0]
			},
		})
		h := optest.New(t, []types.Schema{s}, build, optest.Options{})
		h.PushText(0, "+ 1\n+ 2\n- 1") // two for a moment
		h.Barrier()
		h.PushText(0, "+ 3")
		if _, err := h.TryBarrier(); sqlerr.Code(err) != sqlerr.CardinalityViolation {
			t.Fatalf("two rows: %v", err)
		}
	}
}

func TestHop(t *testing.T) {
	s := optest.Schema(t, "ts timestamp, x int8")
	out := append(slices.Clone(s), types.Column{Name: "window_start", Type: s[0].Type}, types.Column{Name: "window_end", Type: s[0].Type})
	for _, c := range []Hop{{Slide: 10, Size: 10}, {Slide: 10, Size: 30}, {Slide: 10, Size: 25, Offset: 3}, {Slide: 30, Size: 10}} {
		c.Out = out
		build := func(in []executor.Spec) executor.Spec {
			x := c
			x.In = in[0]
			return &x
		}
		inWindow := func(start, t int64) bool { return start <= t && t < start+c.Size }
		optest.Check(t, optest.Law{
			Schemas: []types.Schema{s}, Build: build,
			Gen: []func(*rapid.T) optest.Row{func(t *rapid.T) optest.Row {
				return optest.Row{types.IntDatum(int64(rapid.IntRange(-60, 60).Draw(t, "ts"))), genInt(t, 3)}
			}},
			Oracle: func(in [][]optest.Row) (rows []optest.Row) {
				for _, r := range in[0] {
					for k := int64(-100); k <= 100; k++ {
						if start := k*c.Slide + c.Offset; inWindow(start, r[0].I) {
							rows = append(rows, optest.Row{r[0], r[1], types.IntDatum(start), types.IntDatum(start + c.Size)})
						}
					}
				}
				return rows
			},
		})
		// A watermark on the window start must not cover a window that can still grow.
		for wm := int64(-50); wm < 50; wm += 7 {
			h := optest.New(t, []types.Schema{s}, build, optest.Options{})
			h.Watermark(0, 0, wm)
			start := int64(math.MinInt64)
			for _, w := range h.Watermarks {
				if w.Column == 2 {
					start = w.Time
				}
			}
			want := int64(math.MinInt64)
			for k := int64(-100); k <= 100; k++ {
				if w := k*c.Slide + c.Offset; w+c.Size-1 <= wm {
					want = max(want, w)
				}
			}
			if start != want {
				t.Fatalf("slide %d size %d: watermark %d became %d, want %d", c.Slide, c.Size, wm, start, want)
			}
			h.Close()
		}
	}
}

func TestHopDateNullInfinity(t *testing.T) {
	s := optest.Schema(t, "d date")
	ts := types.Of(types.Timestamp)
	out := types.Schema{s[0], {Name: "window_start", Type: ts}, {Name: "window_end", Type: ts}}
	h := optest.New(t, []types.Schema{s}, func(in []executor.Spec) executor.Spec {
		return &Hop{In: in[0], Slide: 7 * usPerDay, Size: 7 * usPerDay, Out: out}
	}, optest.Options{})
	h.PushText(0, "+ 1970-01-09\n+ NULL\n+ infinity")
	h.Watermark(0, 0, 6) // 1970-01-07: the first window is complete
	h.Barrier()
	want := "+ 1970-01-09 1970-01-08_00:00:00 1970-01-15_00:00:00\n+ infinity infinity infinity"
	if got := h.Sum().String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if want := []stream.Watermark{{Column: 0, Time: 6}, {Column: 1, Time: 0}, {Column: 2, Time: 7 * usPerDay}}; !slices.Equal(h.Watermarks, want) {
		t.Errorf("watermarks %v, want %v", h.Watermarks, want)
	}
}

// TestHopOfPanes: a watermark on the start of panes closes the windows that end with
// the pane, and none that goes on.
func TestHopOfPanes(t *testing.T) {
	s := optest.Schema(t, "pane timestamp")
	out := append(slices.Clone(s), types.Column{Name: "window_start", Type: s[0].Type}, types.Column{Name: "window_end", Type: s[0].Type})
	for _, c := range []struct {
		size, slide, pane, mark int64
		start, end              int64
	}{{30, 10, 10, 20, 0, 30}, {25, 10, 5, 20, 0, 25}, {25, 10, 5, 25, 0, 25}, {25, 10, 5, 30, 10, 35}} {
		h := optest.New(t, []types.Schema{s}, func(in []executor.Spec) executor.Spec {
			return &Hop{In: in[0], Slide: c.slide, Size: c.size, Pane: c.pane, Out: out}
		}, optest.Options{})
		h.Watermark(0, 0, c.mark)
		h.Barrier()
		if want := []stream.Watermark{{Column: 0, Time: c.mark}, {Column: 1, Time: c.start}, {Column: 2, Time: c.end}}; !slices.Equal(h.Watermarks, want) {
			t.Errorf("%+v: watermarks %v, want %v", c, h.Watermarks, want)
		}
	}
}

func TestWatermarkFilter(t *testing.T) {
	s := optest.Schema(t, "ts int8, x text")
	stats := &Stats{}
	build := func(in []executor.Spec) executor.Spec {
		return &WatermarkFilter{In: in[0], Col: 0, Expr: operator(t, "-", col(s, 0), intConst(5)), Table: TableRef{ID: 100}}
	}
	h := optest.New(t, []types.Schema{s}, build, optest.Options{Env: &Env{Stats: stats}})
	h.PushText(0, "+ 10 a\n+ 4 late\n+ 5 b\n+ NULL c\n+ 20 d\n+ 14 late")
	h.PushText(0, "+ 15 e\n+ 14 late")
	h.Barrier()
	h.Restart()
	h.PushText(0, "+ 14 late\n+ 16 f")
	h.Barrier()
	if got, want := h.Sum().String(), "+ 10 a\n+ 15 e\n+ 16 f\n+ 20 d\n+ 5 b\n+ NULL c"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if want := []stream.Watermark{{Time: 14}, {Time: 14}}; !slices.Equal(h.Watermarks, want) {
		t.Errorf("watermarks %v, want %v", h.Watermarks, want)
	}
	if late := stats.Of(StatKey{Job: 1, Kind: "watermark", Name: "ts"}).Bad.Load(); late != 4 {
		t.Errorf("%d late rows counted, want 4", late)
	}
}

func TestSortLimit(t *testing.T) {
	s := optest.Schema(t, "a int8, b int8, c text")
	keys := []SortKey{{Col: 1, Desc: true, NullsFirst: true}, {Col: 2}}
	rapid.Check(t, func(rt *rapid.T) {
		rows := rapid.SliceOfN(rapid.Custom(genSmall), 0, 30).Draw(rt, "rows")
		limit, offset := int64(rapid.IntRange(-1, 10).Draw(rt, "limit")), int64(rapid.IntRange(0, 10).Draw(rt, "offset"))
		got, err := optest.Bounded(t, []types.Schema{s}, func(in []executor.Spec) executor.Spec {
			return &Limit{In: &Sort{In: in[0], Keys: keys}, Limit: limit, Offset: offset}
		}, [][]optest.Row{rows}, 4)
		if err != nil {
			rt.Fatal(err)
		}
		want := slices.Clone(rows)
		slices.SortStableFunc(want, func(a, b optest.Row) int { return compareBy(s, keys, a, b) })
		want = want[min(int(offset), len(want)):]
		if limit >= 0 {
			want = want[:min(int(limit), len(want))]
		}
		if text(s, got) != text(s, want) {
			rt.Fatalf("got\n%s\nwant\n%s", text(s, got), text(s, want))
		}
		// The same by TopN, which a planner prefers.
		got, err = optest.Bounded(t, []types.Schema{s}, func(in []executor.Spec) executor.Spec {
			return &TopN{In: in[0], Keys: keys, Limit: limit, Offset: offset}
		}, [][]optest.Row{rows}, 4)
		if err != nil || text(s, got) != text(s, want) {
			rt.Fatalf("top-n got\n%s\nwant\n%s\n%v", text(s, got), text(s, want), err)
		}
	})
}

func text(s types.Schema, rows []optest.Row) string {
	lines := make([]string, len(rows))
	for i, r := range rows {
		lines[i] = optest.Text(s, r)
	}
	return strings.Join(lines, "\n")
}

func TestSortBudget(t *testing.T) {
	s := optest.Schema(t, "a int8")
	spec := &Sort{In: &executor.Input{Cols: s}, Keys: []SortKey{{Col: 0}}}
	op, err := spec.Open(&executor.OpenCtx{Bounded: true, Memory: executor.NewAccountant(1000)})
	if err != nil {
		t.Fatal(err)
	}
	rows := make([]optest.Change, 100)
	for i := range rows {
		rows[i] = optest.Change{Op: stream.Insert, Row: optest.Row{types.IntDatum(int64(i))}}
	}
	b := optest.Batch(s, rows)
	if err := op.Process(&executor.Ctx{}, 0, b, nil); sqlerr.Code(err) != sqlerr.OutOfMemory {
		t.Fatalf("got %v, want %s", err, sqlerr.OutOfMemory)
	}
}

// TestChain runs several stateful operators in one tree: windows, their
// aggregates, and the best window per key.
func TestChain(t *testing.T) {
	s := optest.Schema(t, "ts timestamp, k int8, x int4")
	ts := s[0].Type
	hopOut := append(slices.Clone(s), types.Column{Name: "window_start", Type: ts}, types.Column{Name: "window_end", Type: ts})
	agg := aggSpec(hopOut, []int{1, 3}, []AggCall{aggCall(t, s, "count"), aggCall(t, s, "max", 2)}, false)
	top := TopN{Keys: []SortKey{{Col: 2, Desc: true}}, Group: []int{0}, RowKey: []int{0, 1}, Limit: 1, Rows: TableRef{ID: 200}}
	hopRows := func(r optest.Row) (out []optest.Row) {
		for start := int64(-100); start <= 100; start += 10 {
			if start <= r[0].I && r[0].I < start+20 {
				out = append(out, append(slices.Clone(r), types.IntDatum(start), types.IntDatum(start+20)))
			}
		}
		return out
	}
	optest.Check(t, optest.Law{
		Schemas: []types.Schema{s},
		Build: func(in []executor.Spec) executor.Spec {
			a, n := *agg, top
			a.In = &Hop{In: in[0], Time: 0, Slide: 10, Size: 20, Out: hopOut}
			n.In = &a
			return &n
		},
		Gen: []func(*rapid.T) optest.Row{func(t *rapid.T) optest.Row {
			return optest.Row{types.IntDatum(int64(rapid.IntRange(0, 50).Draw(t, "ts"))), genInt(t, 2), genInt(t, 4)}
		}},
		Oracle: func(in [][]optest.Row) []optest.Row {
			var hopped []optest.Row
			for _, r := range in[0] {
				hopped = append(hopped, hopRows(r)...)
			}
			return topNOracle(agg.Out, &top)([][]optest.Row{aggOracle(t, hopOut, agg)([][]optest.Row{hopped})})
		},
		NoBounded: true,
	})
}

// TestCalcLeavesOut: rows that an expression fails for are left out, and kept for as
// long as they are there; a row of which the same expression fails twice is one.
func TestCalcLeavesOut(t *testing.T) {
	s := optest.Schema(t, "a int8, b int8, c text")
	where := operator(t, ">", operator(t, "/", intConst(6), col(s, 0)), intConst(1))
	exprs := []expr.Expr{operator(t, "/", intConst(7), col(s, 1)), col(s, 2), operator(t, "%", col(s, 0), col(s, 1))}
	ref := TableRef{ID: 100, Name: "failed", Format: 1}
	for _, c := range []Calc{{Where: where}, {Exprs: exprs}, {Where: where, Exprs: exprs}} {
		c.Out, c.Failed = s, ref
		if c.Exprs != nil {
			c.Out = schemaOf(c.Exprs)
		}
		build := func(in []executor.Spec) executor.Spec {
			x := c
			x.In = in[0]
			return &x
		}
		optest.Check(t, optest.Law{
			Schemas: []types.Schema{s}, Build: build, Gen: []func(*rapid.T) optest.Row{genSmall},
			Oracle: func(in [][]optest.Row) (out []optest.Row) {
				for _, r := range in[0] {
					switch {
					case c.Where != nil && (r[0].Null || r[0].I == 0 || 6/r[0].I <= 1):
					case c.Exprs == nil:
						out = append(out, r)
					case !r[1].Null && r[1].I == 0:
					default:
						q, m := types.NullDatum, types.NullDatum
						if !r[1].Null {
							q = types.IntDatum(7 / r[1].I)
							if !r[0].Null {
								m = types.IntDatum(r[0].I % r[1].I)
							}
						}
						out = append(out, optest.Row{q, r[2], m})
					}
				}
				return out
			},
		})
	}
}
