package op

import (
	"bytes"
	"math"

	"streamdb/executor"
	"streamdb/storage"
	"streamdb/types"
)

// winOrder is what an overWindow that forgets knows of the watermark on its first
// sort key.
type winOrder struct {
	order risingMark // not with Final
	rose  bool       // in this epoch
	// How many more rows are stored than at the last look at all partitions, and how
	// many were left then.
	grown, left int64
}

// winUnknown is how much a state has to grow after a restart before all of it is
// looked at: how large it is is not known.
var winUnknown int64 = 1 << 17

func (w *overWindow) openOrder(ctx *executor.OpenCtx) (err error) {
	if !w.spec.Forget || w.spec.Final {
		return nil
	}
	if w.owned = ctx.VNodes; w.res.partial {
		w.left = winUnknown
	}
	w.order, err = openRising(ctx, w.spec.Closed, w.spec.Kind(), w.spec.Rows.ID)
	return err
}

// forget drops the rows at the start of a partition that no result to come depends
// on. A change is only ever behind the rows at or below the watermark: it is seen
// from where they look ahead to it, and what is seen from there back stays.
func (w *overWindow) forget(g *winGroup) error {
	if !w.spec.Forget || g.total == 0 {
		return nil
	}
	p := &g.winPart
	from, complete := g.done, g.total
	if !w.spec.Final {
		if w.order.at == minWindow {
			return nil
		}
		key := w.orderKey(w.order.at, 1)
		complete = p.firstFrom(key, false)
		from = complete
		for k := range w.eval.calls {
			at, err := w.eval.seenFrom(p, w.eval.calls[k].reach.ahead, complete, key)
			if err != nil {
				return err
			}
			from = min(from, at)
		}
	}
	keep := from
	for k := range w.eval.calls {
		at, err := 0, error(nil)
		if side := w.eval.calls[k].reach.back; from < complete {
			at, err = w.eval.backTo(p, side, from)
		} else {
			at, err = w.backFromNext(p, side, complete)
		}
		if err != nil {
			return err
		}
		keep = min(keep, at)
	}
	if p.err != nil {
		return p.err
	}
	return w.cut(g, keep)
}

// backFromNext is backTo for a row that may come next, behind the complete ones.
func (w *overWindow) backFromNext(p *winPart, side reachSide, complete int) (int, error) {
	switch {
	case complete == 0 || side.kind == reachPeers:
		return complete, nil
	case side.kind == reachGroups:
		return p.groupsBack(complete-1, side.n-1), nil
	case side.kind == reachRange && w.spec.Behind > 0 && !w.spec.Final:
		return min(complete, p.firstFrom(w.orderKey(w.order.at, 1-w.spec.Behind), false)), nil
	case side.kind == reachRange:
		return w.eval.backTo(p, side, complete-1)
	}
	return w.eval.backTo(p, side, complete)
}

// orderKey is the sort key, up to its first column, of time at+by.
func (w *overWindow) orderKey(at, by int64) []byte {
	switch {
	case by > 0 && at > math.MaxInt64-by:
		at = math.MaxInt64
	case by < 0 && at < math.MinInt64-by:
		at = math.MinInt64
	default:
		at += by
	}
	return types.AppendKeyInt(nil, at, false)
}

// cut drops the first n rows of a partition.
func (w *overWindow) cut(g *winGroup, n int) error {
	if n <= 0 {
		return nil
	}
	g.done = max(0, g.done-n)
	w.grown -= int64(n)
	for k := 0; n > 0; k++ {
		pg := g.page(k)
		if g.err != nil {
			return g.err
		}
		part := min(n, pg.n)
		for i := range pg.rows[:part] {
			r := &pg.rows[i]
			w.table.Delete(g.vnode, append(g0(g.prefix), w.data.get(r.at, int(r.klen))...))
			w.data.free(r.size())
		}
		pg.rows, pg.n = pg.rows[part:], pg.n-part
		g.in -= part
		n -= part
	}
	g.count()
	return nil
}

// forgetAll looks at all partitions, also those to which nothing comes, once the
// state is twice as large as when that was last done.
func (w *overWindow) forgetAll() error {
	if w.grown <= 0 || w.grown < w.left {
		return nil
	}
	w.left = 0
	for _, id := range w.groups.All() {
		g := &w.parts[id]
		if err := w.enter(g, w.prefix(id)); err != nil {
			return err
		}
		if err := w.forget(g); err != nil {
			return err
		}
		w.left += int64(g.total)
		w.leave(id)
	}
	w.grown = 0
	if !w.res.partial {
		return nil
	}
	w.left = 0 // those in memory are in the table, too
	for v := w.owned.From; v < w.owned.To; v++ {
		if err := w.forgetStored(storage.VNode(v)); err != nil {
			return err
		}
	}
	w.grown = 0
	return nil
}

// forgetStored looks at the partitions of a vnode in the table.
func (w *overWindow) forgetStored(v storage.VNode) error {
	var prefix, next []byte // next: the first key of the partition after the one looked at
	for {
		found := false
		if err := w.table.ScanFrom(v, nil, next, func(key, _ []byte) (bool, error) {
			p, _, err := closedGroup(key, w.groupTypes, -1)
			prefix, found = bytes.Clone(p), true
			return false, err
		}); err != nil || !found {
			return err
		}
		next = append(g0(prefix), 0xff)
		g := &winGroup{vnode: v}
		if err := w.enter(g, prefix); err != nil {
			return err
		}
		if err := w.forget(g); err != nil {
			return err
		}
		w.left += int64(g.total)
		w.shed(g.winPages, func(int) bool { return false })
		w.tidy()
	}
}
