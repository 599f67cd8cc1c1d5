package parse

import (
	"strconv"

	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"
)

// reader walks the tokens of one statement and builds its tree: by hand where
// that is simple, and by way of the grammar (border.go) for the rest.
//
// An error sticks: the first one is kept and the reader jumps to the end of its
// tokens, where nothing matches any more and every loop ends.
type reader struct {
	src  string  // the whole input
	base int32   // where the statement starts in src
	toks []token // of the statement; the last one is its end (; or end of input)
	p    int
	err  error

	parens parenTable
	depth  int
	params int // highest $n

	partition []ast.Name // of TABLE t PARTITION BY .., until the DESCRIPTOR
	aggregate bool       // the next call is AGGREGATE:f(..)
	bareUnits bool       // '5' second is an interval without the word

	border
}

// maxDepth bounds nesting: parentheses, subqueries, CASE, types.
const maxDepth = 1000

// fail records an error at the current token: Postgres's syntax error.
func (r *reader) fail() { r.failAt(r.p) }

func (r *reader) failAt(p int) {
	if r.err != nil {
		return // making the message costs a look at the whole text
	}
	t := r.toks[p]
	if t.kind == end {
		r.stop(sqlerr.New(sqlerr.SyntaxError, "syntax error at end of input").At(charPos(r.src, int(t.pos))))
		return
	}
	x := lexer{src: r.src}
	r.stop(x.fail(sqlerr.SyntaxError, "syntax error", int(t.pos), int(t.end)))
}

// refuse records an error of our own at token p.
func (r *reader) refuse(p int, code, format string, args ...any) {
	if r.err != nil {
		return
	}
	r.stop(sqlerr.New(code, format, args...).At(charPos(r.src, int(r.toks[p].pos))))
}

func (r *reader) stop(err error) {
	if r.err == nil {
		r.err = err
	}
	r.p = len(r.toks) - 1
}

// enter counts a level of nesting; it says whether there is room for it. Each
// enter is paired with a leave.
func (r *reader) enter() bool {
	r.depth++
	if r.depth > maxDepth {
		r.tooComplex("nesting of more than %d levels", maxDepth)
		return false
	}
	return true
}

func (r *reader) leave() { r.depth-- }

func (r *reader) tooComplex(format string, args ...any) {
	if r.err != nil {
		return
	}
	e := sqlerr.New(sqlerr.StatementTooComplex, "statement is too complex").WithDetail("It has "+format+".", args...)
	r.stop(e.At(charPos(r.src, int(r.cur().pos))))
}

// ---- looking

func (r *reader) cur() token { return r.toks[r.p] }

// at is the token i places ahead, the last one behind the end.
func (r *reader) at(i int) token { return r.toks[min(r.p+i, len(r.toks)-1)] }

func (r *reader) atEnd() bool { return r.p == len(r.toks)-1 }

// pos is the position of the current token in the statement.
func (r *reader) pos() ast.Pos { return r.posOf(r.p) }

func (r *reader) posOf(p int) ast.Pos { return ast.Pos(r.toks[p].pos - r.base) }

// kw says whether the current token is one of these words.
func (r *reader) kw(words ...string) bool { return r.kwAt(0, words...) }

func (r *reader) kwAt(i int, words ...string) bool {
	t := r.at(i)
	if t.kind != word {
		return false
	}
	for _, w := range words {
		if t.val == w {
			return true
		}
	}
	return false
}

// kws says whether these words stand here one after another.
func (r *reader) kws(words ...string) bool {
	for i, w := range words {
		if !r.at(i).isWord(w) {
			return false
		}
	}
	return true
}

func (r *reader) isPunct(i int, v string) bool { return r.at(i).isPunct(v) }

func (r *reader) isOp(v string) bool { return r.cur().isOp(v) }

// isColumnName says whether the token i places ahead may name a column or table.
func (r *reader) isColumnName(i int) bool {
	t := r.at(i)
	if t.kind == quoted {
		return true
	}
	return t.kind == word && ast.Keyword(t.val) <= ast.ColumnKeyword
}

// ---- taking

// skip consumes n tokens, but never the last one.
func (r *reader) skip(n int) { r.p = min(r.p+n, len(r.toks)-1) }

// skipParens consumes all up to the partner of the parenthesis at token p.
func (r *reader) skipParens(p int) { r.skip(int(r.parens.partner[p]) + 1 - r.p) }

// take consumes these words if they stand here.
func (r *reader) take(words ...string) bool {
	if !r.kws(words...) {
		return false
	}
	r.skip(len(words))
	return true
}

func (r *reader) need(words ...string) {
	for _, w := range words {
		if !r.take(w) {
			r.fail()
			return
		}
	}
}

func (r *reader) takePunct(v string) bool {
	if !r.isPunct(0, v) {
		return false
	}
	r.skip(1)
	return true
}

func (r *reader) needPunct(v string) {
	if !r.takePunct(v) {
		r.fail()
	}
}

func (r *reader) takeOp(v string) bool {
	if !r.isOp(v) {
		return false
	}
	r.skip(1)
	return true
}

// anyWord consumes a word, of whatever class, or a quoted identifier.
func (r *reader) anyWord() string {
	t := r.cur()
	if !t.isName() {
		r.fail()
		return ""
	}
	r.skip(1)
	return t.val
}

// columnName consumes the name of a column, table or other object.
func (r *reader) columnName() string {
	if !r.isColumnName(0) {
		r.fail()
		return ""
	}
	return r.anyWord()
}

// name consumes a possibly qualified name.
func (r *reader) name() ast.Name {
	n := ast.Name{Pos: r.pos()}
	if !r.isColumnName(0) {
		r.fail()
		return n
	}
	return r.restOfName(n)
}

// funcName is name for places where functions and types stand.
func (r *reader) funcName() ast.Name {
	n := ast.Name{Pos: r.pos()}
	t := r.cur()
	if t.kind != quoted && (t.kind != word || ast.Keyword(t.val) == ast.ReservedKeyword) {
		r.fail()
		return n
	}
	return r.restOfName(n)
}

func (r *reader) restOfName(n ast.Name) ast.Name {
	n.Parts = append(n.Parts, r.anyWord())
	for r.isPunct(0, ".") && !r.at(1).isOp("*") {
		r.skip(1)
		n.Parts = append(n.Parts, r.anyWord())
	}
	return n
}

func (r *reader) names() []ast.Name {
	out := []ast.Name{r.name()}
	for r.takePunct(",") {
		out = append(out, r.name())
	}
	return out
}

// columnList consumes (a, b, ..).
func (r *reader) columnList() []string {
	var out []string
	r.needPunct("(")
	for {
		out = append(out, r.columnName())
		if !r.takePunct(",") {
			break
		}
	}
	r.needPunct(")")
	return out
}

func (r *reader) stringConst() string {
	t := r.cur()
	if t.kind != str {
		r.fail()
		return ""
	}
	r.skip(1)
	return t.val
}

// integer consumes a whole number, with a sign in front.
func (r *reader) integer() int64 {
	p, sign := r.p, ""
	if r.takeOp("-") {
		sign = "-"
	} else {
		r.takeOp("+")
	}
	t := r.cur()
	if t.kind != number {
		r.fail()
		return 0
	}
	n, err := strconv.ParseInt(sign+t.val, 10, 64)
	if err != nil {
		r.failAt(p)
		return 0
	}
	r.skip(1)
	return n
}

// source is the text between two tokens, without the space after the last one.
func (r *reader) source(from, to int) string {
	if to <= from {
		return ""
	}
	return r.src[r.toks[from].pos:r.toks[to-1].end]
}
