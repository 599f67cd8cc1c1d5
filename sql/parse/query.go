package parse

import (
	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"
)

// query reads a query and writes it; WITH and the set operations are the
// grammar's, ORDER BY and what follows it are read by hand.
func (r *reader) query() {
	defer r.leave()
	if !r.enter() {
		return
	}
	q := &ast.Query{Pos: r.pos()}
	if r.kw("with") {
		q.With = r.with()
	}
	r.queryBody(q)
	r.queryTail(q)
}

// with reads WITH and writes its head; lift puts the queries of its elements in.
func (r *reader) with() *ast.With {
	w := &ast.With{Pos: r.pos()}
	r.need("with")
	r.w("WITH ")
	w.Mutually = r.take("mutually")
	w.Recursive = r.take("recursive")
	if w.Recursive {
		r.w("RECURSIVE ")
	}
	for {
		r.cte(w)
		if !r.takePunct(",") {
			break
		}
		r.w(",")
	}
	r.w(" ")
	return w
}

func (r *reader) cte(w *ast.With) {
	c := &ast.CTE{Pos: r.pos(), Name: r.columnName()}
	w.CTEs = append(w.CTEs, c)
	r.emit(c)
	if r.takePunct("(") {
		c.Columns, c.Types = r.typedColumns(w.Mutually)
	}
	r.need("as")
	if r.take("changelog", "from") {
		c.Changelog = r.name()
		r.w(" AS (SELECT ")
		r.emit(c)
		r.w(")")
		return
	}
	if r.take("materialized") {
		c.Materialized = ast.MaterializedAlways
	} else if r.take("not", "materialized") {
		c.Materialized = ast.MaterializedNever
	}
	if r.isPunct(0, "(") && r.at(1).kind == word {
		switch r.at(1).val {
		case "insert", "update", "delete":
			r.refuse(r.p+1, sqlerr.FeatureNotSupported, "%s inside WITH is not supported", upper(r.at(1).val))
			return
		}
	}
	r.w(" AS ")
	r.parenQuery()
}

// typedColumns reads names, with types behind them if typed, up to the closing
// parenthesis.
func (r *reader) typedColumns(typed bool) (names []string, types []*ast.TypeName) {
	for {
		names = append(names, r.columnName())
		if typed {
			types = append(types, r.typeName())
		}
		if !r.takePunct(",") {
			break
		}
	}
	r.needPunct(")")
	return names, types
}

var setOps = map[string]ast.SetOpKind{"union": ast.Union, "intersect": ast.Intersect, "except": ast.Except}

// queryBody reads the operands of set operations. q is attached to the first one,
// where lift finds it.
func (r *reader) queryBody(q *ast.Query) {
	r.term(q, nil)
	for n := 0; r.kw("union", "intersect", "except"); n++ {
		if n > maxChain {
			r.tooComplex("more than %d set operations in a row", maxChain)
			return
		}
		op := &ast.SetOp{Pos: r.pos(), Kind: setOps[r.cur().val]}
		r.w(" " + upper(r.anyWord()) + " ")
		if op.All = r.take("all"); op.All {
			r.w("ALL ")
		} else {
			r.take("distinct")
		}
		if op.Corresponding = r.take("corresponding"); op.Corresponding && r.take("by") {
			op.CorrespondingBy = r.columnList()
		}
		r.term(nil, op)
	}
}

// term reads an operand of set operations.
func (r *reader) term(q *ast.Query, op *ast.SetOp) {
	switch {
	case r.kw("select"):
		r.selectTerm(q, op)
	case r.isPunct(0, "("):
		if !r.parens.query[r.p] {
			r.skip(1)
			r.fail()
			return
		}
		e := &termEntry{query: q, setOp: op}
		r.w("TABLE ")
		r.emit(e)
		r.needPunct("(")
		e.inner = r.querySlot()
		r.needPunct(")")
	case r.kw("values"):
		r.w("TABLE ")
		r.emit(&termEntry{body: r.values(), query: q, setOp: op})
	case r.kw("table"):
		p := r.pos()
		r.skip(1)
		r.take("only")
		n := r.name()
		sel := &ast.Select{Pos: p, Targets: []*ast.Target{{Pos: p, Expr: &ast.Star{Pos: p}}}, From: []ast.TableExpr{&ast.TableName{Pos: n.Pos, Name: n}}}
		r.w("TABLE ")
		r.emit(&termEntry{body: sel, query: q, setOp: op})
	default:
		r.fail()
	}
}

