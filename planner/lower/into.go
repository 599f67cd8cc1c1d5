package lower

import (
	"streamdb/catalog"
	"streamdb/executor"
	"streamdb/executor/op"
	"streamdb/planner/logical"
	"streamdb/stream"
	"streamdb/types"
)

// Into lowers the query of CREATE SINK .. INTO table: ids are the table's visible
// columns. View.AppendOnly says that the query never retracts (before inserts
// drops what it retracts).
func Into(m *logical.Meta, root logical.Node, ids []logical.ColID, out types.Schema, o, table *catalog.Object, inserts bool, opt Options) (v *View, err error) {
	l := &lowerer{meta: m, job: true, opt: opt}
	defer l.check(&err)
	r, _, _, err := l.viewRows(root, ids, out)
	if err != nil {
		return nil, err
	}
	into := &op.SinkInto{In: r.spec, Name: displayName(table), Inserts: inserts && !r.appendOnly, Out: table.Types()}
	visible := 0
	for _, c := range table.Cols {
		if c.Dropped {
			into.Cols = append(into.Cols, op.FillCol)
			continue
		}
		if c.Hidden {
			into.Cols = append(into.Cols, op.RowIDCol)
			continue
		}
		into.Cols = append(into.Cols, visible)
		visible++
	}
	end := &rel{spec: into, appendOnly: r.appendOnly, dist: r.dist}
	if end.dist.kind == hashed { // by columns that the table need not have
		end.dist = dist{kind: anywhere}
	}
	l.finish(end)
	v = &View{Cols: into.Out, AppendOnly: r.appendOnly, Plan: executor.Plan{Job: stream.JobID(o.ID), Fragments: l.frags}}
	return v, v.Plan.Validate()
}
