package parse

import (
	"strconv"

	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"
)

// maxChain bounds the operators of one chain: a chain becomes a tree as deep.
const maxChain = 10000

// chainMode narrows what a chain of operators takes in.
type chainMode uint8

const (
	fullChain  chainMode = iota
	tightChain           // b_expr of Postgres's grammar
	bareChain            // stops before IN and ESCAPE, which part the arguments of some calls
)

// expr reads an expression and writes it for the grammar.
func (r *reader) expr() { r.exprIn(fullChain) }

func (r *reader) exprIn(mode chainMode) {
	defer r.leave()
	if !r.enter() {
		return
	}
	r.chain(mode)
	for n := 0; ; n++ {
		switch {
		case r.take("and"):
			r.w(" AND ")
		case r.take("or"):
			r.w(" OR ")
		default:
			return
		}
		if n > maxChain {
			r.tooComplex("more than %d operators in a row", maxChain)
		}
		r.chain(mode)
	}
}

// chain reads operands with the operators that bind tighter than AND between
// them, and writes them as one flat list with | between its elements.
func (r *reader) chain(mode chainMode) {
	for n := 0; ; n++ {
		if n > maxChain {
			r.tooComplex("more than %d operators in a row", maxChain)
			return
		}
		r.prefixes(mode)
		r.operand()
		for r.postfixOp(mode) {
			if n++; n > maxChain {
				r.tooComplex("more than %d operators in a row", maxChain)
			}
		}
		if !r.infixOp(mode) {
			return
		}
	}
}

// prefixes reads prefix operators.
func (r *reader) prefixes(mode chainMode) {
	for n := 0; n <= maxChain; n++ {
		t, p := r.cur(), r.pos()
		switch {
		case t.kind == operator:
			l := ast.LevelOther
			if t.val == "-" || t.val == "+" {
				l = ast.LevelSign
			} else if ast.BinaryLevel(t.val, "") != ast.LevelOther {
				return
			}
			r.skip(1)
			r.emit(&operatorEntry{p, l, prefix, &ast.Unary{Pos: p, Op: t.val}})
		case t.isWord("operator") && r.isPunct(1, "("):
			op, schema := r.operatorName()
			r.emit(&operatorEntry{p, ast.LevelOther, prefix, &ast.Unary{Pos: p, Op: op, Schema: schema}})
		case t.isWord("not") && mode != tightChain:
			r.skip(1)
			r.emit(&operatorEntry{p, ast.LevelNot, prefix, &ast.Unary{Pos: p, Op: "NOT"}})
		default:
			return
		}
		r.w("|")
	}
	r.tooComplex("more than %d operators in a row", maxChain)
}

// operatorName reads OPERATOR(schema.op).
func (r *reader) operatorName() (op, schema string) {
	r.skip(2)
	schema = "pg_catalog"
	for r.cur().isName() && r.isPunct(1, ".") {
		schema = r.anyWord()
		r.skip(1)
	}
	t := r.cur()
	if t.kind != operator {
		r.fail()
		return "", ""
	}
	r.skip(1)
	r.needPunct(")")
	return t.val, schema
}

// writePostfix writes a postfix operator without arguments.
func (r *reader) writePostfix(p ast.Pos, l ast.Level, node ast.Expr) {
	r.w("|")
	r.emit(&operatorEntry{p, l, postfix, node})
}

func (r *reader) writeInfix(p ast.Pos, l ast.Level, fix fixity, node ast.Expr) {
	r.w("|")
	r.emit(&operatorEntry{p, l, fix, node})
	r.w("|")
}

// postfixOp reads and writes one operator that follows its operand, if there is
// one: casts, subscripts, fields, COLLATE, tests, IN, op ANY.
func (r *reader) postfixOp(mode chainMode) bool {
	t, p := r.cur(), r.pos()
	switch t.kind {
	case punct:
		switch {
		case t.val == "::":
			r.skip(1)
			r.writePostfix(p, ast.LevelPostfix, &ast.Cast{Pos: p, Type: r.typeName()})
		case t.val == "[":
			r.writePostfix(p, ast.LevelPostfix, r.subscript())
		case t.val == "." && r.at(1).isName():
			r.skip(1)
			r.writePostfix(p, ast.LevelPostfix, &ast.FieldSelect{Pos: p, Field: r.anyWord()})
		case t.val == "." && r.at(1).isOp("*"):
			r.skip(2)
			r.writePostfix(p, ast.LevelPostfix, &ast.FieldSelect{Pos: p, Star: true})
		default:
			return false
		}
		return true
	case operator:
		return mode != tightChain && r.anyAll(1, t.val, "", ast.BinaryLevel(t.val, ""))
	case word:
		return r.postfixWord(mode)
	}
	return false
}

