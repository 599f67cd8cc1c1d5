package op

import (
	"streamdb/executor"
	"streamdb/storage"
	"streamdb/types"
)

// EmitOnClose keeps rows back until a watermark on column Time has passed them,
// and then emits each once, in order of time: what comes out never changes. It is
// how EMIT ON WINDOW CLOSE works for every query whose result has a column with
// a watermark, as changes at or below a watermark no longer come. Rows without a
// time are never emitted: no watermark passes them.
//
//	time | row key -> row
type EmitOnClose struct {
	In         executor.Spec
	Time       int   // a column on which the input has watermarks
	RowKey     []int // the input's stream key
	AppendOnly bool  // the input never retracts
	Rows       TableRef
	Closed     TableRef // see closedMark
	Dist       []int    // columns, of RowKey, that the exchange below distributes by; nil: none
}

// Kind implements executor.Spec.
func (s *EmitOnClose) Kind() string { return "EmitOnClose" }

// Inputs implements executor.Spec.
func (s *EmitOnClose) Inputs() []executor.Spec { return []executor.Spec{s.In} }

// Schema implements executor.Spec.
func (s *EmitOnClose) Schema() types.Schema { return s.In.Schema() }

// State implements executor.Spec.
func (s *EmitOnClose) State() []storage.TableDef { return tables(s.Rows, s.Closed) }

// Explain implements executor.Spec.
func (s *EmitOnClose) Explain() string {
	in := s.In.Schema()
	text := "key: " + colList(in, s.RowKey) + ", emitted and cleaned by watermark of " + colName(in, s.Time)
	if s.AppendOnly {
		text += ", append only"
	}
	return text
}

// rowTable is how the rows are stored: in order of time.
func (s *EmitOnClose) rowTable() RowTable {
	t := RowTable{Def: s.Rows, Cols: s.In.Schema(), Dist: s.Dist, Key: []SortKey{{Col: s.Time}}}
	for _, c := range s.RowKey {
		t.Key = append(t.Key, SortKey{Col: c})
	}
	return t
}

// Open implements executor.Spec.
func (s *EmitOnClose) Open(ctx *executor.OpenCtx) (executor.Operator, error) {
	return openEmitOnClose(s, ctx)
}
