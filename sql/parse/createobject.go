package parse

import (
	"streamdb/sql/ast"
)

func (r *reader) createSchema(h createHead) ast.Stmt {
	s := &ast.CreateSchema{Pos: h.pos, IfNotExists: r.ifNotExists()}
	if !r.kw("authorization") {
		s.Name = r.name()
	}
	if r.take("authorization") {
		s.Owner = r.anyWord()
	}
	return s
}

func (r *reader) createDatabase(h createHead) ast.Stmt {
	s := &ast.CreateDatabase{Pos: h.pos, IfNotExists: r.ifNotExists(), Name: r.name()}
	r.take("with")
	for r.cur().kind == word {
		o := &ast.Option{Pos: r.pos(), Name: r.anyWord()}
		if o.Name == "connection" {
			r.need("limit")
			o.Name = "connection limit"
		}
		r.takeOp("=")
		r.optionValue(o)
		s.Options = append(s.Options, o)
	}
	return s
}

func (r *reader) createUser(h createHead, role bool) ast.Stmt {
	s := &ast.CreateUser{Pos: h.pos, Role: role, IfNotExists: r.ifNotExists(), Name: r.anyWord()}
	r.take("with")
	s.Options = r.userOptions()
	return s
}

// userOptions reads the words behind CREATE USER and ALTER USER.
func (r *reader) userOptions() []*ast.Option {
	var out []*ast.Option
	for r.cur().isName() {
		o := &ast.Option{Pos: r.pos(), Kind: ast.OptionNone}
		r.take("encrypted")
		o.Name = fold(r.anyWord())
		switch o.Name {
		case "password":
			o.Kind = ast.OptionString
			if r.take("null") {
				o.Kind, o.Value = ast.OptionWord, "null"
			} else {
				o.Value = r.stringConst()
			}
		case "connection":
			r.need("limit")
			o.Name = "connection limit"
			r.optionValue(o)
		case "valid":
			r.need("until")
			o.Name, o.Kind, o.Value = "valid until", ast.OptionString, r.stringConst()
		}
		out = append(out, o)
	}
	return out
}

// createConnection reads WITH (type = 'kafka', ..), or TO KAFKA (BROKER '..').
func (r *reader) createConnection(h createHead) ast.Stmt {
	s := &ast.CreateConnection{Pos: h.pos, IfNotExists: r.ifNotExists(), Name: r.name()}
	if r.take("to") {
		kind := &ast.Option{Pos: r.pos(), Name: "type", Value: r.anyWord()}
		s.Options = append([]*ast.Option{kind}, r.parenOptions()...)
		return s
	}
	s.Options = r.withOptions()
	return s
}

func (r *reader) createSecret(h createHead) ast.Stmt {
	s := &ast.CreateSecret{Pos: h.pos, IfNotExists: r.ifNotExists(), Name: r.name()}
	s.Options = r.withOptions()
	r.need("as")
	r.exprSlot(&s.Value)
	return s
}

// createFunction reads the outline of CREATE FUNCTION and AGGREGATE; Raw is all
// of it behind the name.
func (r *reader) createFunction(h createHead, aggregate bool) ast.Stmt {
	s := &ast.CreateFunction{Pos: h.pos, OrReplace: h.replace, Temporary: h.temporary, Aggregate: aggregate, IfNotExists: r.ifNotExists(), Name: r.funcName()}
	if r.err != nil {
		return s
	}
	from := r.p
	s.Args = r.funcArgs()
	if r.take("returns") {
		if r.take("table") {
			s.Columns = r.funcArgs()
		} else {
			s.Returns = r.typeName()
		}
	}
	for !r.atEnd() {
		switch {
		case r.take("language"):
			s.Language = r.anyString()
		case r.take("as"):
			s.Body = r.anyString()
		case r.take("using", "link"):
			s.Link = r.stringConst()
		case r.isPunct(0, "("):
			r.skipParens(r.p)
		default:
			r.skip(1)
		}
	}
	if r.err == nil {
		// The space in front belongs to the text, so that it can be put back.
		s.Raw = r.src[r.toks[from-1].end:r.toks[r.p-1].end]
	}
	return s
}

// anyString consumes a string constant or a name.
func (r *reader) anyString() string {
	if r.cur().kind == str {
		return r.stringConst()
	}
	return r.anyWord()
}

// funcArgs reads ([name] type, ..).
func (r *reader) funcArgs() []*ast.FuncArg {
	out := []*ast.FuncArg{}
	r.needPunct("(")
	for !r.isPunct(0, ")") && r.err == nil {
		a := &ast.FuncArg{Pos: r.pos()}
		if r.kw("in", "variadic") {
			r.skip(1)
		}
		if n := r.at(1); r.cur().isName() && n.isName() && !n.isWord("precision") && !n.isWord("varying") && !n.isWord("with") && !n.isWord("without") && !n.isWord("default") {
			a.Name = r.anyWord()
		}
		a.Type = r.typeName()
		out = append(out, a)
		if !r.takePunct(",") {
			break
		}
	}
	r.needPunct(")")
	return out
}
