package op

import (
	"bytes"
	"cmp"
	"slices"

	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/stream"
)

// rowChanges collects the changes that an epoch makes to a state table of rows,
// until its barrier: in between they may come in any order.
type rowChanges struct {
	arena arena
	list  []rowChange
}

type rowChange struct {
	group      int32 // the id of the group that the row is in, or the row's vnode
	op         stream.Op
	at         span // the key, then the row
	klen, rlen int32
	head       int32 // free for the owner: length of a part of the key
}

func (c *rowChanges) bytes() int64            { return c.arena.size + int64(28*cap(c.list)) }
func (c *rowChanges) key(x *rowChange) []byte { return c.arena.get(x.at, int(x.klen)) }
func (c *rowChanges) row(x *rowChange) []byte {
	return c.arena.get(x.at, int(x.klen+x.rlen))[x.klen:]
}

// add notes a change of a row.
func (c *rowChanges) add(group int32, op stream.Op, key, row []byte, head int) {
	c.list = append(c.list, rowChange{group: group, op: op, at: c.arena.add2(key, row),
		klen: int32(len(key)), rlen: int32(len(row)), head: int32(head)})
}

func (c *rowChanges) compare(x, y *rowChange) int {
	if x.group != y.group {
		return cmp.Compare(x.group, y.group)
	}
	if o := bytes.Compare(c.key(x), c.key(y)); o != 0 {
		return o
	}
	return bytes.Compare(c.row(x), c.row(y))
}

// sum sorts the changes by group, key and row, and adds up those of equal rows.
func (c *rowChanges) sum() error {
	slices.SortFunc(c.list, func(x, y rowChange) int { return c.compare(&x, &y) })
	n := 0
	for i := 0; i < len(c.list); {
		x, sum := c.list[i], 0
		for ; i < len(c.list) && c.compare(&x, &c.list[i]) == 0; i++ {
			sum += int(c.list[i].op)
		}
		switch sum {
		case 0:
			continue
		case 1, -1:
		default:
			return sqlerr.New(sqlerr.InternalError, "a row changed by %d in an epoch", sum)
		}
		x.op = stream.Op(sum)
		c.list[n] = x
		n++
	}
	c.list = c.list[:n]
	return nil
}

// each calls fn for the changes of each group, once they are summed, and forgets
// them all.
func (c *rowChanges) each(fn func(group int32, cs []rowChange) error) error {
	for list := c.list; len(list) > 0; {
		n := 1
		for n < len(list) && list[n].group == list[0].group {
			n++
		}
		if err := fn(list[0].group, list[:n]); err != nil {
			return err
		}
		list = list[n:]
	}
	c.list, c.arena = c.list[:0], arena{}
	if cap(c.list) > 1<<16 {
		c.list = nil
	}
	return nil
}

// write applies the summed changes to the table; their groups are vnodes.
func (c *rowChanges) write(t storage.StateTable) {
	for i := range c.list {
		if x := &c.list[i]; x.op == stream.Delete {
			t.Delete(storage.VNode(x.group), c.key(x))
		}
	}
	for i := range c.list {
		if x := &c.list[i]; x.op == stream.Insert {
			t.Put(storage.VNode(x.group), c.key(x), c.row(x))
		}
	}
}
