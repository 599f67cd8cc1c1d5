package parse

import (
	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"
)

func (r *reader) createTable(h createHead) ast.Stmt {
	s := &ast.CreateTable{Pos: h.pos}
	r.relationHead(&s.RelationDef, h)
	if r.isPunct(0, "(") {
		r.tableElements(&s.RelationDef, s)
	}
	for r.relationClause(&s.RelationDef) || r.tableClause(s) {
	}
	return s
}

func (r *reader) createSource(h createHead) ast.Stmt {
	s := &ast.CreateSource{Pos: h.pos}
	r.relationHead(&s.RelationDef, h)
	r.inCluster()
	if r.isPunct(0, "(") {
		r.tableElements(&s.RelationDef, nil)
	}
	if r.take("from") {
		s.Options = r.connectionOptions()
	}
	for r.relationClause(&s.RelationDef) {
	}
	return s
}

func (r *reader) relationHead(d *ast.RelationDef, h createHead) {
	d.OrReplace, d.Temporary = h.replace, h.temporary
	d.IfNotExists = r.ifNotExists()
	d.Name = r.name()
}

// tableElements reads the list of columns; s is set for CREATE TABLE.
func (r *reader) tableElements(d *ast.RelationDef, s *ast.CreateTable) {
	r.needPunct("(")
	if r.takePunct(")") {
		return
	}
	for {
		switch {
		case r.takeOp("*"):
			d.Wildcard = true
		case s != nil && r.take("like"):
			s.Like = r.name()
			for r.kw("including", "excluding") {
				r.skip(1)
				r.anyWord()
			}
		case r.kw("constraint", "primary", "unique", "check", "foreign"):
			d.Constraints = append(d.Constraints, r.tableConstraint())
		case r.kws("watermark", "for"):
			d.Watermarks = append(d.Watermarks, r.watermark())
		case r.kws("period", "for", "system_time"):
			r.skip(3)
		default:
			d.Columns = append(d.Columns, r.columnDef())
		}
		// A comma may stand behind the last one.
		if !r.takePunct(",") || r.isPunct(0, ")") {
			break
		}
	}
	r.needPunct(")")
}

// columnDef reads a column: its name, its type if it has one, its constraints.
func (r *reader) columnDef() *ast.ColumnDef {
	c := &ast.ColumnDef{Pos: r.pos(), Name: r.columnName()}
	if !r.isPunct(0, ",") && !r.isPunct(0, ")") && !r.kw("as", "primary", "not", "null", "default", "unique", "check", "generated") && !r.atEnd() {
		c.Type = r.typeName()
	}
	if r.take("collate") {
		c.Collation = r.funcName()
	}
	for r.columnConstraint(c) {
	}
	return c
}

func (r *reader) columnConstraint(c *ast.ColumnDef) bool {
	if r.take("constraint") {
		r.columnName()
	}
	switch {
	case r.take("not", "null"):
		c.NotNull = true
	case r.take("null"):
		c.Null = true
	case r.take("primary", "key"):
		c.PrimaryKey = true
	case r.take("unique"):
		c.Unique = true
	case r.take("default"):
		r.exprSlot(&c.Default)
	case r.take("as"):
		r.exprSlot(&c.Generated)
	case r.take("generated"):
		r.generated(c)
	case r.take("check"):
		r.needPunct("(")
		r.exprSlot(&c.Check)
		r.needPunct(")")
	case r.kw("references"):
		c.References = r.references()
	default:
		return false
	}
	return true
}

// generated reads ALWAYS AS (expr) STORED.
func (r *reader) generated(c *ast.ColumnDef) {
	p := r.p
	if !r.take("always") {
		r.need("by", "default")
	}
	r.need("as")
	if r.kw("identity") {
		r.refuse(p-1, sqlerr.FeatureNotSupported, "identity columns are not supported")
		return
	}
	r.needPunct("(")
	r.exprSlot(&c.Generated)
	r.needPunct(")")
	if !r.take("stored") {
		r.take("virtual")
	}
}

func (r *reader) references() *ast.References {
	f := &ast.References{Pos: r.pos()}
	r.need("references")
	f.Table = r.name()
	if r.isPunct(0, "(") {
		f.Columns = r.columnList()
	}
	for r.take("on", "delete") || r.take("on", "update") {
		if r.anyWord() == "set" || r.kw("action") {
			r.anyWord()
		}
	}
	return f
}

