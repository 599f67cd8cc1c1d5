package bind

import (
	"slices"

	"streamdb/expr"
	"streamdb/expr/casts"
	"streamdb/internal/sqlerr"
	"streamdb/planner/logical"
	"streamdb/sql/ast"
	"streamdb/types"
)

// hypotheticalSets are the aggregates that say where a row would stand in the
// order of its group if it were there: rank(args) WITHIN GROUP (ORDER BY ..).
var hypotheticalSets = []string{"rank", "dense_rank", "percent_rank", "cume_dist"}

// hypothetical binds one of them as counts of the rows that come before the
// hypothetical one, which need a number per group and follow retractions:
//
//	rank          1 + count(*) of the rows before
//	dense_rank    1 + count(DISTINCT row) of the rows before
//	percent_rank  rows before / rows, 0 without rows
//	cume_dist     (1 + rows before or equal) / (1 + rows)
func (c *exprCtx) hypothetical(e *ast.FuncCall, name string) (expr.Expr, error) {
	b := c.b
	if owner := c.owner(e); owner != nil && owner != c {
		return owner.hypothetical(e, name)
	}
	switch {
	case c.inAgg:
		return nil, b.errAt(e, sqlerr.GroupingError, "aggregate function calls cannot be nested")
	case c.aggs == nil:
		return nil, b.errAt(e, sqlerr.GroupingError, "aggregate functions are not allowed in %s", c.clause)
	case e.Distinct:
		return nil, b.errAt(e, sqlerr.SyntaxError, "cannot use DISTINCT with WITHIN GROUP")
	}
	h, err := c.place(e, name)
	if err != nil {
		return nil, err
	}
	all, err := h.count(nil)
	if err != nil {
		return nil, err
	}
	before, err := h.count(h.before)
	if err != nil {
		return nil, err
	}
	one := intConst(1, types.Of(types.Int8))
	switch name {
	case "rank":
		return b.applyOp(e, "+", before, one)
	case "dense_rank":
		different, err := h.different()
		if err != nil {
			return nil, err
		}
		return b.applyOp(e, "+", different, one)
	case "percent_rank":
		// No rows: 0 / 1.
		some, err := b.applyFunc(e, "greatest", all, one)
		if err != nil {
			return nil, err
		}
		return h.ratio(before, some)
	}
	upTo, err := h.count(&expr.Or{Args: []expr.Expr{h.before, h.equal}})
	if err != nil {
		return nil, err
	}
	if upTo, err = b.applyOp(e, "+", upTo, one); err != nil {
		return nil, err
	}
	if all, err = b.applyOp(e, "+", all, one); err != nil {
		return nil, err
	}
	return h.ratio(upTo, all)
}

// hypotheticalRow is where a row of a group stands as to the hypothetical one.
type hypotheticalRow struct {
	c             *exprCtx
	e             *ast.FuncCall
	rows          []expr.Expr // the ORDER BY expressions
	filter        expr.Expr   // FILTER; nil: none
	before, equal expr.Expr
}

// place binds the arguments, each converted to a common type with its term of
// ORDER BY, and compares them.
func (c *exprCtx) place(e *ast.FuncCall, name string) (*hypotheticalRow, error) {
	b, in := c.b, c.aggs.in
	if len(e.Args) != len(e.WithinGroup) {
		return nil, b.errAt(e, sqlerr.UndefinedFunction, "function %s with %d direct arguments and %d of WITHIN GROUP does not exist", name, len(e.Args), len(e.WithinGroup)).
			WithHint("To use the hypothetical-set aggregate %s, the number of hypothetical direct arguments must match the number of ordering columns.", name)
	}
	h := &hypotheticalRow{c: c, e: e}
	var err error
	if e.Filter != nil {
		if h.filter, err = in.cond(e.Filter, "FILTER"); err != nil {
			return nil, err
		}
	}
	args, err := in.binds(e.Args)
	if err != nil {
		return nil, err
	}
	for _, a := range args {
		if err := c.groupConstant(a, e); err != nil {
			return nil, err
		}
	}
	keys := make([]logical.SortKey, len(args))
	for i, o := range e.WithinGroup {
		x, err := in.bind(o.Expr)
		if err != nil {
			return nil, err
		}
		both, _, err := b.common("WITHIN GROUP", []expr.Expr{x, args[i]}, o)
		if err != nil {
			return nil, err
		}
		h.rows, args[i] = append(h.rows, both[0]), both[1]
		if keys[i], err = b.sortKey(o, 0); err != nil {
			return nil, err
		}
	}
	for i := len(args) - 1; i >= 0; i-- {
		lt, eq, err := h.compare(keys[i], h.rows[i], args[i])
		if err != nil {
			return nil, err
		}
		if h.before == nil {
			h.before, h.equal = lt, eq
			continue
		}
		h.before = &expr.Or{Args: []expr.Expr{lt, &expr.And{Args: []expr.Expr{eq, h.before}}}}
		h.equal = &expr.And{Args: []expr.Expr{eq, h.equal}}
	}
	return h, nil
}

