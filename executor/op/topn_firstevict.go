package op

import (
	"streamdb/storage"
	"streamdb/vec"
)

// This file is how groups of a topNFirst leave memory: at a barrier all their rows
// are in the table. Those leave first that took no row lately, as many as memory is
// short of; their slots are used again.

// evict makes groups leave as far as memory is short, so that as many rows as came
// since the last time can come again.
func (t *topNFirst) evict() {
	defer func() { t.came = 0 }()
	t.memory.report(t.bytes())
	slots, live := len(t.rows.key), t.rows.live
	per := t.memory.held/int64(max(slots, 1)) + 1
	more := min(max(0, t.came-(slots-live)), live/8)
	shed := t.memory.shed(int64(more+more/8) * per)
	if shed == 0 || live == 0 {
		return
	}
	want := max(int(shed/per), more)
	if want > live*7/8 {
		for _, id := range t.groups.All() {
			t.res.evict(t.groups.Tag(id))
		}
		t.reset()
		t.memory.report(t.bytes())
		return
	}
	t.shed(want)
	if !t.memory.over() {
		return
	}
	if more := slots/packShare - (slots - t.rows.live); more > 0 {
		t.shed(more)
	}
	t.pack()
	t.memory.report(t.bytes())
}

// shed makes groups leave that have at least so many rows together.
func (t *topNFirst) shed(want int) {
	for want > 0 && t.groups.Len() > 0 {
		share := max(1, int(int64(want)*int64(t.groups.Len())/int64(max(t.rows.live, 1))))
		victims := t.clock.pick(t.groups.lives, share, nil)
		if len(victims) == 0 {
			return
		}
		for _, id := range victims {
			want -= max(1, int(t.state[id].size))
			t.res.evict(t.groups.Tag(id))
			t.drop(id)
		}
	}
}

func (t *topNFirst) vnodeOf(id int32) storage.VNode { return t.state[id].vnode }

// drop forgets a group.
func (t *topNFirst) drop(id int32) {
	for slot := t.state[id].last; slot >= 0; {
		next := t.rows.next[slot]
		t.rows.remove(slot)
		slot = next
	}
	t.groups.Delete(id)
	t.clock.forget(id)
}

// pack gives memory back, which freeing slots does not: groups and rows are numbered
// anew, the rows of a group one after the other.
func (t *topNFirst) pack() {
	ids := t.groups.All()
	old, state := t.rows, t.state
	t.groups = t.groups.Pack(ids)
	t.clock.pack(ids)
	t.rows = newJoinRows(t.in, false, false, false, false)
	t.rows.reserve(old.live)
	t.state = make([]firstRows, len(ids))
	var slots, of []int32
	for to, id := range ids {
		t.state[to] = state[id]
		t.state[to].last = -1
		for slot := state[id].last; slot >= 0; slot = old.next[slot] {
			slots, of = append(slots, slot), append(of, int32(to))
		}
	}
	ends := make([]int32, len(ids)) // the slot of the row before, of the same group
	for len(slots) > 0 {
		n := old.batch(slots)
		cols := make([]vec.Vec, len(t.in))
		for c := range cols {
			cols[c] = old.gather(c, slots[:n])
		}
		for i, to := range of[:n] {
			slot := t.rows.insert(cols, i, to)
			t.rows.flags[slot] = rowStored
			if g := &t.state[to]; g.last < 0 {
				g.last = slot
			} else {
				t.rows.next[ends[to]] = slot
			}
			ends[to] = slot
		}
		slots, of = slots[n:], of[n:]
	}
	if t.spec.Out != nil {
		t.nums = rowNumbers{}
		for id := range t.state {
			t.number(&t.state[id])
		}
	}
}

func (t *topNFirst) bytes() int64 {
	return t.groups.Bytes() + t.rows.bytes() + int64(24*cap(t.state)) + int64(4*(cap(t.dirty)+cap(t.gone))) + t.clock.bytes() + t.res.bytes() + int64(cap(t.nums.now)+4*cap(t.nums.touched))
}
