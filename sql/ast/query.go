package ast

// Query is a whole query with the clauses that belong to its outermost level.
// It is a statement, and a QueryBody when it stands in parentheses inside a set
// operation.
type Query struct {
	Pos
	With     *With
	Body     QueryBody
	OrderBy  []*OrderItem
	Limit    Expr // nil: no limit (also LIMIT ALL)
	Offset   Expr
	WithTies bool // FETCH FIRST .. WITH TIES
	Locking  []*Locking
}

// IsPlain says that the query is its body and nothing else.
func (q *Query) IsPlain() bool {
	return q.With == nil && len(q.OrderBy) == 0 && q.Limit == nil && q.Offset == nil && len(q.Locking) == 0
}

// Locking is FOR UPDATE and its relatives. streamdb reads snapshots; it is kept
// for the clients that send it.
type Locking struct {
	Pos
	Strength string // "update", "no key update", "share", "key share"
	Of       []Name
	Wait     string // "", "nowait", "skip locked"
}

// With is a WITH clause.
type With struct {
	Pos
	Recursive bool
	Mutually  bool // WITH MUTUALLY RECURSIVE
	CTEs      []*CTE
}

// Materialization is the hint of a CTE.
type Materialization uint8

// The hints of a CTE.
const (
	MaterializedDefault Materialization = iota
	MaterializedAlways
	MaterializedNever
)

// CTE is one element of WITH. Types is set, one per column, for a mutually
// recursive one. If Changelog is set (name AS CHANGELOG FROM relation), Query
// is nil.
type CTE struct {
	Pos
	Name         string
	Columns      []string
	Types        []*TypeName
	Materialized Materialization
	Query        *Query
	Changelog    Name
}

// Select is SELECT without the clauses that Query holds. GroupBy may hold
// *GroupingSet items.
type Select struct {
	Pos
	Distinct      bool
	DistinctOn    []Expr
	Targets       []*Target
	From          []TableExpr
	Where         Expr
	GroupBy       []Expr
	GroupDistinct bool
	Having        Expr
	Windows       []*WindowDef
}

// Target is an element of a select list; Alias is "" if none was given.
type Target struct {
	Pos
	Expr  Expr
	Alias string
}

// WindowDef is name AS (spec) in a WINDOW clause.
type WindowDef struct {
	Pos
	Name string
	Spec *WindowSpec
}

// SetOpKind is the kind of a set operation.
type SetOpKind uint8

// The set operations.
const (
	Union SetOpKind = iota
	Intersect
	Except
)

// SetOp is left UNION | INTERSECT | EXCEPT [ALL] right.
type SetOp struct {
	Pos
	Kind            SetOpKind
	All             bool
	Corresponding   bool
	CorrespondingBy []string
	Left, Right     QueryBody
}

// Values is a VALUES list.
type Values struct {
	Pos
	Rows [][]Expr
}

func (*Query) queryBody()  {}
func (*Select) queryBody() {}
func (*SetOp) queryBody()  {}
func (*Values) queryBody() {}

func (*Query) stmt() {}
