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

// sessionsOf computes sessions naively, over rows (t, k, v, id): what gap apart
// means here is days for a date, microseconds otherwise.
func sessionsOf(s types.Schema, partition []int, gap int64, rows []optest.Row) []optest.Row {
	scale := int64(1)
	if s[0].Type.ID == types.Date {
		scale = usPerDay
	}
	rows = slices.DeleteFunc(slices.Clone(rows), func(r optest.Row) bool { return r[0].Null })
	group := func(r optest.Row) string {
		text := ""
		for _, c := range partition {
			text += fmt.Sprint(r[c].Null, r[c].I, r[c].S, "|")
		}
		return text
	}
	slices.SortFunc(rows, func(a, b optest.Row) int {
		if c := compareText(group(a), group(b)); c != 0 {
			return c
		}
		return int(a[0].I - b[0].I)
	})
	var out []optest.Row
	for from := 0; from < len(rows); {
		to := from + 1
		for to < len(rows) && group(rows[to]) == group(rows[from]) && (rows[to][0].I-rows[to-1][0].I)*scale < gap {
			to++
		}
		for _, r := range rows[from:to] {
			out = append(out, append(slices.Clone(r), types.IntDatum(rows[from][0].I*scale), types.IntDatum(rows[to-1][0].I*scale+gap)))
		}
		from = to
	}
	return out
}

func compareText(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func sessionSpec(t *testing.T, s types.Schema, partition []int, gap int64) Session {
	out := append(slices.Clone(s), optest.Schema(t, "window_start timestamp, window_end timestamp")...)
	return Session{Time: 0, Partition: partition, RowKey: []int{3}, Gap: gap, Out: out, Dist: partition,
		Rows: TableRef{ID: 100}, Sessions: TableRef{ID: 101}, Ends: TableRef{ID: 102}}
}

// TestSession: rows come and go, in any order: sessions are joined and split.
func TestSession(t *testing.T) {
	for _, c := range []struct {
		typ       string
		partition []int
		gap       int64
	}{{"timestamp", []int{1}, 4}, {"timestamp", nil, 3}, {"date", []int{1, 2}, 2 * usPerDay}} {
		for _, appendOnly := range []bool{false, true} {
			t.Run(fmt.Sprint(c.typ, c.partition, appendOnly), func(t *testing.T) {
				s := optest.Schema(t, "t "+c.typ+", k text, v int8, id int8")
				spec := sessionSpec(t, s, c.partition, c.gap)
				spec.AppendOnly = appendOnly
				optest.Check(t, optest.Law{
					Schemas: []types.Schema{s}, Keys: [][]int{{3}}, AppendOnly: []bool{appendOnly}, NoBounded: true, // see TestBoundedSession
					Build: func(in []executor.Spec) executor.Spec {
						x := spec
						x.In = in[0]
						return &x
					},
					Gen: []func(*rapid.T) optest.Row{func(rt *rapid.T) optest.Row {
						time := types.IntDatum(rapid.Int64Range(-20, 20).Draw(rt, "t"))
						if rapid.IntRange(0, 15).Draw(rt, "null") == 0 {
							time = types.NullDatum
						}
						return optest.Row{time, types.BytesDatum(rapid.SampledFrom([]string{"", "a", "b\x00"}).Draw(rt, "k")),
							types.IntDatum(rapid.Int64Range(0, 1).Draw(rt, "v")), types.IntDatum(rapid.Int64Range(1, 40).Draw(rt, "id"))}
					}},
					Oracle: func(in [][]optest.Row) []optest.Row { return sessionsOf(s, c.partition, c.gap, in[0]) },
				})
			})
		}
	}
}

func TestBoundedSession(t *testing.T) {
	s := optest.Schema(t, "t timestamp, k text, v int8, id int8")
	spec := sessionSpec(t, s, []int{1}, 4)
	rapid.Check(t, func(rt *rapid.T) {
		gen, _ := timed(true)
		var rows []optest.Row
		for range rapid.IntRange(0, 40).Draw(rt, "rows") {
			rows = append(rows, gen(rt, 0))
		}
		got, err := optest.Bounded(t, []types.Schema{s}, func(in []executor.Spec) executor.Spec {
			x := spec
			x.In = &Sort{In: in[0], Keys: []SortKey{{Col: 1}, {Col: 0}}}
			return &x
		}, [][]optest.Row{rows}, rapid.IntRange(1, 8).Draw(rt, "perBatch"))
		if err != nil {
			rt.Fatal(err)
		}
		if want := optest.NetOf(spec.Out, sessionsOf(s, []int{1}, 4, rows)); optest.NetOf(spec.Out, got).String() != want.String() {
			rt.Fatalf("got\n%s\nwant\n%s", optest.NetOf(spec.Out, got), want)
		}
	})
}

// TestSessionClosed: a watermark drops sessions, and what they were stays; late
// rows neither extend nor begin one. With EmitOnClose sessions come out whole.
func TestSessionClosed(t *testing.T) {
	s := optest.Schema(t, "t timestamp, k text, v int8, id int8")
	for _, emit := range []bool{false, true} {
		for _, appendOnly := range []bool{false, true} {
			t.Run(fmt.Sprint("emit=", emit, ",appendOnly=", appendOnly), func(t *testing.T) {
				spec := sessionSpec(t, s, []int{1}, 4)
				spec.Closes, spec.EmitOnClose, spec.AppendOnly, spec.Closed = true, emit, appendOnly, TableRef{ID: 50}
				law := closeLaw{schema: s, key: 3, appendOnly: appendOnly, final: emit,
					build: func(in []executor.Spec) executor.Spec {
						x := spec
						x.In = in[0]
						return &x
					},
					oracle: func(rows []optest.Row, mark int64) []optest.Row {
						out := sessionsOf(s, []int{1}, 4, rows)
						if emit {
							out = slices.DeleteFunc(out, func(r optest.Row) bool { return r[5].I > mark+1 || mark == minWindow })
						}
						return out
					},
					left: func(h *optest.Harness, rows []optest.Row, mark int64) error {
						open := slices.DeleteFunc(sessionsOf(s, []int{1}, 4, rows), func(r optest.Row) bool { return mark > minWindow && r[5].I <= mark+1 })
						if n := h.StateRows(spec.Rows); n != len(open) {
							return fmt.Errorf("%d rows in state, %d belong to open sessions", n, len(open))
						}
						if a, b := h.StateRows(spec.Sessions), h.StateRows(spec.Ends); a != b {
							return fmt.Errorf("%d sessions, %d ends", a, b)
						}
						return nil
					}}
				law.gen, law.late = timed(true)
				law.check(t)
			})
		}
	}
}
