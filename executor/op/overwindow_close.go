package op

import (
	"maps"
	"math"
	"slices"

	"streamdb/executor"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/vec"
)

// window is the input column whose watermark closes partitions; -1: none.
func (s *OverWindow) window() int {
	if s.Closed.ID == 0 {
		return -1
	}
	return s.Partition[s.WindowKey]
}

// winClose is what an overWindow knows of partitions that a watermark closes:
// their rows leave the state, their results stay with who got them.
type winClose struct {
	owned   storage.VNodeSet
	closed  closedMark
	closing int64 // the watermark of this epoch; minWindow: none
	resend  bool  // the mark was not passed on yet in this run
	sweepAt int64 // no partition has a time at or below it
	marks   map[int]int64
}

func (c *winClose) open(w *overWindow, ctx *executor.OpenCtx) (err error) {
	c.closing, c.sweepAt = minWindow, math.MaxInt64
	if w.spec.window() < 0 {
		return nil
	}
	if w.res.partial {
		c.sweepAt = minWindow
	}
	c.owned = ctx.VNodes
	c.closed, err = openClosed(ctx, w.spec.Closed, w.spec.Kind(), w.spec.Rows.ID)
	c.resend = c.closed.at > minWindow
	return err
}

// admit notes the times of partitions that have just come to memory.
func (c *winClose) admit(w *overWindow, cols []vec.Vec, rows []int32) {
	if at := w.spec.window(); at >= 0 {
		t := &cols[at]
		for _, i := range rows {
			if !t.Null(int(i)) {
				c.sweepAt = min(c.sweepAt, t.I64[int(i)&t.Mask()]-1)
			}
		}
	}
}

// Watermark keeps for the barrier a watermark on a partition column, after which
// no partition at or below it changes, or on the first sort key: no row at or
// below it comes, and where calls look back only, results stay too (see
// PassesOrder), or do when it has passed what the frames reach.
func (w *overWindow) Watermark(_ *executor.Ctx, _ int, m stream.Watermark, _ executor.Emitter) error {
	c := &w.close
	switch {
	case m.Column == stream.AllRead: // at the barrier, behind the rows
		if c.marks == nil {
			c.marks = map[int]int64{}
		}
		c.marks[m.Column] = m.Time
	case m.Column == w.spec.window():
		c.closing = max(c.closing, m.Time)
	case slices.Contains(w.spec.Partition, m.Column) || w.spec.PassesOrder() && w.spec.Keys[0].Col == m.Column:
		if c.marks == nil {
			c.marks = map[int]int64{}
		}
		if c.marks[m.Column] = m.Time; !slices.Contains(w.spec.Partition, m.Column) {
			c.marks[m.Column] = max(m.Time, minWindow+w.spec.Ahead) - w.spec.Ahead
		}
	}
	return nil
}

// closePartitions drops the partitions that can no longer change and passes
// watermarks on.
func (w *overWindow) closePartitions(out executor.Emitter) error {
	c := &w.close
	for _, col := range slices.Sorted(maps.Keys(c.marks)) {
		if err := out.EmitWatermark(stream.Watermark{Column: col, Time: c.marks[col]}); err != nil {
			return err
		}
	}
	clear(c.marks)
	c.resend = c.closing > minWindow && c.closed.raise(c.closing) || c.resend
	c.closing = minWindow
	c.closed.save()
	if !c.resend {
		return nil
	}
	c.resend = false
	if c.closed.at > c.sweepAt {
		if err := w.sweep(); err != nil {
			return err
		}
	}
	return out.EmitWatermark(stream.Watermark{Column: w.spec.window(), Time: c.closed.at})
}

// sweep drops closed partitions: their rows from the table, then from memory.
func (w *overWindow) sweep() error {
	c := &w.close
	c.sweepAt = math.MaxInt64
	var live []int32
	for id := range w.parts {
		if w.groups.Live(int32(id)) {
			live = append(live, int32(id))
		}
	}
	times := w.groups.Keys(live)[w.spec.WindowKey]
	forget := func(v storage.VNode, prefix []byte) error {
		return w.table.Scan(v, prefix, func(key, _ []byte) (bool, error) {
			w.table.Delete(v, key)
			return true, nil
		})
	}
	for i, id := range live {
		if times.Null(i) {
			continue
		}
		if at := times.I64[i]; at > c.closed.at {
			c.sweepAt = min(c.sweepAt, at-1)
			continue
		}
		if err := forget(w.parts[id].vnode, w.prefix(id)); err != nil {
			return err
		}
		w.drop(id)
	}
	w.tidy()
	if !w.res.partial {
		return nil
	}
	low, err := closedGroups(w.table, c.owned, w.groupTypes, w.spec.WindowKey, c.closed.at, forget)
	c.sweepAt = min(c.sweepAt, low)
	return err
}
