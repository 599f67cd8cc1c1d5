package parse

import (
	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"
)

// withStatement reads a statement that starts with WITH.
func (r *reader) withStatement() ast.Stmt {
	if !r.withLeadsDML() {
		return r.querySlot()
	}
	w := &ast.With{}
	r.slotFor(slot{with: w}, func() { *w = *r.with() })
	switch {
	case r.kw("insert"):
		return r.insert(w)
	case r.kw("update"):
		return r.update(w)
	}
	return r.delete(w)
}

// withLeadsDML looks behind the WITH clause that starts here.
func (r *reader) withLeadsDML() bool {
	for i := r.p; i < len(r.toks); i++ {
		switch t := r.toks[i]; {
		case t.isPunct("("):
			i = int(r.parens.partner[i])
		case t.kind == word:
			switch t.val {
			case "select", "values", "table":
				return false
			case "insert", "update", "delete":
				// Only behind a closing parenthesis can this be the statement itself.
				if r.toks[i-1].isPunct(")") {
					return true
				}
			}
		}
	}
	return false
}

// insert reads INSERT.
func (r *reader) insert(w *ast.With) ast.Stmt {
	s := &ast.Insert{Pos: r.pos(), With: w}
	r.need("insert", "into")
	s.Table = r.name()
	if r.take("as") {
		s.Alias = r.columnName()
	}
	r.startMain("INSERT INTO ", s)
	if r.isPunct(0, "(") && !r.parens.query[r.p] {
		r.insertColumns(s)
	}
	if r.take("overriding") {
		if s.Overriding = r.cur().val; !r.kw("system", "user") {
			r.fail()
		}
		r.skip(1)
		r.need("value")
	}
	if r.take("default", "values") {
		r.w(" VALUES ()")
	} else {
		r.w(" ")
		r.query()
	}
	r.endMain()
	if r.take("on", "conflict") {
		s.OnConflict = r.onConflict()
	}
	s.Returning = r.returning()
	return s
}

func (r *reader) insertColumns(s *ast.Insert) {
	r.w("(")
	r.needPunct("(")
	for {
		c := r.targetColumn()
		s.Columns = append(s.Columns, c)
		r.emit(c)
		if !r.takePunct(",") {
			break
		}
		r.w(",")
	}
	r.w(")")
	r.needPunct(")")
}

// startMain begins the text of INSERT, UPDATE or DELETE; s is its table's entry.
func (r *reader) startMain(lead string, s ast.Stmt) {
	if r.main != nil {
		r.fail()
	}
	r.w(lead)
	r.emit(s)
}

func (r *reader) endMain() {
	r.main = r.buf
	r.buf = nil
}

// targetColumn reads a column with subscripts and fields.
func (r *reader) targetColumn() *ast.TargetColumn {
	c := &ast.TargetColumn{Pos: r.pos(), Name: r.columnName()}
	for {
		switch p := r.pos(); {
		case r.isPunct(0, "["):
			c.Indirection = append(c.Indirection, r.subscript())
		case r.takePunct("."):
			c.Indirection = append(c.Indirection, &ast.FieldSelect{Pos: p, Field: r.anyWord()})
		default:
			return c
		}
	}
}

// onConflict reads what follows ON CONFLICT.
func (r *reader) onConflict() *ast.OnConflict {
	c := &ast.OnConflict{Pos: r.pos()}
	if r.takePunct("(") {
		c.Columns = r.exprList()
		r.needPunct(")")
		if r.take("where") {
			r.exprSlot(&c.TargetWhere)
		}
	} else if r.take("on", "constraint") {
		c.Constraint = r.columnName()
	}
	r.need("do")
	if r.take("nothing") {
		return c
	}
	r.need("update", "set")
	for {
		a := r.assignmentHead()
		r.exprSlot(&a.Value)
		c.Set = append(c.Set, a)
		if !r.takePunct(",") {
			break
		}
	}
	if r.take("where") {
		r.exprSlot(&c.Where)
	}
	return c
}

// assignmentHead reads column = or (columns) =.
func (r *reader) assignmentHead() *ast.Assignment {
	a := &ast.Assignment{Pos: r.pos()}
	if r.takePunct("(") {
		a.Multi = true
		for {
			a.Columns = append(a.Columns, r.targetColumn())
			if !r.takePunct(",") {
				break
			}
		}
		r.needPunct(")")
	} else {
		a.Columns = []*ast.TargetColumn{r.targetColumn()}
	}
	if !r.takeOp("=") {
		r.fail()
	}
	return a
}

// returning reads RETURNING.
func (r *reader) returning() []*ast.Target {
	if !r.take("returning") {
		return nil
	}
	return r.targets(func(t *ast.Target) {
		r.slotFor(slot{expr: &t.Expr}, func() { r.target(t) })
	})
}

// dmlTarget reads the table of UPDATE and DELETE.
func (r *reader) dmlTarget() (ast.Name, string) {
	r.take("only")
	n := r.name()
	r.takeOp("*")
	alias := ""
	if r.take("as") || r.isColumnName(0) && !r.kw("set") {
		alias = r.columnName()
	}
	return n, alias
}

// update reads UPDATE.
func (r *reader) update(w *ast.With) ast.Stmt {
	s := &ast.Update{Pos: r.pos(), With: w}
	r.need("update")
	s.Table, s.Alias = r.dmlTarget()
	r.startMain("UPDATE ", s)
	r.need("set")
	r.w(" SET ")
	for {
		a := r.assignmentHead()
		s.Set = append(s.Set, a)
		r.emit(a)
		r.w("=")
		r.expr()
		if !r.takePunct(",") {
			break
		}
		r.w(",")
	}
	if r.take("from") {
		r.fromSlot(&s.From)
	}
	r.dmlWhere()
	r.endMain()
	s.Returning = r.returning()
	return s
}

func (r *reader) dmlWhere() {
	if r.kws("where", "current", "of") {
		r.refuse(r.p, sqlerr.FeatureNotSupported, "WHERE CURRENT OF is not supported")
		return
	}
	if r.take("where") {
		r.w(" WHERE ")
		r.expr()
	}
}

// delete reads DELETE.
func (r *reader) delete(w *ast.With) ast.Stmt {
	s := &ast.Delete{Pos: r.pos(), With: w}
	r.need("delete", "from")
	s.Table, s.Alias = r.dmlTarget()
	r.startMain("DELETE FROM ", s)
	if r.take("using") {
		r.fromSlot(&s.Using)
	}
	r.dmlWhere()
	r.endMain()
	s.Returning = r.returning()
	return s
}

// truncate reads TRUNCATE.
func (r *reader) truncate() ast.Stmt {
	s := &ast.Truncate{Pos: r.pos()}
	r.need("truncate")
	r.take("table")
	r.take("only")
	s.Tables = r.names()
	if !r.take("restart", "identity") { // there are no sequences to restart
		r.take("continue", "identity")
	}
	if s.Cascade = r.take("cascade"); !s.Cascade {
		r.take("restrict")
	}
	return s
}
