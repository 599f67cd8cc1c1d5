package op

import (
	"fmt"
	"strings"

	"streamdb/executor"
	"streamdb/expr/aggs"
	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/types"
)

// FrameMode is the unit of a window frame.
type FrameMode uint8

// The units of a window frame.
const (
	RowsFrame FrameMode = iota
	RangeFrame
	GroupsFrame
)

// BoundKind is the kind of a frame bound.
type BoundKind uint8

// The bounds of a frame.
const (
	UnboundedPreceding BoundKind = iota
	Preceding
	CurrentRow
	Following
	UnboundedFollowing
)

// FrameExclude is what a frame leaves out.
type FrameExclude uint8

// What a frame leaves out.
const (
	ExcludeNoOthers FrameExclude = iota
	ExcludeCurrentRow
	ExcludeGroup
	ExcludeTies
)

// FrameBound is one end of a frame. Preceding and Following go N rows or groups
// far, or in a RANGE frame to where the one ORDER BY column has the value of
// the input column Col, which is of a type that is ordered as it (as bytes).
type FrameBound struct {
	Kind BoundKind `json:"kind,omitempty"`
	N    int64     `json:"n,omitempty"`
	Col  int       `json:"col,omitempty"`
}

// WindowFrame is the rows around a row that a call is computed over.
type WindowFrame struct {
	Mode    FrameMode    `json:"mode,omitempty"`
	Start   FrameBound   `json:"start"`
	End     FrameBound   `json:"end"`
	Exclude FrameExclude `json:"exclude,omitempty"`
}

// WindowCall is one function of an OverWindow. Positions are of input columns;
// -1: none.
type WindowCall struct {
	Func string `json:"func,omitempty"` // a window function; "": the aggregate Agg
	Agg  string `json:"agg,omitempty"`  // key of the aggs.Def
	Args []int  `json:"args,omitempty"`
	// Filter is the column of FILTER.
	Filter int `json:"filter"`
	// The offset of lag and lead is Shift, the same for all rows (NullShift: NULL),
	// or in the column ShiftCol; Default is the column of their default.
	Shift       int64       `json:"shift,omitempty"`
	NullShift   bool        `json:"nullShift,omitempty"`
	ShiftCol    int         `json:"shiftCol"`
	Default     int         `json:"default"`
	IgnoreNulls bool        `json:"ignoreNulls,omitempty"`
	Frame       WindowFrame `json:"frame"`
	T           types.T     `json:"t"` // of the result
}

// OverWindow computes window functions: for each row the Calls over its
// partition, the rows that are equal in Partition, ordered by Keys (ties broken
// by RowKey). Output: the input's columns and one per call. In a bounded run it
// sorts its input; in a job it is maintained incrementally: see overWindow.
type OverWindow struct {
	In        executor.Spec
	Partition []int
	Keys      []SortKey
	RowKey    []int // the input's stream key; jobs
	Calls     []WindowCall
	Rows      TableRef
	// Dist lists the input columns, a subset of Partition, that the exchange below
	// distributes by: the vnode of a partition's state. nil: all of Partition.
	Dist []int
	Out  types.Schema
	// Closed is where it is kept up to where partitions were closed (see closedMark);
	// zero ID: none are. A watermark on the input column that is number WindowKey of
	// Partition drops the partitions at or below it from state.
	Closed    TableRef
	WindowKey int
	// Final is for EMIT ON WINDOW CLOSE: rows come once, when all that stand before
	// them have come (see EmitOnClose), and come out once, when all that their frames
	// reach have.
	Final bool
	// Forget drops the rows that no result to come depends on from state (see
	// overWindow.forget): by a watermark on the first sort key, for which Closed is
	// then kept, or, with Final, by the rows behind them.
	Forget bool
	// Behind is as Ahead, but before a row; 0: none does, or it is not known how far.
	Behind int64
	// Ahead is how far RANGE frames reach beyond a row, in units of the first sort
	// key's watermarks: so much later are results final. 0: none does, or it is not
	// known how far.
	Ahead int64
}

// Kind implements executor.Spec.
func (s *OverWindow) Kind() string { return "OverWindow" }

// Inputs implements executor.Spec.
func (s *OverWindow) Inputs() []executor.Spec { return []executor.Spec{s.In} }

