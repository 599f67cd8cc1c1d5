package op

import (
	"bytes"
	"sort"

	"streamdb/internal/sqlerr"
	"streamdb/storage"
)

// rowChanges collects the changes that an epoch makes to a state table of rows,
// until its barrier: in between they may come in any order.
type rowChanges struct {
	arena arena
	list  []rowChange
}

type rowChange struct {
	v          storage.VNode
	op         int8 // summed: +1 came, -1 went
	key, row   span
	klen, rlen int32
	head       int32 // free for the owner: length of a part of the key
}

func (c *rowChanges) bytes() int64            { return c.arena.size + int64(32*cap(c.list)) }
func (c *rowChanges) key(x *rowChange) []byte { return c.arena.get(x.key, int(x.klen)) }
func (c *rowChanges) row(x *rowChange) []byte { return c.arena.get(x.row, int(x.rlen)) }

// sum sorts the changes and adds up those of equal rows.
func (c *rowChanges) sum() error {
	sort.Slice(c.list, func(a, b int) bool {
		x, y := &c.list[a], &c.list[b]
		if x.v != y.v {
			return x.v < y.v
		}
		if o := bytes.Compare(c.key(x), c.key(y)); o != 0 {
			return o < 0
		}
		return bytes.Compare(c.row(x), c.row(y)) < 0
	})
	n := 0
	for i := 0; i < len(c.list); {
		x, sum := &c.list[i], 0
		for ; i < len(c.list); i++ {
			y := &c.list[i]
			if y.v != x.v || !bytes.Equal(c.key(x), c.key(y)) || !bytes.Equal(c.row(x), c.row(y)) {
				break
			}
			sum += int(y.op)
		}
		switch sum {
		case 0:
			continue
		case 1, -1:
		default:
			return sqlerr.New(sqlerr.InternalError, "a row changed by %d in an epoch", sum)
		}
		z := *x
		z.op = int8(sum)
		c.list[n] = z
		n++
	}
	c.list = c.list[:n]
	return nil
}

// add notes a change of a row.
func (c *rowChanges) add(v storage.VNode, op int8, key, row []byte, head int) {
	c.list = append(c.list, rowChange{v: v, op: op, head: int32(head),
		key: c.arena.add(key), klen: int32(len(key)), row: c.arena.add(row), rlen: int32(len(row))})
}

// write applies the summed changes to the table.
func (c *rowChanges) write(t storage.StateTable) {
	for i := range c.list {
		if x := &c.list[i]; x.op < 0 {
			t.Delete(x.v, c.key(x))
		}
	}
	for i := range c.list {
		if x := &c.list[i]; x.op > 0 {
			t.Put(x.v, c.key(x), c.row(x))
		}
	}
}
