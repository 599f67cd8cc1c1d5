package ast

import (
	"fmt"
	"strconv"
	"strings"
)

func level(e Expr) Level {
	switch e := e.(type) {
	case *Binary:
		return BinaryLevel(e.Op, e.Schema)
	case *Unary:
		if e.Schema == "" {
			switch e.Op {
			case "NOT":
				return LevelNot
			case "-", "+":
				return LevelSign
			}
		}
		return LevelOther
	case *Is, *IsDistinct:
		return LevelIs
	case *Like, *Between, *In:
		return LevelLike
	case *AnyAll:
		if e.Schema == "" && !strings.Contains(e.Op, "~~") {
			return min(BinaryLevel(e.Op, ""), LevelOther)
		}
		return LevelLike
	case *AtTimeZone:
		return LevelAt
	case *Collate:
		return LevelCollate
	case *Lambda, *NamedArg:
		return 0
	}
	return LevelAtom
}

// operand writes e, in parentheses if it binds looser than min.
func (p *printer) operand(e Expr, min Level) {
	if l := level(e); l >= min && (!p.explicit || l == LevelAtom) {
		p.expr(e)
		return
	}
	p.w("(")
	p.expr(e)
	p.w(")")
}

func (p *printer) exprs(es []Expr) { p.list(len(es), func(i int) { p.expr(es[i]) }) }

func (p *printer) expr(e Expr) {
	switch e := e.(type) {
	case *ColumnRef, *Star, *NumberLit, *StringLit, *BoolLit, *NullLit, *BitLit, *TypedLit, *Param, *Default:
		p.leaf(e)
	case *Exists:
		p.w("EXISTS ")
		p.subquery(e.Query)
	case *Subquery:
		p.subquery(e.Query)
	case *ArraySubquery:
		p.w("ARRAY")
		p.subquery(e.Query)
	case *ArrayExpr, *RowExpr, *MapExpr:
		p.collection(e)
	case *Case:
		p.caseExpr(e)
	case *FuncCall:
		p.call(e)
	case *NamedArg:
		p.ident(e.Name)
		p.w(" => ")
		p.expr(e.Expr)
	case *Lambda:
		p.w("|")
		p.idents(e.Params)
		p.w("| ")
		p.expr(e.Body)
	case *GroupingSet:
		p.groupingSet(e)
	case *Cast:
		p.when(e.Try, "TRY_")
		p.w("CAST(")
		p.expr(e.Expr)
		p.w(" AS ")
		p.typeName(e.Type)
		p.w(")")
	case *Subscript:
		if c, ok := e.Expr.(*ColumnRef); ok {
			p.expr(c)
		} else {
			p.indirected(e.Expr)
		}
		p.subscript(e)
	case *FieldSelect:
		p.field(e)
	default:
		p.operator(e)
	}
}

// leaf writes an expression without operands.
func (p *printer) leaf(e Expr) {
	switch e := e.(type) {
	case *ColumnRef:
		p.name(Name{Parts: e.Parts})
	case *Star:
		p.star(e)
	case *NumberLit:
		p.w(e.Text)
	case *StringLit:
		p.w(QuoteString(e.Value))
	case *BoolLit:
		p.w(strings.ToUpper(strconv.FormatBool(e.Value)))
	case *NullLit:
		p.w("NULL")
	case *BitLit:
		if e.Hex {
			p.w("X'", e.Digits, "'")
		} else {
			p.w("B'", e.Digits, "'")
		}
	case *TypedLit:
		p.typedLit(e)
	case *Param:
		p.w("$", strconv.Itoa(e.N))
	case *Default:
		p.w("DEFAULT")
	}
}

func (p *printer) collection(e Expr) {
	switch e := e.(type) {
	case *ArrayExpr:
		p.w("ARRAY[")
		p.exprs(e.Items)
		p.w("]")
	case *RowExpr:
		p.when(!e.Implicit || len(e.Items) < 2, "ROW")
		p.w("(")
		p.exprs(e.Items)
		p.w(")")
	case *MapExpr:
		p.w("MAP {")
		p.list(len(e.Keys), func(i int) {
			p.expr(e.Keys[i])
			p.w(" : ")
			p.expr(e.Values[i])
		})
		p.w("}")
	}
}

// operator writes what has operands at its edges.
func (p *printer) operator(e Expr) {
	switch e := e.(type) {
	case *Unary:
		p.unary(e)
	case *Binary:
		l := BinaryLevel(e.Op, e.Schema)
		left, right := l, l+1
		if l == LevelCompare {
			left = l + 1
		}
		if e.Op == "OVERLAPS" {
			left = LevelAtom
			right = LevelAtom
		}
		p.operand(e.Left, left)
		p.w(" ")
		p.opName(e.Op, e.Schema)
		p.w(" ")
		p.operand(e.Right, right)
	case *Is:
		p.operand(e.Expr, LevelIs+1)
		p.w(" IS ")
		p.when(e.Not, "NOT ")
		p.w(isTests[e.Test])
	case *IsDistinct:
		p.operand(e.Left, LevelIs+1)
		p.w(" IS ")
		p.when(e.Not, "NOT ")
		p.w("DISTINCT FROM ")
		p.operand(e.Right, LevelIs+1)
	case *Like:
		p.operand(e.Expr, LevelLike+1)
		p.when(e.Not, " NOT")
		p.w(likeWords[e.Kind])
		p.operand(e.Pattern, LevelLike+1)
		if e.Escape != nil {
			p.w(" ESCAPE ")
			p.operand(e.Escape, LevelLike+1)
		}
	case *Between:
		p.operand(e.Expr, LevelLike+1)
		p.when(e.Not, " NOT")
		p.w(" BETWEEN ")
		p.when(e.Symmetric, "SYMMETRIC ")
		p.operand(e.Low, LevelAt+1)
		p.w(" AND ")
		p.operand(e.High, LevelLike+1)
	case *In:
		p.operand(e.Expr, LevelLike+1)
		p.when(e.Not, " NOT")
		p.w(" IN ")
		p.listOrQuery(e.List, e.Query)
	case *AnyAll:
		p.anyAll(e)
	case *AtTimeZone:
		p.operand(e.Expr, LevelAt)
		if e.Zone == nil {
			p.w(" AT LOCAL")
			return
		}
		p.w(" AT TIME ZONE ")
		p.operand(e.Zone, LevelAt+1)
	case *Collate:
		p.operand(e.Expr, LevelCollate)
		p.w(" COLLATE ")
		p.name(e.Collation)
	default:
		panic(fmt.Sprintf("ast: no way to print %T", e))
	}
}

