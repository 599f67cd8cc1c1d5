package ast

func (w walker) stmt(n Stmt) {
	switch n := n.(type) {
	case *Insert:
		w.with(n.With)
		for _, c := range n.Columns {
			w.node(c)
		}
		w.sub(n.Query)
		if c := n.OnConflict; c != nil {
			w.exprs(c.Columns)
			w.expr1(c.TargetWhere)
			w.assignments(c.Set)
			w.expr1(c.Where)
		}
		w.targets(n.Returning)
	case *Update:
		w.with(n.With)
		w.assignments(n.Set)
		w.tables(n.From)
		w.expr1(n.Where)
		w.targets(n.Returning)
	case *Delete:
		w.with(n.With)
		w.tables(n.Using)
		w.expr1(n.Where)
		w.targets(n.Returning)
	case *Copy:
		if n.Query != nil {
			w.node(n.Query)
		}
		w.expr1(n.FromWhere)
	case *Alter:
		for _, a := range n.Actions {
			w.action(a)
		}
	case *Set:
		w.exprs(n.Values)
	case *DeclareCursor:
		w.sub(n.Query)
		if n.Subscribe != nil {
			w.node(n.Subscribe)
		}
		w.expr1(n.Since)
	case *Subscribe:
		w.sub(n.Query)
		w.order(n.OrderBy)
		w.expr1(n.AsOf)
		w.expr1(n.UpTo)
	case *Prepare:
		for _, t := range n.Types {
			w.node(t)
		}
		w.node(n.Stmt)
	case *Execute:
		w.exprs(n.Args)
	case *Explain:
		w.node(n.Stmt)
	default:
		w.create(n)
	}
}

func (w walker) create(n Stmt) {
	switch n := n.(type) {
	case *CreateTable:
		w.relation(&n.RelationDef)
		w.sub(n.Query)
	case *CreateSource:
		w.relation(&n.RelationDef)
	case *CreateSink:
		w.sub(n.Query)
	case *CreateMaterializedView:
		w.sub(n.Query)
	case *CreateView:
		w.sub(n.Query)
	case *CreateIndex:
		w.order(n.Keys)
		w.exprs(n.DistributedBy)
	case *CreateSecret:
		w.expr1(n.Value)
	}
}

func (w walker) assignments(as []*Assignment) {
	for _, a := range as {
		w.node(a)
	}
}

func (w walker) relation(d *RelationDef) {
	for _, c := range d.Columns {
		w.node(c)
	}
	for _, c := range d.Constraints {
		w.expr1(c.Check)
	}
	for _, m := range d.Watermarks {
		w.node(m)
	}
}

func (w walker) action(a AlterAction) {
	switch a := a.(type) {
	case *AddColumn:
		w.node(a.Column)
	case *AlterColumn:
		w.expr1(a.Default)
		if a.Type != nil {
			w.node(a.Type)
		}
		w.expr1(a.Using)
	case *AlterWatermark:
		w.node(a.Watermark)
	case *AddConstraint:
		w.expr1(a.Constraint.Check)
	case *AlterSystem:
		w.expr1(a.Value)
	}
}
