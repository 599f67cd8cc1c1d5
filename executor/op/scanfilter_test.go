package op

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"streamdb/executor"
	"streamdb/executor/optest"
	"streamdb/expr"
	"streamdb/stream"
	"streamdb/types"
)

// TestScanUnder: a scan under a condition gives what a filter above it gives,
// whether few or most rows pass, with wide values and NULLs, whatever columns are
// given, and also those of no row and no columns.
func TestScanUnder(t *testing.T) {
	table := testTable(t)
	h := optest.New(t, []types.Schema{table.Cols}, func(in []executor.Spec) executor.Spec {
		return &Materialize{In: in[0], Table: table, Conflict: Overwrite}
	}, optest.Options{})
	var rows []optest.Change
	for i := range 6000 {
		row := optest.Row{types.BytesDatum(fmt.Sprintf("%0*d", i%7*20+1, i)), types.NullDatum, types.IntDatum(int64(i))}
		if i%5 > 0 {
			d, err := types.ParseText(table.Cols[1].Type, fmt.Sprint(i%11), nil)
			if err != nil {
				t.Fatal(err)
			}
			row[1] = d
		}
		if i%13 == 0 {
			row[0] = types.NullDatum
		}
		rows = append(rows, optest.Change{Row: row, Op: 1})
	}
	h.Push(0, rows)
	h.Barrier()
	for _, cond := range []string{"c2 = 17", "c2 < 0", "c2 >= 0", "c2 < 4000", "c2 > 4000", "c1 = 3", "c1 is null", "c0 like '%7' and c2 > 10", "c0 is null or c1 < 9"} {
		for _, given := range [][]int{{}, {0}, {1}, {2, 0}, {0, 1, 2}} {
			whole := parsed(t, cond, table.Cols)
			read, at, out := append([]int{}, given...), make([]int, 3), types.Schema{}
			for i, c := range given {
				at[c], out = i, append(out, table.Cols[c])
			}
			var items []expr.Expr
			for _, c := range given {
				items = append(items, &expr.Col{Index: c, T: table.Cols[c].Type})
			}
			extra := 0
			for c := range 3 {
				if !slices.Contains(given, c) && slices.Contains(expr.Cols(whole), c) {
					at[c] = len(read)
					read = append(read, c)
					extra++
				}
			}
			under := &TableScan{Name: "t", Table: table, Cols: read, Where: expr.Remap(whole, at), Extra: extra, Out: out}
			all := &TableScan{Name: "t", Table: table, Cols: []int{0, 1, 2}, Out: table.Cols}
			above := &Calc{In: all, Where: whole, Exprs: items, Out: out}
			if items == nil {
				above.Exprs = []expr.Expr{}
			}
			if got, want := rowsOf(t, h, under), rowsOf(t, h, above); got != want {
				t.Errorf("%s giving %v: got %d bytes\n%.300s\nwant %d\n%.300s", cond, given, len(got), got, len(want), want)
			}
		}
	}
}

// rowsOf runs a SELECT and gives its rows, sorted.
func rowsOf(t *testing.T, h *optest.Harness, s executor.Spec) string {
	t.Helper()
	var lines []string
	tmpl := executor.OpenCtx{Snapshot: h.Snapshot, Expr: &expr.Ctx{}, Memory: executor.NewAccountant(0)}
	err := executor.RunBounded(t.Context(), tmpl, s, func(b *stream.Batch) error {
		for _, c := range optest.Changes(b) {
			lines = append(lines, optest.Text(s.Schema(), c.Row))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
