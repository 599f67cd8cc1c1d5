package ast

// NullTreatment is RESPECT NULLS or IGNORE NULLS of a window function.
type NullTreatment uint8

// The treatments of nulls.
const (
	NullsDefault NullTreatment = iota
	NullsRespect
	NullsIgnore
)

// FuncCall is a call of a function, an aggregate or a window function.
type FuncCall struct {
	Pos
	Name        Name
	Args        []Expr // *NamedArg and *Lambda may stand among them
	Star        bool   // count(*)
	Distinct    bool
	Variadic    bool // VARIADIC before the last argument
	OrderBy     []*OrderItem
	WithinGroup []*OrderItem
	Filter      Expr
	Nulls       NullTreatment
	Aggregate   bool        // AGGREGATE:f(..), the array's elements folded by f
	Over        *WindowSpec // nil if not a window call
}

// NamedArg is name => expr in a call.
type NamedArg struct {
	Pos
	Name string
	Expr Expr
}

// Lambda is |a, b| body as an argument of a call.
type Lambda struct {
	Pos
	Params []string
	Body   Expr
}

// GroupingKind is one of the constructs of GROUP BY.
type GroupingKind uint8

// The constructs of GROUP BY.
const (
	GroupingEmpty GroupingKind = iota // ()
	GroupingSets
	GroupingRollup
	GroupingCube
)

// GroupingSet is (), GROUPING SETS (..), ROLLUP (..) or CUBE (..) in GROUP BY.
// A set of several columns among the items is a RowExpr.
type GroupingSet struct {
	Pos
	Kind  GroupingKind
	Items []Expr
}

// NullsOrder says where nulls sort.
type NullsOrder uint8

// The places of nulls; Postgres's default is last for ASC and first for DESC.
const (
	NullsOrderDefault NullsOrder = iota
	NullsFirst
	NullsLast
)

// OrderItem is one key of ORDER BY.
type OrderItem struct {
	Pos
	Expr  Expr
	Desc  bool
	Using string // operator of USING, "" if none
	Nulls NullsOrder
}

// WindowSpec is what follows OVER: a Name alone (OVER w), or the parts of a
// definition in parentheses, where Base names the window that it extends.
type WindowSpec struct {
	Pos
	Name        string
	Base        string
	PartitionBy []Expr
	OrderBy     []*OrderItem
	Frame       *Frame
}

// FrameMode is the unit of a window frame.
type FrameMode uint8

// The units of a window frame.
const (
	FrameRows FrameMode = iota
	FrameRange
	FrameGroups
	FrameSession
)

// FrameExclude is the EXCLUDE clause of a window frame.
type FrameExclude uint8

// What a window frame leaves out.
const (
	ExcludeDefault FrameExclude = iota
	ExcludeNoOthers
	ExcludeCurrentRow
	ExcludeGroup
	ExcludeTies
)

// Frame is the frame of a window. A frame without BETWEEN has a nil End. A
// session frame (SESSION WITH GAP expr) has only Gap.
type Frame struct {
	Pos
	Mode       FrameMode
	Start, End *FrameBound
	Exclude    FrameExclude
	Gap        Expr
}

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

// FrameBound is one end of a frame; Value is set for Preceding and Following.
type FrameBound struct {
	Pos
	Kind  BoundKind
	Value Expr
}

func (*FuncCall) expr()    {}
func (*NamedArg) expr()    {}
func (*Lambda) expr()      {}
func (*GroupingSet) expr() {}
