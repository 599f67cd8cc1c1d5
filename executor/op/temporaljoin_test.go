package op

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"streamdb/executor"
	"streamdb/executor/optest"
	"streamdb/stream"
	"streamdb/types"
)

// temporalCase is a temporal join of (k, v, id) with (k, v, id).
type temporalCase struct {
	kind     JoinKind
	residual bool // l.v < r.v
	nullSafe bool
	grow     bool // the left side is append-only
	wait     bool
	early    bool
}

func (c temporalCase) String() string {
	return fmt.Sprintf("%s,residual=%v,nullsafe=%v,append=%v,wait=%v,early=%v", c.kind, c.residual, c.nullSafe, c.grow, c.wait, c.early)
}

func (c temporalCase) build(t testing.TB, s types.Schema) optest.Build {
	return func(in []executor.Spec) executor.Spec {
		side := func(id int, grow bool) JoinSide {
			return JoinSide{Keys: []int{0}, RowKey: []int{2}, WindowKey: -1, AppendOnly: grow, Table: TableRef{ID: 100, Name: "join"}}
		}
		j := &TemporalJoin{Left: in[0], Right: in[1], Type: c.kind, NullSafe: []bool{c.nullSafe}, L: side(0, c.grow), R: side(1, false),
			Cols: []int{1, 0, 2, 5, 4}, Wait: c.wait, Held: TableRef{ID: 103, Name: "held"}, Early: c.early}
		j.L.Table.ID, j.R.Table.ID = 101, 102
		if c.grow {
			j.L.Table = TableRef{}
		}
		if c.residual {
			j.Residual = lessThan(t, 1, 4)
		}
		both := append(append(types.Schema{}, s...), s...)
		for _, col := range j.Cols {
			j.Out = append(j.Out, both[col])
		}
		return j
	}
}

// history is the naive form: what each left row was given is remembered by its text.
func (c temporalCase) history(s types.Schema) func() func(in [][]optest.Row) []optest.Row {
	pairs := joinCase{kind: c.kind, residual: c.residual, nullSafe: c.nullSafe}
	return func() func(in [][]optest.Row) []optest.Row {
		given := map[string][]optest.Row{}
		var before []optest.Row // the right side at the barrier before
		return func(in [][]optest.Row) []optest.Row {
			right := in[1]
			if c.early {
				right, before = before, slices.Clone(right)
			}
			now := map[string][]optest.Row{}
			var out []optest.Row
			for _, l := range in[0] {
				text := optest.Text(s, l)
				rows, ok := given[text]
				if !ok {
					rows = pairs.oracle([][]optest.Row{{l}, right})
				}
				now[text] = rows
				out = append(out, rows...)
			}
			given = now
			return out
		}
	}
}

func TestTemporalJoin(t *testing.T) {
	joinEvictMin = 0
	schema := optest.Schema(t, "k text, v int8, id int8")
	gen := func(t *rapid.T) optest.Row {
		k := types.NullDatum
		if x := rapid.IntRange(-1, 2).Draw(t, "k"); x >= 0 {
			k = types.BytesDatum([]string{"", "a", "bb"}[x])
		}
		return optest.Row{k, genInt(t, 3), types.IntDatum(int64(rapid.IntRange(0, 9).Draw(t, "id")))}
	}
	for _, kind := range []JoinKind{InnerJoin, LeftJoin} {
		for _, c := range []temporalCase{
			{kind: kind, grow: true}, {kind: kind}, {kind: kind, residual: true}, {kind: kind, nullSafe: true}, {kind: kind, grow: true, residual: true},
			{kind: kind, grow: true, early: true}, {kind: kind, grow: true, early: true, residual: true, nullSafe: true},
		} {
			t.Run(c.String(), func(t *testing.T) {
				optest.Check(t, optest.Law{
					Schemas: []types.Schema{schema, schema}, Build: c.build(t, schema), Gen: []func(*rapid.T) optest.Row{gen, gen},
					Keys: [][]int{{2}, {2}}, AppendOnly: []bool{c.grow, false}, History: c.history(schema),
				})
			})
		}
	}
}

