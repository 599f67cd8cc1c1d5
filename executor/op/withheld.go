package op

// This file is what operators that hand over at the barrier tell of the epoch before:
// see executor.Withholder. Barriers come earlier, and sources pause, when it is much;
// so it is enough that figures are right within a factor of two.

// What a row on its way to a table takes besides its columns: its place in the lists
// of the epoch, and the head of its entry in a delta.
const (
	withheldRow    = 48
	withheldColumn = 16
)

// Withheld implements executor.Withholder.
func (w *epochWriter) Withheld() int { return w.epoch.bytes + withheldRow*len(w.epoch.next) }

// Withheld implements executor.Withholder: of each group a row of state, and the
// results before and after.
func (a *hashAgg) Withheld() int {
	group := withheldRow + withheldColumn*(len(a.keyTypes)+2*len(a.aggs))
	n := group * (len(a.touched) + len(a.absent))
	for _, c := range a.aggs {
		switch c := c.(type) {
		case *distinctAgg:
			n += withheldRow * len(c.dirty)
		case *orderedAgg:
			n += withheldRow * len(c.dirty)
		}
	}
	return n
}

// Withheld implements executor.Withholder.
func (j *hashJoin) Withheld() (n int) {
	for i := range j.sides {
		d := &j.sides[i]
		n += (withheldRow + withheldColumn*len(d.keep)) * len(d.dirty)
	}
	return n
}

// Withheld implements executor.Withholder: the left rows of the epoch, and what the
// right side changed.
func (t *temporalJoin) Withheld() int { return t.waits + t.join.Withheld() }

// withheld is what changes that wait for the barrier take; see Withheld of the operators.
func (c *rowChanges) withheld() int { return int(c.arena.used) + withheldRow*len(c.list) }

// Withheld implements executor.Withholder: of each changed row of a partition what is
// written of it. How many results of others that changes is not known before.
func (w *overWindow) Withheld() int { return w.changes.withheld() }

// Withheld implements executor.Withholder.
func (j *asOfJoin) Withheld() int { return j.changes[0].withheld() + j.changes[1].withheld() }

// Withheld implements executor.Withholder: the left rows. One right row that changes
// may bring all that are kept.
func (j *singletonJoin) Withheld() int { return j.changes.withheld() }

// Withheld implements executor.Withholder: of each session its part of a row of
// state, and the results before and after.
func (x *sessionAgg) Withheld() int {
	return (withheldRow + withheldColumn*(len(x.spec.Out)+len(x.aggs))) * len(x.touched)
}

// Withheld implements executor.Withholder: the rows of the epoch. How many of others
// get another window is not known before.
func (x *session) Withheld() int { return x.net.Withheld() }

// Withheld implements executor.Withholder: changes, and rows that wait for a watermark.
func (t *topN) Withheld() int {
	return t.changes.withheld() + (withheldRow+withheldColumn*len(t.in))*t.heldRows
}
