package op

import (
	"streamdb/executor"
	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/types"
)

// AsOfSide says how rows of one input of an AsOfJoin are identified and kept.
type AsOfSide struct {
	Keys   []int    `json:"keys"` // compared for equality, pairwise with the other side's
	Time   int      `json:"time"` // the column of the inequality
	RowKey []int    `json:"rowKey"`
	Table  TableRef `json:"table"`
}

// AsOfJoin gives each left row the right row of equal keys that is nearest by
// the inequality left.time Op right.time: the greatest right time for > and >=,
// the least for < and <=. Of several with that time it is the one whose Tie
// columns, compared in order, are the greatest. Retractable on both sides: a
// change of a right row touches the left rows between it and its neighbour only.
type AsOfJoin struct {
	Left, Right executor.Spec
	Type        JoinKind // InnerJoin or LeftJoin
	L, R        AsOfSide
	NullSafe    []bool // per key: IS NOT DISTINCT FROM instead of =
	Op          string // <, <=, >, >=
	Tie         []int  // right columns
	Cols        []int  // output columns, over left ++ right
	Out         types.Schema
}

// Kind is "AsOfJoin".
func (*AsOfJoin) Kind() string { return "AsOfJoin" }

// Inputs is the left, then the right side.
func (j *AsOfJoin) Inputs() []executor.Spec { return []executor.Spec{j.Left, j.Right} }

// Schema is the columns of Cols.
func (j *AsOfJoin) Schema() types.Schema { return j.Out }

// State is both sides' rows.
func (j *AsOfJoin) State() []storage.TableDef { return tables(j.L.Table, j.R.Table) }

// Explain shows the kind, the conditions and the output.
func (j *AsOfJoin) Explain() string {
	ls, rs := j.Left.Schema(), j.Right.Schema()
	text := j.Type.String() + " on"
	for i := range j.L.Keys {
		eq := " = "
		if i < len(j.NullSafe) && j.NullSafe[i] {
			eq = " is not distinct from "
		}
		text += " " + colName(ls, j.L.Keys[i]) + eq + colName(rs, j.R.Keys[i]) + " and"
	}
	text += " nearest " + colName(ls, j.L.Time) + " " + j.Op + " " + colName(rs, j.R.Time)
	both := append(append(types.Schema{}, ls...), rs...)
	return text + " output " + colList(both, j.Cols)
}

// Open makes the join.
func (j *AsOfJoin) Open(ctx *executor.OpenCtx) (executor.Operator, error) {
	switch j.Op {
	case "<", "<=", ">", ">=":
	default:
		return nil, sqlerr.New(sqlerr.DataCorrupted, "an AS-OF join by %q", j.Op)
	}
	if ctx.Bounded {
		return openAsOfQuery(j, ctx), nil
	}
	return openAsOfJoin(j, ctx), nil
}
