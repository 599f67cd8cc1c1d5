package op

import (
	"streamdb/executor"
	"streamdb/expr"
	"streamdb/storage"
	"streamdb/types"
)

// SingletonJoin is an inner join of rows with a side of at most one row, such as
// a scalar subquery. Its left side stays where it is, in as many instances as it
// has; the one row goes to all of them. When it changes, left rows are read
// again; under a condition left.By Op right.Value only those between the old and
// the new value (a dynamic filter).
type SingletonJoin struct {
	Left, Right executor.Spec
	Cond        expr.Expr // over left columns followed by right columns; nil: none
	Op          string    // <, <=, >, >=: Cond is left.By Op right.Value; "": any other
	By, Value   int
	Dist        []int // left columns by which its rows are distributed; none: one instance
	RowKey      []int // the left side's stream key
	Rows        TableRef
	Held        TableRef // the one row
	Cols        []int    // output columns, over left ++ right
	Out         types.Schema
}

// Kind is "SingletonJoin".
func (*SingletonJoin) Kind() string { return "SingletonJoin" }

// Inputs is the left, then the right side.
func (j *SingletonJoin) Inputs() []executor.Spec { return []executor.Spec{j.Left, j.Right} }

// Schema is the columns of Cols.
func (j *SingletonJoin) Schema() types.Schema { return j.Out }

// State is the left side's rows and the right one.
func (j *SingletonJoin) State() []storage.TableDef { return tables(j.Rows, j.Held) }

// Explain shows the condition and the output.
func (j *SingletonJoin) Explain() string {
	both := append(append(types.Schema{}, j.Left.Schema()...), j.Right.Schema()...)
	text := "every row"
	switch {
	case j.Op != "":
		text = "dynamic filter " + colName(both, j.By) + " " + j.Op + " " + colName(both, len(j.Left.Schema())+j.Value)
	case j.Cond != nil:
		text = "where " + j.Cond.String()
	}
	return text + " output " + colList(both, j.Cols)
}

// Open makes the join.
func (j *SingletonJoin) Open(ctx *executor.OpenCtx) (executor.Operator, error) {
	if ctx.Bounded {
		side := JoinSide{WindowKey: -1}
		return openHashJoin(&HashJoin{Left: j.Left, Right: j.Right, L: side, R: side, Residual: j.Cond, Cols: j.Cols, Out: j.Out}, ctx)
	}
	return openSingletonJoin(j, ctx)
}