var isTests = map[IsTest]string{
	IsNull: "NULL", IsTrue: "TRUE", IsFalse: "FALSE", IsUnknown: "UNKNOWN", IsJSON: "JSON",
	IsJSONObject: "JSON OBJECT", IsJSONArray: "JSON ARRAY", IsJSONScalar: "JSON SCALAR",
	IsDocument: "DOCUMENT", IsNormalized: "NORMALIZED",
}

var likeWords = map[LikeKind]string{LikeLike: " LIKE ", LikeILike: " ILIKE ", LikeSimilar: " SIMILAR TO "}

var likeOps = map[string]string{"~~": "LIKE", "!~~": "NOT LIKE", "~~*": "ILIKE", "!~~*": "NOT ILIKE"}

func (p *printer) opName(op, schema string) {
	if schema != "" {
		p.w("OPERATOR(")
		p.ident(schema)
		p.w(".", op, ")")
		return
	}
	p.w(op)
}

func (p *printer) unary(e *Unary) {
	p.opName(e.Op, e.Schema)
	switch l := level(e); l {
	case LevelSign:
		p.operand(e.Expr, LevelPostfix)
	case LevelNot:
		p.w(" ")
		p.operand(e.Expr, LevelNot)
	default:
		p.w(" ")
		p.operand(e.Expr, l+1)
	}
}

func (p *printer) anyAll(e *AnyAll) {
	p.operand(e.Expr, level(e)+1)
	p.w(" ")
	if w := likeOps[e.Op]; w != "" && e.Schema == "" {
		p.w(w)
	} else {
		p.opName(e.Op, e.Schema)
	}
	if e.All {
		p.w(" ALL ")
	} else {
		p.w(" ANY ")
	}
	if e.Query != nil {
		p.subquery(e.Query)
		return
	}
	p.w("(")
	p.expr(e.Array)
	p.w(")")
}

func (p *printer) listOrQuery(list []Expr, q *Query) {
	if q != nil {
		p.subquery(q)
		return
	}
	p.w("(")
	p.exprs(list)
	p.w(")")
}

func (p *printer) subquery(q *Query) {
	p.w("(")
	p.query(q)
	p.w(")")
}

func (p *printer) star(e *Star) {
	for _, q := range e.Qualifier {
		p.ident(q)
		p.w(".")
	}
	p.w("*")
	if len(e.Except) > 0 {
		p.w(" EXCEPT (")
		p.list(len(e.Except), func(i int) { p.expr(e.Except[i]) })
		p.w(")")
	}
}

func (p *printer) typedLit(e *TypedLit) {
	if e.Type.Interval == "" {
		p.typeName(e.Type)
		p.w(" ", QuoteString(e.Value))
		return
	}
	p.w("interval ", QuoteString(e.Value), " ", e.Type.Interval)
	if len(e.Type.Args) > 0 {
		p.w("(", strings.Join(e.Type.Args, ", "), ")")
	}
}

func (p *printer) caseExpr(e *Case) {
	p.w("CASE")
	if e.Operand != nil {
		p.w(" ")
		p.expr(e.Operand)
	}
	for _, w := range e.Whens {
		p.w(" WHEN ")
		p.expr(w.Cond)
		p.w(" THEN ")
		p.expr(w.Result)
	}
	if e.Else != nil {
		p.w(" ELSE ")
		p.expr(e.Else)
	}
	p.w(" END")
}

func (p *printer) subscript(e *Subscript) {
	p.w("[")
	if !e.Slice {
		p.expr(e.Index)
	} else {
		if e.Low != nil {
			p.expr(e.Low)
		}
		p.w(" : ")
		if e.High != nil {
			p.expr(e.High)
		}
	}
	p.w("]")
}

// indirected writes what a subscript or a field stands behind; Postgres takes
// only some things there without parentheses.
func (p *printer) indirected(e Expr) {
	switch e.(type) {
	case nil:
	case *FieldSelect, *Param, *Subscript:
		p.expr(e)
	default:
		p.w("(")
		p.expr(e)
		p.w(")")
	}
}

func (p *printer) field(e *FieldSelect) {
	p.indirected(e.Expr)
	if e.Star {
		p.w(".*")
		return
	}
	p.w(".")
	p.ident(e.Field)
}
