package lower

import (
	"slices"

	"streamdb/catalog"
	"streamdb/executor/op"
	"streamdb/expr"
	"streamdb/expr/funcs"
	"streamdb/internal/sqlerr"
	"streamdb/types"
)

// retain lets the rows of a table go when their time is over: the table is a
// view of what was written to it, WHERE _ingested + retention > now().
func (l *lowerer) retain(r *rel, o *catalog.Object) error {
	ingested := catalog.Ingested
	at := slices.IndexFunc(o.Cols, func(c catalog.Column) bool { return c.Hidden && c.Name == ingested.Name })
	if at < 0 {
		return sqlerr.New(sqlerr.InternalError, "table \"%s\" with a retention time has no column %s", o.Name, ingested.Name)
	}
	micros := o.Retention * 1_000_000
	col := &expr.Col{Index: at, T: ingested.Type}
	keep := &expr.Const{Value: types.Span{Micros: micros}.Datum(), T: types.Of(types.Interval)}
	until, err := funcs.BindOperator(nil, "+", col, keep)
	if err != nil {
		return err
	}
	where, err := funcs.BindOperator(nil, ">", until, &expr.Col{Index: len(r.cols), T: ingested.Type})
	if err != nil {
		return err
	}
	f := &op.TemporalFilter{In: r.spec, Where: where, Edges: []op.TimeEdge{{At: col, Plus: micros}},
		Key: r.posAll(r.key), AppendOnly: o.AppendOnly, Table: l.table("waiting")}
	f.Dist = f.Key
	r.spec = f
	return nil
}
