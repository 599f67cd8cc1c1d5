package bind

import (
	"streamdb/catalog"
	"streamdb/expr"
	"streamdb/expr/casts"

	"streamdb/types"
)

// declaredConflict is the ON CONFLICT of the table for statements that have none
// themselves. It is nil if the table has none either.
func (b *Binder) declaredConflict(o *catalog.Object) (*Conflict, error) {
	if o.Conflict == nil {
		return nil, nil
	}
	out := &Conflict{Declared: true}
	if o.Conflict.Do == catalog.ConflictIgnore {
		return out, nil
	}
	n := len(o.Cols)
	for i, c := range o.Cols {
		old, fresh := &expr.Col{Index: i, T: c.Type}, &expr.Col{Index: n + i, T: c.Type}
		switch {
		case c.Hidden || c.PK > 0:
			out.Set = append(out.Set, old)
		case o.Conflict.Do == catalog.ConflictFill:
			out.Set = append(out.Set, &expr.Coalesce{Args: []expr.Expr{fresh, old}, T: c.Type})
		default:
			out.Set = append(out.Set, fresh)
		}
	}
	if err := b.regenerate(o, out.Set); err != nil || o.Conflict.Version == 0 {
		return out, err
	}
	v := o.Conflict.Version - 1
	t := o.Cols[v].Type
	e, err := b.parseExpr(o, "there IS NULL OR fresh >= there")
	if err != nil {
		return nil, err
	}
	pair := types.Schema{{Name: "there", Type: t}, {Name: "fresh", Type: t}}
	newer, err := b.Over(e, pair, o.Name, "WITH VERSION COLUMN", types.Of(types.Bool), casts.Assignment)
	if err != nil {
		return nil, err
	}
	out.Where = expr.Substitute(newer, []expr.Expr{&expr.Col{Index: v, T: t}, &expr.Col{Index: n + v, T: t}})
	return out, nil
}

// regenerate computes the generated columns of a row from its other columns.
func (b *Binder) regenerate(o *catalog.Object, row []expr.Expr) error {
	for i, col := range o.Cols {
		if col.Generated == "" {
			continue
		}
		g, err := b.OverObject(o, col.Generated, col.Type)
		if err != nil {
			return err
		}
		row[i] = expr.Substitute(g, row)
	}
	return nil
}
