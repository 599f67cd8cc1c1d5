package ast

import "strings"

func (p *printer) object(s Stmt) {
	p.w("CREATE ")
	switch s := s.(type) {
	case *CreateSchema:
		p.w("SCHEMA ")
		p.ifNotExists(s.IfNotExists)
		p.name(s.Name)
		if s.Owner != "" {
			p.when(!s.Name.IsZero(), " ")
			p.w("AUTHORIZATION ")
			p.ident(s.Owner)
		}
	case *CreateDatabase:
		p.w("DATABASE ")
		p.ifNotExists(s.IfNotExists)
		p.name(s.Name)
		if len(s.Options) > 0 {
			p.w(" WITH")
			p.wordOptions(s.Options, " = ")
		}
	case *CreateUser:
		if s.Role {
			p.w("ROLE ")
		} else {
			p.w("USER ")
		}
		p.ifNotExists(s.IfNotExists)
		p.ident(s.Name)
		if len(s.Options) > 0 {
			p.w(" WITH")
			p.wordOptions(s.Options, " ")
		}
	case *CreateConnection:
		p.w("CONNECTION ")
		p.ifNotExists(s.IfNotExists)
		p.name(s.Name)
		p.options(" WITH ", s.Options)
	case *CreateSecret:
		p.w("SECRET ")
		p.ifNotExists(s.IfNotExists)
		p.name(s.Name)
		p.options(" WITH ", s.Options)
		p.w(" AS ")
		p.expr(s.Value)
	case *CreateFunction:
		p.when(s.OrReplace, "OR REPLACE ")
		p.when(s.Temporary, "TEMPORARY ")
		if s.Aggregate {
			p.w("AGGREGATE ")
		} else {
			p.w("FUNCTION ")
		}
		p.ifNotExists(s.IfNotExists)
		p.name(s.Name)
		p.w(s.Raw)
	}
}

// wordOptions writes options without parentheses and commas; eq stands before
// a value.
func (p *printer) wordOptions(os []*Option, eq string) {
	for _, o := range os {
		p.w(" ", strings.ToUpper(o.Name))
		switch o.Kind {
		case OptionString:
			p.w(eq, QuoteString(o.Value))
		case OptionNumber:
			p.w(eq, o.Value)
		case OptionWord:
			p.w(eq)
			if strings.EqualFold(o.Value, "null") || strings.EqualFold(o.Value, "default") {
				p.w(o.Value)
			} else {
				p.ident(o.Value)
			}
		}
	}
}

func (p *printer) drop(s *Drop) {
	p.w("DROP ", strings.ToUpper(string(s.Kind)), " ")
	p.ifExists(s.IfExists)
	p.list(len(s.Names), func(i int) {
		p.name(s.Names[i])
		if i < len(s.Args) && s.Args[i] != nil {
			p.types(s.Args[i])
		}
	})
	p.when(s.Cascade, " CASCADE")
	p.when(s.Restrict, " RESTRICT")
}

func (p *printer) types(ts []*TypeName) {
	p.w("(")
	p.list(len(ts), func(i int) { p.typeName(ts[i]) })
	p.w(")")
}

func (p *printer) comment(s *Comment) {
	p.w("COMMENT ON ", strings.ToUpper(string(s.Kind)), " ")
	p.name(s.Name)
	if s.Null {
		p.w(" IS NULL")
		return
	}
	p.w(" IS ", QuoteString(s.Text))
}

func (p *printer) alter(s *Alter) {
	p.w("ALTER ", strings.ToUpper(string(s.Kind)), " ")
	p.ifExists(s.IfExists)
	if !s.Name.IsZero() {
		p.name(s.Name)
		if s.Args != nil {
			p.types(s.Args)
		}
		p.w(" ")
	}
	p.list(len(s.Actions), func(i int) { p.action(s.Actions[i]) })
}

func (p *printer) action(a AlterAction) {
	switch a := a.(type) {
	case *RenameTo:
		p.w("RENAME TO ")
		p.ident(a.Name)
	case *RenameColumn:
		p.w("RENAME COLUMN ")
		p.ident(a.From)
		p.w(" TO ")
		p.ident(a.To)
	case *OwnerTo:
		p.w("OWNER TO ")
		p.ident(a.Owner)
	case *SetSchema:
		p.w("SET SCHEMA ")
		p.ident(a.Schema)
	case *AddColumn:
		p.w("ADD COLUMN ")
		p.ifNotExists(a.IfNotExists)
		p.columnDef(a.Column)
	case *DropColumn:
		p.w("DROP COLUMN ")
		p.ifExists(a.IfExists)
		p.ident(a.Name)
		p.when(a.Cascade, " CASCADE")
	case *AlterColumn:
		p.alterColumn(a)
	case *AlterWatermark:
		p.w("ALTER ")
		p.watermark(a.Watermark)
	case *AddConstraint:
		p.w("ADD ")
		p.constraint(a.Constraint)
	case *SetParallelism:
		p.w("SET ", strings.ToUpper(a.What), " = ", strings.ToUpper(a.Value))
		p.when(a.Deferred, " DEFERRED")
	case *SetRateLimit:
		p.w("SET ", strings.ToUpper(a.What), " = ", strings.ToUpper(a.Value))
	case *SwapWith:
		p.w("SWAP WITH ")
		p.name(a.Name)
	case *Resume:
		p.w("RESUME")
		p.options(" WITH ", a.Options)
	case *Pause:
		p.w("PAUSE")
	case *ApplyReplacement:
		p.w("APPLY REPLACEMENT ")
		p.name(a.Name)
	case *RefreshSchema:
		p.w("REFRESH SCHEMA")
	case *SetOptions:
		if a.Connector {
			p.options("CONNECTOR WITH ", a.Options)
		} else {
			p.options("SET ", a.Options)
		}
	case *UserOptions:
		p.w("WITH")
		p.wordOptions(a.Options, " ")
	case *AlterSystem:
		p.w("SET ")
		p.name(Name{Parts: strings.Split(a.Name, ".")})
		p.w(" TO ")
		p.expr(a.Value)
	case *RawAction:
		p.w(a.Text)
	}
}

func (p *printer) alterColumn(a *AlterColumn) {
	p.w("ALTER COLUMN ")
	p.ident(a.Name)
	switch a.Change {
	case ColumnSetDefault:
		p.w(" SET DEFAULT ")
		p.expr(a.Default)
	case ColumnDropDefault:
		p.w(" DROP DEFAULT")
	case ColumnSetNotNull:
		p.w(" SET NOT NULL")
	case ColumnDropNotNull:
		p.w(" DROP NOT NULL")
	case ColumnSetType:
		p.w(" TYPE ")
		p.typeName(a.Type)
		if a.Using != nil {
			p.w(" USING ")
			p.expr(a.Using)
		}
	}
}
