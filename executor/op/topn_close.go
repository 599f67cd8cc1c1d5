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
	keys := t.spec.Keys
	if m.Column == stream.AllRead || slices.Contains(t.spec.Group, m.Column) ||
		len(keys) > 0 && m.Column == keys[0].Col && !keys[0].Desc && !keys[0].NullsFirst {
		t.note(m)
	}
	if m.Column == t.closer && t.closer >= 0 {
		return t.closeEarly(out)
	}
	return nil
}

func (t *topN) vnodeOf(id int32) storage.VNode { return t.state[id].vnode }

// drop forgets a group.
func (t *topN) drop(id int32) {
	t.set.Clear(&t.state[id].root)
	t.groups.Delete(id)
}
