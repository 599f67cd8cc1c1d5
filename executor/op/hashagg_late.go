package op

import (
	"encoding/binary"
	"math"

	"streamdb/expr/aggs"
	"streamdb/storage"
	"streamdb/vec"
)

// lateGroups are copies of changed groups on their way to the state table: what the
// task copies at the barrier, so that keys and values can be made when it is in the
// next epoch already. By column: gathering a column costs a few nanoseconds a row,
// encoding it ten times as much.
type lateGroups struct {
	keys   []vec.Vec
	groups []aggGroup
	parts  [][]vec.Vec // per aggregate: its partial form; nil: it has none, or is count(*)
}

// canWait reports whether all states have a partial form, which is a copy.
func (a *hashAgg) canWait() bool {
	if len(a.spec.Keys) == 0 {
		return false // one row: nothing to gain
	}
	for _, c := range a.aggs {
		if p := plainOf(c); p != nil && p.partial == nil {
			return false
		}
	}
	return true
}

// plainOf is the aggregate whose state is a column's part of its group's row; nil: it
// has none there, or it is count(*), which is the rows of the group.
func plainOf(c aggColumn) *plainAgg {
	switch c := c.(type) {
	case *plainAgg:
		return c
	case *distinctAgg:
		return c.plain
	case *distinctFollower:
		return c.plain
	}
	return nil
}

// writeLater is write for groups whose aggregates can wait; live are those that exist.
func (a *hashAgg) writeLater(ids []int32, keys []vec.Vec) error {
	l := &lateGroups{keys: keys, groups: make([]aggGroup, len(ids)), parts: make([][]vec.Vec, len(a.aggs))}
	for i, id := range ids {
		g := &a.groups[id]
		l.groups[i] = *g // with groupStored as it was
		if g.rows() > 0 {
			*g |= groupStored
		}
	}
	for j, c := range a.aggs {
		p := plainOf(c)
		if p == nil {
			continue
		}
		bs := make([]*vec.Builder, len(p.partial))
		for k, t := range p.partial {
			bs[k] = vec.NewBuilder(t.Layout(), len(ids))
		}
		if err := p.state.AppendPartial(ids, bs); err != nil {
			return err
		}
		for _, b := range bs {
			l.parts[j] = append(l.parts[j], b.Vec())
		}
	}
	a.table.PutLater(len(ids), func(to storage.LateWriter) { a.writeGroups(to, l) })
	return nil
}

// writeGroups makes keys and values of copies. It may run on any goroutine, and so
// reads nothing of the operator but its plan.
func (a *hashAgg) writeGroups(to storage.LateWriter, l *lateGroups) {
	n := len(l.groups)
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = int32(i)
	}
	states := make([]aggs.State, len(a.aggs))
	for j, c := range a.aggs {
		p := plainOf(c)
		if p == nil {
			continue
		}
		states[j] = p.make()
		states[j].Grow(n)
		if err := states[j].Merge(ids, l.parts[j], nil, nil, n); err != nil {
			panic(err) // a copy of what was there: recovered by who commits
		}
	}
	var key, value, row []byte
	for i, g := range l.groups {
		key = appendStateKey(key[:0], a.keyTypes, l.keys, i)
		if g.rows() <= 0 {
			if g&groupStored != 0 {
				to.Delete(g.vnode(), key)
			}
			continue
		}
		value = binary.AppendVarint(value[:0], g.rows())
		value, row = a.appendFixed(value, row, l.keys, i)
		for j, s := range states {
			if s != nil {
				value = s.Encode(int32(i), value)
			} else if _, ok := a.aggs[j].(*rowCount); ok {
				value = binary.AppendVarint(value, g.rows())
			}
		}
		to.Put(g.vnode(), key, value)
	}
}

// appendFixed appends what a group's value has of its key; row is a buffer.
func (a *hashAgg) appendFixed(dst, row []byte, keys []vec.Vec, i int) (_, buf []byte) {
	if w := a.spec.WindowKey; w >= 0 {
		x, null := intAt(&keys[w], i)
		if null {
			x = math.MaxInt64 // never closed
		}
		dst = binary.AppendVarint(dst, x)
	}
	if a.lossy {
		row = storage.AppendRow(row[:0], keys, i)
		dst = append(binary.AppendUvarint(dst, uint64(len(row))), row...)
	}
	return dst, row
}