// values reads VALUES (..), (..).
func (r *reader) values() *ast.Values {
	v := &ast.Values{Pos: r.pos()}
	r.need("values")
	for {
		r.needPunct("(")
		v.Rows = append(v.Rows, r.exprList())
		r.needPunct(")")
		if !r.takePunct(",") {
			return v
		}
	}
}

// queryTail reads ORDER BY, LIMIT, OFFSET, FETCH and FOR UPDATE in any order.
func (r *reader) queryTail(q *ast.Query) {
	for {
		p := r.p
		switch {
		case r.take("order"):
			r.need("by")
			if q.OrderBy != nil {
				r.failAt(p)
			}
			q.OrderBy = r.orderItems()
		case r.take("limit"):
			r.limit(q)
		case r.take("offset"):
			r.exprSlot(&q.Offset)
			if !r.take("row") {
				r.take("rows")
			}
		case r.kw("fetch") && r.kwAt(1, "first", "next"):
			r.fetchFirst(q)
		case r.kw("for") && r.kwAt(1, "update", "share", "no", "key"):
			r.locking(q)
		case r.take("for", "read", "only"):
		default:
			return
		}
	}
}

func (r *reader) limit(q *ast.Query) {
	if r.take("all") {
		return
	}
	r.exprSlot(&q.Limit)
	if r.isPunct(0, ",") {
		e := sqlerr.New(sqlerr.SyntaxError, "LIMIT #,# syntax is not supported").WithHint("Use separate LIMIT and OFFSET clauses.")
		r.stop(e.At(charPos(r.src, int(r.cur().pos))))
	}
}

// fetchFirst reads FETCH FIRST n ROWS ONLY | WITH TIES.
func (r *reader) fetchFirst(q *ast.Query) {
	p := r.pos()
	r.skip(2)
	if r.kw("row", "rows") {
		q.Limit = &ast.NumberLit{Pos: p, Text: "1"}
	} else {
		r.slotFor(slot{expr: &q.Limit}, func() {
			r.prefixes(tightChain)
			r.operand()
		})
	}
	if !r.take("row") {
		r.need("rows")
	}
	if r.take("with", "ties") {
		q.WithTies = true
		return
	}
	r.need("only")
}

func (r *reader) locking(q *ast.Query) {
	l := &ast.Locking{Pos: r.pos()}
	r.skip(1)
	switch {
	case r.take("update"):
		l.Strength = "update"
	case r.take("share"):
		l.Strength = "share"
	case r.take("no", "key", "update"):
		l.Strength = "no key update"
	case r.take("key", "share"):
		l.Strength = "key share"
	default:
		r.fail()
	}
	if r.take("of") {
		l.Of = r.names()
	}
	if r.take("nowait") {
		l.Wait = "nowait"
	} else if r.take("skip", "locked") {
		l.Wait = "skip locked"
	}
	q.Locking = append(q.Locking, l)
}

// selectTerm reads SELECT up to its WINDOW clause.
func (r *reader) selectTerm(q *ast.Query, op *ast.SetOp) {
	s := &ast.Select{Pos: r.pos()}
	r.skip(1)
	r.w("SELECT ")
	if r.take("distinct") {
		if r.take("on") {
			r.needPunct("(")
			s.DistinctOn = r.exprList()
			r.needPunct(")")
		} else {
			s.Distinct = true
			r.w("DISTINCT ")
		}
	} else {
		r.take("all")
	}
	r.emit(&selectEntry{s, q, op})
	if !r.endsTargets() {
		s.Targets = r.targets(func(t *ast.Target) {
			r.w(",")
			r.target(t)
		})
	}
	if r.kw("into") {
		r.refuse(r.p, sqlerr.FeatureNotSupported, "SELECT INTO is not supported")
		return
	}
	r.selectTail(s)
}

