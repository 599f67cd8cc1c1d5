package op

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"streamdb/executor"
	"streamdb/executor/optest"
	"streamdb/expr"
	"streamdb/expr/funcs"
	"streamdb/types"
)

// singletonCase joins (v, id) with the one row (w).
type singletonCase struct {
	op    string // of v and w; "": cross join
	plain bool   // the operator does not know that it is an inequality
	shows bool   // w is output
}

func (c singletonCase) String() string {
	return fmt.Sprintf("op=%q,plain=%v,shows=%v", c.op, c.plain, c.shows)
}

func (c singletonCase) build(t testing.TB, ls, rs types.Schema) optest.Build {
	return func(in []executor.Spec) executor.Spec {
		j := &SingletonJoin{Left: in[0], Right: in[1], Dist: []int{1}, RowKey: []int{1}, Cols: []int{1, 0},
			Rows: TableRef{ID: 101, Name: "rows"}, Held: TableRef{ID: 102, Name: "held"}}
		if c.shows {
			j.Cols = []int{2, 1}
		}
		if c.op != "" {
			i8 := types.Of(types.Int8)
			e, err := funcs.BindOperator(nil, c.op, &expr.Col{Index: 0, T: i8}, &expr.Col{Index: 2, T: i8})
			if err != nil {
				t.Fatal(err)
			}
			j.Cond = e
			if !c.plain {
				j.Op = c.op
			}
		}
		both := append(append(types.Schema{}, ls...), rs...)
		for _, col := range j.Cols {
			j.Out = append(j.Out, both[col])
		}
		return j
	}
}

func (c singletonCase) oracle(in [][]optest.Row) []optest.Row {
	var out []optest.Row
	for _, l := range in[0] {
		for _, r := range in[1] {
			ok := c.op == ""
			if !ok && !l[0].Null && !r[0].Null {
				switch v, w := l[0].I, r[0].I; c.op {
				case "<":
					ok = v < w
				case "<=":
					ok = v <= w
				case ">":
					ok = v > w
				case ">=":
					ok = v >= w
				}
			}
			if ok && c.shows {
				out = append(out, optest.Row{r[0], l[1]})
			} else if ok {
				out = append(out, optest.Row{l[1], l[0]})
			}
		}
	}
	return out
}

func TestSingletonJoin(t *testing.T) {
	ls, rs := optest.Schema(t, "v int8, id int8"), optest.Schema(t, "w int8")
	left := func(t *rapid.T) optest.Row {
		return optest.Row{genInt(t, 9), types.IntDatum(int64(rapid.IntRange(0, 12).Draw(t, "id")))}
	}
	right := func(t *rapid.T) optest.Row { return optest.Row{genInt(t, 9)} }
	cases := []singletonCase{{}, {shows: true}, {op: "<", plain: true}, {op: ">=", plain: true, shows: true}}
	for _, op := range []string{"<", "<=", ">", ">="} {
		cases = append(cases, singletonCase{op: op}, singletonCase{op: op, shows: true})
	}
	for _, c := range cases {
		t.Run(c.String(), func(t *testing.T) {
			optest.Check(t, optest.Law{
				Schemas: []types.Schema{ls, rs}, Build: c.build(t, ls, rs), Gen: []func(*rapid.T) optest.Row{left, right},
				Keys: [][]int{{1}, {}}, Oracle: c.oracle,
			})
		})
	}
}

// TestSingletonJoinReadsBetweenBorders: when the value moves, what is between the
// old and the new one comes out, and nothing else.
func TestSingletonJoinReadsBetweenBorders(t *testing.T) {
	ls, rs := optest.Schema(t, "v int8, id int8"), optest.Schema(t, "w int8")
	h := optest.New(t, []types.Schema{ls, rs}, singletonCase{op: ">"}.build(t, ls, rs), optest.Options{})
	for i := range 100 {
		h.PushText(0, fmt.Sprintf("+ %d %d", i, i))
	}
	h.PushText(1, "+ 50")
	if n := len(h.Barrier()); n != 49 {
		t.Fatalf("%d rows above 50", n)
	}
	h.Restart()
	h.PushText(1, "- 50\n+ 53")
	if got, want := h.Barrier().String(), "- 51 51\n- 52 52\n- 53 53"; got != want {
		t.Fatalf("got:\n%s\nwant:\n%s", got, want)
	}
	h.PushText(1, "- 53\n+ 52")
	if got, want := h.Barrier().String(), "+ 53 53"; got != want {
		t.Fatalf("got:\n%s\nwant:\n%s", got, want)
	}
}
