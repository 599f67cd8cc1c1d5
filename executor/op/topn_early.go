package op

import (
	"bytes"
	"math"
	"slices"

	"streamdb/executor"
	"streamdb/stream"
	"streamdb/types"
)

// This file closes groups of a TopN within an epoch that began in it, where one row
// of each, and those that tie with it, come out. Their rows are kept as they came,
// for the watermark mostly passes a group while they are all there: then the first
// ones are found in them, and none is ever encoded or written. What the watermark
// has not passed by the barrier goes the way of all rows.

// heldRows is a batch and the groups of its rows.
type heldRows struct {
	b   *stream.Batch
	ids []int32
}

// holds reports whether rows wait for the watermark or the barrier. Of rows that are
// never taken back only the first ones are kept anyway.
func (t *topN) holds() bool {
	return t.closer >= 0 && t.table != nil && t.end == 1 && !t.spec.AppendOnly
}

func (t *topN) hold(b *stream.Batch, ids []int32) {
	if b.Rows() > 0 {
		t.held, t.heldRows = append(t.held, heldRows{b, slices.Clone(ids)}), t.heldRows+b.Rows()
	}
}

// unhold takes in what was held.
func (t *topN) unhold() error {
	for _, h := range t.held {
		if err := t.take(h.b, h.ids); err != nil {
			return err
		}
	}
	clear(t.held)
	t.held, t.heldRows = t.held[:0], 0
	return nil
}

// closeEarly emits the first rows of groups that the watermark has passed, and
// forgets the groups: those of which all is held, and nothing is taken back. The
// others are closed at the barrier, and the watermark is passed on there.
func (t *topN) closeEarly(out executor.Emitter) error {
	if t.closed.next <= max(t.closed.at, t.sweepAt) || t.heldRows*earlyShare < t.groups.Len() {
		return nil
	}
	t.closed.early(false)
	closing := t.closing()
	same := t.firstHeld(closing)
	n := 0
	t.heldRows = 0
	for _, h := range t.held {
		var first, rest []int32
		for i, id := range h.ids {
			if !closing[id] {
				rest = append(rest, int32(i))
			} else if same(h, i) {
				first = append(first, int32(i))
			}
		}
		if len(first) > 0 {
			if err := out.Emit(h.b.Take(first)); err != nil {
				return err
			}
		}
		switch len(rest) {
		case 0:
			continue
		case len(h.ids):
		default:
			ids := make([]int32, len(rest))
			for k, i := range rest {
				ids[k] = h.ids[i]
			}
			h = heldRows{h.b.Take(rest), ids}
		}
		t.held[n] = h
		n, t.heldRows = n+1, t.heldRows+len(rest)
	}
	clear(t.held[n:])
	t.held = t.held[:n]
	for id, c := range closing {
		if c {
			t.drop(int32(id))
		}
	}
	return nil
}

// closing says by id which groups can be closed now.
func (t *topN) closing() []bool {
	closing := make([]bool, len(t.state))
	live := t.groups.All()
	times := t.groups.Column(t.timeKey, live)
	sweepAt := int64(math.MaxInt64)
	for i, id := range live {
		if times.Null(i) {
			continue
		}
		at, g := times.I64[i&times.Mask()], &t.state[id]
		if closing[id] = at <= t.closed.at && g.all && g.size == 0; !closing[id] {
			sweepAt = min(sweepAt, at-1)
		}
	}
	for _, h := range t.held {
		for i, op := range h.b.Ops {
			if id := h.ids[i]; op != stream.Insert && closing[id] {
				closing[id] = false
				sweepAt = minWindow
			}
		}
	}
	if !t.res.partial {
		t.sweepAt = sweepAt
	}
	return closing
}

// firstHeld finds the first rows of groups among what is held, and returns what
// recognises them.
func (t *topN) firstHeld(closing []bool) (first func(h heldRows, i int) bool) {
	if t.byInt() {
		return t.firstInts(closing)
	}
	best := make([][]byte, len(closing))
	var buf []byte
	key := func(h heldRows, i int) []byte {
		buf = t.sort.append(buf[:0], h.b.Cols(), i)
		if !t.spec.WithTies {
			buf = t.row.append(buf, h.b.Cols(), i)
		}
		return buf
	}
	for _, h := range t.held {
		for i, id := range h.ids {
			if !closing[id] {
				continue
			}
			if k := key(h, i); best[id] == nil || bytes.Compare(k, best[id]) < 0 {
				best[id] = append(best[id][:0], k...)
			}
		}
	}
	return func(h heldRows, i int) bool { return bytes.Equal(key(h, i), best[h.ids[i]]) }
}

// byInt reports whether the order is that of one integer, and none is NULL.
func (t *topN) byInt() bool {
	keys := t.spec.Keys
	if !t.spec.WithTies || len(keys) != 1 || t.in[keys[0].Col].Layout() != types.LInt64 {
		return false
	}
	return !slices.ContainsFunc(t.held, func(h heldRows) bool { return h.b.Cols()[keys[0].Col].HasNulls() })
}

// firstInts is firstHeld by one integer.
func (t *topN) firstInts(closing []bool) func(h heldRows, i int) bool {
	c, flip := t.spec.Keys[0].Col, int64(0)
	if t.spec.Keys[0].Desc {
		flip = -1 // ^x falls where x rises
	}
	best := slices.Repeat([]int64{math.MaxInt64}, len(closing))
	for _, h := range t.held {
		col := &h.b.Cols()[c]
		x, m := col.I64, col.Mask()
		for i, id := range h.ids {
			best[id] = min(best[id], x[i&m]^flip)
		}
	}
	return func(h heldRows, i int) bool {
		col := &h.b.Cols()[c]
		return col.I64[i&col.Mask()]^flip == best[h.ids[i]]
	}
}
