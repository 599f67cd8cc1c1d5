package op

import (
	"streamdb/executor"
	"streamdb/expr"
	"streamdb/storage"
	"streamdb/types"
)

// JoinKind is the kind of a join.
type JoinKind uint8

// The kinds. Semi and Anti keep left rows with, or without, a match.
const (
	InnerJoin JoinKind = iota
	LeftJoin
	RightJoin
	FullJoin
	SemiJoin
	AntiJoin
)

// JoinSide says how rows of one input are identified and kept.
type JoinSide struct {
	Keys       []int    `json:"keys"`   // join key columns, pairwise with the other side's; may be empty (cross join: singleton)
	RowKey     []int    `json:"rowKey"` // the side's stream key; with Keys it identifies a row. Empty: rows are a multiset
	AppendOnly bool     `json:"appendOnly,omitempty"`
	WindowKey  int      `json:"windowKey"` // position in Keys with watermarks: state at or below is dropped; -1: none
	Table      TableRef `json:"table"`     // join key | row key -> row
}

// HashJoin is an equi-join with an optional residual condition, retractable on
// both sides: a symmetric hash join that keeps both inputs as state.
type HashJoin struct {
	Left, Right executor.Spec
	Type        JoinKind
	L, R        JoinSide
	NullSafe    []bool    // per key: IS NOT DISTINCT FROM instead of =
	Residual    expr.Expr // over left columns followed by right columns; nil: none
	Interval    JoinInterval
	Cols        []int // output columns, over left ++ right (Semi, Anti: left only)
	Out         types.Schema
	// Failed is where pairs are kept for which Residual fails, and which do not match;
	// zero: see Calc.
	Failed TableRef
}

// Kind is "HashJoin".
func (*HashJoin) Kind() string { return "HashJoin" }

// Inputs is the left, then the right side.
func (j *HashJoin) Inputs() []executor.Spec { return []executor.Spec{j.Left, j.Right} }

// Schema is the columns of Cols.
func (j *HashJoin) Schema() types.Schema { return j.Out }

// State is both sides' rows.
func (j *HashJoin) State() []storage.TableDef { return tables(j.L.Table, j.R.Table, j.Failed) }

var joinNames = [...]string{"inner", "left", "right", "full", "semi", "anti"}

// String is the kind as EXPLAIN shows it.
func (k JoinKind) String() string {
	if int(k) < len(joinNames) {
		return joinNames[k]
	}
	return "?"
}

// Explain shows the kind, the keys, the condition and the output.
func (j *HashJoin) Explain() string {
	ls, rs := j.Left.Schema(), j.Right.Schema()
	text := j.Type.String() + " on"
	for i := range j.L.Keys {
		if i > 0 {
			text += " and"
		}
		text += " " + colName(ls, j.L.Keys[i])
		if i < len(j.NullSafe) && j.NullSafe[i] {
			text += " is not distinct from "
		} else {
			text += " = "
		}
		text += colName(rs, j.R.Keys[i])
	}
	if len(j.L.Keys) == 0 {
		text += " true"
	}
	if j.Residual != nil {
		text += " where " + j.Residual.String()
	}
	if w := j.L.WindowKey; w >= 0 && w == j.R.WindowKey && w < len(j.L.Keys) {
		text += " window: " + colName(ls, j.L.Keys[w])
	}
	text += j.cleaning()
	both := append(append(types.Schema{}, ls...), rs...)
	return text + " output " + colList(both, j.Cols)
}

// Open makes the join.
func (j *HashJoin) Open(ctx *executor.OpenCtx) (executor.Operator, error) {
	return openHashJoin(j, ctx)
}
