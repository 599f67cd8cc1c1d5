package lower

import (
	"slices"

	"streamdb/catalog"
	"streamdb/executor"
	"streamdb/executor/op"
	"streamdb/expr"
	"streamdb/internal/sqlerr"
	"streamdb/planner/logical"
	"streamdb/stream"
	"streamdb/types"
)

// RowTable is the operator's view of an object's stored rows.
func RowTable(o *catalog.Object) op.RowTable {
	t := op.RowTable{Def: o.Rows.Table, Cols: o.Types(), Dist: o.Rows.Dist, Missing: o.Missing()}
	for _, k := range o.Rows.Key {
		t.Key = append(t.Key, op.SortKey{Col: k.Col, Desc: k.Desc, NullsFirst: k.NullsFirst})
	}
	return t
}

func displayName(o *catalog.Object) string {
	if o.Schema == "public" || o.Schema == "" {
		return o.Name
	}
	return o.Schema + "." + o.Name
}

// chosen are the needed columns of a leaf, maybe none, and their places.
func chosen(cols []logical.ColID, idx []int, need logical.Set) (ids []logical.ColID, at []int) {
	at = []int{} // nil would be all
	for i, id := range cols {
		if need.Has(id) {
			ids, at = append(ids, id), append(at, idx[i])
		}
	}
	return ids, at
}

// scan reads a stored relation: from a snapshot in a SELECT, by Backfill in a
// job. point, if any, are the expressions for the leading key columns.
func (l *lowerer) scan(n *logical.Scan, need logical.Set, point []expr.Expr) (*rel, error) {
	tab := RowTable(n.Obj)
	if !l.job {
		ids, at := chosen(n.Cols, n.Idx, need)
		return &rel{cols: ids, spec: &op.TableScan{Name: displayName(n.Obj), Table: tab, Cols: at, Point: point, Out: l.schema(ids)}}, nil
	}
	r := &rel{appendOnly: n.Obj.AppendOnly && n.Obj.Retention == 0, dist: dist{kind: single}}
	byIdx := func(i int) logical.ColID { return n.Cols[slices.Index(n.Idx, i)] }
	for _, k := range tab.Key {
		id := byIdx(k.Col)
		r.key = append(r.key, id)
		need = union(need, id)
	}
	ids, at := chosen(n.Cols, n.Idx, need)
	r.cols = ids
	for _, c := range watermarked(n.Obj) {
		if p := slices.Index(n.Idx, c); p >= 0 && slices.Contains(ids, n.Cols[p]) {
			r.marks = union(r.marks, n.Cols[p])
		}
	}
	in := &executor.Input{Upstream: stream.JobID(n.Obj.ID), Cols: tab.Cols}
	if l.parallel() && len(tab.Dist) > 0 {
		in.Dist = executor.Distribution{Kind: executor.Hash, Cols: tab.Dist}
		r.dist = dist{kind: hashed}
		for _, c := range tab.Dist {
			r.dist.cols = append(r.dist.cols, byIdx(c))
		}
	}
	r.spec = &op.Backfill{In: in, Name: displayName(n.Obj), Table: tab, Cols: at, Out: l.schema(ids), State_: l.table("backfill")}
	return r, nil
}

// SourceConf is the pinned form of an object's connector part.
func SourceConf(o *catalog.Object) op.SourceConf {
	c := op.SourceConf{Name: o.Name, Connector: o.Connector.Name, Options: o.Connector.Options, Format: o.Connector.Format,
		Encode: o.Connector.Encode, EncodeOptions: o.Connector.EncodeOptions}
	for _, col := range o.Cols {
		if !col.Hidden && col.Generated == "" {
			if col.Field != "" {
				col.Name = col.Field
			}
			c.Schema = append(c.Schema, col.Column)
		}
	}
	return c
}

// rowIDColumn is the hidden column that tells the rows of a source apart.
func rowIDColumn() types.Column {
	return types.Column{Name: "_row_id", Type: types.Of(types.Int8), Hidden: true, NotNull: true}
}

