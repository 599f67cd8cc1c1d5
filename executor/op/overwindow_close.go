package op

import (
	"slices"

	"streamdb/executor"
	"streamdb/storage"
	"streamdb/stream"
)

// window is the input column whose watermark closes partitions; -1: none.
func (s *OverWindow) window() int {
	if s.Closed.ID == 0 {
		return -1
	}
	return s.Partition[s.WindowKey]
}

// Watermark keeps for the barrier a watermark on a partition column, after which
// no partition at or below it changes, or on the first sort key: no row at or
// below it comes, and where calls look back only, results stay too (see
// PassesOrder), or do when it has passed what the frames reach.
func (w *overWindow) Watermark(_ *executor.Ctx, _ int, m stream.Watermark, _ executor.Emitter) error {
	switch {
	case m.Column == stream.AllRead || slices.Contains(w.spec.Partition, m.Column):
		w.note(m)
	case w.spec.PassesOrder() && w.spec.Keys[0].Col == m.Column:
		m.Time = max(m.Time, minWindow+w.spec.Ahead) - w.spec.Ahead
		w.note(m)
	}
	return nil
}

// closePartitions drops the partitions that can no longer change and passes
// watermarks on.
func (w *overWindow) closePartitions(out executor.Emitter) error {
	if err := w.close(w, out); err != nil {
		return err
	}
	w.tidy()
	return nil
}

func (w *overWindow) vnodeOf(id int32) storage.VNode { return w.parts[id].vnode }
