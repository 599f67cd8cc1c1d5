package op

import (
	"bytes"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"streamdb/executor"
	"streamdb/executor/optest"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
)

// upsertModel is what a table holds after epochs of changes by several writers.
type upsertModel struct {
	schema     types.Schema
	appendOnly bool
	rows       map[int64]optest.Row
}

func (m *upsertModel) image(r optest.Row) []byte {
	return storage.AppendRow(nil, optest.Batch(m.schema, []optest.Change{{Op: stream.Insert, Row: r}}).Cols(), 0)
}

// epoch applies the changes of one epoch, by writer: 0 is the table's own input.
func (m *upsertModel) epoch(changes [][]optest.Change) {
	turns := []int{1, 2, 0}
	written := map[int64]bool{}
	for _, w := range turns {
		net, byText := map[string]int{}, map[string]optest.Row{}
		for _, c := range changes[w] {
			text := optest.Text(m.schema, c.Row)
			net[text] += int(c.Op)
			byText[text] = c.Row
		}
		best, gone := map[int64]optest.Row{}, map[int64]bool{}
		for text, n := range net {
			r := byText[text]
			id := r[0].I
			switch {
			case n > 0 && (best[id] == nil || bytes.Compare(m.image(r), m.image(best[id])) > 0):
				best[id] = r
			case n < 0:
				gone[id] = true
			}
		}
		for id := range gone {
			if best[id] == nil && !m.appendOnly {
				delete(m.rows, id)
			}
		}
		for id, r := range best {
			if m.appendOnly && (m.rows[id] != nil || written[id]) {
				continue
			}
			m.rows[id], written[id] = r, true
		}
	}
}

// TestUpsert: three writers change a table in any order, with crashes; the
// table is what the model says, whatever the order within an epoch.
func TestUpsert(t *testing.T) {
	schema := optest.Schema(t, "id int8, v int4")
	table := RowTable{Def: TableRef{ID: 50, Name: "t"}, Cols: schema, Key: []SortKey{{Col: 0}}, Dist: []int{0}}
	rapid.Check(t, func(rt *rapid.T) {
		appendOnly := rapid.Bool().Draw(rt, "appendOnly")
		h := optest.New(t, []types.Schema{schema, schema, schema}, func(in []executor.Spec) executor.Spec {
			return &Upsert{In: in[0], Writers: in[1:], Table: table, AppendOnly: appendOnly}
		}, optest.Options{})
		defer h.Close()
		model := &upsertModel{schema: schema, appendOnly: appendOnly, rows: map[int64]optest.Row{}}
		held := make([][]optest.Row, 3) // what each writer has inserted and not deleted
		for range rapid.IntRange(1, 6).Draw(rt, "epochs") {
			changes := make([][]optest.Change, 3)
			for w := range changes {
				for range rapid.IntRange(0, 6).Draw(rt, "changes") {
					if n := len(held[w]); n > 0 && !appendOnly && rapid.IntRange(0, 2).Draw(rt, "delete") == 0 {
						k := rapid.IntRange(0, n-1).Draw(rt, "row")
						changes[w] = append(changes[w], optest.Change{Op: stream.Delete, Row: held[w][k]})
						held[w] = slices.Delete(held[w], k, k+1)
						continue
					}
					r := optest.Row{types.IntDatum(int64(rapid.IntRange(0, 3).Draw(rt, "id"))), types.IntDatum(int64(rapid.IntRange(0, 3).Draw(rt, "v")))}
					held[w] = append(held[w], r)
					changes[w] = append(changes[w], optest.Change{Op: stream.Insert, Row: r})
				}
			}
			push := func() {
				for _, w := range rapid.Permutation([]int{0, 1, 2}).Draw(rt, "writers") {
					if len(changes[w]) > 0 {
						h.Push(w, rapid.Permutation(changes[w]).Draw(rt, "order"))
					}
				}
			}
			if rapid.IntRange(0, 3).Draw(rt, "crash") == 0 {
				push()
				h.Restart()
			}
			push()
			h.Barrier()
			model.epoch(changes)
			var want []optest.Row
			for _, r := range model.rows {
				want = append(want, r)
			}
			if got, want := h.Sum().String(), optest.NetOf(schema, want).String(); got != want {
				rt.Fatalf("after %v got\n%s\nwant\n%s", changes, got, want)
			}
			scan := &TableScan{Name: "t", Table: table, Cols: []int{0, 1}, Out: schema}
			if got, want := stored(t, h, scan), h.Sum().String(); got != want {
				rt.Fatalf("stored\n%s\nemitted\n%s", got, want)
			}
		}
	})
}

