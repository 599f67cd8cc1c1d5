package parse

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"streamdb/internal/sqlerr"
)

// goldenInputs are the inputs of the golden files, as statements.
func goldenInputs(f testing.TB) []string {
	files, err := filepath.Glob("testdata/golden/*")
	if err != nil {
		f.Fatal(err)
	}
	var out []string
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, block := range strings.Split(string(b), "\n\n") {
			cmd, rest, _ := strings.Cut(strings.TrimSpace(block), "\n")
			in, _, _ := strings.Cut(rest, "\n----")
			if cmd == "expr" {
				in = "select " + in
			}
			out = append(out, in)
		}
	}
	return out
}

// FuzzParse: any input gives statements whose printed form parses to equal trees,
// or an error of the user's.
func FuzzParse(f *testing.F) {
	for _, s := range goldenInputs(f) {
		f.Add(s)
	}
	p := New()
	f.Fuzz(func(t *testing.T, sql string) {
		stmts, err := p.Parse(sql)
		if err != nil {
			checkError(t, sql, err)
			return
		}
		for _, s := range stmts {
			if sql[s.Start:s.Start+len(s.Text)] != s.Text {
				t.Fatalf("text %q is not at %d", s.Text, s.Start)
			}
			if err := fixpoint(p, s.Stmt); err != nil {
				var e *sqlerr.Error
				if errors.As(err, &e) && e.Code == sqlerr.StatementTooComplex {
					continue // the printed form may be a little deeper
				}
				t.Fatal(err)
			}
		}
	})
}

// checkError: an error is a user's, and points into the text.
func checkError(t *testing.T, sql string, err error) {
	var e *sqlerr.Error
	switch {
	case !errors.As(err, &e):
		t.Fatalf("%v is no *sqlerr.Error", err)
	case e.Code == sqlerr.InternalError, e.Err != nil:
		t.Fatalf("%v (%v)", err, e.Err)
	case e.Pos < 0 || e.Pos > len(sql)+1:
		t.Fatalf("%v at %d", err, e.Pos)
	}
}

// FuzzLex: tokens lie in order inside the text, and a token's text gives the same
// token again.
func FuzzLex(f *testing.F) {
	for _, s := range goldenInputs(f) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		toks, err := lex(sql, nil)
		if err != nil {
			checkError(t, sql, err)
			return
		}
		at := int32(0)
		for _, tok := range toks {
			if tok.pos < at || tok.end < tok.pos || int(tok.end) > len(sql) || !utf8.ValidString(tok.val) {
				t.Fatalf("token %+v behind %d", tok, at)
			}
			at = tok.end
			if tok.kind == end {
				continue
			}
			again, err := lex(sql[tok.pos:tok.end], nil)
			if err != nil || len(again) != 2 || again[0].kind != tok.kind || again[0].val != tok.val {
				t.Fatalf("token %+v came back as %+v, %v", tok, again, err)
			}
		}
	})
}
