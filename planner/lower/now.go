package lower

import (
	"slices"

	"streamdb/executor/op"
	"streamdb/expr"
	"streamdb/expr/casts"
	"streamdb/internal/sqlerr"
	"streamdb/planner/logical"
	"streamdb/types"
)

// hasNow reports whether an expression reads the clock.
func hasNow(e expr.Expr) bool {
	found := false
	if e == nil {
		return false
	}
	expr.Walk(e, func(x expr.Expr) bool {
		if c, ok := x.(*expr.Call); ok && len(c.Args) == 0 && nowType(c.Def.Name) != types.Unknown {
			found = true
		}
		return !found
	})
	return found
}

// nowType is the type of a function that gives the time of the statement, or of
// the epoch; Unknown: it is no such function.
func nowType(name string) types.ID {
	switch name {
	case "now", "current_timestamp", "transaction_timestamp", "statement_timestamp":
		return types.TimestampTZ
	case "localtimestamp":
		return types.Timestamp
	case "current_date":
		return types.Date
	}
	return types.Unknown
}

// noNow refuses expressions of a job that read the clock where time cannot be
// followed.
func (l *lowerer) noNow(place string, es ...expr.Expr) error {
	if l.job && slices.ContainsFunc(es, hasNow) {
		return sqlerr.Unsupported("now() in %s of a materialized view", place).
			WithHint("It works in comparisons of WHERE, HAVING and the ON of an inner join. Select it when the view is queried.")
	}
	return nil
}

// splitNow separates the conditions that read the clock.
func splitNow(conds []expr.Expr) (plain, timed []expr.Expr) {
	for _, c := range conds {
		if hasNow(c) {
			timed = append(timed, c)
		} else {
			plain = append(plain, c)
		}
	}
	return plain, timed
}

// followTime filters r by conditions that read the clock.
func (l *lowerer) followTime(r *rel, conds []expr.Expr, need logical.Set) (*rel, error) {
	need = need.Union(logical.Cols(conds...))
	placed := r.dist.kind != anywhere // the rows' places can be told from their columns
	if r.dist.kind == hashed {
		need = union(need, r.dist.cols...)
		placed = !slices.ContainsFunc(r.dist.cols, func(id logical.ColID) bool { return !r.has(id) })
	}
	if r = l.narrow(r, need); !placed {
		var err error
		if r, err = l.exchange(r, r.key); err != nil {
			return nil, err
		}
	}
	now := &expr.Col{Index: len(r.cols), T: types.Of(types.TimestampTZ)}
	f := &op.TemporalFilter{In: r.spec, Key: r.posAll(r.key), AppendOnly: r.appendOnly}
	out := *r
	out.appendOnly, out.marks = r.appendOnly, logical.Set{}
	var where []expr.Expr
	for _, c := range conds {
		w := &clockwork{now: now}
		c, err := withNow(r.expr(c), now)
		if err != nil {
			return nil, err
		}
		if err := w.collect(c); err != nil {
			return nil, err
		}
		where = append(where, c)
		f.Edges = append(f.Edges, w.edges...)
		out.appendOnly = out.appendOnly && w.comes
		if m, ok := w.mark(); ok {
			f.Marks = append(f.Marks, m)
			out.marks = union(out.marks, r.cols[m.Col])
		}
	}
	f.Where = expr.AndOf(where)
	f.Dist = f.Key
	if r.dist.kind == hashed {
		f.Dist = r.posAll(r.dist.cols)
	}
	f.Table = l.table("waiting")
	out.spec = f
	return &out, nil
}

// withNow replaces functions of the clock by the column now; local time is UTC
// in a job.
func withNow(e expr.Expr, now *expr.Col) (expr.Expr, error) {
	var failed error
	e = expr.Rewrite(e, func(x expr.Expr) expr.Expr {
		c, ok := x.(*expr.Call)
		if !ok || len(c.Args) > 0 || nowType(c.Def.Name) == types.Unknown {
			return x
		}
		y, err := casts.Coerce(nil, now, types.Of(nowType(c.Def.Name)), casts.Explicit)
		if err != nil {
			failed = err
		}
		return y
	})
	return e, failed
}
