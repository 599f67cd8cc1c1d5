package op

import (
	"streamdb/executor"
	"streamdb/expr"
	"streamdb/storage"
	"streamdb/types"
)

// TemporalJoin gives each left row the right rows that match it at the end of
// the epoch in which it comes (docs/adr/0012-a-temporal-join-sees-its-epoch.md), or,
// if Early, at its beginning.
// Later changes of the right side output nothing. A left row that goes takes back
// what it was given. Left rows wait until the rows that the right side began with
// have all arrived, if the right side tells that (stream.AllRead).
type TemporalJoin struct {
	Left, Right executor.Spec
	Type        JoinKind // InnerJoin or LeftJoin
	L, R        JoinSide // L.Table: what left rows were given; none if they never go
	NullSafe    []bool
	Residual    expr.Expr // as of HashJoin
	Cols        []int     // as of HashJoin
	Wait        bool      // the right side tells when its rows have arrived
	Held        TableRef  // left rows that wait for that
	// Early: a left row meets the right side as it was when its epoch began. The left
	// side is append-only.
	Early bool
	Out   types.Schema
}

// Kind is "TemporalJoin".
func (*TemporalJoin) Kind() string { return "TemporalJoin" }

// Inputs is the left, then the right side.
func (j *TemporalJoin) Inputs() []executor.Spec { return []executor.Spec{j.Left, j.Right} }

// Schema is the columns of Cols.
func (j *TemporalJoin) Schema() types.Schema { return j.Out }

// State is the right side's rows, the rows that wait, and what was given.
func (j *TemporalJoin) State() []storage.TableDef { return tables(j.R.Table, j.Held, j.L.Table) }

// hash is the join that looks rows up.
func (j *TemporalJoin) hash() *HashJoin {
	h := &HashJoin{Left: j.Left, Right: j.Right, Type: j.Type, L: j.L, R: j.R, NullSafe: j.NullSafe, Residual: j.Residual, Cols: j.Cols, Out: j.Out}
	h.L.WindowKey, h.R.WindowKey = -1, -1
	return h
}

// Explain shows the kind, the keys, the condition, the output and what is kept.
func (j *TemporalJoin) Explain() string {
	text := j.hash().Explain()
	if !j.L.AppendOnly {
		text += " remembers what it output"
	}
	if j.Early {
		text += " as of the epoch's beginning"
	}
	return text
}

// Open makes the join.
func (j *TemporalJoin) Open(ctx *executor.OpenCtx) (executor.Operator, error) {
	if ctx.Bounded { // the version of now is what there is
		return openHashJoin(j.hash(), ctx)
	}
	return openTemporalJoin(j, ctx)
}
