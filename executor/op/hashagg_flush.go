package op

import (
	"math"
	"slices"

	"streamdb/executor"
	"streamdb/internal/sqlerr"
	"streamdb/stream"
	"streamdb/vec"
)

const minWindow = math.MinInt64

// Barrier emits what the epoch changed, writes the changed groups, drops closed
// windows and passes their watermark on.
func (a *hashAgg) Barrier(ctx *executor.Ctx, _ stream.Barrier, out executor.Emitter) error {
	if err := a.start(); err != nil {
		return err
	}
	if len(a.spec.Keys) == 0 && !a.started && a.groups[0]&groupTouched == 0 {
		a.touched, a.had = append(a.touched, 0), append(a.had, -1) // the row of no input
	}
	if err := a.flushAll(ctx, out); err != nil {
		return err
	}
	a.started = len(a.spec.Keys) == 0
	a.spilled, a.again = false, false
	if err := a.closeWindows(ctx, out); err != nil {
		return err
	}
	if a.table != nil {
		return a.evict()
	}
	return nil
}

// flushAll emits and writes all that was touched.
func (a *hashAgg) flushAll(ctx *executor.Ctx, out executor.Emitter) error {
	if a.table != nil {
		if err := a.flushSets(); err != nil { // min and max need it for their results
			return err
		}
	}
	a.stat.Hits.Add(int64(len(a.touched) + len(a.absent) - a.came))
	a.came = 0
	if err := a.settle(ctx, out); err != nil {
		return err
	}
	olds := make([]vec.Vec, len(a.old))
	for j, b := range a.old {
		olds[j] = b.Vec()
	}
	for from := 0; from < len(a.touched); {
		to := min(from+stream.BatchRows, len(a.touched))
		to = from + a.pace.next(to-from)
		if err := a.flush(ctx, a.touched[from:to], a.had[from:to], olds, out); err != nil {
			return err
		}
		from = to
	}
	a.retire(a.touched)
	a.retire(a.absent)
	for _, b := range a.old {
		b.Reset(0)
	}
	a.touched, a.had, a.absent, a.oldRows = a.touched[:0], a.had[:0], a.absent[:0], 0
	return nil
}

// flush emits and writes some of the touched groups.
func (a *hashAgg) flush(ctx *executor.Ctx, ids, had []int32, olds []vec.Vec, out executor.Emitter) error {
	for _, id := range ids {
		if a.groups[id].rows() < 0 {
			return sqlerr.New(sqlerr.InternalError, "aggregate: a row that never came is retracted")
		}
	}
	if a.table != nil {
		if err := a.write(ids); err != nil {
			return err
		}
	}
	if a.spec.EmitOnClose {
		return nil
	}
	return a.emitChanges(ctx, ids, had, olds, out)
}

// existing is the groups that have rows.
func (a *hashAgg) existing(ids []int32) []int32 {
	now := make([]int32, 0, len(ids))
	for _, id := range ids {
		if a.groups[id].rows() > 0 {
			now = append(now, id)
		}
	}
	return now
}

// emitChanges emits what became of touched groups. had is where olds has what they
// were.
func (a *hashAgg) emitChanges(ctx *executor.Ctx, ids, had []int32, olds []vec.Vec, out executor.Emitter) error {
	global := len(a.spec.Keys) == 0
	now := make([]int32, 0, len(ids)) // groups that exist
	row := make([]int32, len(ids))    // per id: its row in the new results; -1: the group is gone
	for k, id := range ids {
		row[k] = -1
		if global || a.groups[id].rows() > 0 {
			row[k] = int32(len(now))
			now = append(now, id)
		}
	}
	news, err := a.results(ctx, now)
	if err != nil {
		return err
	}
	del, ins := newChangedGroups(len(ids)), newChangedGroups(len(ids))
	for k, id := range ids {
		if o, n := had[k], row[k]; o >= 0 && n >= 0 && !a.unchanged(olds, int(o), news, int(n)) {
			del.add(id, o)
			ins.add(id, n)
		}
	}
	for k, id := range ids { // behind those that are in both: see stream.Batch.Once
		if o, n := had[k], row[k]; o >= 0 && n < 0 {
			del.add(id, o)
		} else if o < 0 && n >= 0 {
			ins.add(id, n)
		}
	}
	if err := a.emit(del, olds, stream.Delete, out); err != nil {
		return err
	}
	return a.emit(ins, news, stream.Insert, out)
}

