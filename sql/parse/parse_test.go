package parse

import (
	"errors"
	"testing"

	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"

	"github.com/pingcap/tidb/pkg/parser"
)

func TestStatements(t *testing.T) {
	const sql = "/* é */ select 'é', $3 -- x\n;; ; create materialized view v as  select a , b from t -- y\n emit on window close;\nfetch c"
	stmts, err := Parse(sql)
	if err != nil {
		t.Fatal(err)
	}
	want := []struct {
		text   string
		params int
	}{
		{"select 'é', $3", 3},
		{"create materialized view v as  select a , b from t -- y\n emit on window close", 0},
		{"fetch c", 0},
	}
	if len(stmts) != len(want) {
		t.Fatalf("%d statements", len(stmts))
	}
	for i, s := range stmts {
		if s.Text != want[i].text || s.Params != want[i].params || sql[s.Start:s.Start+len(s.Text)] != s.Text {
			t.Errorf("statement %d: %q at %d, %d parameters", i, s.Text, s.Start, s.Params)
		}
	}
	if mv := stmts[1].Stmt.(*ast.CreateMaterializedView); mv.QueryText != "select a , b from t" || !mv.EmitOnWindowClose {
		t.Errorf("query %q", mv.QueryText)
	}
}

// TestPositions: a node's position is its offset in the statement, and CharPos
// counts characters of the whole input.
func TestPositions(t *testing.T) {
	stmts, err := Parse("select 'é'; select 'ü', foo, a + f(b)")
	if err != nil {
		t.Fatal(err)
	}
	s := stmts[1]
	got := map[string]int{}
	ast.Walk(s.Stmt, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ColumnRef:
			got[n.Parts[0]] = s.CharPos(n.At())
		case *ast.FuncCall:
			got[n.Name.Base()] = s.CharPos(n.At())
		case *ast.Binary:
			got[n.Op] = s.CharPos(n.At())
		}
		return true
	})
	for name, pos := range map[string]int{"foo": 25, "a": 30, "+": 32, "f": 34, "b": 36} {
		if got[name] != pos {
			t.Errorf("%s at %d, want %d", name, got[name], pos)
		}
	}
}

func TestErrorCodes(t *testing.T) {
	for sql, want := range map[string]struct {
		code string
		pos  int
	}{
		"select 'é', b c d":      {sqlerr.SyntaxError, 17},
		"select 1; select 'é' +": {sqlerr.SyntaxError, 23},
		"select '\xff'":          {sqlerr.CharacterNotInRepertoire, 9},
		"select 'a\x00'":         {sqlerr.CharacterNotInRepertoire, 10},
		`select e'\xff'`:         {sqlerr.CharacterNotInRepertoire, 8},
		"lock t":                 {sqlerr.FeatureNotSupported, 1},
	} {
		_, err := Parse(sql)
		var e *sqlerr.Error
		if !errors.As(err, &e) || e.Code != want.code || e.Pos != want.pos {
			t.Errorf("%q: %#v", sql, err)
		}
	}
}

// TestReuse: a parser is good for the next statement, whatever the last one was,
// and trees do not change when it goes on.
func TestReuse(t *testing.T) {
	p := New()
	first, err := p.Parse("select a, b + 1 from t where c in (select d from u)")
	if err != nil {
		t.Fatal(err)
	}
	before := ast.String(first[0].Stmt)
	for _, sql := range []string{"select (", "select 'x", "insert into q values (1), (2 + 2)", "select x.y + 7 from z"} {
		_, _ = p.Parse(sql)
	}
	if after := ast.String(first[0].Stmt); after != before {
		t.Errorf("%s became %s", before, after)
	}
}

func TestParseExprAndType(t *testing.T) {
	e, err := ParseExpr(" a + 1 ")
	if err != nil || ast.String(e) != "a + 1" || e.(*ast.Binary).Left.At() != 1 {
		t.Errorf("%v, %v", e, err)
	}
	typ, err := ParseType("decimal(10,2)[]")
	if err != nil || typ.String() != "numeric(10, 2)[]" {
		t.Errorf("%v, %v", typ, err)
	}
	for _, bad := range []string{"", "a b", "a;", "select 1", "$1 $2", "("} {
		if _, err := ParseExpr(bad); err == nil {
			t.Errorf("expression %q parsed", bad)
		}
		if _, err := ParseType(bad); err == nil && bad != "a b" {
			t.Errorf("type %q parsed", bad)
		}
	}
}

// TestGrammarError: should the grammar refuse what the reader has let through, the
// user still learns where.
func TestGrammarError(t *testing.T) {
	p := New()
	const sql = "select a, b + foo from t"
	toks, err := p.lex(sql)
	if err != nil {
		t.Fatal(err)
	}
	r := p.reader(sql, toks)
	r.statement()
	text := r.text() + " )"
	_, _, err = p.grammar.ParseSQL(text)
	if err == nil {
		t.Fatalf("the grammar takes %q", text)
	}
	var e *sqlerr.Error
	if err := r.grammarError(text, err); !errors.As(err, &e) || e.Pos != 24 || e.Msg != `syntax error at or near "t"` {
		t.Errorf("%#v", err)
	}
}

// TestConstantsStayHere: the grammar never makes a constant, or this would panic.
func TestConstantsStayHere(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("the grammar has made a constant of its own")
		}
	}()
	setDriver()
	_, _, _ = parser.New().ParseSQL("select 1")
}
