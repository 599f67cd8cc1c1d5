package bind

import (
	"streamdb/expr"
	"streamdb/planner/logical"
	"streamdb/sql/ast"
)

// lookupMode says whether a JOIN looks rows up, and how. right is its right
// side without FOR SYSTEM_TIME AS OF.
func (b *Binder) lookupMode(j *ast.Join) (right ast.TableExpr, mode logical.LookupMode, ok bool, err error) {
	t, isTable := j.Right.(*ast.TableName)
	versioned := isTable && t.AsOf != nil
	switch {
	case j.AsOf && versioned:
		return nil, 0, false, b.unsupported(j, "ASOF JOIN with FOR SYSTEM_TIME AS OF")
	case j.AsOf:
		return j.Right, logical.Nearest, true, nil
	case !versioned:
		return j.Right, 0, false, nil
	}
	call, isCall := t.AsOf.(*ast.FuncCall)
	if !isCall || len(call.Args) > 0 || call.Name.Base() != "proctime" && call.Name.Base() != "now" {
		err := b.unsupported(t, "FOR SYSTEM_TIME AS OF another time than PROCTIME()")
		return nil, 0, false, err
	}
	now := *t
	now.AsOf = nil
	return &now, logical.Temporal, true, nil
}

// lookupJoin makes a join by look-up of the join that its condition was bound to.
func (b *Binder) lookupJoin(n logical.Node, mode logical.LookupMode, at *ast.Join) (logical.Node, error) {
	what := "temporal join"
	if mode == logical.Nearest {
		what = "ASOF join"
	}
	j, ok := n.(*logical.Join)
	if !ok {
		return nil, b.unsupported(at, "a LATERAL reference or a subquery in the condition of a %s", what)
	}
	if j.Kind != logical.Inner && j.Kind != logical.Left {
		return nil, b.unsupported(at, "a RIGHT or FULL %s", what).WithHint("Only INNER and LEFT joins look rows up.")
	}
	l, r := logical.OutSet(j.L), logical.OutSet(j.R)
	equal := false
	for _, c := range j.On {
		equal = equal || acrossOp(c, l, r, "=", "is_not_distinct_from")
	}
	if !equal {
		return nil, b.unsupported(at, "a %s without an equality between its sides", what).WithHint("Rows are looked up by ON left.column = right.column.")
	}
	if mode == logical.Temporal {
		if _, ok := j.R.(*logical.Scan); !ok && b.ctx.Job {
			return nil, b.unsupported(at, "FOR SYSTEM_TIME AS OF on something that is not a table or a materialized view").
				WithHint("Make a materialized view of it.")
		}
		return &logical.LookupJoin{Mode: mode, Kind: j.Kind, L: j.L, R: j.R, On: j.On}, nil
	}
	if err := b.nearest(j, l, r, at); err != nil {
		return nil, err
	}
	return &logical.LookupJoin{Mode: mode, Kind: j.Kind, L: j.L, R: j.R, On: j.On}, nil
}

// nearest checks that an ASOF join has equalities and one inequality.
func (b *Binder) nearest(j *logical.Join, l, r logical.Set, at *ast.Join) error {
	inequalities := 0
	for _, c := range j.On {
		switch {
		case acrossOp(c, l, r, "<", "<=", ">", ">="):
			inequalities++
		case !acrossOp(c, l, r, "=", "is_not_distinct_from"):
			return b.unsupported(at, "a condition of an ASOF join other than equalities and one inequality between its sides").
				WithHint("Filter the tables in subqueries before the join, or the result after it.")
		}
	}
	if inequalities != 1 {
		return b.unsupported(at, "an ASOF join without exactly one inequality between its sides").
			WithHint("For example ON l.k = r.k AND l.t >= r.t.")
	}
	return nil
}

// acrossOp reports whether a condition applies one of the operators to an
// expression over each side.
func acrossOp(c expr.Expr, l, r logical.Set, ops ...string) bool {
	call, ok := c.(*expr.Call)
	if !ok || len(call.Args) != 2 {
		return false
	}
	for _, op := range ops {
		if call.Def.Name == op {
			x, y := logical.Cols(call.Args[0]), logical.Cols(call.Args[1])
			return !x.Empty() && !y.Empty() && (x.Subset(l) && y.Subset(r) || x.Subset(r) && y.Subset(l))
		}
	}
	return false
}
