package bind

import (
	"slices"

	"streamdb/catalog"
	"streamdb/planner/logical"
	"streamdb/sql/ast"
)

// storedColumn is a column of a relation of the catalog, by position in its Cols.
type storedColumn struct {
	id  catalog.ID
	col int
}

// seen is a relation's columns as the text of a view knows them; nil: as they are.
type seen struct{ names []string }

// named finds the relation that a name means: in a view what it meant when the
// view was made, whatever it is called now.
func (b *Binder) named(name ast.Name) (*catalog.Object, *seen) {
	if b.within != nil && len(b.within.Refs) > 0 {
		if r := b.within.Ref(name.String()); r != nil {
			return b.ctx.Catalog.ByID(r.ID), &seen{r.Cols}
		}
	}
	o := b.Object(name.Schema(), name.Base())
	if o != nil && b.within == nil {
		b.note(name, o)
	}
	return o, nil
}

// note remembers a relation that the statement itself names.
func (b *Binder) note(name ast.Name, o *catalog.Object) {
	s := name.String()
	for _, r := range b.refs {
		if r.Name == s {
			return
		}
	}
	r := &catalog.Ref{Name: s, ID: o.ID}
	for _, c := range o.Cols {
		r.Cols = append(r.Cols, c.Name)
	}
	b.refs = append(b.refs, r)
}

// apply gives columns the names that a view knows, and hides those that came later.
func (s *seen) apply(cols []scopeCol) []scopeCol {
	if s == nil {
		return cols
	}
	cols = cols[:min(len(cols), len(s.names))]
	for i := range cols {
		if !cols[i].hidden {
			cols[i].name = s.names[i]
		}
	}
	return cols
}

// keeps notes that a column of the plan is one of a relation of the catalog. A
// column that a view passes on is both the view's and that of what it reads.
func (b *Binder) keeps(id logical.ColID, o *catalog.Object, col int) {
	b.stored[id] = append(b.stored[id], storedColumn{o.ID, col})
}

// Refs lists the relations that the statement names, with the columns it uses.
func (b *Binder) Refs() []catalog.Ref {
	var out []catalog.Ref
	for _, r := range b.refs {
		for id, at := range b.stored {
			for _, c := range at {
				if c.id == r.ID && b.used.Has(id) && !slices.Contains(r.Used, c.col) {
					r.Used = append(r.Used, c.col)
				}
			}
		}
		slices.Sort(r.Used)
		out = append(out, *r)
	}
	return out
}
