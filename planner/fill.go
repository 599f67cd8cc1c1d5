package planner

import (
	"slices"

	"streamdb/catalog"
	"streamdb/expr"
	"streamdb/planner/bind"
	"streamdb/vec"
)

// Fill completes rows that give values for some columns of a table to rows of all
// its visible columns, as INSERT does: with defaults, and then with generated columns.
type Fill struct {
	given     []int // positions in the table of the columns given
	visible   []int
	width     int               // of the table
	defaults  map[int]expr.Expr // by position, without columns
	generated map[int]expr.Expr // over all columns of the table by position
}

// FillOf binds what completes rows of the named columns, which the table has.
func FillOf(ctx *Context, o *catalog.Object, names []string) (*Fill, error) {
	f := &Fill{width: len(o.Cols)}
	for _, name := range names {
		f.given = append(f.given, slices.IndexFunc(o.Cols, func(c catalog.Column) bool { return c.Name == name && !c.Hidden }))
	}
	for i, c := range o.Cols {
		if !c.Hidden {
			f.visible = append(f.visible, i)
		}
	}
	var err error
	f.defaults, f.generated, err = bind.New(ctx).Fill(o, f.given)
	return f, err
}

// Rows gives the visible columns of n rows; cols are those that are given.
func (f *Fill) Rows(ctx *expr.Ctx, cols []vec.Vec, n int) ([]vec.Vec, error) {
	all := make([]vec.Vec, f.width)
	for k, at := range f.given {
		all[at] = cols[k]
	}
	put := func(es map[int]expr.Expr, cols []vec.Vec) error {
		for at, e := range es {
			v, err := e.Eval(ctx, cols, nil, n)
			if err != nil {
				return err
			}
			all[at] = v.Dense()
		}
		return nil
	}
	if err := put(f.defaults, nil); err != nil {
		return nil, err
	}
	if err := put(f.generated, slices.Clone(all)); err != nil {
		return nil, err
	}
	out := make([]vec.Vec, len(f.visible))
	for k, at := range f.visible {
		out[k] = all[at]
	}
	return out, nil
}
