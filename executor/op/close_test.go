package op

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"streamdb/executor"
	"streamdb/executor/optest"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
)

// closeLaw says what a tree computes whose input has watermarks.
type closeLaw struct {
	schema     types.Schema
	time       int // the column with watermarks
	build      optest.Build
	gen        func(t *rapid.T, low int64) optest.Row // a row whose time is above low, or NULL
	late       func(t *rapid.T, high int64) optest.Row
	key        int // a column that tells the rows apart
	appendOnly bool
	// oracle is the sum of the outputs for the rows that came in time (and were not
	// taken back) under a watermark; none yet: minWindow.
	oracle func(rows []optest.Row, mark int64) []optest.Row
	// final: what comes out never changes.
	final bool
	quiet bool // no watermark comes out
	// left checks what is in the state; nil: nothing is known.
	left func(h *optest.Harness, rows []optest.Row, mark int64) error
}

// check runs random histories: rows above the watermark come and go, the
// watermark rises, within an epoch and at its end, rows come that were late before
// it, the operator restarts, loses its memory or an epoch that was not committed.
func (law *closeLaw) check(t *testing.T) {
	t.Helper()
	rapid.Check(t, func(rt *rapid.T) { law.history(t, rt) })
}

func (law *closeLaw) history(t *testing.T, rt *rapid.T) {
	stats := &Stats{}
	h := optest.New(failer{t, rt}, []types.Schema{law.schema}, law.build, optest.Options{Evict: rapid.Bool().Draw(rt, "evict"), Env: &Env{Stats: stats}})
	defer h.Close()
	h.OnOutput = func(b *stream.Batch) {
		for _, o := range b.Ops {
			if law.final && o != stream.Insert {
				rt.Fatalf("what was final is taken back")
			}
		}
	}
	var rows []optest.Row
	mark, next, lateRows := int64(minWindow), int64(1), 0
	for epoch := range rapid.IntRange(1, 8).Draw(rt, "epochs") {
		var feed []func()
		passed := mark // before the epoch
		for range rapid.IntRange(0, 8).Draw(rt, "changes") {
			open := slices.DeleteFunc(slices.Clone(rows), func(r optest.Row) bool { return r[law.time].Null || r[law.time].I <= mark })
			c := optest.Change{Op: stream.Insert}
			switch {
			case !law.appendOnly && len(open) > 0 && rapid.IntRange(0, 9).Draw(rt, "delete") < 3:
				c = optest.Change{Op: stream.Delete, Row: open[rapid.IntRange(0, len(open)-1).Draw(rt, "row")]}
				rows = slices.DeleteFunc(rows, func(r optest.Row) bool { return r[law.key] == c.Row[law.key] })
			case passed > minWindow && rapid.IntRange(0, 9).Draw(rt, "late") == 0:
				c.Row = law.late(rt, passed)
				c.Row[law.key] = types.IntDatum(next)
				next++
				lateRows++
			default:
				c.Row = law.gen(rt, mark)
				c.Row[law.key] = types.IntDatum(next)
				next++
				rows = append(rows, c.Row)
			}
			feed = append(feed, func() { h.Push(0, []optest.Change{c}) })
			if rapid.IntRange(0, 5).Draw(rt, "rise") == 0 {
				mark = max(mark, 0) + rapid.Int64Range(0, 8).Draw(rt, "by")
				m := mark
				feed = append(feed, func() { h.Watermark(0, law.time, m) })
			}
		}
		if rapid.Bool().Draw(rt, "end") {
			mark = max(mark, 0) + rapid.Int64Range(0, 8).Draw(rt, "by")
			m := mark
			feed = append(feed, func() { h.Watermark(0, law.time, m) })
		}
		run := func() {
			for _, f := range feed {
				f()
			}
		}
		if rapid.IntRange(0, 9).Draw(rt, "crash") == 0 {
			run() // lost
			h.Restart()
		}
		run()
		h.Barrier()
		law.compare(rt, h, rows, mark, epoch)
		switch rapid.IntRange(0, 4).Draw(rt, "then") {
		case 0:
			h.SetEvict(rapid.Bool().Draw(rt, "evict"))
			h.Restart()
			h.Watermarks = nil
			h.Barrier()
			if mark > minWindow && len(h.Watermarks) == 0 && !law.quiet {
				rt.Fatalf("the watermark is not passed on after a restart")
			}
			law.compare(rt, h, rows, mark, epoch)
		case 1:
			h.Barrier()
			law.compare(rt, h, rows, mark, epoch)
		}
	}
}

