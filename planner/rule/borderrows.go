package rule

import (
	"streamdb/expr"
	"streamdb/expr/funcs"
	"streamdb/planner/logical"
	"streamdb/types"
)

// borderRows helps extremeRows with the join of a relation and the maximum of each
// of its windows by time, in place of an equality of windows:
//
//	R a JOIN (SELECT max(v) AS m, window_end AS e FROM tumble(R, t, size) GROUP BY window_end) b
//	ON a.v = b.m AND a.t BETWEEN b.e - size AND b.e
//
// Windows take their beginnings in and not their ends, BETWEEN takes in both: a row
// is joined with its own window, and one on a border also with the window that ends
// there. It is the union of both: the one is of the form of extremeRows, and of the
// other's rows there are few. All conditions stay; those on the time may be narrower.
// nil: it is of another form.
func borderRows(m *logical.Meta, j *logical.Join, rows, side logical.Node) logical.Node {
	below, in := peel(side)
	agg, ok := below.(*logical.Agg)
	if !ok || j.Kind != logical.Inner || len(agg.Aggs) != 1 || extremeOf(agg.Aggs[0]) == 0 {
		return nil
	}
	hopBelow, hopCols := peel(agg.In)
	hop, ok := hopBelow.(*logical.Hop)
	if !ok || hop.Cumulate || hop.Slide != hop.Size {
		return nil
	}
	if agg, side = byEnd(m, agg, side, in, hop, hopCols); agg == nil {
		return nil
	}
	match := sameRows(rows, hop.In)
	if match == nil || match[hop.Time] == 0 {
		return nil
	}
	t, end := m.Ref(match[hop.Time]), logical.ColID(0)
	for _, id := range side.Out() {
		if in[id] == agg.Keys[0] {
			end = id
		}
	}
	if end == 0 || t.T.ID != types.Timestamp && t.T.ID != types.TimestampTZ || !within(j.On, t.Index, end, hop.Size) {
		return nil
	}
	// The rows with the windows that they are in.
	own := &logical.Hop{In: rows, Time: t.Index, Slide: hop.Slide, Size: hop.Size, Offset: hop.Offset, Start: m.Like(hop.Start), End: m.Like(hop.End)}
	equal := func(a, b logical.ColID) expr.Expr { return operator(m, "=", a, b) }
	inside := topRows(m, &logical.Join{Kind: logical.Inner, L: own, R: side, On: append(j.On[:len(j.On):len(j.On)], equal(own.End, end))}, own, side)
	if inside == nil {
		return nil
	}
	// Infinite times are in windows that begin where they end.
	border := &logical.Join{Kind: logical.Inner, R: side,
		L:  &logical.Filter{In: own, Conds: []expr.Expr{equal(t.Index, own.Start), operator(m, "<", own.Start, own.End)}},
		On: append(j.On[:len(j.On):len(j.On)], equal(t.Index, end))}
	u := &logical.Union{Cols: j.Out()}
	for _, n := range []logical.Node{inside, border} {
		copied, ids := logical.Copy(m, n)
		cols := make([]logical.ColID, len(u.Cols))
		for i, id := range u.Cols {
			cols[i] = ids[id]
		}
		u.Ins, u.InCols = append(u.Ins, copied), append(u.InCols, cols)
	}
	return u
}

// byEnd is the aggregate by the ends of windows alone, and its side of the join: a
// window's beginning, which may be a key as well, says nothing more. nil: there are
// other keys, or the beginning is asked for.
func byEnd(m *logical.Meta, agg *logical.Agg, side logical.Node, in map[logical.ColID]logical.ColID, hop *logical.Hop, hopCols map[logical.ColID]logical.ColID) (*logical.Agg, logical.Node) {
	end := logical.ColID(0)
	for _, k := range agg.Keys {
		switch hopCols[k] {
		case hop.End:
			end = k
		case hop.Start:
		default:
			return nil, nil
		}
	}
	if end == 0 {
		return nil, nil
	}
	if len(agg.Keys) == 1 {
		return agg, side
	}
	less := *agg
	less.Keys = []logical.ColID{end}
	var items []logical.Item
	for _, id := range side.Out() {
		if in[id] != end && in[id] != agg.Aggs[0].Col {
			return nil, nil
		}
		items = append(items, logical.Item{Col: id, E: m.Ref(in[id])})
	}
	return &less, &logical.Project{In: &less, Items: items}
}

// within reports whether conditions keep the time t between the beginning of a
// window of a size and its end, both taken in.
func within(on []expr.Expr, t, end logical.ColID, size int64) bool {
	low, high := false, false
	for _, c := range on {
		for _, part := range expr.Conjuncts(c) {
			call, ok := part.(*expr.Call)
			if !ok || len(call.Args) != 2 || logical.Turned[call.Def.Name] == "" {
				continue
			}
			x, a, ok1 := logical.Shifted(call.Args[0])
			y, b, ok2 := logical.Shifted(call.Args[1])
			if !ok1 || !ok2 || x.T.ID != y.T.ID {
				continue
			}
			by := call.Def.Name
			if x.Index == end {
				x, y, a, b, by = y, x, b, a, logical.Turned[by]
			}
			if x.Index != t || y.Index != end {
				continue
			}
			at := b - a // what t - end is compared with
			low = low || by[0] == '>' && at >= -size
			high = high || by[0] == '<' && at <= 0
		}
	}
	return low && high
}

// operator is a comparison of two columns of one type.
func operator(m *logical.Meta, name string, a, b logical.ColID) expr.Expr {
	e, err := funcs.BindOperator(nil, name, m.Ref(a), m.Ref(b))
	if err != nil {
		panic(err) // every type that a window can be of has comparisons
	}
	return e
}
