package op

import (
	"bytes"
	"cmp"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"streamdb/executor"
	"streamdb/executor/optest"
	"streamdb/stream"
	"streamdb/types"
)

// mergeModel is what a table (id, a, b, v) holds that merges its writers' rows.
type mergeModel struct {
	upsertModel
	merge RowMerge
}

// less orders by version, NULL first, then by stored form.
func (m *mergeModel) less(x, y optest.Row) int {
	if v := m.merge.Version - 1; v >= 0 {
		if c := compareNullable(x[v], y[v]); c != 0 {
			return c
		}
	}
	return bytes.Compare(m.image(x), m.image(y))
}

func compareNullable(x, y types.Datum) int {
	switch {
	case x.Null || y.Null:
		return cmp.Compare(b2i(!x.Null), b2i(!y.Null))
	}
	return cmp.Compare(x.I, y.I)
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// put is the row that r makes of the one that is there.
func (m *mergeModel) put(r optest.Row) {
	id := r[0].I
	old := m.rows[id]
	if old == nil {
		m.rows[id] = r
		return
	}
	if v := m.merge.Version - 1; v >= 0 && compareNullable(r[v], old[v]) < 0 {
		return
	}
	r = slices.Clone(r)
	for c := range r {
		if m.merge.Fill && r[c].Null {
			r[c] = old[c]
		}
	}
	m.rows[id] = r
}

// epoch applies the changes of an epoch by writer; 0 is the table's own input.
func (m *mergeModel) epoch(changes [][]optest.Change) {
	for _, w := range []int{1, 2, 0} {
		net, byText := map[string]int{}, map[string]optest.Row{}
		for _, c := range changes[w] {
			text := optest.Text(m.schema, c.Row)
			net[text] += int(c.Op)
			byText[text] = c.Row
		}
		left, gone := map[int64][]optest.Row{}, map[int64]bool{}
		for text, n := range net {
			id := byText[text][0].I
			if n > 0 {
				left[id] = append(left[id], byText[text])
			} else if n < 0 {
				gone[id] = true
			}
		}
		for id := range gone {
			if left[id] == nil {
				delete(m.rows, id)
			}
		}
		for id, rows := range left {
			if w == 0 { // what the statement says, whole
				m.rows[id] = slices.MaxFunc(rows, func(x, y optest.Row) int { return bytes.Compare(m.image(x), m.image(y)) })
				continue
			}
			slices.SortFunc(rows, m.less)
			for _, r := range rows {
				m.put(r)
			}
		}
	}
}

// TestUpsertMerge: three writers merge rows into a table in any order, with
// crashes; the table is what the model says, whatever the order in an epoch.
func TestUpsertMerge(t *testing.T) {
	schema := optest.Schema(t, "id int8, a int4, b int4, v int4")
	table := RowTable{Def: TableRef{ID: 50, Name: "t"}, Cols: schema, Key: []SortKey{{Col: 0}}, Dist: []int{0}}
	rapid.Check(t, func(rt *rapid.T) {
		merge := rapid.SampledFrom([]RowMerge{{Fill: true}, {Version: 4}, {Fill: true, Version: 4}}).Draw(rt, "merge")
		h := optest.New(t, []types.Schema{schema, schema, schema}, func(in []executor.Spec) executor.Spec {
			return &Upsert{In: in[0], Writers: in[1:], Table: table, Merge: &merge}
		}, optest.Options{})
		defer h.Close()
		model := &mergeModel{upsertModel{schema: schema, rows: map[int64]optest.Row{}}, merge}
		value := func() types.Datum {
			if n := rapid.IntRange(-1, 2).Draw(rt, "value"); n >= 0 {
				return types.IntDatum(int64(n))
			}
			return types.NullDatum
		}
		held := make([][]optest.Row, 3)
		for range rapid.IntRange(1, 6).Draw(rt, "epochs") {
			changes := make([][]optest.Change, 3)
			for w := range changes {
				for range rapid.IntRange(0, 6).Draw(rt, "changes") {
					if n := len(held[w]); n > 0 && rapid.IntRange(0, 2).Draw(rt, "delete") == 0 {
						k := rapid.IntRange(0, n-1).Draw(rt, "row")
						changes[w] = append(changes[w], optest.Change{Op: stream.Delete, Row: held[w][k]})
						held[w] = slices.Delete(held[w], k, k+1)
						continue
					}
					r := optest.Row{types.IntDatum(int64(rapid.IntRange(0, 2).Draw(rt, "id"))), value(), value(), value()}
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
				rt.Fatalf("%+v: after %v got\n%s\nwant\n%s", merge, changes, got, want)
			}
			scan := &TableScan{Name: "t", Table: table, Cols: []int{0, 1, 2, 3}, Out: schema}
			if got, want := stored(t, h, scan), h.Sum().String(); got != want {
				rt.Fatalf("stored\n%s\nemitted\n%s", got, want)
			}
		}
	})
}
