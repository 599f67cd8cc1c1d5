package op

import (
	"bytes"
	"encoding/binary"

	"streamdb/executor"
	"streamdb/stream"
)

// keep takes a row of a bounded run, and drops what is beyond the window then.
func (t *topN) keep(g *topGroup, key, val []byte, sortLen int) {
	if !t.spec.Dense {
		t.set.Insert(&g.root, key, val, 1)
		g.size++
		t.trim(g, nil)
		return
	}
	t.set.Insert(&g.rows, key, val, 1)
	if t.set.Find(g.root, key[:sortLen]) != 0 {
		return
	}
	t.set.Insert(&g.root, key[:sortLen], nil, 1)
	if g.size++; int(g.size) <= t.end {
		return
	}
	last := bytes.Clone(t.set.Key(t.set.Max(g.root)))
	t.set.Remove(&g.root, last)
	g.size--
	for {
		row := t.set.Max(g.rows)
		if row == 0 || !bytes.HasPrefix(t.set.Key(row), last) {
			return
		}
		t.set.Remove(&g.rows, bytes.Clone(t.set.Key(row)))
	}
}

// emitAll ends a bounded run: the windows in order.
func (t *topN) emitAll(out executor.Emitter) error {
	for id := range t.state {
		if !t.groups.Live(int32(id)) {
			continue
		}
		for _, val := range t.kept(&t.state[id]) {
			if err := t.add(val, stream.Insert); err != nil {
				return err
			}
			if stream.Full(len(t.ops), t.out) {
				if err := t.flush(out); err != nil {
					return err
				}
			}
		}
	}
	return t.flush(out)
}

// kept is the rows of a group's window, in order.
func (t *topN) kept(g *topGroup) (vals [][]byte) {
	if !t.spec.Dense {
		rows, _ := t.cached(g)
		for _, r := range rows {
			vals = append(vals, r.val)
		}
		return vals
	}
	rank, last := 0, []byte(nil)
	t.set.Walk(g.rows, func(node int32) bool {
		key, val := t.set.Key(node), t.set.Val(node)
		n, k := binary.Uvarint(val)
		if rank == 0 || !bytes.Equal(key[:n], last) {
			rank, last = rank+1, key[:n]
		}
		if rank > int(t.spec.Offset) {
			vals = append(vals, val[k:])
		}
		return true
	})
	return vals
}
