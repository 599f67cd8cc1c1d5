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

// Session assigns each row to the session it falls in and appends window_start
// and window_end (type of the time column, or timestamp for dates): rows of a
// partition belong to one session as long as each comes less than Gap after the
// one before; it begins with its first row and ends Gap after its last. A row
// that comes may extend or join sessions, one that goes may split one: then the
// rows of these sessions, no others, are emitted anew. Rows whose time is NULL are
// dropped; an infinite time is a session of its own, which starts and ends at it.
//
// A watermark on the time column closes the sessions that no later row can
// extend: their rows leave the state. It becomes one on window_end. With
// EmitOnClose the rows of a session come out when it is closed, and once.
//
//	Rows:     partition | time | row key -> row
//	Sessions: partition | last time -> first time (8 bytes big-endian)
//	Ends:     last time | partition -> first time
//
// Times in the last two are microseconds.
type Session struct {
	In          executor.Spec
	Time        int   // input column: timestamp, timestamptz or date
	Partition   []int // input columns; empty: all rows are one partition
	RowKey      []int // the input's stream key
	Gap         int64 // microseconds
	Closes      bool  // the input has watermarks on Time
	EmitOnClose bool  // needs Closes
	AppendOnly  bool  // the input never retracts
	Out         types.Schema
	Rows        TableRef
	Sessions    TableRef
	Ends        TableRef
	Closed      TableRef // with Closes: see closedMark
	Dist        []int    // of Partition, the columns that the exchange below distributes by; nil: none
}

// Kind implements executor.Spec.
func (s *Session) Kind() string { return "Session" }

// Inputs implements executor.Spec.
func (s *Session) Inputs() []executor.Spec { return []executor.Spec{s.In} }

// Schema implements executor.Spec.
func (s *Session) Schema() types.Schema { return s.Out }

// State implements executor.Spec.
func (s *Session) State() []storage.TableDef { return tables(s.Rows, s.Sessions, s.Ends, s.Closed) }

// Explain implements executor.Spec.
func (s *Session) Explain() string {
	in := s.In.Schema()
	text := fmt.Sprintf("time: %s, gap: %s", colName(in, s.Time), time.Duration(s.Gap)*time.Microsecond)
	if len(s.Partition) > 0 {
		text += ", partition: " + colList(in, s.Partition)
	}
	if s.AppendOnly {
		text += ", append only"
	}
	if s.Closes {
		text += ", "
		if s.EmitOnClose {
			text += "emitted and "
		}
		text += "state cleaned by watermark of " + colName(in, s.Time)
	}
	return text
}

// scale is the microseconds in one unit of the time column.
func (s *Session) scale() int64 {
	if s.In.Schema()[s.Time].Type.ID == types.Date {
		return usPerDay
	}
	return 1
}

// rowTable is how the rows are stored.
func (s *Session) rowTable() RowTable {
	key := slices.Concat(ascending(s.Partition), []SortKey{{Col: s.Time}}, ascending(s.RowKey))
	return RowTable{Def: s.Rows, Cols: s.In.Schema(), Dist: s.Dist, Key: key}
}

// Open implements executor.Spec. A bounded run takes its input sorted by
// Partition and Time.
func (s *Session) Open(ctx *executor.OpenCtx) (executor.Operator, error) {
	if s.Gap <= 0 {
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "the gap of sessions must be positive")
	}
	if ctx.Bounded {
		return openBoundedSession(s), nil
	}
	return openSession(s, ctx)
}
