package engine

import (
	"slices"
	"strconv"
	"strings"

	"streamdb/catalog"
	"streamdb/catalog/syscat"
	"streamdb/executor"
	"streamdb/executor/op"
	"streamdb/expr"
	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"
	"streamdb/storage"
	"streamdb/stream"
)

// onError is WITH (on_error = ..): what becomes of a view when an expression
// fails for a row. fail, the default: the view fails. null: the expression is
// NULL, and the row is counted in streamdb.expression_errors. quarantine: the row
// is left out, and kept in streamdb.quarantine for as long as it is there. table
// gives out ids of state tables. anew: the state that the view has was made by
// another rule for such rows, and is of no use.
func onError(o *catalog.Object, p *executor.Plan, opt *ast.Option, table func() storage.TableID) (anew bool, err error) {
	if o.Kind != catalog.MaterializedView {
		return false, sqlerr.Unsupported("on_error for a %s", o.Kind).WithHint("Make a materialized view with on_error, and the %s over it.", o.Kind)
	}
	wasNull := p.NullOnError
	value := strings.ToLower(opt.Value)
	p.NullOnError = value == "null"
	switch value {
	case "fail", "null":
		anew = op.LeavesOut(p) || wasNull && value != "null"
		op.NoQuarantine(p)
		return anew, nil
	case "quarantine":
		if other := op.Quarantine(p, table); other != nil {
			return false, sqlerr.Unsupported("on_error = 'quarantine' of a view whose %s has a condition that can fail", other.Kind()).
				WithDetail("%s: %s", other.Kind(), other.Explain()).
				WithHint("With on_error = 'null' such a condition is not true, and the rows are counted in streamdb.expression_errors.").At(opt.At() + 1)
		}
		return wasNull, nil
	}
	return false, sqlerr.New(sqlerr.InvalidParameterValue, "invalid value for option on_error: \"%s\"", opt.Value).
		WithHint("It is 'fail', 'null' or 'quarantine'.").At(opt.At() + 1)
}

// failedQuarantine adds the rows that views leave out to streamdb.quarantine.
func failedQuarantine(cat *catalog.Catalog, snap storage.Snapshot, out *syscat.Rows) error {
	return runningOperators(cat, func(o *catalog.Object, x executor.Spec) error {
		table := op.FailedTable(x)
		if table.ID == 0 {
			return nil
		}
		return op.FailedRows(snap, table, func(r op.FailedRow) {
			var split, offset any
			if s, at, ok := r.Position(); ok {
				split, offset = strconv.Itoa(s), at
			}
			out.Add(o.Name, split, offset, r.Time, r.Raw, r.Msg, r.Code, int64(r.Epoch), r.Weight)
		})
	})
}

// expressionErrorsTable: for how many rows expressions of views with on_error =
// 'null' failed, since the server was started. A row that goes counts again.
var expressionErrorsTable = &runtimeTable{
	name: "expression_errors",
	fill: func(db *DB, cat *catalog.Catalog, _ storage.Snapshot, out *syscat.Rows) error {
		for _, o := range cat.Objects() {
			if !o.Runs() || o.Kind != catalog.MaterializedView {
				continue
			}
			counts := db.graph.ExprErrors(stream.JobID(o.ID)).Counts()
			slices.SortFunc(counts, func(a, b expr.ErrorCount) int { return strings.Compare(a.Code, b.Code) })
			for _, c := range counts {
				out.Add(int64(o.ID), o.Name, c.Code, c.Msg, c.Rows)
			}
		}
		return nil
	},
}
