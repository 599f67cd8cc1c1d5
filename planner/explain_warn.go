package planner

import (
	"fmt"
	"strings"

	"streamdb/executor"
	"streamdb/executor/op"
	"streamdb/expr"
	"streamdb/types"
)

// warnings are what EXPLAIN says of a job that works, but not for ever or not
// well: state that only grows, joins whose rows all meet in one place.
func warnings(p *executor.Plan) []string {
	w := &warner{plan: p}
	for i := range p.Fragments {
		executor.Walk(p.Fragments[i].Root, w.look)
	}
	if w.grows {
		w.out = append(w.out, "HINT: Declare a WATERMARK on the source and use a column that has one (a window of TUMBLE or HOP, say) as a key: what it has passed is dropped.")
	}
	return w.out
}

type warner struct {
	plan  *executor.Plan
	out   []string
	grows bool
}

func (w *warner) add(s executor.Spec, format string, args ...any) {
	text, _, _ := strings.Cut(line(s), " output [")
	w.out = append(w.out, fmt.Sprintf("WARNING: %s %s: ", s.Kind(), text)+fmt.Sprintf(format, args...))
}

// growing says that an operator's state has no bound.
func (w *warner) growing(s executor.Spec, format string, args ...any) {
	w.grows = true
	w.add(s, format, args...)
}

func (w *warner) look(s executor.Spec) {
	switch s := s.(type) {
	case *op.HashJoin:
		w.join(s)
	case *op.HashAgg:
		if len(s.Keys) > 0 && s.AppendOnly && s.WindowKey < 0 && w.endless(s.In) && !bounded(s.In.Schema(), s.Keys) {
			w.growing(s, "a group is never dropped, as the input is append-only and no key has a watermark")
		}
	case *op.TopN:
		if len(s.Group) > 0 && s.AppendOnly && s.Closed.ID == 0 && w.endless(s.In) && !bounded(s.In.Schema(), s.Group) {
			w.growing(s, "a group is never dropped, as the input is append-only and no column of the group has a watermark")
		}
	case *op.OverWindow:
		switch {
		case !w.endless(s.In) || s.Closed.ID != 0 && !s.Forget:
		case !s.Forget:
			w.growing(s, "no row is ever dropped, as the input is append-only and no column of the partition has a watermark")
		case s.KeepsLast() && !bounded(s.In.Schema(), s.Partition):
			w.growing(s, "the last rows of a partition are never dropped, as the input is append-only and no column of the partition has a watermark")
		}
	}
}

func (w *warner) join(s *op.HashJoin) {
	var sides []string
	if s.L.WindowKey < 0 && s.L.AppendOnly && !s.CleansLeft() && w.endless(s.Left) {
		sides = append(sides, "left")
	}
	if s.R.WindowKey < 0 && s.R.AppendOnly && !s.CleansRight() && w.endless(s.Right) {
		sides = append(sides, "right")
	}
	if len(sides) > 0 {
		w.growing(s, "no row of the %s side is ever dropped, as it is append-only and no key has a watermark on both sides", strings.Join(sides, " and the "))
	}
	switch {
	case w.single(s.Left) || w.single(s.Right):
	case len(s.L.Keys) == 0:
		w.add(s, "without an equality all rows meet in one place, each with each")
	case fewValues(s.Left, s.L.Keys) || fewValues(s.Right, s.R.Keys):
		w.add(s, "the keys have few values, so most rows meet in few places")
	}
}

// endless reports whether the rows of a spec come, with nothing taken back, from
// where rows are only ever added.
func (w *warner) endless(s executor.Spec) bool {
	switch s := s.(type) {
	case *op.SourceBackfill:
		return true
	case *executor.Input:
		if s.Upstream != 0 {
			return false
		}
		for i := range w.plan.Fragments {
			if w.plan.Fragments[i].ID == s.Fragment {
				return w.endless(w.plan.Fragments[i].Root)
			}
		}
		return false
	case *op.HashAgg:
		return s.AppendOnly && len(s.Aggs) == 0 && s.WindowKey < 0 && w.endless(s.In) // DISTINCT
	case *op.TopN, *op.SingleRow, *op.Values:
		return false
	}
	for _, in := range s.Inputs() {
		if w.endless(in) {
			return true
		}
	}
	return false
}

// single recognises inputs of at most one row.
func (w *warner) single(s executor.Spec) bool {
	switch s := s.(type) {
	case *op.HashAgg:
		return len(s.Keys) == 0
	case *op.SingleRow:
		return true
	case *op.Values:
		return len(s.Rows) <= 1
	case *op.TopN:
		return len(s.Group) == 0 && s.Limit <= 1 && !s.WithTies
	case *op.Calc:
		return w.single(s.In)
	case *op.HashJoin:
		return w.single(s.Left) && w.single(s.Right)
	case *executor.Input:
		for i := range w.plan.Fragments {
			if s.Upstream == 0 && w.plan.Fragments[i].ID == s.Fragment {
				return w.single(w.plan.Fragments[i].Root)
			}
		}
	}
	return false
}

// bounded reports whether columns can only have few values together.
func bounded(in types.Schema, cols []int) bool {
	for _, c := range cols {
		if in[c].Type.ID != types.Bool {
			return false
		}
	}
	return true
}

// fewValues reports whether the key columns of a spec are booleans or constants.
func fewValues(s executor.Spec, cols []int) bool {
	calc, _ := s.(*op.Calc)
	for _, c := range cols {
		if s.Schema()[c].Type.ID == types.Bool {
			continue
		}
		if calc == nil || calc.Exprs == nil {
			return false
		}
		if _, ok := calc.Exprs[c].(*expr.Const); !ok {
			return false
		}
	}
	return true
}
