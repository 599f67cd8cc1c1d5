package parse

import (
	"streamdb/sql/ast"

	tidb "github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/opcode"
)

// climber puts a flat chain of operands and operators together by Postgres's
// levels. It is precedence climbing; where Postgres's grammar is not associative
// it fails, as that does.
type climber struct {
	lift  *lift
	elems []tidb.ExprNode
	i     int
}

// chain lifts a | b | c ..
func (x *lift) chain(n *tidb.BinaryOperationExpr) ast.Expr {
	var elems []tidb.ExprNode
	var e tidb.ExprNode = n
	for {
		b, ok := e.(*tidb.BinaryOperationExpr)
		if !ok || b.Op != opcode.Or {
			break
		}
		elems = append(elems, b.R)
		e = b.L
	}
	elems = append(elems, e)
	for i, j := 0, len(elems)-1; i < j; i, j = i+1, j-1 {
		elems[i], elems[j] = elems[j], elems[i]
	}
	c := climber{lift: x, elems: elems}
	out := c.climb(ast.LevelOr)
	if op := c.operator(); op != nil {
		x.syntaxError(op.pos)
	} else if c.i < len(elems) {
		x.broken("an operand without an operator")
	}
	return out
}

// operator gives the operator at the front, nil at the end or at an operand.
func (c *climber) operator() *operatorEntry {
	if c.i >= len(c.elems) {
		return nil
	}
	return c.lift.operatorEntry(c.elems[c.i])
}

// climb takes an operand with all operators of at least this level.
func (c *climber) climb(least ast.Level) ast.Expr {
	left := c.operand()
	var barred ast.Level // a level whose operators may not follow
	for c.lift.err == nil {
		op := c.operator()
		if op == nil || op.fix == separator || op.level < least {
			break
		}
		if op.level == barred {
			c.lift.syntaxError(op.pos)
			break
		}
		elem := c.elems[c.i]
		c.i++
		if op.fix == postfix {
			left, barred = c.lift.postfix(op, elem, left), 0
		} else {
			left, barred = c.infix(op, left)
		}
	}
	return left
}

func (c *climber) operand() ast.Expr {
	if c.i >= len(c.elems) {
		c.lift.broken("an operator without an operand")
		return &ast.NullLit{}
	}
	op := c.operator()
	if op == nil {
		c.i++
		return c.lift.expr(c.elems[c.i-1])
	}
	if op.fix != prefix {
		c.lift.syntaxError(op.pos)
		return &ast.NullLit{}
	}
	c.i++
	n := op.node.(*ast.Unary)
	n.Expr = c.climb(op.level + 1)
	return n
}

// infix gives the operator its operands, and the level that may not follow.
func (c *climber) infix(op *operatorEntry, left ast.Expr) (ast.Expr, ast.Level) {
	switch n := op.node.(type) {
	case *ast.Binary:
		n.Left, n.Right = left, c.climb(op.level+1)
		if n.Op == "OVERLAPS" && !(isRow(n.Left) && isRow(n.Right)) {
			c.lift.syntaxError(op.pos)
		}
		if op.level == ast.LevelCompare {
			return n, ast.LevelCompare
		}
		return n, 0
	case *ast.IsDistinct:
		n.Left, n.Right = left, c.climb(op.level+1)
		return n, ast.LevelIs
	case *ast.Like:
		n.Expr, n.Pattern = left, c.climb(op.level+1)
		if c.separator() {
			n.Escape = c.climb(op.level + 1)
		}
		return n, ast.LevelLike
	case *ast.Between:
		n.Expr, n.Low = left, c.climb(ast.LevelOr)
		if !c.separator() {
			c.lift.broken("BETWEEN without AND")
		}
		n.High = c.climb(op.level + 1)
		return n, ast.LevelLike
	case *ast.AtTimeZone:
		n.Expr, n.Zone = left, c.climb(op.level+1)
		return n, 0
	}
	c.lift.broken("an unknown operator")
	return left, 0
}

func isRow(e ast.Expr) bool {
	_, ok := e.(*ast.RowExpr)
	return ok
}

// separator takes the word that ends an inner operand.
func (c *climber) separator() bool {
	op := c.operator()
	if op == nil || op.fix != separator {
		return false
	}
	c.i++
	return true
}

// postfix gives an operator that stands behind its operand what it lacks; elem
// carries its arguments.
func (x *lift) postfix(op *operatorEntry, elem tidb.ExprNode, left ast.Expr) ast.Expr {
	var args []tidb.ExprNode
	if f, ok := elem.(*tidb.FuncCallExpr); ok {
		args = f.Args
	}
	switch n := op.node.(type) {
	case *ast.Cast:
		n.Expr = left
	case *ast.Subscript:
		n.Expr = left
	case *ast.FieldSelect:
		n.Expr = left
	case *ast.Collate:
		n.Expr = left
	case *ast.AtTimeZone:
		n.Expr = left
	case *ast.Is:
		n.Expr = left
	case *ast.In:
		n.Expr = left
		if n.Query = x.onlyQuery(args); n.Query == nil {
			n.List = x.exprs(args)
		}
	case *ast.AnyAll:
		n.Expr = left
		if n.Query = x.onlyQuery(args); n.Query == nil && len(args) == 1 {
			n.Array = x.expr(args[0])
		} else if n.Query == nil {
			x.syntaxError(n.Pos)
		}
	default:
		x.broken("an unknown operator")
	}
	return op.node
}

// onlyQuery gives the query if the arguments are one subquery.
func (x *lift) onlyQuery(args []tidb.ExprNode) *ast.Query {
	if len(args) != 1 {
		return nil
	}
	if s, ok := args[0].(*tidb.SubqueryExpr); ok {
		return x.query(s.Query)
	}
	return nil
}
