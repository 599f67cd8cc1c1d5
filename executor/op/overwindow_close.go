package op

import (
	"slices"

	"streamdb/executor"
	"streamdb/storage"
	"streamdb/stream"
)

// window is the input column whose watermark closes partitions; -1: none.
func (s *OverWindow) window() int {
	if s.Closed.ID == 0 || s.Forget {
		return -1
	}
	return s.Partition[s.WindowKey]
}

// Ascends reports whether a watermark on the first sort key says that all rows
// that come stand behind those at or below it.
func (s *OverWindow) Ascends() bool {
	return len(s.Keys) > 0 && !s.Keys[0].Desc && !s.Keys[0].NullsFirst
}

// PassesOrder reports whether a watermark on the first sort key passes: rows
// come in its order, and the result of none depends on later ones, but for peers
// and what is within Ahead.
func (s *OverWindow) PassesOrder() bool {
	_, ahead := s.looks()
	return s.Ascends() && ahead.only(reachNone, reachPeers, reachRange) && (s.Ahead > 0 || !ahead.has(reachRange))
}

// FillsFrames reports whether the results of a row are final once a number of
// rows, or of groups, has come behind it.
func (s *OverWindow) FillsFrames() bool {
	_, ahead := s.looks()
	return s.Ascends() && ahead.only(reachNone, reachPeers, reachRows, reachGroups)
}

// Forgets reports whether no result depends on rows that are far enough behind
// those that may still come, as Forget demands.
func (s *OverWindow) Forgets() bool {
	back, ahead := s.looks()
	near := []reachKind{reachNone, reachPeers, reachRows, reachGroups, reachRange}
	return s.Ascends() && back.only(near...) && ahead.only(near...)
}

// KeepsLast reports whether the last rows of a partition stay in state whatever
// watermark comes: the next ones look at them, or they wait for those.
func (s *OverWindow) KeepsLast() bool {
	back, ahead := s.looks()
	return !back.only(reachNone, reachPeers, reachRange) || !ahead.only(reachNone, reachPeers, reachRange) || back.has(reachRange) && s.Behind == 0
}

// Watermark keeps for the barrier a watermark on a partition column, after which
// no partition at or below it changes, or on the first sort key: no row at or
// below it comes, and where calls look back only, results stay too (see
// PassesOrder), or do when it has passed what the frames reach.
func (w *overWindow) Watermark(_ *executor.Ctx, _ int, m stream.Watermark, _ executor.Emitter) error {
	switch {
	case m.Column == stream.AllRead || slices.Contains(w.spec.Partition, m.Column):
		w.note(m)
	case !w.spec.Ascends() || w.spec.Keys[0].Col != m.Column || w.spec.Final:
	case w.spec.Forget:
		w.order.note(m.Time)
	case w.spec.PassesOrder():
		w.note(w.passed(m.Time))
	}
	return nil
}

// passed is up to where results stay under a watermark on the first sort key.
func (w *overWindow) passed(t int64) stream.Watermark {
	return stream.Watermark{Column: w.spec.Keys[0].Col, Time: max(t, minWindow+w.spec.Ahead) - w.spec.Ahead}
}

// closePartitions drops what can no longer change, or is looked at no more, and
// passes watermarks on.
func (w *overWindow) closePartitions(out executor.Emitter) error {
	if w.spec.Forget && !w.spec.Final {
		if err := w.lookRound(); err != nil {
			return err
		}
	}
	if w.rose && w.spec.PassesOrder() {
		w.note(w.passed(w.order.at))
	}
	w.rose = false
	if err := w.close(w, out); err != nil {
		return err
	}
	w.tidy()
	return nil
}

func (w *overWindow) vnodeOf(id int32) storage.VNode { return w.parts[id].vnode }
