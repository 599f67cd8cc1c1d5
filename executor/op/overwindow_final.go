package op

import "streamdb/executor"

// complete emits the rows whose results have become final, of a partition whose
// rows come when all before them have: those without results that have as many
// rows, or groups, behind them as their frames reach. Of the rows that have come
// the others are stored, to get their results later.
func (w *overWindow) complete(ctx *executor.Ctx, g *winGroup, points []winPoint, out executor.Emitter) error {
	to := g.total
	for k := range w.eval.calls {
		switch side := w.eval.calls[k].reach.ahead; side.kind {
		case reachRows:
			to = min(to, g.total-int(min(side.n, noLimit)))
		case reachGroups:
			to = min(to, g.beforeGroups(side.n))
		}
	}
	if g.err != nil {
		return g.err
	}
	if to > g.done {
		if err := w.recompute(ctx, g, winRange{g.done, to}, out); err != nil {
			return err
		}
		g.done = to
	}
	for _, pt := range points {
		if pt.at >= g.done {
			w.storeWaiting(g, g.row(pt.at))
		}
	}
	return g.err
}

// beforeGroups is how many rows have n groups behind their own.
func (p *winPart) beforeGroups(n int64) int {
	end := p.total
	for ; n > 0 && end > 0; n-- {
		end = p.groupStart(end - 1)
	}
	return end
}

// storeWaiting stores a row that waits for its results without them.
func (w *overWindow) storeWaiting(g *winGroup, r *winRow) {
	b := w.data.get(r.at, int(r.klen+r.ilen))
	key := append(g0(g.prefix), b[:r.klen]...)
	w.table.Put(g.vnode, key, appendWinStored(nil, r.slen, b[r.klen:], nil))
}
