package planner

import (
	"slices"

	"streamdb/catalog"
	"streamdb/sql/ast"
)

// A relation may have more columns today than a text knows. The text keeps what it
// means but where it takes all columns: a star, a NATURAL join. There the relation
// is printed as a query of the columns that the text knows, under their names.

// grown reports whether anything that the object names has columns that its text
// does not know.
func grown(cat *catalog.Catalog, o *catalog.Object) bool {
	return slices.ContainsFunc(o.Refs, func(ref catalog.Ref) bool {
		at := cat.ByID(ref.ID)
		return at != nil && moreColumns(&ref, at)
	})
}

// moreColumns reports whether a relation has visible columns that a text does not
// know. A text about which nothing is noted knows all.
func moreColumns(ref *catalog.Ref, o *catalog.Object) bool {
	return len(ref.Cols) > 0 && len(ref.Cols) < len(o.Cols) &&
		slices.ContainsFunc(o.Cols[len(ref.Cols):], func(c catalog.Column) bool { return !c.Hidden })
}

// takesAll reports whether a query takes all columns of something.
func takesAll(q *ast.Query) bool {
	found := false
	ast.Walk(q, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Star:
			found = true
		case *ast.Join:
			found = found || n.Natural
		}
		return !found
	})
	return found
}

// known is what stands in FROM, a relation with more columns than the text knows as
// a query of those that it knows.
func (r *renamer) known(t ast.TableExpr, shadow []string) ast.TableExpr {
	n, ok := t.(*ast.TableName)
	if !ok || n.AsOf != nil || slices.Contains(r.done, n) { // a temporal join needs the table itself
		return t
	}
	q := r.knownQuery(n.Name, shadow)
	if q == nil {
		return t
	}
	alias := n.Alias
	if alias == nil {
		alias = &ast.TableAlias{Name: n.Name.Base()}
	}
	return &ast.SubqueryTable{Pos: n.Pos, Query: q, Alias: alias}
}

// knownQuery is the query of a relation's columns that the text knows; nil if those
// are all, or if it does not matter.
func (r *renamer) knownQuery(name ast.Name, shadow []string) *ast.Query {
	ref := r.obj.Ref(name.String())
	if !r.all || ref == nil || len(name.Parts) == 1 && slices.Contains(shadow, name.Base()) {
		return nil
	}
	o := r.cat.ByID(ref.ID)
	if o == nil || !moreColumns(ref, o) {
		return nil
	}
	from := &ast.TableName{Pos: name.Pos, Name: name}
	if r.moved(ref, o) {
		from.Name = r.shortest(name, o)
	}
	sel := &ast.Select{Pos: name.Pos, From: []ast.TableExpr{from}}
	for i, was := range ref.Cols {
		c := o.Cols[i]
		if c.Hidden {
			continue
		}
		t := &ast.Target{Pos: name.Pos, Expr: &ast.ColumnRef{Pos: name.Pos, Parts: []string{c.Name}}}
		if c.Name != was {
			t.Alias = was
		}
		sel.Targets = append(sel.Targets, t)
	}
	r.done = append(r.done, from)
	return &ast.Query{Pos: name.Pos, Body: sel}
}
