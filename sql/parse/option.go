package parse

import (
	"strings"

	"streamdb/sql/ast"
)

// withOptions reads WITH (name = value, ..), or nothing.
func (r *reader) withOptions() []*ast.Option {
	if !r.kw("with") || !r.isPunct(1, "(") {
		return nil
	}
	r.skip(1)
	return r.parenOptions()
}

// parenOptions reads (name = value, ..), or nothing.
func (r *reader) parenOptions() []*ast.Option {
	var out []*ast.Option
	if !r.takePunct("(") {
		return nil
	}
	if r.takePunct(")") {
		return nil
	}
	for {
		out = append(out, r.option())
		// A comma may stand behind the last one.
		if !r.takePunct(",") || r.isPunct(0, ")") {
			break
		}
	}
	r.needPunct(")")
	return out
}

// option reads name [=] value.
func (r *reader) option() *ast.Option {
	o := &ast.Option{Pos: r.pos(), Name: r.optionName()}
	if r.takeOp("=") || !r.isPunct(0, ",") && !r.isPunct(0, ")") {
		r.optionValue(o)
	} else {
		o.Kind = ast.OptionNone
	}
	return o
}

func (r *reader) optionName() string {
	if r.cur().kind == str {
		return r.stringConst()
	}
	parts := []string{r.anyWord()}
	for r.takePunct(".") {
		parts = append(parts, r.anyWord())
	}
	return strings.Join(parts, ".")
}

func (r *reader) optionValue(o *ast.Option) {
	switch t := r.cur(); {
	case t.kind == str:
		o.Value = r.stringConst()
	case t.kind == number || (t.isOp("-") || t.isOp("+")) && r.at(1).kind == number:
		o.Kind = ast.OptionNumber
		if t.kind == operator {
			o.Value = strings.TrimPrefix(t.val, "+")
			r.skip(1)
		}
		o.Value += r.cur().val
		r.skip(1)
	case t.isWord("secret") && r.at(1).isName():
		r.skip(1)
		o.Kind = ast.OptionSecret
		o.Secret = r.name()
		o.AsFile = r.take("as", "file")
	case t.kind == word && r.isPunct(1, "("):
		from := r.p
		r.skipParens(r.p + 1)
		o.Kind, o.Value = ast.OptionRaw, r.source(from, r.p)
	case r.isPunct(0, "("):
		from := r.p
		r.skipParens(r.p)
		o.Kind, o.Value = ast.OptionRaw, r.source(from, r.p)
	case t.isOp("*"):
		r.skip(1)
		o.Kind, o.Value = ast.OptionWord, "*"
	case t.isName():
		o.Kind = ast.OptionWord
		o.Value = strings.Join(r.restOfName(ast.Name{}).Parts, ".")
	default:
		r.fail()
	}
}
