package parse

import (
	"strings"

	"streamdb/sql/ast"
)

// set reads SET.
func (r *reader) set() ast.Stmt {
	s := &ast.Set{Pos: r.pos()}
	r.need("set")
	switch {
	case r.take("session", "characteristics", "as", "transaction"):
		return &ast.SetTransaction{Pos: s.Pos, Session: true, Modes: r.modes()}
	case r.take("session", "authorization"):
		s.Name = "session_authorization"
		s.Values = []ast.Expr{r.settingValue()}
		return s
	case r.take("session"):
		s.Scope = ast.ScopeSession
	case r.take("local"):
		s.Scope = ast.ScopeLocal
	}
	switch {
	case r.take("transaction"):
		return &ast.SetTransaction{Pos: s.Pos, Modes: r.modes()}
	case r.take("time", "zone"):
		s.Name = "timezone"
	case r.take("names"):
		s.Name = "client_encoding"
	case r.kw("role", "schema") && r.at(1).kind != operator && !r.kwAt(1, "to"):
		s.Name = map[string]string{"role": "role", "schema": "search_path"}[r.anyWord()]
	default:
		s.Name = r.settingName()
		if !r.takeOp("=") {
			r.need("to")
		}
	}
	for {
		s.Values = append(s.Values, r.settingValue())
		if !r.takePunct(",") {
			return s
		}
	}
}

// settingName reads the name of a parameter.
func (r *reader) settingName() string {
	return strings.Join(r.funcName().Parts, ".")
}

// settingValue reads one value of a parameter.
func (r *reader) settingValue() ast.Expr {
	t, p := r.cur(), r.pos()
	switch {
	case (t.isOp("-") || t.isOp("+")) && r.at(1).kind == number:
		r.skip(2)
		n := &ast.NumberLit{Pos: r.posOf(r.p - 1), Text: r.toks[r.p-1].val}
		if t.val == "+" {
			return n
		}
		return &ast.Unary{Pos: p, Op: "-", Expr: n}
	case t.kind == str, t.kind == number, t.kind == param, r.kw("true", "false", "default"):
		e := r.constant()
		r.skip(1)
		return e
	case r.kw("interval") && r.intervalAhead():
		return r.intervalLit()
	case t.isName():
		r.skip(1)
		return &ast.ColumnRef{Pos: p, Parts: []string{t.val}}
	}
	r.fail()
	return &ast.Default{Pos: p}
}

// reset reads RESET.
func (r *reader) reset() ast.Stmt {
	s := &ast.Reset{Pos: r.pos()}
	r.need("reset")
	switch {
	case r.take("all"):
	case r.take("time", "zone"):
		s.Name = "timezone"
	case r.take("session", "authorization"):
		s.Name = "session_authorization"
	default:
		s.Name = r.settingName()
	}
	return s
}

// show reads SHOW.
func (r *reader) show() ast.Stmt {
	s := &ast.Show{Pos: r.pos()}
	r.need("show")
	if r.atEnd() {
		r.fail()
		return s
	}
	if r.kw("create") {
		s.Words = []string{r.anyWord()}
		if r.take("materialized") {
			s.Words = append(s.Words, "materialized")
		}
		s.Words = append(s.Words, r.anyWord())
		s.Name = r.name()
		return s
	}
	if r.take("time", "zone") {
		s.Words = []string{"timezone"}
		return s
	}
	for r.cur().isName() && !r.kw("from", "like", "in") {
		s.Words = append(s.Words, strings.Join(r.restOfName(ast.Name{}).Parts, "."))
	}
	if len(s.Words) == 0 {
		r.fail()
		return s
	}
	if r.take("from") || r.take("in") {
		s.Name = r.name()
	}
	if s.HasLike = r.take("like"); s.HasLike {
		s.Like = r.stringConst()
	}
	return s
}

// modes reads the modes of a transaction.
func (r *reader) modes() ast.TxnModes {
	var m ast.TxnModes
	for {
		switch {
		case r.take("isolation", "level"):
			switch {
			case r.take("serializable"):
				m.Isolation = "serializable"
			case r.take("repeatable", "read"):
				m.Isolation = "repeatable read"
			case r.take("read", "committed"):
				m.Isolation = "read committed"
			case r.take("read", "uncommitted"):
				m.Isolation = "read uncommitted"
			default:
				r.fail()
			}
		case r.take("read", "only"):
			m.Access = "read only"
		case r.take("read", "write"):
			m.Access = "read write"
		case r.take("deferrable"):
			m.Deferrable = "deferrable"
		case r.take("not", "deferrable"):
			m.Deferrable = "not deferrable"
		case r.takePunct(","):
		default:
			return m
		}
	}
}

// transaction reads the statements that begin and end transactions.
func (r *reader) transaction() ast.Stmt {
	p := r.pos()
	switch w := r.anyWord(); w {
	case "begin", "start":
		if w == "start" {
			r.need("transaction")
		} else {
			r.transactionWord()
		}
		return &ast.Begin{Pos: p, Start: w == "start", Modes: r.modes()}
	case "commit", "end":
		r.transactionWord()
		return &ast.Commit{Pos: p, Chain: r.chained()}
	case "savepoint":
		return &ast.Savepoint{Pos: p, Name: r.columnName()}
	case "release":
		r.take("savepoint")
		return &ast.Savepoint{Pos: p, Name: r.columnName(), Release: true}
	}
	r.transactionWord() // rollback, abort
	s := &ast.Rollback{Pos: p}
	if r.take("to") {
		r.take("savepoint")
		s.Savepoint = r.columnName()
		return s
	}
	s.Chain = r.chained()
	return s
}

func (r *reader) transactionWord() {
	if !r.take("work") {
		r.take("transaction")
	}
}

func (r *reader) chained() bool {
	return !r.take("and", "no", "chain") && r.take("and", "chain")
}
