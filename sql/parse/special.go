package parse

import (
	"strings"

	"streamdb/sql/ast"
)

// specialCall reads the calls whose arguments are joined by words instead of
// commas, and writes them as calls of the functions behind them. It says false
// for any other function and for the plain form.
func (r *reader) specialCall(w string) bool {
	switch w {
	case "extract":
		return r.extract()
	case "substring", "overlay", "position", "trim", "normalize":
	default:
		return false
	}
	c := &ast.FuncCall{Pos: r.pos(), Name: ast.Name{Pos: r.pos(), Parts: []string{w}}}
	switch w {
	case "trim":
		r.trim(c)
	case "position":
		r.position(c)
	case "normalize":
		r.normalize(c)
	case "overlay":
		r.overlay(c)
	default:
		r.substring(c)
	}
	return true
}

// extract reads EXTRACT(field FROM x); extract('field', x) is the plain form.
func (r *reader) extract() bool {
	t := r.at(2)
	if !t.isName() && t.kind != str || !r.kwAt(3, "from") {
		return false
	}
	c := &ast.FuncCall{Pos: r.pos(), Name: ast.Name{Pos: r.pos(), Parts: []string{"extract"}}}
	r.emit(c)
	r.w("(")
	r.emit(&ast.StringLit{Pos: r.posOf(r.p + 2), Value: strings.ToLower(t.val)})
	r.skip(4)
	r.w(",")
	r.expr()
	r.closeCall()
	return true
}

func (r *reader) closeCall() {
	r.w(")")
	r.needPunct(")")
}

// substring reads SUBSTRING(x FROM a FOR b), SUBSTRING(x SIMILAR p ESCAPE e) and
// the plain form.
func (r *reader) substring(c *ast.FuncCall) {
	r.emit(c)
	r.skip(2)
	r.w("(")
	r.expr()
	switch p := r.pos(); {
	case r.take("from"):
		r.nextArg()
		if r.take("for") {
			r.nextArg()
		}
	case r.take("for"):
		r.forFrom(p)
	case r.take("similar"):
		r.w(",")
		r.exprIn(bareChain)
		r.need("escape")
		r.nextArg()
	default:
		r.plainArgs()
	}
	r.closeCall()
}

// overlay reads OVERLAY(x PLACING y FROM a [FOR b]) and the plain form.
func (r *reader) overlay(c *ast.FuncCall) {
	r.emit(c)
	r.skip(2)
	r.w("(")
	r.expr()
	if r.take("placing") {
		r.nextArg()
		r.need("from")
		r.nextArg()
		if r.take("for") {
			r.nextArg()
		}
	} else {
		r.plainArgs()
	}
	r.closeCall()
}

func (r *reader) nextArg() {
	r.w(",")
	r.expr()
}

// plainArgs reads further arguments behind commas.
func (r *reader) plainArgs() {
	for r.takePunct(",") {
		r.nextArg()
	}
}

// forFrom reads n [FROM m] behind SUBSTRING(x FOR. The function wants m first;
// without it Postgres starts at the first character and takes n for an integer.
func (r *reader) forFrom(p ast.Pos) {
	length := r.aside(r.expr)
	r.w(",")
	if r.take("from") {
		r.expr()
		r.w(",")
		r.buf = append(r.buf, length...)
		return
	}
	r.emit(&ast.NumberLit{Pos: p, Text: "1"})
	r.w(",")
	r.emit(&ast.Cast{Pos: p, Type: &ast.TypeName{Pos: p, Name: "integer"}})
	r.w("(")
	r.buf = append(r.buf, length...)
	r.w(")")
}

// position reads POSITION(a IN b), which is position(b, a).
func (r *reader) position(c *ast.FuncCall) {
	r.emit(c)
	r.skip(2)
	r.w("(")
	first := r.aside(func() { r.exprIn(bareChain) })
	switch {
	case r.take("in"):
		r.exprIn(bareChain)
		r.w(",")
		r.buf = append(r.buf, first...)
	case r.takePunct(","):
		r.buf = append(r.buf, first...)
		r.w(",")
		r.expr()
	default:
		r.fail()
	}
	r.closeCall()
}

// trim reads TRIM([BOTH | LEADING | TRAILING] [characters] [FROM] x).
func (r *reader) trim(c *ast.FuncCall) {
	c.Name.Parts = []string{"btrim"}
	r.emit(c)
	r.skip(2)
	switch {
	case r.take("leading"):
		c.Name.Parts = []string{"ltrim"}
	case r.take("trailing"):
		c.Name.Parts = []string{"rtrim"}
	default:
		r.take("both")
	}
	r.w("(")
	if r.take("from") {
		r.exprs()
		r.closeCall()
		return
	}
	first := r.aside(r.expr)
	if r.take("from") {
		r.exprs()
		r.w(",")
		r.buf = append(r.buf, first...)
	} else {
		r.buf = append(r.buf, first...)
		if r.takePunct(",") {
			r.w(",")
			r.exprs()
		}
	}
	r.closeCall()
}

// normalize reads NORMALIZE(x [, NFC]).
func (r *reader) normalize(c *ast.FuncCall) {
	r.emit(c)
	r.skip(2)
	r.w("(")
	r.expr()
	if r.takePunct(",") {
		r.w(",")
		if r.kw("nfc", "nfd", "nfkc", "nfkd") && r.isPunct(1, ")") {
			r.emit(&ast.StringLit{Pos: r.pos(), Value: upper(r.anyWord())})
		} else {
			r.expr()
		}
	}
	r.closeCall()
}