// groupConstant refuses a direct argument that differs within a group.
func (c *exprCtx) groupConstant(a expr.Expr, at ast.Node) error {
	var bad logical.ColID
	expr.Walk(a, func(x expr.Expr) bool {
		if c.aggs.grouped[logical.Key(x)] {
			return false
		}
		if col, ok := x.(*expr.Col); ok && c.aggs.input.Has(col.Index) {
			bad = col.Index
		}
		return true
	})
	if bad != 0 {
		return c.b.errAt(at, sqlerr.GroupingError, "column \"%s\" must appear in the GROUP BY clause or be used in an aggregate function", c.b.Meta.Cols[bad].Name).
			WithDetail("Direct arguments of an ordered-set aggregate must use only grouped columns.")
	}
	return nil
}

// compare says whether x comes before a in the order, and whether they are peers.
// before may be NULL for FALSE.
func (h *hypotheticalRow) compare(k logical.SortKey, x, a expr.Expr) (before, equal expr.Expr, err error) {
	b, op := h.c.b, "<"
	if k.Desc {
		op = ">"
	}
	if before, err = b.applyOp(h.e, op, x, a); err != nil {
		return nil, nil, err
	}
	if equal, err = b.applyOp(h.e, "is_not_distinct_from", x, a); err != nil {
		return nil, nil, err
	}
	first, last := x, a // NULL of the one, and the other not
	if !k.NullsFirst {
		first, last = a, x
	}
	null, err := b.applyOp(h.e, "is_null", first)
	if err != nil {
		return nil, nil, err
	}
	known, err := b.applyOp(h.e, "is_not_null", last)
	if err != nil {
		return nil, nil, err
	}
	return &expr.Or{Args: []expr.Expr{before, &expr.And{Args: []expr.Expr{null, known}}}}, equal, nil
}

// count is the number of rows for which cond (nil: always) is TRUE.
func (h *hypotheticalRow) count(cond expr.Expr) (expr.Expr, error) { return h.agg(cond, nil) }

// different is the number of different rows before the hypothetical one.
func (h *hypotheticalRow) different() (expr.Expr, error) {
	t := types.T{ID: types.Record}
	for i, x := range h.rows {
		t.Fields = append(t.Fields, types.Field{Name: "f" + itoa(i+1), Type: x.Type()})
	}
	row, err := h.c.b.makeRow(slices.Clone(h.rows), t, h.e)
	if err != nil {
		return nil, err
	}
	return h.agg(h.before, row)
}

// agg is count(*) or count(DISTINCT arg) of the rows for which cond is TRUE.
func (h *hypotheticalRow) agg(cond, arg expr.Expr) (expr.Expr, error) {
	a := h.c.aggs
	switch {
	case cond == nil:
		cond = h.filter
	case h.filter != nil:
		cond = &expr.And{Args: []expr.Expr{h.filter, cond}}
	}
	item := logical.AggItem{Zero: true, Distinct: arg != nil}
	var ts []types.T
	if arg != nil {
		ts = append(ts, arg.Type())
		item.Args = []logical.ColID{a.column(arg, "arg")}
	}
	def, _, err := h.c.b.resolveAgg(h.e, "count", ts...)
	if err != nil {
		return nil, err
	}
	item.Def = def.Key()
	if cond != nil {
		item.Filter = a.column(cond, "filter")
	}
	return a.add(item, "count", types.Of(types.Int8), h.e), nil
}

func (h *hypotheticalRow) ratio(x, y expr.Expr) (expr.Expr, error) {
	f8 := types.Of(types.Float8)
	for _, e := range []*expr.Expr{&x, &y} {
		f, err := h.c.b.coerce(*e, f8, casts.Explicit, h.e)
		if err != nil {
			return nil, err
		}
		*e = f
	}
	return h.c.b.applyOp(h.e, "/", x, y)
}
