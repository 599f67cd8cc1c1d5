package op

import (
	"streamdb/executor"
	"streamdb/expr"
	"streamdb/storage"
	"streamdb/types"
)

// TemporalFilter keeps the rows for which Where is TRUE now, and goes on to do so
// as time passes without new rows. Where reads the input's columns and then the
// time of the epoch (timestamptz); Edges say when it may change for a row. What
// an epoch emits is right as of its barrier's time.
//
// A row that will change again waits in state under the time of its next edge.
// Rows that will not are forgotten, whether they pass or not: if they are
// retracted, Where says once more whether they had passed. So the state holds no
// more than the rows in the window, or yet to come into it.
//
//	0 -> time, 8 bytes big-endian: that far has the vnode come (if not to the last epoch's time)
//	1 | time, order-preserving | row key -> row
type TemporalFilter struct {
	In         executor.Spec
	Where      expr.Expr
	Edges      []TimeEdge
	Key        []int // the input's stream key
	Dist       []int // what its rows are distributed by; nil: there is one instance and no key
	AppendOnly bool  // the input never retracts
	Marks      []TimeMark
	Table      TableRef
	// Limit is about how many rows change in one epoch because of time; the others
	// follow in the next ones. 0: the default.
	Limit int
}

// TimeMark says that rows do not pass from Col + Plus microseconds on: at time t
// there is a watermark of t - Plus on Col.
type TimeMark struct {
	Col  int   `json:"col"`
	Plus int64 `json:"plus"`
}

// Kind implements executor.Spec.
func (s *TemporalFilter) Kind() string { return "TemporalFilter" }

// Inputs implements executor.Spec.
func (s *TemporalFilter) Inputs() []executor.Spec { return []executor.Spec{s.In} }

// Schema implements executor.Spec.
func (s *TemporalFilter) Schema() types.Schema { return s.In.Schema() }

// State implements executor.Spec.
func (s *TemporalFilter) State() []storage.TableDef { return tables(s.Table) }

// Explain implements executor.Spec.
func (s *TemporalFilter) Explain() string {
	now := &expr.Const{Value: types.BytesDatum("now"), T: types.Of(types.Text)}
	text := "where: " + expr.Rewrite(s.Where, func(e expr.Expr) expr.Expr {
		if c, ok := e.(*expr.Col); ok && c.Index == len(s.In.Schema()) {
			return now
		}
		return e
	}).String()
	if s.AppendOnly {
		text += ", append only"
	}
	for _, m := range s.Marks {
		text += ", watermark: " + colName(s.In.Schema(), m.Col)
	}
	return text
}

// Open implements executor.Spec.
func (s *TemporalFilter) Open(ctx *executor.OpenCtx) (executor.Operator, error) {
	return openTemporalFilter(s, ctx)
}
