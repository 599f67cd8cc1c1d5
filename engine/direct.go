package engine

import (
	"streamdb/executor"
	"streamdb/expr"
	"streamdb/planner"
	"streamdb/stream"
	"streamdb/wire"
)

// directly runs a query at once if it is a look-up by key or a few rows of
// expressions; rows nil: it has none. Else it gives the plan to run.
func (s *Session) directly(t *txn, q *planner.BoundQuery, eval *expr.Ctx) (plan *executor.Plan, rows *stream.Batch, err error) {
	d := q.Direct()
	if d == nil {
		if plan, err = planner.Bounded(q, eval, s.access(t)); err != nil {
			return nil, nil, err
		}
		d = q.Direct()
	}
	if d == nil {
		return plan, nil, nil
	}
	if s.settings.current().timeout > 0 { // which nothing would look at
		if plan == nil {
			plan, err = planner.Bounded(q, eval, s.access(t))
		}
		return plan, nil, err
	}
	t.queried = true
	rows, err = d.Run(eval, t.overlay)
	if err != nil {
		return nil, nil, cancelled(err)
	}
	return nil, rows, nil
}

// directResult is the rows of a SELECT that are there from the start; nil: none.
func directResult(rows *stream.Batch, cols []wire.Column) *result {
	r := &result{cols: cols, tag: "SELECT 0"}
	if rows == nil || rows.Rows() == 0 {
		return r
	}
	if len(rows.Cols()) > len(cols) {
		rows = stream.NewBatch(rows.Rows(), rows.Cols()[:len(cols)], rows.Ops)
	}
	r.rows, r.tag = rows, countTag("SELECT", int64(rows.Rows()))
	return r
}
