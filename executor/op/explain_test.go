package op

import (
	"testing"

	"streamdb/executor"
	"streamdb/executor/optest"
	"streamdb/expr"
	"streamdb/types"
)

func TestExplain(t *testing.T) {
	s := optest.Schema(t, "a int8, b int8, ts timestamp, f bool")
	in := &executor.Input{Cols: s}
	sum := aggCall(t, s, "sum", 1)
	sum.Filter, sum.Distinct = 3, true
	list := aggCall(t, s, "array_agg", 0)
	list.OrderBy = []SortKey{{Col: 1, Desc: true, NullsFirst: true}}
	for _, c := range []struct {
		spec executor.Spec
		want string
	}{
		{&Calc{In: in, Where: operator(t, ">", col(s, 0), intConst(1)), Exprs: []expr.Expr{col(s, 1)}}, "where: ($0 > 1), exprs: [$1]"},
		{&HashAgg{In: in, Keys: []int{0, 2}, Aggs: []AggCall{aggCall(t, s, "count"), sum, list}, WindowKey: 1, AppendOnly: true},
			"keys: [a, ts], aggs: [count(*), sum(DISTINCT b) FILTER (f), array_agg(a ORDER BY b DESC)], append only, state cleaned by watermark of ts"},
		{&HashAgg{In: in, Aggs: []AggCall{aggCall(t, s, "max", 1)}, WindowKey: -1}, "aggs: [max(b)]"},
		{&TopN{In: in, Keys: []SortKey{{Col: 1, Desc: true, NullsFirst: true}, {Col: 0, NullsFirst: true}}, Limit: 3, Offset: 1, Group: []int{2}},
			"order: [b DESC, a NULLS FIRST], limit: 3, offset: 1, group: [ts]"},
		{&TopN{In: in, Keys: []SortKey{{Col: 1}}, Limit: 3, Group: []int{2}, AppendOnly: true, Out: numbered(s)}, "order: [b], limit: 3, group: [ts], numbered, append only"},
		{&Sort{In: in, Keys: []SortKey{{Col: 0, Desc: true}}}, "keys: [a DESC NULLS LAST]"},
		{&Limit{In: in, Limit: 5, Offset: 2}, "limit: 5, offset: 2"},
		{&Hop{In: in, Time: 2, Slide: 5e6, Size: 60e6}, "time: ts, size: 1m0s, slide: 5s"},
		{&WatermarkFilter{In: in, Col: 2, Expr: col(s, 2)}, "ts as $2"},
		{&ProjectSet{In: in, Calls: []SetCall{{Func: "generate_series", Args: []expr.Expr{intConst(1), col(s, 0)}, T: types.Of(types.Int8)}}, Ordinality: true},
			"generate_series(1, $0) with ordinality"},
		{&Values{Rows: [][]expr.Expr{{intConst(1)}}}, "row: [1]"},
		{&Union{Ins: []executor.Spec{in, in}}, "all: 2 inputs"},
		{&SingleRow{In: in, NullOnEmpty: true}, "null when empty"},
	} {
		if got := c.spec.Explain(); got != c.want {
			t.Errorf("%s: got  %s\nwant %s", c.spec.Kind(), got, c.want)
		}
	}
}
