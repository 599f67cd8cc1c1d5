package op

import (
	"math"

	"streamdb/executor"
	"streamdb/storage"
	"streamdb/types"
	"streamdb/vec"
)

// winOrder is what an overWindow that forgets knows of the watermark on its first
// sort key.
type winOrder struct {
	order risingMark // not with Final
	rose  bool       // it is to be passed on in this epoch
	look  winLook
}

// winLook goes round the partitions, also those to which nothing comes: their rows
// are left behind, too. With each row that comes it may look at one partition in
// memory, or read one row that is not: so the state is never much larger than
// needed, and no barrier feels it.
type winLook struct {
	may   int                 // how much it may look at; below 0: it has looked at more
	id    int32               // where it is: in memory,
	vnode storage.VNode       // and, while not all are there, in the table
	next  []byte              // the first key beyond the partition looked at last
	dec   *storage.RowDecoder // reads a row's partition
}

func (w *overWindow) openOrder(ctx *executor.OpenCtx) (err error) {
	if !w.spec.Forget || w.spec.Final {
		return nil
	}
	w.owned = ctx.VNodes
	w.look = winLook{vnode: storage.VNode(ctx.VNodes.From), dec: storage.NewRowDecoder(schemaLayouts(w.spec.In.Schema()), append([]int{}, w.spec.Partition...))}
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

// lookRound forgets what is behind in some partitions, at most once in each.
func (w *overWindow) lookRound() error {
	l := &w.look
	if w.order.at > minWindow && !w.res.partial {
		for range min(l.may, w.groups.Ids()) {
			if l.id++; int(l.id) >= w.groups.Ids() {
				l.id = 0
			}
			if err := w.revisit(l.id); err != nil {
				return err
			}
		}
	} else if w.order.at > minWindow {
		for turns := w.owned.To - w.owned.From; l.may > 0 && turns > 0; {
			more, err := w.lookStored()
			if err != nil {
				return err
			}
			if !more {
				turns--
			}
		}
	}
	l.may = min(l.may, 0)
	return nil
}

// revisit forgets what is behind in a partition in memory, if there is one.
func (w *overWindow) revisit(id int32) error {
	if !w.groups.Live(id) {
		return nil
	}
	g := &w.parts[id]
	prefix := g.prefix
	if prefix == nil { // its changes came to nothing
		prefix = w.prefix(id)
	}
	if err := w.enter(g, prefix); err != nil {
		return err
	}
	if err := w.forget(g); err != nil {
		return err
	}
	w.leave(id)
	return nil
}

// lookStored is revisit for the next partition in the table; if there are no more
// in the vnode, it turns to the next one.
func (w *overWindow) lookStored() (more bool, err error) {
	l := &w.look
	l.may--
	var group []vec.Vec
	if err := w.table.ScanFrom(l.vnode, nil, l.next, func(key, value []byte) (bool, error) {
		_, in, _, err := winStored(key, value)
		if err != nil {
			return false, err
		}
		builders := l.dec.Builders(1)
		if err := l.dec.Append(builders, in); err != nil {
			return false, err
		}
		group = make([]vec.Vec, len(builders))
		for j := range builders {
			group[j] = builders[j].Vec()
		}
		more = true
		return false, nil
	}); err != nil {
		return false, err
	}
	if !more {
		l.next = nil
		if l.vnode++; int(l.vnode) >= w.owned.To {
			l.vnode = storage.VNode(w.owned.From)
		}
		return false, nil
	}
	prefix := appendStateKey(nil, w.groupTypes, group, 0)
	l.next = append(g0(prefix), 0xff)
	ids := []int32{-1}
	if w.groups.Find(group, nil, 1, ids); ids[0] >= 0 {
		return true, w.revisit(ids[0])
	}
	g := &winGroup{vnode: l.vnode}
	if err := w.enter(g, prefix); err != nil {
		return false, err
	}
	l.may -= g.total
	if err := w.forget(g); err != nil {
		return false, err
	}
	w.shed(g.winPages, func(int) bool { return false })
	w.tidy()
	return true, nil
}
