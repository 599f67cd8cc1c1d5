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

// lessThan is $a < $b over bigint columns.
func lessThan(t testing.TB, a, b int) expr.Expr {
	t.Helper()
	for _, d := range funcs.OperatorsByName("<") {
		if len(d.Args) == 2 && d.Args[0] == types.Int8 && d.Args[1] == types.Int8 {
			i8 := types.Of(types.Int8)
			return &expr.Call{Def: d, Args: []expr.Expr{&expr.Col{Index: a, T: i8}, &expr.Col{Index: b, T: i8}}, T: types.Of(types.Bool)}
		}
	}
	t.Fatal("no operator <")
	return nil
}

// joinCase is a join of (k, v, id) with (k, v, id).
type joinCase struct {
	kind     JoinKind
	residual bool // l.v < r.v
	nullSafe bool
	keyed    [2]bool
	grow     [2]bool // append-only
	cross    bool    // no keys
}

func (c joinCase) String() string {
	return fmt.Sprintf("%s,residual=%v,nullsafe=%v,keyed=%v,append=%v,cross=%v", c.kind, c.residual, c.nullSafe, c.keyed, c.grow, c.cross)
}

func (c joinCase) build(t testing.TB, s types.Schema) optest.Build {
	return func(in []executor.Spec) executor.Spec {
		j := &HashJoin{Left: in[0], Right: in[1], Type: c.kind, NullSafe: []bool{c.nullSafe}}
		for i, side := range []*JoinSide{&j.L, &j.R} {
			*side = JoinSide{Keys: []int{0}, WindowKey: -1, AppendOnly: c.grow[i], Table: TableRef{ID: 100, Name: "join"}}
			side.Table.ID += 1
			if i == 1 {
				side.Table.ID += 1
			}
			if c.keyed[i] {
				side.RowKey = []int{2}
			}
			if c.cross {
				side.Keys = nil
			}
		}
		if c.cross {
			j.NullSafe = nil
		}
		if c.residual {
			j.Residual = lessThan(t, 1, 4)
		}
		j.Cols = []int{1, 0, 2, 5, 4}
		if c.kind == SemiJoin || c.kind == AntiJoin {
			j.Cols = []int{2, 1}
		}
		both := append(append(types.Schema{}, s...), s...)
		for _, col := range j.Cols {
			j.Out = append(j.Out, both[col])
		}
		return j
	}
}

// oracle is the nested loop.
func (c joinCase) oracle(in [][]optest.Row) []optest.Row {
	match := func(l, r optest.Row) bool {
		if !c.cross {
			switch {
			case l[0].Null || r[0].Null:
				if !c.nullSafe || l[0].Null != r[0].Null {
					return false
				}
			case l[0].S != r[0].S:
				return false
			}
		}
		return !c.residual || !l[1].Null && !r[1].Null && l[1].I < r[1].I
	}
	null := optest.Row{types.NullDatum, types.NullDatum, types.NullDatum}
	var out []optest.Row
	emit := func(l, r optest.Row) { out = append(out, optest.Row{l[1], l[0], l[2], r[2], r[1]}) }
	matched := make([]bool, len(in[1]))
	for _, l := range in[0] {
		any := false
		for k, r := range in[1] {
			if match(l, r) {
				any, matched[k] = true, true
				if c.kind < SemiJoin {
					emit(l, r)
				}
			}
		}
		switch {
		case !any && (c.kind == LeftJoin || c.kind == FullJoin):
			emit(l, null)
		case any == (c.kind == SemiJoin) && c.kind >= SemiJoin:
			out = append(out, optest.Row{l[2], l[1]})
		}
	}
	for k, r := range in[1] {
		if !matched[k] && (c.kind == RightJoin || c.kind == FullJoin) {
			emit(null, r)
		}
	}
	return out
}

func TestHashJoin(t *testing.T) {
	joinEvictMin = 0
	schema := optest.Schema(t, "k text, v int8, id int8")
	gen := func(t *rapid.T) optest.Row {
		k := types.NullDatum
		if x := rapid.IntRange(-1, 2).Draw(t, "k"); x >= 0 {
			k = types.BytesDatum([]string{"", "a", "bb"}[x])
		}
		return optest.Row{k, genInt(t, 3), types.IntDatum(int64(rapid.IntRange(0, 9).Draw(t, "id")))}
	}
	for kind := InnerJoin; kind <= AntiJoin; kind++ {
		for _, c := range []joinCase{
			{kind: kind},
			{kind: kind, keyed: [2]bool{true, true}},
			{kind: kind, keyed: [2]bool{true, true}, residual: true},
			{kind: kind, residual: true, nullSafe: true},
			{kind: kind, keyed: [2]bool{true, true}, grow: [2]bool{true, false}, residual: true},
			{kind: kind, keyed: [2]bool{true, true}, grow: [2]bool{true, true}},
			{kind: kind, keyed: [2]bool{true, false}, cross: true},
		} {
			t.Run(c.String(), func(t *testing.T) {
				keys := [][]int{nil, nil}
				for i := range keys {
					if c.keyed[i] {
						keys[i] = []int{2}
					}
				}
				optest.Check(t, optest.Law{
					Schemas: []types.Schema{schema, schema}, Build: c.build(t, schema),
					Gen:  []func(*rapid.T) optest.Row{gen, gen},
					Keys: keys, AppendOnly: c.grow[:], Oracle: c.oracle,
				})
			})
		}
	}
}
