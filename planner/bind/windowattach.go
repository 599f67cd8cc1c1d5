package bind

import (
	"slices"

	"streamdb/expr"
	"streamdb/planner/logical"
)

// attach puts the windows on the rows after grouping: one node for all calls
// over the same partition and order. Those that only number rows come last, so
// that a condition on the number reaches them first.
func (w *windows) attach(node logical.Node) (logical.Node, error) {
	if len(w.calls) == 0 {
		return node, nil
	}
	for _, f := range w.pending {
		var err error
		if node, err = f(node); err != nil {
			return nil, err
		}
	}
	cols := &windowColumns{b: w.b, have: logical.OutSet(node), made: map[string]logical.ColID{}}
	var nodes []*logical.Window
	by := map[string]*logical.Window{}
	for _, c := range w.calls {
		if err := cols.call(c); err != nil {
			return nil, err
		}
		key := c.spec.key()
		n := by[key]
		if n == nil {
			n = &logical.Window{}
			for _, p := range c.spec.partition {
				n.Partition = append(n.Partition, cols.column(p, "window_key"))
			}
			for _, o := range c.spec.order {
				k := o.by
				k.Col = cols.column(o.e, "window_key")
				n.Keys = append(n.Keys, k)
			}
			n.Partition = dedupe(n.Partition)
			by[key], nodes = n, append(nodes, n)
		}
		n.Calls = append(n.Calls, c.WindowCall)
	}
	if len(cols.items) > 0 {
		node = &logical.Project{In: node, Items: append(logical.Pass(w.b.Meta, dedupe(node.Out())), cols.items...)}
	}
	slices.SortStableFunc(nodes, func(a, b *logical.Window) int {
		return numbering(a) - numbering(b)
	})
	for _, n := range nodes {
		n.In = node
		node = n
	}
	return node, nil
}

// numbering is 1 for windows that only number rows.
func numbering(n *logical.Window) int {
	for _, c := range n.Calls {
		if c.Func != "row_number" && c.Func != "rank" && c.Func != "dense_rank" {
			return 0
		}
	}
	return 1
}

// windowColumns makes the columns that windows read.
type windowColumns struct {
	b     *Binder
	have  logical.Set
	made  map[string]logical.ColID
	items []logical.Item
}

func (w *windowColumns) column(e expr.Expr, name string) logical.ColID {
	if c, ok := e.(*expr.Col); ok && w.have.Has(c.Index) {
		return c.Index
	}
	key := logical.Key(e) + ":" + e.Type().String()
	id, ok := w.made[key]
	if !ok {
		id = w.b.Meta.New(name, e.Type())
		w.made[key] = id
		w.items = append(w.items, logical.Item{Col: id, E: e})
	}
	return id
}

// call gives the expressions of a call columns.
func (w *windowColumns) call(c *windowCall) error {
	for _, a := range c.args {
		c.Args = append(c.Args, w.column(a, "arg"))
	}
	if c.filter != nil {
		c.Filter = w.column(c.filter, "filter")
	}
	if c.deflt != nil {
		c.Default = w.column(c.deflt, "default")
	}
	if c.shift != nil {
		if logical.Cols(c.shift).Empty() && expr.VolatilityOf(c.shift) != expr.VolatileFn {
			c.Shift = c.shift
		} else {
			c.ShiftCol = w.column(c.shift, "offset")
		}
	}
	c.Frame = c.frame.Frame
	if len(c.spec.order) != 1 {
		return nil
	}
	key, start, end, err := c.frame.columns(w.b, c.spec.order[0], c.at)
	if err != nil {
		return err
	}
	if key != nil {
		c.spec.order[0].e = key
	}
	if start != nil {
		c.Frame.Start.Col = w.column(start, "frame_start")
	}
	if end != nil {
		c.Frame.End.Col = w.column(end, "frame_end")
	}
	return nil
}
