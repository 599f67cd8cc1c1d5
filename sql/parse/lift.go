package parse

import (
	"fmt"

	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"

	tidb "github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/opcode"
)

// lift walks TiDB's trees and completes the entries they name. The first error
// sticks; what it gives back after one is of no use.
type lift struct {
	*reader
}

// broken records that the grammar's answer is not what was asked for: a fault of
// this package.
func (x *lift) broken(format string, args ...any) {
	if x.err == nil {
		x.err = sqlerr.New(sqlerr.InternalError, "parse: %s", fmt.Sprintf(format, args...))
	}
}

// syntaxError records a syntax error at a position of the statement.
func (x *lift) syntaxError(pos ast.Pos) {
	if x.err != nil {
		return
	}
	for i := range x.toks {
		if x.posOf(i) >= pos {
			x.failAt(i)
			return
		}
	}
	x.fail()
}

// entry gives the entry behind a word of the grammar's answer.
func (x *lift) entry(word string) any {
	i, ok := entryIndex(word)
	if !ok || i >= len(x.entries) {
		x.broken("unknown word %q", word)
		return nil
	}
	return x.entries[i]
}

// fill stores what the grammar found in the slots and in the main statement. The
// slots come first: the main statement holds queries in parentheses that are
// slots, and a slot stands behind those inside it.
func (x *lift) fill(stmts []tidb.StmtNode) {
	var main tidb.StmtNode
	if x.main != nil && len(stmts) > 0 {
		main, stmts = stmts[0], stmts[1:]
	}
	if len(x.slots) > 0 {
		x.fillSlots(stmts)
	}
	if main != nil && x.err == nil {
		x.mainStmt(main)
	}
}

func (x *lift) fillSlots(stmts []tidb.StmtNode) {
	if len(stmts) != 1 {
		x.broken("%d statements for the slots", len(stmts))
		return
	}
	sel, ok := stmts[0].(*tidb.SelectStmt)
	if !ok || sel.Fields == nil || len(sel.Fields.Fields) != len(x.slots) {
		x.broken("the slots came back as %T", stmts[0])
		return
	}
	for i, f := range sel.Fields.Fields {
		x.slot(&x.slots[i], f.Expr)
		if x.err != nil {
			return
		}
	}
}

func (x *lift) slot(s *slot, e tidb.ExprNode) {
	if s.expr != nil {
		*s.expr = x.expr(e)
		return
	}
	sub, ok := e.(*tidb.SubqueryExpr)
	if !ok {
		x.broken("a query came back as %T", e)
		return
	}
	if s.query != nil {
		if q := x.query(sub.Query); q != nil {
			pos := s.query.Pos
			*s.query = *q
			s.query.Pos = pos
		}
		return
	}
	sel, ok := sub.Query.(*tidb.SelectStmt)
	switch {
	case !ok:
		x.broken("a FROM came back as %T", sub.Query)
	case s.from != nil:
		*s.from = x.from(sel.From)
	default:
		x.with(sel.With)
	}
}

func (x *lift) exprs(ns []tidb.ExprNode) []ast.Expr {
	if len(ns) == 0 {
		return nil
	}
	out := make([]ast.Expr, len(ns))
	for i, n := range ns {
		out[i] = x.expr(n)
	}
	return out
}

func (x *lift) expr(n tidb.ExprNode) ast.Expr {
	if x.err != nil {
		return &ast.NullLit{}
	}
	switch n := n.(type) {
	case *tidb.ParenthesesExpr:
		return x.expr(n.Expr)
	case *tidb.ColumnNameExpr:
		if e, ok := x.entry(n.Name.Name.O).(ast.Expr); ok {
			return e
		}
		x.broken("%s is no expression", n.Name.Name.O)
	case *tidb.BinaryOperationExpr:
		switch n.Op {
		case opcode.Or:
			return x.chain(n)
		case opcode.LogicAnd, opcode.LogicOr:
			return x.logic(n)
		}
		x.broken("operator %v", n.Op)
	case *tidb.FuncCallExpr:
		return x.call(n)
	case *tidb.CaseExpr:
		return x.caseExpr(n)
	case *tidb.RowExpr:
		items := x.exprs(n.Values)
		return &ast.RowExpr{Pos: ast.Pos(items[0].At()), Implicit: true, Items: items}
	case *tidb.SubqueryExpr:
		q := x.query(n.Query)
		if q == nil {
			break
		}
		return &ast.Subquery{Pos: q.Pos, Query: q}
	case *tidb.ExistsSubqueryExpr:
		if s, ok := n.Sel.(*tidb.SubqueryExpr); ok {
			if q := x.query(s.Query); q != nil {
				return &ast.Exists{Pos: q.Pos, Query: q}
			}
		}
	}
	x.broken("no expression for %T", n)
	return &ast.NullLit{}
}

