package exprtest

import (
	"strconv"
	"strings"

	"streamdb/expr"
	"streamdb/expr/casts"
	"streamdb/expr/funcs"
	"streamdb/types"
)

func (p *parser) unary() expr.Expr {
	t := p.peek()
	if t.kind == kIdent && t.text == "not" {
		p.at++
		return p.op("not", p.boolean(p.expr(bpNot)))
	}
	if t.kind == kOp && t.text != "(" {
		p.at++
		if next := p.peek(); t.text == "-" && next.kind == kNumber && power(p.toks[p.at+1]) <= bpUnary {
			p.at++
			return number("-" + next.text) // a negative literal, as in Postgres's grammar
		}
		bp := bpOther
		if t.text == "-" || t.text == "+" {
			bp = bpUnary
		}
		return p.op(t.text, p.expr(bp))
	}
	return p.primary()
}

func (p *parser) primary() expr.Expr {
	t := p.next()
	switch {
	case t.kind == kNumber:
		return number(t.text)
	case t.kind == kString:
		return &expr.Const{Value: types.BytesDatum(t.text), T: types.Of(types.Unknown)}
	case t.text == "(":
		list := p.list(")")
		if len(list) == 1 {
			return list[0]
		}
		return p.call("row", list...)
	case t.kind != kIdent:
		p.fail("unexpected %q", t.text)
	}
	switch t.text {
	case "null":
		return expr.Null(types.Of(types.Unknown))
	case "true", "false":
		return expr.Bool(t.text == "true")
	case "array":
		p.expect("[")
		return p.array()
	case "row":
		p.expect("(")
		return p.call("row", p.list(")")...)
	case "case":
		return p.caseExpr()
	case "cast":
		p.expect("(")
		e := p.expr(0)
		p.expect("as")
		to := p.typeName()
		p.expect(")")
		return p.cast(e, to)
	case "extract":
		p.expect("(")
		unit := p.next().text
		p.expect("from")
		e := p.expr(0)
		p.expect(")")
		return p.call("extract", &expr.Const{Value: types.BytesDatum(unit), T: types.Of(types.Text)}, e)
	case "coalesce":
		p.expect("(")
		list := p.list(")")
		common := must(funcs.CommonTypeFor("COALESCE", typesOf(list)))
		for i := range list {
			list[i] = p.coerce(list[i], common, casts.Implicit)
		}
		return &expr.Coalesce{Args: list, T: common}
	}
	if i, err := strconv.Atoi(strings.TrimPrefix(t.text, "c")); err == nil && i < len(p.cols) {
		return &expr.Col{Index: i, T: p.cols[i]}
	}
	if p.accept("(") {
		return p.call(t.text, p.list(")")...)
	}
	if _, ok := types.Lookup(t.text); ok || typeWords[t.text] != nil {
		p.at--
		to := p.typeName()
		lit := p.next()
		if lit.kind != kString {
			p.fail("expected a literal after %s", t.text)
		}
		return p.cast(&expr.Const{Value: types.BytesDatum(lit.text), T: types.Of(types.Unknown)}, to)
	}
	return p.call(t.text) // current_date and the like
}

// number reads an integer as the narrowest of integer, bigint and numeric.
func number(s string) expr.Expr {
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		t := types.Int8
		if i <= 1<<31-1 && i >= -1<<31 {
			t = types.Int4
		}
		return &expr.Const{Value: types.IntDatum(i), T: types.Of(t)}
	}
	d := must(types.ParseDecimal(s))
	return &expr.Const{Value: d.Datum(), T: types.Of(types.Numeric)}
}

func typesOf(es []expr.Expr) []types.T {
	out := make([]types.T, len(es))
	for i, e := range es {
		out[i] = e.Type()
	}
	return out
}

func (p *parser) array() expr.Expr {
	if p.accept("]") {
		return p.call("array")
	}
	var list []expr.Expr
	for {
		if p.accept("[") {
			list = append(list, p.array())
		} else {
			list = append(list, p.expr(0))
		}
		if p.accept("]") {
			return p.call("array", list...)
		}
		p.expect(",")
	}
}

func (p *parser) caseExpr() expr.Expr {
	var operand expr.Expr
	if p.peek().text != "when" {
		operand = p.expr(0)
	}
	c := &expr.Case{}
	for p.accept("when") {
		w := p.expr(0)
		if operand != nil {
			w = p.op("=", operand, w)
		}
		p.expect("then")
		c.Whens, c.Thens = append(c.Whens, p.boolean(w)), append(c.Thens, p.expr(0))
	}
	branches := append([]expr.Expr{}, c.Thens...)
	if p.accept("else") {
		c.Else = p.expr(0)
		branches = append([]expr.Expr{c.Else}, branches...) // Postgres looks at ELSE first
	}
	p.expect("end")
	c.T = must(funcs.CommonTypeFor("CASE", typesOf(branches)))
	for i := range c.Thens {
		c.Thens[i] = p.coerce(c.Thens[i], c.T, casts.Implicit)
	}
	if c.Else != nil {
		c.Else = p.coerce(c.Else, c.T, casts.Implicit)
	}
	return c
}
