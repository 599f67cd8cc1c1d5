package planner

import (
	"streamdb/catalog"
	"streamdb/planner/bind"
	"streamdb/planner/lower"
	"streamdb/sql/ast"
)

// IntoJob plans CREATE SINK .. INTO: o has its ID; q is its query, cols the
// columns of the table that it gives values for (none: the first ones). inserts
// says that only inserted rows go into the table. It returns the table too.
//
// The job's output is the table's rows: see op.AttachWriter.
func IntoJob(ctx *Context, o *catalog.Object, into ast.Name, cols []string, q *ast.Query, inserts bool) (*JobPlan, *catalog.Object, error) {
	c := *ctx
	c.Job, c.ParamTypes = true, nil
	s := &ast.Insert{Pos: into.Pos, Table: into, Query: q}
	for _, name := range cols {
		s.Columns = append(s.Columns, &ast.TargetColumn{Pos: into.Pos, Name: name})
	}
	b := bind.New(&c)
	table, rel, _, _, err := b.Insert(s)
	if err != nil {
		return nil, nil, err
	}
	bound, err := optimized(&c, b, rel)
	if err != nil {
		return nil, nil, err
	}
	v, err := lower.Into(bound.meta, bound.root, bound.ids, bound.Cols, o, table, inserts, jobOptions(ctx))
	if err != nil {
		return nil, nil, err
	}
	return jobPlan(&v.Plan, v, bound), table, nil
}