// TestSinkInto: the changes of a query as rows of a table; of deletes and
// updates only the inserted rows, if so wanted.
func TestSinkInto(t *testing.T) {
	in := optest.Schema(t, "v int4, key int8")
	out := optest.Schema(t, "v int4, _row_id int8")
	next := int64(0)
	env := &Env{RowIDs: func(n int) int64 { next += int64(n); return next - int64(n) }}
	for _, inserts := range []bool{false, true} {
		cols := []int{0, 1}
		if inserts {
			cols = []int{0, -1}
		}
		h := optest.New(t, []types.Schema{in}, func(ins []executor.Spec) executor.Spec {
			return &SinkInto{In: ins[0], Name: "t", Cols: cols, Inserts: inserts, Out: out}
		}, optest.Options{Env: env})
		step := func(changes, all, fresh string) {
			t.Helper()
			h.PushText(0, changes)
			want := all
			if inserts {
				want = fresh
			}
			if got := h.Barrier().String(); got != want {
				t.Errorf("inserts %v: after %q got %q, want %q", inserts, changes, got, want)
			}
		}
		step("+ 1 1\n+ 2 2", "+ 1 1\n+ 2 2", "+ 1 0\n+ 2 1")
		h.Restart()
		step("- 1 1\n+ 5 1\n- 2 2\n+ 7 3\n- 7 3", "- 1 1\n- 2 2\n+ 5 1", "+ 5 2")
		step("+ 5 4\n- 5 1", "- 5 1\n+ 5 4", "+ 5 3") // another row of the query
	}
}

// TestWriters: a plan with a writer taken out again is the plan as it was.
func TestWriters(t *testing.T) {
	schema := optest.Schema(t, "id int8, v int4")
	table := RowTable{Def: TableRef{ID: 50, Name: "t"}, Cols: schema, Key: []SortKey{{Col: 0}}, Dist: []int{0}}
	for _, keyed := range []bool{true, false} {
		p := &executor.Plan{Job: 1, Fragments: []executor.Fragment{{Root: &Materialize{In: &DML{Name: "t", Out: schema}, Table: table}, Parallelism: 1}}}
		text := func() string {
			b, err := MarshalPlan(p)
			if err != nil {
				t.Fatal(err)
			}
			if p, err = UnmarshalPlan(b); err != nil {
				t.Fatal(err)
			}
			return string(b)
		}
		before := text()
		for _, w := range []stream.JobID{7, 8} {
			if err := AttachWriter(p, w, keyed); err != nil {
				t.Fatal(err)
			}
			text()
		}
		if got := p.Upstreams(); !slices.Equal(got, []stream.JobID{7, 8}) {
			t.Errorf("keyed %v: upstreams %v", keyed, got)
		}
		if err := DetachWriter(p, 7); err != nil {
			t.Fatal(err)
		}
		text()
		if got := p.Upstreams(); !slices.Equal(got, []stream.JobID{8}) {
			t.Errorf("keyed %v: upstreams %v", keyed, got)
		}
		if err := DetachWriter(p, 8); err != nil {
			t.Fatal(err)
		}
		if after := text(); after != before {
			t.Errorf("keyed %v: before\n%s\nafter\n%s", keyed, before, after)
		}
	}
}
