package ast

// ColumnRef is a possibly qualified column name (or, as the first argument of
// TUMBLE and HOP, the name of a relation).
type ColumnRef struct {
	Pos
	Parts []string
}

// Star is `*` or `t.*`, with the columns it leaves out (`* EXCEPT (a, b)`).
type Star struct {
	Pos
	Qualifier []string
	Except    []*ColumnRef
}

// NumberLit is a number as it was written, without underscores; hexadecimal,
// octal and binary integers are given in decimal.
type NumberLit struct {
	Pos
	Text string
}

// IsInteger says that the literal has neither a fraction nor an exponent.
func (n *NumberLit) IsInteger() bool {
	for i := 0; i < len(n.Text); i++ {
		if n.Text[i] < '0' || n.Text[i] > '9' {
			return false
		}
	}
	return n.Text != ""
}

// StringLit is a string constant, decoded; its type is not known yet.
type StringLit struct {
	Pos
	Value string
}

// BoolLit is TRUE or FALSE.
type BoolLit struct {
	Pos
	Value bool
}

// NullLit is NULL.
type NullLit struct{ Pos }

// BitLit is B'0101' or X'1F'.
type BitLit struct {
	Pos
	Hex    bool
	Digits string
}

// TypedLit is a constant with its type in front: date '2024-01-01',
// interval '1' day (the fields are part of the type).
type TypedLit struct {
	Pos
	Type  *TypeName
	Value string
}

// Param is $n, counted from 1.
type Param struct {
	Pos
	N int
}

// Default is DEFAULT as a value of INSERT or UPDATE.
type Default struct{ Pos }

// Unary is a prefix operator: -, +, NOT or any other Postgres prefix operator.
type Unary struct {
	Pos
	Op     string
	Schema string // of OPERATOR(schema.op)
	Expr   Expr
}

// Binary is an infix operator by its Postgres name, AND, OR or OVERLAPS.
// Chains of one operator lean to the left. Pos is that of the operator.
type Binary struct {
	Pos
	Op          string
	Schema      string // of OPERATOR(schema.op)
	Left, Right Expr
}

// IsTest is what IS [NOT] asks for.
type IsTest uint8

// The tests of IS.
const (
	IsNull IsTest = iota
	IsTrue
	IsFalse
	IsUnknown
	IsJSON
	IsJSONObject
	IsJSONArray
	IsJSONScalar
	IsDocument
	IsNormalized
)

// Is is expr IS [NOT] test.
type Is struct {
	Pos
	Expr Expr
	Not  bool
	Test IsTest
}

// IsDistinct is left IS [NOT] DISTINCT FROM right.
type IsDistinct struct {
	Pos
	Not         bool
	Left, Right Expr
}

// LikeKind is one of the pattern languages.
type LikeKind uint8

// The pattern languages.
const (
	LikeLike LikeKind = iota
	LikeILike
	LikeSimilar
)

// Like is expr [NOT] LIKE | ILIKE | SIMILAR TO pattern [ESCAPE escape].
type Like struct {
	Pos
	Kind          LikeKind
	Not           bool
	Expr, Pattern Expr
	Escape        Expr // nil if not given
}

// Between is expr [NOT] BETWEEN [SYMMETRIC] low AND high.
type Between struct {
	Pos
	Not, Symmetric  bool
	Expr, Low, High Expr
}

// In is expr [NOT] IN (list) or (query); one of List and Query is set.
type In struct {
	Pos
	Not   bool
	Expr  Expr
	List  []Expr
	Query *Query
}

// AnyAll is expr op ANY | ALL (array or query); one of Array and Query is set.
// LIKE and ILIKE are given by their operators ~~, !~~, ~~* and !~~*.
type AnyAll struct {
	Pos
	Op     string
	Schema string
	All    bool
	Expr   Expr
	Array  Expr
	Query  *Query
}

// Exists is EXISTS (query).
type Exists struct {
	Pos
	Query *Query
}

// Subquery is a query used as a value.
type Subquery struct {
	Pos
	Query *Query
}

// ArraySubquery is ARRAY(query).
type ArraySubquery struct {
	Pos
	Query *Query
}

// ArrayExpr is ARRAY[..]; a nested bracket list is an ArrayExpr too.
type ArrayExpr struct {
	Pos
	Items []Expr
}

// RowExpr is ROW(..) or, with two or more items, (a, b), which is Implicit: in
// GROUP BY that is not a row but a list of columns.
type RowExpr struct {
	Pos
	Implicit bool
	Items    []Expr
}

// MapExpr is MAP {key: value, ..}.
type MapExpr struct {
	Pos
	Keys, Values []Expr
}

// Case is CASE [operand] WHEN .. THEN .. ELSE .. END.
type Case struct {
	Pos
	Operand Expr // nil for the searched form
	Whens   []*When
	Else    Expr // nil if not given
}

// When is one branch of Case.
type When struct {
	Pos
	Cond, Result Expr
}

// Cast is CAST(expr AS type), expr::type or, if Try, TRY_CAST.
type Cast struct {
	Pos
	Expr Expr
	Type *TypeName
	Try  bool
}

// Collate is expr COLLATE name.
type Collate struct {
	Pos
	Expr      Expr
	Collation Name
}

// AtTimeZone is expr AT TIME ZONE zone; a nil Zone is AT LOCAL.
type AtTimeZone struct {
	Pos
	Expr, Zone Expr
}

// Subscript is expr[index] or, if Slice, expr[low:high] with either bound
// possibly nil.
type Subscript struct {
	Pos
	Expr      Expr
	Index     Expr
	Slice     bool
	Low, High Expr
}

// FieldSelect is (expr).field or (expr).*.
type FieldSelect struct {
	Pos
	Expr  Expr
	Field string
	Star  bool
}

func (*ColumnRef) expr()     {}
func (*Star) expr()          {}
func (*NumberLit) expr()     {}
func (*StringLit) expr()     {}
func (*BoolLit) expr()       {}
func (*NullLit) expr()       {}
func (*BitLit) expr()        {}
func (*TypedLit) expr()      {}
func (*Param) expr()         {}
func (*Default) expr()       {}
func (*Unary) expr()         {}
func (*Binary) expr()        {}
func (*Is) expr()            {}
func (*IsDistinct) expr()    {}
func (*Like) expr()          {}
func (*Between) expr()       {}
func (*In) expr()            {}
func (*AnyAll) expr()        {}
func (*Exists) expr()        {}
func (*Subquery) expr()      {}
func (*ArraySubquery) expr() {}
func (*ArrayExpr) expr()     {}
func (*RowExpr) expr()       {}
func (*MapExpr) expr()       {}
func (*Case) expr()          {}
func (*Cast) expr()          {}
func (*Collate) expr()       {}
func (*AtTimeZone) expr()    {}
func (*Subscript) expr()     {}
func (*FieldSelect) expr()   {}
