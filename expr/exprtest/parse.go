package exprtest

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"streamdb/expr"
	"streamdb/expr/casts"
	"streamdb/expr/funcs"
	"streamdb/types"
)

// Parse reads an expression. Columns are c0, c1 .. of the given types.
func Parse(ctx *expr.Ctx, sql string, cols ...types.T) (e expr.Expr, err error) {
	toks, err := lex(sql)
	if err != nil {
		return nil, err
	}
	p := &parser{ctx: ctx, toks: toks, cols: cols}
	defer func() {
		if r := recover(); r != nil {
			f, ok := r.(failure)
			if !ok {
				panic(r)
			}
			e, err = nil, f.err
		}
	}()
	e = p.expr(0)
	if p.peek().kind != kEOF {
		return nil, fmt.Errorf("unexpected %q in %s", p.peek().text, sql)
	}
	if e.Type().ID == types.Unknown { // as SELECT does
		e = p.coerce(e, types.Of(types.Text), casts.Implicit)
	}
	return e, nil
}

type failure struct{ err error }

type parser struct {
	ctx  *expr.Ctx
	toks []token
	at   int
	cols []types.T
}

func (p *parser) fail(format string, args ...any) { panic(failure{fmt.Errorf(format, args...)}) }

func must[T any](x T, err error) T {
	if err != nil {
		panic(failure{err})
	}
	return x
}

func (p *parser) peek() token { return p.toks[p.at] }

func (p *parser) next() token {
	t := p.toks[p.at]
	p.at++
	return t
}

func (p *parser) accept(text string) bool {
	if t := p.peek(); t.text == text && t.kind != kString {
		p.at++
		return true
	}
	return false
}

func (p *parser) expect(text string) {
	if !p.accept(text) {
		p.fail("expected %s, found %q", text, p.peek().text)
	}
}

func (p *parser) coerce(e expr.Expr, t types.T, c casts.Context) expr.Expr {
	return must(casts.Coerce(p.ctx, e, t, c))
}

// Binding powers, lowest first.
const (
	bpOr = iota + 1
	bpAnd
	bpNot
	bpIs
	bpCompare
	bpLike
	bpOther
	bpAdd
	bpMul
	bpPow
	bpZone
	bpUnary
	bpPostfix
)

func power(t token) int {
	if t.kind == kIdent {
		switch t.text {
		case "or":
			return bpOr
		case "and":
			return bpAnd
		case "is", "isnull", "notnull":
			return bpIs
		case "like", "ilike", "in", "between", "not", "similar":
			return bpLike
		case "at":
			return bpZone
		}
		return 0
	}
	if t.kind != kOp {
		return 0
	}
	switch t.text {
	case ")", "]", ",", ":", "(":
		return 0
	case "<", ">", "=", "<=", ">=", "<>", "!=":
		return bpCompare
	case "+", "-":
		return bpAdd
	case "*", "/", "%":
		return bpMul
	case "^":
		return bpPow
	case "::", "[":
		return bpPostfix
	}
	return bpOther
}

func (p *parser) expr(min int) expr.Expr {
	e := p.unary()
	for {
		t := p.peek()
		bp := power(t)
		if bp == 0 || bp <= min {
			return e
		}
		p.at++
		e = p.infix(e, t, bp)
	}
}

func (p *parser) op(name string, args ...expr.Expr) expr.Expr {
	return must(funcs.BindOperator(p.ctx, name, args...))
}

func (p *parser) call(name string, args ...expr.Expr) expr.Expr {
	return must(funcs.Bind(p.ctx, name, args))
}

func (p *parser) boolean(e expr.Expr) expr.Expr {
	return p.coerce(e, types.Of(types.Bool), casts.Implicit)
}

func (p *parser) not(yes bool, e expr.Expr) expr.Expr {
	if yes {
		return p.op("not", e)
	}
	return e
}

func (p *parser) infix(l expr.Expr, t token, bp int) expr.Expr {
	switch t.text {
	case "or":
		return &expr.Or{Args: []expr.Expr{p.boolean(l), p.boolean(p.expr(bp))}}
	case "and":
		return &expr.And{Args: []expr.Expr{p.boolean(l), p.boolean(p.expr(bp))}}
	case "is":
		return p.is(l)
	case "isnull":
		return p.op("is_null", l)
	case "notnull":
		return p.op("is_not_null", l)
	case "at":
		p.expect("time")
		p.expect("zone")
		return p.call("timezone", p.expr(bp), l)
	case "::":
		return p.cast(l, p.typeName())
	case "[":
		return p.subscript(l)
	case "not":
		return p.like(l, p.next().text, true)
	case "like", "ilike", "similar", "in", "between":
		return p.like(l, t.text, false)
	}
	if p.peek().text == "any" || p.peek().text == "all" {
		name := t.text + " " + p.next().text
		p.expect("(")
		r := p.expr(0)
		p.expect(")")
		if name[0] == '!' && name[1] == '=' {
			name = "<>" + name[2:]
		}
		return p.op(name, l, r)
	}
	return p.op(t.text, l, p.expr(bp))
}

