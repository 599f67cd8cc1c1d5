package lower

import (
	"slices"
	"strconv"

	"streamdb/catalog"
	"streamdb/executor"
	"streamdb/executor/op"
	"streamdb/planner/logical"
	"streamdb/stream"
	"streamdb/types"
)

// View is a lowered materialized view: its fragments end in a Materialize.
type View struct {
	Plan       executor.Plan
	Cols       types.Schema // the stored row: visible columns, then hidden keys
	Rows       *catalog.Rows
	AppendOnly bool
	Marks      []int // positions in Cols with watermarks
	Props      map[executor.Spec]Properties
}

// MaterializedView lowers a plan to a job that keeps its result stored. The
// stored key is the stream key.
func MaterializedView(m *logical.Meta, root logical.Node, ids []logical.ColID, out types.Schema, job stream.JobID, opt Options) (*View, error) {
	return share(m, root, true, opt, func(l *lowerer) (*View, error) { return l.materializedView(root, ids, out, job) })
}

func (l *lowerer) materializedView(root logical.Node, ids []logical.ColID, out types.Schema, job stream.JobID) (*View, error) {
	r, all, cols, err := l.viewRows(root, ids, out)
	if err != nil {
		return nil, err
	}
	v := &View{Cols: cols, AppendOnly: r.appendOnly, Marks: marked(r, all), Props: l.props}
	v.Rows = &catalog.Rows{Table: l.table("rows")}
	for _, id := range r.key {
		v.Rows.Key = append(v.Rows.Key, catalog.KeyCol{Col: slices.Index(all, id)})
	}
	distCols := r.key
	if l.parallel() {
		if r.dist.kind != single && !(r.dist.kind == hashed && logical.SetOf(r.dist.cols...).Subset(logical.SetOf(r.key...))) {
			if r, err = l.exchange(r, r.key); err != nil {
				return nil, err
			}
		}
		if r.dist.kind == hashed {
			distCols = r.dist.cols
		}
	}
	for _, id := range distCols {
		v.Rows.Dist = append(v.Rows.Dist, slices.Index(all, id))
	}
	r.spec = &op.Materialize{In: r.spec, Table: rowTable(cols, v.Rows), AppendOnly: r.appendOnly}
	l.finish(r)
	v.Plan = executor.Plan{Job: job, Fragments: l.frags}
	return v, v.Plan.Validate()
}

// viewRows lowers the query of a view or sink: its columns, then those of the
// stream key that are not among them.
func (l *lowerer) viewRows(root logical.Node, ids []logical.ColID, out types.Schema) (*rel, []logical.ColID, types.Schema, error) {
	r, err := l.lower(root, logical.SetOf(ids...))
	if err != nil {
		return nil, nil, nil, err
	}
	if r, err = l.emitOnClose(r, ids); err != nil {
		return nil, nil, nil, err
	}
	all, cols := slices.Clone(ids), slices.Clone(out)
	for _, id := range r.key {
		if !slices.Contains(all, id) {
			all = append(all, id)
			cols = append(cols, types.Column{Name: hiddenName(l.meta.Cols[id].Name, cols), Type: l.meta.Cols[id].Type, Hidden: true})
		}
	}
	return l.output(r, all, cols), all, cols, nil
}

func hiddenName(name string, taken types.Schema) string {
	if name == "" || name[0] != '_' {
		name = "_" + name
	}
	base := name
	for i := 1; slices.ContainsFunc(taken, func(c types.Column) bool { return c.Name == name }); i++ {
		name = base + "_" + strconv.Itoa(i)
	}
	return name
}

func rowTable(cols types.Schema, rows *catalog.Rows) op.RowTable {
	t := op.RowTable{Def: rows.Table, Cols: cols, Dist: rows.Dist}
	for _, k := range rows.Key {
		t.Key = append(t.Key, op.SortKey{Col: k.Col, Desc: k.Desc, NullsFirst: k.NullsFirst})
	}
	return t
}

// finish makes r the last fragment.
func (l *lowerer) finish(r *rel) { l.end(r) }

// Sink lowers a plan to a job that delivers its changes to a connector.
func Sink(m *logical.Meta, root logical.Node, ids []logical.ColID, out types.Schema, o *catalog.Object, opt Options) (*View, error) {
	return share(m, root, true, opt, func(l *lowerer) (*View, error) { return l.sink(root, ids, out, o) })
}

func (l *lowerer) sink(root logical.Node, ids []logical.ColID, out types.Schema, o *catalog.Object) (*View, error) {
	r, err := l.lower(root, logical.SetOf(ids...))
	if err != nil {
		return nil, err
	}
	if r, err = l.emitOnClose(r, ids); err != nil {
		return nil, err
	}
	r = l.output(r, ids, out)
	if r, err = l.exchange(r, nil); err != nil {
		return nil, err
	}
	conf := SourceConf(o)
	conf.Schema = out
	r.spec = &op.Sink{In: r.spec, Name: o.Name, Conf: conf, Outbox: l.table("outbox")}
	l.finish(r)
	v := &View{Cols: out, AppendOnly: r.appendOnly, Plan: executor.Plan{Job: stream.JobID(o.ID), Fragments: l.frags}}
	return v, v.Plan.Validate()
}
