package op

import (
	"streamdb/executor"
	"streamdb/stream"
	"streamdb/vec"
)

// This file is how a topNFirst gives its rows their ROW_NUMBER(). A row that comes
// moves those behind it; what that does to the numbers is found at the barrier, once
// for all rows that came to a group. The table knows rows only: their order in it is
// that of their numbers.

// rowNumbers are the numbers that rows have downstream.
type rowNumbers struct {
	now     []uint8 // by slot; 0: has none yet
	touched []int32 // groups in which they are to be looked at
}

// Numbers reports whether Out may be set.
func (s *TopN) Numbers() bool { return s.firstOfFew() && !s.WithTies && !s.Dense }

// came says that a row came to a group.
func (n *rowNumbers) came(g *firstRows, id, slot int32) {
	n.now = vec.Grow(n.now, int(slot)+1)
	n.now[slot] = 0
	if !g.moved {
		g.moved = true
		n.touched = append(n.touched, id)
	}
}

// of is the column of the numbers that rows have.
func (n *rowNumbers) of(slots []int32) vec.Vec {
	out := make([]int64, len(slots))
	for k, s := range slots {
		out[k] = int64(n.now[s])
	}
	return vec.Ints(out)
}

// number numbers a group that lies in memory as it lies in the table.
func (t *topNFirst) number(g *firstRows) {
	k := uint8(g.size)
	for slot := g.last; slot >= 0; slot = t.rows.next[slot] {
		t.nums.now = vec.Grow(t.nums.now, int(slot)+1)
		t.nums.now[slot] = k
		k--
	}
}

// renumber emits the stored rows whose numbers have changed, and numbers those that
// came.
func (t *topNFirst) renumber(out executor.Emitter) error {
	var slots []int32
	var before, after []int64
	now := t.nums.now
	for _, id := range t.nums.touched {
		g := &t.state[id]
		g.moved = false
		k := uint8(g.size)
		for slot := g.last; slot >= 0; slot, k = t.rows.next[slot], k-1 {
			if was := now[slot]; was != k {
				if was != 0 {
					slots, before, after = append(slots, slot), append(before, int64(was)), append(after, int64(k))
				}
				now[slot] = k
			}
		}
	}
	t.nums.touched = t.nums.touched[:0]
	for len(slots) > 0 {
		n := t.rows.batch(slots)
		cols := make([]vec.Vec, len(t.in), len(t.in)+1)
		for c := range cols {
			cols[c] = t.rows.gather(c, slots[:n])
		}
		if err := out.Emit(stream.NewBatch(n, append(cols[:len(cols):len(cols)], vec.Ints(before[:n])), opsOf(stream.Delete, n))); err != nil {
			return err
		}
		if err := out.Emit(stream.NewBatch(n, append(cols, vec.Ints(after[:n])), nil)); err != nil {
			return err
		}
		slots, before, after = slots[n:], before[n:], after[n:]
	}
	return nil
}