func (r *reader) postfixWord(mode chainMode) bool {
	p := r.pos()
	if mode == tightChain {
		return false
	}
	switch r.cur().val {
	case "collate":
		r.skip(1)
		r.writePostfix(p, ast.LevelCollate, &ast.Collate{Pos: p, Collation: r.funcName()})
	case "isnull":
		r.skip(1)
		r.writePostfix(p, ast.LevelIs, &ast.Is{Pos: p})
	case "notnull":
		r.skip(1)
		r.writePostfix(p, ast.LevelIs, &ast.Is{Pos: p, Not: true})
	case "is":
		return r.isTest()
	case "at":
		if !r.kws("at", "local") {
			return false
		}
		r.skip(2)
		r.writePostfix(p, ast.LevelAt, &ast.AtTimeZone{Pos: p})
	case "in":
		return mode != bareChain && r.inList(false)
	case "not":
		switch {
		case r.kwAt(1, "in"):
			return mode != bareChain && r.inList(true)
		case r.kwAt(1, "like"):
			return r.anyAll(2, "!~~", "", ast.LevelLike)
		case r.kwAt(1, "ilike"):
			return r.anyAll(2, "!~~*", "", ast.LevelLike)
		}
		return false
	case "like":
		return r.anyAll(1, "~~", "", ast.LevelLike)
	case "ilike":
		return r.anyAll(1, "~~*", "", ast.LevelLike)
	default:
		return false
	}
	return true
}

var isTests = map[string]ast.IsTest{
	"null": ast.IsNull, "true": ast.IsTrue, "false": ast.IsFalse, "unknown": ast.IsUnknown,
	"document": ast.IsDocument, "normalized": ast.IsNormalized, "json": ast.IsJSON,
}

// isTest reads IS [NOT] test; IS DISTINCT FROM is left to infixOp.
func (r *reader) isTest() bool {
	p, n := r.pos(), 1
	if r.kwAt(1, "not") {
		n = 2
	}
	if r.kwAt(n, "distinct") {
		return false
	}
	test, ok := isTests[r.at(n).val]
	if !ok || r.at(n).kind != word {
		r.skip(n)
		r.fail()
		return false
	}
	r.skip(n + 1)
	if test == ast.IsJSON {
		switch {
		case r.take("value"):
		case r.take("object"):
			test = ast.IsJSONObject
		case r.take("array"):
			test = ast.IsJSONArray
		case r.take("scalar"):
			test = ast.IsJSONScalar
		}
	}
	r.writePostfix(p, ast.LevelIs, &ast.Is{Pos: p, Not: n == 2, Test: test})
	return true
}

// inList reads [NOT] IN (..).
func (r *reader) inList(not bool) bool {
	p := r.pos()
	r.skip(1)
	if not {
		r.skip(1)
	}
	if !r.isPunct(0, "(") {
		r.fail()
		return false
	}
	r.writePostfix(p, ast.LevelLike, &ast.In{Pos: p, Not: not})
	r.parenArgs()
	return true
}

// parenArgs reads and writes ((query)) or (expr, ..).
func (r *reader) parenArgs() {
	if r.parens.query[r.p] {
		r.w("(")
		r.parenQuery()
		r.w(")")
		return
	}
	r.needPunct("(")
	r.w("(")
	r.exprs()
	r.w(")")
	r.needPunct(")")
}

// exprs reads and writes a list of expressions.
func (r *reader) exprs() {
	r.expr()
	for r.takePunct(",") {
		r.w(",")
		r.expr()
	}
}

// anyAll reads an operator of n tokens with ANY, SOME or ALL behind it.
func (r *reader) anyAll(n int, op, schema string, l ast.Level) bool {
	if !r.kwAt(n, "any", "some", "all") || !r.isPunct(n+1, "(") {
		return false
	}
	p := r.pos()
	r.skip(n)
	node := &ast.AnyAll{Pos: p, Op: op, Schema: schema, All: r.kw("all")}
	r.skip(1)
	r.writePostfix(p, l, node)
	if r.parens.query[r.p] {
		r.parenArgs()
		return true
	}
	r.needPunct("(")
	r.w("(")
	r.expr()
	r.w(")")
	r.needPunct(")")
	return true
}

// subscript reads [i] or [low:high].
func (r *reader) subscript() *ast.Subscript {
	n := &ast.Subscript{Pos: r.pos()}
	r.needPunct("[")
	defer r.leave()
	if !r.enter() {
		return n
	}
	if !r.isPunct(0, ":") {
		r.exprSlot(&n.Index)
	}
	if r.takePunct(":") {
		n.Slice = true
		// Index was the lower bound; the slot's destination moves with it.
		r.moveSlot(&n.Index, &n.Low)
		if !r.isPunct(0, "]") {
			r.exprSlot(&n.High)
		}
	}
	r.needPunct("]")
	return n
}

// moveSlot gives the expression that was read last, and stored in from, a new
// place.
func (r *reader) moveSlot(from, to *ast.Expr) {
	*to, *from = *from, nil
	if n := len(r.slots); n > 0 && r.slots[n-1].expr == from {
		r.slots[n-1].expr = to
	}
}

