package parse

import (
	"strings"

	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"
)

func upper(s string) string { return strings.ToUpper(s) }

func wordSet(s string) map[string]bool {
	m := make(map[string]bool)
	for _, w := range strings.Fields(s) {
		m[w] = true
	}
	return m
}

// fromList reads and writes the elements of FROM.
func (r *reader) fromList() {
	for {
		r.joinTree()
		if !r.takePunct(",") {
			return
		}
		r.w(",")
	}
}

// fromSlot reads the elements of FROM where the grammar has no FROM.
func (r *reader) fromSlot(dst *[]ast.TableExpr) {
	r.slotFor(slot{from: dst}, r.fromList)
}

// joinTree reads tables with joins between them. Every join is written as
// LEFT JOIN .. ON eK(condition): the grammar then finds the nesting.
func (r *reader) joinTree() {
	defer r.leave()
	if !r.enter() {
		return
	}
	r.factor()
	var open []*ast.Join // joins whose ON or USING has not come yet
	for n := 0; ; {
		if len(open) > 0 && r.kw("on", "using") {
			r.joinCondition(open[len(open)-1])
			open = open[:len(open)-1]
			continue
		}
		if !r.startsJoin() {
			break
		}
		if n++; n > maxDepth {
			r.tooComplex("more than %d joins in a row", maxDepth)
			return
		}
		j := r.joinWords()
		r.w(" LEFT JOIN ")
		r.factor()
		if j.Kind == ast.CrossJoin || j.Natural {
			r.w(" ON ")
			r.emit(j)
			r.w("()")
		} else {
			open = append(open, j)
		}
	}
	if len(open) > 0 {
		r.fail()
	}
}

func (r *reader) startsJoin() bool {
	return r.kw("join", "inner", "left", "right", "full", "cross", "natural") || r.startsAsofJoin()
}

func (r *reader) startsAsofJoin() bool { return r.kw("asof") && r.kwAt(1, "join", "left", "inner") }

// joinWords reads [NATURAL] [ASOF] [LEFT [OUTER] ..] JOIN.
func (r *reader) joinWords() *ast.Join {
	j := &ast.Join{Pos: r.pos()}
	if r.take("cross", "join") {
		j.Kind = ast.CrossJoin
		return j
	}
	j.Natural = r.take("natural")
	j.AsOf = r.take("asof")
	outer := true
	switch {
	case r.take("left"):
		j.Kind = ast.LeftJoin
	case r.take("right"):
		j.Kind = ast.RightJoin
	case r.take("full"):
		j.Kind = ast.FullJoin
	default:
		r.take("inner")
		outer = false
	}
	if outer {
		r.take("outer")
	}
	r.need("join")
	return j
}

func (r *reader) joinCondition(j *ast.Join) {
	r.w(" ON ")
	r.emit(j)
	r.w("(")
	if r.take("on") {
		r.expr()
	} else {
		r.need("using")
		j.Using = r.columnList()
		if r.take("as") {
			j.UsingAlias = r.columnName()
		}
	}
	r.w(")")
}

// factor reads a table, a function, a subquery or joins in parentheses.
func (r *reader) factor() {
	p := r.pos()
	lateral := r.take("lateral")
	r.take("only")
	switch {
	case r.isPunct(0, "(") && r.parens.query[r.p]:
		t := &ast.SubqueryTable{Pos: p, Lateral: lateral}
		r.parenQuery()
		r.w(" AS ")
		r.emit(t)
		t.Alias = r.alias(false)
	case r.isPunct(0, "("):
		r.parenJoin()
	case r.kws("rows", "from") && r.isPunct(2, "("):
		r.rowsFrom(&ast.RowsFrom{Pos: p, Lateral: lateral})
	case r.kw("table") && r.isPunct(1, "("):
		r.flinkTable(&ast.FuncTable{Pos: p, Lateral: lateral})
	case r.functionAhead():
		r.funcTable(&ast.FuncTable{Pos: p, Lateral: lateral})
	case r.cur().kind == word && ast.Keyword(r.cur().val) == ast.FunctionKeyword:
		r.skip(1) // only a call could start so
		r.fail()
	default:
		r.tableName(p)
	}
	if r.kw("tablesample") {
		r.refuse(r.p, sqlerr.FeatureNotSupported, "TABLESAMPLE is not supported")
	}
}

