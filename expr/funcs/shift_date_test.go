package funcs

import (
	"fmt"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"streamdb/expr"
	"streamdb/types"
	"streamdb/vec"
)

// TestShifted: a constant interval gives what it gives in a column.
func TestShifted(t *testing.T) {
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	edges := []int64{0, 1, -1, types.Day, math.MaxInt64, math.MinInt64, math.MaxInt64 - 1, -210866803200000000, 9223371331199999999, maxShift, -maxShift}
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 3).Draw(rt, "n")
		times := vec.NewBuilder(types.LInt64, n)
		for range n {
			switch rapid.IntRange(0, 9).Draw(rt, "kind") {
			case 0:
				times.AppendInt(rapid.SampledFrom(edges).Draw(rt, "edge"))
			case 1:
				times.AppendNull()
			default:
				times.AppendInt(rapid.Int64Range(-1e17, 1e17).Draw(rt, "t"))
			}
		}
		s := types.Span{Micros: rapid.OneOf(rapid.Int64Range(-1e10, 1e10), rapid.Int64(), rapid.SampledFrom(edges)).Draw(rt, "us"),
			Days: rapid.OneOf(rapid.Just(int32(0)), rapid.Int32Range(-400, 400), rapid.Int32()).Draw(rt, "days")}
		if rapid.IntRange(0, 9).Draw(rt, "months") == 0 {
			s.Months = 1
		}
		d := types.BytesDatum(string(types.AppendSpan(nil, s)))
		column := vec.NewBuilder(types.LBytes, n)
		for range n {
			column.AppendDatum(d)
		}
		name := rapid.SampledFrom([]string{"+", "-"}).Draw(rt, "op")
		of := types.Of(rapid.SampledFrom([]types.ID{types.Timestamp, types.TimestampTZ}).Draw(rt, "type"))
		call, err := BindOperator(nil, name, &expr.Col{T: of}, &expr.Col{Index: 1, T: types.Of(types.Interval)})
		if err != nil {
			rt.Fatal(err)
		}
		var got [2]string
		for k, v := range []vec.Vec{vec.ConstOf(types.LBytes, d, n), column.Vec()} {
			out, err := call.Eval(&expr.Ctx{Env: &types.Env{TimeZone: paris}}, []vec.Vec{times.Vec(), v}, nil, n)
			if got[k] = fmt.Sprint(err); err == nil {
				for i := range n {
					got[k] += fmt.Sprint(" ", out.Datum(i))
				}
			}
		}
		if got[0] != got[1] {
			rt.Fatalf("%v %s %v: %s, of a column %s", times.Vec().I64, name, s, got[0], got[1])
		}
	})
}
