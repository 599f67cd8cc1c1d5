package logical

import (
	"streamdb/catalog"
	"streamdb/expr"
	"streamdb/types"
)

// Meta knows the columns of a statement: Cols[id] describes column id. Entry 0
// is unused.
type Meta struct {
	Cols []types.Column
	// Origins are the stored columns that columns are; none of computed ones.
	Origins map[ColID]Origin
}

// Origin is a column of a catalog object: its OID and the column's attnum.
type Origin struct {
	Table catalog.ID
	Attr  uint16
}

// SetOrigin notes that a column is the stored one.
func (m *Meta) SetOrigin(id ColID, o Origin) {
	if m.Origins == nil {
		m.Origins = map[ColID]Origin{}
	}
	m.Origins[id] = o
}

// New gives out a column.
func (m *Meta) New(name string, t types.T) ColID {
	if len(m.Cols) == 0 {
		m.Cols = append(m.Cols, types.Column{})
	}
	m.Cols = append(m.Cols, types.Column{Name: name, Type: t})
	return len(m.Cols) - 1
}

// Like gives out a column with the name, type and nullability of another.
func (m *Meta) Like(id ColID) ColID {
	n := m.New(m.Cols[id].Name, m.Cols[id].Type)
	m.Cols[n].NotNull = m.Cols[id].NotNull
	return n
}

// Ref is an expression that reads the column.
func (m *Meta) Ref(id ColID) *expr.Col { return &expr.Col{Index: id, T: m.Cols[id].Type} }

// Node is an operator of the relational algebra over bags.
type Node interface {
	// Inputs are the nodes below.
	Inputs() []Node
	// Out lists the columns that the node provides.
	Out() []ColID
	// with returns a copy over other inputs.
	with(ins []Node) Node
}

// WithInputs returns a copy of n over other inputs.
func WithInputs(n Node, ins []Node) Node { return n.with(ins) }

// Scan reads a stored relation (table or materialized view). Idx are positions
// in Obj.Cols, pairwise with Cols.
type Scan struct {
	Obj  *catalog.Object
	Cols []ColID
	Idx  []int
}

// SourceScan reads a source without storage. Idx as in Scan.
type SourceScan struct {
	Obj  *catalog.Object
	Cols []ColID
	Idx  []int
}

// Virtual reads a system table.
type Virtual struct {
	Schema, Name string
	Cols         []ColID
	Idx          []int
}

// Values is a list of rows. Without columns and with one row it is the input of
// a SELECT without FROM.
type Values struct {
	Rows [][]expr.Expr
	Cols []ColID
}

// Filter keeps the rows for which all conjuncts are TRUE.
type Filter struct {
	In    Node
	Conds []expr.Expr
}

// Item computes one column. An Item that reads a column of the same ID passes it on.
type Item struct {
	Col ColID
	E   expr.Expr
}

// Project computes columns; only these go on.
type Project struct {
	In    Node
	Items []Item
}

// JoinKind is the kind of a Join or Apply.
type JoinKind uint8

// The kinds. Semi and Anti provide the left columns only.
const (
	Inner JoinKind = iota
	Left
	Right
	Full
	Semi
	Anti
)

// Join combines rows for which all conjuncts of On are TRUE.
type Join struct {
	Kind JoinKind
	L, R Node
	On   []expr.Expr
}

// Apply is a Join whose right side may refer to columns of its left side: R is
// evaluated for each row of L. Kinds: Inner, Left, Semi, Anti. With Scalar (kind
// Left) R is a scalar subquery: more than one row is an error.
type Apply struct {
	Kind   JoinKind
	L, R   Node
	On     []expr.Expr
	Scalar bool
}

// AggItem is one aggregate of an Agg.
type AggItem struct {
	Col      ColID
	Def      string // key of the aggs.Def
	Args     []ColID
	Distinct bool
	Filter   ColID // 0: none
	OrderBy  []SortKey
	// Zero says that the aggregate of no rows is 0 (count), not NULL.
	Zero bool
}

// Agg groups by Keys, which pass on under their own identity, and computes Aggs.
// Without Keys there is exactly one group if Scalar, also over no rows. Without
// Aggs it is DISTINCT.
type Agg struct {
	In     Node
	Keys   []ColID
	Aggs   []AggItem
	Scalar bool // no Keys: one row always
}

// Union is UNION ALL: column i of the output is InCols[k][i] of input k.
type Union struct {
	Ins    []Node
	InCols [][]ColID
	Cols   []ColID
}

// SortKey is one term of an ORDER BY.
type SortKey struct {
	Col        ColID
	Desc       bool
	NullsFirst bool
}

// Sort orders its input; in a view it means nothing.
type Sort struct {
	In   Node
	Keys []SortKey
}

// Limit keeps Limit rows after Offset rows, per group of the Group columns, in
// the order of Keys (none: any order). Limit and Offset are expressions without
// columns; nil: no limit, no offset. WithTies also keeps the rows that are equal to
// the last one in Keys; Dense, which is with ties, counts the values of Keys rather
// than rows.
type Limit struct {
	In            Node
	Group         []ColID
	Keys          []SortKey
	Limit, Offset expr.Expr
	WithTies      bool
	Dense         bool
}

