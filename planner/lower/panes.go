package lower

import (
	"slices"

	"streamdb/executor/op"
	"streamdb/planner/logical"
)

// panes computes an aggregate over sliding or cumulating windows of panes: the
// stretches of time between two of the windows' edges, of which each window is
// made up. Rows are combined by pane and the other keys first, and then once for
// each window that the pane is in, in place of each row once for each window. The
// panes of an epoch are kept for that epoch (op.PartialAgg), so that there is no
// state besides that of the windows; where panes do not make fewer rows these go
// to their windows as they are. r is the rows to aggregate by n.Keys, with first
// what they are partial states of; r nil: this is not such an aggregate; first nil:
// rows as they are.
func (l *lowerer) panes(n *logical.Agg, items []logical.AggItem, below logical.Set) (r *rel, first *partials, err error) {
	hop, ok := n.In.(*logical.Hop)
	if !ok || !l.job || l.opt.NoTwoPhase || hop.Slide >= hop.Size || l.share.worth(hop) != nil || !byPane(n, hop, items) {
		return nil, nil, nil
	}
	if r, err = l.lower(hop.In, union(below, hop.Time)); err != nil {
		return nil, nil, err
	}
	t := l.meta.Cols[hop.Start].Type
	pane := &logical.Hop{Time: hop.Time, Offset: hop.Offset, Start: l.meta.New("_pane", t), End: l.meta.New("_pane_end", t)}
	pane.Size = gcd(hop.Size, hop.Slide)
	pane.Slide = pane.Size
	keys := slices.DeleteFunc(slices.Clone(n.Keys), func(k logical.ColID) bool { return k == hop.Start || k == hop.End })
	first = l.partial(append(keys, pane.Start), items, l.hopOver(pane, r))
	if first == nil {
		return l.hopOver(hop, r), nil, nil
	}
	combined := first.rel
	agg := combined.spec.(*op.PartialAgg)
	agg.Spread = int(hop.Size / hop.Slide)
	if l.opt.ForceTwoPhase {
		agg.Mode = op.PartialAlways
	}
	windows := *hop
	windows.Time = pane.Start
	r = l.hopOver(&windows, combined)
	r.spec.(*op.Hop).Pane = pane.Size
	// The number of rows is last: see HashAgg.Partials.
	cols := append(slices.Clone(n.Keys), combined.cols[len(keys)+1:]...)
	r = l.pick(r, cols)
	r.key = nil
	return r, first, nil
}

// byPane reports whether what an aggregate over windows reads of a row's time is
// the same for all of a pane.
func byPane(n *logical.Agg, hop *logical.Hop, items []logical.AggItem) bool {
	window := logical.SetOf(hop.Start, hop.End)
	if slices.Contains(n.Keys, hop.Time) || !slices.ContainsFunc(n.Keys, window.Has) {
		return false
	}
	for _, it := range items {
		if it.Distinct || len(it.OrderBy) > 0 || it.Filter != 0 && window.Has(it.Filter) || slices.ContainsFunc(it.Args, window.Has) {
			return false
		}
	}
	return true
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
