package op

import (
	"bytes"

	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/stream"
)

// timedRows sums up an epoch's changes of rows under unique state keys, in
// whatever order they come: a row may be retracted before the one that it
// replaces, or that replaces it, arrives.
type timedRows struct {
	keys  byteMap // vnode, key -> id
	heads []int32 // by id: its last change
	next  []int32 // by change: the one of the same key before it, -1: none
	ops   []int32
	ends  []int // of each change's row in rows
	rows  []byte
	sums  []timedRow
	key   []byte
}

// timedRow is a distinct row of a key, and the sum of its signs.
type timedRow struct {
	row []byte
	sum int32
}

func (w *timedRows) add(v storage.VNode, key, row []byte, op int32) {
	w.key = append(append(w.key[:0], v), key...)
	id, isNew := w.keys.Insert(w.key)
	if isNew {
		w.heads = append(w.heads, -1)
	}
	w.next = append(w.next, w.heads[id])
	w.heads[id] = int32(len(w.ops))
	w.ops = append(w.ops, op)
	w.rows = append(w.rows, row...)
	w.ends = append(w.ends, len(w.rows))
}

func (w *timedRows) row(c int32) []byte {
	from := 0
	if c > 0 {
		from = w.ends[c-1]
	}
	return w.rows[from:w.ends[c]]
}

// settle writes what remains of each key, and forgets the epoch.
func (w *timedRows) settle(t storage.StateTable) error {
	for id, head := range w.heads {
		w.sums = w.sums[:0]
		for c := head; c >= 0; c = w.next[c] {
			w.fold(w.row(c), w.ops[c])
		}
		if err := w.write(t, w.keys.Key(int32(id))); err != nil {
			return err
		}
	}
	w.keys.Reset()
	w.heads, w.next, w.ops, w.ends, w.rows = w.heads[:0], w.next[:0], w.ops[:0], w.ends[:0], w.rows[:0]
	if cap(w.rows) > 1<<22 {
		*w = timedRows{}
	}
	return nil
}

func (w *timedRows) fold(row []byte, op int32) {
	for k := range w.sums {
		if bytes.Equal(w.sums[k].row, row) {
			w.sums[k].sum += op
			return
		}
	}
	w.sums = append(w.sums, timedRow{row, op})
}

func (w *timedRows) write(t storage.StateTable, key []byte) error {
	var put, del []byte
	for _, s := range w.sums {
		switch {
		case s.sum == 0:
		case s.sum == int32(stream.Insert) && put == nil:
			put = s.row
		case s.sum == int32(stream.Delete) && del == nil:
			del = s.row
		default:
			return sqlerr.New(sqlerr.InternalError, "two changes of one row that waits for a time do not cancel out").
				WithDetail("Key %x, sum %d.", key, s.sum)
		}
	}
	switch {
	case put != nil:
		t.Put(key[0], key[1:], put)
	case del != nil:
		t.Delete(key[0], key[1:])
	}
	return nil
}
