package ast

// Insert is INSERT. Query is nil for DEFAULT VALUES. Columns is nil if no list
// was given.
type Insert struct {
	Pos
	With       *With
	Table      Name
	Alias      string
	Columns    []*TargetColumn
	Overriding string // "", "system", "user"
	Query      *Query
	OnConflict *OnConflict
	Returning  []*Target
}

// TargetColumn is a column that INSERT or UPDATE writes, with subscripts or
// fields below it (empty for a whole column).
type TargetColumn struct {
	Pos
	Name        string
	Indirection []Expr // *Subscript or *FieldSelect, both with a nil Expr
}

// OnConflict is ON CONFLICT. With no Set it is DO NOTHING.
type OnConflict struct {
	Pos
	Columns     []Expr // inference columns or expressions
	TargetWhere Expr
	Constraint  string // ON CONSTRAINT
	Set         []*Assignment
	Where       Expr
}

// Assignment is col = expr, or (a, b) = expr with several columns.
type Assignment struct {
	Pos
	Columns []*TargetColumn
	Multi   bool // written in parentheses
	Value   Expr
}

// Update is UPDATE.
type Update struct {
	Pos
	With      *With
	Table     Name
	Alias     string
	Set       []*Assignment
	From      []TableExpr
	Where     Expr
	Returning []*Target
}

// Delete is DELETE.
type Delete struct {
	Pos
	With      *With
	Table     Name
	Alias     string
	Using     []TableExpr
	Where     Expr
	Returning []*Target
}

// Truncate is TRUNCATE.
type Truncate struct {
	Pos
	Tables  []Name
	Cascade bool
}

// Copy is COPY. One of Table, Query and Subscribe is set.
type Copy struct {
	Pos
	Table     Name
	Columns   []string
	Query     Stmt // *Query, *Insert, *Update, *Delete or *Subscribe
	From      bool
	Target    string // file name, "" for STDIN and STDOUT
	Program   bool
	Options   []*Option
	FromWhere Expr
}

func (*Insert) stmt()   {}
func (*Update) stmt()   {}
func (*Delete) stmt()   {}
func (*Truncate) stmt() {}
func (*Copy) stmt()     {}
