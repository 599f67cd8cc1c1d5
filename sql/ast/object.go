package ast

// ObjectKind is the kind of a catalog object in DROP, ALTER and COMMENT ON, as
// folded words: "table", "materialized view", "source", "sink", "view", "index",
// "subscription", "connection", "secret", "schema", "database", "user",
// "function", "aggregate", "type", "sequence", "extension", "column" (COMMENT only).
type ObjectKind string

// CreateSchema is CREATE SCHEMA.
type CreateSchema struct {
	Pos
	Name        Name
	IfNotExists bool
	Owner       string // AUTHORIZATION
}

// CreateDatabase is CREATE DATABASE.
type CreateDatabase struct {
	Pos
	Name        Name
	IfNotExists bool
	Options     []*Option // OWNER, ENCODING ..
}

// CreateUser is CREATE USER or CREATE ROLE. Options are the words (superuser,
// nocreatedb, login ..) as OptionNone, and password with a string.
type CreateUser struct {
	Pos
	Name        string
	Role        bool
	IfNotExists bool
	Options     []*Option
}

// CreateConnection is CREATE CONNECTION.
type CreateConnection struct {
	Pos
	Name        Name
	IfNotExists bool
	Options     []*Option
}

// CreateSecret is CREATE SECRET name WITH (..) AS value.
type CreateSecret struct {
	Pos
	Name        Name
	IfNotExists bool
	Options     []*Option
	Value       Expr
}

// CreateFunction is CREATE FUNCTION or AGGREGATE. Only its outline is parsed.
type CreateFunction struct {
	Pos
	Name        Name
	OrReplace   bool
	IfNotExists bool
	Temporary   bool
	Aggregate   bool
	Args        []*FuncArg
	Returns     *TypeName
	Columns     []*FuncArg // RETURNS TABLE (..)
	Language    string
	Body        string // AS '..'
	Link        string // USING LINK '..'
	Raw         string // everything after the name, as written
}

// FuncArg is an argument of a function; Name is "" if only a type was given.
type FuncArg struct {
	Pos
	Name string
	Type *TypeName
}

// Drop is DROP of any kind of object.
type Drop struct {
	Pos
	Kind     ObjectKind
	IfExists bool
	Names    []Name
	Args     [][]*TypeName // of functions; one list a name, nil if no list was given
	Cascade  bool
	Restrict bool
}

// Comment is COMMENT ON kind name IS text; Null drops the comment.
type Comment struct {
	Pos
	Kind ObjectKind
	Name Name
	Text string
	Null bool
}

// Grant is GRANT or REVOKE, kept as text.
type Grant struct {
	Pos
	Revoke bool
	Raw    string // everything after the first word, as written
}

func (*CreateSchema) stmt()     {}
func (*CreateDatabase) stmt()   {}
func (*CreateUser) stmt()       {}
func (*CreateConnection) stmt() {}
func (*CreateSecret) stmt()     {}
func (*CreateFunction) stmt()   {}
func (*Drop) stmt()             {}
func (*Comment) stmt()          {}
func (*Grant) stmt()            {}
