package parse

import (
	"fmt"
	"unicode/utf8"

	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"

	"github.com/pingcap/tidb/pkg/parser"
)

// Statement is one statement of the input.
type Statement struct {
	Stmt   ast.Stmt
	Text   string // from its first to its last token
	Start  int    // byte offset of Text in the input
	Params int    // highest $n, 0 if there is none

	chars int // characters in front of Text
}

// CharPos turns a byte offset of Text (the At of a node) into the 1-based
// character position in the input that Postgres's protocol wants in errors.
func (s Statement) CharPos(off int) int {
	return s.chars + utf8.RuneCountInString(s.Text[:min(off, len(s.Text))]) + 1
}

// Parser parses for one session. It is not safe for concurrent use.
type Parser struct {
	grammar *parser.Parser
	toks    []token
	parens  parenTable
	shape   []byte // of the key of the shape made last
}

// New makes a parser.
func New() *Parser { return &Parser{grammar: newGrammar()} }

// Parse is Parser.Parse with a parser of its own.
func Parse(sql string) ([]Statement, error) { return New().Parse(sql) }

// ParseExpr is Parser.ParseExpr with a parser of its own.
func ParseExpr(sql string) (ast.Expr, error) { return New().ParseExpr(sql) }

// ParseType is Parser.ParseType with a parser of its own.
func ParseType(sql string) (*ast.TypeName, error) { return New().ParseType(sql) }

// Parse gives the statements of the input, which are separated by semicolons;
// empty ones are left out. Errors are *sqlerr.Error with the position of the
// fault. One error fails the whole input.
func (p *Parser) Parse(sql string) ([]Statement, error) {
	toks, err := p.lex(sql)
	if err != nil {
		return nil, err
	}
	var out []Statement
	chars, counted := 0, 0
	for from := 0; from < len(toks); {
		to := from
		for toks[to].kind != end && !toks[to].isPunct(";") {
			to++
		}
		if to > from {
			start, stop := int(toks[from].pos), int(toks[to-1].end)
			r := p.reader(sql, toks[from:to+1])
			stmt, err := p.finish(r, func() ast.Stmt { return r.statement() })
			if err != nil {
				return nil, err
			}
			chars += utf8.RuneCountInString(sql[counted:start])
			counted = start
			out = append(out, Statement{stmt, sql[start:stop], start, r.params, chars})
		}
		from = to + 1
	}
	return out, nil
}

// ParseExpr parses an expression that stands alone.
func (p *Parser) ParseExpr(sql string) (ast.Expr, error) {
	return parseOne(p, sql, func(r *reader) *ast.Expr {
		e := new(ast.Expr)
		r.exprSlot(e)
		return e
	})
}

// ParseType parses a type.
func (p *Parser) ParseType(sql string) (*ast.TypeName, error) {
	return parseOne(p, sql, func(r *reader) **ast.TypeName {
		t := r.typeName()
		return &t
	})
}

// parseOne parses an input that is one piece of a statement.
func parseOne[T any](p *Parser, sql string, read func(*reader) *T) (T, error) {
	var none T
	toks, err := p.lex(sql)
	if err != nil {
		return none, err
	}
	r := p.reader(sql, toks)
	r.base = 0
	out, err := finish(p, r, func() *T { return read(r) })
	if err != nil {
		return none, err
	}
	return *out, nil
}

// maxKept bounds what a parser keeps for its next statement, in tokens.
const maxKept = 1 << 14

func (p *Parser) lex(sql string) ([]token, error) {
	toks, err := lex(sql, p.toks)
	if cap(toks) <= maxKept {
		p.toks = toks
	} else {
		p.toks, p.parens = nil, parenTable{}
	}
	return toks, err
}

func (p *Parser) reader(sql string, toks []token) *reader {
	t := newParenTable(toks, p.parens)
	if len(toks) <= maxKept {
		p.parens = t
	}
	r := &reader{src: sql, base: toks[0].pos, toks: toks, parens: t}
	r.add(nil) // noTable
	return r
}

func (p *Parser) finish(r *reader, read func() ast.Stmt) (ast.Stmt, error) {
	return finish(p, r, read)
}

// finish runs read over all tokens of r and has the grammar fill in the rest.
func finish[T any](p *Parser, r *reader, read func() T) (T, error) {
	var none T
	out := read()
	if r.err == nil && !r.atEnd() {
		r.fail()
	}
	if r.err != nil {
		return none, r.err
	}
	text := r.text()
	if text == "" {
		return out, nil
	}
	stmts, _, err := p.grammar.ParseSQL(text)
	if err != nil {
		return none, r.grammarError(text, err)
	}
	x := lift{r}
	x.fill(stmts)
	if x.err != nil {
		return none, x.err
	}
	return out, nil
}

// grammarError turns an error of the grammar into one at the token of the last
// entry that the grammar read. The reader finds nearly all errors before.
func (r *reader) grammarError(text string, err error) error {
	var line, column int
	x := lift{r}
	if _, bad := fmt.Sscanf(err.Error(), "line %d column %d", &line, &column); bad == nil {
		x.syntaxError(r.lastEntry(text[:min(column, len(text))]))
	}
	if e, ok := r.err.(*sqlerr.Error); ok {
		e.Err = err
		return e
	}
	return &sqlerr.Error{Code: sqlerr.SyntaxError, Msg: "syntax error", Err: err}
}

// lastEntry is the position of the last entry in a piece of the grammar's text
// that has one.
func (r *reader) lastEntry(text string) ast.Pos {
	for i := len(text) - 1; i >= 0; i-- {
		if text[i] != 'e' {
			continue
		}
		j := i + 1
		for j < len(text) && isDigit(text[j]) {
			j++
		}
		if k, ok := entryIndex(text[i:j]); ok && k < len(r.entries) {
			switch e := r.entries[k].(type) {
			case ast.Node:
				return ast.Pos(e.At())
			case *operatorEntry:
				return e.pos
			case *selectEntry:
				return e.sel.Pos
			}
		}
	}
	return 0
}
