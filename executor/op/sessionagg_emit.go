package op

import (
	"slices"

	"streamdb/executor"
	"streamdb/stream"
	"streamdb/vec"
)

// This file is what comes out of a sessionAgg.

// show emits what sessions have become, in place of what had come out of them before
// the epoch.
func (x *sessionAgg) show(ctx *executor.Ctx, ids []int32, out executor.Emitter) error {
	for len(ids) > 0 {
		n := x.pace.next(min(len(ids), stream.BatchRows))
		if err := x.showSome(ctx, ids[:n], out); err != nil {
			return err
		}
		ids = ids[n:]
	}
	return nil
}

func (x *sessionAgg) showSome(ctx *executor.Ctx, ids []int32, out executor.Emitter) error {
	news := make([]vec.Vec, len(x.aggs))
	for j, p := range x.aggs {
		b := vec.NewBuilder(x.spec.Aggs[j].T.Layout(), len(ids))
		if err := p.result(ctx.Expr, ids, b); err != nil {
			return err
		}
		news[j] = b.Vec()
	}
	x.pace.made(len(ids), news)
	parts, first, upto := make([]int32, 0, len(ids)), make([]int64, 0, len(ids)), make([]int64, 0, len(ids))
	olds := x.oldResults()
	var gone, rows []int32
	for k, id := range ids {
		s := &x.spans[id]
		if s.old >= 0 {
			if x.unchanged(s, olds, news, k) {
				continue
			}
			gone = append(gone, s.old)
		}
		parts, first, upto, rows = append(parts, s.part), append(first, s.first), append(upto, s.upto), append(rows, int32(k))
	}
	if err := x.takeBack(gone, out); err != nil {
		return err
	}
	if len(rows) < len(ids) {
		for j := range news {
			news[j] = news[j].Gather(rows)
		}
	}
	return x.emit(parts, first, upto, news, nil, out)
}

// unchanged reports whether row k of the results is what had come out of a session.
func (x *sessionAgg) unchanged(s *sessionSpan, olds, news []vec.Vec, k int) bool {
	o := int(s.old)
	if x.olds.first[o] != s.first || x.olds.upto[o] != s.upto {
		return false
	}
	for j := range olds {
		if !equalRows(&olds[j], o, &news[j], k) {
			return false
		}
	}
	return true
}

// oldResults is the results in olds. They are overwritten later.
func (x *sessionAgg) oldResults() []vec.Vec {
	olds := make([]vec.Vec, len(x.olds.results))
	for j, b := range x.olds.results {
		olds[j] = b.Vec()
	}
	return olds
}

// takeBack retracts rows of olds.
func (x *sessionAgg) takeBack(rows []int32, out executor.Emitter) error {
	if len(rows) == 0 {
		return nil
	}
	o, n := &x.olds, len(rows)
	parts, first, upto := make([]int32, n), make([]int64, n), make([]int64, n)
	for k, r := range rows {
		parts[k], first[k], upto[k] = o.parts[r], o.first[r], o.upto[r]
	}
	results := x.oldResults()
	for j := range results {
		results[j] = results[j].Gather(rows)
	}
	return x.emit(parts, first, upto, results, slices.Repeat([]stream.Op{stream.Delete}, n), out)
}

// emit puts rows together. upto becomes window_end.
func (x *sessionAgg) emit(parts []int32, first, upto []int64, results []vec.Vec, ops []stream.Op, out executor.Emitter) error {
	if len(parts) == 0 {
		return nil
	}
	for i, t := range upto {
		upto[i] = endOfReach(t)
	}
	keys := append(x.keys.Keys(parts), vec.Ints(first), vec.Ints(upto))
	cols := make([]vec.Vec, 0, len(x.spec.Out))
	for _, k := range x.spec.Keys {
		cols = append(cols, keys[k])
	}
	return out.Emit(stream.NewBatch(len(parts), append(cols, results...), ops))
}