// source reads a source: in a job through the job that all readers share.
func (l *lowerer) source(n *logical.SourceScan, need logical.Set) (*rel, error) {
	if !l.job {
		return nil, sqlerr.Unsupported("reading the source \"%s\" outside of a materialized view", n.Obj.Name).
			WithHint("Create a materialized view over it, or a table with the same connector.")
	}
	conf := SourceConf(n.Obj)
	rowID := n.Cols[slices.Index(n.Idx, n.Obj.RowID())]
	need = union(need)
	need.Remove(rowID)
	// Positions in the connector's schema leave out generated columns.
	var ids []logical.ColID
	var at []int
	k := 0
	for i, c := range n.Obj.Cols {
		if c.Hidden || c.Generated != "" {
			continue
		}
		if p := slices.Index(n.Idx, i); p >= 0 && need.Has(n.Cols[p]) {
			ids, at = append(ids, n.Cols[p]), append(at, k)
		}
		k++
	}
	ids = append(ids, rowID)
	in := &executor.Input{Upstream: stream.JobID(n.Obj.ID), Cols: append(slices.Clone(conf.Schema), rowIDColumn())}
	r := &rel{cols: ids, key: []logical.ColID{rowID}, appendOnly: true, dist: dist{kind: single}}
	if l.parallel() {
		in.Dist.Kind = executor.Forward
		r.dist.kind = anywhere
	}
	r.spec = &op.SourceBackfill{In: in, Conf: conf, Cols: at, Out: l.schema(ids), State_: l.table("source-backfill")}
	return r, nil
}

// watermark drops late rows and makes watermarks.
func (l *lowerer) watermark(n *logical.Watermark, need logical.Set) (*rel, error) {
	if !l.job {
		return l.lower(n.In, need)
	}
	if err := l.noNow("the watermark", n.E); err != nil {
		return nil, err
	}
	need = union(need, n.Col).Union(logical.Cols(n.E))
	r, err := l.lower(n.In, need)
	if err != nil {
		return nil, err
	}
	out := *r
	f := l.watermarkFilter(n.Of, r, r.pos(n.Col), r.expr(n.E))
	f.RowID = 1 + r.pos(r.key[0])
	out.spec = f
	out.marks = union(r.marks, n.Col)
	return &out, nil
}

func (l *lowerer) virtual(n *logical.Virtual, need logical.Set) (*rel, error) {
	if l.job {
		return nil, sqlerr.Unsupported("the system table \"%s\" in a materialized view", n.Name)
	}
	ids, at := chosen(n.Cols, n.Idx, need)
	return &rel{cols: ids, spec: &op.Virtual{Schema_: n.Schema, Name: n.Name, Cols: at, Out: l.schema(ids)}}, nil
}

// values is a list of rows. In a job a row's number is its key.
func (l *lowerer) values(n *logical.Values) (*rel, error) {
	for _, row := range n.Rows {
		if err := l.noNow("a VALUES list", row...); err != nil {
			return nil, err
		}
	}
	v := &op.Values{Table: l.table("values")}
	r := &rel{spec: v, cols: slices.Clone(n.Cols), dist: dist{kind: single}, appendOnly: true}
	v.Rows = n.Rows
	if l.job && len(n.Rows) != 1 {
		id := l.meta.New("_row", types.Of(types.Int4))
		r.cols, r.key = append(r.cols, id), []logical.ColID{id}
		v.Rows = make([][]expr.Expr, len(n.Rows))
		for i, row := range n.Rows {
			v.Rows[i] = append(slices.Clone(row), &expr.Const{Value: types.IntDatum(int64(i)), T: types.Of(types.Int4)})
		}
	}
	v.Out = l.schema(r.cols)
	return r, nil
}

// watermarkFilter is the operator of an object's WATERMARK over r.
func (l *lowerer) watermarkFilter(o *catalog.Object, r *rel, col int, e expr.Expr) *op.WatermarkFilter {
	f := &op.WatermarkFilter{In: r.spec, Col: col, Expr: e, Table: l.table("watermark"), Name: displayName(o), Idle: o.Watermark.Idle}
	of, ok := rising(e)
	f.Rising = ok && of == col
	if o.Watermark.Quarantine {
		f.Quarantine = l.table("late")
	}
	return f
}
