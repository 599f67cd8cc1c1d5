package logical

import "streamdb/expr"

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

// FrameBound is one end of a frame. Preceding and Following have an Offset, an
// expression without columns: a count (bigint) of rows or groups, or a distance
// of the ORDER BY column. For a distance Col is the column that holds, for each
// row, the value that the frame goes to.
type FrameBound struct {
	Kind   BoundKind
	Offset expr.Expr
	Col    ColID
}

// Frame is the frame of a window call.
type Frame struct {
	Mode       FrameMode
	Start, End FrameBound
	Exclude    FrameExclude
}

// WindowCall is one window function or aggregate of a Window.
type WindowCall struct {
	Col  ColID
	Func string // name of a window function; "" for an aggregate
	Agg  string // key of the aggs.Def
	Args []ColID
	// Filter is the column of FILTER; 0: none.
	Filter ColID
	// Shift is the offset of lag and lead where it is the same for all rows;
	// else ShiftCol holds it.
	Shift       expr.Expr
	ShiftCol    ColID
	Default     ColID // of lag and lead; 0: none
	IgnoreNulls bool
	Frame       Frame
	// Zero says that the aggregate of no rows is 0 (count), not NULL.
	Zero bool
}

// Window computes window functions over partitions: the rows that are equal in
// Partition, in the order of Keys.
type Window struct {
	In        Node
	Partition []ColID
	Keys      []SortKey
	Calls     []WindowCall
}

// Inputs is the input.
func (n *Window) Inputs() []Node { return []Node{n.In} }

// Out is the input's columns and the calls.
func (n *Window) Out() []ColID {
	out := append([]ColID(nil), n.In.Out()...)
	for _, c := range n.Calls {
		out = append(out, c.Col)
	}
	return out
}

func (n *Window) with(in []Node) Node { c := *n; c.In = in[0]; return &c }

// Reads is the columns of the input that the call reads.
func (c *WindowCall) Reads() Set {
	s := SetOf(c.Args...)
	for _, id := range []ColID{c.Filter, c.ShiftCol, c.Default, c.Frame.Start.Col, c.Frame.End.Col} {
		if id != 0 {
			s.Add(id)
		}
	}
	return s
}

// rename replaces columns in what the window reads.
func (n *Window) rename(ids map[ColID]ColID) {
	n.Partition, n.Keys = renameIDs(n.Partition, ids), renameKeys(n.Keys, ids)
	n.Calls = append([]WindowCall(nil), n.Calls...)
	for i := range n.Calls {
		c := &n.Calls[i]
		c.Args = renameIDs(c.Args, ids)
		for _, id := range []*ColID{&c.Filter, &c.ShiftCol, &c.Default, &c.Frame.Start.Col, &c.Frame.End.Col} {
			*id = renameID(*id, ids)
		}
	}
}
