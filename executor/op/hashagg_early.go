package op

import (
	"streamdb/executor"
	"streamdb/stream"
	"streamdb/vec"
)

// This file closes groups of a HashAgg within an epoch, as their watermark comes.
// What became of them is emitted, and they are gone: where a stream runs faster
// than its time many windows begin and end in an epoch, of which nothing is ever
// written, and what is in memory is only the windows that are open. That is right
// in the midst of an epoch, whatever the input retracts, as of these groups nothing
// more comes. What is only in the table waits for the barrier.

// earlyShare says when it pays to look for closed groups: once there is a new group
// for so many of those in memory. A variable for tests.
var earlyShare = 8

// openEarly finds out whether the aggregates keep no values.
func (a *hashAgg) openEarly() {
	a.plain = true
	for _, c := range a.aggs {
		switch c.(type) {
		case *plainAgg, *rowCount:
		default:
			a.plain = false
		}
	}
}

// closeEarly closes the groups in memory that the watermark has passed, and passes
// it on.
func (a *hashAgg) closeEarly(ctx *executor.Ctx, out executor.Emitter) error {
	if a.table == nil || !a.plain || a.spec.EmitOnClose && a.res.partial || a.closed.next <= max(a.closed.at, a.sweepAt) ||
		a.begun*earlyShare < a.keys.Len() {
		return nil
	}
	a.closed.early(true)
	gone := a.expired()
	for _, id := range gone {
		a.groups[id] |= groupClosed
	}
	if err := a.emitClosed(ctx, out); err != nil {
		return err
	}
	if err := a.drop(ctx, gone, out); err != nil {
		return err
	}
	if err := out.EmitWatermark(stream.Watermark{Column: a.spec.WindowKey, Time: a.closed.at}); err != nil {
		return err
	}
	marks := a.marks
	err := a.passMarks(true, out)
	a.marks = marks // at the barrier they go all the way
	return err
}

// emitClosed emits what the epoch did to closed groups and takes them from the
// lists of those that it changed.
func (a *hashAgg) emitClosed(ctx *executor.Ctx, out executor.Emitter) error {
	absent := a.absent
	var open []int32
	a.absent, open = a.partClosed(absent)
	err := a.settle(ctx, out)
	a.stat.Hits.Add(int64(len(a.absent)))
	if a.absent = open; err != nil {
		return err
	}
	ids, _ := a.partClosed(a.touched)
	if len(ids) == 0 {
		return nil
	}
	a.stat.Hits.Add(int64(len(ids)))
	olds := make([]vec.Vec, len(a.old))
	for j, b := range a.old {
		olds[j] = b.Vec()
	}
	had := a.keepOpen(olds)
	for from := 0; from < len(ids) && !a.spec.EmitOnClose; {
		to := from + a.pace.next(min(len(ids)-from, stream.BatchRows))
		if err := a.emitChanges(ctx, ids[from:to], had[from:to], olds, out); err != nil {
			return err
		}
		from = to
	}
	return nil
}

// partClosed parts groups.
func (a *hashAgg) partClosed(ids []int32) (closed, open []int32) {
	for _, id := range ids {
		if a.groups[id]&groupClosed != 0 {
			closed = append(closed, id)
		} else {
			open = append(open, id)
		}
	}
	return closed, open
}

// keepOpen takes the closed groups from touched, had and old; it returns had of them.
func (a *hashAgg) keepOpen(olds []vec.Vec) (had []int32) {
	var rows []int32
	n := 0
	for k, id := range a.touched {
		h := a.had[k]
		if a.groups[id]&groupClosed != 0 {
			had = append(had, h)
			continue
		}
		if h >= 0 {
			rows = append(rows, h)
			h = int32(len(rows) - 1)
		}
		a.touched[n], a.had[n] = id, h
		n++
	}
	a.touched, a.had, a.oldRows = a.touched[:n], a.had[:n], int32(len(rows))
	for j, b := range a.old {
		b.Reset(len(rows))
		b.AppendRows(&olds[j], rows)
	}
	return had
}