func (law *closeLaw) compare(rt *rapid.T, h *optest.Harness, rows []optest.Row, mark int64, epoch int) {
	want := optest.NetOf(h.Schema(), law.oracle(rows, mark))
	if got := h.Sum(); got.String() != want.String() {
		rt.Fatalf("after epoch %d, watermark %d\ngot:\n%s\nwant:\n%s", epoch, mark, got, want)
	}
	if law.left != nil {
		if err := law.left(h, rows, mark); err != nil {
			rt.Fatalf("after epoch %d, watermark %d: %v", epoch, mark, err)
		}
	}
}

// failer lets a harness fail a history, so that rapid shrinks it.
type failer struct {
	testing.TB
	rt *rapid.T
}

func (x failer) Helper()                           {}
func (x failer) Fatalf(format string, args ...any) { x.rt.Fatalf(format, args...) }
func (x failer) Cleanup(func())                    {}

// timed draws rows of (t int8, k text, v int8, id int8) around a watermark.
func timed(nulls bool) (gen, late func(t *rapid.T, at int64) optest.Row) {
	row := func(t *rapid.T, time types.Datum) optest.Row {
		return optest.Row{time, types.BytesDatum(rapid.SampledFrom([]string{"a", "b"}).Draw(t, "k")),
			types.IntDatum(rapid.Int64Range(0, 3).Draw(t, "v")), types.NullDatum}
	}
	gen = func(t *rapid.T, low int64) optest.Row {
		if nulls && rapid.IntRange(0, 9).Draw(t, "null") == 0 {
			return row(t, types.NullDatum)
		}
		return row(t, types.IntDatum(max(low, 0)+rapid.Int64Range(1, 12).Draw(t, "t")))
	}
	late = func(t *rapid.T, high int64) optest.Row {
		return row(t, types.IntDatum(high-rapid.Int64Range(0, 5).Draw(t, "t")))
	}
	return gen, late
}

func closed(rows []optest.Row, time int, mark int64) []optest.Row {
	return slices.DeleteFunc(slices.Clone(rows), func(r optest.Row) bool { return r[time].Null || r[time].I > mark })
}

// waiting: the table holds the rows that no watermark has passed.
func waiting(id storage.TableID) func(h *optest.Harness, rows []optest.Row, mark int64) error {
	return func(h *optest.Harness, rows []optest.Row, mark int64) error {
		want := 0
		for _, r := range rows {
			if !r[0].Null && r[0].I > mark {
				want++
			}
		}
		if n := h.StateRows(TableRef{ID: id}); n != want {
			return fmt.Errorf("%d rows in state, want %d", n, want)
		}
		return nil
	}
}

func TestEmitOnClose(t *testing.T) {
	s := optest.Schema(t, "t int8, k text, v int8, id int8")
	for _, appendOnly := range []bool{false, true} {
		t.Run(fmt.Sprint("appendOnly=", appendOnly), func(t *testing.T) {
			law := closeLaw{schema: s, key: 3, appendOnly: appendOnly, final: true,
				build: func(in []executor.Spec) executor.Spec {
					return &EmitOnClose{In: in[0], RowKey: []int{3}, AppendOnly: appendOnly, Rows: TableRef{ID: 100}, Closed: TableRef{ID: 101}, Dist: []int{3}}
				},
				oracle: func(rows []optest.Row, mark int64) []optest.Row { return closed(rows, 0, mark) },
				left:   waiting(100)}
			law.gen, law.late = timed(true)
			law.check(t)
		})
	}
}

