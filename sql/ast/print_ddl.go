package ast

import "strings"

// create writes the statements that create something with rows or a plan.
func (p *printer) create(s Stmt) {
	switch s := s.(type) {
	case *CreateTable:
		p.createTable(s)
	case *CreateSource:
		p.relationHead("SOURCE", &s.RelationDef, nil)
		p.relationTail(&s.RelationDef)
	case *CreateSink:
		p.createSink(s)
	case *CreateMaterializedView:
		p.createMaterializedView(s)
	case *CreateView:
		p.w("CREATE ")
		p.when(s.OrReplace, "OR REPLACE ")
		p.when(s.Temporary, "TEMPORARY ")
		p.w("VIEW ")
		p.ifNotExists(s.IfNotExists)
		p.name(s.Name)
		p.columns(s.Columns)
		p.w(" AS ")
		p.query(s.Query)
	case *CreateIndex:
		p.createIndex(s)
	case *CreateSubscription:
		p.w("CREATE SUBSCRIPTION ")
		p.ifNotExists(s.IfNotExists)
		p.name(s.Name)
		p.w(" FROM ")
		p.name(s.From)
		p.options(" WITH ", s.Options)
	}
}

func (p *printer) ifNotExists(b bool) { p.when(b, "IF NOT EXISTS ") }

func (p *printer) ifExists(b bool) { p.when(b, "IF EXISTS ") }

func (p *printer) createTable(s *CreateTable) {
	p.relationHead("TABLE", &s.RelationDef, s)
	p.relationTail(&s.RelationDef)
	if !s.FromSource.IsZero() {
		p.w(" FROM ")
		p.name(s.FromSource)
		p.w(" TABLE ", QuoteString(s.SourceTable))
	}
	if s.Query != nil {
		p.w(" AS ")
		p.query(s.Query)
	}
	if s.Engine != "" {
		p.w(" ENGINE = ")
		p.ident(s.Engine)
	}
}

// relationHead writes CREATE .. name (columns); table adds (LIKE other).
func (p *printer) relationHead(kind string, d *RelationDef, table *CreateTable) {
	p.w("CREATE ")
	p.when(d.OrReplace, "OR REPLACE ")
	p.when(d.Temporary, "TEMPORARY ")
	p.w(kind, " ")
	p.ifNotExists(d.IfNotExists)
	p.name(d.Name)
	sep := " ("
	item := func(f func()) {
		p.w(sep)
		sep = ", "
		f()
	}
	if d.Wildcard {
		item(func() { p.w("*") })
	}
	if table != nil && !table.Like.IsZero() {
		item(func() { p.w("LIKE "); p.name(table.Like) })
	}
	for _, c := range d.Columns {
		item(func() { p.columnDef(c) })
	}
	for _, c := range d.Constraints {
		item(func() { p.constraint(c) })
	}
	for _, w := range d.Watermarks {
		item(func() { p.watermark(w) })
	}
	p.when(sep == ", ", ")")
}

func (p *printer) relationTail(d *RelationDef) {
	p.when(d.AppendOnly, " APPEND ONLY")
	switch d.OnConflict {
	case ConflictOverwrite:
		p.w(" ON CONFLICT OVERWRITE")
	case ConflictIgnore:
		p.w(" ON CONFLICT IGNORE")
	case ConflictUpdateIfNotNull:
		p.w(" ON CONFLICT DO UPDATE IF NOT NULL")
	}
	if len(d.VersionColumn) > 0 {
		p.w(" WITH VERSION COLUMN")
		p.columns(d.VersionColumn)
	}
	for _, i := range d.Include {
		p.w(" INCLUDE ")
		p.anyWord(i.Kind)
		if i.Field != "" {
			p.w(" ", QuoteString(i.Field))
		}
		if i.Type != nil {
			p.w(" ")
			p.typeName(i.Type)
		}
		if i.Alias != "" {
			p.w(" AS ")
			p.ident(i.Alias)
		}
	}
	p.options(" WITH ", d.Options)
	p.format(d.Format)
}

func (p *printer) format(f *Format) {
	if f == nil {
		return
	}
	p.w(" FORMAT ", strings.ToUpper(f.Format), " ENCODE ", strings.ToUpper(f.Encode))
	p.options(" ", f.Options)
	if f.KeyEncode != "" {
		p.w(" KEY ENCODE ", strings.ToUpper(f.KeyEncode))
		p.options(" ", f.KeyOptions)
	}
}

