package op

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"streamdb/executor"
	"streamdb/executor/optest"
	"streamdb/expr"
	"streamdb/stream"
	"streamdb/types"
)

func testTable(t testing.TB) RowTable {
	return RowTable{
		Def:  TableRef{ID: 50, Name: "t"},
		Cols: optest.Schema(t, "k text, v numeric, id int8"),
		Key:  []SortKey{{Col: 2}},
		Dist: []int{2},
	}
}

func genTableRow(t *rapid.T) optest.Row {
	return optest.Row{genText(t), genNumeric(t), types.IntDatum(int64(rapid.IntRange(0, 9).Draw(t, "id")))}
}

// TestMaterializeNet: what comes out is what came in, in any order inside an epoch.
func TestMaterializeNet(t *testing.T) {
	table := testTable(t)
	for _, m := range []Materialize{{Table: table}, {Table: table, AppendOnly: true}} {
		optest.Check(t, optest.Law{
			Schemas: []types.Schema{table.Cols}, Gen: []func(*rapid.T) optest.Row{genTableRow},
			Keys: [][]int{{2}}, AppendOnly: []bool{m.AppendOnly}, NoBounded: true,
			Build:  func(in []executor.Spec) executor.Spec { m := m; m.In = in[0]; return &m },
			Oracle: func(in [][]optest.Row) []optest.Row { return in[0] },
		})
	}
}

