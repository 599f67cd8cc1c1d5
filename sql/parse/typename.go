package parse

import (
	"strconv"
	"strings"

	"streamdb/sql/ast"
)

// typeName reads a type.
func (r *reader) typeName() *ast.TypeName {
	t := &ast.TypeName{Pos: r.pos()}
	defer r.leave()
	if !r.enter() {
		return t
	}
	t.SetOf = r.take("setof")
	switch tok := r.cur(); {
	case tok.kind == word && r.structAhead():
		r.structFields(t)
	case tok.isWord("map") && r.isPunct(1, "("):
		r.skip(2)
		t.Name = "map"
		t.Key = r.typeName()
		r.needPunct(",")
		t.Value = r.typeName()
		r.needPunct(")")
	case tok.isWord("interval"):
		r.skip(1)
		t.Name = "interval"
		r.typeArgs(t)
		r.intervalFields(t)
	default:
		r.plainType(t)
	}
	r.dims(t)
	return t
}

// plainType reads a type that is a name with arguments.
func (r *reader) plainType(t *ast.TypeName) {
	folded := r.cur().kind == word
	n := r.funcName()
	if r.err != nil {
		return
	}
	t.Name, t.Schema = n.Base(), n.Schema()
	if !folded && len(n.Parts) == 1 {
		if t.Name == "char" {
			t.Name = `"char"`
		}
		r.typeArgs(t)
		return
	}
	if t.Schema == "pg_catalog" {
		t.Schema = ""
		if t.Name == "char" {
			t.Name = `"char"`
		}
	}
	switch t.Name {
	case "double":
		r.take("precision")
	case "national":
		t.Name = r.anyWord()
		r.varying(t)
	case "character", "char", "nchar", "bit":
		r.varying(t)
	}
	r.typeArgs(t)
	if t.Name == "timestamp" || t.Name == "time" {
		if r.take("with", "time", "zone") {
			t.Name += " with time zone"
		} else {
			r.take("without", "time", "zone")
		}
	}
	if t.Schema == "" {
		t.Name = ast.CanonicalType(t.Name)
	}
	r.floatPrecision(t)
}

func (r *reader) varying(t *ast.TypeName) {
	if r.take("varying") {
		t.Name += " varying"
	}
}

// floatPrecision turns float(n) to real or double precision.
func (r *reader) floatPrecision(t *ast.TypeName) {
	if t.Name != "float" || t.Schema != "" {
		return
	}
	t.Name = "double precision"
	if len(t.Args) == 1 {
		if n, err := strconv.Atoi(t.Args[0]); err == nil && n < 25 {
			t.Name = "real"
		}
		t.Args = nil
	}
}

// typeArgs reads (10, 2) behind a type's name.
func (r *reader) typeArgs(t *ast.TypeName) {
	if !r.takePunct("(") {
		return
	}
	for {
		sign := ""
		if r.takeOp("-") {
			sign = "-"
		}
		switch a := r.cur(); a.kind {
		case number, word:
			t.Args = append(t.Args, sign+a.val)
		case quoted:
			t.Args = append(t.Args, ast.QuoteIdent(a.val))
		case str:
			t.Args = append(t.Args, ast.QuoteString(a.val))
		default:
			r.fail()
			return
		}
		r.skip(1)
		if !r.takePunct(",") {
			break
		}
	}
	r.needPunct(")")
}

// dims reads [], [3], ARRAY and ARRAY[3].
func (r *reader) dims(t *ast.TypeName) {
	if r.kw("array") {
		r.skip(1)
		if !r.isPunct(0, "[") {
			t.Dims = append(t.Dims, -1)
			return
		}
	}
	for r.isPunct(0, "[") {
		r.skip(1)
		d := -1
		if r.cur().kind == number {
			d = int(r.integer())
		}
		r.needPunct("]")
		t.Dims = append(t.Dims, d)
	}
}

func (r *reader) structAhead() bool {
	return r.kw("struct") && r.at(1).kind == operator && r.at(1).val[0] == '<'
}

// structFields reads struct<a int, b struct<c text>>. The lexer takes the angle
// brackets for operators, several of them for one.
func (r *reader) structFields(t *ast.TypeName) {
	t.Name = "struct"
	r.skip(1)
	r.takeBracket('<')
	for !r.closesBracket() {
		f := &ast.StructField{Pos: r.pos(), Name: r.anyWord()}
		f.Type = r.typeName()
		t.Fields = append(t.Fields, f)
		if !r.takePunct(",") {
			break
		}
	}
	r.takeBracket('>')
}

func (r *reader) closesBracket() bool {
	t := r.cur()
	return t.kind == operator && t.val[0] == '>' || t.kind == end
}

// takeBracket consumes one angle bracket; what is left of its token stays.
func (r *reader) takeBracket(c byte) {
	t := &r.toks[r.p]
	if t.kind != operator || t.val == "" || t.val[0] != c {
		r.fail()
		return
	}
	if len(t.val) == 1 {
		r.skip(1)
		return
	}
	t.val, t.pos = t.val[1:], t.pos+1
}

var intervalFieldNames = map[string]bool{"year": true, "month": true, "day": true, "hour": true, "minute": true, "second": true}

// intervalFields reads YEAR TO MONTH, DAY, SECOND(3) behind interval.
func (r *reader) intervalFields(t *ast.TypeName) {
	if r.cur().kind != word || !intervalFieldNames[r.cur().val] {
		return
	}
	f := []string{r.anyWord()}
	if r.kw("to") && intervalFieldNames[r.at(1).val] {
		r.skip(1)
		f = append(f, "to", r.anyWord())
	}
	t.Interval = strings.Join(f, " ")
	if f[len(f)-1] == "second" {
		r.typeArgs(t)
	}
}

// intervalAhead says whether interval '..' or interval(p) '..' stands here.
func (r *reader) intervalAhead() bool {
	return r.at(1).kind == str || r.isPunct(1, "(") && r.at(2).kind == number && r.isPunct(3, ")") && r.at(4).kind == str
}

func (r *reader) intervalLit() *ast.TypedLit {
	n := &ast.TypedLit{Pos: r.pos(), Type: &ast.TypeName{Pos: r.pos(), Name: "interval"}}
	r.skip(1)
	r.typeArgs(n.Type)
	n.Value = r.stringConst()
	r.intervalFields(n.Type)
	return n
}

// typedLitAhead says whether a type with a string constant behind it stands here.
func (r *reader) typedLitAhead() bool {
	t := r.cur()
	if t.kind == word && ast.Keyword(t.val) >= ast.FunctionKeyword {
		return false
	}
	i := 1
	for r.isPunct(i, ".") && r.at(i+1).isName() {
		i += 2
	}
	switch {
	case t.isWord("double") && r.kwAt(i, "precision"), r.kwAt(i, "varying"):
		i++
	case t.isWord("national"):
		i++
		if r.kwAt(i, "varying") {
			i++
		}
	}
	if r.isPunct(i, "(") {
		for i++; r.at(i).kind == number && r.isPunct(i+1, ","); {
			i += 2
		}
		if r.at(i).kind != number || !r.isPunct(i+1, ")") {
			return false
		}
		i += 2
	}
	if t.isWord("timestamp") || t.isWord("time") {
		if r.kwAt(i, "with", "without") && r.kwAt(i+1, "time") && r.kwAt(i+2, "zone") {
			i += 3
		}
	}
	return r.at(i).kind == str
}
