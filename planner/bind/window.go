package bind

import (
	"streamdb/expr"
	"streamdb/internal/sqlerr"
	"streamdb/planner/logical"
	"streamdb/sql/ast"
	"streamdb/types"
)

// rowNumber binds ROW_NUMBER() and RANK() OVER (PARTITION BY .. ORDER BY ..).
func (c *exprCtx) rowNumber(e *ast.FuncCall, name string) (expr.Expr, error) {
	b := c.b
	if c.clause != "SELECT" {
		return nil, b.errAt(e, sqlerr.WindowingError, "window functions are not allowed in %s", c.clause)
	}
	if e.Over.Name != "" || e.Over.Base != "" || e.Over.Frame != nil || len(e.Args) > 0 || e.Filter != nil {
		return nil, b.unsupported(e, "this form of the window function %s", name)
	}
	w := &logical.Window{Ties: name == "rank"}
	var items []logical.Item
	column := func(x expr.Expr) logical.ColID {
		if col, ok := x.(*expr.Col); ok {
			return col.Index
		}
		id := b.Meta.New("window_key", x.Type())
		items = append(items, logical.Item{Col: id, E: x})
		return id
	}
	for _, p := range e.Over.PartitionBy {
		x, err := c.bind(p)
		if err != nil {
			return nil, err
		}
		if x, err = b.known(x, p); err != nil {
			return nil, err
		}
		w.Partition = append(w.Partition, column(x))
	}
	for _, o := range e.Over.OrderBy {
		x, err := c.bind(o.Expr)
		if err != nil {
			return nil, err
		}
		if x, err = b.known(x, o); err != nil {
			return nil, err
		}
		k, err := b.sortKey(o, column(x))
		if err != nil {
			return nil, err
		}
		w.Keys = append(w.Keys, k)
	}
	w.Partition = dedupe(w.Partition)
	w.Col = b.Meta.New(name, types.Of(types.Int8))
	c.later(func(n logical.Node) (logical.Node, error) {
		if len(items) > 0 {
			n = &logical.Project{In: n, Items: append(logical.Pass(b.Meta, dedupe(n.Out())), items...)}
		}
		used := logical.SetOf(w.Partition...)
		for _, k := range w.Keys {
			used.Add(k.Col)
		}
		if !used.Subset(logical.OutSet(n)) {
			return nil, b.unsupported(e, "the window function %s over an aggregation", name)
		}
		c := *w
		c.In = n
		return &c, nil
	})
	return b.Meta.Ref(w.Col), nil
}
