package ast

// TableAlias is AS name (columns). Types is set, one per column, for a column
// definition list (AS f(a int, b text)); Name may be "" then.
type TableAlias struct {
	Pos
	Name    string
	Columns []string
	Types   []*TypeName
}

// TableName is a relation by name.
type TableName struct {
	Pos
	Name  Name
	Alias *TableAlias
	AsOf  Expr // FOR SYSTEM_TIME AS OF expr, nil if none
}

// SubqueryTable is a query in FROM.
type SubqueryTable struct {
	Pos
	Lateral bool
	Query   *Query
	Alias   *TableAlias
}

// FuncTable is a function in FROM, including TUMBLE(t, ts, ..), whose first
// argument is a relation given as a ColumnRef (or a *Subquery).
type FuncTable struct {
	Pos
	Lateral    bool
	Call       Expr // *FuncCall, possibly under *Cast
	Ordinality bool
	Alias      *TableAlias
	AsOf       Expr
}

// RowsFrom is ROWS FROM (f(..), g(..)).
type RowsFrom struct {
	Pos
	Lateral    bool
	Funcs      []*RowsFunc
	Ordinality bool
	Alias      *TableAlias
}

// RowsFunc is a function inside ROWS FROM, with its column definitions.
type RowsFunc struct {
	Pos
	Call    Expr
	Columns []string
	Types   []*TypeName
}

// JoinKind is the kind of a join.
type JoinKind uint8

// The kinds of join.
const (
	InnerJoin JoinKind = iota
	LeftJoin
	RightJoin
	FullJoin
	CrossJoin
)

// Join is a join of two tables. A join that is not a cross join has exactly one
// of Natural, Using and On.
type Join struct {
	Pos
	Kind        JoinKind
	AsOf        bool // ASOF JOIN
	Natural     bool
	Using       []string
	UsingAlias  string
	On          Expr
	Left, Right TableExpr
	Alias       *TableAlias // of a join in parentheses
}

func (*TableName) tableExpr()     {}
func (*SubqueryTable) tableExpr() {}
func (*FuncTable) tableExpr()     {}
func (*RowsFrom) tableExpr()      {}
func (*Join) tableExpr()          {}
