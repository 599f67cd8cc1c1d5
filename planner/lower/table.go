package lower

import (
	"slices"

	"streamdb/catalog"
	"streamdb/executor"
	"streamdb/executor/op"
	"streamdb/expr"
	"streamdb/planner/logical"
	"streamdb/stream"
	"streamdb/types"
)

// Source lowers a source without storage: the job that reads its connector for
// all views over it. Output: the connector's columns, then _row_id.
func Source(o *catalog.Object, opt Options) (*executor.Plan, error) {
	l := &lowerer{meta: &logical.Meta{}, job: true, opt: opt}
	r := l.reader(o)
	l.finish(r)
	p := &executor.Plan{Job: stream.JobID(o.ID), Fragments: l.frags}
	return p, p.Validate()
}

// reader is op.Source over all columns of a connector.
func (l *lowerer) reader(o *catalog.Object) *rel {
	conf := SourceConf(o)
	src := &op.Source{Conf: conf, Splits: l.table("splits"), Quarantine: l.table("quarantine")}
	r := &rel{spec: src, appendOnly: true, dist: dist{kind: single}}
	if l.parallel() {
		r.dist.kind = anywhere
	}
	for i, c := range conf.Schema {
		src.Cols = append(src.Cols, i)
		r.cols = append(r.cols, l.meta.New(c.Name, c.Type))
	}
	row := rowIDColumn()
	r.cols = append(r.cols, l.meta.New(row.Name, row.Type))
	src.Out = append(slices.Clone(conf.Schema), row)
	return r
}

// Generated is the expression of a generated column over the columns of
// the table, by their position in Object.Cols.
type Generated map[int]expr.Expr

// Table lowers a table: DML and, if it has one, its connector, into Materialize.
// watermark, if not nil, is over the positions in Object.Cols.
func Table(o *catalog.Object, gen Generated, watermark expr.Expr, opt Options) (*View, error) {
	l := &lowerer{meta: &logical.Meta{}, job: true, opt: opt}
	cols := o.Types()
	ids := make([]logical.ColID, len(cols))
	for i, c := range cols {
		ids[i] = l.meta.New(c.Name, c.Type)
	}
	v := &View{Cols: cols, AppendOnly: o.AppendOnly, Rows: &catalog.Rows{Table: l.table("rows")}}
	key := o.PrimaryKey()
	if len(key) == 0 {
		key = []int{o.RowID()}
	}
	var keyIDs []logical.ColID
	for _, k := range key {
		v.Rows.Key = append(v.Rows.Key, catalog.KeyCol{Col: k})
		keyIDs = append(keyIDs, ids[k])
	}
	v.Rows.Dist = key
	r := &rel{cols: ids, key: keyIDs, dist: dist{kind: single}, spec: &op.DML{Name: displayName(o), Out: cols}}
	mat := &op.Materialize{AppendOnly: o.AppendOnly}
	if o.Connector != nil {
		src, err := l.connectorRows(o, ids, gen)
		if err != nil {
			return nil, err
		}
		if src, err = l.exchange(src, keyIDs); err != nil {
			return nil, err
		}
		if r, err = l.exchange(r, keyIDs); err != nil {
			return nil, err
		}
		r.spec = &op.Union{Ins: []executor.Spec{r.spec, src.spec}, Out: cols}
		if len(o.PrimaryKey()) > 0 {
			mat.Conflict = op.Overwrite
		}
	}
	if watermark != nil {
		f := l.watermarkFilter(o, r, o.Watermark.Col, watermark)
		if o.Connector != nil && len(o.PrimaryKey()) == 0 {
			f.RowID = len(cols) // _row_id is the last
		}
		r.spec = f
	}
	if o.Retention > 0 {
		mat.AppendOnly, v.AppendOnly = false, false
		if err := l.retain(r, o); err != nil {
			return nil, err
		}
	}
	mat.In, mat.Table = r.spec, rowTable(cols, v.Rows)
	mat.Table.Missing = o.Missing()
	r.spec = mat
	l.finish(r)
	v.Plan = executor.Plan{Job: stream.JobID(o.ID), Fragments: l.frags}
	return v, v.Plan.Validate()
}

// connectorRows brings the connector's columns into the table's order and adds
// generated columns.
func (l *lowerer) connectorRows(o *catalog.Object, ids []logical.ColID, gen Generated) (*rel, error) {
	src := l.reader(o)
	by := map[logical.ColID]expr.Expr{}
	k := 0
	for i, c := range o.Cols {
		switch {
		case c.Dropped: // NULL from now on
		case c.Hidden:
			by[ids[i]] = l.meta.Ref(src.cols[len(src.cols)-1])
		case c.Generated == "":
			by[ids[i]] = l.meta.Ref(src.cols[k])
			k++
		}
	}
	for i, e := range gen {
		at := expr.Rewrite(e, func(x expr.Expr) expr.Expr {
			if c, ok := x.(*expr.Col); ok {
				return by[ids[c.Index]]
			}
			return x
		})
		by[ids[i]] = at
	}
	items := make([]logical.Item, len(ids))
	for i, id := range ids {
		e := by[id]
		if e == nil {
			e = expr.Null(types.T{ID: o.Cols[i].Type.ID})
		}
		items[i] = logical.Item{Col: id, E: e}
	}
	return l.calc(src, nil, items), nil
}