// endsTargets says that a select list is empty.
func (r *reader) endsTargets() bool {
	return r.atEnd() || r.isPunct(0, ")") || r.kw("from", "where", "group", "having", "window", "union", "intersect", "except", "order", "limit", "offset", "fetch", "for", "into")
}

func (r *reader) selectTail(s *ast.Select) {
	if r.take("from") {
		r.w(" FROM ")
		r.fromList()
	} else if r.kw("where", "group", "having") {
		r.w(" FROM " + entryWord(noTable))
	}
	if r.take("where") {
		r.w(" WHERE ")
		r.expr()
	}
	if r.take("group") {
		r.need("by")
		r.w(" GROUP BY ")
		if s.GroupDistinct = r.take("distinct"); !s.GroupDistinct {
			r.take("all")
		}
		r.groupItems()
	}
	if r.take("having") {
		r.w(" HAVING ")
		r.expr()
	}
	if r.take("window") {
		for {
			d := &ast.WindowDef{Pos: r.pos(), Name: r.columnName()}
			r.need("as")
			d.Spec = r.windowSpec()
			s.Windows = append(s.Windows, d)
			if !r.takePunct(",") {
				break
			}
		}
	}
}

// targets reads a list of targets; read takes one without its comma.
func (r *reader) targets(read func(*ast.Target)) []*ast.Target {
	var out []*ast.Target
	for {
		t := &ast.Target{Pos: r.pos()}
		read(t)
		out = append(out, t)
		if !r.takePunct(",") {
			return out
		}
	}
}

// target writes the expression of a target and reads its alias.
func (r *reader) target(t *ast.Target) {
	if r.isOp("*") {
		p := r.pos()
		r.skip(1)
		r.emit(&ast.Star{Pos: p, Except: r.starExcept()})
		return
	}
	r.expr()
	r.targetAlias(t)
}

func (r *reader) targetAlias(t *ast.Target) {
	if r.take("as") {
		t.Alias = r.anyWord()
	} else if c := r.cur(); c.kind == quoted || c.kind == word && !needsAs[c.val] && !r.startsEmit() {
		t.Alias = r.anyWord()
	}
}

// startsEmit says that EMIT ON WINDOW CLOSE stands here.
func (r *reader) startsEmit() bool { return r.kws("emit", "on") }

// needsAs are the words that name a column only behind AS.
var needsAs = wordSet(`array as char character create day except fetch filter for from grant
	group having hour intersect into isnull limit minute month notnull offset on order over
	overlaps precision returning second to union varying where window with within without year`)

// groupItems reads and writes the elements of GROUP BY.
func (r *reader) groupItems() {
	defer r.leave()
	if !r.enter() {
		return
	}
	for {
		p := r.pos()
		switch {
		case r.isPunct(0, "(") && r.isPunct(1, ")"):
			r.skip(2)
			r.emit(&ast.GroupingSet{Pos: p})
			r.w("()")
		case r.take("grouping", "sets"):
			r.groupSet(&ast.GroupingSet{Pos: p, Kind: ast.GroupingSets})
		case r.kw("rollup") && r.isPunct(1, "("):
			r.skip(1)
			r.groupSet(&ast.GroupingSet{Pos: p, Kind: ast.GroupingRollup})
		case r.kw("cube") && r.isPunct(1, "("):
			r.skip(1)
			r.groupSet(&ast.GroupingSet{Pos: p, Kind: ast.GroupingCube})
		default:
			r.expr()
		}
		if !r.takePunct(",") {
			return
		}
		r.w(",")
	}
}

func (r *reader) groupSet(g *ast.GroupingSet) {
	r.emit(g)
	r.needPunct("(")
	r.w("(")
	r.groupItems()
	r.w(")")
	r.needPunct(")")
}