func (r *reader) tableName(p ast.Pos) {
	t := &ast.TableName{Pos: p, Name: r.name()}
	r.takeOp("*")
	r.asOf(&t.AsOf)
	t.Alias = r.alias(false)
	r.asOf(&t.AsOf)
	r.emit(t)
}

// parenJoin reads joins in parentheses. The grammar has no alias for them: joins
// with one become a slot.
func (r *reader) parenJoin() {
	aliased := r.aliasAt(int(r.parens.partner[r.p]) + 1 - r.p)
	r.needPunct("(")
	if !aliased {
		r.w("(")
		r.joinTree()
		r.w(")")
		r.needPunct(")")
		return
	}
	e := &joinEntry{}
	r.slotFor(slot{from: &e.tables}, r.joinTree)
	r.needPunct(")")
	e.alias = r.alias(false)
	r.emit(e)
}

// joinEntry is a join in parentheses with an alias.
type joinEntry struct {
	tables []ast.TableExpr
	alias  *ast.TableAlias
}

// functionAhead says that a call stands here.
func (r *reader) functionAhead() bool {
	t := r.cur()
	if t.kind == word && (ast.IsBareCall(t.val) || t.val == "aggregate" && r.isPunct(1, ":")) {
		return true
	}
	i := 1
	for r.isPunct(i, ".") && r.at(i+1).isName() {
		i += 2
	}
	return t.isName() && r.isPunct(i, "(") && (t.kind == quoted || ast.Keyword(t.val) != ast.ReservedKeyword)
}

func (r *reader) funcTable(t *ast.FuncTable) {
	r.slotFor(slot{expr: &t.Call}, r.tableFunction)
	if t.Ordinality = r.kws("with", "ordinality"); t.Ordinality {
		r.skip(2)
	}
	r.asOf(&t.AsOf)
	t.Alias = r.alias(true)
	r.emit(t)
}

// tableFunction reads and writes a call in FROM, with casts and fields behind it.
func (r *reader) tableFunction() {
	r.operand()
	for r.isPunct(0, "::") || r.isPunct(0, ".") || r.isPunct(0, "[") {
		if !r.postfixOp(fullChain) {
			return
		}
	}
}

// rowsFrom reads ROWS FROM (f(..) [AS (columns)], ..).
func (r *reader) rowsFrom(t *ast.RowsFrom) {
	r.skip(3)
	for {
		f := &ast.RowsFunc{Pos: r.pos()}
		r.slotFor(slot{expr: &f.Call}, r.tableFunction)
		if r.take("as") {
			r.needPunct("(")
			f.Columns, f.Types = r.typedColumns(true)
		}
		t.Funcs = append(t.Funcs, f)
		if !r.takePunct(",") {
			break
		}
	}
	r.needPunct(")")
	if t.Ordinality = r.kws("with", "ordinality"); t.Ordinality {
		r.skip(2)
	}
	t.Alias = r.alias(true)
	r.emit(t)
}

// asOf reads FOR SYSTEM_TIME AS OF expr, where '5' second is an interval.
func (r *reader) asOf(dst *ast.Expr) {
	if r.take("for", "system_time", "as", "of") {
		r.bareUnits = true
		r.slotFor(slot{expr: dst}, func() { r.chain(tightChain) })
		r.bareUnits = false
	}
}

// aliasAt says that an alias stands i places ahead.
func (r *reader) aliasAt(i int) bool {
	switch {
	case r.kwAt(i, "as"):
		return true
	case r.kwAt(i, "asof") && r.kwAt(i+1, "join", "left", "inner"),
		r.kwAt(i, "emit") && r.kwAt(i+1, "on"),
		r.kwAt(i, "format") && r.kwAt(i+2, "encode"):
		return false
	}
	return r.isColumnName(i)
}

// alias reads [AS] name [(columns)]; with defs also column definitions, whose name
// may be missing.
func (r *reader) alias(defs bool) *ast.TableAlias {
	a := &ast.TableAlias{Pos: r.pos()}
	if !r.aliasAt(0) {
		return nil
	}
	as := r.take("as")
	if !defs || !as || !r.isPunct(0, "(") {
		a.Name = r.columnName()
	}
	if r.takePunct("(") {
		typed := a.Name == "" || defs && !r.isPunct(1, ",") && !r.isPunct(1, ")")
		a.Columns, a.Types = r.typedColumns(typed)
	}
	return a
}
