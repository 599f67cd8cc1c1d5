package op

import (
	"bytes"
	"math"

	"streamdb/executor"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// rowGroups is the groups of an operator that keeps rows by group: all of them in
// a table, under keys that begin with the group, some in memory. The watermark on
// one column of the group drops the groups at or below it from both: their results
// stay with who got them. Watermarks on other columns are passed on behind the rows
// of the epoch.
type rowGroups struct {
	in         []types.T
	cols, dist []int // of the group; of them, those that say where its rows are
	groupTypes []types.T
	groups     *keyTable // those in memory
	ids        []int32
	table      storage.StateTable
	res        residency

	closer  int // the input column whose watermark closes groups; -1: none does
	timeKey int // which column of the group that is
	closed  risingMark
	owned   storage.VNodeSet
	sweepAt int64              // no group has a time at or below it
	marks   []stream.Watermark // on other columns, to pass on
}

// inMemory is what an operator has of a group beside its key.
type inMemory interface {
	vnodeOf(id int32) storage.VNode
	drop(id int32)
}

// makeRowGroups is the groups of an input by cols; dist as in TopN. The column
// whose watermark closes them is that of number timeKey of cols, or closer is -1.
func makeRowGroups(in types.Schema, cols, dist []int, closer, timeKey int) rowGroups {
	g := rowGroups{in: schemaTypes(in), cols: cols, dist: dist, groupTypes: colTypes(in, cols), closer: closer, timeKey: timeKey}
	if dist == nil {
		g.dist = cols
	}
	g.groups = newKeyTable(g.groupTypes)
	return g
}

// open opens the table of rows and reads how far groups were closed.
func (g *rowGroups) open(ctx *executor.OpenCtx, rows, closed TableRef, kind string) (err error) {
	g.table = ctx.Table(rows)
	if g.res, err = openResidency(g.table); err != nil || g.closer < 0 {
		return err
	}
	if g.sweepAt = math.MaxInt64; g.res.partial {
		g.sweepAt = minWindow
	}
	g.owned = ctx.VNodes
	g.closed, err = openRising(ctx, closed, kind, rows.ID)
	return err
}

// onTime is the rows of b whose group is not closed.
func (g *rowGroups) onTime(b *stream.Batch) *stream.Batch {
	if g.closer < 0 {
		return b
	}
	return g.closed.onTime(b, g.closer, true)
}

// find gives the rows of a batch the ids of their groups. fresh is called for those
// that are new in memory: where they are, and whether rows of theirs may be stored.
func (g *rowGroups) find(b *stream.Batch, fresh func(id int32, v storage.VNode, stored bool)) (ids []int32) {
	cols, n := b.Cols(), b.Rows()
	if cap(g.ids) < n {
		g.ids = make([]int32, n)
	}
	ids = g.ids[:n]
	found, rows := g.groups.FindOrInsert(pickCols(cols, g.cols), nil, n, ids)
	if len(found) == 0 {
		return ids
	}
	vnodes := executor.VNodes(cols, g.dist, g.in, n, nil)
	for k, id := range found {
		fresh(id, vnodes[rows[k]], g.table != nil && g.res.mayHold(g.groups.Tag(id)))
	}
	g.admit(cols, rows)
	return ids
}

// empty forgets all groups, if most have left memory already: deleting gives none
// back.
func (g *rowGroups) empty() bool {
	if g.groups.Len() >= g.groups.Ids()/4 {
		return false
	}
	for _, id := range g.groups.All() {
		g.res.evict(g.groups.Tag(id))
	}
	g.groups = newKeyTable(g.groupTypes)
	return true
}

// admit notes the times of groups that have just come to memory: those of rows.
func (g *rowGroups) admit(cols []vec.Vec, rows []int32) {
	if g.closer < 0 {
		return
	}
	t := &cols[g.closer]
	for _, i := range rows {
		if !t.Null(int(i)) {
			g.sweepAt = min(g.sweepAt, t.I64[int(i)&t.Mask()]-1)
		}
	}
}

// prefix is the state key of a group.
func (g *rowGroups) prefix(id int32) []byte {
	return appendStateKey(nil, g.groupTypes, g.groups.Keys([]int32{id}), 0)
}

// note keeps a watermark for the barrier.
func (g *rowGroups) note(m stream.Watermark) {
	if m.Column != stream.AllRead && m.Column == g.closer {
		g.closed.note(m.Time)
	} else {
		g.marks = newestMark(g.marks, m)
	}
}

// passMarks passes on the watermarks on other columns than that which closes.
func (g *rowGroups) passMarks(out executor.Emitter) error {
	for _, m := range g.marks {
		if err := out.EmitWatermark(m); err != nil {
			return err
		}
	}
	g.marks = g.marks[:0]
	return nil
}

// close drops the groups that can no longer change and passes watermarks on.
func (g *rowGroups) close(mem inMemory, out executor.Emitter) error {
	if err := g.passMarks(out); err != nil || g.closer < 0 || !g.closed.rise() {
		return err
	}
	if g.closed.at > g.sweepAt {
		if err := g.sweep(mem); err != nil {
			return err
		}
	}
	return out.EmitWatermark(stream.Watermark{Column: g.closer, Time: g.closed.at})
}

// sweep drops closed groups: those in memory, then those that are only in the table.
func (g *rowGroups) sweep(mem inMemory) error {
	live := g.groups.All()
	times := g.groups.Keys(live)[g.timeKey]
	g.sweepAt = math.MaxInt64
	for i, id := range live {
		if times.Null(i) {
			continue
		}
		if at := times.I64[i]; at > g.closed.at {
			g.sweepAt = min(g.sweepAt, at-1)
			continue
		}
		if err := deleteRows(g.table, mem.vnodeOf(id), g.prefix(id)); err != nil {
			return err
		}
		mem.drop(id)
	}
	if !g.res.partial {
		return nil
	}
	low, err := closedGroups(g.table, g.owned, g.groupTypes, g.timeKey, g.closed.at)
	g.sweepAt = min(g.sweepAt, low)
	return err
}

// deleteRows deletes what is stored under a prefix.
func deleteRows(t storage.StateTable, v storage.VNode, prefix []byte) error {
	return t.Scan(v, prefix, func(key, _ []byte) (bool, error) {
		t.Delete(v, key)
		return true, nil
	})
}

// closedGroups reads a table whose keys begin with a group, one key of a group
// each, and then deletes those whose column at is at or below a mark; groups is
// their types. low is the least that stays, less one; MaxInt64: none. Groups with
// NULL there stay.
func closedGroups(table storage.StateTable, owned storage.VNodeSet, groups []types.T, at int, mark int64) (low int64, err error) {
	type group struct {
		vnode storage.VNode
		key   []byte
	}
	var closed []group
	low = math.MaxInt64
	for v := owned.From; v < owned.To; v++ {
		var next []byte // the first key of the group after the one just looked at
		for more := true; more && err == nil; {
			more = false
			err = table.ScanFrom(storage.VNode(v), nil, next, func(key, _ []byte) (bool, error) {
				prefix, time, err := closedGroup(key, groups, at)
				if err != nil {
					return false, err
				}
				switch {
				case time.Null:
				case time.I > mark:
					low = min(low, time.I-1)
				default:
					closed = append(closed, group{storage.VNode(v), bytes.Clone(prefix)})
				}
				next, more = append(bytes.Clone(prefix), 0xff), true
				return false, nil
			})
		}
		if err != nil {
			return low, err
		}
	}
	for _, g := range closed {
		if err := deleteRows(table, g.vnode, g.key); err != nil {
			return low, err
		}
	}
	return low, nil
}

// closedGroup reads the group of a state key, and its time.
func closedGroup(key []byte, groups []types.T, at int) (prefix []byte, time types.Datum, err error) {
	rest := key
	for j, typ := range groups {
		var d types.Datum
		if d, rest, err = types.DecodeKey(typ, rest); err != nil {
			return nil, time, err
		}
		if j == at {
			time = d
		}
	}
	return key[:len(key)-len(rest)], time, nil
}
