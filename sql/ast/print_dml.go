package ast

func (p *printer) dml(s Stmt) {
	switch s := s.(type) {
	case *Insert:
		p.insert(s)
	case *Update:
		p.with(s.With)
		p.w("UPDATE ")
		p.dmlTarget(s.Table, s.Alias)
		p.w(" SET ")
		p.assignments(s.Set)
		if len(s.From) > 0 {
			p.w(" FROM ")
			p.tables(s.From)
		}
		p.where(s.Where)
		p.returning(s.Returning)
	case *Delete:
		p.with(s.With)
		p.w("DELETE FROM ")
		p.dmlTarget(s.Table, s.Alias)
		if len(s.Using) > 0 {
			p.w(" USING ")
			p.tables(s.Using)
		}
		p.where(s.Where)
		p.returning(s.Returning)
	case *Truncate:
		p.w("TRUNCATE ")
		p.names(s.Tables)
		p.when(s.Cascade, " CASCADE")
	case *Copy:
		p.copy(s)
	}
}

func (p *printer) dmlTarget(table Name, alias string) {
	p.name(table)
	if alias != "" {
		p.w(" AS ")
		p.ident(alias)
	}
}

func (p *printer) insert(s *Insert) {
	p.with(s.With)
	p.w("INSERT INTO ")
	p.dmlTarget(s.Table, s.Alias)
	if len(s.Columns) > 0 {
		p.w(" (")
		p.list(len(s.Columns), func(i int) { p.targetColumn(s.Columns[i]) })
		p.w(")")
	}
	switch s.Overriding {
	case "system":
		p.w(" OVERRIDING SYSTEM VALUE")
	case "user":
		p.w(" OVERRIDING USER VALUE")
	}
	if s.Query == nil {
		p.w(" DEFAULT VALUES")
	} else {
		p.w(" ")
		p.query(s.Query)
	}
	if c := s.OnConflict; c != nil {
		p.onConflict(c)
	}
	p.returning(s.Returning)
}

func (p *printer) onConflict(c *OnConflict) {
	p.w(" ON CONFLICT")
	if len(c.Columns) > 0 {
		p.w(" (")
		p.list(len(c.Columns), func(i int) {
			if _, ok := c.Columns[i].(*ColumnRef); ok {
				p.expr(c.Columns[i])
				return
			}
			p.w("(")
			p.expr(c.Columns[i])
			p.w(")")
		})
		p.w(")")
		p.where(c.TargetWhere)
	}
	if c.Constraint != "" {
		p.w(" ON CONSTRAINT ")
		p.ident(c.Constraint)
	}
	if len(c.Set) == 0 {
		p.w(" DO NOTHING")
		return
	}
	p.w(" DO UPDATE SET ")
	p.assignments(c.Set)
	p.where(c.Where)
}

func (p *printer) targetColumn(c *TargetColumn) {
	p.ident(c.Name)
	for _, i := range c.Indirection {
		switch i := i.(type) {
		case *Subscript:
			p.subscript(i)
		case *FieldSelect:
			p.field(i)
		}
	}
}

func (p *printer) assignments(as []*Assignment) {
	p.list(len(as), func(i int) {
		a := as[i]
		p.when(a.Multi, "(")
		p.list(len(a.Columns), func(i int) { p.targetColumn(a.Columns[i]) })
		p.when(a.Multi, ")")
		p.w(" = ")
		p.expr(a.Value)
	})
}

func (p *printer) returning(ts []*Target) {
	if len(ts) > 0 {
		p.w(" RETURNING ")
		p.targets(ts)
	}
}

func (p *printer) copy(s *Copy) {
	p.w("COPY ")
	if s.Query != nil {
		p.w("(")
		p.stmt(s.Query)
		p.w(")")
	} else {
		p.name(s.Table)
		p.columns(s.Columns)
	}
	file := "STDOUT"
	if s.From {
		p.w(" FROM ")
		file = "STDIN"
	} else {
		p.w(" TO ")
	}
	if s.Target != "" {
		file = QuoteString(s.Target)
	}
	p.when(s.Program, "PROGRAM ")
	p.w(file)
	p.copyOptions(s.Options)
	p.where(s.FromWhere)
}

// copyOptions writes COPY's options, which have no equals sign.
func (p *printer) copyOptions(os []*Option) {
	if len(os) == 0 {
		return
	}
	p.w(" WITH (")
	p.list(len(os), func(i int) {
		o := os[i]
		p.w(o.Name)
		switch o.Kind {
		case OptionString:
			p.w(" ", QuoteString(o.Value))
		case OptionNumber, OptionWord:
			p.w(" ", o.Value)
		}
	})
	p.w(")")
}
