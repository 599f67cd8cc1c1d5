package lower

import (
	"slices"

	"streamdb/executor/op"
	"streamdb/planner/logical"
	"streamdb/types"
)

// twoPhase computes an aggregate without GROUP BY in two steps, so that the
// instances of the input do the work and one row each and epoch crosses to the
// one that has the result. nil: it cannot, or need not.
func (l *lowerer) twoPhase(n *logical.Agg, items []logical.AggItem, r *rel) *rel {
	if !l.phases(r) || len(n.Keys) > 0 || len(items) == 0 {
		return nil
	}
	in := r.spec.Schema()
	partial := &op.PartialAgg{In: r.spec}
	final := &op.HashAgg{AppendOnly: r.appendOnly, WindowKey: -1}
	out := &rel{dist: dist{kind: single}}
	for _, it := range items {
		call := l.call(r, it)
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

// phases reports whether rows of r go to other instances to be aggregated, and
// may be combined before.
func (l *lowerer) phases(r *rel) bool {
	return l.job && l.parallel() && r.dist.kind != single && !l.opt.NoTwoPhase
}

// partials is a PartialAgg below an exchange.
type partials struct {
	rel   *rel
	parts [][]logical.ColID // per aggregate: its partial state
}

// combine puts a PartialAgg over r, for an aggregate with GROUP BY whose groups
// are spread over the instances of r. nil: it cannot, or need not. The columns
// that the aggregate reads stay, for rows that are passed on as they are.
func (l *lowerer) combine(n *logical.Agg, items []logical.AggItem, r *rel) *partials {
	if !l.phases(r) || len(n.Keys) == 0 || l.together(r, n.Keys) {
		return nil
	}
	out := l.partial(n.Keys, items, r)
	if out != nil {
		out.rel.dist = dist{kind: anywhere}
	}
	return out
}

// partial puts a PartialAgg by some keys over r, where r is. nil: it cannot, or
// each row is a group.
func (l *lowerer) partial(keys []logical.ColID, items []logical.AggItem, r *rel) *partials {
	if len(r.key) > 0 && logical.SetOf(r.key...).Subset(logical.SetOf(keys...)) {
		return nil
	}
	in := r.spec.Schema()
	agg := &op.PartialAgg{In: r.spec, Keys: r.posAll(keys), Mode: op.PartialAdaptive}
	if l.opt.ForceTwoPhase {
		agg.Mode = op.PartialAlways
	}
	raw := logical.Set{}
	out := &partials{}
	for _, it := range items {
		call := l.call(r, it)
		cols, ok := call.PartialColumns(in)
		if !ok || call.NeedsMultiset(r.appendOnly) {
			return nil
		}
		agg.Aggs = append(agg.Aggs, call)
		var ids []logical.ColID
		for _, t := range cols {
			ids = append(ids, l.meta.New("_"+l.meta.Cols[it.Col].Name, t))
		}
		out.parts = append(out.parts, ids)
		raw = union(union(raw, it.Args...), it.Filter)
	}
	cols := slices.Clone(keys)
	for _, id := range raw.Minus(logical.SetOf(keys...)).IDs() {
		agg.Raw, cols = append(agg.Raw, r.pos(id)), append(cols, id)
	}
	for _, ids := range out.parts {
		cols = append(cols, ids...)
	}
	cols = append(cols, l.meta.New("_rows", types.Of(types.Int8)))
	agg.Out = l.schema(cols)
	first := *r
	first.spec, first.cols, first.key = agg, cols, nil
	if !l.together(r, keys) && r.dist.kind == hashed {
		first.dist = dist{kind: anywhere}
	}
	first.marks = logical.Set{}
	for _, k := range keys {
		if r.marks.Has(k) {
			first.marks = union(first.marks, k)
		}
	}
	out.rel = &first
	return out
}

// together reports whether rows with equal keys are in one place.
func (l *lowerer) together(r *rel, keys []logical.ColID) bool {
	return r.dist.kind == hashed && logical.SetOf(r.dist.cols...).Subset(logical.SetOf(keys...))
}

// call is an aggregate of n over the columns of r.
func (l *lowerer) call(r *rel, it logical.AggItem) op.AggCall {
	call := op.AggCall{Def: it.Def, Args: r.posAll(it.Args), Distinct: it.Distinct, Filter: -1, OrderBy: l.sortKeys(r, it.OrderBy), T: l.meta.Cols[it.Col].Type}
	if it.Filter != 0 {
		call.Filter = r.pos(it.Filter)
	}
	return call
}
