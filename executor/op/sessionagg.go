package op

import (
	"fmt"
	"slices"
	"time"

	"streamdb/executor"
	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/types"
)

// SessionAgg is a HashAgg over a Session, by its partition and window, in one
// operator: of a session it keeps where it begins and ends and the states of the
// aggregates, and no rows. Its input never retracts and has watermarks on the time;
// the aggregates have a partial form, as sessions are joined. What sessions are,
// and what becomes of rows without a time, Session says.
//
// What came of a session is emitted anew at the end of an epoch that changed it. A
// watermark closes the sessions that no later row can extend: they leave the state.
// It becomes one on window_end. With EmitOnClose a session is emitted when it is
// closed, and once.
type SessionAgg struct {
	In          executor.Spec
	Time        int   // input column: timestamp, timestamptz or date
	Partition   []int // input columns; empty: all rows are one partition
	Gap         int64 // microseconds
	Keys        []int // the first output columns: by position in Partition; behind these window_start, window_end
	Aggs        []AggCall
	EmitOnClose bool
	Out         types.Schema
	Sessions    TableRef // see sessionAgg
	Closed      TableRef // see closedMark
	Dist        []int    // of Partition, the columns that the exchange below distributes by; nil: none
}

// Kind implements executor.Spec.
func (s *SessionAgg) Kind() string { return "SessionAgg" }

// Inputs implements executor.Spec.
func (s *SessionAgg) Inputs() []executor.Spec { return []executor.Spec{s.In} }

// Schema implements executor.Spec.
func (s *SessionAgg) Schema() types.Schema { return s.Out }

// State implements executor.Spec.
func (s *SessionAgg) State() []storage.TableDef { return tables(s.Sessions, s.Closed) }

// Explain implements executor.Spec.
func (s *SessionAgg) Explain() string {
	in := s.In.Schema()
	text := fmt.Sprintf("time: %s, gap: %s", colName(in, s.Time), time.Duration(s.Gap)*time.Microsecond)
	if len(s.Partition) > 0 {
		text += ", partition: " + colList(in, s.Partition)
	}
	text += ", " + explainAgg(in, nil, s.Aggs) + ", "
	if s.EmitOnClose {
		text += "emitted and "
	}
	return text + "state cleaned by watermark of " + colName(in, s.Time)
}

// Open implements executor.Spec. There is no bounded form: a SELECT has a Session
// and a HashAgg.
func (s *SessionAgg) Open(ctx *executor.OpenCtx) (executor.Operator, error) {
	if s.Gap <= 0 {
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "the gap of sessions must be positive")
	}
	if ctx.Bounded {
		return nil, sqlerr.New(sqlerr.InternalError, "SessionAgg in a query")
	}
	return openSessionAgg(s, ctx)
}

// CanMerge reports whether the call over an append-only input with this schema has
// states of fixed size that are joined with those of other rows, as SessionAgg needs.
func (c *AggCall) CanMerge(in types.Schema) bool {
	_, ok := c.PartialColumns(in)
	return ok && !c.NeedsMultiset(true)
}

// ends reports whether window_end is among the output columns, and which one it is.
func (s *SessionAgg) ends() (col int, ok bool) {
	col = slices.Index(s.Keys, len(s.Partition)+1)
	return col, col >= 0
}
