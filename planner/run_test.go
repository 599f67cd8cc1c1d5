package planner

import (
	"context"
	"sort"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"streamdb/executor"
	"streamdb/expr"
	"streamdb/stream"
	"streamdb/types"
)

// runQuery executes a query that reads no tables.
func (w *world) runQuery(sql string, sorted bool) (string, error) {
	q, err := parseQuery(sql)
	if err != nil {
		return "", err
	}
	b, err := Query(w.context(sql), q)
	if err != nil {
		return "", err
	}
	eval := &expr.Ctx{}
	root, err := Bounded(b, eval, Access{})
	if err != nil {
		return "", err
	}
	var rows []string
	err = executor.RunBoundedPlan(context.Background(), executor.OpenCtx{Expr: eval}, root, func(batch *stream.Batch) error {
		for i := range batch.Rows() {
			if batch.Op(i) != stream.Insert {
				rows = append(rows, "a retraction")
			}
			var cells []string
			for c := range b.Cols {
				d := batch.Cols()[c].Datum(i)
				if d.Null {
					cells = append(cells, "NULL")
					continue
				}
				cells = append(cells, string(types.AppendText(nil, b.Cols[c].Type, d, nil)))
			}
			rows = append(rows, strings.Join(cells, "|"))
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	if sorted {
		sort.Strings(rows)
	}
	return strings.Join(rows, "\n") + "\n", nil
}

// TestRuns executes the queries in testdata/run, whose results are Postgres's.
// "rows" sorts them, "ordered" does not.
func TestRuns(t *testing.T) {
	datadriven.Walk(t, "testdata/run", func(t *testing.T, path string) {
		with := ""
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd == "with" { // CTEs for all queries that follow
				with = d.Input
				return ""
			}
			out, err := newWorld().runQuery(with+"\n"+d.Input, d.Cmd == "rows")
			if err != nil {
				return errorText(err)
			}
			return out
		})
	})
}
