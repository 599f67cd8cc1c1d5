package ast

import "strings"

// Pos is the byte offset of a node in the text of its statement. It is embedded
// in every node.
type Pos int32

// At gives the byte offset of the node in the text of its statement.
func (p Pos) At() int { return int(p) }

// Node is any part of a tree.
type Node interface{ At() int }

// Expr is a scalar expression.
type Expr interface {
	Node
	expr()
}

// TableExpr is an element of FROM.
type TableExpr interface {
	Node
	tableExpr()
}

// QueryBody is what UNION and friends combine: *Select, *SetOp, *Values or a
// parenthesised *Query that has clauses of its own.
type QueryBody interface {
	Node
	queryBody()
}

// Stmt is a statement.
type Stmt interface {
	Node
	stmt()
}

// Name is a possibly qualified name of an object, outermost part first.
type Name struct {
	Pos
	Parts []string
}

// Base is the last part of the name.
func (n Name) Base() string {
	if len(n.Parts) == 0 {
		return ""
	}
	return n.Parts[len(n.Parts)-1]
}

// Schema is the part before the last one, or "" if the name is not qualified.
func (n Name) Schema() string {
	if len(n.Parts) < 2 {
		return ""
	}
	return n.Parts[len(n.Parts)-2]
}

// Database is the part before the schema, or "".
func (n Name) Database() string {
	if len(n.Parts) < 3 {
		return ""
	}
	return n.Parts[len(n.Parts)-3]
}

// IsZero says that there is no name.
func (n Name) IsZero() bool { return len(n.Parts) == 0 }

// String is the name as SQL, quoted where needed.
func (n Name) String() string {
	q := make([]string, len(n.Parts))
	for i, p := range n.Parts {
		q[i] = QuoteIdent(p)
	}
	return strings.Join(q, ".")
}