func (r *reader) tableConstraint() *ast.TableConstraint {
	c := &ast.TableConstraint{Pos: r.pos()}
	if r.take("constraint") {
		c.Name = r.columnName()
	}
	switch {
	case r.take("primary", "key"):
		c.Columns = r.columnList()
	case r.take("unique"):
		c.Kind = ast.ConstraintUnique
		c.Columns = r.columnList()
	case r.take("check"):
		c.Kind = ast.ConstraintCheck
		r.needPunct("(")
		r.exprSlot(&c.Check)
		r.needPunct(")")
	case r.take("foreign", "key"):
		c.Kind = ast.ConstraintForeignKey
		c.Columns = r.columnList()
		c.References = r.references()
	default:
		r.fail()
	}
	return c
}

// watermark reads WATERMARK FOR column AS expr [WITH TTL] [ON LATE ..].
func (r *reader) watermark() *ast.WatermarkDef {
	w := &ast.WatermarkDef{Pos: r.pos()}
	r.need("watermark", "for")
	w.Column = r.columnName()
	r.need("as")
	r.exprSlot(&w.Expr)
	w.WithTTL = r.take("with", "ttl")
	if r.take("on", "late") {
		w.OnLate = r.cur().val
		if !r.take("drop") {
			r.need("quarantine")
		}
	}
	return w
}

// relationClause reads one of the clauses behind the columns that tables and
// sources share.
func (r *reader) relationClause(d *ast.RelationDef) bool {
	switch {
	case r.take("append", "only"):
		d.AppendOnly = true
	case r.take("on", "conflict"):
		r.conflictBehavior(d)
	case r.take("with", "version", "column"):
		d.VersionColumn = r.columnList()
	case r.kw("include"):
		d.Include = append(d.Include, r.include())
	case r.kw("with") && r.isPunct(1, "("):
		if d.Options != nil {
			r.fail()
		}
		d.Options = r.withOptions()
	case r.kw("format"):
		d.Format = r.format()
	case d.Format != nil && r.kw("envelope"):
		r.envelope(d.Format)
	default:
		return false
	}
	return true
}

func (r *reader) conflictBehavior(d *ast.RelationDef) {
	r.take("do")
	switch {
	case r.take("overwrite"):
		d.OnConflict = ast.ConflictOverwrite
	case r.take("ignore"), r.take("nothing"):
		d.OnConflict = ast.ConflictIgnore
	case r.take("update", "full"):
		d.OnConflict = ast.ConflictOverwrite
	case r.take("update", "if", "not", "null"):
		d.OnConflict = ast.ConflictUpdateIfNotNull
	default:
		r.fail()
	}
}

// include reads INCLUDE kind ['field'] [type] [AS alias].
func (r *reader) include() *ast.IncludeColumn {
	c := &ast.IncludeColumn{Pos: r.pos()}
	r.need("include")
	c.Kind = r.anyWord()
	if r.cur().kind == str {
		c.Field = r.stringConst()
	}
	if r.cur().isName() && !r.kw("as", "include", "with", "format", "append", "on", "engine", "from") {
		c.Type = r.typeName()
	}
	if r.take("as") {
		c.Alias = r.columnName()
	}
	return c
}

// tableClause reads one of the clauses that only tables have.
func (r *reader) tableClause(s *ast.CreateTable) bool {
	switch {
	case r.take("as"):
		s.Query, s.QueryText = r.textQuery()
		if !r.take("with", "data") && r.kws("with", "no", "data") {
			r.refuse(r.p, sqlerr.FeatureNotSupported, "CREATE TABLE AS WITH NO DATA is not supported")
		}
	case r.take("from"):
		r.take("source")
		s.FromSource = r.name()
		r.sourceTable(s)
	case r.take("engine"):
		r.takeOp("=")
		s.Engine = r.anyWord()
	default:
		return false
	}
	return true
}

// format reads FORMAT name ENCODE name (options) [KEY ENCODE name (options)], or
// gives nil if there is none.
func (r *reader) format() *ast.Format {
	f := &ast.Format{Pos: r.pos()}
	if !r.take("format") {
		return nil
	}
	f.Format = r.anyWord()
	if !r.kw("encode") {
		r.envelope(f)
		return f
	}
	r.need("encode")
	f.Encode = r.anyWord()
	f.Options = r.parenOptions()
	if r.take("key", "encode") {
		f.KeyEncode = r.anyWord()
		f.KeyOptions = r.parenOptions()
	}
	return f
}