// TestEmitOnCloseOrder: rows of many vnodes and slices come out in order of time.
func TestEmitOnCloseOrder(t *testing.T) {
	s := optest.Schema(t, "t int8, place int8, id int8")
	h := optest.New(t, []types.Schema{s}, func(in []executor.Spec) executor.Spec {
		return &EmitOnClose{In: in[0], RowKey: []int{1, 2}, AppendOnly: true, Rows: TableRef{ID: 100}, Closed: TableRef{ID: 101}, Dist: []int{1}}
	}, optest.Options{})
	last, n := int64(0), 0
	h.OnOutput = func(b *stream.Batch) {
		for _, x := range b.Cols()[0].I64 {
			if x < last {
				t.Fatalf("time %d after %d", x, last)
			}
			last = x
			n++
		}
	}
	var cs []optest.Change
	for i := range int64(50_000) {
		cs = append(cs, optest.Change{Op: stream.Insert, Row: optest.Row{types.IntDatum(1 + i*7919%40_000), types.IntDatum(i / 3000), types.IntDatum(i)}})
	}
	for i := range cs { // few vnodes with many rows, and many with few
		if i%2 == 0 {
			cs[i].Row[1] = types.IntDatum(int64(i))
		}
	}
	h.Push(0, cs)
	h.Watermark(0, 0, 20_000)
	h.Barrier()
	h.Watermark(0, 0, 30_000)
	h.Barrier()
	want := 0
	for _, c := range cs {
		if c.Row[0].I <= 30_000 {
			want++
		}
	}
	if n != want {
		t.Fatalf("%d rows came out, want %d", n, want)
	}
	if left := h.StateRows(TableRef{ID: 100}); left != len(cs)-want {
		t.Fatalf("%d rows in state", left)
	}
}

// openGroups: the table holds the groups by (t, k) that no watermark has passed.
func openGroups(id storage.TableID, nulls bool) func(h *optest.Harness, rows []optest.Row, mark int64) error {
	return func(h *optest.Harness, rows []optest.Row, mark int64) error {
		want := map[string]bool{}
		for _, r := range rows {
			if r[0].Null && nulls || !r[0].Null && r[0].I > mark {
				want[fmt.Sprint(r[0], r[1].S)] = true
			}
		}
		if n := h.StateRows(TableRef{ID: id}); n != len(want) {
			return fmt.Errorf("%d groups in state, want %d", n, len(want))
		}
		return nil
	}
}

func TestHashAggEmitOnClose(t *testing.T) {
	s := optest.Schema(t, "t int8, k text, v int8, id int8")
	calls := []AggCall{aggCall(t, s, "count"), aggCall(t, s, "sum", 2), aggCall(t, s, "max", 2), aggCall(t, s, "array_agg", 2)}
	calls[3].OrderBy = []SortKey{{Col: 2}, {Col: 3}}
	for i, appendOnly := range []bool{false, true, false} {
		calls := calls
		if i == 2 {
			calls = calls[:2]
		}
		t.Run(fmt.Sprintf("appendOnly=%v,%d", appendOnly, len(calls)), func(t *testing.T) {
			spec := aggSpec(s, []int{1, 0}, calls, appendOnly)
			spec.WindowKey, spec.EmitOnClose, spec.Closed = 1, true, TableRef{ID: 50}
			naive := aggOracle(t, s, spec)
			law := closeLaw{schema: s, key: 3, appendOnly: appendOnly, final: true,
				build: func(in []executor.Spec) executor.Spec {
					c := *spec
					c.In = in[0]
					return &c
				},
				oracle: func(rows []optest.Row, mark int64) []optest.Row { return naive([][]optest.Row{closed(rows, 0, mark)}) },
				left:   openGroups(100, false)}
			law.gen, law.late = timed(true)
			law.check(t)
		})
	}
}

// TestHashAggClosed: without EmitOnClose results stay, state goes, and late rows
// do not begin a group again, whatever restarts there are.
func TestHashAggClosed(t *testing.T) {
	s := optest.Schema(t, "t int8, k text, v int8, id int8")
	for _, calls := range [][]AggCall{{aggCall(t, s, "count"), aggCall(t, s, "max", 2)}, {aggCall(t, s, "sum", 2), aggCall(t, s, "count")}, {}} {
		spec := aggSpec(s, []int{0, 1}, calls, false)
		spec.WindowKey, spec.Closed = 0, TableRef{ID: 50}
		naive := aggOracle(t, s, spec)
		law := closeLaw{schema: s, key: 3, build: buildAgg(spec),
			oracle: func(rows []optest.Row, _ int64) []optest.Row { return naive([][]optest.Row{rows}) },
			left:   openGroups(100, true)}
		law.gen, law.late = timed(true)
		law.check(t)
	}
}

