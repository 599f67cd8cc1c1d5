package planner

import (
	"fmt"
	"slices"
	"strings"

	"streamdb/executor"
	"streamdb/executor/op"
	"streamdb/planner/lower"
	"streamdb/storage"
	"streamdb/types"
)

// Explain prints the job's fragments as ExplainJob does; verbose also shows what
// is known of the rows behind each operator: the columns that tell them apart,
// whether they are ever taken back, which columns have watermarks, and where they are.
func (j *JobPlan) Explain(verbose bool) string { return explainJob(j.Plan, verbose, j.props) }

// known prints properties for EXPLAIN (VERBOSE).
func known(p lower.Properties) string {
	parts := []string{"stream key [" + strings.Join(p.Key, ", ") + "]"}
	if len(p.Key) == 0 {
		parts[0] = "at most one row"
	}
	if p.AppendOnly {
		parts = append(parts, "append only")
	}
	if len(p.Watermarks) > 0 {
		parts = append(parts, "watermarks ["+strings.Join(p.Watermarks, ", ")+"]")
	}
	return strings.Join(append(parts, "rows "+p.Dist), ", ")
}

// stateKey prints what a state table of an operator is keyed by, behind the
// vnode, and by which column's watermark it is cleaned; "" for those that are of
// the operator's own making (progress, multisets of values).
func stateKey(s executor.Spec, t storage.TableDef) string {
	switch s := s.(type) {
	case *op.HashAgg:
		in := s.In.Schema()
		if t.ID == s.Groups.ID {
			return key(in, s.Keys) + cleaned(in, s.Keys, s.WindowKey)
		}
		for i, m := range s.Multisets {
			if m.ID == t.ID {
				return key(in, slices.Concat(s.Keys, s.Aggs[i].Args)) + cleaned(in, s.Keys, s.WindowKey)
			}
		}
	case *op.HashJoin:
		for _, side := range []struct {
			in executor.Spec
			op.JoinSide
		}{{s.Left, s.L}, {s.Right, s.R}} {
			if side.Table.ID == t.ID {
				in := side.in.Schema()
				return key(in, slices.Concat(side.Keys, side.RowKey)) + cleaned(in, side.Keys, side.WindowKey)
			}
		}
	case *op.TopN:
		if t.ID == s.Rows.ID {
			in, window := s.In.Schema(), -1
			if s.Closed.ID != 0 {
				window = s.WindowKey
			}
			return key(in, slices.Concat(s.Group, sortCols(s.Keys), s.RowKey)) + cleaned(in, s.Group, window)
		}
	case *op.OverWindow:
		if t.ID == s.Rows.ID {
			in := s.In.Schema()
			text := key(in, slices.Concat(s.Partition, sortCols(s.Keys), s.RowKey))
			switch {
			case s.Forget:
				text += cleaned(in, sortCols(s.Keys), 0)
			case s.Closed.ID != 0:
				text += cleaned(in, s.Partition, s.WindowKey)
			}
			return text
		}
	case *op.Materialize:
		if t.ID == s.Table.Def.ID {
			return key(s.Table.Cols, sortCols(s.Table.Key))
		}
	}
	return ""
}

func sortCols(keys []op.SortKey) []int {
	out := make([]int, len(keys))
	for i, k := range keys {
		out[i] = k.Col
	}
	return out
}

func key(in types.Schema, cols []int) string {
	var names []string
	for i, c := range cols {
		if !slices.Contains(cols[:i], c) {
			names = append(names, in[c].Name)
		}
	}
	return " key [" + strings.Join(names, ", ") + "]"
}

func cleaned(in types.Schema, keys []int, window int) string {
	if window < 0 {
		return ""
	}
	return fmt.Sprintf(", cleaned by watermark of %s", in[keys[window]].Name)
}