func (p *printer) columnDef(c *ColumnDef) {
	p.ident(c.Name)
	if c.Type != nil {
		p.w(" ")
		p.typeName(c.Type)
	}
	if !c.Collation.IsZero() {
		p.w(" COLLATE ")
		p.name(c.Collation)
	}
	if c.Generated != nil {
		p.w(" AS ")
		p.operand(c.Generated, LevelIs+1)
	}
	if c.Default != nil {
		p.w(" DEFAULT ")
		p.operand(c.Default, LevelIs+1)
	}
	p.when(c.NotNull, " NOT NULL")
	p.when(c.Null, " NULL")
	p.when(c.PrimaryKey, " PRIMARY KEY")
	p.when(c.Unique, " UNIQUE")
	if c.Check != nil {
		p.w(" CHECK (")
		p.expr(c.Check)
		p.w(")")
	}
	p.references(c.References)
}

func (p *printer) references(r *References) {
	if r != nil {
		p.w(" REFERENCES ")
		p.name(r.Table)
		p.columns(r.Columns)
	}
}

func (p *printer) constraint(c *TableConstraint) {
	if c.Name != "" {
		p.w("CONSTRAINT ")
		p.ident(c.Name)
		p.w(" ")
	}
	switch c.Kind {
	case ConstraintPrimaryKey:
		p.w("PRIMARY KEY")
		p.columns(c.Columns)
	case ConstraintUnique:
		p.w("UNIQUE")
		p.columns(c.Columns)
	case ConstraintCheck:
		p.w("CHECK (")
		p.expr(c.Check)
		p.w(")")
	case ConstraintForeignKey:
		p.w("FOREIGN KEY")
		p.columns(c.Columns)
		p.references(c.References)
	}
}

func (p *printer) watermark(w *WatermarkDef) {
	p.w("WATERMARK FOR ")
	p.ident(w.Column)
	p.w(" AS ")
	p.expr(w.Expr)
	p.when(w.WithTTL, " WITH TTL")
	if w.OnLate != "" {
		p.w(" ON LATE ", strings.ToUpper(w.OnLate))
	}
}

func (p *printer) createSink(s *CreateSink) {
	p.w("CREATE ")
	p.when(s.OrReplace, "OR REPLACE ")
	p.w("SINK ")
	p.ifNotExists(s.IfNotExists)
	p.name(s.Name)
	if !s.Into.IsZero() {
		p.w(" INTO ")
		p.name(s.Into)
		p.columns(s.IntoColumns)
	}
	p.columns(s.Columns)
	if s.Query != nil {
		p.w(" AS ")
		p.query(s.Query)
	} else if !s.From.IsZero() {
		p.w(" FROM ")
		p.name(s.From)
	}
	p.when(s.EmitOnWindowClose, " EMIT ON WINDOW CLOSE")
	p.options(" WITH ", s.Options)
	p.format(s.Format)
}

func (p *printer) createMaterializedView(s *CreateMaterializedView) {
	p.w("CREATE ")
	p.when(s.OrReplace, "OR REPLACE ")
	p.when(!s.ReplacementFor.IsZero(), "REPLACEMENT ")
	p.w("MATERIALIZED VIEW ")
	p.ifNotExists(s.IfNotExists)
	p.name(s.Name)
	if !s.ReplacementFor.IsZero() {
		p.w(" FOR ")
		p.name(s.ReplacementFor)
	}
	p.columns(s.Columns)
	p.options(" WITH ", s.Options)
	p.w(" AS ")
	p.query(s.Query)
	p.when(s.WithNoData, " WITH NO DATA")
	p.when(s.EmitOnWindowClose, " EMIT ON WINDOW CLOSE")
}

func (p *printer) createIndex(s *CreateIndex) {
	p.w("CREATE ")
	p.when(s.Unique, "UNIQUE ")
	p.w("INDEX ")
	p.ifNotExists(s.IfNotExists)
	if !s.Name.IsZero() {
		p.name(s.Name)
		p.w(" ")
	}
	p.w("ON ")
	p.name(s.Table)
	if s.Method != "" {
		p.w(" USING ")
		p.ident(s.Method)
	}
	p.w(" (")
	p.list(len(s.Keys), func(i int) { p.indexKey(s.Keys[i]) })
	p.w(")")
	if len(s.Include) > 0 {
		p.w(" INCLUDE")
		p.columns(s.Include)
	}
	if len(s.DistributedBy) > 0 {
		p.w(" DISTRIBUTED BY (")
		p.exprs(s.DistributedBy)
		p.w(")")
	}
	p.options(" WITH ", s.Options)
}

// indexKey puts parentheses around keys that are neither columns nor calls.
func (p *printer) indexKey(k *OrderItem) {
	switch k.Expr.(type) {
	case *ColumnRef, *FuncCall:
		p.orderItem(k)
		return
	}
	p.w("(")
	p.expr(k.Expr)
	p.w(")")
	o := *k
	o.Expr = &ColumnRef{}
	p.orderItem(&o)
}
