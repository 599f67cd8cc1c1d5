package engine

import (
	"slices"
	"strings"

	"streamdb/catalog"
	"streamdb/catalog/syscat"
	"streamdb/executor"
	"streamdb/expr"
	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"
	"streamdb/storage"
	"streamdb/stream"
)

// onError is WITH (on_error = ..): what becomes of a view when an expression
// fails for a row. fail, the default: the view fails. null: the expression is
// NULL, and the row is counted in streamdb.expression_errors.
func onError(o *catalog.Object, p *executor.Plan, opt *ast.Option) error {
	if o.Kind != catalog.MaterializedView {
		return sqlerr.Unsupported("on_error for a %s", o.Kind).WithHint("Make a materialized view with on_error, and the %s over it.", o.Kind)
	}
	switch strings.ToLower(opt.Value) {
	case "fail":
		p.NullOnError = false
	case "null":
		p.NullOnError = true
	case "quarantine":
		return sqlerr.Unsupported("on_error = 'quarantine'").
			WithHint("With on_error = 'null' such rows stay, with NULL, and are counted in streamdb.expression_errors.")
	default:
		return sqlerr.New(sqlerr.InvalidParameterValue, "invalid value for option on_error: \"%s\"", opt.Value).
			WithHint("It is 'fail' or 'null'.").At(opt.At() + 1)
	}
	return nil
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