// changedGroups are groups to emit, and where their results are.
type changedGroups struct{ ids, rows []int32 }

func newChangedGroups(most int) changedGroups {
	return changedGroups{make([]int32, 0, most), make([]int32, 0, most)}
}

func (c *changedGroups) add(id, row int32) { c.ids, c.rows = append(c.ids, id), append(c.rows, row) }

// all reports whether the rows are all n, in order.
func (c *changedGroups) all(n int) bool {
	if len(c.rows) != n {
		return false
	}
	for i, r := range c.rows {
		if int(r) != i {
			return false
		}
	}
	return true
}

// results computes the aggregates of groups.
func (a *hashAgg) results(ctx *executor.Ctx, ids []int32) ([]vec.Vec, error) {
	out := make([]vec.Vec, len(a.aggs))
	for j, c := range a.aggs {
		b := vec.NewBuilder(a.spec.Aggs[j].T.Layout(), len(ids))
		if err := c.result(ctx.Expr, ids, b); err != nil {
			return nil, err
		}
		out[j] = b.Vec()
	}
	a.pace.made(len(ids), out)
	return out, nil
}

func (a *hashAgg) unchanged(olds []vec.Vec, o int, news []vec.Vec, n int) bool {
	for j := range olds {
		if !equalRows(&olds[j], o, &news[j], n) {
			return false
		}
	}
	return true
}

func (a *hashAgg) emit(c changedGroups, results []vec.Vec, o stream.Op, out executor.Emitter) error {
	n := len(c.ids)
	if n == 0 {
		return nil
	}
	cols := a.keys.Keys(c.ids)
	for j := range results {
		if c.all(results[j].N) {
			cols = append(cols, results[j])
		} else {
			cols = append(cols, results[j].Gather(c.rows))
		}
	}
	var ops []stream.Op
	if o == stream.Delete {
		ops = slices.Repeat([]stream.Op{o}, n)
	}
	b := stream.NewBatch(n, cols, ops)
	b.Once = !a.again
	return out.Emit(b)
}

// write records the state of touched groups, gone ones included.
func (a *hashAgg) write(ids []int32) error {
	keys := a.keys.Keys(ids)
	settled := a.spec.AppendOnly && len(a.aggs) == 0 // DISTINCT: a row that came stays, however often
	if !settled && !a.settling && a.canWait() {
		return a.writeLater(ids, keys)
	}
	var key, value []byte
	for i, id := range ids {
		g := &a.groups[id]
		if *g&groupStored != 0 && settled {
			continue
		}
		key = appendStateKey(key[:0], a.keyTypes, keys, i)
		if g.rows() > 0 || len(a.spec.Keys) == 0 {
			value = a.encode(value[:0], id, keys, i)
			a.table.Put(g.vnode(), key, value)
			*g |= groupStored
		} else if *g&groupStored != 0 {
			a.table.Delete(g.vnode(), key)
		}
	}
	return nil
}

// flushSets writes the changed values of distinct and ordered aggregates.
func (a *hashAgg) flushSets() error {
	for _, c := range a.aggs {
		if err := c.flush(); err != nil {
			return err
		}
	}
	return nil
}

// retire forgets those of the touched groups that the epoch emptied.
func (a *hashAgg) retire(touched []int32) {
	for _, id := range touched {
		g := &a.groups[id]
		*g &^= groupTouched | groupAbsent
		if g.rows() == 0 && len(a.spec.Keys) > 0 {
			a.forget(id)
		}
	}
}

func (a *hashAgg) forget(id int32) {
	for _, c := range a.aggs {
		c.reset(id)
	}
	a.keys.Delete(id)
	a.clock.forget(id)
	a.groups[id] = 0
}

// forgetAll is forget for many groups.
func (a *hashAgg) forgetAll(ids []int32) {
	for _, c := range a.aggs {
		for _, id := range ids {
			c.reset(id)
		}
	}
	a.keys.DeleteAll(ids)
	for _, id := range ids {
		a.clock.forget(id)
		a.groups[id] = 0
	}
}
