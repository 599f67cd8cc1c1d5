package lower

import (
	"slices"

	"streamdb/executor/op"
	"streamdb/planner/logical"
	"streamdb/types"
)

// agg becomes HashAgg. Rows come to where their group is: a distribution by some
// of the keys is as good as one by all.
func (l *lowerer) agg(n *logical.Agg, need logical.Set) (*rel, error) {
	below := logical.SetOf(n.Keys...)
	var items []logical.AggItem
	for _, it := range n.Aggs {
		if !need.Has(it.Col) {
			continue
		}
		items = append(items, it)
		below = union(below, it.Args...)
		below = union(below, it.Filter)
		for _, k := range it.OrderBy {
			below = union(below, k.Col)
		}
	}
	r, first, err := l.panes(n, items, below)
	if err != nil {
		return nil, err
	}
	if r == nil {
		var done *rel
		if done, r, err = l.sessionAgg(n, items, below); done != nil || err != nil {
			return done, err
		}
	}
	if r == nil {
		if r, err = l.lower(n.In, below); err != nil {
			return nil, err
		}
	}
	if two := l.twoPhase(n, items, r); two != nil {
		return two, nil
	}
	if first == nil {
		if first = l.combine(n, items, r); first != nil {
			r = first.rel
		}
	}
	if l.job && (len(n.Keys) == 0 || !l.together(r, n.Keys)) {
		ids := slices.DeleteFunc(slices.Clone(r.cols), func(id logical.ColID) bool { return !below.Has(id) })
		if first == nil && l.parallel() && len(ids) < len(r.cols) {
			r = l.pick(r, ids) // before an exchange only what is used
		}
		if r, err = l.exchange(r, n.Keys); err != nil {
			return nil, err
		}
	}
	agg := &op.HashAgg{In: r.spec, Keys: r.posAll(n.Keys), AppendOnly: r.appendOnly || !l.job, WindowKey: -1, Groups: l.table("groups")}
	agg.Partials = first != nil
	out := &rel{key: slices.Clone(n.Keys), dist: r.dist, cols: slices.Clone(n.Keys), final: r.final}
	if len(n.Keys) == 0 {
		out.key = nil
	}
	for i, it := range items {
		call := l.call(r, it)
		if first != nil {
			call.Parts = r.posAll(first.parts[i])
		}
		agg.Aggs = append(agg.Aggs, call)
		out.cols = append(out.cols, it.Col)
	}
	op.ShareDistinct(agg.Aggs, agg.AppendOnly)
	for i := range agg.Aggs {
		multiset := op.TableRef{}
		if l.job && agg.Aggs[i].NeedsMultiset(agg.AppendOnly) {
			multiset = l.table("values")
		}
		agg.Multisets = append(agg.Multisets, multiset)
	}
	if l.job {
		agg.Dist = l.vnodeCols(r, n.Keys)
		l.closeGroups(agg, out, r)
	}
	out.appendOnly = len(items) == 0 && r.appendOnly || agg.EmitOnClose
	agg.Out = l.schema(out.cols)
	out.spec = agg
	return out, nil
}

// union is UNION ALL. In a job the key of a row is its branch and its key there:
// key columns of equal type at the same place share a column.
func (l *lowerer) union(n *logical.Union, need logical.Set) (*rel, error) {
	ins := make([]*rel, len(n.Ins))
	for i, in := range n.Ins {
		var below logical.Set
		for k, id := range n.Cols {
			if need.Has(id) {
				below = union(below, n.InCols[i][k])
			}
		}
		var err error
		if ins[i], err = l.lower(in, below); err != nil {
			return nil, err
		}
	}
	out := &rel{appendOnly: true, final: true}
	var cols []int
	for k, id := range n.Cols {
		if need.Has(id) {
			cols, out.cols = append(cols, k), append(out.cols, id)
		}
	}
	u := &op.Union{}
	var slots []slot
	if l.job {
		slots = l.keySlots(ins)
		tag := l.meta.New("_branch", types.Of(types.Int4))
		out.cols, out.key = append(out.cols, tag), []logical.ColID{tag}
		for i := range slots {
			slots[i].id = l.meta.New("_key", slots[i].t)
			out.cols, out.key = append(out.cols, slots[i].id), append(out.key, slots[i].id)
		}
		out.dist = dist{kind: single}
		for _, in := range ins {
			out.appendOnly = out.appendOnly && in.appendOnly
			out.final = out.final && in.final
			if in.dist.kind != single {
				out.dist.kind = anywhere
			}
		}
	}
	for b, in := range ins {
		var items []logical.Item
		for _, k := range cols {
			items = append(items, logical.Item{Col: n.Cols[k], E: l.meta.Ref(n.InCols[b][k])})
		}
		if l.job {
			items = append(items, l.branchKey(out.key[0], slots, b, in)...)
			if out.dist.kind == anywhere && in.dist.kind == single { // spread, to run beside the others
				key := in.key
				if len(key) == 0 {
					key = in.cols[:min(1, len(in.cols))]
				}
				if len(key) == 0 { // one row of no columns, as of a grand total: its tag is what there is
					in = l.calc(in, nil, items)
					items, key = logical.Pass(l.meta, in.cols), out.key[:1]
				}
				var err error
				if in, err = l.exchange(in, key); err != nil {
					return nil, err
				}
			}
		}
		branch := l.calc(in, nil, items)
		u.Ins = append(u.Ins, branch.spec)
		marked := logical.Set{}
		for _, k := range cols {
			if in.marks.Has(n.InCols[b][k]) && (b == 0 || out.marks.Has(n.Cols[k])) {
				marked = union(marked, n.Cols[k])
			}
		}
		out.marks = marked
	}
	u.Out = l.schema(out.cols)
	out.spec = u
	return out, nil
}
