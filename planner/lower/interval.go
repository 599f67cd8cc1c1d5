package lower

import (
	"streamdb/executor/op"
	"streamdb/expr"
	"streamdb/planner/logical"
)

// timePair is a column of the left and one of the right side of a join.
type timePair struct{ l, r logical.ColID }

// interval finds in the conditions of a join how far apart the times of its sides
// may be, for a pair of columns of which one at least has watermarks; and what is
// then known of the output's.
func (l *lowerer) interval(j *op.HashJoin, out *rel, lr, rr *rel, rest []expr.Expr) {
	found, order := distances(lr, rr, rest)
	most := 0
	var best timePair
	for _, p := range order {
		i := found[p]
		j2 := *j
		j2.Interval = *i
		use := 0
		for _, does := range []bool{j2.CleansLeft(), j2.CleansRight(), i.MarkL && i.MarkR} {
			if does {
				use++
			}
		}
		if use <= most {
			continue
		}
		most, best, j.Interval = use, p, *i
		var marks []logical.ColID
		if i.MarkL && i.MarkR && i.HasLow {
			marks = append(marks, p.l)
		}
		if i.MarkL && i.MarkR && i.HasHigh {
			marks = append(marks, p.r)
		}
		out.marks = logical.SetOf(marks...)
	}
	if j.Type != op.InnerJoin || most == 0 {
		return
	}
	// A side that is left is dropped by another of its columns.
	for _, p := range order {
		i := found[p]
		switch {
		case !j.CleansLeft() && p.r == best.r && i.HasLow && i.MarkR && j.L.AppendOnly:
			j.Interval.Until = &op.JoinUntil{In: 0, Col: i.L, By: i.Low}
		case !j.CleansRight() && p.l == best.l && i.HasHigh && i.MarkL && j.R.AppendOnly:
			j.Interval.Until = &op.JoinUntil{In: 1, Col: i.R, By: -i.High}
		default:
			continue
		}
		return
	}
}

// distances lists the pairs of columns whose distance conditions bound, in order.
func distances(lr, rr *rel, rest []expr.Expr) (found map[timePair]*op.JoinInterval, order []timePair) {
	found = map[timePair]*op.JoinInterval{}
	for _, c := range rest {
		for _, part := range expr.Conjuncts(c) {
			lt, rt, low, at, ok := distance(part, lr, rr)
			if !ok {
				continue
			}
			p := timePair{lt, rt}
			if found[p] == nil {
				found[p] = &op.JoinInterval{On: true, L: lr.pos(lt), R: rr.pos(rt), MarkL: lr.marks.Has(lt), MarkR: rr.marks.Has(rt)}
				order = append(order, p)
			}
			if i := found[p]; low {
				if !i.HasLow || at > i.Low {
					i.HasLow, i.Low = true, at
				}
			} else if !i.HasHigh || at < i.High {
				i.HasHigh, i.High = true, at
			}
		}
	}
	return found, order
}

// distance recognises left + a <= right + b and its kin over timestamps of one
// type: left - right is at least at (low), or at most.
func distance(c expr.Expr, lr, rr *rel) (lt, rt logical.ColID, low bool, at int64, ok bool) {
	call, isCall := c.(*expr.Call)
	if !isCall || len(call.Args) != 2 || logical.Turned[call.Def.Name] == "" {
		return 0, 0, false, 0, false
	}
	x, a, ok1 := logical.Shifted(call.Args[0])
	y, b, ok2 := logical.Shifted(call.Args[1])
	if !ok1 || !ok2 || x.T.ID != y.T.ID {
		return 0, 0, false, 0, false
	}
	by := call.Def.Name
	if rr.has(x.Index) && lr.has(y.Index) {
		x, y, a, b, by = y, x, b, a, logical.Turned[by]
	}
	if !lr.has(x.Index) || !rr.has(y.Index) {
		return 0, 0, false, 0, false
	}
	return x.Index, y.Index, by[0] == '>', b - a, true
}
