package parse

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"

	"github.com/cockroachdb/datadriven"
)

// TestGolden runs the files of testdata/golden. Commands:
//
//	parse   prints each statement's kind and canonical form, or the error
//	expr    the same for a lone expression, with every operator in parentheses
//	type    the same for a lone type
//	lower   the text that the grammar gets
func TestGolden(t *testing.T) {
	datadriven.Walk(t, "testdata/golden", func(t *testing.T, path string) {
		p := New()
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "parse":
				return goldenStatements(t, p, d.Input)
			case "expr":
				e, err := p.ParseExpr(d.Input)
				if err != nil {
					return goldenError(err)
				}
				return ast.Explicit(e)
			case "type":
				typ, err := p.ParseType(d.Input)
				if err != nil {
					return goldenError(err)
				}
				return typ.String()
			case "lower":
				return lowered(t, p, d.Input)
			}
			t.Fatalf("unknown command %s", d.Cmd)
			return ""
		})
	})
}

func goldenStatements(t *testing.T, p *Parser, sql string) string {
	stmts, err := p.Parse(sql)
	if err != nil {
		return goldenError(err)
	}
	var b strings.Builder
	for _, s := range stmts {
		fmt.Fprintf(&b, "%s: %s\n", strings.TrimPrefix(fmt.Sprintf("%T", s.Stmt), "*ast."), ast.String(s.Stmt))
		walked := 0
		ast.Walk(s.Stmt, func(n ast.Node) bool {
			if _, ok := n.(ast.Expr); ok {
				walked++
			}
			return true
		})
		if n := countExprs(reflect.ValueOf(s.Stmt)); n != walked {
			t.Errorf("%s: Walk saw %d of %d expressions", s.Text, walked, n)
		}
		if err := fixpoint(p, s.Stmt); err != nil {
			t.Error(err)
		}
	}
	return b.String()
}

func goldenError(err error) string {
	var e *sqlerr.Error
	if !errors.As(err, &e) {
		return "not an *sqlerr.Error: " + err.Error()
	}
	s := fmt.Sprintf("error %s at %d: %s", e.Code, e.Pos, e.Msg)
	if e.Detail != "" {
		s += "\ndetail: " + e.Detail
	}
	if e.Hint != "" {
		s += "\nhint: " + e.Hint
	}
	return s
}

// lowered gives the text that stands between the reader and the grammar.
func lowered(t *testing.T, p *Parser, sql string) string {
	toks, err := p.lex(sql)
	if err != nil {
		t.Fatal(err)
	}
	r := p.reader(sql, toks)
	r.statement()
	if r.err != nil {
		t.Fatal(r.err)
	}
	return r.text()
}
