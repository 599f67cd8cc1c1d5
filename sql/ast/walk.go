package ast

// Walk calls fn for n and, if fn says true, for all nodes below it, in the order
// of the text as far as the tree shows it. Nil children are left out.
func Walk(n Node, fn func(Node) bool) {
	w := walker{fn}
	w.node(n)
}

type walker struct{ fn func(Node) bool }

func (w walker) node(n Node) {
	if n == nil || !w.fn(n) {
		return
	}
	switch n := n.(type) {
	case QueryBody:
		w.query(n)
	case TableExpr:
		w.table(n)
	case Expr:
		w.expr(n)
	case Stmt:
		w.stmt(n)
	case *OrderItem:
		w.expr1(n.Expr)
	case *Target:
		w.expr1(n.Expr)
	case *WindowSpec:
		w.window(n)
	case *TypeName:
		for _, f := range n.Fields {
			w.node(f.Type)
		}
		if n.Key != nil {
			w.node(n.Key)
			w.node(n.Value)
		}
	case *Assignment:
		for _, c := range n.Columns {
			w.node(c)
		}
		w.expr1(n.Value)
	case *TargetColumn:
		w.exprs(n.Indirection)
	case *ColumnDef:
		if n.Type != nil {
			w.node(n.Type)
		}
		w.expr1(n.Default)
		w.expr1(n.Generated)
		w.expr1(n.Check)
	case *WatermarkDef:
		w.expr1(n.Expr)
	}
}

func (w walker) expr1(e Expr) {
	if e != nil {
		w.node(e)
	}
}

func (w walker) exprs(es []Expr) {
	for _, e := range es {
		w.expr1(e)
	}
}

func (w walker) sub(q *Query) {
	if q != nil {
		w.node(q)
	}
}

func (w walker) order(items []*OrderItem) {
	for _, o := range items {
		w.node(o)
	}
}

func (w walker) targets(ts []*Target) {
	for _, t := range ts {
		w.node(t)
	}
}

func (w walker) tables(ts []TableExpr) {
	for _, t := range ts {
		w.node(t)
	}
}

func (w walker) expr(n Expr) {
	switch n := n.(type) {
	case *Star:
		for _, c := range n.Except {
			w.node(c)
		}
	case *TypedLit:
		w.node(n.Type)
	case *Unary:
		w.expr1(n.Expr)
	case *Binary:
		w.expr1(n.Left)
		w.expr1(n.Right)
	case *Is:
		w.expr1(n.Expr)
	case *IsDistinct:
		w.expr1(n.Left)
		w.expr1(n.Right)
	case *Like:
		w.expr1(n.Expr)
		w.expr1(n.Pattern)
		w.expr1(n.Escape)
	case *Between:
		w.expr1(n.Expr)
		w.expr1(n.Low)
		w.expr1(n.High)
	case *In:
		w.expr1(n.Expr)
		w.exprs(n.List)
		w.sub(n.Query)
	case *AnyAll:
		w.expr1(n.Expr)
		w.expr1(n.Array)
		w.sub(n.Query)
	case *Cast:
		w.expr1(n.Expr)
		w.node(n.Type)
	case *Collate:
		w.expr1(n.Expr)
	case *AtTimeZone:
		w.expr1(n.Expr)
		w.expr1(n.Zone)
	case *Subscript:
		w.exprs([]Expr{n.Expr, n.Index, n.Low, n.High})
	case *FieldSelect:
		w.expr1(n.Expr)
	default:
		w.compound(n)
	}
}

// compound visits what is below calls, subqueries and collections.
func (w walker) compound(n Expr) {
	switch n := n.(type) {
	case *Exists:
		w.sub(n.Query)
	case *Subquery:
		w.sub(n.Query)
	case *ArraySubquery:
		w.sub(n.Query)
	case *ArrayExpr:
		w.exprs(n.Items)
	case *RowExpr:
		w.exprs(n.Items)
	case *MapExpr:
		for i := range n.Keys {
			w.expr1(n.Keys[i])
			w.expr1(n.Values[i])
		}
	case *Case:
		w.expr1(n.Operand)
		for _, b := range n.Whens {
			w.expr1(b.Cond)
			w.expr1(b.Result)
		}
		w.expr1(n.Else)
	case *FuncCall:
		w.call(n)
	case *NamedArg:
		w.expr1(n.Expr)
	case *Lambda:
		w.expr1(n.Body)
	case *GroupingSet:
		w.exprs(n.Items)
	}
}

func (w walker) call(n *FuncCall) {
	w.exprs(n.Args)
	w.order(n.OrderBy)
	w.order(n.WithinGroup)
	w.expr1(n.Filter)
	if n.Over != nil {
		w.node(n.Over)
	}
}

func (w walker) window(n *WindowSpec) {
	w.exprs(n.PartitionBy)
	w.order(n.OrderBy)
	if n.Frame == nil {
		return
	}
	w.expr1(n.Frame.Gap)
	for _, b := range []*FrameBound{n.Frame.Start, n.Frame.End} {
		if b != nil {
			w.expr1(b.Value)
		}
	}
}

func (w walker) query(n QueryBody) {
	switch n := n.(type) {
	case *Query:
		w.with(n.With)
		w.node(n.Body)
		w.order(n.OrderBy)
		w.expr1(n.Limit)
		w.expr1(n.Offset)
	case *Select:
		w.exprs(n.DistinctOn)
		w.targets(n.Targets)
		w.tables(n.From)
		w.expr1(n.Where)
		w.exprs(n.GroupBy)
		w.expr1(n.Having)
		for _, d := range n.Windows {
			w.node(d.Spec)
		}
	case *SetOp:
		w.node(n.Left)
		w.node(n.Right)
	case *Values:
		for _, r := range n.Rows {
			w.exprs(r)
		}
	}
}

func (w walker) with(n *With) {
	if n == nil {
		return
	}
	for _, c := range n.CTEs {
		w.sub(c.Query)
	}
}

func (w walker) table(n TableExpr) {
	switch n := n.(type) {
	case *TableName:
		w.expr1(n.AsOf)
	case *SubqueryTable:
		w.sub(n.Query)
	case *FuncTable:
		w.expr1(n.Call)
		w.expr1(n.AsOf)
	case *RowsFrom:
		for _, f := range n.Funcs {
			w.expr1(f.Call)
		}
	case *Join:
		w.node(n.Left)
		w.node(n.Right)
		w.expr1(n.On)
	}
}
