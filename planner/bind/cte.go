package bind

import (
	"slices"

	"streamdb/planner/logical"
	"streamdb/sql/ast"
)

// cteQuery is the query of a CTE at one use. In a SELECT it is computed once, as
// in Postgres, if it is MATERIALIZED or would give other rows each time: all uses
// read it. Otherwise it is bound anew, so that the conditions of each use may
// move into it; uses that stay equal are found later (logical.Classes). So is one
// that reads columns of an outer query.
func (b *Binder) cteQuery(e *cteEnv, at ast.Node) (*Rel, error) {
	if e.common == nil {
		rel, err := b.query(e.cte.Query, e.outer, e.env)
		if err != nil || b.ctx.Job {
			return rel, err
		}
		varies := logical.Varies(rel.Root)
		if !logical.Free(rel.Root).Empty() {
			if varies && e.used {
				return nil, b.unsupported(at, "a WITH query that reads an outer query, has a volatile function and is named twice").
					WithHint("Name it once, or compute the volatile part in the outer query.")
			}
			e.used = true
			return rel, nil
		}
		if e.cte.Materialized != ast.MaterializedAlways && !varies {
			return rel, nil
		}
		e.common = rel
		e.of = &logical.CommonQuery{Name: e.cte.Name, Root: rel.Root, Varies: varies}
		for _, c := range rel.Cols {
			if !slices.Contains(e.of.Cols, c.ID) {
				e.of.Cols = append(e.of.Cols, c.ID)
			}
		}
	}
	return b.commonRel(e), nil
}

// commonRel reads a common query at one place.
func (b *Binder) commonRel(e *cteEnv) *Rel {
	n := &logical.Common{Of: e.of}
	as := map[logical.ColID]logical.ColID{}
	for _, id := range e.of.Cols {
		own := b.Meta.Like(id)
		if o, ok := b.Meta.Origins[id]; ok {
			b.Meta.SetOrigin(own, o)
		}
		if at := b.stored[id]; at != nil {
			b.stored[own] = at
		}
		as[id] = own
		n.Cols = append(n.Cols, own)
	}
	rel := &Rel{Root: n}
	for _, c := range e.common.Cols {
		c.ID = as[c.ID]
		rel.Cols = append(rel.Cols, c)
	}
	return rel
}