// operatorEntry gives the operator that a chain's element stands for, or nil.
func (x *lift) operatorEntry(n tidb.ExprNode) *operatorEntry {
	var word string
	switch n := n.(type) {
	case *tidb.ColumnNameExpr:
		word = n.Name.Name.O
	case *tidb.FuncCallExpr:
		word = n.FnName.O
	default:
		return nil
	}
	op, _ := x.entry(word).(*operatorEntry)
	return op
}

// logic lifts AND and OR; their chains lean to the left, and may be long.
func (x *lift) logic(n *tidb.BinaryOperationExpr) ast.Expr {
	var spine []*tidb.BinaryOperationExpr
	var e tidb.ExprNode = n
	for {
		b, ok := e.(*tidb.BinaryOperationExpr)
		if !ok || b.Op != opcode.LogicAnd && b.Op != opcode.LogicOr {
			break
		}
		spine = append(spine, b)
		e = b.L
	}
	left := x.expr(e)
	for i := len(spine) - 1; i >= 0; i-- {
		op := "AND"
		if spine[i].Op == opcode.LogicOr {
			op = "OR"
		}
		left = &ast.Binary{Pos: ast.Pos(left.At()), Op: op, Left: left, Right: x.expr(spine[i].R)}
	}
	return left
}

// call lifts eK(..): a call, or another node with arguments.
func (x *lift) call(n *tidb.FuncCallExpr) ast.Expr {
	switch e := x.entry(n.FnName.O).(type) {
	case *ast.FuncCall:
		e.Args = x.exprs(n.Args)
		return e
	case *ast.ArrayExpr:
		e.Items = x.exprs(n.Args)
		return e
	case *ast.RowExpr:
		e.Items = x.exprs(n.Args)
		return e
	case *ast.GroupingSet:
		e.Items = x.exprs(n.Args)
		return e
	case *ast.MapExpr:
		for i := 0; i+1 < len(n.Args); i += 2 {
			e.Keys = append(e.Keys, x.expr(n.Args[i]))
			e.Values = append(e.Values, x.expr(n.Args[i+1]))
		}
		return e
	case *ast.ArraySubquery:
		if e.Query = x.onlyQuery(n.Args); e.Query != nil {
			return e
		}
	case *ast.Cast:
		if len(n.Args) == 1 {
			e.Expr = x.expr(n.Args[0])
			return e
		}
	case *ast.NamedArg:
		if len(n.Args) == 1 {
			e.Expr = x.expr(n.Args[0])
			return e
		}
	}
	x.broken("no call for %s", n.FnName.O)
	return &ast.NullLit{}
}

func (x *lift) caseExpr(n *tidb.CaseExpr) ast.Expr {
	c := &ast.Case{}
	if n.Value != nil {
		c.Operand = x.expr(n.Value)
		c.Pos = ast.Pos(c.Operand.At())
	}
	for _, w := range n.WhenClauses {
		b := &ast.When{Cond: x.expr(w.Expr), Result: x.expr(w.Result)}
		b.Pos = ast.Pos(b.Cond.At())
		c.Whens = append(c.Whens, b)
	}
	if c.Operand == nil && len(c.Whens) > 0 {
		c.Pos = c.Whens[0].Pos
	}
	if n.ElseClause != nil {
		c.Else = x.expr(n.ElseClause)
	}
	return c
}
