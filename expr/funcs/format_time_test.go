package funcs_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"streamdb/expr"
	"streamdb/expr/exprtest"
	"streamdb/types"
	"streamdb/vec"
)

// TestTimeToChar compares texts of times that lie near each other, of which the
// last is kept, with those of each time by itself.
func TestTimeToChar(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	begins := []time.Time{
		time.Date(2024, 3, 31, 1, 0, 0, 0, time.UTC), time.Date(2024, 10, 27, 1, 0, 0, 0, time.UTC), // of and after summer time
		time.Date(2024, 12, 31, 23, 59, 59, 0, time.UTC), time.Date(1969, 12, 31, 23, 0, 0, 0, time.UTC), time.Date(1893, 3, 31, 23, 6, 32, 0, time.UTC),
	}
	for _, typ := range []types.ID{types.Timestamp, types.TimestampTZ} {
		for _, format := range []string{"YYYY-MM-DD", "HH24:MI", "Day HH12 am", "MI:SS", "MS", "US", "ff2", "FF4", "SSSS", "TZ OF YYYY", "\"HH\" Q", ""} {
			ctx := &expr.Ctx{Location: zone}
			e, err := exprtest.Parse(ctx, "to_char(c0, '"+format+"')", types.Of(typ))
			if err != nil {
				t.Fatal(err)
			}
			rapid.Check(t, func(rt *rapid.T) {
				at := rapid.SampledFrom(begins).Draw(rt, "begin").UnixMicro()
				step := rapid.SampledFrom([]int64{1, 700, 900_000, types.Minute, 20 * types.Minute, 5 * types.Hour}).Draw(rt, "step")
				var sel []int32
				col := vec.NewBuilder(types.LInt64, 0)
				for i := range rapid.IntRange(1, 20).Draw(rt, "rows") {
					us := at + step*rapid.Int64Range(-3, 3).Draw(rt, "steps")
					switch rapid.IntRange(0, 20).Draw(rt, "kind") {
					case 0:
						col.AppendNull()
					case 1:
						col.AppendInt(1<<63 - 1)
					default:
						col.AppendInt(us)
					}
					if rapid.IntRange(0, 3).Draw(rt, "in") > 0 {
						sel = append(sel, int32(i))
					}
				}
				times := col.Vec()
				got, err := e.Eval(ctx, []vec.Vec{times}, sel, times.N)
				if err != nil {
					rt.Fatal(err)
				}
				for _, i := range sel {
					one := times.Slice(int(i), int(i)+1)
					want, err := e.Eval(ctx, []vec.Vec{one}, nil, 1)
					if err != nil {
						rt.Fatal(err)
					}
					if g, w := got.Datum(int(i)), want.Datum(0); g != w {
						rt.Fatalf("row %d of %v is %+v, by itself %+v", i, times.I64, g, w)
					}
				}
			})
		}
	}
}