// TestTemporalJoinWaits: left rows wait, over restarts, until the right side's
// first rows have all come, and then see them.
func TestTemporalJoinWaits(t *testing.T) {
	schema := optest.Schema(t, "k text, v int8, id int8")
	for _, c := range []temporalCase{{grow: true}, {}, {grow: true, early: true}} {
		c.kind, c.wait = LeftJoin, true
		grow := c.grow
		t.Run(c.String(), func(t *testing.T) {
			h := optest.New(t, []types.Schema{schema, schema}, c.build(t, schema), optest.Options{})
			want := func(net optest.Net, text string) {
				t.Helper()
				if got := net.String(); got != text {
					t.Fatalf("got:\n%s\nwant:\n%s", got, text)
				}
			}
			h.PushText(0, "+ a 1 1\n+ b 1 2")
			h.PushText(1, "+ a 5 1")
			want(h.Barrier(), "")
			h.Restart()
			h.PushText(0, "+ c 1 3")
			if !grow {
				h.PushText(0, "- b 1 2\n+ a 1 4")
			}
			h.PushText(1, "+ b 6 2")
			want(h.Barrier(), "")
			h.PushText(1, "+ c 7 3\n- a 5 1\n+ a 8 1")
			h.Watermark(1, stream.AllRead, 0)
			if grow {
				want(h.Barrier(), "+ 1 a 1 1 8\n+ 1 b 2 2 6\n+ 1 c 3 3 7")
			} else {
				want(h.Barrier(), "+ 1 a 1 1 8\n+ 1 a 4 1 8\n+ 1 c 3 3 7")
			}
			if n := h.StateRows(TableRef{ID: 103}); n != 256 {
				t.Fatalf("%d rows of state are left of those that waited", n-256)
			}
			h.Restart() // it is known that the right side is complete
			h.PushText(0, "+ d 1 5")
			want(h.Barrier(), "+ 1 d 5 NULL NULL")
			h.PushText(1, "+ d 9 9")
			h.PushText(0, "+ d 2 6")
			if c.early { // as it was when the epoch began
				want(h.Barrier(), "+ 2 d 6 NULL NULL")
			} else {
				want(h.Barrier(), "+ 2 d 6 9 9")
			}
			h.PushText(0, "+ d 3 7")
			want(h.Barrier(), "+ 3 d 7 9 9")
		})
	}
}

// TestTemporalJoinGivesBack: left rows are read at the barrier where they lie, and
// their memory goes back then, also when they had to wait. What comes of rows that
// go within the epoch is made anew, and read no later.
func TestTemporalJoinGivesBack(t *testing.T) {
	schema := optest.Schema(t, "k text, v int8, id int8")
	for _, grow := range []bool{true, false} {
		c := temporalCase{kind: LeftJoin, grow: grow, wait: true}
		t.Run(c.String(), func(t *testing.T) {
			h := optest.New(t, []types.Schema{schema, schema}, c.build(t, schema), optest.Options{})
			lent := func(want int) {
				t.Helper()
				if h.Lent != want {
					t.Fatalf("%d batches are lent, want %d", h.Lent, want)
				}
			}
			h.PushText(0, "+ a 1 1")
			lent(1)
			h.Barrier() // it waits in the state
			lent(0)
			h.PushText(0, "+ b 1 2")
			h.PushText(1, "+ a 5 1")
			h.Watermark(1, stream.AllRead, 0)
			lent(1) // the right side's is copied
			h.PushText(0, "+ a 1 3")
			h.PushText(1, "+ b 6 2")
			lent(2)
			if got, want := h.Barrier().String(), "+ 1 a 1 1 5\n+ 1 a 3 1 5\n+ 1 b 2 2 6"; got != want {
				t.Fatalf("got:\n%s\nwant:\n%s", got, want)
			}
			lent(0)
			if grow {
				return
			}
			h.PushText(0, "- a 1 3\n+ a 2 4")
			h.PushText(0, "- a 2 4\n+ b 2 4")
			if got, want := h.Barrier().String(), "- 1 a 3 1 5\n+ 2 b 4 2 6"; got != want {
				t.Fatalf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

// TestTemporalJoinKeepsLittle: where a filter leaves a few rows of a batch, the memory
// of all the others does not wait for the barrier.
func TestTemporalJoinKeepsLittle(t *testing.T) {
	schema := optest.Schema(t, "k text, v int8, id int8")
	c := temporalCase{kind: LeftJoin, grow: true}
	h := optest.New(t, []types.Schema{schema, schema}, func(in []executor.Spec) executor.Spec {
		return c.build(t, schema)([]executor.Spec{&Calc{In: in[0], Where: lessThan(t, 1, 2)}, in[1]})
	}, optest.Options{})
	for _, x := range []struct {
		rows, net string
		lent      int
	}{
		{"+ a 1 9\n+ a 2 8\n+ a 3 7\n+ a 9 6", "+ 1 a 9 NULL NULL\n+ 2 a 8 NULL NULL\n+ 3 a 7 NULL NULL", 0},
		{"+ a 1 2\n+ a 9 3\n+ a 9 4\n+ a 9 5", "+ 1 a 2 NULL NULL", 1}, // it is left to the garbage collector
	} {
		h.PushText(0, x.rows)
		if got := h.Barrier().String(); got != x.net {
			t.Errorf("got:\n%s\nwant:\n%s", got, x.net)
		}
		if h.Lent != x.lent {
			t.Errorf("%d batches did not come back of %q, want %d", h.Lent, x.rows, x.lent)
		}
	}
}