// Hop assigns rows to windows; see op.Hop.
type Hop struct {
	In                  Node
	Time                ColID
	Slide, Size, Offset int64
	Cumulate            bool
	Start, End          ColID
}

// SetCall is one call of a ProjectSet.
type SetCall struct {
	Col  ColID
	Func string
	Args []expr.Expr
}

// ProjectSet calls set-returning functions for each row; see op.ProjectSet.
type ProjectSet struct {
	In         Node
	Calls      []SetCall
	Ordinality ColID // 0: none
}

// SingleRow is the value of a scalar subquery: at most one row, a row of NULLs
// in place of none.
type SingleRow struct{ In Node }

// Inputs and columns.

func (*Scan) Inputs() []Node         { return nil }
func (*SourceScan) Inputs() []Node   { return nil }
func (*Virtual) Inputs() []Node      { return nil }
func (*Values) Inputs() []Node       { return nil }
func (n *Filter) Inputs() []Node     { return []Node{n.In} }
func (n *Project) Inputs() []Node    { return []Node{n.In} }
func (n *Join) Inputs() []Node       { return []Node{n.L, n.R} }
func (n *Apply) Inputs() []Node      { return []Node{n.L, n.R} }
func (n *Agg) Inputs() []Node        { return []Node{n.In} }
func (n *Union) Inputs() []Node      { return n.Ins }
func (n *Sort) Inputs() []Node       { return []Node{n.In} }
func (n *Limit) Inputs() []Node      { return []Node{n.In} }
func (n *Hop) Inputs() []Node        { return []Node{n.In} }
func (n *ProjectSet) Inputs() []Node { return []Node{n.In} }
func (n *SingleRow) Inputs() []Node  { return []Node{n.In} }

func (n *Scan) Out() []ColID       { return n.Cols }
func (n *SourceScan) Out() []ColID { return n.Cols }
func (n *Virtual) Out() []ColID    { return n.Cols }
func (n *Values) Out() []ColID     { return n.Cols }
func (n *Filter) Out() []ColID     { return n.In.Out() }
func (n *Sort) Out() []ColID       { return n.In.Out() }
func (n *Limit) Out() []ColID      { return n.In.Out() }
func (n *SingleRow) Out() []ColID  { return n.In.Out() }
func (n *Union) Out() []ColID      { return n.Cols }
func (n *Project) Out() []ColID {
	out := make([]ColID, len(n.Items))
	for i, it := range n.Items {
		out[i] = it.Col
	}
	return out
}
func (n *Join) Out() []ColID  { return joinOut(n.Kind, n.L, n.R) }
func (n *Apply) Out() []ColID { return joinOut(n.Kind, n.L, n.R) }
func (n *Agg) Out() []ColID {
	out := append([]ColID(nil), n.Keys...)
	for _, a := range n.Aggs {
		out = append(out, a.Col)
	}
	return out
}
func (n *Hop) Out() []ColID { return append(append([]ColID(nil), n.In.Out()...), n.Start, n.End) }
func (n *ProjectSet) Out() []ColID {
	out := append([]ColID(nil), n.In.Out()...)
	for _, c := range n.Calls {
		out = append(out, c.Col)
	}
	if n.Ordinality != 0 {
		out = append(out, n.Ordinality)
	}
	return out
}

func joinOut(k JoinKind, l, r Node) []ColID {
	if k == Semi || k == Anti {
		return l.Out()
	}
	return append(append([]ColID(nil), l.Out()...), r.Out()...)
}

func (n *Scan) with([]Node) Node          { return n }
func (n *SourceScan) with([]Node) Node    { return n }
func (n *Virtual) with([]Node) Node       { return n }
func (n *Values) with([]Node) Node        { return n }
func (n *Filter) with(in []Node) Node     { c := *n; c.In = in[0]; return &c }
func (n *Project) with(in []Node) Node    { c := *n; c.In = in[0]; return &c }
func (n *Join) with(in []Node) Node       { c := *n; c.L, c.R = in[0], in[1]; return &c }
func (n *Apply) with(in []Node) Node      { c := *n; c.L, c.R = in[0], in[1]; return &c }
func (n *Agg) with(in []Node) Node        { c := *n; c.In = in[0]; return &c }
func (n *Union) with(in []Node) Node      { c := *n; c.Ins = in; return &c }
func (n *Sort) with(in []Node) Node       { c := *n; c.In = in[0]; return &c }
func (n *Limit) with(in []Node) Node      { c := *n; c.In = in[0]; return &c }
func (n *Hop) with(in []Node) Node        { c := *n; c.In = in[0]; return &c }
func (n *ProjectSet) with(in []Node) Node { c := *n; c.In = in[0]; return &c }
func (n *SingleRow) with(in []Node) Node  { c := *n; c.In = in[0]; return &c }

// OutSet is Out as a set.
func OutSet(n Node) Set { return SetOf(n.Out()...) }

// OneRow is the input of a SELECT without FROM.
func OneRow() *Values { return &Values{Rows: [][]expr.Expr{{}}} }

// IsOneRow recognises OneRow.
func IsOneRow(n Node) bool {
	v, ok := n.(*Values)
	return ok && len(v.Cols) == 0 && len(v.Rows) == 1
}
