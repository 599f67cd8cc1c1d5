package op

import (
	"fmt"

	"streamdb/executor"
	"streamdb/expr"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// Direct is a bounded plan that reads at most one stored row, or none, and
// filters and projects: a look-up by the whole primary key, or a few rows of
// expressions (SELECT without FROM, the VALUES of an INSERT). It runs in one call,
// without operators. It is immutable and safe for concurrent use.
type Direct struct {
	scan   *TableScan // nil: values
	dec    *storage.RowDecoder
	values *Values
	calcs  []*Calc // from the leaf up
}

// directRows bounds the rows of expressions that run in one call, which nothing
// can cancel between two of them.
const directRows = 64

// DirectOf is the plan as a Direct, if it is such a plan; else nil. What may take
// its time (volatile functions: pg_sleep) is none.
func DirectOf(p *executor.Plan) *Direct {
	if len(p.Fragments) != 1 {
		return nil
	}
	d := &Direct{}
	at := p.Fragments[0].Root
	for {
		c, ok := at.(*Calc)
		if !ok {
			break
		}
		if c.Failed.ID != 0 || varies(c.Where) || varies(c.Exprs...) {
			return nil
		}
		d.calcs = append([]*Calc{c}, d.calcs...)
		at = c.In
	}
	switch leaf := at.(type) {
	case *TableScan:
		if len(leaf.Point) == 0 || len(leaf.Point) != len(leaf.Table.Key) || varies(leaf.Point...) {
			return nil
		}
		d.scan, d.dec = leaf, leaf.Table.Decoder(leaf.Cols)
		if len(d.calcs) > 0 {
			d.calcs[0] = leaf.withoutPoint(d.calcs[0])
		}
	case *Values:
		if len(leaf.Rows) > directRows {
			return nil
		}
		for _, row := range leaf.Rows {
			if varies(row...) {
				return nil
			}
		}
		d.values = leaf
	default:
		return nil
	}
	return d
}

// withoutPoint is the filter above a look-up by the whole key without the
// conditions that say that the key is this one.
func (s *TableScan) withoutPoint(c *Calc) *Calc {
	var rest []expr.Expr
	for _, cond := range expr.Conjuncts(c.Where) {
		if !s.saysPoint(cond) {
			rest = append(rest, cond)
		}
	}
	out := *c
	out.Where = expr.AndOf(rest)
	return &out
}

// saysPoint says that a condition compares a column of the key with what Point has
// for it, and that types whose values have one key exactly if they are equal.
func (s *TableScan) saysPoint(cond expr.Expr) bool {
	call, ok := cond.(*expr.Call)
	if !ok || call.Def.Name != "=" || len(call.Args) != 2 {
		return false
	}
	for side, arg := range call.Args {
		col, ok := arg.(*expr.Col)
		if !ok {
			continue
		}
		value := call.Args[1-side]
		for i, k := range s.Table.Key {
			if k.Col == s.Cols[col.Index] && expr.Equal(value, s.Point[i]) {
				a, b := col.T, value.Type()
				return a.ID == b.ID && a.ID != types.Float4 && a.ID != types.Float8 || a.IsInteger() && b.IsInteger()
			}
		}
	}
	return false
}

func varies(es ...expr.Expr) bool {
	for _, e := range es {
		if e != nil && expr.VolatilityOf(e) == expr.VolatileFn {
			return true
		}
	}
	return false
}

// Run gives the rows; nil: none. snapshot is read by one Get at most.
func (d *Direct) Run(ctx *expr.Ctx, snapshot storage.Snapshot) (*stream.Batch, error) {
	b, err := d.leaf(ctx, snapshot)
	for _, s := range d.calcs {
		if err != nil || b == nil || b.Rows() == 0 {
			return nil, err
		}
		c := calc{spec: s, where: s.Where, exprs: s.Exprs}
		sel, res, failed := c.eval(ctx, b, false)
		if failed != nil || sel != nil && len(sel) == 0 {
			return nil, failed
		}
		b = s.result(b, sel, res)
	}
	return b, err
}

func (d *Direct) leaf(ctx *expr.Ctx, snapshot storage.Snapshot) (*stream.Batch, error) {
	if d.values != nil {
		return d.values.batch(ctx, 0, len(d.values.Rows))
	}
	s := d.scan
	vnode, key, some, err := s.key(ctx)
	if err != nil || !some {
		return nil, err
	}
	value, err := snapshot.Get(s.Table.Def.ID, vnode, key)
	if err != nil || value == nil {
		return nil, err
	}
	all, bs := make([]vec.Builder, len(s.Cols)), make([]*vec.Builder, len(s.Cols))
	for i, c := range s.Cols {
		all[i].Layout = s.Table.Cols[c].Type.Layout()
		all[i].Reset(1)
		bs[i] = &all[i]
	}
	if err := d.dec.Append(bs, value); err != nil {
		return nil, fmt.Errorf("relation %s: %w", s.Name, err)
	}
	return batchOf(bs, 1, nil), nil
}
