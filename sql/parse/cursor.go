package parse

import (
	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"
)

// declare reads DECLARE .. CURSOR.
func (r *reader) declare() ast.Stmt {
	s := &ast.DeclareCursor{Pos: r.pos()}
	r.need("declare")
	s.Name = r.columnName()
	if r.take("subscription", "cursor", "for") {
		s.Subscription = r.name()
		if s.Full = r.take("full"); !s.Full && r.take("since") {
			r.exprSlot(&s.Since)
		}
		return s
	}
	for !r.kw("cursor") {
		switch {
		case r.take("binary"):
			s.Binary = true
		case r.take("no", "scroll"):
			s.NoScroll = true
		case r.take("scroll"):
			s.Scroll = true
		case r.take("insensitive"), r.take("asensitive"):
		default:
			r.fail()
			return s
		}
	}
	r.need("cursor")
	if s.Hold = r.take("with", "hold"); !s.Hold {
		r.take("without", "hold")
	}
	r.need("for")
	if r.kw("subscribe") {
		s.Subscribe = r.subscribe()
		return s
	}
	s.Query = r.querySlot()
	return s
}

// fetch reads FETCH and MOVE.
func (r *reader) fetch() ast.Stmt {
	s := &ast.Fetch{Pos: r.pos(), Move: r.kw("move"), Count: 1}
	r.skip(1)
	switch {
	case r.take("next"), r.take("forward"):
		r.fetchCount(s)
	case r.take("prior"), r.take("backward"):
		s.Direction = ast.FetchBackward
		r.fetchCount(s)
	case r.take("first"):
		s.Direction = ast.FetchAbsolute
	case r.take("last"):
		s.Direction, s.Count = ast.FetchAbsolute, -1
	case r.take("absolute"):
		s.Direction = ast.FetchAbsolute
		s.Count = r.integer()
	case r.take("relative"):
		s.Direction = ast.FetchRelative
		s.Count = r.integer()
	default:
		r.fetchCount(s)
	}
	if !r.take("from") {
		r.take("in")
	}
	s.Cursor = r.columnName()
	s.Options = r.withOptions()
	return s
}

// fetchCount reads ALL or a number, if there is one.
func (r *reader) fetchCount(s *ast.Fetch) {
	if s.All = r.take("all"); !s.All && (r.cur().kind == number || r.isOp("-") || r.isOp("+")) {
		s.Count = r.integer()
	}
	if s.All {
		s.Count = 0
	}
}

func (r *reader) closeCursor() ast.Stmt {
	s := &ast.CloseCursor{Pos: r.pos()}
	r.need("close")
	if !r.take("all") {
		s.Name = r.columnName()
	}
	return s
}

// subscribe reads SUBSCRIBE.
func (r *reader) subscribe() *ast.Subscribe {
	s := &ast.Subscribe{Pos: r.pos()}
	r.need("subscribe")
	r.take("to")
	if r.takePunct("(") {
		s.Query = r.querySlot()
		r.needPunct(")")
	} else {
		s.Relation = r.name()
	}
	for {
		switch {
		case r.take("envelope"):
			s.Envelope = r.anyWord()
			r.needPunct("(")
			r.need("key")
			s.Keys = r.columnList()
			r.needPunct(")")
		case r.take("within", "timestamp", "order", "by"):
			s.OrderBy = r.orderItems()
		case r.kw("with"):
			s.Options = r.withOptions()
			if s.Options == nil {
				r.fail()
			}
		case r.take("as", "of"):
			r.take("at", "least")
			r.exprSlot(&s.AsOf)
		case r.take("up", "to"):
			r.exprSlot(&s.UpTo)
		default:
			return s
		}
	}
}

// prepare reads PREPARE.
func (r *reader) prepare() ast.Stmt {
	s := &ast.Prepare{Pos: r.pos()}
	r.need("prepare")
	s.Name = r.columnName()
	if r.isPunct(0, "(") {
		s.Types = r.argTypes()
	}
	r.need("as")
	from := r.p
	s.Stmt = r.nested()
	s.StmtText = r.source(from, r.p)
	return s
}

// nested reads the statement inside PREPARE and EXPLAIN.
func (r *reader) nested() ast.Stmt {
	if r.kw("prepare", "explain") {
		r.fail()
		return nil
	}
	return r.statement()
}

// execute reads EXECUTE.
func (r *reader) execute() ast.Stmt {
	s := &ast.Execute{Pos: r.pos()}
	r.need("execute")
	s.Name = r.columnName()
	if r.takePunct("(") {
		if !r.isPunct(0, ")") {
			s.Args = r.exprList()
		}
		r.needPunct(")")
	}
	return s
}

func (r *reader) deallocate() ast.Stmt {
	s := &ast.Deallocate{Pos: r.pos()}
	r.need("deallocate")
	r.take("prepare")
	if !r.take("all") {
		s.Name = r.columnName()
	}
	return s
}

// explain reads EXPLAIN.
func (r *reader) explain() ast.Stmt {
	s := &ast.Explain{Pos: r.pos()}
	r.need("explain")
	for r.kw("analyze", "analyse", "verbose") {
		o := &ast.Option{Pos: r.pos(), Name: r.anyWord(), Kind: ast.OptionNone}
		if o.Name == "analyse" {
			o.Name = "analyze"
		}
		s.Options = append(s.Options, o)
	}
	if r.isPunct(0, "(") && !r.parens.query[r.p] {
		s.Options = append(s.Options, r.parenOptions()...)
	}
	from := r.p
	s.Stmt = r.nested()
	s.StmtText = r.source(from, r.p)
	return s
}

// copy reads COPY.
func (r *reader) copy() ast.Stmt {
	s := &ast.Copy{Pos: r.pos()}
	r.need("copy")
	if r.takePunct("(") {
		if r.kw("subscribe") {
			s.Query = r.subscribe()
		} else {
			s.Query = r.statement()
		}
		r.needPunct(")")
	} else {
		s.Table = r.name()
		if r.isPunct(0, "(") {
			s.Columns = r.columnList()
		}
	}
	switch {
	case r.kw("from") && s.Query == nil:
		s.From = true
		r.skip(1)
	default:
		r.need("to")
	}
	s.Program = r.take("program")
	if r.cur().kind == str {
		s.Target = r.stringConst()
	} else if !r.take("stdin") {
		r.need("stdout")
	}
	r.copyOptions(s)
	if r.take("where") {
		r.exprSlot(&s.FromWhere)
	}
	return s
}

// copyOptions reads WITH (format csv, ..) or the old words without parentheses.
func (r *reader) copyOptions(s *ast.Copy) {
	r.take("with")
	if r.isPunct(0, "(") {
		s.Options = r.parenOptions()
		return
	}
	for r.cur().kind == word && !r.kw("where") {
		o := &ast.Option{Pos: r.pos(), Name: r.anyWord(), Kind: ast.OptionWord, Value: "true"}
		switch o.Name {
		case "csv", "binary", "text":
			o.Name, o.Value = "format", o.Name
		case "delimiter", "delimiters", "null", "quote", "escape", "encoding":
			r.take("as")
			o.Kind, o.Value = ast.OptionString, r.stringConst()
		case "header", "freeze":
		default:
			r.p--
			r.refuse(r.p, sqlerr.SyntaxError, `option "%s" not recognized`, o.Name)
			return
		}
		s.Options = append(s.Options, o)
	}
}