// stored reads a table through a TableScan.
func stored(t testing.TB, h *optest.Harness, s *TableScan) string {
	t.Helper()
	net := optest.Net{}
	tmpl := executor.OpenCtx{Snapshot: h.Snapshot, Expr: &expr.Ctx{}, Memory: executor.NewAccountant(0)}
	err := executor.RunBounded(t.Context(), tmpl, s, func(b *stream.Batch) error {
		for _, c := range optest.Changes(b) {
			net.Add(optest.Text(s.Out, c.Row), int64(c.Op))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return net.String()
}

func TestOverwriteAndScan(t *testing.T) {
	table := testTable(t)
	h := optest.New(t, []types.Schema{table.Cols}, func(in []executor.Spec) executor.Spec {
		return &Materialize{In: in[0], Table: table, Conflict: Overwrite}
	}, optest.Options{})
	step := func(changes, want string) {
		t.Helper()
		h.PushText(0, changes)
		if got := h.Barrier().String(); got != strings.ReplaceAll(strings.TrimSpace(want), "\t", "") {
			t.Errorf("after %q got\n%s\nwant\n%s", changes, got, want)
		}
		scan := &TableScan{Name: "t", Table: table, Cols: []int{0, 1, 2}, Out: table.Cols}
		if got, want := stored(t, h, scan), h.Sum().String(); got != want {
			t.Errorf("stored\n%s\nemitted\n%s", got, want)
		}
	}
	step("+ a 1 1\n+ b 1 2\n+ c 2 1", "+ b 1 2\n+ c 2 1")
	h.Restart()
	step("+ c 2 1\n+ d 5 2", "- b 1 2\n+ d 5 2")
	step("- x NULL 1\n- y NULL 7", "- c 2 1")
	step("+ e 1 3\n- e 1 3\n+ f 1 3", "+ f 1 3")

	one := expr.Const{Value: types.IntDatum(3), T: types.Of(types.Int8)}
	scan := &TableScan{Name: "t", Table: table, Cols: []int{2, 0}, Point: []expr.Expr{&one}, Out: types.Schema{table.Cols[2], table.Cols[0]}}
	if got := stored(t, h, scan); got != "+ 3 f" {
		t.Errorf("point scan: %q", got)
	}
	one.Value = types.NullDatum
	if got := stored(t, h, scan); got != "" {
		t.Errorf("point scan for NULL: %q", got)
	}
}

// TestBackfill reads a table slice by slice while it changes, with restarts at
// any point; the result is the table.
func TestBackfill(t *testing.T) {
	defer func(n int) { backfillSlice = n }(backfillSlice)
	table := testTable(t)
	rapid.Check(t, func(rt *rapid.T) {
		backfillSlice = rapid.IntRange(1, 4).Draw(rt, "slice")
		table := table
		if rapid.Bool().Draw(rt, "singleton") {
			table.Dist = nil
		}
		polls := 0
		env := &Env{Rate: func(stream.JobID, RateKind) float64 {
			if polls--; polls < 0 {
				return 0
			}
			return -1
		}}
		h := optest.New(t, []types.Schema{table.Cols}, func(in []executor.Spec) executor.Spec {
			return &Backfill{
				In: &Materialize{In: in[0], Table: table}, Name: "t", Table: table, Cols: []int{2, 0},
				Out: types.Schema{table.Cols[2], table.Cols[0]}, State_: TableRef{ID: 60, Name: "backfill"},
			}
		}, optest.Options{Env: env})
		defer h.Close()
		rows := map[int64]optest.Row{}
		for range rapid.IntRange(1, 10).Draw(rt, "epochs") {
			polls = rapid.IntRange(0, 3).Draw(rt, "polls")
			h.Poll()
			before := map[int64]optest.Row{}
			for id, r := range rows {
				before[id] = r
			}
			var cs []optest.Change
			for range rapid.IntRange(0, 8).Draw(rt, "changes") {
				r := genTableRow(rt)
				id := r[2].I
				if old, ok := rows[id]; ok {
					cs = append(cs, optest.Change{Op: stream.Delete, Row: old})
					delete(rows, id)
					if rapid.Bool().Draw(rt, "delete") {
						continue
					}
				}
				rows[id] = r
				cs = append(cs, optest.Change{Op: stream.Insert, Row: r})
			}
			h.Push(0, cs)
			polls = rapid.IntRange(0, 2).Draw(rt, "polls")
			h.Poll()
			if rapid.IntRange(0, 4).Draw(rt, "crash") == 0 {
				h.Restart()
				rows = before
				continue
			}
			h.Barrier()
		}
		polls = 1000
		h.Poll()
		h.Barrier()
		var want []optest.Row
		for _, r := range rows {
			want = append(want, optest.Row{r[2], r[0]})
		}
		out := types.Schema{table.Cols[2], table.Cols[0]}
		if got, want := h.Sum().String(), optest.NetOf(out, want).String(); got != want {
			rt.Fatalf("got\n%s\nwant\n%s", got, want)
		}
		polls = 1000
		h.Push(0, nil)
		h.Poll()
		if net := h.Barrier(); len(net) > 0 {
			rt.Fatalf("a finished backfill emits %s", net)
		}
	})
}

// TestBackfillBetweenEpochs reads a table of another job: its rows of an epoch come
// before the epoch's barrier does, and slices are read between them. The snapshots
// do not hold these rows, whatever number the commits have.
func TestBackfillBetweenEpochs(t *testing.T) {
	defer func(n int) { backfillSlice = n }(backfillSlice)
	table := testTable(t)
	table.Dist = nil // one vnode: slices end between rows
	all := make([]int, len(table.Cols))
	for i := range all {
		all[i] = i
	}
	rapid.Check(t, func(rt *rapid.T) {
		backfillSlice = rapid.IntRange(1, 4).Draw(rt, "slice")
		polls := 0
		env := &Env{Rate: func(stream.JobID, RateKind) float64 {
			if polls--; polls < 0 {
				return 0
			}
			return -1
		}}
		h := optest.New(t, []types.Schema{table.Cols, table.Cols}, func(in []executor.Spec) executor.Spec {
			return &Union{Out: table.Cols, Ins: []executor.Spec{
				&Materialize{In: in[0], Table: table},
				&Backfill{In: in[1], Name: "t", Table: table, Cols: all, Out: table.Cols, State_: TableRef{ID: 60, Name: "backfill"}},
			}}
		}, optest.Options{Env: env})
		defer h.Close()
		rows := map[int64]optest.Row{}
		for range rapid.IntRange(1, 8).Draw(rt, "epochs") {
			for range rapid.IntRange(0, 3).Draw(rt, "batches") {
				r := genTableRow(rt)
				cs := []optest.Change{{Op: stream.Insert, Row: r}}
				if old, ok := rows[r[2].I]; ok {
					cs = []optest.Change{{Op: stream.Delete, Row: old}, cs[0]}
				}
				rows[r[2].I] = r
				h.Push(0, cs)
				h.Push(1, cs)
				polls = rapid.IntRange(0, 2).Draw(rt, "polls")
				h.Poll()
			}
			h.Barrier()
			polls = rapid.IntRange(0, 1).Draw(rt, "polls after")
			h.Poll()
		}
		polls = 1000
		h.Poll()
		h.Barrier()
		var want []optest.Row
		for _, r := range rows {
			want = append(want, r, r)
		}
		if got, want := h.Sum().String(), optest.NetOf(table.Cols, want).String(); got != want {
			rt.Fatalf("got\n%s\nwant, of each row two\n%s", got, want)
		}
	})
}

func TestPrefixEnd(t *testing.T) {
	for _, c := range []struct{ in, want []byte }{
		{[]byte{1, 2}, []byte{1, 3}}, {[]byte{1, 0xff}, []byte{2}}, {[]byte{0xff}, nil}, {nil, nil},
	} {
		if got := prefixEnd(c.in); !slices.Equal(got, c.want) {
			t.Errorf("prefixEnd(%x) = %x, want %x", c.in, got, c.want)
		}
	}
}