// Schema implements executor.Spec.
func (s *OverWindow) Schema() types.Schema { return s.Out }

// State implements executor.Spec.
func (s *OverWindow) State() []storage.TableDef { return tables(s.Rows, s.Closed) }

// Explain implements executor.Spec.
func (s *OverWindow) Explain() string {
	in := s.In.Schema()
	var parts []string
	if len(s.Partition) > 0 {
		parts = append(parts, "partition: "+colList(in, s.Partition))
	}
	if len(s.Keys) > 0 {
		parts = append(parts, "order: "+sortList(in, s.Keys))
	}
	calls := make([]string, len(s.Calls))
	for i := range s.Calls {
		calls[i] = s.Calls[i].explain(in)
	}
	parts = append(parts, "calls: ["+strings.Join(calls, ", ")+"]")
	if s.Final {
		parts = append(parts, "emitted when final")
	}
	if at := s.window(); at >= 0 {
		parts = append(parts, "state cleaned by watermark of "+colName(in, at))
	} else if s.Forget {
		parts = append(parts, "state cleaned by watermark of "+colName(in, s.Keys[0].Col))
	}
	return strings.Join(parts, ", ")
}

// explain shows a call as SQL would, its frame where that is not the default.
func (c *WindowCall) explain(in types.Schema) string {
	name := c.Func
	if name == "" {
		name, _, _ = strings.Cut(c.Agg, "(")
	}
	var args []string
	for _, a := range c.Args {
		args = append(args, colName(in, a))
	}
	switch {
	case c.Func != "lag" && c.Func != "lead":
	case c.ShiftCol >= 0:
		args = append(args, colName(in, c.ShiftCol))
	case c.NullShift:
		args = append(args, "NULL")
	case c.Shift != 1 || c.Default >= 0:
		args = append(args, fmt.Sprint(c.Shift))
	}
	if c.Default >= 0 {
		args = append(args, colName(in, c.Default))
	}
	text := name + "(" + strings.Join(args, ", ") + ")"
	if c.IgnoreNulls {
		text += " ignore nulls"
	}
	if c.Filter >= 0 {
		text += " filter " + colName(in, c.Filter)
	}
	if c.framed() {
		text += c.Frame.explain(in)
	}
	return text
}

// framed reports whether the call looks at its frame rather than its partition.
func (c *WindowCall) framed() bool {
	switch c.Func {
	case "", "first_value", "last_value", "nth_value":
		return true
	}
	return false
}

func (f *WindowFrame) explain(in types.Schema) string {
	usual := WindowFrame{Mode: RangeFrame, End: FrameBound{Kind: CurrentRow}}
	if *f == usual {
		return ""
	}
	bound := func(b FrameBound) string {
		n := fmt.Sprint(b.N)
		if f.Mode == RangeFrame {
			n = "to " + colName(in, b.Col)
		}
		switch b.Kind {
		case UnboundedPreceding:
			return "unbounded preceding"
		case Preceding:
			return n + " preceding"
		case Following:
			return n + " following"
		case UnboundedFollowing:
			return "unbounded following"
		}
		return "current row"
	}
	text := " " + []string{"rows", "range", "groups"}[f.Mode] + " between " + bound(f.Start) + " and " + bound(f.End)
	return text + []string{"", " exclude current row", " exclude group", " exclude ties"}[f.Exclude]
}

// open makes what computes the calls.
func (s *OverWindow) open() (*windowEval, error) {
	in := s.In.Schema()
	e := &windowEval{in: in, keys: s.Keys}
	var results []types.Layout
	for i := range s.Calls {
		c := &s.Calls[i]
		run := windowCall{WindowCall: c, idx: i, reads: len(c.columns()) > 0}
		if c.Func == "" {
			def, ok := aggs.ByKey(c.Agg)
			if !ok {
				return nil, sqlerr.New(sqlerr.DataCorrupted, "stored plan calls unknown aggregate %s", c.Agg)
			}
			run.def, run.types = def, colTypes(in, c.Args)
			if def.New != nil && !def.NeedsMultiset {
				run.state = def.New(run.types)
				run.state.Grow(1)
			}
		}
		run.reach = c.reach()
		e.calls = append(e.calls, run)
		results = append(results, c.T.Layout())
	}
	e.pace = newBatchPace(results)
	e.pace.bytes = winBytes
	return e, nil
}
