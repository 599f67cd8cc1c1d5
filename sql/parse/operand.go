package parse

import "streamdb/sql/ast"

// operand reads and writes what stands between operators.
func (r *reader) operand() {
	if r.bareUnits && r.cur().kind == str && r.at(1).kind == word && intervalFieldNames[r.at(1).val] {
		n := &ast.TypedLit{Pos: r.pos(), Type: &ast.TypeName{Pos: r.pos(), Name: "interval"}, Value: r.stringConst()}
		r.intervalFields(n.Type)
		r.emit(n)
		return
	}
	if e := r.constant(); e != nil {
		r.emit(e)
		r.skip(1)
		return
	}
	switch t := r.cur(); {
	case t.isPunct("("):
		r.paren()
	case t.kind == quoted:
		r.nameOrCall()
	case t.kind == word:
		r.wordOperand(t.val)
	default:
		r.fail()
	}
}

// paren reads a subquery, an expression or a row in parentheses.
func (r *reader) paren() {
	if r.parens.query[r.p] {
		r.parenQuery()
		return
	}
	r.needPunct("(")
	r.w("(")
	r.exprs()
	r.w(")")
	r.needPunct(")")
}

func (r *reader) parenQuery() {
	r.needPunct("(")
	r.w("(")
	r.query()
	r.w(")")
	r.needPunct(")")
}

// wordOperand reads an operand that starts with an unquoted word.
func (r *reader) wordOperand(w string) {
	paren := r.isPunct(1, "(")
	switch {
	case w == "case":
		r.caseExpr()
	case (w == "cast" || w == "try_cast") && paren:
		r.cast(w == "try_cast")
	case w == "exists" && paren:
		r.skip(1)
		r.w("EXISTS ")
		r.parenQuery()
	case w == "array" && r.isPunct(1, "["):
		r.skip(1)
		r.arrayItems()
	case w == "array" && !paren:
		r.skip(1)
		r.fail()
	case w == "array":
		r.emit(&ast.ArraySubquery{Pos: r.pos()})
		r.skip(1)
		r.w("(")
		r.parenQuery()
		r.w(")")
	case w == "row" && paren:
		r.row()
	case w == "map" && r.isPunct(1, "{"):
		r.mapExpr()
	case w == "interval" && r.intervalAhead():
		r.emit(r.intervalLit())
	case paren && r.specialCall(w):
	case w == "aggregate" && r.isPunct(1, ":"):
		r.skip(2)
		r.aggregate = true
		r.nameOrCall()
	case ast.IsBareCall(w) && !paren && !r.isPunct(1, "."):
		r.emit(&ast.FuncCall{Pos: r.pos(), Name: ast.Name{Pos: r.pos(), Parts: []string{w}}})
		r.skip(1)
		r.w("()")
	case r.typedLitAhead():
		n := &ast.TypedLit{Pos: r.pos()}
		n.Type = r.typeName()
		n.Value = r.stringConst()
		r.emit(n)
	default:
		r.nameOrCall()
	}
}

// nameOrCall reads a column, t.* or a call.
func (r *reader) nameOrCall() {
	p := r.pos()
	if t := r.cur(); t.kind == word && ast.Keyword(t.val) > ast.ColumnKeyword && !r.isPunct(1, "(") || !t.isName() ||
		t.kind == word && ast.Keyword(t.val) == ast.ReservedKeyword && !ast.IsBareCall(t.val) {
		r.fail()
		return
	}
	n := r.restOfName(ast.Name{Pos: p})
	switch {
	case r.isPunct(0, "("):
		r.call(n)
	case r.isPunct(0, ".") && r.at(1).isOp("*"):
		r.skip(2)
		r.emit(&ast.Star{Pos: p, Qualifier: n.Parts, Except: r.starExcept()})
	default:
		r.emit(&ast.ColumnRef{Pos: p, Parts: n.Parts})
	}
}

// starExcept reads EXCEPT (columns) behind a star.
func (r *reader) starExcept() []*ast.ColumnRef {
	if !r.kw("except") || !r.isPunct(1, "(") || r.parens.query[r.p+1] {
		return nil
	}
	r.skip(2)
	var out []*ast.ColumnRef
	for {
		n := r.name()
		out = append(out, &ast.ColumnRef{Pos: n.Pos, Parts: n.Parts})
		if !r.takePunct(",") {
			break
		}
	}
	r.needPunct(")")
	return out
}

func (r *reader) caseExpr() {
	r.skip(1)
	r.w("CASE ")
	if !r.kw("when") {
		r.expr()
	}
	if !r.kw("when") {
		r.fail()
	}
	for r.take("when") {
		r.w(" WHEN ")
		r.expr()
		r.need("then")
		r.w(" THEN ")
		r.expr()
	}
	if r.take("else") {
		r.w(" ELSE ")
		r.expr()
	}
	r.need("end")
	r.w(" END")
}

// cast reads CAST(expr AS type).
func (r *reader) cast(try bool) {
	n := &ast.Cast{Pos: r.pos(), Try: try}
	r.emit(n)
	r.skip(2)
	r.w("(")
	r.expr()
	r.w(")")
	r.need("as")
	n.Type = r.typeName()
	r.needPunct(")")
}

// arrayItems reads [a, b, ..]; items may be bracket lists themselves.
func (r *reader) arrayItems() {
	defer r.leave()
	if !r.enter() {
		return
	}
	r.emit(&ast.ArrayExpr{Pos: r.pos()})
	r.needPunct("[")
	r.w("(")
	for sep := ""; !r.isPunct(0, "]"); sep = "," {
		r.w(sep)
		if r.isPunct(0, "[") {
			r.arrayItems()
		} else {
			r.expr()
		}
		if !r.takePunct(",") {
			break
		}
	}
	r.w(")")
	r.needPunct("]")
}

// row reads ROW(..).
func (r *reader) row() {
	r.emit(&ast.RowExpr{Pos: r.pos()})
	r.skip(2)
	r.w("(")
	if !r.isPunct(0, ")") {
		r.exprs()
	}
	r.w(")")
	r.needPunct(")")
}

// mapExpr reads MAP {key: value, ..}.
func (r *reader) mapExpr() {
	r.emit(&ast.MapExpr{Pos: r.pos()})
	r.skip(2)
	r.w("(")
	for sep := ""; !r.isPunct(0, "}"); sep = "," {
		r.w(sep)
		r.expr()
		r.needPunct(":")
		r.w(",")
		r.expr()
		if !r.takePunct(",") {
			break
		}
	}
	r.w(")")
	r.needPunct("}")
}
