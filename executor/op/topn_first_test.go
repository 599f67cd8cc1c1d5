package op

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"streamdb/executor"
	"streamdb/executor/optest"
	"streamdb/types"
)

// TestTopNFewOrders checks the first rows of groups by columns of all forms: those
// that compare as integers, as bytes, and as neither.
func TestTopNFewOrders(t *testing.T) {
	for n, c := range []struct {
		typ    string
		values []string
	}{
		{"int8", []string{"-9223372036854775808", "-1", "0", "9223372036854775807"}},
		{"timestamp", []string{"1969-01-01", "2020-01-01", "2020-01-01 00:00:00.000001"}},
		{"text", []string{"", "a", "abcdefgh", "abcdefghi", "abcdefgh\x01", "é", "zzzzzzzzzzzzzzzz"}},
		{"numeric", []string{"-1", "0", "1.0", "1.00", "10", "NaN", "1e30"}},
		{"float8", []string{"-0", "0", "1e-300", "-5", "NaN", "Infinity"}},
		{"bool", []string{"t", "f"}},
		{"interval", []string{"1 mon", "30 days", "720:00:00", "-1 day"}},
		{"int8[]", []string{"{}", "{1}", "{1,2}", "{2}"}},
	} {
		for k := range 4 {
			s := optest.Schema(t, "id int8, g int8, x "+c.typ+", y text")
			spec := TopN{Limit: int64(1 + k), WithTies: (k+n)%2 != 0, Group: []int{1}, AppendOnly: true, RowKey: []int{0}, Rows: TableRef{ID: 100},
				Keys: []SortKey{{Col: 2, Desc: k&1 != 0, NullsFirst: k&2 != 0}, {Col: 3, Desc: k == 2}}}
			if spec.WithTies {
				spec.Keys = spec.Keys[:1]
			} else if k > 0 {
				spec.Out = numbered(s)
			}
			t.Run(fmt.Sprintf("%s/desc=%v,first=%v,ties=%v,numbers=%v", c.typ, k&1 != 0, k&2 != 0, spec.WithTies, spec.Out != nil), func(t *testing.T) {
				if !spec.firstOfFew() {
					t.Fatal("it is kept in another way")
				}
				optest.Check(t, optest.Law{
					Schemas: []types.Schema{s},
					Build: func(in []executor.Spec) executor.Spec {
						top := spec
						top.In = in[0]
						return &top
					},
					Gen: []func(*rapid.T) optest.Row{func(t *rapid.T) optest.Row {
						x := types.NullDatum
						if text := rapid.SampledFrom(append(c.values, "NULL")).Draw(t, "x"); text != "NULL" {
							var err error
							if x, err = types.ParseText(s[2].Type, text, nil); err != nil {
								t.Fatal(err)
							}
						}
						return optest.Row{types.IntDatum(int64(rapid.IntRange(0, 60).Draw(t, "id"))), genInt(t, 2), x, genText(t)}
					}},
					Keys:       [][]int{{0}},
					Changes:    30,
					AppendOnly: []bool{true},
					Oracle:     topNOracle(s, &spec),
					NoBounded:  true,
				})
			})
		}
	}
}

// TestTopNFewForgets checks that a row that came and went within an epoch is not
// written, that what goes later leaves the state, and that groups which leave memory
// come back.
func TestTopNFewForgets(t *testing.T) {
	s := optest.Schema(t, "id int8, g int8, x int8, pad text")
	for _, out := range []types.Schema{nil, numbered(s)} {
		t.Run(fmt.Sprintf("numbers=%v", out != nil), func(t *testing.T) { forgets(t, s, out) })
	}
}

func forgets(t *testing.T, s, out types.Schema) {
	spec := TopN{Limit: 2, Group: []int{1}, AppendOnly: true, RowKey: []int{0}, Keys: []SortKey{{Col: 2, Desc: true}}, Rows: TableRef{ID: 100}, Out: out}
	const groups = 500
	h := optest.New(t, []types.Schema{s}, func(in []executor.Spec) executor.Spec {
		spec.In = in[0]
		return &spec
	}, optest.Options{Evict: true, Limit: 64 << 10})
	id := 0
	for round := range 6 {
		for x := range 5 {
			for g := range groups {
				if g%(1+round) == 0 {
					h.PushText(0, fmt.Sprintf("+ %d %d %d %0100d", id, g, 10*round+x, id))
					id++
				}
			}
		}
		net := h.Barrier()
		seen, want := 0, (groups+round)/(1+round)*2
		for _, n := range net {
			if n > 0 {
				seen++
			}
		}
		if seen != want {
			t.Fatalf("round %d: %d rows came out, want %d", round, seen, want)
		}
		if got := h.StateRows(spec.Rows); got != 2*groups || len(h.Sum()) != 2*groups {
			t.Fatalf("round %d: %d rows in state, %d out", round, got, len(h.Sum()))
		}
		if round == 3 {
			h.Restart()
		}
	}
}
