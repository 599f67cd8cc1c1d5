package lower

import (
	"streamdb/executor/op"
	"streamdb/planner/logical"
	"streamdb/types"
)

// twoPhase computes an aggregate without GROUP BY in two steps, so that the
// instances of the input do the work and one row each and epoch crosses to the
// one that has the result. nil: it cannot, or need not.
func (l *lowerer) twoPhase(n *logical.Agg, items []logical.AggItem, r *rel) *rel {
	if !l.job || !l.parallel() || len(n.Keys) > 0 || len(items) == 0 || r.dist.kind == single {
		return nil
	}
	in := r.spec.Schema()
	partial := &op.PartialAgg{In: r.spec}
	final := &op.HashAgg{AppendOnly: r.appendOnly, WindowKey: -1}
	out := &rel{dist: dist{kind: single}}
	for _, it := range items {
		call := op.AggCall{Def: it.Def, Args: r.posAll(it.Args), Distinct: it.Distinct, Filter: -1, OrderBy: l.sortKeys(r, it.OrderBy), T: l.meta.Cols[it.Col].Type}
		if it.Filter != 0 {
			call.Filter = r.pos(it.Filter)
		}
		cols, ok := call.PartialColumns(in)
		if !ok || call.NeedsMultiset(r.appendOnly) {
			return nil
		}
		merge := call
		merge.Merge, merge.Args, merge.Filter = true, nil, -1
		for _, a := range call.Args {
			merge.ArgTypes = append(merge.ArgTypes, in[a].Type)
		}
		for _, t := range cols {
			merge.Args = append(merge.Args, len(partial.Out))
			partial.Out = append(partial.Out, types.Column{Name: l.meta.Cols[it.Col].Name, Type: t})
		}
		partial.Aggs, final.Aggs = append(partial.Aggs, call), append(final.Aggs, merge)
		out.cols = append(out.cols, it.Col)
	}
	partial.Out = append(partial.Out, types.Column{Name: "_rows", Type: types.Of(types.Int8)})
	first := *r
	first.spec, first.cols = partial, make([]logical.ColID, len(partial.Out))
	first.dist = dist{kind: anywhere}
	final.In = l.cut(&first, dist{kind: single})
	final.Multisets = make([]op.TableRef, len(final.Aggs))
	final.Groups = l.table("groups")
	final.Out = l.schema(out.cols)
	out.spec = final
	return out
}