func TestTopNClosed(t *testing.T) {
	s := optest.Schema(t, "t int8, k text, v int8, id int8")
	desc := SortKey{Col: 2, Desc: true}
	for _, c := range []struct {
		keys                 []SortKey
		limit                int64
		withTies, appendOnly bool
	}{
		{[]SortKey{desc}, 2, false, false},
		{[]SortKey{desc}, 2, false, true},
		{[]SortKey{desc}, 1, false, false},
		{[]SortKey{desc}, 1, true, false},
		{[]SortKey{desc}, 1, true, true},
		{[]SortKey{desc, {Col: 1}}, 1, true, false},
	} {
		t.Run(fmt.Sprintf("%d,ties=%v,appendOnly=%v", c.limit, c.withTies, c.appendOnly), func(t *testing.T) {
			spec := TopN{Group: []int{1, 0}, Keys: c.keys, RowKey: []int{3}, Limit: c.limit, WithTies: c.withTies, AppendOnly: c.appendOnly,
				Rows: TableRef{ID: 100}, Closed: TableRef{ID: 101}, WindowKey: 1}
			law := closeLaw{schema: s, key: 3, appendOnly: c.appendOnly,
				build: func(in []executor.Spec) executor.Spec {
					top := spec
					top.In = in[0]
					return &top
				},
				oracle: func(rows []optest.Row, _ int64) []optest.Row { return naiveTop(rows, int(c.limit), c.withTies) }}
			law.gen, law.late = timed(true)
			law.check(t)
		})
	}
}

// TestClosedTogether: what a PartialAgg gathers, a HashAgg counts and a TopN chooses
// from is closed by one watermark, also within an epoch.
func TestClosedTogether(t *testing.T) {
	s := optest.Schema(t, "t int8, k text, v int8, id int8")
	whole := aggSpec(s, []int{0, 2}, []AggCall{aggCall(t, s, "count")}, true)
	whole.WindowKey, whole.Closed = 0, TableRef{ID: 50}
	partial, final := partialSpecs(t, s, whole, PartialAlways)
	agg := buildPartial(partial, final)
	law := closeLaw{schema: s, key: 3, appendOnly: true,
		build: func(in []executor.Spec) executor.Spec {
			return &TopN{In: agg(in), Group: []int{0}, Keys: []SortKey{{Col: 2, Desc: true}}, RowKey: []int{1}, Limit: 1, WithTies: true,
				Rows: TableRef{ID: 200}, Closed: TableRef{ID: 201}}
		},
		oracle: func(rows []optest.Row, _ int64) []optest.Row {
			var out []optest.Row
			for _, r := range aggOracle(t, s, whole)([][]optest.Row{rows}) {
				out = append(out, optest.Row{r[0], types.BytesDatum(""), r[2], r[1]})
			}
			out = naiveTop(out, 1, true)
			for i, r := range out {
				out[i] = optest.Row{r[0], r[3], r[2]}
			}
			return out
		}}
	law.gen, law.late = timed(false)
	law.check(t)
}

// TestClosedWithinEpoch: of windows that begin and end within an epoch nothing is
// written, and the watermark is passed on as they close.
func TestClosedWithinEpoch(t *testing.T) {
	s := optest.Schema(t, "t int8, k text, v int8, id int8")
	spec := aggSpec(s, []int{0, 1}, []AggCall{aggCall(t, s, "count")}, true)
	spec.WindowKey, spec.Closed = 0, TableRef{ID: 50}
	h := optest.New(t, []types.Schema{s}, func(in []executor.Spec) executor.Spec {
		return &TopN{In: buildAgg(spec)(in), Group: []int{0}, Keys: []SortKey{{Col: 2, Desc: true}}, RowKey: []int{1}, Limit: 1, WithTies: true,
			Rows: TableRef{ID: 200}, Closed: TableRef{ID: 201}}
	}, optest.Options{})
	defer h.Close()
	var out []string
	h.OnOutput = func(b *stream.Batch) {
		for i := range b.Rows() {
			out = append(out, fmt.Sprintf("%+d %d %s %d", b.Op(i), b.Cols()[0].I64[i], b.Cols()[1].Bytes(i), b.Cols()[2].I64[i]))
		}
	}
	h.PushText(0, "1 a 0 1\n1 a 0 2\n1 b 0 3\n2 a 0 4\n2 b 0 5\n3 c 0 6")
	h.Watermark(0, 0, 2)
	if got, want := fmt.Sprint(out), "[+1 1 a 2 +1 2 a 1 +1 2 b 1]"; got != want {
		t.Fatalf("before the barrier came\n%s\nwant\n%s", got, want)
	}
	h.Barrier()
	for _, id := range []storage.TableID{100, 200} {
		if n := h.StateRows(TableRef{ID: id}); n != 1 {
			t.Fatalf("table %d has %d rows", id, n)
		}
	}
}

