package op

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"streamdb/executor"
	"streamdb/executor/optest"
	"streamdb/stream"
	"streamdb/types"
)

// TestWatermarkByBatch holds bounds that are raised by whole batches against those
// raised row by row: the same rows are late, and the watermarks are the same.
func TestWatermarkByBatch(t *testing.T) {
	s := optest.Schema(t, "ts int8, _row_id int8!")
	rapid.Check(t, func(rt *rapid.T) {
		run := func(rising bool) *optest.Harness {
			return optest.New(t, []types.Schema{s}, func(in []executor.Spec) executor.Spec {
				return &WatermarkFilter{In: in[0], Col: 0, Expr: operator(t, "-", col(s, 0), intConst(5)), Rising: rising, RowID: 2, Idle: 10_000_000,
					Table: TableRef{ID: 100}, Name: "s"}
			}, optest.Options{Env: &Env{Sources: &SourceHub{}, Alarm: func(stream.JobID) Alarm { return &alarms{} }}})
		}
		each, whole := run(false), run(true)
		splits, next := rapid.IntRange(1, 3).Draw(rt, "splits"), 0
		for k := range rapid.IntRange(1, 8).Draw(rt, "batches") {
			var rows []string
			split := rapid.IntRange(0, splits-1).Draw(rt, "split")
			for range rapid.IntRange(1, 6).Draw(rt, "rows") {
				if rapid.IntRange(0, 9).Draw(rt, "turn") == 0 {
					split = rapid.IntRange(0, splits-1).Draw(rt, "split")
				}
				at := "NULL"
				if rapid.IntRange(0, 19).Draw(rt, "null") > 0 {
					at = fmt.Sprint(8*k + rapid.IntRange(-8, 8).Draw(rt, "at"))
				}
				rows = append(rows, fmt.Sprintf("+ %s %d", at, split<<rowIDShift|next))
				next++
			}
			barrier := rapid.Bool().Draw(rt, "barrier")
			for _, h := range []*optest.Harness{each, whole} {
				h.PushText(0, strings.Join(rows, "\n"))
				if barrier {
					h.Barrier()
				}
			}
		}
		if got, want := whole.Sum().String(), each.Sum().String(); got != want {
			rt.Fatalf("rows\n%s\nwant\n%s", got, want)
		}
		if !slices.Equal(whole.Watermarks, each.Watermarks) {
			rt.Fatalf("watermarks %v, want %v", whole.Watermarks, each.Watermarks)
		}
	})
}
