package op

import (
	"slices"

	"streamdb/executor"
	"streamdb/storage"
	"streamdb/stream"
)

// Watermark keeps watermarks for the barrier, after which rows of groups at or
// below them no longer change. One on the first sort key, if that ascends, says
// the same of rows: what comes later stands behind them.
func (t *topN) Watermark(_ *executor.Ctx, _ int, m stream.Watermark, out executor.Emitter) error {
	if t.spec.passes(m) {
		t.note(m)
	}
	if m.Column == t.closer && t.closer >= 0 {
		return t.closeEarly(out)
	}
	return nil
}

// passes reports whether a watermark of the input is one of the output.
func (s *TopN) passes(m stream.Watermark) bool {
	return m.Column == stream.AllRead || slices.Contains(s.Group, m.Column) ||
		len(s.Keys) > 0 && m.Column == s.Keys[0].Col && !s.Keys[0].Desc && !s.Keys[0].NullsFirst
}

func (t *topN) vnodeOf(id int32) storage.VNode { return t.state[id].vnode }

// drop forgets a group.
func (t *topN) drop(id int32) {
	t.set.Clear(&t.state[id].root)
	t.groups.Delete(id)
}