func (p *parser) is(l expr.Expr) expr.Expr {
	name := "is_"
	if p.accept("not") {
		name += "not_"
	}
	switch t := p.next().text; t {
	case "distinct":
		p.expect("from")
		return p.op(name+"distinct_from", l, p.expr(bpIs))
	case "null", "true", "false", "unknown":
		return p.op(name+t, l)
	}
	p.fail("bad IS")
	return nil
}

func (p *parser) like(l expr.Expr, word string, not bool) expr.Expr {
	switch word {
	case "in":
		p.expect("(")
		list := p.list(")")
		var or []expr.Expr
		for _, x := range list {
			or = append(or, p.op("=", l, x))
		}
		return p.not(not, &expr.Or{Args: or})
	case "between":
		lo := p.expr(bpLike)
		p.expect("and")
		hi := p.expr(bpLike)
		return p.not(not, &expr.And{Args: []expr.Expr{p.op(">=", l, lo), p.op("<=", l, hi)}})
	case "similar":
		p.expect("to")
		pat := []expr.Expr{p.expr(bpLike)}
		if p.accept("escape") {
			pat = append(pat, p.expr(bpLike))
		}
		return p.not(not, p.op("~", l, p.call("similar_to_escape", pat...)))
	}
	op := map[string]string{"like": "~~", "ilike": "~~*"}[word]
	if not {
		op = "!" + op
	}
	if t := p.peek().text; t == "any" || t == "all" {
		p.at++
		return p.op(op+" "+t, l, p.expr(bpLike))
	}
	r := p.expr(bpLike)
	if p.accept("escape") {
		r = p.call("like_escape", r, p.expr(bpLike))
	}
	return p.op(op, l, r)
}

func (p *parser) subscript(l expr.Expr) expr.Expr {
	args := []expr.Expr{l}
	for {
		if p.accept(":") {
			return p.slice(l, p.bound(1))
		}
		x := p.expr(0)
		if p.accept(":") {
			return p.slice(l, x)
		}
		args = append(args, x)
		p.expect("]")
		if !p.accept("[") {
			return p.call("subscript", args...)
		}
	}
}

// bound is the bound of a slice that leaves it out.
func (p *parser) bound(i int64) expr.Expr {
	return &expr.Const{Value: types.IntDatum(i), T: types.Of(types.Int4)}
}

func (p *parser) slice(l, lo expr.Expr) expr.Expr {
	hi := p.bound(math.MaxInt32)
	if !p.accept("]") {
		hi = p.expr(0)
		p.expect("]")
	}
	return p.call("slice", l, lo, hi)
}

func (p *parser) list(end string) []expr.Expr {
	var out []expr.Expr
	for !p.accept(end) {
		if len(out) > 0 {
			p.expect(",")
		}
		out = append(out, p.expr(0))
	}
	return out
}

// cast applies ::; a literal array is read, not cast element by element.
func (p *parser) cast(e expr.Expr, t types.T) expr.Expr { return p.coerce(e, t, casts.Explicit) }

// typeWords start type names of several words.
var typeWords = map[string][]string{
	"double": {"precision"}, "character": {"varying"}, "timestamp": {"with time zone", "without time zone"}, "time": {"without time zone"},
}

func (p *parser) typeName() types.T {
	name := p.next().text
	var mods []int64
	modifiers := func() {
		if p.accept("(") {
			for !p.accept(")") {
				p.accept(",")
				mods = append(mods, must(strconv.ParseInt(p.next().text, 10, 32)))
			}
		}
	}
	modifiers()
	for _, rest := range typeWords[name] {
		at := p.at
		ok := true
		for _, w := range strings.Fields(rest) {
			ok = ok && p.accept(w)
		}
		if ok {
			name += " " + rest
			break
		}
		p.at = at
	}
	modifiers()
	for p.accept("[") {
		p.expect("]")
		name += "[]"
	}
	t, ok := types.Lookup(name)
	if !ok {
		p.fail("no type %s", name)
	}
	return must(t.WithMod(mods))
}
