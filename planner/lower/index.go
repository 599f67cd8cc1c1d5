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

// IndexKey is a key of an index: an expression over the positions of the
// relation's columns.
type IndexKey struct {
	E                expr.Expr
	Name             string // of its column
	Desc, NullsFirst bool
	Text             string // SQL, of expressions
}

// Index lowers an index of a relation: include are positions of its columns, in
// order, without those that are keys; dist is the number of leading keys that
// rows are distributed by. The columns are keys, include, and what
// the relation's own key has besides.
func Index(base *catalog.Object, keys []IndexKey, include []int, dist int, job stream.JobID, opt Options) (v *View, info *catalog.IndexInfo, err error) {
	l := &lowerer{meta: &logical.Meta{}, job: true, opt: opt}
	defer l.check(&err)
	scan := &logical.Scan{Obj: base}
	var need logical.Set
	for i, c := range base.Cols {
		scan.Cols, scan.Idx = append(scan.Cols, l.meta.New(c.Name, c.Type)), append(scan.Idx, i)
	}
	x := &indexRows{l: l, base: base, scan: scan, info: &catalog.IndexInfo{On: base.ID, Keys: len(keys)}}
	for _, k := range keys {
		if err := x.key(k); err != nil {
			return nil, nil, err
		}
	}
	for _, i := range include {
		x.column(i)
	}
	x.info.Given = len(x.ids)
	for _, k := range base.Rows.Key {
		x.column(k.Col)
	}
	for _, it := range x.items {
		need.AddSet(logical.Cols(it.E))
	}
	r, err := l.scan(scan, need, nil)
	if err != nil {
		return nil, nil, err
	}
	r = l.calc(r, nil, x.items)
	distCols := x.ids[:dist]
	if r, err = l.exchange(r, distCols); err != nil {
		return nil, nil, err
	}
	v = &View{Cols: x.cols, AppendOnly: r.appendOnly, Rows: &catalog.Rows{Table: l.table("rows")}}
	for i, k := range keys {
		v.Rows.Key = append(v.Rows.Key, catalog.KeyCol{Col: i, Desc: k.Desc, NullsFirst: k.NullsFirst})
	}
	for _, k := range base.Rows.Key {
		if at := slices.Index(x.info.From, k.Col); at >= len(keys) {
			v.Rows.Key = append(v.Rows.Key, catalog.KeyCol{Col: at, Desc: k.Desc, NullsFirst: k.NullsFirst})
		}
	}
	for i := range dist {
		v.Rows.Dist = append(v.Rows.Dist, i)
	}
	r.spec = &op.Materialize{In: r.spec, Table: rowTable(x.cols, v.Rows), AppendOnly: r.appendOnly}
	l.finish(r)
	v.Plan = executor.Plan{Job: job, Fragments: l.frags}
	return v, x.info, v.Plan.Validate()
}

// indexRows collects the columns of an index.
type indexRows struct {
	l     *lowerer
	base  *catalog.Object
	scan  *logical.Scan
	info  *catalog.IndexInfo
	ids   []logical.ColID
	items []logical.Item
	cols  types.Schema
}

func (x *indexRows) key(k IndexKey) error {
	if c, ok := k.E.(*expr.Col); ok {
		x.column(c.Index)
		return nil
	}
	pinned, err := expr.Marshal(k.E)
	if err != nil {
		return err
	}
	e := expr.Rewrite(k.E, func(e expr.Expr) expr.Expr {
		if c, ok := e.(*expr.Col); ok {
			return x.l.meta.Ref(x.scan.Cols[c.Index])
		}
		return e
	})
	id := x.l.meta.New(k.Name, e.Type())
	x.add(id, e, -1, types.Column{Name: hiddenName(k.Name, x.cols), Type: e.Type()})
	n := len(x.ids) - 1
	x.info.Exprs[n], x.info.Texts[n] = pinned, k.Text
	return nil
}

// column adds a column of the relation, once.
func (x *indexRows) column(i int) {
	if slices.Contains(x.info.From, i) {
		return
	}
	c := x.base.Cols[i].Column
	x.add(x.scan.Cols[i], x.l.meta.Ref(x.scan.Cols[i]), i, c)
}

func (x *indexRows) add(id logical.ColID, e expr.Expr, from int, c types.Column) {
	x.ids = append(x.ids, id)
	x.items = append(x.items, logical.Item{Col: id, E: e})
	x.cols = append(x.cols, c)
	x.info.From = append(x.info.From, from)
	x.info.Exprs = append(x.info.Exprs, nil)
	x.info.Texts = append(x.info.Texts, "")
}
