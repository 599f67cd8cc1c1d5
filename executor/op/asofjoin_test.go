package op

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"streamdb/executor"
	"streamdb/executor/optest"
	"streamdb/types"
)

// asOfCase is an AS-OF join of (k, t, id) with (k, t, x, id).
type asOfCase struct {
	kind     JoinKind
	op       string
	nullSafe bool
}

func (c asOfCase) String() string { return fmt.Sprintf("%s,%s,nullsafe=%v", c.kind, c.op, c.nullSafe) }

func (c asOfCase) build(ls, rs types.Schema) optest.Build {
	return func(in []executor.Spec) executor.Spec {
		j := &AsOfJoin{Left: in[0], Right: in[1], Type: c.kind, Op: c.op, NullSafe: []bool{c.nullSafe}, Tie: []int{2}, Cols: []int{2, 5, 0, 1, 4},
			L: AsOfSide{Keys: []int{0}, Time: 1, RowKey: []int{2}, Table: TableRef{ID: 101, Name: "left"}},
			R: AsOfSide{Keys: []int{0}, Time: 1, RowKey: []int{3}, Table: TableRef{ID: 102, Name: "right"}}}
		both := append(append(types.Schema{}, ls...), rs...)
		for _, col := range j.Cols {
			j.Out = append(j.Out, both[col])
		}
		return j
	}
}

// nearer reports whether time a is nearer than b, among those that match.
func (c asOfCase) nearer(a, b int64) bool { return a != b && (c.op[0] == '>') == (a > b) }

func (c asOfCase) match(l, r optest.Row) bool {
	switch {
	case l[0].Null || r[0].Null:
		if !c.nullSafe || l[0].Null != r[0].Null {
			return false
		}
	case l[0].S != r[0].S:
		return false
	}
	if l[1].Null || r[1].Null {
		return false
	}
	return l[1].I == r[1].I && len(c.op) == 2 || l[1].I != r[1].I && (l[1].I > r[1].I) == (c.op[0] == '>')
}

// tieLess orders x and id of right rows; NULL is the greatest.
func tieLess(a, b optest.Row) bool {
	if a[2] != b[2] {
		return !a[2].Null && (b[2].Null || a[2].I < b[2].I)
	}
	return a[3].I < b[3].I
}

func (c asOfCase) oracle(in [][]optest.Row) []optest.Row {
	var out []optest.Row
	for _, l := range in[0] {
		var best optest.Row
		for _, r := range in[1] {
			if c.match(l, r) && (best == nil || c.nearer(r[1].I, best[1].I) || r[1].I == best[1].I && tieLess(best, r)) {
				best = r
			}
		}
		switch {
		case best != nil:
			out = append(out, optest.Row{l[2], best[2], l[0], l[1], best[1]})
		case c.kind == LeftJoin:
			out = append(out, optest.Row{l[2], types.NullDatum, l[0], l[1], types.NullDatum})
		}
	}
	return out
}

func TestAsOfJoin(t *testing.T) {
	ls, rs := optest.Schema(t, "k text, t int8, id int8"), optest.Schema(t, "k text, t int8, x int8, id int8")
	key := func(t *rapid.T) types.Datum {
		if x := rapid.IntRange(-1, 1).Draw(t, "k"); x >= 0 {
			return types.BytesDatum([]string{"a", "a\x00b"}[x])
		}
		return types.NullDatum
	}
	id := func(t *rapid.T) types.Datum { return types.IntDatum(int64(rapid.IntRange(0, 12).Draw(t, "id"))) }
	left := func(t *rapid.T) optest.Row { return optest.Row{key(t), genInt(t, 7), id(t)} }
	right := func(t *rapid.T) optest.Row { return optest.Row{key(t), genInt(t, 7), genInt(t, 1), id(t)} }
	for _, kind := range []JoinKind{InnerJoin, LeftJoin} {
		for _, op := range []string{">=", ">", "<=", "<"} {
			c := asOfCase{kind: kind, op: op, nullSafe: op == "<"}
			t.Run(c.String(), func(t *testing.T) {
				optest.Check(t, optest.Law{
					Schemas: []types.Schema{ls, rs}, Build: c.build(ls, rs), Gen: []func(*rapid.T) optest.Row{left, right},
					Keys: [][]int{{2}, {3}}, Oracle: c.oracle,
				})
			})
		}
	}
}