// infixOp reads and writes an operator behind which an operand must follow.
func (r *reader) infixOp(mode chainMode) bool {
	t, p := r.cur(), r.pos()
	if t.kind == operator {
		r.skip(1)
		r.writeInfix(p, ast.BinaryLevel(t.val, ""), infix, &ast.Binary{Pos: p, Op: t.val})
		return true
	}
	if t.kind != word {
		return false
	}
	switch t.val {
	case "operator":
		if !r.isPunct(1, "(") {
			return false
		}
		op, schema := r.operatorName()
		if mode != tightChain && r.kw("any", "some", "all") && r.isPunct(1, "(") {
			r.anyAll(0, op, schema, ast.LevelOther)
			for r.postfixOp(mode) {
			}
			return r.infixOp(mode)
		}
		r.writeInfix(p, ast.LevelOther, infix, &ast.Binary{Pos: p, Op: op, Schema: schema})
		return true
	case "is":
		n := 1
		if r.kwAt(1, "not") {
			n = 2
		}
		if !r.kwAt(n, "distinct") || !r.kwAt(n+1, "from") {
			return false
		}
		r.skip(n + 2)
		r.writeInfix(p, ast.LevelIs, infix, &ast.IsDistinct{Pos: p, Not: n == 2})
		return true
	case "overlaps":
		r.skip(1)
		r.writeInfix(p, ast.LevelPostfix, infix, &ast.Binary{Pos: p, Op: "OVERLAPS"})
		return true
	}
	return mode != tightChain && r.infixWord(mode)
}

// infixWord reads AT TIME ZONE, LIKE and its relatives, and BETWEEN.
func (r *reader) infixWord(mode chainMode) bool {
	p := r.pos()
	if r.take("at", "time", "zone") {
		r.writeInfix(p, ast.LevelAt, infix, &ast.AtTimeZone{Pos: p})
		return true
	}
	if mode != bareChain && r.take("escape") {
		r.writeInfix(p, 0, separator, nil)
		return true
	}
	not := r.kw("not") && r.kwAt(1, "like", "ilike", "similar", "between")
	if not {
		r.skip(1)
	}
	switch {
	case r.take("like"):
		r.writeInfix(p, ast.LevelLike, infix, &ast.Like{Pos: p, Not: not})
	case r.take("ilike"):
		r.writeInfix(p, ast.LevelLike, infix, &ast.Like{Pos: p, Not: not, Kind: ast.LikeILike})
	case r.take("similar", "to"):
		r.writeInfix(p, ast.LevelLike, infix, &ast.Like{Pos: p, Not: not, Kind: ast.LikeSimilar})
	case r.take("between"):
		n := &ast.Between{Pos: p, Not: not}
		if !r.take("asymmetric") {
			n.Symmetric = r.take("symmetric")
		}
		r.writeInfix(p, ast.LevelLike, infix, n)
		r.chain(tightChain)
		p = r.pos()
		r.need("and")
		r.writeInfix(p, 0, separator, nil)
	default:
		return false
	}
	return true
}

// loneAtom reads a constant or a column if nothing follows it that could make it
// part of a larger expression.
func (r *reader) loneAtom() ast.Expr {
	t, p, n := r.cur(), r.pos(), 1
	if t.isOp("-") && r.at(1).kind == number {
		n = 2
	}
	switch next := r.at(n); {
	case next.kind == end:
	case next.kind == punct && (next.val == "," || next.val == ")" || next.val == ";"):
	default:
		return nil
	}
	var e ast.Expr
	switch {
	case n == 2:
		e = &ast.Unary{Pos: p, Op: "-", Expr: &ast.NumberLit{Pos: r.posOf(r.p + 1), Text: r.at(1).val}}
	case t.kind == quoted || t.kind == word && ast.Keyword(t.val) <= ast.ColumnKeyword:
		e = &ast.ColumnRef{Pos: p, Parts: []string{t.val}}
	default:
		e = r.constant()
	}
	if e != nil {
		r.skip(n)
	}
	return e
}

// constant gives the node of the current token if it is a constant; it does not
// consume it.
func (r *reader) constant() ast.Expr {
	t, p := r.cur(), r.pos()
	switch t.kind {
	case number:
		return &ast.NumberLit{Pos: p, Text: t.val}
	case str:
		return &ast.StringLit{Pos: p, Value: t.val}
	case bits:
		return &ast.BitLit{Pos: p, Hex: t.val[0] == 'x', Digits: t.val[1:]}
	case param:
		n, err := strconv.Atoi(t.val)
		if err != nil {
			r.refuse(r.p, sqlerr.SyntaxError, "parameter number too large")
		}
		r.params = max(r.params, n)
		return &ast.Param{Pos: p, N: n}
	case word:
		switch t.val {
		case "null":
			return &ast.NullLit{Pos: p}
		case "true", "false":
			return &ast.BoolLit{Pos: p, Value: t.val == "true"}
		case "default":
			return &ast.Default{Pos: p}
		}
	}
	return nil
}
