package op

import (
	"math"
	"slices"

	"streamdb/executor"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/vec"
)

// topWindows is what a topN knows of groups that a watermark closes.
type topWindows struct {
	owned   storage.VNodeSet
	closed  closedMark
	closing int64 // the watermark of this epoch; minWindow: none
	resend  bool  // the mark was not passed on yet in this run
	sweepAt int64 // no group has a window at or below it
}

func (w *topWindows) open(t *topN, ctx *executor.OpenCtx) (err error) {
	w.closing, w.sweepAt = minWindow, math.MaxInt64
	if t.spec.window() < 0 {
		return nil
	}
	if t.res.partial {
		w.sweepAt = minWindow
	}
	w.owned = ctx.VNodes
	w.closed, err = openClosed(ctx, t.spec.Closed, t.spec.Kind(), t.spec.Rows.ID)
	w.resend = w.closed.at > minWindow
	return err
}

// admit notes the windows of groups that have just come to memory.
func (w *topWindows) admit(t *topN, cols []vec.Vec, rows []int32) {
	if t.spec.window() < 0 {
		return
	}
	c := &cols[t.spec.window()]
	for _, i := range rows {
		if !c.Null(int(i)) {
			w.sweepAt = min(w.sweepAt, c.I64[int(i)&c.Mask()]-1)
		}
	}
}

// Watermark keeps watermarks for the barrier, after which rows of groups at or
// below them no longer change. One on the first sort key, if that ascends, says
// the same of rows: what comes later stands behind them.
func (t *topN) Watermark(_ *executor.Ctx, _ int, w stream.Watermark, _ executor.Emitter) error {
	switch {
	case w.Column == stream.AllRead: // at the barrier, behind the rows
		t.marks = newestMark(t.marks, w)
	case w.Column == t.spec.window():
		t.windows.closing = max(t.windows.closing, w.Time)
	case slices.Contains(t.spec.Group, w.Column), len(t.spec.Keys) > 0 && w.Column == t.spec.Keys[0].Col && !t.spec.Keys[0].Desc && !t.spec.Keys[0].NullsFirst:
		t.marks = newestMark(t.marks, w)
	}
	return nil
}

// closeWindows drops the groups that can no longer change and passes watermarks on.
func (t *topN) closeWindows(out executor.Emitter) error {
	for _, m := range t.marks {
		if err := out.EmitWatermark(m); err != nil {
			return err
		}
	}
	t.marks = t.marks[:0]
	w := &t.windows
	w.resend = w.closing > minWindow && w.closed.raise(w.closing) || w.resend
	w.closing = minWindow
	w.closed.save()
	if !w.resend {
		return nil
	}
	w.resend = false
	if w.closed.at > w.sweepAt {
		if err := t.sweep(); err != nil {
			return err
		}
	}
	return out.EmitWatermark(stream.Watermark{Column: t.spec.window(), Time: w.closed.at})
}

// sweep drops closed groups: their rows from the table, then from memory.
func (t *topN) sweep() error {
	w := &t.windows
	w.sweepAt = math.MaxInt64
	var live []int32
	for id := range t.state {
		if t.groups.Live(int32(id)) {
			live = append(live, int32(id))
		}
	}
	windows := t.groups.Keys(live)[t.spec.WindowKey]
	for i, id := range live {
		if windows.Null(i) {
			continue
		}
		if at := windows.I64[i]; at > w.closed.at {
			w.sweepAt = min(w.sweepAt, at-1)
			continue
		}
		g := &t.state[id]
		if err := t.forget(g.vnode, t.prefix(id)); err != nil {
			return err
		}
		t.set.Clear(&g.root)
		t.groups.Delete(id)
	}
	if !t.res.partial {
		return nil
	}
	low, err := closedGroups(t.table, w.owned, t.groupTypes, t.spec.WindowKey, w.closed.at, t.forget)
	w.sweepAt = min(w.sweepAt, low)
	return err
}

// forget deletes the stored rows of a group.
func (t *topN) forget(v storage.VNode, prefix []byte) error {
	return t.table.Scan(v, prefix, func(key, _ []byte) (bool, error) {
		t.table.Delete(v, key)
		return true, nil
	})
}