// TestClosedGroupsOfAnyType: groups that are only in the table are closed, whatever
// types their columns have.
func TestClosedGroupsOfAnyType(t *testing.T) {
	s := optest.Schema(t, "t int8, k jsonb, n numeric, a int8[], f float8, i interval, v int8")
	h := optest.New(t, []types.Schema{s}, func(in []executor.Spec) executor.Spec {
		return &TopN{In: in[0], Group: []int{1, 2, 3, 4, 5, 0}, Keys: []SortKey{{Col: 6}}, RowKey: []int{6}, Limit: 1,
			Rows: TableRef{ID: 100}, Closed: TableRef{ID: 101}, WindowKey: 5}
	}, optest.Options{})
	for i, k := range []string{`null`, `"a\\b"`, `-1.50`, `true`, `[]`, `[1,[],{"x":[null]}]`, `{"b":{},"a":"\u0001"}`} {
		for at := range 2 {
			h.PushText(0, fmt.Sprintf("%d %s 1.%d0 {%d,NULL} -0.5 1_mon %d", at, k, i, i, 2*i+at))
		}
	}
	h.Barrier()
	h.Restart()
	h.Watermark(0, 0, 0)
	h.Barrier()
	if n := h.StateRows(TableRef{ID: 100}); n != 7 {
		t.Fatalf("%d rows in state, want 7", n)
	}
}

// naiveTop is the limit greatest v of each (k, t), or all that are as great as the
// last of them.
func naiveTop(rows []optest.Row, limit int, withTies bool) []optest.Row {
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b optest.Row) int {
		if a[2].I != b[2].I {
			return int(b[2].I - a[2].I)
		}
		return int(a[3].I - b[3].I)
	})
	n, last := map[string]int{}, map[string]int64{}
	var out []optest.Row
	for _, r := range rows {
		g := fmt.Sprint(r[1].S, r[0])
		if n[g]++; n[g] <= limit {
			last[g] = r[2].I
		} else if !withTies || r[2].I != last[g] {
			continue
		}
		out = append(out, r)
	}
	return out
}

// TestOverWindowClosed: closed partitions leave the state, results stay, and late
// rows do not begin a partition again.
func TestOverWindowClosed(t *testing.T) {
	s := optest.Schema(t, "t int8, k text, v int8, id int8")
	call := windowCallOf(WindowCall{Func: "lead", Args: []int{2}, Shift: 1})
	spec := OverWindow{Partition: []int{1, 0}, Keys: []SortKey{{Col: 2}}, RowKey: []int{3}, Calls: []WindowCall{call},
		Rows: TableRef{ID: 100}, Closed: TableRef{ID: 101}, WindowKey: 1, Out: append(slices.Clone(s), types.Column{Name: "c", Type: call.T})}
	o := &windowOracle{t, s, &spec}
	law := closeLaw{schema: s, key: 3,
		build: func(in []executor.Spec) executor.Spec {
			c := spec
			c.In = in[0]
			return &c
		},
		oracle: func(rows []optest.Row, _ int64) []optest.Row { return o.rows([][]optest.Row{rows}) },
		left: func(h *optest.Harness, rows []optest.Row, mark int64) error {
			want := 0
			for _, r := range rows {
				if r[0].Null || r[0].I > mark {
					want++
				}
			}
			if n := h.StateRows(TableRef{ID: 100}); n != want {
				return fmt.Errorf("%d rows in state, want %d", n, want)
			}
			return nil
		}}
	law.gen, law.late = timed(true)
	law.check(t)
}
