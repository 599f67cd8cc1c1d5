package op

import (
	"context"
	"strings"
	"testing"

	"streamdb/executor"
	"streamdb/executor/optest"
	"streamdb/expr"
	"streamdb/stream"
	"streamdb/types"
)

// TestDML: a statement's rows come out with the barrier of its epoch, neither
// before nor twice, in the order of the statements.
func TestDML(t *testing.T) {
	schema := optest.Schema(t, "id int8, v text")
	boxes := &Inboxes{}
	h := optest.New(t, nil, func([]executor.Spec) executor.Spec { return &DML{Name: "t", Out: schema} }, optest.Options{Env: &Env{Inboxes: boxes}})
	var order []string
	h.OnOutput = func(b *stream.Batch) {
		for _, c := range optest.Changes(b) {
			order = append(order, optest.Text(schema, c.Row))
		}
	}
	push := func(e stream.Epoch, text string) {
		boxes.Of(1).Push(e, optest.Batch(schema, optest.Parse(t, schema, text)))
	}
	step := func(want string) {
		t.Helper()
		if got := h.Barrier().String(); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
	step("")
	push(h.Next(), "+ 1 a\n+ 2 b")
	push(h.Next(), "- 1 a\n+ 1 c")
	push(h.Next()+1, "+ 3 d")
	h.Poll()
	step("+ 1 c\n+ 2 b")
	if got := strings.Join(order, ", "); got != "1 a, 2 b, 1 a, 1 c" {
		t.Errorf("order: %s", got)
	}
	h.Restart() // an acknowledged statement is in the table, one of a later epoch still in the inbox
	step("+ 3 d")
	step("")
}

// numbers is a system table of the numbers from 0 on, in batches of two.
type numbers struct{ n, next int64 }

func (s *numbers) Open(_ context.Context, schema, name string, cols []int) (Rows, error) {
	return &numbers{n: s.n}, nil
}

func (s *numbers) Next(context.Context) (*stream.Batch, error) {
	if s.next >= s.n {
		return nil, nil
	}
	var cs []optest.Change
	for range 2 {
		cs = append(cs, optest.Change{Op: stream.Insert, Row: optest.Row{types.IntDatum(s.next)}})
		s.next++
	}
	return optest.Batch(types.Schema{{Name: "n", Type: types.Of(types.Int8)}}, cs), nil
}

func (s *numbers) Close() error { return nil }

// TestVirtual: a bounded run gives all rows of the system table; a view is refused.
func TestVirtual(t *testing.T) {
	spec := &Virtual{Schema_: "streamdb", Name: "numbers", Cols: []int{0}, Out: types.Schema{{Name: "n", Type: types.Of(types.Int8)}}}
	env := &Env{Sys: &numbers{n: 6}}
	var got []int64
	tmpl := executor.OpenCtx{Expr: &expr.Ctx{}, Memory: executor.NewAccountant(0), Env: env, Bounded: true}
	err := executor.RunBounded(t.Context(), tmpl, spec, func(b *stream.Batch) error {
		got = append(got, b.Cols()[0].I64...)
		return nil
	})
	if err != nil || len(got) != 6 || got[5] != 5 {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := spec.Open(&executor.OpenCtx{Env: env}); err == nil {
		t.Error("a job may read a system table")
	}
}
